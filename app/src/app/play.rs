//! Steps that follow each other.

use std::time::Duration;

use bdlm::clock::Stopwatch;
use egui::Context;

use crate::app::base::App;
use crate::state::Pane;
use crate::system::IS_PAGE;

/// How long a frame waits for a step.
const MOMENT: Duration = Duration::from_millis(15);

impl App {
    /// Shows the next step when it is due.
    pub(super) fn play(&mut self, ctx: &Context, now: f64) {
        let state = &mut self.state;
        if state.panes.iter().all(Pane::is_finished) {
            state.playing = false;
            return;
        }
        let Some(secs) = state.prefs.speed.secs() else {
            for pane in 0..self.state.panes.len() {
                let command = self.state.panes[pane].run_on(now);
                self.send(pane, command);
            }
            return;
        };
        // Together, neither goes on before the other has come.
        if state.in_step && state.panes.iter().any(Pane::is_pulling) {
            // The notice wakes the window.
            return;
        }
        if now >= state.due {
            state.due = now.max(state.due + secs);
            self.step_on(now);
            self.await_steps(now);
        }
        ctx.request_repaint_after_secs((self.state.due - now).max(0.0) as f32);
    }

    /// Waits a moment for the steps that were pulled: those that come are drawn in this frame, which saves
    /// one more for each step.
    fn await_steps(&mut self, now: f64) {
        let begun = Stopwatch::start();
        while self.state.panes.iter().any(Pane::is_pulling) {
            let left = MOMENT.saturating_sub(Duration::from_secs_f64(begun.secs()));
            if IS_PAGE || left.is_zero() || !self.engine.wait(left) {
                return;
            }
            self.take_notices(now);
        }
    }

    /// One moment on: in both panes if they play or go together, else in the active one.
    pub(super) fn step_on(&mut self, now: f64) {
        let both = self.state.playing || self.state.in_step;
        for pane in 0..self.state.panes.len() {
            if both || pane == self.state.active {
                let command = self.state.panes[pane].step_on(now);
                self.send(pane, command);
            }
        }
    }
}
