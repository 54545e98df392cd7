//! Steps that follow each other.

use egui::Context;

use crate::app::base::App;
use crate::state::Pane;

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
        }
        ctx.request_repaint_after_secs((self.state.due - now).max(0.0) as f32);
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
