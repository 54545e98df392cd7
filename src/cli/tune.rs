//! `bdlm tune`.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bdlm::gpu::{Gpu, GpuOptions, KernelFamily, Tuning};
use bdlm::sample::{Bench, Engine};
use clap::Args;
use serde::Serialize;

use crate::cli::bench::work::likelihood;
use crate::cli::device::DeviceArgs;
use crate::cli::files::shown;
use crate::cli::model::Shape;
use crate::cli::print::{TextOrJson, driver, print_json, progress_bar};
use crate::cli::process::{Interrupted, check_interrupt};

/// Measure which kernels are fastest on this machine, and use them from now on.
///
/// What is chosen is kept for the adapter and its driver, in `tuning.json` in the folder BDLM_CACHE
/// (default: `bdlm` in the user's cache folder). `--kernels` and BDLM_KERNELS still overrule it, and
/// here they restrict what is tried.
#[derive(Args)]
#[command(after_help = "Examples:
  bdlm tune
  bdlm tune --matrix-units --format json
  bdlm tune --forget")]
pub struct Tune {
    /// Shape of the network to measure with, of generated weights
    #[arg(long, value_enum, default_value = "small")]
    shape: Shape,
    /// Passes to time of each kind; the fastest counts
    #[arg(long, value_name = "N", default_value_t = 20)]
    passes: usize,
    /// Try matrix units too: they round activations to f16
    #[arg(long)]
    matrix_units: bool,
    /// Forget what was chosen, and measure nothing
    #[arg(long)]
    forget: bool,
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: TextOrJson,
    #[command(flatten)]
    device: DeviceArgs,
}

/// Passes that are timed by block size: of 4, 8, 16, 32 and 64 rows.
const BLOCK_SIZES: [usize; 3] = [4, 16, 32];
/// Kernels so many times slower than others at the smallest pass are not measured further.
const HOPELESS: f64 = 3.0;
/// A choice must be so much faster, or it is noise.
const GAIN: f64 = 1.03;

/// What was measured, and chosen.
#[derive(Serialize)]
struct Report {
    adapter: String,
    driver: String,
    candidates: Vec<Candidate>,
    chosen: Tuning,
    kept_in: PathBuf,
}

/// One choice and its times, the fastest of each kind.
#[derive(Clone, Serialize)]
struct Candidate {
    #[serde(flatten)]
    tuning: Tuning,
    /// Of each block size, a denoising pass, then one that stores the block before as well.
    pass_ms: Vec<[f64; 2]>,
    /// One noise draw over the whole window.
    likelihood_secs: Option<f64>,
    /// Why it was not measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Tune {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        if self.passes == 0 {
            bail!("--passes is 0, expected at least 1");
        }
        let options = self.device.options();
        let folder = options.cache.clone();
        let folder = folder
            .context("there is no folder to keep a choice in: set BDLM_CACHE to the path of one")?;
        if self.forget {
            return self.forget(&options, &folder);
        }
        // Minutes are lost where nothing can be kept after all.
        let writable = fs::create_dir_all(&folder).and_then(|()| tempfile::tempfile_in(&folder));
        writable.with_context(|| format!("{} cannot be written", shown(&folder)))?;
        let report = self.measure(&options, &folder)?;
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

    fn measure(&self, options: &GpuOptions, folder: &Path) -> Result<Report> {
        // The first device tells the adapter, and fails where there is none.
        let gpu = Gpu::request(options)?;
        let (info, believed) = (gpu.info().clone(), gpu.kernels());
        drop(gpu);
        let mut search = Search { tune: self, options, tried: Vec::new(), best: None };
        for kernels in self.families(believed) {
            search.consider(Tuning::of(kernels), true)?;
        }
        let found = search.found()?;
        if found.kernels.is_for_gpus() {
            for shares in [1, 2, 4] {
                search.consider(Tuning { shares, ..found }, false)?;
            }
            let found = search.found()?;
            for few_rows in [4, 8, 16, 64] {
                search.consider(Tuning { few_rows, ..found }, false)?;
            }
            let found = search.found()?;
            search.consider(Tuning { fused_norms: false, ..found }, false)?;
        }
        let chosen = search.found()?;
        let (kept_in, driver) = (chosen.keep(folder, &info)?, driver(&info));
        Ok(Report { adapter: info.name, driver, candidates: search.tried, chosen, kept_in })
    }

    /// What to try, the kernels that are in use first: others may be hopeless beside them.
    fn families(&self, believed: KernelFamily) -> Vec<KernelFamily> {
        let mut families = vec![believed];
        if self.device.kernels.is_none() {
            families.extend([KernelFamily::Outer, KernelFamily::Workgroup, KernelFamily::Plain]);
            families.retain(|&kernels| kernels != KernelFamily::Cooperative);
            families.extend(self.matrix_units.then_some(KernelFamily::Cooperative));
        }
        let mut seen = HashSet::new();
        families.retain(|&kernels| seen.insert(kernels));
        families
    }

    /// The fastest pass of each block size; of the first alone if that takes longer than `limit_ms`.
    fn pass_ms(&self, engine: &Engine, limit_ms: f64) -> Result<Vec<[f64; 2]>> {
        let [first, ..] = BLOCK_SIZES;
        let probe = fastest(engine, first, self.passes.min(3))?;
        if probe[0] > limit_ms {
            return Ok(vec![probe]);
        }
        BLOCK_SIZES.into_iter().map(|size| fastest(engine, size, self.passes)).collect()
    }
}

/// Milliseconds of a denoising pass after half a window, and of one that stores a block as well.
fn fastest(engine: &Engine, block_size: usize, passes: usize) -> Result<[f64; 2]> {
    let context = engine.network().spec().window / 2;
    let times = pollster::block_on(Bench { block_size, context, passes }.run(engine.network()))?;
    check_interrupt()?;
    Ok([&times.pass_ms, &times.fused_ms].map(|ms| ms.iter().copied().fold(f64::INFINITY, f64::min)))
}

/// A search for the fastest choice.
struct Search<'a> {
    tune: &'a Tune,
    options: &'a GpuOptions,
    tried: Vec<Candidate>,
    /// Index of the fastest so far.
    best: Option<usize>,
}

impl Search<'_> {
    fn best(&self) -> Option<&Candidate> {
        self.tried.get(self.best?)
    }

    /// The fastest choice.
    fn found(&self) -> Result<Tuning> {
        let errors = || self.tried.iter().find_map(|tried| tried.error.clone());
        match self.best() {
            Some(best) => Ok(best.tuning),
            None => bail!("no kernels could be timed: {}", errors().unwrap_or_default()),
        }
    }

    /// Times a choice, a likelihood too if wanted. What fails is not chosen.
    fn consider(&mut self, tuning: Tuning, with_likelihood: bool) -> Result<()> {
        let bar = progress_bar("{spinner} {msg}");
        bar.set_message(format!("timing {tuning}"));
        bar.tick();
        let timed = self.timed(tuning, with_likelihood);
        bar.finish_and_clear();
        let found = match timed {
            Err(e) if e.is::<Interrupted>() => return Err(e),
            Err(e) => {
                let error = Some(match e.downcast_ref() {
                    // Another adapter would be no help.
                    Some(bdlm::Error::NoDevice { cause, .. }) => cause.to_string(),
                    _ => format!("{e:#}"),
                });
                Candidate { tuning, pass_ms: Vec::new(), likelihood_secs: None, error }
            }
            Ok(found) => found,
        };
        let is_whole = found.pass_ms.len() == BLOCK_SIZES.len();
        if is_whole && self.best().is_none_or(|best| found.gain_over(best) > GAIN) {
            self.best = Some(self.tried.len());
        }
        self.tried.push(found);
        Ok(())
    }

    fn timed(&self, tuning: Tuning, with_likelihood: bool) -> Result<Candidate> {
        let (kernels, wanted) = (Some(tuning.kernels), Some(tuning));
        let gpu = Gpu::request(&GpuOptions { kernels, tuning: wanted, ..self.options.clone() })?;
        let Tune { shape, device, .. } = self.tune;
        let engine = Engine::new(shape.load(&gpu, device.weights)?, None);
        let limit = self.best().and_then(|best| best.pass_ms.first());
        let limit_ms = limit.map_or(f64::INFINITY, |ms| HOPELESS * ms[0]);
        let pass_ms = self.tune.pass_ms(&engine, limit_ms)?;
        let is_whole = pass_ms.len() == BLOCK_SIZES.len();
        let likelihood_secs = match with_likelihood && is_whole {
            true => Some(
                likelihood(&engine, engine.network().spec().block_size().unwrap_or(1), 1)?.secs,
            ),
            false => None,
        };
        Ok(Candidate { tuning, pass_ms, likelihood_secs, error: None })
    }
}

impl Candidate {
    /// How many times faster it is: the geometric mean over what was measured of both.
    fn gain_over(&self, other: &Candidate) -> f64 {
        let times = |of: &Candidate| of.pass_ms.as_flattened().to_vec();
        let passes = times(other).into_iter().zip(times(self));
        let pairs = passes.chain(other.likelihood_secs.zip(self.likelihood_secs));
        let logarithms: Vec<f64> = pairs.map(|(other, own)| (other / own).ln()).collect();
        (logarithms.iter().sum::<f64>() / logarithms.len().max(1) as f64).exp()
    }

    fn print(&self, out: &mut impl Write) -> Result<()> {
        let Tuning { kernels, few_rows, shares, fused_norms } = self.tuning;
        write!(out, "{:<12}", kernels.to_string())?;
        let norms = if fused_norms { "fused" } else { "apart" };
        match kernels.is_for_gpus() {
            true => write!(out, "{few_rows:>4}{shares:>7}{norms:>6}")?,
            false => write!(out, "{:>4}{:>7}{:>6}", "-", "-", "-")?,
        }
        for i in 0..BLOCK_SIZES.len() {
            let times = self.pass_ms.get(i).map_or("-".into(), |[pass, fused]| {
                let digits = [10.0, 100.0].iter().filter(|&&most| *fused < most).count();
                format!("{pass:.digits$} / {fused:.digits$}")
            });
            write!(out, " {times:>13}")?;
        }
        let likelihood = self.likelihood_secs.map_or("-".into(), |secs| format!("{secs:.2} s"));
        writeln!(out, "{likelihood:>11}")?;
        Ok(())
    }
}

impl Report {
    fn print(&self, out: &mut impl Write) -> Result<()> {
        let Report { adapter, driver, candidates, chosen, kept_in } = self;
        writeln!(out, "{adapter}, {driver}\n")?;
        write!(out, "{:<12}{:>4}{:>7}{:>6}", "kernels", "rows", "shares", "norms")?;
        for size in BLOCK_SIZES {
            write!(out, " {:>13}", format!("block {size}, ms"))?;
        }
        writeln!(out, "{:>11}", "likelihood")?;
        candidates.iter().try_for_each(|candidate| candidate.print(out))?;
        for Candidate { tuning, error, .. } in candidates {
            if let Some(error) = error {
                writeln!(out, "\n{tuning}: {error}")?;
            }
        }
        writeln!(out, "\nms: a denoising pass after half a window / one that stores a block too")?;
        writeln!(out, "likelihood: one noise draw over a whole window")?;
        writeln!(out, "-: hopeless beside the fastest at the smallest pass, or of no matter")?;
        if candidates.iter().any(|candidate| candidate.tuning.kernels.is_for_gpus()) {
            writeln!(out, "rows: products go along the weights up to so many, by tiles beyond")?;
            writeln!(out, "shares: of the keys that a block attends to, computed side by side")?;
            writeln!(out, "norms: fused into the products of few rows behind them, or apart")?;
        }
        writeln!(out, "\nchosen: {chosen}; kept in {}", shown(kept_in))?;
        Ok(())
    }
}
