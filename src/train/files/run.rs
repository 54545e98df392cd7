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
    /// Whether there was a validation since.
    is_changed: bool,
    /// Whether the next call saves.
    is_due: bool,
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
            progress = state.header.progress.clone();
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
        let saved = state.map(|state| state.header.progress.step);
        let events = VecDeque::new();
        Ok(TrainRun { trainer, files, settings, saved, is_changed: false, is_due: false, events })
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
        if self.is_due {
            // First the events of all that it holds: a kill after a save loses none of them.
            if let Some(event) = self.outstanding()? {
                return Ok(Some(event));
            }
            self.save()?;
        }
        if let Some(event) = self.events.pop_front() {
            return Ok(Some(event));
        }
        let Some(event) = self.trainer.next()? else { return Ok(None) };
        let step = self.trainer.progress().step;
        match &event {
            // The end is the last event.
            TrainEvent::Done { .. } => {
                self.save()?;
                self.events.push_back(event);
                return Ok(self.events.pop_front());
            }
            // Validations may choose the interval of the next steps.
            TrainEvent::Validation(_) => (self.is_changed, self.is_due) = (true, true),
            TrainEvent::Step(_) => self.is_due |= step.is_multiple_of(self.files.save_every),
            _ => {}
        }
        Ok(Some(event))
    }

    /// Ends the run before its end, and saves it: the events that were not given yet.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::Diverged`], [`Error::Io`].
    pub fn stop(mut self) -> Result<Vec<TrainEvent>> {
        let mut events = Vec::new();
        while let Some(event) = self.outstanding()? {
            events.push(event);
        }
        self.save()?;
        events.extend(self.events);
        Ok(events)
    }

    /// The next event of what was done already.
    fn outstanding(&mut self) -> Result<Option<TrainEvent>> {
        block_on(self.trainer.settle())?;
        Ok(self.trainer.pop())
    }

    /// Saves the model and the state, unless they are.
    fn save(&mut self) -> Result<()> {
        let step = self.trainer.progress().step;
        self.is_due = false;
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
