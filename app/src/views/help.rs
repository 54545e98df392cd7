//! The sheet with help: the tour, the keys, the words of the paper.

use egui::{Grid, RichText, Ui};

use crate::state::{Action, TourStep};
use crate::views::theme::{note, palette, quiet};

const KEYS: [(&str, &str); 13] = [
    ("Enter in the prompt", "generate"),
    ("Ctrl+Enter", "the same, from anywhere"),
    ("Space", "play, pause"),
    ("Right, Left", "step on, step back"),
    ("Home, End", "first step, newest step"),
    ("Up, Down", "faster, slower"),
    ("Tab, Enter", "reach a cell, select it"),
    ("Ctrl+C", "copy the text"),
    ("Ctrl+F", "find words in the text"),
    ("Ctrl+Z", "undo steering"),
    ("Ctrl with +, -, 0", "zoom"),
    ("Escape", "close what is open"),
    ("? or F1", "this page"),
];

const WORDS: [(&str, &str); 6] = [
    ("Block", "Tokens that are denoised together, given all blocks before."),
    ("Masked", "Replaced by the mask token: the model must guess it."),
    ("Step", "One reveal decision: the model looks at all cells, some open."),
    ("Pass", "One run of the network (a function evaluation; their number is the NFE)."),
    ("Commit", "A finished block's keys and values are stored; later blocks see them."),
    ("Confidence, entropy", "Probability of the drawn token; spread of the distribution, in nats."),
];

/// All help.
pub fn help_ui(ui: &mut Ui, actions: &mut Vec<Action>) {
    ui.label(RichText::new("Help").strong());
    ui.separator();
    quiet(ui, "How a text emerges from masked blocks, in four steps:");
    if ui.button("Take the tour").clicked() {
        actions.push(Action::Tour(Some(TourStep::Masked)));
    }
    ui.add_space(10.0);
    ui.label(RichText::new("Keys").strong());
    ui.separator();
    Grid::new("keys").num_columns(2).spacing(egui::vec2(12.0, 5.0)).show(ui, |ui| {
        for (key, does) in KEYS {
            ui.label(RichText::new(key).small());
            ui.label(RichText::new(does).small().color(palette(ui).quiet));
            ui.end_row();
        }
    });
    ui.add_space(10.0);
    ui.label(RichText::new("Words").strong());
    ui.separator();
    for (word, meaning) in WORDS {
        ui.label(RichText::new(word).small().strong());
        note(ui, meaning);
    }
    ui.add_space(6.0);
    let link = "https://arxiv.org/abs/2503.09573";
    note(ui, "Arriola et al., Block Diffusion, ICLR 2025:");
    ui.hyperlink_to(RichText::new(link).small(), link);
    ui.add_space(6.0);
    note(ui, "Scripts that need shaping, such as Arabic and Devanagari, are shown unshaped.");
}
