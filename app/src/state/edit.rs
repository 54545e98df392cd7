//! Changes of what was typed or chosen.

use crate::state::action::Edit;
use crate::state::shown::State;

impl State {
    /// Takes a change.
    pub fn edit(&mut self, edit: Edit) {
        let State { prefs, models, files, .. } = self;
        match edit {
            Edit::Prompt(prompt) => prefs.prompt = prompt,
            Edit::Sampling(side, settings) => {
                if let Some(own) = prefs.panes.get_mut(side) {
                    *own = settings;
                }
            }
            Edit::Speed(speed) => prefs.speed = speed,
            Edit::Theme(theme) => prefs.theme = theme,
            Edit::ColorBy(color_by) => prefs.color_by = color_by,
            Edit::Scale(scale) => prefs.scale = scale,
            Edit::KeepColors(keep) => prefs.keep_colors = keep,
            Edit::ReduceMotion(reduce) => prefs.reduce_motion = reduce,
            Edit::ModelName(name) => {
                (models.source.name, models.found) = (name, None);
                models.source.files.clear();
            }
            Edit::Adapter(adapter) => models.source.adapter = adapter,
            Edit::Pin(pin) => self.pin = pin,
            Edit::WritePath(path) => files.path = path,
            Edit::OpenPath(path) => files.open = path,
            Edit::Pixels(pixels) => files.pixels = pixels.clamp(1, 3),
        }
    }
}
