//! Text on stdout and tables on stderr. Knows no model.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;
use bdlm::event::{Done, Event, StopReason};
use bdlm::gpu::KernelTime;
use indicatif::ProgressBar;

use crate::cli::print::{note, progress_bar};

/// Prints samples in order: while they grow, or each when it is finished.
pub struct TextPrinter {
    samples: usize,
    live: bool,
    bar: ProgressBar,
    waiting: BTreeMap<usize, Done>,
    next: usize,
}

impl TextPrinter {
    /// `live` for one sample at a time on a terminal.
    pub fn new(samples: usize, length: usize, live: bool) -> TextPrinter {
        let bar = progress_bar("{pos}/{len} tokens [{bar:30}] {per_sec} {eta}");
        bar.set_length((samples * length) as u64);
        TextPrinter { samples, live, bar, waiting: BTreeMap::new(), next: 0 }
    }

    /// Shows an event.
    pub fn show(&mut self, out: &mut impl Write, event: &Event) -> Result<()> {
        if self.live { self.show_live(out, event) } else { self.show_finished(out, event) }
    }

    fn show_live(&self, out: &mut impl Write, event: &Event) -> Result<()> {
        match event {
            Event::Start(start) => {
                self.heading(out, start.sample)?;
                write!(out, "{}", start.text.as_deref().unwrap_or_default())?;
            }
            Event::Block(block) => match &block.text {
                Some(text) => write!(out, "{text}")?,
                None => write!(out, "{} ", numbers(&block.ids))?,
            },
            Event::Retract(retract) => {
                writeln!(out)?;
                let (entropy, kept) = (retract.entropy, retract.text.as_deref().unwrap_or(""));
                note(&format!(
                    "(repetition: entropy {entropy:.2} nats; {} tokens are kept)",
                    retract.n_tokens
                ));
                write!(out, "{kept}")?;
            }
            Event::Done(done) => {
                writeln!(out)?;
                note_repetition(done);
            }
            Event::Step(_) | Event::Steer(_) => {}
        }
        Ok(out.flush()?)
    }

    fn show_finished(&mut self, out: &mut impl Write, event: &Event) -> Result<()> {
        match event {
            Event::Block(block) => self.bar.inc(block.ids.len() as u64),
            Event::Done(done) => {
                self.waiting.insert(done.sample, done.clone());
                while let Some(done) = self.waiting.remove(&self.next) {
                    self.next += 1;
                    self.finished(out, &done)?;
                }
                if self.next == self.samples {
                    self.bar.finish_and_clear();
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Prints the finished samples that still wait for one before them: there will be no more.
    pub fn rest(&mut self, out: &mut impl Write) -> Result<()> {
        self.bar.finish_and_clear();
        let waiting = std::mem::take(&mut self.waiting);
        waiting.values().try_for_each(|done| self.finished(out, done))
    }

    fn finished(&self, out: &mut impl Write, done: &Done) -> Result<()> {
        self.heading(out, done.sample)?;
        match &done.text {
            Some(text) => writeln!(out, "{text}")?,
            None => writeln!(out, "{}", numbers(&done.ids))?,
        }
        note_repetition(done);
        Ok(out.flush()?)
    }

    fn heading(&self, out: &mut impl Write, sample: usize) -> Result<()> {
        if self.samples > 1 {
            writeln!(out, "{}--- sample {sample} ---", if sample > 0 { "\n" } else { "" })?;
        }
        Ok(())
    }
}

fn note_repetition(done: &Done) {
    let (sample, redraws) = (done.sample, done.redraws);
    if done.stop == StopReason::LowEntropy {
        note(&format!("note: sample {sample} fell into repetition ({redraws} redraws)"));
    } else if redraws > 0 {
        note(&format!(
            "note: sample {sample} fell into repetition and was drawn again ({redraws})"
        ));
    }
}

fn numbers(ids: &[u32]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Time per kernel, slowest first.
pub fn kernel_table(times: &[KernelTime]) -> String {
    let total: f64 = times.iter().map(|time| time.ms).sum();
    let mut table = format!("{:<22}{:>11}{:>12}{:>8}\n", "kernel", "dispatches", "ms", "share");
    for time in times {
        let share = 100.0 * time.ms / total.max(f64::MIN_POSITIVE);
        table +=
            &format!("{:<22}{:>11}{:>12.2}{share:>7.1}%\n", time.kernel, time.dispatches, time.ms);
    }
    table + &format!("{:<22}{:>11}{total:>12.2}", "all", "")
}
