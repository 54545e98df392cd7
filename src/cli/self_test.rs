//! `bdlm info --self-test`.

use std::io::{self, Write};

use anyhow::{Result, bail};
use bdlm::gpu::{Gpu, GpuOptions, KernelFamily};
use bdlm::measure::{KernelCheck, Verdict, check_kernels};
use serde::Serialize;

use crate::cli::print::{TextOrJson, driver, print_json, progress_bar};
use crate::cli::process::{check_interrupt, go_on};

#[derive(Serialize)]
struct Report {
    adapter: String,
    driver: String,
    kernels: KernelFamily,
    checks: Vec<Check>,
}

#[derive(Serialize)]
struct Check {
    #[serde(flatten)]
    check: KernelCheck,
    passes: bool,
}

/// Checks the kernels of an adapter, prints what was found, and keeps it for the next start.
///
/// # Errors
/// If a kernel computes what it should not.
pub fn run(options: &GpuOptions, format: TextOrJson) -> Result<()> {
    let gpu = Gpu::request(options)?;
    let bar = progress_bar("{spinner} {msg}");
    let mut progress = |done: usize, all: usize| {
        bar.set_message(format!("check {} of {all}", done + 1));
        bar.tick();
        go_on()
    };
    let checks = pollster::block_on(check_kernels(&gpu, &mut progress))?;
    bar.finish_and_clear();
    check_interrupt()?;
    let verdict = Verdict::new(gpu.kernels(), &checks);
    if let Some(folder) = options.cache.as_deref().filter(|_| options.kernels.is_none()) {
        verdict.keep(folder, &gpu)?;
    }
    let checks = checks.into_iter().map(|check| Check { passes: check.passes(), check }).collect();
    let (adapter, driver) = (gpu.info().name.clone(), driver(gpu.info()));
    let report = Report { adapter, driver, kernels: gpu.kernels(), checks };
    match format {
        TextOrJson::Text => report.print(&mut io::stdout().lock())?,
        TextOrJson::Json => print_json(&report)?,
    }
    if !verdict.wrong.is_empty() {
        let Report { adapter, driver, kernels, .. } = report;
        let wrong = verdict.wrong.join(", ");
        bail!(
            "{wrong}: wrong on {adapter} ({driver}), {kernels} kernels; try --kernels plain, or \
             another driver"
        );
    }
    Ok(())
}

impl Report {
    fn print(&self, out: &mut impl Write) -> Result<()> {
        let Report { adapter, driver, kernels, checks } = self;
        writeln!(out, "{adapter}, {driver}, {kernels} kernels\n")?;
        writeln!(out, "{:<15}{:<52}{:>10}{:>10}", "op", "input", "error", "allowed")?;
        for Check { check, passes } in checks {
            let KernelCheck { op, shape, error, allowed, .. } = check;
            let mark = if *passes { "" } else { "  WRONG" };
            writeln!(out, "{op:<15}{shape:<52}{error:>10.1e}{allowed:>10.1e}{mark}")?;
        }
        let wrong = checks.iter().filter(|check| !check.passes).count();
        let (right, all) = (checks.len() - wrong, checks.len());
        Ok(writeln!(out, "\n{right} of {all} checks passed")?)
    }
}
