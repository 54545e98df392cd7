//! Samples to score: read from a file, or generated here; and the model that scores them.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use bdlm::eval::data::DataFile;
use bdlm::eval::{GenerativeScorer, ScoredSample};
use bdlm::event::{Done, Event};
use bdlm::gpu::Gpu;
use bdlm::hub::ModelDigests;
use bdlm::sample::{Engine, Request};
use serde::{Deserialize, Serialize};
use serde_json::{Deserializer, Map, Value};

use crate::cli::device::WeightArgs;
use crate::cli::files::shown;
use crate::cli::model::ModelArgs;
use crate::cli::print::progress_bar;
use crate::cli::process::{go_on, take_interrupt};

/// A sample, as a line of `bdlm generate --format jsonl` has it. Other programs' lines need `text`
/// or `ids` only.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sample {
    #[serde(skip_serializing_if = "Option::is_none")]
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

impl Sample {
    /// Its index in the run that generated it.
    pub fn index(&self) -> Option<usize> {
        self.sample
    }
}

/// The samples of a file: JSON objects, one a line or otherwise, or arrays of them; of a run's events
/// the finished samples. And the digest of the file.
pub fn read_samples(path: &Path) -> Result<(Vec<Sample>, String)> {
    let mut file = DataFile::open(path)?;
    let sha256 = file.sha256()?;
    let text = file.text()?;
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let values = match serde_json::from_str::<Map<String, Value>>(first) {
        Ok(_) => values_of_lines(path, &text)?,
        Err(_) => values_of_text(path, &text)?,
    };
    let is_sample = |value: &Value| value.get("event").is_none_or(|event| event == "done");
    let values = values.into_iter().filter(|(_, value)| is_sample(value));
    let sample = |(place, value): (String, Value)| -> Result<Sample> {
        let wrong = || format!("{}: {place} is not a sample", shown(path));
        serde_json::from_value(value).with_context(wrong)
    };
    let samples: Vec<Sample> = values.map(sample).collect::<Result<_>>()?;
    if samples.is_empty() {
        bail!("{} holds no samples, expected JSON objects with a `text` or `ids`", shown(path));
    }
    Ok((samples, sha256))
}

/// The object of each line, with its place in words.
fn values_of_lines(path: &Path, text: &str) -> Result<Vec<(String, Value)>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let value = |(i, line): (usize, &str)| {
        let place = format!("line {}", i + 1);
        let value = serde_json::from_str(line).map_err(|e| {
            let words = e.to_string();
            // The line is the first to the parser.
            let cause = words.split(" at line ").next().unwrap_or_default();
            anyhow!("{}: {place} is not a sample: {cause}, at column {}", shown(path), e.column())
        });
        Ok((place, value?))
    };
    lines.map(value).collect()
}

/// Objects over several lines, and arrays of them.
fn values_of_text(path: &Path, text: &str) -> Result<Vec<(String, Value)>> {
    let mut all = Vec::new();
    for value in Deserializer::from_str(text).into_iter::<Value>() {
        let wrong = || {
            format!("{} is not JSON, expected samples as objects or an array of them", shown(path))
        };
        match value.with_context(wrong)? {
            Value::Array(values) => all.extend(values),
            value => all.push(value),
        }
    }
    let place = |(i, value)| (format!("value {}", i + 1), value);
    Ok(all.into_iter().enumerate().map(place).collect())
}

/// Generates the samples of a request and hands each over as it is finished, in any order; false
/// if Ctrl-C came before the last.
pub fn generate(
    engine: &Engine,
    request: Request,
    mut keep: impl FnMut(Sample) -> Result<()>,
) -> Result<bool> {
    let bar = progress_bar("generating {pos}/{len} tokens [{bar:30}] {eta}");
    bar.set_length((request.samples * request.length) as u64);
    let mut run = engine.run(request)?;
    while let Some(event) = run.next()? {
        match event {
            Event::Block(block) => bar.inc(block.ids.len() as u64),
            Event::Done(done) => keep(done.into())?,
            _ => {}
        }
        if take_interrupt() {
            bar.finish_and_clear();
            return Ok(false);
        }
    }
    bar.finish_and_clear();
    Ok(true)
}

/// Which tokens of a sample are scored.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tokens {
    /// Those that the scorer's tokenizer makes of its text.
    OfText,
    /// Its own.
    AsTheyAre,
}

/// Samples that are scored at a time, counted from the first: what Ctrl-C can lose.
const SCORED_AT_ONCE: usize = 16;

/// A loaded scorer.
pub struct Judge {
    /// Its name.
    pub name: String,
    /// Its files.
    pub digests: ModelDigests,
    engine: Engine,
    scorer: GenerativeScorer,
    tokens: Tokens,
    /// Whether an end of text comes before each text.
    pub opens: bool,
}

impl Judge {
    /// Loads a scorer: `gpt2`, `gpt2-medium`, `gpt2-large` or `gpt2-xl` from the hub, or any model.
    pub fn load(name: &str, tokens: Tokens, gpu: &Gpu, weights: WeightArgs) -> Result<Judge> {
        let is_gpt2 = ["gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"].contains(&name);
        let is_hub_name = is_gpt2 && !Path::new(name).is_dir();
        let model = if is_hub_name { format!("openai-community/{name}") } else { name.to_string() };
        let model = ModelArgs::named(model);
        let loaded = model.load_known(gpu, weights, None, tokens == Tokens::OfText);
        let (engine, digests) =
            loaded.with_context(|| format!("the scorer {name} cannot be loaded"))?;
        let scorer = GenerativeScorer::new(engine.network().clone(), engine.eos())?;
        Ok(Judge { name: name.into(), digests, engine, scorer, tokens, opens: true })
    }

    /// Scores samples from number `from` on, and hands the scores over as they come, in order; false
    /// if Ctrl-C came before the last.
    pub fn score(
        &mut self,
        samples: &[Sample],
        from: usize,
        mut keep: impl FnMut(ScoredSample) -> Result<()>,
    ) -> Result<bool> {
        let bar = progress_bar("scoring {pos}/{len} samples [{bar:30}] {eta}");
        bar.set_length(samples.len() as u64);
        // Together with the same others as if none had been scored: sums of floats depend on it.
        let start = from / SCORED_AT_ONCE * SCORED_AT_ONCE;
        bar.set_position(start as u64);
        let numbered: Vec<(usize, &Sample)> = samples.iter().enumerate().skip(start).collect();
        for some in numbered.chunks(SCORED_AT_ONCE) {
            let ids = some.iter().map(|(i, sample)| self.ids(*i, sample));
            let ids: Vec<Vec<u32>> = ids.collect::<Result<_>>()?;
            let mut progress = |_: usize, _: usize| go_on();
            let Some(scores) = pollster::block_on(self.scorer.score(&ids, &mut progress))? else {
                bar.finish_and_clear();
                return Ok(false);
            };
            for ((i, sample), score) in some.iter().zip(&scores).filter(|((i, _), _)| *i >= from) {
                let (nll, tokens) = (score.sum(), score.tokens());
                keep(ScoredSample {
                    sample: sample.sample.unwrap_or(*i),
                    gen_ppl: (tokens > 0).then(|| (nll / tokens as f64).exp()),
                    nll,
                    tokens,
                    entropy: score.entropy,
                    length: sample.n_tokens.unwrap_or(score.nll.len()),
                    nfe: sample.nfe,
                    passes: sample.passes,
                })?;
            }
            bar.inc(some.len() as u64);
        }
        bar.finish_and_clear();
        Ok(true)
    }

    /// A sample as the scorer's tokens: behind an end of text, which begins most texts, and not more of
    /// them than the sample had.
    fn ids(&self, i: usize, sample: &Sample) -> Result<Vec<u32>> {
        if self.tokens == Tokens::AsTheyAre {
            let ids = sample.ids.clone();
            return ids
                .with_context(|| format!("sample {i} has no ids, which --no-retokenize scores"));
        }
        let text = sample.text.as_deref().with_context(|| {
            format!("sample {i} has no text; try --no-retokenize, which scores its ids")
        })?;
        let tokenizer = self.engine.tokenizer();
        let tokenizer = tokenizer.with_context(|| {
            format!("the scorer {} has no tokenizer; try --no-retokenize", self.name)
        })?;
        let begin = self.engine.eos().or(self.engine.network().spec().bos_token_id);
        let mut ids: Vec<u32> = begin.into_iter().filter(|_| self.opens).collect();
        ids.extend(tokenizer.ids_from_text(text)?);
        let most = sample.n_tokens.unwrap_or(usize::MAX) - usize::from(!self.opens);
        ids.truncate(most.max(2));
        Ok(ids)
    }
}
