//! Going back and forth in what was recorded.

use crate::state::pane::Pane;
use crate::state::shown::State;

impl State {
    /// Plays, or pauses.
    pub fn toggle_play(&mut self, now: f64) {
        self.playing = !self.playing;
        self.due = now;
        // At the end of what was recorded, playing starts from the beginning.
        if self.playing && self.panes.iter().all(Pane::is_finished) {
            self.panes.iter_mut().for_each(|pane| pane.show(0, now));
        }
    }

    /// Shows another moment of the active pane, or of both if they go together. `to` gets the moment
    /// that is shown and the last one.
    pub fn go(&mut self, to: impl Fn(usize, usize) -> usize, now: f64) {
        self.playing = false;
        let both = self.in_step;
        for (i, pane) in self.panes.iter_mut().enumerate() {
            if both || i == self.active {
                let last = pane.recording.moments().len().saturating_sub(1);
                pane.show(to(pane.position, last), now);
            }
        }
    }
}
