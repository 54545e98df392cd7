//! `bdlm bench`.

mod text;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use bdlm::clock::Stopwatch;
use bdlm::gpu::Gpu;
use bdlm::measure::{
    self, BenchReport, Kernels, LikelihoodTime, PassCounts, Passes, PromptTime, TextTime, TrainTime,
};
use bdlm::model::Spec;
use bdlm::sample::Engine;
use clap::{Args, ValueEnum};

use crate::cli::device::DeviceArgs;
use crate::cli::files::{read_text, shown};
use crate::cli::model::{ModelArgs, RandomShape};
use crate::cli::print::{TextOrJson, driver, print_json, progress_bar};
use crate::cli::process::{Interrupted, check_interrupt, go_on, peak_host_bytes, start};

/// Time the model on this machine.
#[derive(Args)]
#[command(after_help = "Examples:
  bdlm bench
  bdlm bench --random small --block-size 4,16 --context 0,512,1008
  bdlm bench --random small --measure all --format json > today.json
  bdlm bench --random small --measure all --compare yesterday.json")]
pub struct Bench {
    #[command(flatten)]
    model: ModelArgs,
    /// Time a network of this shape with random weights, instead of a model
    #[arg(long, value_enum, conflicts_with = "model")]
    random: Option<RandomShape>,
    /// What to time
    #[arg(long, value_enum, value_delimiter = ',', default_value = "passes", value_name = "PART")]
    measure: Vec<Part>,
    /// Tokens in a block, one size or several [default: the checkpoint's]
    #[arg(long, value_delimiter = ',', value_name = "K")]
    block_size: Vec<usize>,
    /// Cached positions that the block attends to, one number or several [default: half the window]
    #[arg(long, value_delimiter = ',', value_name = "N")]
    context: Vec<usize>,
    /// Passes to time; more of them give steadier times
    #[arg(long, value_name = "N", default_value_t = 60)]
    passes: usize,
    /// Noise draws of the timed likelihood
    #[arg(long, value_name = "N", default_value_t = 8)]
    draws: usize,
    /// Sequences of the timed training
    #[arg(long, value_name = "N", default_value_t = 1)]
    sequences: usize,
    /// How to print the report
    #[arg(long, value_enum, default_value = "text")]
    format: TextOrJson,
    /// Compare with the report of an earlier run (made with --format json)
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Print the time of each kernel in a pass too
    #[arg(long)]
    profile: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Denoising passes
    Passes,
    /// A text, from the prompt to the last block
    Text,
    /// A prompt of 512 tokens, to the first step behind it
    Prompt,
    /// The likelihood of a text
    Likelihood,
    /// The gradients of a few sequences of at most 256 tokens, of random weights
    Train,
    /// Each kernel alone, beside the fastest copy and product
    Kernels,
    /// What each kernel of a GPU loads, stores and multiplies in a pass, counted, not timed
    Counts,
    /// All of them but the counts
    All,
}

impl Bench {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        for (flag, count) in
            [("--passes", self.passes), ("--draws", self.draws), ("--sequences", self.sequences)]
        {
            if count == 0 {
                bail!("{flag} is 0, expected at least 1");
            }
        }
        let earlier = self.compare.as_deref().map(earlier).transpose()?;
        let gpu = self.device.request()?;
        let begun = Instant::now();
        let engine = self.engine(&gpu)?;
        let spec = engine.network().spec();
        if spec.block_size().is_none() {
            bail!("this checkpoint is {}, expected block diffusion", spec.family());
        }
        self.block_sizes(spec).into_iter().try_for_each(|size| spec.check_block_size(size))?;
        let (name, driver) = (self.model_name(), driver(gpu.info()));
        let mut report = BenchReport::new(engine.network(), name, driver, begun.elapsed());
        // The text first: its first block shows how long a user waits, compilers included.
        for size in self.block_sizes_of(Part::Text, spec) {
            // Only the first text shows that: before the others the program was busy.
            let start = start().filter(|_| report.texts.is_empty());
            report.texts.push(time_text(&engine, size, start)?);
        }
        if self.measures(Part::Passes) {
            self.time_passes(&engine, &mut report)?;
        }
        for size in self.block_sizes_of(Part::Prompt, spec) {
            report.prompts.push(time_prompt(&engine, size)?);
        }
        for size in self.block_sizes_of(Part::Likelihood, spec) {
            report.likelihoods.push(time_likelihood(&engine, size, self.draws)?);
        }
        for size in self.block_sizes_of(Part::Train, spec) {
            report.trainings.push(time_training(&gpu, spec, size, self.sequences)?);
        }
        if self.measure.contains(&Part::Counts) {
            report.counts = self.counts(&engine)?;
        }
        report.peak_host_bytes = peak_host_bytes();
        if self.measures(Part::Kernels) {
            report.kernels = Some(time_kernels(&engine)?);
        }
        report.compared = earlier.map(|earlier| report.compared_with(&earlier));
        match self.format {
            TextOrJson::Text => text::print(&mut io::stdout().lock(), &report),
            TextOrJson::Json => print_json(&report),
        }
    }

    fn measures(&self, part: Part) -> bool {
        self.measure.contains(&part) || self.measure.contains(&Part::All)
    }

    /// The sizes to measure a part with: none if it is not wanted.
    fn block_sizes_of(&self, part: Part, spec: &Spec) -> Vec<usize> {
        if self.measures(part) { self.block_sizes(spec) } else { Vec::new() }
    }

    fn block_sizes(&self, spec: &Spec) -> Vec<usize> {
        match self.block_size.is_empty() {
            true => spec.block_size().into_iter().collect(),
            false => self.block_size.clone(),
        }
    }

    fn time_passes(&self, engine: &Engine, report: &mut BenchReport) -> Result<()> {
        let spec = engine.network().spec();
        for block_size in self.block_sizes(spec) {
            for context in self.contexts(spec, block_size) {
                let bench = measure::Bench { block_size, context, passes: self.passes };
                report.passes.push(time_passes(engine, &bench, self.profile)?);
            }
        }
        Ok(())
    }

    /// Of a pass of each block size after each context, and of a noise draw.
    fn counts(&self, engine: &Engine) -> Result<Vec<PassCounts>> {
        let network = engine.network();
        let kernels = network.gpu().kernels();
        if !kernels.is_for_gpus() {
            bail!("the {kernels} kernels are not counted; add --kernels workgroup");
        }
        let mut counts = Vec::new();
        for size in self.block_sizes(network.spec()) {
            for context in self.contexts(network.spec(), size) {
                counts.push(PassCounts::of_pass(network, size, context)?);
            }
            counts.push(PassCounts::of_draw(network, size)?);
        }
        Ok(counts)
    }

    /// The contexts of passes of a block size.
    fn contexts(&self, spec: &Spec, block_size: usize) -> Vec<usize> {
        let room = spec.window.saturating_sub(block_size);
        match self.context.is_empty() {
            true => vec![room.min(spec.window / 2)],
            false => self.context.clone(),
        }
    }

    fn engine(&self, gpu: &Gpu) -> Result<Engine> {
        let Some(shape) = self.random else {
            let (weights, block_size) = (self.device.weights, self.block_size.first().copied());
            return match self.measures(Part::Text) {
                true => self.model.load(gpu, weights, block_size),
                false => self.model.load_network(gpu, weights, block_size),
            };
        };
        Ok(Engine::new(shape.load(gpu, self.device.weights)?, None))
    }

    fn model_name(&self) -> String {
        match self.random.and_then(|shape| shape.to_possible_value()) {
            Some(shape) => format!("random {}", shape.get_name()),
            None => self.model.model.clone(),
        }
    }
}

/// Reads the report of an earlier run.
fn earlier(path: &Path) -> Result<BenchReport> {
    let text = read_text(path)?;
    serde_json::from_str(&text).with_context(|| {
        let path = shown(path);
        format!("{path} is not a report of this version; make it with `bdlm bench --format json`")
    })
}

fn time_text(engine: &Engine, block_size: usize, start: Option<Stopwatch>) -> Result<TextTime> {
    let bar = progress_bar("{pos}/{len} tokens [{bar:30}]");
    let mut progress = |done: usize, all: usize| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
        go_on()
    };
    let time = TextTime::measure(engine, block_size, start, &mut progress);
    let time = pollster::block_on(time)?;
    bar.finish_and_clear();
    Ok(time.ok_or(Interrupted)?)
}

fn time_passes(engine: &Engine, bench: &measure::Bench, profile: bool) -> Result<Passes> {
    let bar = progress_bar("{spinner} {msg}");
    let measure::Bench { block_size, context, passes } = *bench;
    bar.set_message(format!("timing {passes} passes, block {block_size}, context {context}"));
    bar.tick();
    let mut times = pollster::block_on(bench.run(engine.network()))?;
    check_interrupt()?;
    if profile {
        times.kernels_ms = Some(pollster::block_on(bench.profile(engine.network()))?);
    }
    bar.finish_and_clear();
    Ok(times)
}

fn time_likelihood(engine: &Engine, block_size: usize, draws: usize) -> Result<LikelihoodTime> {
    let bar = progress_bar("{msg} [{bar:30}] {pos}/{len}");
    bar.set_message("likelihood, noise draws");
    let mut progress = |done: usize, all: usize| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
        go_on()
    };
    let time = LikelihoodTime::measure(engine.network(), block_size, draws, &mut progress);
    let time = pollster::block_on(time)?;
    bar.finish_and_clear();
    Ok(time.ok_or(Interrupted)?)
}

fn time_prompt(engine: &Engine, block_size: usize) -> Result<PromptTime> {
    let bar = progress_bar("{spinner} {msg}");
    bar.set_message(format!("timing a prompt, block {block_size}"));
    bar.tick();
    let time = pollster::block_on(PromptTime::measure(engine, block_size))?;
    check_interrupt()?;
    bar.finish_and_clear();
    Ok(time)
}

fn time_training(gpu: &Gpu, spec: &Spec, block_size: usize, sequences: usize) -> Result<TrainTime> {
    let bar = progress_bar("{spinner} {msg}");
    bar.set_message(format!("timing training, block {block_size}"));
    bar.tick();
    let time = pollster::block_on(TrainTime::measure(gpu, spec, block_size, sequences))?;
    check_interrupt()?;
    bar.finish_and_clear();
    Ok(time)
}

fn time_kernels(engine: &Engine) -> Result<Kernels> {
    let bar = progress_bar("{msg} [{bar:30}] {pos}/{len}");
    let mut progress = |kernel: &str, done: usize, all: usize| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
        bar.set_message(kernel.to_string());
        go_on()
    };
    let found = pollster::block_on(Kernels::measure(engine.network(), &mut progress))?;
    bar.finish_and_clear();
    Ok(found.ok_or(Interrupted)?)
}
