//! `bdlm tune`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bdlm::gpu::{Gpu, GpuOptions, Tuning};
use bdlm::measure::{Candidate, Tuned, Tuner};
use clap::Args;
use serde::Serialize;

use crate::cli::device::DeviceArgs;
use crate::cli::files::shown;
use crate::cli::model::RandomShape;
use crate::cli::print::{TextOrJson, driver, print_json, progress_bar};
use crate::cli::process::{Interrupted, go_on};

/// Measure which kernels are fastest on this machine, and use them from now on.
///
/// The choice is kept for the adapter and its driver, in `tuning.json` in the folder BDLM_CACHE
/// (default: `bdlm` in the user's cache folder). `--kernels` and BDLM_KERNELS still override it; for
/// `bdlm tune` they limit what is tried.
#[derive(Args)]
#[command(after_help = "Examples:
  bdlm tune
  bdlm tune --matrix-units --format json
  bdlm tune --forget")]
pub struct Tune {
    /// Shape of the network to measure with; its weights are random
    #[arg(long, value_enum, default_value = "small")]
    shape: RandomShape,
    /// Passes to time of each kind; the fastest counts
    #[arg(long, value_name = "N", default_value_t = 20)]
    passes: usize,
    /// Try matrix units too: they round activations to f16
    #[arg(long)]
    matrix_units: bool,
    /// Forget the kept choice, and measure nothing
    #[arg(long)]
    forget: bool,
    /// How to print the report
    #[arg(long, value_enum, default_value = "text")]
    format: TextOrJson,
    #[command(flatten)]
    device: DeviceArgs,
}

/// What was measured and chosen, and the file that keeps it.
#[derive(Serialize)]
struct Report {
    adapter: String,
    driver: String,
    candidates: Vec<Candidate>,
    chosen: Tuning,
    kept_in: PathBuf,
}

impl Tune {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        if self.passes == 0 {
            bail!("--passes is 0, expected at least 1");
        }
        let options = self.device.options();
        let folder = options.cache.clone();
        let folder = folder.context("there is no folder to keep the choice in; set BDLM_CACHE")?;
        if self.forget {
            return self.forget(&options, &folder);
        }
        // Minutes are lost where nothing can be kept after all.
        let writable = fs::create_dir_all(&folder).and_then(|()| tempfile::tempfile_in(&folder));
        writable.with_context(|| format!("{} cannot be written", shown(&folder)))?;
        let Tuned { adapter, candidates, chosen } = self.measure(options)?;
        let (kept_in, driver) = (chosen.keep(&folder, &adapter)?, driver(&adapter));
        let report = Report { adapter: adapter.name, driver, candidates, chosen, kept_in };
        match self.format {
            TextOrJson::Text => report.print(&mut io::stdout().lock()),
            TextOrJson::Json => print_json(&report),
        }
    }

    fn forget(&self, options: &GpuOptions, folder: &Path) -> Result<()> {
        // Any kernels do to learn the adapter.
        let gpu = Gpu::request(&GpuOptions { cache: None, kernels: None, ..options.clone() })?;
        let path = Tuning::forget(folder, gpu.info())?;
        let adapter = &gpu.info().name;
        match self.format {
            TextOrJson::Text => {
                let path = shown(&path);
                Ok(writeln!(io::stdout(), "nothing is kept for {adapter} in {path} any more")?)
            }
            TextOrJson::Json => {
                print_json(&serde_json::json!({ "adapter": adapter, "forgotten_in": path }))
            }
        }
    }

    fn measure(&self, options: GpuOptions) -> Result<Tuned> {
        let tuner = Tuner {
            options,
            spec: self.shape.spec()?,
            weights: self.device.weights.of_nothing().layers,
            passes: self.passes,
            matrix_units: self.matrix_units,
        };
        let bar = progress_bar("{spinner} {msg}");
        let mut progress = |tuning: Tuning| {
            bar.set_message(format!("timing {tuning}"));
            bar.tick();
            go_on()
        };
        let tuned = pollster::block_on(tuner.choose(&mut progress))?;
        bar.finish_and_clear();
        Ok(tuned.ok_or(Interrupted)?)
    }
}

fn print_candidate(out: &mut impl Write, candidate: &Candidate) -> Result<()> {
    let Tuning { kernels, few_rows, height, lanes, tile, shares, fused_norms } = candidate.tuning;
    write!(out, "{:<12}", kernels.to_string())?;
    let norms = if fused_norms { "fused" } else { "apart" };
    let tile = tile.map_or("by shape".into(), |tile| tile.to_string());
    let shares = shares.map_or("by keys".into(), |shares| shares.to_string());
    match kernels.is_for_gpus() {
        true => write!(out, "{few_rows:>4}{height:>4}{lanes:>6}{tile:>9}{shares:>8}{norms:>6}")?,
        false => write!(out, "{:>4}{:>4}{:>6}{:>9}{:>8}{:>6}", "-", "-", "-", "-", "-", "-")?,
    }
    for i in 0..Tuner::BLOCK_SIZES.len() {
        let times = candidate.pass_ms.get(i).map_or("-".into(), |[pass, fused]| {
            let digits = [10.0, 100.0].iter().filter(|&&most| *fused < most).count();
            format!("{pass:.digits$} / {fused:.digits$}")
        });
        write!(out, " {times:>13}")?;
    }
    let likelihood = candidate.likelihood_secs.map_or("-".into(), |secs| format!("{secs:.2} s"));
    Ok(writeln!(out, "{likelihood:>11}")?)
}

impl Report {
    fn print(&self, out: &mut impl Write) -> Result<()> {
        let Report { adapter, driver, candidates, chosen, kept_in } = self;
        writeln!(out, "{adapter}, {driver}\n")?;
        let [rows, by, lanes, tiles] = ["rows", "by", "lanes", "tiles"];
        write!(out, "{:<12}{rows:>4}{by:>4}{lanes:>6}{tiles:>9}", "kernels")?;
        write!(out, "{:>8}{:>6}", "shares", "norms")?;
        for size in Tuner::BLOCK_SIZES {
            write!(out, " {:>13}", format!("block {size}, ms"))?;
        }
        writeln!(out, "{:>11}", "likelihood")?;
        candidates.iter().try_for_each(|candidate| print_candidate(out, candidate))?;
        for Candidate { tuning, error, .. } in candidates {
            if let Some(error) = error {
                writeln!(out, "\n{tuning}: {error}")?;
            }
        }
        writeln!(out, "\nms: a denoising pass after half a window / one that stores a block too")?;
        writeln!(out, "likelihood: one noise draw over a whole window")?;
        writeln!(out, "-: not measured, being far slower at the smallest pass, or without effect")?;
        if candidates.iter().any(|candidate| candidate.tuning.kernels.is_for_gpus()) {
            writeln!(out, "rows: most rows of a product that are computed without tiles")?;
            writeln!(out, "by: most of them that a workgroup computes")?;
            writeln!(out, "lanes: most that a workgroup of such a product has")?;
            writeln!(out, "tiles: rows and columns that a workgroup of another product computes")?;
            writeln!(out, "shares: parts of a block's keys that attention computes side by side")?;
            writeln!(out, "norms: fused into the products of few rows that read them, or apart")?;
        }
        writeln!(out, "\nchosen: {chosen}; kept in {}", shown(kept_in))?;
        Ok(())
    }
}
