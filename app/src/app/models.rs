//! Models: finding, loading, and the banner's button.

use bdlm::sample::Prompt;
use egui::Context;

use crate::app::base::App;
use crate::engine::{Attempt, Source};
use crate::state::{Banner, Remedy, Sheet, State, View};

impl App {
    /// Loads the model that the sheet names; at the start of the app, that of the preferences.
    pub fn load(&mut self) {
        self.load_from(self.state.models.source.clone());
    }

    /// Loads a model, and ends the runs: they belong to the model before.
    pub(super) fn load_from(&mut self, source: Source) {
        self.stop();
        self.state.models.begin(&Attempt::Load(source.clone()));
        if !self.engine.load(source) {
            self.fail_engine();
        }
    }

    /// Finds a model, to say how much memory it needs.
    pub(super) fn find(&mut self, source: Source) {
        self.state.models.begin(&Attempt::Find(source.clone()));
        let request = self.state.prefs.panes[0].request(Prompt::Ids(Vec::new()));
        if !self.engine.find(source, Box::new(request)) {
            self.fail_engine();
        }
    }

    /// Prepares the run that the next click would begin.
    pub(super) fn warm(&mut self) {
        let State { prefs, models, .. } = &self.state;
        let Some(model) = &models.loaded else { return };
        let request =
            prefs.panes[0].clone().of_loaded(model).request(Prompt::Text(prefs.prompt.clone()));
        // The engine's thread has just reported: if it is gone, the next call says so.
        let _ = self.engine.warm(Box::new(request));
    }

    /// Shows a sheet.
    pub(super) fn show_sheet(&mut self, sheet: Sheet) {
        if sheet == Sheet::Model && self.state.models.adapters.is_none() {
            self.engine.adapters();
        }
        if sheet == Sheet::Model {
            self.engine.kept();
        }
        self.state.sheet = sheet;
    }

    /// Shows a sheet, where there is room for one: what training needs is beside training.
    fn show_beside(&mut self, sheet: Sheet) {
        if self.state.view == View::Training {
            self.state.view = View::Text;
        }
        self.show_sheet(sheet);
    }

    /// Does what the banner's button says.
    pub(super) fn remedy(&mut self, ctx: &Context, now: f64) {
        let banner = self.state.banner.take();
        let Some(Banner { remedy: Some((_, remedy)), .. }) = banner else { return };
        match remedy {
            Remedy::Find(source) => self.find(source),
            Remedy::Load(source) => {
                self.state.models.source = source.clone();
                self.load_from(source);
            }
            Remedy::ShowModel => self.show_beside(Sheet::Model),
            Remedy::ShowSettings => self.show_beside(Sheet::Settings),
            Remedy::Generate => self.generate(now),
            Remedy::ResumeTraining => self.begin_training(ctx, true),
        }
    }
}
