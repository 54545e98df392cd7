//! A run in numbers: masked cells, confidence and entropy against steps, passes and milliseconds per
//! block, and what the network sees.

use egui::{Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};
use egui_plot::{Bar, BarChart, Line, Plot, PlotPoints, VLine};

use crate::recording::{BlockRecord, MAX_BYTES, Moment, Place};
use crate::state::Pane;
use crate::views::theme::{note, palette};

const HEIGHT: f32 = 62.0;
/// Steps that a curve shows at most.
const SHOWN: usize = 400;

/// All plots of a pane.
pub fn plots_ui(ui: &mut Ui, pane: &Pane) {
    window_ui(ui, pane);
    ui.add_space(4.0);
    if pane.recording.moments().is_empty() {
        return;
    }
    steps_ui(ui, pane, "masked cells", |m| m.masked as f32);
    steps_ui(ui, pane, "mean confidence of open cells", |m| m.confidence);
    steps_ui(ui, pane, "mean entropy of masked cells, nats", |m| m.entropy);
    blocks_ui(ui, pane, "passes per block", |block| block.passes as f64);
    blocks_ui(ui, pane, "milliseconds per block", |block| f64::from(block.ms));
    let (mb, most) = (pane.recording.bytes() as f64 / 1e6, MAX_BYTES / 1_000_000);
    let words = format!(
        "Every step is kept: {mb:.1} of {most} MB. Beyond that, the oldest steps lose their \
         candidates, then their cells."
    );
    ui.add_space(4.0);
    note(ui, &words);
}

/// The sequence as a bar: what is finished, the current block, what it can see.
fn window_ui(ui: &mut Ui, pane: &Pane) {
    let palette = palette(ui);
    let Some(start) = pane.recording.start() else { return };
    let length = start.length.max(1);
    let place = pane.recording.place(pane.position);
    let words = match place {
        None => format!("{length} tokens, a window of {}", start.window),
        Some(Place { start: 0, .. }) => "The block is the first".into(),
        Some(Place { start, seen_from: 0, .. }) => {
            format!("The block sees all {start} tokens before it")
        }
        Some(Place { start, seen_from, .. }) => {
            let seen = start.saturating_sub(seen_from);
            format!("The block sees {seen} tokens; {seen_from} have slid out")
        }
    };
    note(ui, &words);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 12.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Meter, true, format!("Window: {words}")));
    let x = |tokens: usize| rect.left() + rect.width() * (tokens as f32 / length as f32).min(1.0);
    let part = |from: usize, to: usize| {
        Rect::from_min_max(pos2(x(from), rect.top()), pos2(x(to).max(x(from) + 1.0), rect.bottom()))
    };
    ui.painter().rect_filled(rect, 3, palette.masked);
    match place {
        Some(Place { start, end, seen_from }) => {
            ui.painter().rect_filled(part(0, seen_from), 3, palette.hatch);
            let seen = part(seen_from, start);
            ui.painter().rect_filled(seen, 3, palette.accent.gamma_multiply(0.35));
            ui.painter().rect_filled(part(start, end), 2, palette.accent);
        }
        None => {
            ui.painter().rect_filled(part(0, length), 3, palette.hatch);
        }
    }
}

fn plot(name: &str) -> Plot<'_> {
    Plot::new(name)
        .height(HEIGHT)
        .show_axes([false, true])
        .y_axis_min_width(30.0)
        .allow_zoom(false)
        .allow_drag(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .show_x(false)
        .show_grid([false, true])
        .set_margin_fraction(vec2(0.02, 0.12))
        .include_y(0.0)
}

fn title(ui: &mut Ui, name: &str) {
    ui.add_space(3.0);
    note(ui, name);
}

fn steps_ui(ui: &mut Ui, pane: &Pane, name: &str, number: fn(&Moment) -> f32) {
    title(ui, name);
    let palette = palette(ui);
    let moments = pane.recording.moments();
    // If there are too many, those around the moment that is shown.
    let from = pane.position.saturating_sub(SHOWN / 2).min(moments.len().saturating_sub(SHOWN));
    let some = moments.iter().enumerate().skip(from).take(SHOWN);
    let points: Vec<[f64; 2]> = some
        .map(|(i, moment)| [i as f64, f64::from(number(moment))])
        .filter(|[_, y]| y.is_finite())
        .collect();
    let here = pane.position as f64;
    plot(name).show(ui, |plot| {
        plot.vline(VLine::new("here", here).color(palette.accent.gamma_multiply(0.6)));
        plot.line(Line::new(name, PlotPoints::from(points)).color(palette.accent).width(1.5));
    });
}

/// A probability over the steps of a block.
pub fn curve_ui(ui: &mut Ui, name: &str, points: &[(usize, f32)], most: f64) {
    title(ui, name);
    let color = palette(ui).accent;
    let points: Vec<[f64; 2]> =
        points.iter().map(|&(step, p)| [step as f64, f64::from(p)]).collect();
    plot(name).include_y(most).show(ui, |plot| {
        plot.line(Line::new(name, PlotPoints::from(points)).color(color).width(1.5));
    });
}

fn blocks_ui(ui: &mut Ui, pane: &Pane, name: &str, number: fn(&BlockRecord) -> f64) {
    let color = palette(ui).accent.gamma_multiply(0.7);
    let bar = |block| Bar::new(block_number(block), number(block)).width(0.7).fill(color);
    let bars: Vec<Bar> = pane.recording.finished_blocks().map(bar).collect();
    if bars.is_empty() {
        return;
    }
    title(ui, name);
    plot(name).show(ui, |plot| plot.bar_chart(BarChart::new(name, bars)));
}

fn block_number(block: &BlockRecord) -> f64 {
    block.block_idx as f64 + 1.0
}
