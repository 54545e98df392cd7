//! What people see of a run: a bar on terminals, lines at validations; or every event as JSON.

use std::io::{self, Write};

use anyhow::Result;
use bdlm::train::{TrainEvent, TrainStart, TrainStep, Validation};
use indicatif::ProgressBar;

use crate::cli::print::{bytes, note, progress_bar};

/// Steps of the bar.
const BAR_STEPS: u64 = 10_000;
/// How much of the shown loss is that of the last step.
const NEW: f64 = 0.05;

/// How events are printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Lines for people.
    Text,
    /// A JSON line each.
    Json,
}

/// Shows the events of a run.
pub struct Show {
    form: Form,
    bar: ProgressBar,
    memory_bytes: u64,
    /// A moving average, as single losses jump.
    loss: Option<f64>,
}

impl Show {
    /// Nothing yet.
    pub fn new(form: Form) -> Show {
        let bar = progress_bar("{msg} [{bar:30}] {percent}% {eta}");
        bar.set_length(BAR_STEPS);
        Show { form, bar, memory_bytes: 0, loss: None }
    }

    /// Shows an event.
    pub fn show(&mut self, event: &TrainEvent) -> Result<()> {
        if self.form == Form::Json {
            let mut out = io::stdout().lock();
            serde_json::to_writer(&mut out, event).map_err(io::Error::from)?;
            writeln!(out)?;
        }
        match event {
            TrainEvent::Start(start) => self.start(start),
            TrainEvent::Step(step) => self.step(step),
            TrainEvent::Skipped { step } => {
                self.say(&format!("step {step} is skipped: its gradients are not finite"));
            }
            TrainEvent::Validation(validation) => return self.line(&validated(validation)),
            TrainEvent::Sample { step, text } => {
                return self.line(&format!("step {step}: {}", text.trim()));
            }
            TrainEvent::Saved { .. } => {}
            TrainEvent::Done { step, secs } => {
                self.bar.finish_and_clear();
                note(&format!("{step} steps in {:.1} minutes", secs / 60.0));
            }
        }
        Ok(())
    }

    fn start(&mut self, start: &TrainStart) {
        self.memory_bytes = start.memory_bytes;
        let parameters = start.parameters as f64 / 1e6;
        let from = match start.step {
            0 => String::new(),
            step => format!(", from step {step} on"),
        };
        let steps = start.steps.map_or(String::new(), |steps| format!(", {steps} steps"));
        let tokens = start.step_tokens;
        self.say(&format!("{parameters:.2} M parameters, {tokens} tokens a step{steps}{from}"));
    }

    fn step(&mut self, step: &TrainStep) {
        let before = self.loss.unwrap_or(step.loss);
        let loss = before + NEW * (step.loss - before);
        self.loss = Some(loss);
        let (speed, memory) = (step.tokens_per_sec, bytes(self.memory_bytes));
        self.bar.set_message(format!("loss {loss:.3}, {speed:.0} tokens/s, {memory}"));
        self.bar.set_position((step.done * BAR_STEPS as f64) as u64);
    }

    /// A line on stdout, unless that has the events.
    fn line(&self, words: &str) -> Result<()> {
        match self.form {
            Form::Json => Ok(()),
            Form::Text => Ok(self.bar.suspend(|| writeln!(io::stdout(), "{words}"))?),
        }
    }

    /// A line on stderr.
    fn say(&self, words: &str) {
        self.bar.suspend(|| note(words));
    }
}

fn validated(Validation { step, nelbo, interval, variances }: &Validation) -> String {
    let nats = nelbo.iter().map(|found| {
        let (size, nats) = (found.block_size, found.nats_per_token);
        format!("{nats:.3} at block {size}")
    });
    let nats = nats.collect::<Vec<_>>().join(", ");
    let searched = match variances.is_empty() {
        true => String::new(),
        false => format!("; noise from {:.2} to {:.2}", interval.low, interval.high),
    };
    format!("step {step}: held out, nats per token: {nats}{searched}")
}
