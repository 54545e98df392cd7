//! The tour, shown on a run: each step goes to a moment that it speaks of.

use bdlm::event::CellState;

use crate::app::base::App;
use crate::recording::CellAt;
use crate::state::{Sheet, Stage, TourStep};

impl App {
    /// Shows a step of the tour, or ends it.
    pub(super) fn tour(&mut self, step: Option<TourStep>, now: f64) {
        self.state.prefs.has_toured = true;
        self.state.tour = step;
        let Some(step) = step else { return };
        self.state.sheet = Sheet::Inspector;
        if step == TourStep::Masked && self.state.pane().recording.moments().is_empty() {
            if self.state.prefs.prompt.trim().is_empty() {
                self.state.prefs.prompt = "Once upon a time".into();
            }
            self.generate(now);
        }
        self.state.playing = false;
        self.show_tour(now);
    }

    /// Goes to the moment that the step of the tour speaks of; one that is not there yet is computed.
    pub(super) fn show_tour(&mut self, now: f64) {
        let Some(step) = self.state.tour else { return };
        let pane = self.state.active;
        let shown = &mut self.state.panes[pane];
        let last_step = |moment: usize| shown.recording.step(moment);
        let count = shown.recording.moments().len();
        // The first block: masked, after the first pass, and when the next block begins.
        let first = (0..count).find(|&m| last_step(m).is_some_and(|step| step.step == 0));
        let block_idx = first.and_then(last_step).map(|step| step.block_idx);
        let next = (0..count).find(|&m| last_step(m).map(|step| step.block_idx) > block_idx);
        let wanted = match step {
            TourStep::Masked => first,
            TourStep::Candidates => first.map(|first| first + 1),
            TourStep::Reveal => first.map(|first| first + 2),
            TourStep::Commit => next,
        };
        match wanted.filter(|&moment| moment < count) {
            Some(moment) => {
                shown.show(moment, now);
                if step == TourStep::Candidates
                    && let Some(step) = shown.recording.step(moment)
                {
                    let is_masked = |cell: &bdlm::event::Cell| cell.state == CellState::Masked;
                    let cell = step.cells.iter().position(is_masked);
                    let block_idx = step.block_idx;
                    shown.selected = cell.map(|cell| CellAt { block_idx, cell });
                }
            }
            None if shown.stage == Stage::Live && !shown.is_pulling() => {
                shown.show(usize::MAX, now);
                let command = shown.step_on(now);
                self.send(pane, command);
            }
            None => {}
        }
    }

    /// True until the step of the tour is shown.
    pub(super) fn awaits_tour(&self) -> bool {
        let pane = self.state.pane();
        let at = pane.recording.step(pane.position).map(|step| step.step);
        match self.state.tour {
            None => false,
            Some(TourStep::Masked) => at != Some(0),
            Some(TourStep::Candidates) => pane.selected.is_none() || at.is_none() || at == Some(0),
            Some(TourStep::Reveal) => at.is_none_or(|step| step < 2),
            Some(TourStep::Commit) => pane.recording.blocks(pane.position).next().is_none(),
        }
    }
}
