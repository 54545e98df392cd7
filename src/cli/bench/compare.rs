//! How much faster than in an earlier report.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::cli::bench::report::Report;

/// This run beside an earlier one.
#[derive(Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// What was another model, adapter or format then: `weights F16, now Q8`.
    differences: Vec<String>,
    ratios: Vec<Ratio>,
}

/// One thing in both reports.
#[derive(Debug, PartialEq, Serialize)]
struct Ratio {
    what: String,
    /// Milliseconds before, and now.
    before_ms: f64,
    now_ms: f64,
    /// Above 1 if it is faster now.
    times_faster: f64,
}

/// Reads an earlier report.
pub fn read(path: &Path) -> Result<Report> {
    let shown = path.display();
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {shown}"))?;
    serde_json::from_slice(&bytes).with_context(|| {
        format!(
            "{shown} is no report of `bdlm bench --format json`; make it again with this version"
        )
    })
}

/// Everything that a report says of time, by name.
fn times(report: &Report) -> Vec<(String, f64)> {
    let mut times = Vec::new();
    for passes in &report.passes {
        let what = format!("pass, block {}, context {}", passes.block_size, passes.context);
        times.push((what, passes.pass_ms.median));
    }
    for text in &report.texts {
        let size = text.block_size;
        times.push((format!("token of a text, block {size}"), 1e3 / text.tokens_per_sec));
        times.push((format!("first block, block {size}"), text.first_block_ms));
    }
    for likelihood in &report.likelihoods {
        let (size, draws) = (likelihood.block_size, likelihood.draws);
        let what = format!("token of a likelihood, block {size}, {draws} draws");
        times.push((what, 1e3 / likelihood.tokens_per_sec));
    }
    for kernel in report.kernels.iter().flat_map(|kernels| &kernels.kernels) {
        // By its work, so that another kernel for it is compared.
        let work = kernel.kernel.split('_').next().unwrap_or_default();
        times.push((format!("{work}, {}", kernel.shape), kernel.ms.median));
    }
    times
}

impl Comparison {
    /// What both reports hold, in the order of the newer one.
    pub fn new(before: &Report, now: &Report) -> Comparison {
        let settings = |r: &Report| {
            let weights = format!("{:?}", r.weights);
            [&r.model, &weights, &r.adapter, &r.driver, &r.kernel_family].map(String::clone)
        };
        let names = ["model", "weights", "adapter", "driver", "kernels"];
        let pairs = settings(before).into_iter().zip(settings(now)).zip(names);
        let differs = |((before, now), name): ((String, String), &str)| {
            (before != now).then(|| format!("{name} {before}, now {now}"))
        };
        let earlier = times(before);
        let ratio = |(what, now_ms): (String, f64)| {
            let (_, before_ms) = earlier.iter().find(|(other, _)| *other == what)?;
            let ratio =
                Ratio { what, before_ms: *before_ms, now_ms, times_faster: before_ms / now_ms };
            ratio.times_faster.is_finite().then_some(ratio)
        };
        Comparison {
            differences: pairs.filter_map(differs).collect(),
            ratios: times(now).into_iter().filter_map(ratio).collect(),
        }
    }

    /// Prints it for people.
    pub fn print(&self, out: &mut impl Write) -> Result<()> {
        let (before, now, faster) = ("before, ms", "now, ms", "times faster");
        writeln!(out, "\n{:<46}{before:>12}{now:>12}{faster:>15}", "compared")?;
        for Ratio { what, before_ms, now_ms, times_faster } in &self.ratios {
            writeln!(out, "{what:<46}{before_ms:>12.3}{now_ms:>12.3}{times_faster:>15.2}")?;
        }
        if self.ratios.is_empty() {
            writeln!(out, "nothing: the reports have no measurement in common")?;
        }
        for difference in &self.differences {
            writeln!(out, "another run before: {difference}")?;
        }
        Ok(())
    }
}
