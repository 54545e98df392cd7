//! Samples to score: read from a file, or generated here; and the model that scores them.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, Result, bail};
use bdlm::eval::{GenerativeScorer, ScoredSample};
use bdlm::event::{Done, Event};
use bdlm::gpu::Gpu;
use bdlm::sample::{Engine, Request};
use serde::Deserialize;

use crate::cli::files::{read, shown};
use crate::cli::model::{ModelArgs, Weights, progress_bar};
use crate::cli::{Interrupted, check_interrupt, take_interrupt};

/// A sample, as a line of `bdlm generate --format jsonl` has it. Other programs' lines need `text`
/// or `ids` only.
#[derive(Clone, Debug, Deserialize)]
pub struct Sample {
    sample: Option<usize>,
    ids: Option<Vec<u32>>,
    text: Option<String>,
    n_tokens: Option<usize>,
    nfe: Option<usize>,
    passes: Option<usize>,
}

impl From<Done> for Sample {
    fn from(done: Done) -> Sample {
        Sample {
            sample: Some(done.sample),
            n_tokens: Some(done.n_tokens),
            nfe: Some(done.nfe),
            passes: Some(done.passes),
            ids: Some(done.ids),
            text: done.text,
        }
    }
}

/// The samples of a file, one JSON object a line.
pub fn read_samples(path: &Path) -> Result<Vec<Sample>> {
    let text = String::from_utf8(read(path)?);
    let text = text.with_context(|| format!("{} is not UTF-8", shown(path)))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let sample = |(i, line): (usize, &str)| -> Result<Sample> {
        let wrong = || format!("{}: line {} is no sample", shown(path), i + 1);
        serde_json::from_str(line).with_context(wrong)
    };
    let samples: Vec<Sample> = lines.map(sample).collect::<Result<_>>()?;
    if samples.is_empty() {
        bail!("{} holds no samples, expected lines of JSON", shown(path));
    }
    Ok(samples)
}

/// Samples that were generated, and whether Ctrl-C came before the last.
pub struct Generated {
    /// In order.
    pub samples: Vec<Sample>,
    /// Some are missing.
    pub is_cut: bool,
}

/// Generates the samples of a request; those that are finished survive Ctrl-C.
pub fn generate(engine: &Engine, request: Request) -> Result<Generated> {
    let bar = progress_bar("generating {pos}/{len} tokens [{bar:30}] {eta}");
    bar.set_length((request.samples * request.length) as u64);
    let mut run = engine.run(request)?;
    let (mut samples, mut is_cut) = (Vec::new(), false);
    while let Some(event) = run.next()? {
        is_cut = take_interrupt();
        if is_cut {
            break;
        }
        match event {
            Event::Block(block) => bar.inc(block.ids.len() as u64),
            Event::Done(done) => samples.push(done.into()),
            _ => {}
        }
    }
    bar.finish_and_clear();
    samples.sort_by_key(|sample: &Sample| sample.sample);
    Ok(Generated { samples, is_cut })
}

/// Which tokens of a sample are scored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tokens {
    /// Those that the scorer's tokenizer makes of its text.
    OfText,
    /// Its own.
    AsTheyAre,
}

/// A loaded scorer.
pub struct Judge {
    /// Its name.
    pub name: String,
    engine: Engine,
    scorer: GenerativeScorer,
    tokens: Tokens,
}

impl Judge {
    /// Loads a scorer: `gpt2`, `gpt2-medium`, `gpt2-large` or `gpt2-xl` from the hub, or any model.
    pub fn load(name: &str, tokens: Tokens, gpu: &Gpu, weights: Weights) -> Result<Judge> {
        let is_gpt2 = ["gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"].contains(&name);
        let is_hub_name = is_gpt2 && !Path::new(name).is_dir();
        let model = if is_hub_name { format!("openai-community/{name}") } else { name.to_string() };
        let model = ModelArgs { model, tokenizer: None };
        let engine = match tokens {
            Tokens::OfText => model.load(gpu, weights),
            Tokens::AsTheyAre => model.load_network(gpu, weights),
        };
        let engine = engine.with_context(|| format!("the scorer {name} cannot be loaded"))?;
        let scorer = GenerativeScorer::new(engine.dit().clone(), engine.eos())?;
        Ok(Judge { name: name.into(), engine, scorer, tokens })
    }

    /// Scores samples.
    pub fn score(&mut self, samples: &[Sample]) -> Result<Vec<ScoredSample>> {
        let ids = samples.iter().enumerate().map(|(i, sample)| self.ids(i, sample));
        let ids: Vec<Vec<u32>> = ids.collect::<Result<_>>()?;
        let bar = progress_bar("scoring {pos}/{len} windows [{bar:30}] {eta}");
        let mut progress = |done: usize, all: usize| {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
            if check_interrupt().is_err() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let scores = pollster::block_on(self.scorer.score(&ids, &mut progress))?;
        let scores = scores.ok_or(Interrupted)?;
        bar.finish_and_clear();
        let scored = |(i, (sample, score)): (usize, (&Sample, &bdlm::eval::SampleScore))| {
            let (nll, tokens) = (score.sum(), score.tokens());
            ScoredSample {
                sample: sample.sample.unwrap_or(i),
                gen_ppl: (tokens > 0).then(|| (nll / tokens as f64).exp()),
                nll,
                tokens,
                entropy: score.entropy,
                length: sample.n_tokens.unwrap_or(score.nll.len()),
                nfe: sample.nfe,
                passes: sample.passes,
            }
        };
        Ok(samples.iter().zip(&scores).enumerate().map(scored).collect())
    }

    /// A sample as the scorer's tokens: behind an end of text, which begins every text, and not
    /// more of them than the sample had.
    fn ids(&self, i: usize, sample: &Sample) -> Result<Vec<u32>> {
        if self.tokens == Tokens::AsTheyAre {
            let ids = sample.ids.clone();
            return ids.with_context(|| format!("sample {i} has no ids to be scored as they are"));
        }
        let text = sample.text.as_deref().with_context(|| {
            format!("sample {i} has no text: give --no-retokenize to score its ids as they are")
        })?;
        let tokenizer = self.engine.tokenizer();
        let tokenizer = tokenizer.with_context(|| {
            format!("the scorer {} has no tokenizer: give --no-retokenize", self.name)
        })?;
        let begin = self.engine.eos().or(self.engine.dit().config().bos_token_id);
        let mut ids: Vec<u32> = begin.into_iter().collect();
        ids.extend(tokenizer.ids_from_text(text)?);
        ids.truncate(sample.n_tokens.unwrap_or(usize::MAX).max(2));
        Ok(ids)
    }
}
