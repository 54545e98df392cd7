//! `bdlm bench`.

mod compare;
mod kernels;
mod passes;
mod report;
pub mod work;

use std::io;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};
use bdlm::gpu::Gpu;
use bdlm::model::Spec;
use bdlm::sample::Engine;
use clap::{Args, ValueEnum};

use crate::cli::bench::report::Report;
use crate::cli::device::DeviceArgs;
use crate::cli::model::{ModelArgs, Shape};
use crate::cli::print::{TextOrJson, print_json};

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
    /// Generated weights instead of a model
    #[arg(long, value_enum, conflicts_with = "model")]
    random: Option<Shape>,
    /// What to time
    #[arg(long, value_enum, value_delimiter = ',', default_value = "passes", value_name = "PART")]
    measure: Vec<Part>,
    /// Tokens in a block, one size or several [default: the checkpoint's]
    #[arg(long, value_delimiter = ',', value_name = "K")]
    block_size: Vec<usize>,
    /// Cached positions that the block attends to, one number or several [default: half the window]
    #[arg(long, value_delimiter = ',', value_name = "N")]
    context: Vec<usize>,
    /// Passes to time; many even out what else the machine does
    #[arg(long, value_name = "N", default_value_t = 60)]
    passes: usize,
    /// Noise draws of the likelihood that is timed
    #[arg(long, value_name = "N", default_value_t = 8)]
    draws: usize,
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: TextOrJson,
    /// Report of an earlier run (--format json), to print how much faster this one is
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
    /// The likelihood of a text
    Likelihood,
    /// Each kernel alone, beside the fastest copy and product
    Kernels,
    /// All of it
    All,
}

impl Bench {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        if self.passes == 0 || self.draws == 0 {
            bail!(
                "--passes and --draws are {} and {}, expected at least 1",
                self.passes,
                self.draws
            );
        }
        let earlier = self.compare.as_deref().map(compare::read).transpose()?;
        let gpu = self.device.request()?;
        let begun = Instant::now();
        let engine = self.engine(&gpu)?;
        let spec = engine.network().spec();
        if spec.block_size().is_none() {
            bail!("this checkpoint is {}; block diffusion is timed", spec.family());
        }
        self.block_sizes(spec).into_iter().try_for_each(|size| spec.check_block_size(size))?;
        let mut report = Report::new(&engine, self.model_name(), begun.elapsed());
        // The text first: its first block tells how long a user waits, compilers included.
        for size in self.block_sizes_of(Part::Text, spec) {
            let mut text = work::text(&engine, size)?;
            if !report.texts.is_empty() {
                // The program was busy with the texts before.
                text.cold_first_block_ms = None;
            }
            report.texts.push(text);
        }
        if self.measures(Part::Passes) {
            self.time_passes(&engine, &mut report)?;
        }
        for size in self.block_sizes_of(Part::Likelihood, spec) {
            report.likelihoods.push(work::likelihood(&engine, size, self.draws)?);
        }
        report.peak_host_bytes = report::peak_host_bytes();
        if self.measures(Part::Kernels) {
            report.kernels = Some(kernels::measure(&engine)?);
        }
        report.compared = earlier.map(|earlier| compare::Comparison::new(&earlier, &report));
        match self.format {
            TextOrJson::Text => report.print(&mut io::stdout().lock()),
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

    fn time_passes(&self, engine: &Engine, report: &mut Report) -> Result<()> {
        let spec = engine.network().spec();
        for block_size in self.block_sizes(spec) {
            let room = spec.window.saturating_sub(block_size);
            let contexts = match self.context.is_empty() {
                true => vec![room.min(spec.window / 2)],
                false => self.context.clone(),
            };
            for context in contexts {
                let bench = bdlm::sample::Bench { block_size, context, passes: self.passes };
                report.passes.push(passes::time(engine, &bench, self.profile)?);
            }
        }
        Ok(())
    }

    fn engine(&self, gpu: &Gpu) -> Result<Engine> {
        let Some(shape) = self.random else {
            return self.model.load_for(gpu, self.device.weights, self.measures(Part::Text));
        };
        Ok(Engine::new(shape.load(gpu, self.device.weights)?, None))
    }

    fn model_name(&self) -> String {
        match self.random {
            Some(Shape::Small) => "random small".into(),
            Some(Shape::Tiny) => "random tiny".into(),
            None => self.model.model.clone(),
        }
    }
}
