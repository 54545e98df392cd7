//! Runs that branch off others, two panes, and what is taken back.

use bdlm::event::CellState;
use bdlm::sample::Prompt;

use crate::app::base::App;
use crate::state::{Banner, Origin, Pane, Stage, Undo};

impl App {
    /// Begins a run in the other pane, from the end of a block.
    pub(super) fn branch(&mut self, pane: usize, block_idx: usize, now: f64) {
        let shown = &self.state.panes[pane];
        let ids = shown.recording.ids_to(shown.position, block_idx);
        let length = shown.recording.start().map_or(0, |start| start.length);
        if ids.len() >= length {
            let cause =
                format!("This block is the last of {length} tokens: branch from another one.");
            self.state.banner = Some(Banner::of("No text can follow this block.", cause));
            return;
        }
        let moment = shown.position;
        self.branch_from((pane, 1 - pane), (moment, Some(block_idx)), ids, Vec::new(), now);
    }

    /// Begins a run in the other pane, from a moment inside a block: its open cells are pinned, one of
    /// them perhaps with another token.
    pub(super) fn branch_at(
        &mut self,
        pane: usize,
        moment: usize,
        change: Option<(usize, u32)>,
        now: f64,
    ) {
        self.branch_into((pane, 1 - pane), moment, change, now);
    }

    fn branch_into(
        &mut self,
        panes: (usize, usize),
        moment: usize,
        change: Option<(usize, u32)>,
        now: f64,
    ) {
        let shown = &self.state.panes[panes.0];
        let Some(step) = shown.recording.step(moment) else { return };
        let last = shown.recording.blocks(moment).last().map(|block| block.block_idx);
        let ids = match last {
            Some(last) => shown.recording.ids_to(moment, last),
            None => shown.recording.start().map(|start| start.ids.clone()).unwrap_or_default(),
        };
        let is_open = |cell: &CellState| !matches!(cell, CellState::Masked | CellState::Given);
        let cells = step.cells.iter().enumerate().filter(|(_, cell)| is_open(&cell.state));
        let mut pins: Vec<(usize, u32)> = cells.map(|(i, cell)| (i, cell.token)).collect();
        if let Some((cell, token)) = change {
            pins.retain(|pin| pin.0 != cell);
            pins.push((cell, token));
        }
        self.branch_from(panes, (moment, last), ids, pins, now);
    }

    /// Begins a run from tokens of another one, with pins in its first block.
    fn branch_from(
        &mut self,
        (from, to): (usize, usize),
        (moment, last_block): (usize, Option<usize>),
        ids: Vec<u32>,
        pins: Vec<(usize, u32)>,
        now: f64,
    ) {
        let shown = &self.state.panes[from];
        let Some((_, tokens)) = ids.split_first().filter(|_| self.state.can_branch(shown)) else {
            return;
        };
        let was_paused = shown.stage == Stage::Live && !self.state.playing;
        let start = shown.recording.start();
        let mut settings = shown.origin.settings.clone();
        settings.block_size = start.map(|start| start.block_size);
        settings.length = start.map_or(settings.length, |start| start.length);
        if from != to {
            self.branches += 1;
            settings.seed = settings.seed.wrapping_add(self.branches);
        }
        let Some(model) = &self.state.models.loaded else { return };
        let settings = settings.of_loaded(model);
        let request = settings.request(Prompt::Ids(tokens.to_vec()));
        let written = shown.recording.blocks(moment);
        let written = written.filter(|block| Some(block.block_idx) <= last_block);
        let written: String = written.map(|block| block.text.as_str()).collect();
        let Origin { prompt, carried, .. } = shown.origin.clone();
        let (carried, parent) = (carried + &written, shown.kept);
        if from != to {
            self.compare(true);
            self.state.in_step = false;
        }
        let origin = Origin { settings, prompt, carried, parent, ..Origin::default() };
        self.begin(to, request, origin);
        self.state.panes[to].pin_first(pins);
        (self.state.active, self.state.playing) = (to, !was_paused);
        self.state.due = now;
        if was_paused {
            let command = self.state.panes[to].step_on(now);
            self.send(to, command);
        }
    }

    /// Takes back what was steered last: in place while its block goes on, else by going on from the
    /// step before it. What was written since stays in the history.
    pub(super) fn undo(&mut self, pane: usize, now: f64) {
        self.state.playing = false;
        match self.state.panes[pane].undone() {
            None => {}
            Some(Ok(command)) => self.send(pane, Some(command)),
            Some(Err(Undo { moment, .. })) => self.branch_into((pane, pane), moment, None, now),
        }
    }

    /// Two panes, or one. What the other showed is in the history.
    pub(super) fn compare(&mut self, on: bool) {
        if on && self.state.panes.len() == 1 {
            self.state.panes.push(Pane::default());
            self.state.in_step = true;
        } else if !on && self.state.panes.len() > 1 {
            self.record_all();
            for mut closed in self.state.panes.drain(1..) {
                closed.end().map(|end| self.engine.send(end));
            }
            self.state.active = 0;
        }
    }
}
