//! Whole pieces of work: a text, and a likelihood.

use std::io::Write;
use std::ops::ControlFlow;
use std::time::Instant;

use anyhow::Result;
use bdlm::eval::{Estimator, FirstToken, Likelihood, LikelihoodOptions};
use bdlm::event::Event;
use bdlm::sample::{Engine, Prompt, Request};
use serde::{Deserialize, Serialize};

use crate::cli::bench::report::line;
use crate::cli::print::progress_bar;
use crate::cli::process::{check_interrupt, since_start};

/// Tokens of the text that is timed, at least: whole blocks, two or more.
const TEXT_TOKENS: usize = 128;

/// The time that a text took.
#[derive(Serialize, Deserialize)]
pub struct TextTime {
    pub block_size: usize,
    pub tokens: usize,
    /// From the request to the first block; the driver may have to compile kernels first.
    pub first_block_ms: f64,
    /// From the start of the process to the first block, loading included; of the first text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cold_first_block_ms: Option<f64>,
    pub secs: f64,
    /// Of all tokens but the first block's.
    pub tokens_per_sec: f64,
}

/// The time that a likelihood took.
#[derive(Serialize, Deserialize)]
pub struct LikelihoodTime {
    pub block_size: usize,
    /// Tokens of the sequence.
    pub tokens: usize,
    /// Noise draws.
    pub draws: usize,
    /// Without a first run, in which the driver compiles kernels.
    pub secs: f64,
    pub tokens_per_sec: f64,
}

/// Generates a text of one sample, without a prompt.
pub fn text(engine: &Engine, block_size: usize) -> Result<TextTime> {
    let length = TEXT_TOKENS.next_multiple_of(block_size).max(2 * block_size);
    let prompt = Prompt::Ids(Vec::new());
    let request = Request { prompt, length, block_size: Some(block_size), ..Request::default() };
    let bar = progress_bar("{pos}/{len} tokens [{bar:30}]");
    bar.set_length(length as u64);
    let begun = Instant::now();
    let mut run = engine.run(request)?;
    let mut first = None;
    while let Some(event) = run.next()? {
        check_interrupt()?;
        if let Event::Block(block) = event {
            first.get_or_insert_with(|| (begun.elapsed(), since_start()));
            bar.inc(block.ids.len() as u64);
        }
    }
    bar.finish_and_clear();
    let secs = begun.elapsed().as_secs_f64();
    let (first, cold) = first.unwrap_or_default();
    let others = length.saturating_sub(block_size);
    Ok(TextTime {
        block_size,
        tokens: length,
        first_block_ms: first.as_secs_f64() * 1e3,
        cold_first_block_ms: Some(cold.as_secs_f64() * 1e3),
        secs,
        tokens_per_sec: others as f64 / (secs - first.as_secs_f64()),
    })
}

/// Estimates the likelihood of one sequence as long as the window.
pub fn likelihood(engine: &Engine, block_size: usize, draws: usize) -> Result<LikelihoodTime> {
    let spec = engine.network().spec();
    let tokens = spec.window / block_size * block_size;
    let ids: Vec<u32> = (0..tokens as u32).map(|i| i * 31 % spec.n_drawable() as u32).collect();
    let options = |draws| LikelihoodOptions {
        estimator: Estimator::MonteCarlo { draws },
        block_size: Some(block_size),
        first: FirstToken::Given,
        context: tokens,
        batch: None,
        seed: 0,
    };
    let bar = progress_bar("{msg} [{bar:30}] {pos}/{len}");
    bar.set_message("likelihood, noise draws");
    let mut progress = |done: usize, all: usize| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
        if check_interrupt().is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let mut likelihood = Likelihood::new(engine.network().clone(), options(draws))?;
    let mut first = Likelihood::new(engine.network().clone(), options(1))?;
    pollster::block_on(first.estimate(&[(0, &ids)], &mut progress))?;
    let begun = Instant::now();
    pollster::block_on(likelihood.estimate(&[(0, &ids)], &mut progress))?;
    check_interrupt()?;
    let secs = begun.elapsed().as_secs_f64();
    bar.finish_and_clear();
    Ok(LikelihoodTime { block_size, tokens, draws, secs, tokens_per_sec: tokens as f64 / secs })
}

impl TextTime {
    /// Prints it for people.
    pub fn print(&self, out: &mut impl Write) -> Result<()> {
        let TextTime { block_size, tokens, tokens_per_sec, secs, .. } = self;
        writeln!(out)?;
        let words = format!("{tokens} tokens in blocks of {block_size}: {secs:.2} s");
        line(out, "text", &format!("{words}, {tokens_per_sec:.1} tokens a second"))?;
        let mut words = format!("after {:.2} s", self.first_block_ms / 1e3);
        if let Some(cold) = self.cold_first_block_ms {
            words += &format!(", {:.2} s from the start of the program", cold / 1e3);
        }
        line(out, "first block", &words)
    }
}

impl LikelihoodTime {
    /// Prints it for people.
    pub fn print(&self, out: &mut impl Write) -> Result<()> {
        let LikelihoodTime { block_size, tokens, draws, secs, tokens_per_sec } = self;
        writeln!(out)?;
        let words =
            format!("{tokens} tokens in blocks of {block_size}, {draws} draws: {secs:.2} s");
        line(out, "likelihood", &format!("{words}, {tokens_per_sec:.1} tokens a second"))
    }
}
