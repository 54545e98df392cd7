//! A frame of the window: notices in, views drawn, actions done.

use std::sync::atomic::Ordering;

use egui::{CentralPanel, Context, Frame, Panel, Rect, ThemePreference, Ui};

use bdlm::clock::Stopwatch;
use bdlm::sample::worker::Gone;

use crate::app::base::App;
use crate::state::{Action, Marks, Sheet, ThemeChoice, View};
use crate::system::IS_PAGE;
use crate::views::{self, theme};

/// Seconds of a frame that notices may take.
const NOTICE_SECS: f64 = 0.008;
/// Width of what is beside the text, in points.
const SIDE_WIDTH: f32 = 292.0;

impl App {
    /// Takes notices, and shows the next step if it is due: before each frame.
    pub fn advance(&mut self, ctx: &Context) {
        let now = ctx.input(|i| i.time);
        self.take_notices(now);
        self.take_export();
        self.take_opened();
        self.take_training();
        self.take_store();
        self.take_asked(ctx);
        self.take_dropped(ctx);
        ctx.set_theme(match self.state.prefs.theme {
            ThemeChoice::System => ThemePreference::System,
            ThemeChoice::Light => ThemePreference::Light,
            ThemeChoice::Dark => ThemePreference::Dark,
        });
        if self.awaits_tour() {
            self.show_tour(now);
        }
        if self.state.playing {
            self.play(ctx, now);
        }
        if let Some(secs) = self.go_on_answering(now) {
            ctx.request_repaint_after_secs(secs as f32);
        }
    }

    pub(super) fn take_notices(&mut self, now: f64) {
        let began = Stopwatch::start();
        while began.secs() < NOTICE_SECS {
            let models = &self.state.models;
            match self.engine.try_recv() {
                Ok(Some(notice)) => self.take(notice, now),
                Ok(None) => break,
                Err(Gone) if models.loaded.is_none() && models.busy.is_none() => break,
                Err(Gone) => self.fail_engine(),
            }
        }
    }

    /// Draws the window, and does what the user wants.
    pub fn show(&mut self, ui: &mut Ui) {
        let mut actions = Vec::new();
        self.draw(ui, &mut actions);
        if !actions.is_empty() {
            // What they change is seen in the next frame.
            ui.ctx().request_repaint();
        }
        let now = ui.input(|i| i.time);
        for action in actions {
            self.act(ui.ctx(), action, now);
        }
    }

    fn draw(&self, ui: &mut Ui, actions: &mut Vec<Action>) {
        match self.state.view {
            View::Text => self.draw_text(ui, actions),
            View::Conversation => self.draw_conversation(ui, actions),
            View::Training => self.draw_training(ui, actions),
        }
    }

    fn draw_conversation(&self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let state = &self.state;
        let marks = state.marks();
        views::find_keys(ui, state, actions);
        let bar = self.bar(ui).inner_margin(egui::Margin::symmetric(12, 9));
        Panel::top("conversation").frame(bar).show(ui, |ui| {
            views::chat_bar_ui(ui, &views::ChatBar::of(state), actions);
        });
        self.draw_side(ui, actions);
        Panel::bottom("message").frame(bar).show(ui, |ui| {
            views::message_ui(ui, state, actions);
        });
        self.draw_find(ui, &marks, actions);
        let page = self.page(ui);
        CentralPanel::default_margins().frame(page).show(ui, |ui| {
            let place = ui.max_rect();
            views::chat_page_ui(ui, &views::ChatPage::of(state, &marks), actions);
            self.draw_banner(ui, place, actions);
        });
    }

    fn draw_training(&self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let state = &self.state;
        let bar = self.bar(ui).inner_margin(egui::Margin::symmetric(12, 9));
        Panel::top("train").frame(bar).show(ui, |ui| {
            views::train_bar_ui(ui, &views::TrainBar::of(state), actions);
        });
        self.draw_side(ui, actions);
        let page = self.page(ui);
        CentralPanel::default_margins().frame(page).show(ui, |ui| {
            let place = ui.max_rect();
            views::train_page_ui(ui, &state.training);
            self.draw_banner(ui, place, actions);
        });
    }

    fn draw_text(&self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let state = &self.state;
        let marks = state.marks();
        views::find_keys(ui, state, actions);
        views::keys(ui, &views::Keys::of(state), actions);
        let bar = self.bar(ui).inner_margin(egui::Margin::symmetric(12, 9));
        Panel::top("prompt").frame(bar).show(ui, |ui| {
            views::prompt_ui(ui, &views::PromptBar::of(state), actions);
        });
        Panel::bottom("timeline").frame(bar).show(ui, |ui| {
            views::timeline_ui(ui, &views::Timeline::of(state), actions);
        });
        self.draw_side(ui, actions);
        self.draw_find(ui, &marks, actions);
        let page = self.page(ui);
        CentralPanel::default_margins().frame(page).show(ui, |ui| {
            let place = ui.max_rect();
            views::page_ui(ui, &views::Page::of(state, &marks), actions);
            if let Some(step) = state.tour {
                views::tour_ui(ui, place, step, !self.awaits_tour(), actions);
            }
            self.draw_banner(ui, place, actions);
        });
    }

    /// The ground of the middle. A window that is drawn slowly has the colour that it is cleared with.
    fn page(&self, ui: &Ui) -> Frame {
        match self.state.prefs.is_drawn_slowly {
            true => Frame::new(),
            false => Frame::new().fill(theme::palette(ui).page),
        }
    }

    /// The ground of what is around the middle: a window that is drawn slowly has one colour.
    fn bar(&self, ui: &Ui) -> Frame {
        let bar = Frame::side_top_panel(ui.style());
        match self.state.prefs.is_drawn_slowly {
            true => bar.fill(egui::Color32::TRANSPARENT),
            false => bar,
        }
    }

    /// Over the text: nothing moves when it comes.
    fn draw_banner(&self, ui: &Ui, place: Rect, actions: &mut Vec<Action>) {
        if let Some(banner) = &self.state.banner {
            views::banner_ui(ui, place, banner, actions);
        }
    }

    /// The field that finds words, under the page.
    fn draw_find(&self, ui: &mut Ui, marks: &[Marks], actions: &mut Vec<Action>) {
        if self.state.find.is_some() {
            let bar = self.bar(ui).inner_margin(egui::Margin::symmetric(12, 6));
            Panel::bottom("find").frame(bar).show(ui, |ui| {
                views::find_ui(ui, &views::FindBar::of(&self.state, marks), actions);
            });
        }
    }

    /// What is beside the text or the conversation.
    fn draw_side(&self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let state = &self.state;
        let is_narrow = theme::is_narrow(ui.ctx());
        let has_nothing = match state.view {
            View::Text => state.sheet == Sheet::Inspector && state.pane().selected.is_none(),
            View::Conversation => state.sheet == Sheet::Inspector,
            View::Training => false,
        };
        if is_narrow && has_nothing {
            return;
        }
        let width = if is_narrow { ui.available_width() } else { SIDE_WIDTH };
        let side = self.bar(ui).inner_margin(egui::Margin::symmetric(14, 10));
        Panel::right("side").frame(side).exact_size(width).resizable(false).show(ui, |ui| {
            if is_narrow && state.view != View::Training {
                views::back_ui(ui, state, actions);
            }
            egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| match state.sheet {
                _ if state.view == View::Training => {
                    views::train_form_ui(ui, &views::FormSheet::of(state), actions);
                }
                Sheet::Inspector if state.view == View::Conversation => {
                    views::chat_sheet_ui(ui, &views::ChatSheet::of(state), actions);
                }
                Sheet::Inspector => {
                    views::inspector_ui(ui, &views::Inspector::of(state), actions);
                }
                Sheet::Settings if state.view == View::Conversation => {
                    views::window_ui(ui, &state.prefs, actions);
                }
                Sheet::Settings => views::settings_ui(ui, &views::Settings::of(state), actions),
                Sheet::Model => {
                    views::model_ui(ui, &state.models, &state.prefs.recent, actions);
                    views::kept_models_ui(ui, &state.models.kept, actions);
                    if !IS_PAGE {
                        views::train_link_ui(ui, actions);
                    }
                    views::about_ui(ui, &state.models);
                }
                Sheet::Help => views::help_ui(ui, actions),
                Sheet::History => views::history_ui(ui, &views::Runs::of(state), actions),
                Sheet::Files => views::files_ui(ui, &views::FilesSheet::of(state), actions),
            });
        });
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &Context, frame: &mut eframe::Frame) {
        if self.painter_is_lost.load(Ordering::SeqCst) {
            self.stop();
            if let Some(storage) = frame.storage_mut() {
                eframe::App::save(self, storage);
                storage.flush();
            }
            ctx.send_viewport_cmd(egui::ViewportCommand::Close);
        }
        self.advance(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.show(ui);
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        // Fields of text stand out from the colour of bars in both themes.
        visuals.panel_fill.to_normalized_gamma_f32()
    }

    fn save(&mut self, storage: &mut dyn eframe::Storage) {
        self.remember_session();
        eframe::set_value(storage, eframe::APP_KEY, &self.state.prefs);
    }
}
