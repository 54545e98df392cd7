//! The middle of the window: one run or two, or what is shown before there is one.

use egui::{Align, Layout, Sense, Ui, vec2};

use crate::recording::differing;
use crate::state::{Action, Marks, Pane, Preferences, Stage, State};
use crate::views::empty::{Beginning, empty_ui};
use crate::views::legend::legend_ui;
use crate::views::pane::{MARGIN, Side, side_ui};
use crate::views::theme::palette;

/// What the page shows.
pub struct Page<'a> {
    panes: &'a [Pane],
    active: usize,
    playing: bool,
    prefs: &'a Preferences,
    /// Words of the active pane that were looked for, and when.
    found: Option<(&'a Marks, f64)>,
    beginning: Beginning<'a>,
}

impl<'a> Page<'a> {
    /// What is shown of the state, and of the words that are looked for.
    pub fn of(state: &'a State, marks: &'a [Marks]) -> Page<'a> {
        Page {
            panes: &state.panes,
            active: state.active,
            playing: state.playing,
            prefs: &state.prefs,
            found: marks.first().zip(state.find.as_ref().map(|find| find.chosen_at)),
            beginning: Beginning::of(&state.models),
        }
    }

    fn is_empty(&self) -> bool {
        let [pane] = self.panes else { return false };
        pane.stage == Stage::Still && pane.recording.events().is_empty()
    }
}

/// The page.
pub fn page_ui(ui: &mut Ui, page: &Page<'_>, actions: &mut Vec<Action>) {
    if page.is_empty() {
        return empty_ui(ui, &page.beginning, actions);
    }
    egui::Panel::bottom("legend").show_separator_line(false).frame(legend_frame()).show(ui, |ui| {
        legend_ui(ui, page.prefs, actions);
    });
    let count = page.panes.len();
    let marks = differences(page.panes);
    let width = (ui.available_width() - 1.0) / count as f32;
    let height = ui.available_height();
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        for (index, pane) in page.panes.iter().enumerate() {
            let side = Side {
                pane,
                found: page.found.filter(|_| page.active == index),
                marked: marks.as_ref().map(|marks| &marks[index][..]),
                index,
                is_active: (count == 2).then_some(page.active == index),
                playing: page.playing,
                prefs: page.prefs,
            };
            ui.allocate_ui_with_layout(vec2(width, height), Layout::top_down(Align::Min), |ui| {
                side_ui(ui, &side, actions);
            });
            if index + 1 < count {
                let (line, _) = ui.allocate_exact_size(vec2(1.0, height), Sense::hover());
                ui.painter().rect_filled(line, 0, palette(ui).boundary);
            }
        }
    });
}

/// The tokens of two runs that differ; none of one run.
fn differences(panes: &[Pane]) -> Option<[Vec<bool>; 2]> {
    let [left, right] = panes else { return None };
    let tokens = |pane: &Pane| -> (Vec<u32>, usize) {
        let (recording, moment) = (&pane.recording, pane.position);
        let last = recording.blocks(moment).last().map(|block| block.block_idx);
        let given = recording.start().map_or(0, |start| start.ids.len());
        (last.map(|last| recording.ids_to(moment, last)).unwrap_or_default(), given)
    };
    let are_done = panes.iter().all(|pane| pane.recording.step(pane.position).is_none());
    let ((mut left, left_given), (mut right, right_given)) = (tokens(left), tokens(right));
    if !are_done {
        // What only one side has written yet is no difference.
        let both = left.len().min(right.len());
        left.truncate(both);
        right.truncate(both);
    }
    if left.is_empty() || right.is_empty() {
        return None;
    }
    // Prompts are compared too: a branch has a longer one.
    let [left, right] = differing(&left, &right);
    let drawn = |marks: Vec<bool>, given: usize| marks.into_iter().skip(given).collect();
    Some([drawn(left, left_given), drawn(right, right_given)])
}

fn legend_frame() -> egui::Frame {
    egui::Frame::new().inner_margin(egui::Margin::symmetric(MARGIN as i8, 9))
}
