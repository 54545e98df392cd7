//! The report of `bdlm bench` for people.

use std::io::Write;

use anyhow::Result;
use bdlm::measure::{
    BenchReport, Ceilings, Chain, Comparison, KernelCounts, KernelSpeed, Kernels, LikelihoodTime,
    PassCounts, Passes, PromptTime, Ratio, TextTime, TrainTime,
};

use crate::cli::present::kernel_table;
use crate::cli::print::bytes;

/// Prints all of it.
pub fn print(out: &mut impl Write, report: &BenchReport) -> Result<()> {
    let BenchReport { adapter, backend, driver, kernel_family, model, .. } = report;
    let weights = format!("{:?}", report.weights).to_lowercase();
    line(out, "adapter", &format!("{adapter}, {backend}"))?;
    line(out, "driver", driver)?;
    line(out, "kernels", kernel_family)?;
    let load = report.load_ms / 1e3;
    line(out, "model", &format!("{model}, {weights} weights, loaded in {load:.2} s"))?;
    report.texts.iter().try_for_each(|text| print_text(out, text))?;
    report.prompts.iter().try_for_each(|prompt| print_prompt(out, prompt))?;
    report.passes.iter().try_for_each(|passes| print_passes(out, passes))?;
    report.likelihoods.iter().try_for_each(|time| print_likelihood(out, time))?;
    report.trainings.iter().try_for_each(|time| print_training(out, time))?;
    if let Some(peak) = report.peak_host_bytes {
        line(out, "peak memory", &bytes(peak))?;
    }
    report.counts.iter().try_for_each(|counts| print_counts(out, counts))?;
    if let Some(kernels) = &report.kernels {
        print_kernels(out, kernels)?;
        report.passes.iter().try_for_each(|passes| print_floor(out, passes, kernels))?;
    }
    match &report.compared {
        Some(compared) => print_comparison(out, compared),
        None => Ok(()),
    }
}

/// A name and a value, in two columns.
fn line(out: &mut impl Write, name: &str, words: &str) -> Result<()> {
    Ok(writeln!(out, "{name:<24}{words}")?)
}

fn print_text(out: &mut impl Write, time: &TextTime) -> Result<()> {
    let TextTime { block_size, tokens, tokens_per_sec, secs, .. } = time;
    writeln!(out)?;
    let words = format!("{tokens} tokens in blocks of {block_size}: {secs:.2} s");
    line(out, "text", &format!("{words}, {tokens_per_sec:.1} tokens a second"))?;
    let mut words = format!("after {:.2} s", time.first_block_ms / 1e3);
    if let Some(cold) = time.cold_first_block_ms {
        words += &format!(", {:.2} s from the start of the program", cold / 1e3);
    }
    line(out, "first block", &words)
}

fn print_prompt(out: &mut impl Write, time: &PromptTime) -> Result<()> {
    let PromptTime { block_size, tokens, first_step_ms, tokens_per_sec } = time;
    writeln!(out)?;
    let words = format!("{tokens} tokens, then a block of {block_size}: {first_step_ms}");
    line(out, "prompt", &format!("{words}, {tokens_per_sec:.1} tokens a second"))
}

fn print_passes(out: &mut impl Write, passes: &Passes) -> Result<()> {
    let Passes { block_size, context, .. } = *passes;
    writeln!(out)?;
    line(out, "block", &format!("{block_size} after {context} cached positions"))?;
    line(out, "denoising pass", &format!("{}, the first {:.0}", passes.pass_ms, passes.first_ms))?;
    line(out, "first pass of a block", &format!("{:.2} ms (median)", passes.fused_ms.median))?;
    let (pass, layer) = (passes.dispatches_per_pass, passes.dispatches_per_layer);
    line(out, "dispatches", &format!("{pass} a pass, {layer} a layer"))?;
    let rate = passes.tokens_per_sec;
    line(out, "tokens", &format!("{rate:.1} a second with the default sampler, batch 1"))?;
    let at = |count: usize| format!("{:.1} at {count}", count as f64 * 1e3 / passes.pass_ms.median);
    let counts = [1, 2, 4].into_iter().filter(|&count| count <= block_size);
    let rates = counts.map(at).collect::<Vec<_>>().join(", ");
    line(out, "tokens a second", &format!("{rates} a pass"))?;
    let (weights, rate) = (bytes(passes.weights_bytes), bytes(passes.weights_bytes_per_sec as u64));
    line(out, "weights read", &format!("{weights} a pass, {rate} a second"))?;
    if let Some(times) = &passes.kernels_ms {
        writeln!(out, "\n{}", kernel_table(times))?;
    }
    Ok(())
}

fn print_likelihood(out: &mut impl Write, time: &LikelihoodTime) -> Result<()> {
    let LikelihoodTime { block_size, tokens, draws, secs, tokens_per_sec } = time;
    writeln!(out)?;
    let words = format!("{tokens} tokens in blocks of {block_size}, {draws} draws: {secs:.2} s");
    line(out, "likelihood", &format!("{words}, {tokens_per_sec:.1} tokens a second"))
}

fn print_training(out: &mut impl Write, time: &TrainTime) -> Result<()> {
    let TrainTime { block_size, sequences, length, tokens_per_sec, .. } = time;
    writeln!(out)?;
    let words = format!("{sequences} sequences of {length} tokens in blocks of {block_size}");
    line(out, "training", &format!("{words}, {tokens_per_sec:.1} tokens a second"))?;
    let pass = |ms: f64, flops: f64| format!("{ms:.1} ms, {:.1} GFLOP/s", flops / 1e9);
    let (forward, both) = (time.forward_ms.median, time.both_ms.median);
    line(out, "pass forward", &pass(forward, time.forward_flops_per_sec))?;
    line(out, "pass backward", &pass(both - forward, time.backward_flops_per_sec))
}

fn print_counts(out: &mut impl Write, counts: &PassCounts) -> Result<()> {
    writeln!(out, "\n{}: MB, millions, microseconds on an H200", counts.pass)?;
    let [kernel, count, groups] = ["kernel", "dispatches", "workgroups"];
    write!(out, "{kernel:<20}{count:>11}{groups:>11}{:>7}{:>9}", "lanes", "weights")?;
    writeln!(out, "{:>9}{:>9}{:>10}{:>8}", "others", "stores", "products", "floor")?;
    for counts in &counts.kernels {
        let KernelCounts { kernel, dispatches, workgroups, lanes, .. } = counts;
        let bytes = [counts.weight_bytes, counts.other_bytes, counts.stored_bytes];
        let [weights, others, stores] = bytes.map(|bytes| bytes / 1e6);
        let (products, floor) = (counts.multiply_adds / 1e6, counts.floor_us);
        write!(out, "{kernel:<20}{dispatches:>11}{workgroups:>11}{lanes:>7}{weights:>9.2}")?;
        writeln!(out, "{others:>9.2}{stores:>9.2}{products:>10.1}{floor:>8.1}")?;
    }
    Ok(())
}

fn print_kernels(out: &mut impl Write, found: &Kernels) -> Result<()> {
    let Ceilings { copy_bytes_per_sec, product_flops_per_sec, chains } = &found.ceilings;
    let (copy, product) = (copy_bytes_per_sec / 1e9, product_flops_per_sec / 1e9);
    writeln!(out, "\nlarge copy {copy:.1} GB/s, large product {product:.1} GFLOP/s")?;
    for Chain { workgroups, dependent, us } in chains {
        let waits = if *dependent { "that waits for the one before" } else { "beside others" };
        writeln!(out, "dispatch of {workgroups} tiny workgroups {waits}: {us:.2} microseconds")?;
    }
    let heads = ["kernel", "shape", "ms", "GFLOP/s", "GB/s", "floor, ms", "floor / ms"];
    let [kernel, shape, ms, flops, bytes, floor, share] = heads;
    write!(out, "\n{kernel:<20}{shape:<30}{ms:>9}{flops:>9}{bytes:>8}")?;
    writeln!(out, "{floor:>11}{share:>12}")?;
    for speed in &found.kernels {
        let KernelSpeed { kernel, shape, ms, .. } = speed;
        let (flops, bytes) = (speed.flops_per_sec / 1e9, speed.bytes_per_sec / 1e9);
        let (ms, share) = (ms.median, 100.0 * speed.share_of_ceiling);
        write!(out, "{kernel:<20}{shape:<30}{ms:>9.4}{flops:>9.1}{bytes:>8.1}")?;
        writeln!(out, "{:>11.4}{share:>10.1} %", speed.floor_ms)?;
    }
    Ok(())
}

/// What a pass would take at the floors: its weights read once, its dispatches doing nothing.
fn print_floor(out: &mut impl Write, passes: &Passes, found: &Kernels) -> Result<()> {
    let Passes { block_size, context, dispatches_per_pass, .. } = *passes;
    let bytes = found.ceilings.floor_ms(0.0, passes.weights_bytes as f64);
    let waits = found.ceilings.dispatches_ms(dispatches_per_pass);
    let (all, ms) = (bytes + waits, passes.pass_ms.median);
    write!(out, "\npass of block {block_size}, context {context}: {ms:.3} ms; at the floors ")?;
    writeln!(out, "{all:.3}: weights {bytes:.3}, {dispatches_per_pass} dispatches {waits:.3}")?;
    Ok(())
}

fn print_comparison(out: &mut impl Write, comparison: &Comparison) -> Result<()> {
    let (before, now, faster) = ("before, ms", "now, ms", "times faster");
    writeln!(out, "\n{:<46}{before:>12}{now:>12}{faster:>15}", "compared")?;
    for Ratio { what, before_ms, now_ms, times_faster } in &comparison.ratios {
        writeln!(out, "{what:<46}{before_ms:>12.3}{now_ms:>12.3}{times_faster:>15.2}")?;
    }
    if comparison.ratios.is_empty() {
        writeln!(out, "nothing: the reports have no measurement in common")?;
    }
    for difference in &comparison.differences {
        writeln!(out, "another run before: {difference}")?;
    }
    Ok(())
}
