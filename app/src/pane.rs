//! One run in the window: what was recorded, which moment is shown, and what is asked of the worker.
//! Knows no widget.

use bdlm::event::Event;
use bdlm::sample::Request;

use crate::recording::{CellAt, Recording};
use crate::settings::SampleSettings;
use crate::worker::{Command, SteerBy, Worker};

/// Where a run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Nothing was begun, or a recording was opened.
    #[default]
    Still,
    /// Moments can be pulled.
    Live,
    /// All moments are here.
    Over,
}

/// What a run was begun from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Origin {
    /// The model's name; empty for recordings.
    pub model: String,
    /// How it samples.
    pub settings: SampleSettings,
    /// The prompt as it was typed.
    pub prompt: String,
    /// Text behind the prompt that an earlier run had written.
    pub carried: String,
}

/// Moments that are asked for at once at full speed.
const AHEAD: usize = 4;

/// A run and the moment of it that is shown.
#[derive(Debug, Default)]
pub struct Pane {
    /// What happened.
    pub recording: Recording,
    /// The moment that is shown.
    pub position: usize,
    /// When it was first shown, in the window's seconds.
    pub shown_at: f64,
    /// The cell that was chosen.
    pub selected: Option<CellAt>,
    /// The cell that the mouse points at.
    pub hovered: Option<CellAt>,
    /// Where the run stands.
    pub stage: Stage,
    /// How it was made, in words; empty before there is anything.
    pub made_with: String,
    /// What the run that is shown was begun from.
    pub origin: Origin,
    /// What a run that has not told anything yet was begun from: until then the old one is shown.
    awaited: Option<Origin>,
    run: u64,
    /// A pull is under way.
    is_pulling: bool,
    /// One moment more is wanted when it is finished.
    wants_more: bool,
}

impl Pane {
    /// A recording, at its end.
    pub fn of(recording: Recording) -> Pane {
        let position = recording.moments().len().saturating_sub(1);
        Pane { recording, position, made_with: "A recorded run".into(), ..Pane::default() }
    }

    /// Begins a run in its place; `run` is its number. What was there stays until the run tells
    /// something.
    pub fn begin(
        &mut self,
        worker: &Worker,
        (pane, run): (usize, u64),
        request: Request,
        origin: Origin,
    ) -> bool {
        (self.stage, self.run, self.awaited) = (Stage::Live, run, Some(origin));
        (self.is_pulling, self.wants_more) = (false, false);
        worker.send(Command::Begin { pane, run, request: Box::new(request) })
    }

    /// True if nothing was told of the run that was begun.
    pub fn is_awaited(&self) -> bool {
        self.awaited.is_some()
    }

    /// True if this is the number of its run.
    pub fn is_of(&self, run: u64) -> bool {
        self.stage == Stage::Live && self.run == run
    }

    /// Takes an event; what is shown follows if it was the newest.
    pub fn push(&mut self, event: Event, now: f64) {
        if let Some(origin) = self.awaited.take() {
            self.made_with = origin.settings.summary();
            (self.origin, self.recording) = (origin, Recording::default());
            (self.position, self.selected, self.hovered) = (0, None, None);
        }
        let before = self.recording.moments().len();
        let was_newest = self.position + 1 >= before;
        self.recording.push(event);
        let after = self.recording.moments().len();
        if after > before && was_newest {
            self.show(after - 1, now);
        }
    }

    /// A pull is finished; another begins if one was wanted meanwhile.
    pub fn pulled(&mut self, worker: &Worker, pane: usize, is_over: bool) {
        self.is_pulling = false;
        if is_over {
            self.stage = Stage::Over;
        }
        if std::mem::take(&mut self.wants_more) {
            self.pull(worker, pane, 1);
        }
    }

    /// The run has failed, or is given up; what was recorded stays.
    pub fn fail(&mut self) {
        (self.is_pulling, self.wants_more, self.awaited) = (false, false, None);
        self.stage = if self.recording.events().is_empty() { Stage::Still } else { Stage::Over };
    }

    /// Shows a moment.
    pub fn show(&mut self, moment: usize, now: f64) {
        let last = self.recording.moments().len().saturating_sub(1);
        let moment = moment.min(last);
        if moment != self.position || last == 0 {
            (self.position, self.shown_at) = (moment, now);
        }
    }

    /// True if the newest moment is shown.
    pub fn is_at_end(&self) -> bool {
        self.position + 1 >= self.recording.moments().len()
    }

    /// True if there is nothing to go on to.
    pub fn is_finished(&self) -> bool {
        self.stage != Stage::Live && self.is_at_end()
    }

    /// True while the worker is asked for moments.
    pub fn is_pulling(&self) -> bool {
        self.is_pulling
    }

    /// One moment on: a recorded one, or a new one from the worker.
    pub fn step_on(&mut self, worker: &Worker, pane: usize, now: f64) {
        if self.is_at_end() || self.is_awaited() {
            self.wants_more = self.is_pulling;
            self.pull(worker, pane, 1);
        } else {
            self.show(self.position + 1, now);
        }
    }

    /// As far as there is, and on.
    pub fn run_on(&mut self, worker: &Worker, pane: usize, now: f64) {
        self.show(usize::MAX, now);
        self.pull(worker, pane, AHEAD);
    }

    fn pull(&mut self, worker: &Worker, pane: usize, moments: usize) {
        if self.stage == Stage::Live && !self.is_pulling {
            self.is_pulling = worker.send(Command::Pull { pane, run: self.run, moments });
        }
    }

    /// Steers a cell of the current block; the newest moment must be shown.
    pub fn steer(&mut self, worker: &Worker, pane: usize, cell: usize, by: SteerBy) {
        if self.can_steer() {
            self.is_pulling = worker.send(Command::Steer { pane, run: self.run, cell, by });
        }
    }

    /// True if cells of the block that is shown can be steered.
    pub fn can_steer(&self) -> bool {
        self.stage == Stage::Live
            && self.is_at_end()
            && !self.is_awaited()
            && !self.is_pulling
            && self.recording.step(self.position).is_some()
            && self.recording.moments().last().is_some_and(|moment| moment.masked > 0)
    }
}
