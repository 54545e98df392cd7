//! Runs: how they begin, branch off, and are steered.

use bdlm::sample::{Prompt, Request, Sampler, SamplerKind, Steer};

use crate::app::base::App;
use crate::state::{Banner, Origin, Pane, SampleSettings, SteerBy};

impl App {
    /// Begins with the prompt, in every pane.
    pub(super) fn generate(&mut self, now: f64) {
        if !self.state.can_generate() {
            return;
        }
        self.state.banner = None;
        for pane in 0..self.state.panes.len() {
            self.begin_text(pane, self.state.prefs.panes[pane].clone(), String::new());
        }
        (self.state.playing, self.state.due) = (true, now);
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

    /// Begins a run from the prompt, with the text of an earlier run behind it.
    fn begin_text(&mut self, pane: usize, settings: SampleSettings, carried: String) {
        let prompt = self.state.prefs.prompt.clone();
        let request = settings.request(Prompt::Text(prompt.clone() + &carried));
        self.begin(pane, request, Origin { settings, prompt, carried, ..Origin::default() });
    }

    fn begin(&mut self, pane: usize, mut request: Request, mut origin: Origin) {
        let Some(model) = &self.state.models.loaded else { return };
        origin.model = model.name.clone();
        // What was chosen for another kind of model does not count.
        if model.block_size.is_none() {
            (request.block_size, origin.settings.block_size) = (None, None);
        }
        if !model.has_samplers {
            origin.settings.sampler = SamplerKind::FirstHitting;
            request.sampling.sampler = Sampler::FirstHitting;
        }
        self.runs += 1;
        let end = self.state.panes[pane].end();
        self.send(pane, end);
        let begin = self.state.panes[pane].begin(self.runs, request, origin);
        if !self.engine.send(begin) {
            self.fail_engine();
        }
    }

    /// Begins a run in the other pane, from the end of a block.
    pub(super) fn branch(&mut self, pane: usize, block_idx: usize) {
        let shown = &self.state.panes[pane];
        let ids = shown.recording.ids_to(shown.position, block_idx);
        let length = shown.recording.start().map_or(0, |start| start.length);
        let Some((_, tokens)) = ids.split_first().filter(|_| self.state.can_branch(shown)) else {
            return;
        };
        if ids.len() >= length {
            let cause =
                format!("This block is the last of {length} tokens: branch from another one.");
            self.state.banner = Some(Banner::of("No text can follow this block.", cause));
            return;
        }
        self.branches += 1;
        let mut settings = shown.origin.settings.clone();
        settings.seed = settings.seed.wrapping_add(self.branches);
        settings.block_size = shown.recording.start().map(|start| start.block_size);
        settings.length = length;
        let request = settings.request(Prompt::Ids(tokens.to_vec()));
        let written = shown.recording.blocks(shown.position);
        let written = written.filter(|block| block.block_idx <= block_idx).map(|b| b.text.as_str());
        let Origin { prompt, carried, .. } = shown.origin.clone();
        let carried = carried + &written.collect::<String>();
        self.compare(true);
        let other = 1 - pane;
        self.begin(other, request, Origin { settings, prompt, carried, ..Origin::default() });
        let state = &mut self.state;
        (state.in_step, state.active, state.playing) = (false, other, true);
    }

    /// Two panes, or one.
    pub(super) fn compare(&mut self, on: bool) {
        if on && self.state.panes.len() == 1 {
            self.state.panes.push(Pane::default());
            self.state.in_step = true;
        } else if !on {
            for mut closed in self.state.panes.drain(1..) {
                closed.end().map(|end| self.engine.send(end));
            }
            self.state.active = 0;
        }
    }

    /// Steers a cell of a pane's current block.
    pub(super) fn steer(&mut self, pane: usize, cell: usize, by: SteerBy) {
        self.state.playing = false;
        self.state.pin.clear();
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
