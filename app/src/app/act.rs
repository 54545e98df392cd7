//! Actions, done.

use egui::Context;

use crate::app::base::App;
use crate::recording::text;
use crate::state::{Action, Sheet};

impl App {
    /// Does an action.
    pub fn act(&mut self, ctx: &Context, action: Action, now: f64) {
        let state = &mut self.state;
        if action.pane().is_some_and(|pane| pane >= state.panes.len()) {
            return;
        }
        match action {
            Action::Generate => self.generate(now),
            Action::Restart => self.restart(now),
            Action::Stop => self.stop(),
            Action::TogglePlay => state.toggle_play(now),
            Action::StepOn => {
                state.playing = false;
                self.step_on(now);
            }
            Action::StepBack => state.go(|position, _| position.saturating_sub(1), now),
            Action::First => state.go(|_, _| 0, now),
            Action::Last => state.go(|_, last| last, now),
            Action::Show(pane, moment) => {
                state.active = pane;
                state.go(|_, _| moment, now);
            }
            Action::Activate(pane) => state.active = pane,
            Action::Hover(pane, cell) => {
                state.panes[pane].hovered = cell;
                ctx.request_repaint();
            }
            Action::Select(pane, cell) => state.select(pane, cell),
            Action::Steer(pane, cell, by) => self.steer(pane, cell, by),
            Action::Branch(pane, block_idx) => self.branch(pane, block_idx, now),
            Action::BranchAt(pane, moment, change) => self.branch_at(pane, moment, change, now),
            Action::Undo(pane) => self.undo(pane, now),
            Action::GenerateSide(pane) => self.generate_side(pane, now),
            Action::Run(action) => self.do_with_run(action, now),
            Action::Tour(step) => self.tour(step, now),
            Action::Compare(on) => self.compare(on),
            Action::InStep(on) => state.in_step = on,
            Action::Sheet(sheet) if state.sheet == sheet => state.sheet = Sheet::Inspector,
            Action::Sheet(sheet) => self.show_sheet(sheet),
            Action::FindModel => self.find(self.state.models.source.clone()),
            Action::LoadModel => self.load(),
            Action::CancelLoad => self.engine.cancel(),
            Action::ForgetModel(id) => drop(self.engine.forget(id)),
            Action::CopyLink => self.copy_link(ctx),
            Action::Export(format, path) => self.export(ctx, format, path),
            Action::Ask(dialog) => self.ask(ctx, dialog),
            Action::CancelExport => self.cancel_export(),
            Action::CopyText => {
                let pane = state.pane();
                ctx.copy_text(text(&pane.recording, pane.position));
                state.files.outcome = "The text is in the clipboard.".into();
            }
            Action::Open(path) => self.open_file(ctx, path),
            Action::Remedy => self.remedy(ctx, now),
            Action::Dismiss => state.banner = None,
            Action::Find(action) => state.look(action, now),
            Action::Chat(action) => self.chat(ctx, action, now),
            Action::Train(action) => self.train(ctx, action),
            Action::Edit(edit) => state.edit(edit),
        }
    }
}
