//! What `bdlm bench` found: as JSON, and for people.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use bdlm::gpu::DType;
use bdlm::sample::Engine;
use serde::{Deserialize, Serialize};

use crate::cli::bench::compare::Comparison;
use crate::cli::bench::kernels::Kernels;
use crate::cli::bench::passes::Passes;
use crate::cli::bench::work::{LikelihoodTime, TextTime};
use crate::cli::print::{bytes, driver};

/// All of it. Parts that were not measured are absent.
#[derive(Serialize, Deserialize)]
pub struct Report {
    pub adapter: String,
    pub backend: String,
    pub driver: String,
    /// Family of kernels, and what else was chosen.
    pub kernel_family: String,
    pub model: String,
    pub weights: DType,
    /// From the name of the model to weights on the device.
    pub load_ms: f64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passes: Vec<Passes>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<TextTime>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub likelihoods: Vec<LikelihoodTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernels: Option<Kernels>,
    /// The most memory that the process had until kernels were timed alone, device memory of
    /// software adapters included; where the system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_host_bytes: Option<u64>,
    /// Against an earlier report.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub compared: Option<Comparison>,
}

/// Times of one thing, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
    /// A quarter of the times are below the first, a quarter above the second.
    pub quartiles: [f64; 2],
    pub count: usize,
}

impl Spread {
    /// Of times in any order, at least one.
    pub fn of(times: &[f64]) -> Spread {
        let mut sorted = times.to_vec();
        sorted.sort_by(f64::total_cmp);
        let count = sorted.len();
        let at = |share: f64| {
            let i = (share * count.saturating_sub(1) as f64).round() as usize;
            sorted.get(i).copied().unwrap_or(f64::NAN)
        };
        let (median, quartiles) = (at(0.5), [at(0.25), at(0.75)]);
        Spread { median, min: at(0.0), max: at(1.0), quartiles, count }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Spread { median, min, max, count, .. } = self;
        write!(f, "{median:.2} ms (median of {count}; {min:.2} to {max:.2})")
    }
}

impl Report {
    /// What is known before anything is timed.
    pub fn new(engine: &Engine, model: String, load: Duration) -> Report {
        let gpu = engine.network().gpu();
        let info = gpu.info();
        Report {
            adapter: info.name.clone(),
            backend: info.backend.to_string(),
            driver: driver(info),
            kernel_family: gpu.tuning().to_string(),
            model,
            weights: engine.network().weights_dtype(),
            load_ms: load.as_secs_f64() * 1e3,
            passes: Vec::new(),
            texts: Vec::new(),
            likelihoods: Vec::new(),
            kernels: None,
            peak_host_bytes: None,
            compared: None,
        }
    }

    /// Prints it for people.
    pub fn print(&self, out: &mut impl Write) -> Result<()> {
        let Report { adapter, backend, driver, kernel_family, model, .. } = self;
        let weights = format!("{:?}", self.weights).to_lowercase();
        line(out, "adapter", &format!("{adapter}, {backend}"))?;
        line(out, "driver", driver)?;
        line(out, "kernels", kernel_family)?;
        let load = self.load_ms / 1e3;
        line(out, "model", &format!("{model}, {weights} weights, loaded in {load:.2} s"))?;
        for text in &self.texts {
            text.print(out)?;
        }
        for passes in &self.passes {
            passes.print(out)?;
        }
        for likelihood in &self.likelihoods {
            likelihood.print(out)?;
        }
        if let Some(peak) = self.peak_host_bytes {
            line(out, "peak memory", &bytes(peak))?;
        }
        if let Some(kernels) = &self.kernels {
            kernels.print(out)?;
        }
        if let Some(compared) = &self.compared {
            compared.print(out)?;
        }
        Ok(())
    }
}

/// A name and what it is, in two columns.
pub fn line(out: &mut impl Write, name: &str, words: &str) -> Result<()> {
    Ok(writeln!(out, "{name:<24}{words}")?)
}

/// The most memory that this process had so far.
pub fn peak_host_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kilobytes << 10)
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn a_spread_does_not_depend_on_the_order() {
        let spread = Spread::of(&[5.0, 1.0, 4.0, 2.0, 3.0]);
        assert_eq!((spread.median, spread.min, spread.max), (3.0, 1.0, 5.0));
        assert_eq!((spread.quartiles, spread.count), ([2.0, 4.0], 5));
        assert_eq!(spread.to_string(), "3.00 ms (median of 5; 1.00 to 5.00)");
    }
}
