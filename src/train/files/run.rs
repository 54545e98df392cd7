//! A run of training in a folder: the trainer's stream, with saves between its events.

use std::collections::VecDeque;

use serde_json::{Map, Value};

use crate::gpu::block_on;
use crate::train::Parameters;
use crate::train::event::TrainEvent;
use crate::train::files::folder::RunFolder;
use crate::train::options::TrainOptions;
use crate::train::trainer::{Progress, TrainData, Trainer};
use crate::{Error, Result};

/// What a run in a folder needs beside its options.
pub struct RunFiles {
    /// Where it is.
    pub folder: RunFolder,
    /// Steps from one save to the next.
    pub save_every: usize,
    /// The bytes of the model's `config.json`.
    pub config: Vec<u8>,
    /// What decides the run beside its options, such as digests of the data: a run goes on only with
    /// the same.
    pub settings: Map<String, Value>,
}

/// A run of training in a folder.
pub struct TrainRun {
    trainer: Trainer,
    files: RunFiles,
    settings: Value,
    saved: Option<usize>,
    /// Whether there was a step or a validation since.
    is_changed: bool,
    events: VecDeque<TrainEvent>,
}

/// Options that may change when a run goes on: they do not change its steps.
const FREE: [&str; 3] = ["length", "checks", "max_kept_bytes"];

impl TrainRun {
    /// Begins a run, or goes on with the one in the folder.
    ///
    /// # Errors
    /// [`Error::Request`] for a run that was begun with other settings; as [`Trainer::new`].
    pub fn new(
        parameters: Parameters,
        data: TrainData,
        options: TrainOptions,
        files: RunFiles,
    ) -> Result<TrainRun> {
        let settings = settings(&options, &files.settings)?;
        let state = files.folder.state()?;
        let mut progress = Progress { interval: options.interval, ..Progress::default() };
        if let Some(state) = &state {
            check_settings(&state.header.settings, &settings)?;
            state.restore_weights(&parameters)?;
            progress = state.header.progress;
        }
        let tokenizer = data.tokenizer.clone();
        let trainer = Trainer::new(parameters, data, options, progress)?;
        if let Some(state) = &state {
            state.restore_optimiser(trainer.parameters(), trainer.optimiser())?;
        }
        files.folder.write_config(&files.config)?;
        if let Some(tokenizer) = &tokenizer {
            files.folder.write_tokenizer(tokenizer)?;
        }
        let saved = state.map(|_| progress.step);
        let events = VecDeque::new();
        Ok(TrainRun { trainer, files, settings, saved, is_changed: false, events })
    }

    /// Goes on until the next event; none at the end.
    ///
    /// # Errors
    /// As [`Trainer::next`], and [`Error::Io`].
    #[allow(
        clippy::should_implement_trait,
        reason = "an Iterator cannot return a Result of an Option"
    )]
    pub fn next(&mut self) -> Result<Option<TrainEvent>> {
        if let Some(event) = self.events.pop_front() {
            return Ok(Some(event));
        }
        let Some(event) = self.trainer.next()? else { return Ok(None) };
        self.is_changed |= matches!(event, TrainEvent::Step(_) | TrainEvent::Validation(_));
        let step = self.trainer.progress().step;
        match &event {
            // The end is the last event.
            TrainEvent::Done { .. } => {
                self.save()?;
                self.events.push_back(event);
            }
            // Validations may choose the interval of the next steps.
            TrainEvent::Validation(_) => {
                self.events.push_back(event);
                self.save()?;
            }
            TrainEvent::Step(_) if step.is_multiple_of(self.files.save_every) => {
                self.events.push_back(event);
                self.save()?;
            }
            _ => self.events.push_back(event),
        }
        Ok(self.events.pop_front())
    }

    /// Saves the model and the state now, unless they are.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::Io`].
    pub fn save(&mut self) -> Result<()> {
        block_on(self.trainer.settle())?;
        let step = self.trainer.progress().step;
        if !self.is_changed && self.saved == Some(step) {
            return Ok(());
        }
        block_on(self.files.folder.save(&self.trainer, &self.settings))?;
        self.is_changed = false;
        if self.saved != Some(step) {
            self.saved = Some(step);
            self.events.push_back(TrainEvent::Saved { step });
        }
        Ok(())
    }

    /// The run without its folder.
    pub fn trainer(&self) -> &Trainer {
        &self.trainer
    }
}

/// All that decides a run.
fn settings(options: &TrainOptions, others: &Map<String, Value>) -> Result<Value> {
    let options = serde_json::to_value(options).map_err(|e| Error::internal(e.to_string()))?;
    let Value::Object(mut options) = options else { return Ok(options) };
    FREE.iter().for_each(|key| {
        options.remove(*key);
    });
    // The search decides which noise levels come.
    options.extend(others.iter().map(|(key, value)| (key.clone(), value.clone())));
    Ok(Value::Object(options))
}

/// Fails for a run that was begun with other settings.
fn check_settings(begun: &Value, now: &Value) -> Result<()> {
    let (Value::Object(begun), Value::Object(now)) = (begun, now) else {
        return Err(Error::request("the run in the folder has no settings"));
    };
    let differs = |key: &&String| begun.get(*key) != now.get(*key);
    match now.keys().chain(begun.keys()).find(differs) {
        None => Ok(()),
        Some(key) => {
            let shown = |settings: &Map<String, Value>| match settings.get(key) {
                Some(value) => value.to_string(),
                None => "nothing".into(),
            };
            Err(Error::request(format!(
                "the run in the folder was begun with {key} {}, not {}: give the same, or another \
                 folder",
                shown(begun),
                shown(now)
            )))
        }
    }
}
