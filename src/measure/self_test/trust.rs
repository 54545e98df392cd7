//! Devices whose kernels were checked: once for each adapter and driver, at the first use.

use std::ops::ControlFlow;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::clock::Stopwatch;
use crate::gpu::{Gpu, GpuOptions, KernelFamily, PerAdapter, Tuning};
use crate::measure::self_test::case::KernelCheck;
use crate::measure::self_test::run::check_kernels;
use crate::{Error, Result};

/// What the checks of an adapter's kernels found, as the cache folder keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The version of the library that checked.
    pub version: String,
    /// The kernels that were checked.
    pub kernels: KernelFamily,
    /// Kernels that do not compute what they should, each once.
    pub wrong: Vec<String>,
}

impl Verdict {
    /// Of the checks of a device.
    pub fn new(kernels: KernelFamily, checks: &[KernelCheck]) -> Verdict {
        let failed = checks.iter().filter(|check| !check.passes());
        let mut wrong: Vec<String> =
            failed.flat_map(|check| check.kernels.iter().map(|name| (*name).to_string())).collect();
        wrong.sort_unstable();
        wrong.dedup();
        Verdict { version: env!("CARGO_PKG_VERSION").into(), kernels, wrong }
    }

    /// The verdict that a folder keeps for a device; none if it speaks of another version of this
    /// library, or of other kernels.
    pub fn kept(folder: &Path, gpu: &Gpu) -> Option<Verdict> {
        all_kept(folder, gpu).into_iter().find(|kept| kept.kernels == gpu.kernels())
    }

    /// Keeps it for a device, beside those of its other kernels.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn keep(&self, folder: &Path, gpu: &Gpu) -> Result<()> {
        let mut all = all_kept(folder, gpu);
        all.retain(|kept| kept.kernels != self.kernels);
        all.push(self.clone());
        let entry = serde_json::to_value(all).map_err(|e| Error::internal(e.to_string()))?;
        file(folder).set(gpu.info(), Some(entry)).map(|_| ())
    }
}

/// The verdicts of this version that a folder keeps for an adapter, one for each family of kernels.
fn all_kept(folder: &Path, gpu: &Gpu) -> Vec<Verdict> {
    let kept = file(folder).get(gpu.info()).and_then(|entry| serde_json::from_value(entry).ok());
    let mut kept: Vec<Verdict> = kept.unwrap_or_default();
    kept.retain(|kept| kept.version == env!("CARGO_PKG_VERSION"));
    kept
}

fn file(folder: &Path) -> PerAdapter {
    PerAdapter::new(folder, "self-tests.json")
}

/// A device, and what is wrong with the kernels that suit it.
#[derive(Debug)]
pub struct Trusted {
    /// The device: with plain kernels where the others are wrong.
    pub gpu: Gpu,
    /// Why it has plain kernels.
    pub mistrusted: Option<Verdict>,
}

/// Longest check at a first use, in seconds.
const MOST_SECS: f64 = 3.0;

/// Requests a device. A GPU's kernels are checked at the first use, for three seconds at most, if there
/// is a folder to keep what was found: software adapters take longer, and are what the tests run on.
/// Kernels that are asked for are taken as they are.
///
/// # Errors
/// As [`Gpu::request`].
pub async fn trusted(options: &GpuOptions) -> Result<Trusted> {
    let gpu = Gpu::request_async(options).await?;
    match gpu.is_software() || options.cache.is_none() {
        true => Ok(Trusted { gpu, mistrusted: None }),
        false => check(gpu, options).await,
    }
}

/// As [`trusted`], for any adapter, and at each use if there is no folder.
///
/// # Errors
/// As [`Gpu::request`].
pub async fn checked(options: &GpuOptions) -> Result<Trusted> {
    check(Gpu::request_async(options).await?, options).await
}

/// As [`trusted`], with matrix units where a GPU has them and their kernels are right, unless kernels are
/// asked for: for estimates that random draws make. Matrix units round activations to f16.
///
/// # Errors
/// As [`Gpu::request`].
pub async fn trusted_for_draws(options: &GpuOptions) -> Result<Trusted> {
    let usual = trusted(options).await?;
    let is_free = options.kernels.is_none() && usual.mistrusted.is_none();
    if !is_free || usual.gpu.kernels() != KernelFamily::Workgroup {
        return Ok(usual);
    }
    let tuning = Tuning { kernels: KernelFamily::Cooperative, ..usual.gpu.tuning() };
    let with_units = GpuOptions { tuning: Some(tuning), ..options.clone() };
    // Most adapters have no units, and some compute wrongly with them: nothing is lost.
    let Ok(gpu) = Gpu::request_async(&with_units).await else { return Ok(usual) };
    match verdict(&gpu, options).await {
        Ok(verdict) if verdict.wrong.is_empty() => Ok(Trusted { gpu, mistrusted: None }),
        _ => Ok(usual),
    }
}

/// What the checks of a device's kernels find, or found at an earlier start.
async fn verdict(gpu: &Gpu, options: &GpuOptions) -> Result<Verdict> {
    let folder = options.cache.as_deref();
    if let Some(kept) = folder.and_then(|folder| Verdict::kept(folder, gpu)) {
        return Ok(kept);
    }
    let found = Verdict::new(gpu.kernels(), &first_check(gpu).await?);
    // A folder that cannot be written costs a check at each start, no more.
    folder.and_then(|folder| found.keep(folder, gpu).ok());
    Ok(found)
}

/// The device, or the same adapter with plain kernels if its own are wrong.
async fn check(gpu: Gpu, options: &GpuOptions) -> Result<Trusted> {
    if options.kernels.is_some() || gpu.kernels() == KernelFamily::Plain {
        return Ok(Trusted { gpu, mistrusted: None });
    }
    let verdict = verdict(&gpu, options).await?;
    if verdict.wrong.is_empty() {
        return Ok(Trusted { gpu, mistrusted: None });
    }
    let plain = GpuOptions { kernels: Some(KernelFamily::Plain), ..options.clone() };
    Ok(Trusted { gpu: Gpu::request_async(&plain).await?, mistrusted: Some(verdict) })
}

async fn first_check(gpu: &Gpu) -> Result<Vec<KernelCheck>> {
    let begun = Stopwatch::start();
    let mut go_on = |_, _| match begun.secs() < MOST_SECS {
        true => ControlFlow::Continue(()),
        false => ControlFlow::Break(()),
    };
    check_kernels(gpu, &mut go_on).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: f64) -> KernelCheck {
        let kernels = vec!["threshold", "draw"];
        KernelCheck { op: "draw", kernels, shape: "1 cell".into(), error, allowed: 1e-4 }
    }

    #[test]
    fn kernels_of_a_check_that_fails_are_wrong_each_once() {
        let wrong = |errors: &[f64]| {
            let checks: Vec<_> = errors.iter().map(|&error| check(error)).collect();
            Verdict::new(KernelFamily::Plain, &checks).wrong
        };
        assert_eq!(wrong(&[1e-5, 1e-4]), [""; 0]);
        assert_eq!(wrong(&[1e-5, 0.1, f64::INFINITY]), ["draw", "threshold"]);
    }
}
