//! One run in the window: what was recorded, and which moment is shown. What is wanted of the
//! engine's thread is returned as a command.

use bdlm::event::{CellState, Event};
use bdlm::sample::worker::Command;
use bdlm::sample::{Request, Steer};
use serde::{Deserialize, Serialize};

use crate::engine::{Source, SteerAt};
use crate::recording::{CellAt, Recording};
use crate::state::settings::SampleSettings;

/// Where a run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Nothing has begun, or a recording was opened.
    #[default]
    Still,
    /// Moments can be pulled.
    Live,
    /// All moments are here.
    Over,
}

/// What a run was begun from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Origin {
    /// The model's name; empty for recordings.
    pub model: String,
    /// How it samples.
    pub settings: SampleSettings,
    /// The prompt as it was typed.
    pub prompt: String,
    /// Text of an earlier run, behind the prompt.
    pub carried: String,
    /// Number of the run that it branched off.
    pub parent: Option<u64>,
}

/// How to take back what was steered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Undo {
    /// The moment before it.
    pub moment: usize,
    /// Index of the block.
    pub block_idx: usize,
    /// Index of the cell in the block.
    pub cell: usize,
    /// The opposite of what was done.
    pub steer: Steer,
}

/// Moments that are pulled together at full speed.
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
    /// The cell that is selected.
    pub selected: Option<CellAt>,
    /// The cell that the mouse points at.
    pub hovered: Option<CellAt>,
    /// Where the run stands.
    pub stage: Stage,
    /// How the run was made, in words; empty before there is anything.
    pub made_with: String,
    /// What the run that is shown was begun from.
    pub origin: Origin,
    /// Number of the run in the history; none if it is not there.
    pub kept: Option<u64>,
    /// What would take back what was steered, the last one last: a moment, a cell of its block, and
    /// what to do with it.
    pub undo: Vec<Undo>,
    /// Tokens that the next block begins with, a cell each: the run has branched off inside it.
    pins: Vec<(usize, u32)>,
    /// Events of those pins that are still to come, of which only the last is shown.
    carrying: usize,
    /// What a run was begun from that has reported nothing yet; until then the old one is shown.
    awaited: Option<Origin>,
    run: u64,
    /// The engine's thread computes for it.
    is_pulling: bool,
    /// One moment more is wanted when that is done.
    wants_more: bool,
}

impl Pane {
    /// True if the text follows from the settings alone, with a model that others can find.
    pub fn can_link(&self) -> bool {
        let is_steered =
            self.recording.events().iter().any(|event| matches!(**event, Event::Steer(_)));
        let Origin { model, parent, .. } = &self.origin;
        !model.is_empty() && *model != Source::HANDED_OVER && parent.is_none() && !is_steered
    }

    /// A recording, at its end.
    pub fn of(recording: Recording) -> Pane {
        let position = recording.moments().len().saturating_sub(1);
        Pane { recording, position, made_with: "A recorded run".into(), ..Pane::default() }
    }

    /// Begins a run; `run` is its number. What is shown stays until the run reports something.
    pub fn begin(&mut self, run: u64, request: Request, origin: Origin) -> Command {
        (self.stage, self.run, self.awaited) = (Stage::Live, run, Some(origin));
        (self.is_pulling, self.wants_more) = (false, false);
        (self.pins, self.carrying) = (Vec::new(), 0);
        Command::Begin { run, request: Box::new(request) }
    }

    /// Ends the run; what was recorded stays. None if no run goes on.
    pub fn end(&mut self) -> Option<Command> {
        let run = (self.stage == Stage::Live).then_some(self.run)?;
        self.fail();
        Some(Command::End { run })
    }

    /// True if the run that was begun has reported nothing yet.
    pub fn is_awaited(&self) -> bool {
        self.awaited.is_some()
    }

    /// True if this is the number of its run.
    pub fn is_of(&self, run: u64) -> bool {
        self.stage == Stage::Live && self.run == run
    }

    /// Takes an event; if the newest moment was shown, the new one is.
    pub fn push(&mut self, event: Event, now: f64) {
        if let Some(origin) = self.awaited.take() {
            self.made_with = origin.settings.summary();
            (self.origin, self.recording) = (origin, Recording::default());
            (self.position, self.selected, self.hovered) = (0, None, None);
            (self.kept, self.undo) = (None, Vec::new());
        }
        if self.carrying > 1 && matches!(event, Event::Steer(_)) {
            self.carrying -= 1;
            return;
        }
        let before = self.recording.moments().len();
        let was_newest = self.position + 1 >= before;
        self.recording.push(event);
        let after = self.recording.moments().len();
        if after > before && was_newest {
            self.show(after - 1, now);
        }
    }

    /// What was pulled is done; more is pulled if more was wanted meanwhile.
    pub fn pulled(&mut self, is_over: bool) -> Option<Command> {
        self.is_pulling = false;
        if is_over {
            self.stage = Stage::Over;
        }
        std::mem::take(&mut self.wants_more).then(|| self.pull(1)).flatten()
    }

    /// A command did not reach the engine's thread.
    pub fn unsent(&mut self) {
        self.is_pulling = false;
    }

    /// The run has failed; what was recorded stays.
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

    /// True if no moment follows.
    pub fn is_finished(&self) -> bool {
        self.stage != Stage::Live && self.is_at_end()
    }

    /// True while the engine's thread computes for it.
    pub fn is_pulling(&self) -> bool {
        self.is_pulling
    }

    /// One moment on: a recorded one, or a new one that is pulled.
    pub fn step_on(&mut self, now: f64) -> Option<Command> {
        if self.is_at_end() || self.is_awaited() {
            self.wants_more = self.is_pulling;
            self.pull(1)
        } else {
            self.show(self.position + 1, now);
            None
        }
    }

    /// Shows the newest moment, and pulls more.
    pub fn run_on(&mut self, now: f64) -> Option<Command> {
        self.show(usize::MAX, now);
        self.pull(AHEAD)
    }

    /// Begins the first block of the run with these tokens in its cells.
    pub fn pin_first(&mut self, pins: Vec<(usize, u32)>) {
        self.pins = pins;
    }

    /// The pins of the first block, once it has begun.
    pub fn due_pins(&mut self) -> Vec<Command> {
        let step = self.recording.step(self.recording.moments().len().wrapping_sub(1));
        let Some(step) = step.filter(|_| !self.is_awaited() && self.stage == Stage::Live) else {
            return Vec::new();
        };
        let (run, sample) = (self.run, step.sample);
        let pins = std::mem::take(&mut self.pins);
        self.carrying = pins.len();
        self.is_pulling |= !pins.is_empty();
        let command = |(cell, token)| SteerAt { run, sample, cell }.command(Steer::Pin(token));
        pins.into_iter().map(command).collect()
    }

    /// A cell could not be steered.
    pub fn refused(&mut self) {
        self.carrying = self.carrying.saturating_sub(1);
        self.undo.pop();
    }

    fn pull(&mut self, steps: usize) -> Option<Command> {
        if self.stage != Stage::Live || self.is_pulling {
            return None;
        }
        self.is_pulling = true;
        // What is pinned comes before the first pass.
        let steps = if self.pins.is_empty() { steps } else { 1 };
        Some(Command::Pull { run: self.run, steps })
    }

    /// Waits for a cell of the current block to be steered, by the command that the caller makes of
    /// it; none if it cannot be.
    pub fn steer(&mut self, cell: usize) -> Option<SteerAt> {
        let step = self.recording.step(self.position).filter(|_| self.can_steer())?;
        let at = SteerAt { run: self.run, sample: step.sample, cell };
        let own = step.cells.get(cell)?;
        let steer = match own.state {
            CellState::Masked => Steer::Mask,
            _ => Steer::Pin(own.token),
        };
        let (moment, block_idx) = (self.position, step.block_idx);
        self.undo.push(Undo { moment, block_idx, cell, steer });
        self.is_pulling = true;
        Some(at)
    }

    /// The run, if cells of its current block can be steered, and what would take back the last.
    pub fn undone(&mut self) -> Option<Result<Command, Undo>> {
        let undo = self.undo.pop()?;
        let step = self.recording.step(self.position).filter(|_| self.can_steer());
        let Some(step) = step.filter(|step| step.block_idx == undo.block_idx) else {
            return Some(Err(undo));
        };
        let at = SteerAt { run: self.run, sample: step.sample, cell: undo.cell };
        self.is_pulling = true;
        Some(Ok(at.command(undo.steer)))
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
