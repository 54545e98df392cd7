//! Noise that is given, for comparing a simplex model with another implementation.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use bdlm::sample::{
    ContextPolicy, Engine, GivenNoise, Nucleus, Projection, Prompt, Request, Run, Sampler,
    Sampling, Simplex, Watch,
};
use clap::Args;
use serde::Deserialize;

use crate::cli::files::{Input, read, shown};

/// Noise that is given.
#[derive(Args)]
#[command(next_help_heading = "Given noise")]
pub struct NoiseArgs {
    /// Safetensors file of the random numbers of cases; `cases.json` beside it says what each asks for
    #[arg(long, value_name = "FILE", requires = "noise_case")]
    #[arg(conflicts_with_all = ["prompt", "chat", "prompt_ids"])]
    noise: Option<PathBuf>,
    /// The case: its context, noise and uniforms, by the tensors NAME/context_ids, NAME/noise_init, ...
    #[arg(long, value_name = "NAME", requires = "noise")]
    noise_case: Option<String>,
}

/// The file `cases.json`.
#[derive(Deserialize)]
struct Cases {
    cases: BTreeMap<String, Case>,
}

/// What a case asks for.
#[derive(Deserialize)]
struct Case {
    #[serde(rename = "T")]
    steps: usize,
    block: usize,
    blocks: usize,
    batch: usize,
    mode: Mode,
    top_p: f32,
    context_policy: Policy,
    #[serde(rename = "K")]
    one_hot: f32,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Greedy,
    Sampling,
    Multihot,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Policy {
    LastBlock,
    Grow,
}

/// A case that is read.
pub struct GivenCase {
    name: String,
    case: Case,
    path: PathBuf,
    bytes: Vec<u8>,
}

impl NoiseArgs {
    /// The case that the arguments name, if they do.
    pub fn open(&self) -> Result<Option<GivenCase>> {
        let (Some(path), Some(name)) = (&self.noise, &self.noise_case) else { return Ok(None) };
        let beside = path.with_file_name("cases.json");
        let wrong = || format!("{} says of no cases what they ask for", shown(&beside));
        let mut cases: Cases = serde_json::from_slice(&read(&beside)?).with_context(wrong)?;
        let known: Vec<String> = cases.cases.keys().cloned().collect();
        let Some(case) = cases.cases.remove(name) else {
            bail!("{} has no case `{name}`, it has {}", shown(&beside), known.join(", "));
        };
        ensure!(case.one_hot == 5.0, "case {name}: K is {}, expected 5", case.one_hot);
        ensure!(case.batch > 0 && case.blocks > 0, "case {name} has no blocks or no samples");
        Ok(Some(GivenCase { name: name.clone(), case, path: path.clone(), bytes: read(path)? }))
    }
}

impl GivenCase {
    /// A run for each of its samples.
    pub fn runs(&self, engine: &Engine, watch: Watch) -> Result<Vec<Run>> {
        let input = Input::new(&self.path, &self.bytes)?;
        let (v, family) = (engine.network().spec().vocab_size, engine.network().spec().family());
        ensure!(
            engine.network().spec().has_simplex(),
            "--noise is for simplex diffusion (SSD-LM), this checkpoint is {family}"
        );
        let run = |sample: usize| {
            let request = Request { watch, ..self.request(&input, sample)? };
            Ok(engine.run_given(request, self.noise(&input, sample, v)?)?)
        };
        (0..self.case.batch).map(run).collect()
    }

    fn request(&self, input: &Input<'_>, sample: usize) -> Result<Request> {
        let Case { steps, block, blocks, mode, top_p, batch, .. } = self.case;
        let context = match input.ids(&self.tensor("context_ids"))? {
            Some((ids, [rows, n])) => {
                ensure!(rows == batch, "case {} has {rows} contexts, expected {batch}", self.name);
                ids[sample * n..(sample + 1) * n].to_vec()
            }
            None => Vec::new(),
        };
        let projection = match mode {
            Mode::Greedy => Projection::Greedy,
            Mode::Sampling => Projection::Sampling,
            Mode::Multihot => Projection::MultiHot,
        };
        let policy = match self.case.context_policy {
            Policy::LastBlock => ContextPolicy::Last,
            Policy::Grow => ContextPolicy::Grow,
        };
        Ok(Request {
            length: context.len() + blocks * block,
            prompt: Prompt::Exact(context),
            block_size: Some(block),
            first_sample: sample,
            sampling: Sampling {
                sampler: Sampler::Simplex(Simplex { steps, projection, context: policy }),
                // The greedy projection looks at no nucleus.
                top_p: if mode == Mode::Greedy { 1.0 } else { top_p },
                nucleus: Nucleus::Crossing,
                ..Sampling::default()
            },
            min_entropy: 0.0,
            ..Request::default()
        })
    }

    fn noise(&self, input: &Input<'_>, sample: usize, v: usize) -> Result<GivenNoise> {
        let Case { steps, block, blocks, batch, mode, .. } = self.case;
        // Those of one sample: of `[before, batch, of]` numbers.
        let numbers = |name: &str, before: &[usize], of: &[usize]| -> Result<Vec<f32>> {
            let name = self.tensor(name);
            let all = input.numbers(&name, &[before, &[batch], of].concat())?;
            let all = all.with_context(|| format!("{} holds no {name}", shown(&self.path)))?;
            let size: usize = of.iter().product();
            Ok(all.chunks(size.max(1)).skip(sample).step_by(batch).flatten().copied().collect())
        };
        Ok(GivenNoise {
            initial: numbers("noise_init", &[blocks], &[block, v])?,
            steps: numbers("noise_steps", &[blocks, steps], &[block, v])?,
            uniforms: match mode {
                Mode::Sampling => numbers("uniforms", &[blocks, steps], &[block])?,
                _ => Vec::new(),
            },
        })
    }

    fn tensor(&self, name: &str) -> String {
        format!("{}/{name}", self.name)
    }
}
