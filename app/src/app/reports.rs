//! What becomes of the engine's notices.

use bdlm::Error;
use bdlm::sample::Steer;
use bdlm::sample::worker::Report;

use crate::app::base::App;
use crate::engine::{Attempt, Loaded, Notice, Source, SteerAt};
use crate::state::{Banner, State, TourStep, View, remedy_of_load, remedy_of_run};

impl App {
    /// Takes a notice.
    pub(super) fn take(&mut self, notice: Notice, now: f64) {
        let models = &mut self.state.models;
        match notice {
            Notice::Run(report) => self.take_report(report, now),
            Notice::Progress(progress) => {
                if let Some(busy) = &mut models.busy {
                    *busy = progress;
                }
            }
            Notice::Found(found) => (models.found, models.busy) = (Some(*found), None),
            Notice::Loaded { source, loaded } => self.take_model(source, loaded, now),
            Notice::Cancelled => models.busy = None,
            Notice::Failed { what, error } => self.fail_load(&what, &error),
            Notice::Kept(kept) => models.kept = kept,
            Notice::Adapters(names) => models.adapters = Some(names),
            Notice::Token { at, token: Ok(token) } => self.pin(at, token),
            Notice::Token { at, token: Err(error) } => self.refuse(at.run, &error),
        }
    }

    /// A model is ready: what was not changed is as it was published with.
    fn take_model(&mut self, source: Source, loaded: Box<Loaded>, now: f64) {
        let State { models, prefs, banner, .. } = &mut self.state;
        // Files that were handed over are not found again by a name.
        if source.files.is_empty() {
            prefs.recent.retain(|name| *name != loaded.name);
            prefs.recent.insert(0, loaded.name.clone());
            prefs.recent.truncate(8);
            prefs.model = loaded.name.clone();
        }
        prefs.adapter = models.source.adapter.clone();
        prefs.panes.iter_mut().for_each(|side| side.suit(loaded.choices));
        if let Some(mistrusted) = &loaded.mistrusted {
            let sentence = format!("{} does not compute as it should.", loaded.adapter);
            *banner = Some(Banner::of(sentence, mistrusted));
        }
        (models.loaded, models.found, models.busy) = (Some(loaded), None, None);
        models.loaded_from = source;
        self.state.offer_view();
        // The first start of all begins with the tour.
        let is_new = !self.state.prefs.has_toured && self.state.history.is_stored;
        let is_text = self.state.view == View::Text;
        if is_new && is_text && self.state.pane().recording.events().is_empty() {
            self.tour(Some(TourStep::Masked), now);
        } else {
            self.warm();
        }
    }

    /// Takes a report of a run; none of one that is not shown any more.
    fn take_report(&mut self, report: Report, now: f64) {
        let Some(report) = self.take_answer(report, now) else { return };
        match report {
            Report::Event { run, event } => {
                if let Some(pane) = self.pane_of(run) {
                    let begins = self.state.panes[pane].is_awaited();
                    if begins {
                        self.record(pane);
                    }
                    self.state.panes[pane].push(*event, now);
                    if begins {
                        self.add_run(pane);
                    }
                }
            }
            Report::Pulled { run, is_over } => {
                if let Some(pane) = self.pane_of(run) {
                    self.pulled(pane, is_over);
                }
            }
            Report::Refused { run, error } => self.refuse(run, &error),
            Report::Failed { run, error } => self.fail_run(run, &error),
        }
    }

    /// What was pulled is done: what is pinned comes next, then more if it is wanted.
    fn pulled(&mut self, pane: usize, is_over: bool) {
        let more = self.state.panes[pane].pulled(is_over);
        let pins = self.state.panes[pane].due_pins();
        match pins.is_empty() {
            true => self.send(pane, more),
            false => pins.into_iter().for_each(|pin| self.send(pane, Some(pin))),
        }
        if is_over {
            self.record(pane);
        }
    }

    fn pane_of(&self, run: u64) -> Option<usize> {
        self.state.panes.iter().position(|pane| pane.is_of(run))
    }

    fn pin(&mut self, at: SteerAt, token: u32) {
        let Some(pane) = self.pane_of(at.run) else { return };
        self.state.pin.clear();
        self.send(pane, Some(at.command(Steer::Pin(token))));
    }

    fn refuse(&mut self, run: u64, error: &Error) {
        let Some(pane) = self.pane_of(run) else { return };
        self.state.panes[pane].refused();
        self.pulled(pane, false);
        self.state.banner = Some(Banner::of("The cell stays as it is.", error.to_string()));
    }

    fn fail_load(&mut self, what: &Attempt, error: &Error) {
        let models = &mut self.state.models;
        models.busy = None;
        let (Attempt::Find(source) | Attempt::Load(source)) = what;
        let sentence = format!("{} could not be loaded.", source.name);
        let remedy = Some(remedy_of_load(error, what, models));
        self.state.banner = Some(Banner { sentence, cause: error.to_string(), remedy });
    }

    fn fail_run(&mut self, run: u64, error: &Error) {
        let Some(pane) = self.pane_of(run) else { return };
        let pane = &mut self.state.panes[pane];
        let sentence = match error {
            Error::DeviceLost(_) => "The device was lost; the text so far is kept.",
            _ if pane.is_awaited() => "This run cannot begin.",
            _ => "The run has failed; the text so far is kept.",
        };
        pane.fail();
        self.record_all();
        self.state.playing = false;
        if matches!(error, Error::DeviceLost(_)) {
            // All runs were on it.
            self.stop();
            self.state.models.loaded = None;
        }
        let remedy = Some(remedy_of_run(error, &self.state.models));
        let (sentence, cause) = (sentence.into(), error.to_string());
        self.state.banner = Some(Banner { sentence, cause, remedy });
    }
}
