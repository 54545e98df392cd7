//! Runs: how they begin, branch off, and are steered.

use bdlm::sample::{Prompt, Request, Steer};

use crate::app::base::App;
use crate::state::{Origin, SampleSettings, SteerBy};
use crate::system::since_1970;

impl App {
    /// Begins with the prompt, in every pane.
    pub(super) fn generate(&mut self, now: f64) {
        if !self.state.can_generate() {
            return;
        }
        self.state.banner = None;
        self.new_seed();
        for pane in 0..self.state.panes.len() {
            self.begin_text(pane, self.state.prefs.panes[pane].clone(), String::new());
        }
        (self.state.playing, self.state.due) = (true, now);
    }

    /// Begins with the prompt in one pane; the other keeps what it shows.
    pub(super) fn generate_side(&mut self, pane: usize, now: f64) {
        if self.state.models.is_ready() {
            self.state.banner = None;
            self.new_seed();
            self.begin_text(pane, self.state.prefs.panes[pane].clone(), String::new());
            (self.state.playing, self.state.in_step) = (true, false);
            (self.state.active, self.state.due) = (pane, now);
        }
    }

    /// Begins anew with the prompt as it is now, and the finished blocks behind it.
    pub(super) fn restart(&mut self, now: f64) {
        if !self.state.can_restart() {
            return;
        }
        for pane in 0..self.state.panes.len() {
            let shown = &self.state.panes[pane];
            if self.state.can_restart_pane(shown) {
                let written = shown.recording.blocks(shown.position).map(|b| b.text.as_str());
                let carried = shown.origin.carried.clone() + &written.collect::<String>();
                self.begin_text(pane, shown.origin.settings.clone(), carried);
            }
        }
        (self.state.playing, self.state.due) = (true, now);
    }

    /// Another seed for the next run, unless it is locked; the same for both sides.
    fn new_seed(&mut self) {
        let nanos = since_1970().subsec_nanos();
        // Few digits, to be read and typed.
        let seed = u64::from(nanos / 1000) % 1_000_000;
        for side in self.state.prefs.panes.iter_mut().filter(|side| !side.is_seed_locked) {
            side.seed = if side.seed == seed { seed + 1 } else { seed };
        }
    }

    /// Begins a run from the prompt, with the text of an earlier run behind it.
    fn begin_text(&mut self, pane: usize, settings: SampleSettings, carried: String) {
        let Some(model) = &self.state.models.loaded else { return };
        let (settings, prompt) = (settings.of_loaded(model), self.state.prefs.prompt.clone());
        let request = settings.request(Prompt::Text(prompt.clone() + &carried));
        self.begin(pane, request, Origin { settings, prompt, carried, ..Origin::default() });
    }

    pub(super) fn begin(&mut self, pane: usize, request: Request, mut origin: Origin) {
        let Some(model) = &self.state.models.loaded else { return };
        origin.model = model.name.clone();
        self.runs += 1;
        let end = self.state.panes[pane].end();
        self.send(pane, end);
        let begin = self.state.panes[pane].begin(self.runs, request, origin);
        if !self.engine.send(begin) {
            self.fail_engine();
        }
    }

    /// Steers a cell of a pane's current block.
    pub(super) fn steer(&mut self, pane: usize, cell: usize, by: SteerBy) {
        self.state.playing = false;
        let Some(at) = self.state.panes[pane].steer(cell) else { return };
        let is_sent = match by {
            SteerBy::Token(token) => self.engine.send(at.command(Steer::Pin(token))),
            SteerBy::Text(text) => self.engine.token(at, text),
            SteerBy::Mask => self.engine.send(at.command(Steer::Mask)),
        };
        if !is_sent {
            self.state.panes[pane].unsent();
        }
    }
}
