//! What the engine's thread and the exports tell, and what becomes of it in the window.

use std::sync::mpsc::TryRecvError;

use bdlm::Error;
use bdlm::hub::DEFAULT_MODEL;

use crate::app::App;
use crate::backend::Source;
use crate::export::ExportReport;
use crate::pane::Pane;
use crate::worker::{Attempt, Report};

/// What the banner's button does.
#[derive(Clone, Debug, PartialEq)]
pub enum Remedy {
    /// Try to find it again.
    Find(Source),
    /// Load it, again.
    Load(Source),
    /// Choose a model or an adapter.
    ShowModel,
    /// Change the settings.
    ShowSettings,
    /// Begin again.
    Generate,
}

/// An error in the window.
#[derive(Clone, Debug, PartialEq)]
pub struct Banner {
    /// What happened.
    pub sentence: String,
    /// Why.
    pub cause: String,
    /// The button's words, and what it does.
    pub remedy: Option<(String, Remedy)>,
}

impl App {
    /// Takes a report of the engine's thread.
    pub fn take(&mut self, report: Report, now: f64) {
        match report {
            Report::Progress(progress) => {
                if let Some(busy) = &mut self.busy {
                    *busy = progress;
                }
            }
            Report::Found(found) => {
                (self.found, self.busy) = (Some(*found), None);
            }
            Report::Loaded(loaded) => {
                self.prefs.model = loaded.name.clone();
                self.prefs.adapter = self.source.adapter.clone();
                (self.model, self.found, self.busy) = (Some(loaded), None, None);
                self.loaded_from = self.tried.clone();
            }
            Report::Cancelled => self.busy = None,
            Report::Adapters(names) => self.adapters = Some(names),
            Report::Event { pane, run, event } => {
                if let Some(pane) = self.panes.get_mut(pane).filter(|pane| pane.is_of(run)) {
                    pane.push(*event, now);
                }
            }
            Report::Pulled { pane, run, is_over } => {
                if let Some(shown) = self.panes.get_mut(pane).filter(|pane| pane.is_of(run)) {
                    shown.pulled(&self.worker, pane, is_over);
                }
            }
            Report::Refused { pane, run, error } => {
                let Some(shown) = self.panes.get_mut(pane).filter(|pane| pane.is_of(run)) else {
                    return;
                };
                shown.pulled(&self.worker, pane, false);
                let sentence = "That cannot be done.".into();
                self.banner = Some(Banner { sentence, cause: error.to_string(), remedy: None });
            }
            Report::Failed { what, error } => self.fail(&what, &error),
        }
    }

    fn fail(&mut self, what: &Attempt, error: &Error) {
        let words = |words: &str, remedy| Some((words.to_string(), remedy));
        let (sentence, remedy) = match what {
            Attempt::Find(source) | Attempt::Load(source) => {
                self.busy = None;
                let (name, source) = (source.name.clone(), source.clone());
                let remedy = match error {
                    Error::Hub(_) if matches!(what, Attempt::Find(_)) => {
                        words("Try again", Remedy::Find(source))
                    }
                    Error::Hub(_) => words("Try again", Remedy::Load(source)),
                    Error::OutOfMemory(_) | Error::TooLarge { .. } => {
                        words("Choose a model", Remedy::ShowModel)
                    }
                    _ if name == DEFAULT_MODEL => words("Choose an adapter", Remedy::ShowModel),
                    _ if self.model.is_some() => words("Choose a model", Remedy::ShowModel),
                    _ => {
                        let default = Source { name: DEFAULT_MODEL.into(), adapter: None };
                        words("Load tales instead", Remedy::Load(default))
                    }
                };
                (format!("{name} could not be loaded."), remedy)
            }
            Attempt::Run { pane, run } => {
                let is_shown = |pane: &&mut Pane| pane.is_of(*run);
                let Some(shown) = self.panes.get_mut(*pane).filter(is_shown) else { return };
                shown.fail();
                self.playing = false;
                match error {
                    Error::DeviceLost(_) => {
                        // All runs were on it.
                        self.stop();
                        self.model = None;
                        let remedy = Remedy::Load(self.loaded_from.clone());
                        let remedy = words("Load the model again", remedy);
                        ("The device was lost; the text so far is kept.".into(), remedy)
                    }
                    Error::Request(_) | Error::Config(_) => {
                        let remedy = words("Change the settings", Remedy::ShowSettings);
                        ("This run cannot begin.".into(), remedy)
                    }
                    _ => {
                        let remedy = words("Begin again", Remedy::Generate);
                        ("The run has failed; the text so far is kept.".into(), remedy)
                    }
                }
            }
        };
        self.banner = Some(Banner { sentence, cause: error.to_string(), remedy });
    }

    /// The thread takes no commands, or has ended.
    pub fn fail_busy(&mut self) {
        (self.busy, self.model) = (None, None);
        self.panes.iter_mut().for_each(Pane::fail);
        self.playing = false;
        self.banner = Some(Banner {
            sentence: "The engine does not answer.".into(),
            cause: "Its thread has ended or hangs: close the window and open it again.".into(),
            remedy: None,
        });
    }

    /// Takes what an export tells.
    pub fn take_export(&mut self) {
        let Some(export) = &self.writing.export else { return };
        let mut over = false;
        loop {
            let report = match export.reports.try_recv() {
                Ok(report) => report,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    over = true;
                    break;
                }
            };
            match report {
                ExportReport::Progress(part) => self.writing.part = part,
                ExportReport::Written(path) => {
                    self.writing.outcome = format!("Written: {}", path.display());
                    over = true;
                }
                ExportReport::Cancelled => {
                    self.writing.outcome = "Cancelled; no file was written.".into();
                    over = true;
                }
                ExportReport::Failed(error) => {
                    let sentence = "The file could not be written.".into();
                    let cause = error.to_string();
                    self.banner = Some(Banner { sentence, cause, remedy: None });
                    over = true;
                }
            }
        }
        if over {
            self.writing.export = None;
        }
    }
}
