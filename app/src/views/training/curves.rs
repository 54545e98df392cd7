//! The curves of a run: its loss, and the bounds on held-out texts.

use egui::{Color32, RichText, Sense, Shape, Stroke, Ui, vec2};
use egui_plot::{HoverPosition, Line, LineStyle, MarkerShape, Plot, PlotPoints, Points};

use crate::state::Training;
use crate::views::theme::{Palette, note, palette};

/// How the curves of the first block sizes are drawn: by form, as colours mean confidence.
const SHAPES: [MarkerShape; 3] = [MarkerShape::Circle, MarkerShape::Square, MarkerShape::Diamond];
/// Width of an entry of the legend, in points.
const LEGEND_WIDTH: f32 = 200.0;
/// Half the width of a mark.
const RADIUS: f32 = 3.5;

/// The plot, and what its marks stand for.
pub fn curves_ui(ui: &mut Ui, run: &Training, height: f32) {
    let palette = palette(ui);
    note(ui, "Nats per token, by step");
    let plot = Plot::new("loss")
        .height(height)
        .show_axes([true, true])
        .y_axis_min_width(34.0)
        .allow_zoom(false)
        .allow_drag(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .show_grid([false, true])
        .set_margin_fraction(vec2(0.02, 0.08))
        .include_x(0.0)
        .x_axis_formatter(|mark, _| format!("{:.0}", mark.value))
        .label_formatter(|at| match at {
            HoverPosition::NearDataPoint { plot_name, position: at, .. } => {
                Some(format!("{plot_name}\nstep {:.0}\n{:.3} nats/token", at.x, at.y))
            }
            HoverPosition::Elsewhere { .. } => None,
        });
    plot.show(ui, |plot| {
        let loss = PlotPoints::from(run.curve());
        plot.line(Line::new("training loss", loss).color(palette.accent).width(1.5));
        for ((size, points), shape) in run.nelbo.iter().zip(SHAPES.iter().cycle()) {
            let name = format!("held out, blocks of {size}");
            let line = Line::new(name.clone(), PlotPoints::from(points.clone()));
            plot.line(line.color(palette.text).width(1.0).style(LineStyle::dotted_loose()));
            let marks = Points::new(name, PlotPoints::from(points.clone()));
            plot.points(marks.color(palette.text).shape(*shape).radius(RADIUS));
        }
    });
    legend_ui(ui, run, &palette);
}

/// What the marks stand for, and the newest numbers.
fn legend_ui(ui: &mut Ui, run: &Training, palette: &Palette) {
    let small = |words: String| RichText::new(words).small().color(palette.quiet);
    let columns = ((ui.available_width() / LEGEND_WIDTH) as usize).max(1);
    let hint = "The bound on the negative log-likelihood of texts that are not trained on";
    let nelbo = run.nelbo.iter().filter_map(|(size, points)| Some((size, points.last()?[1])));
    egui::Grid::new("legend").spacing(vec2(18.0, 2.0)).show(ui, |ui| {
        ui.horizontal(|ui| {
            let (rect, _) = ui.allocate_exact_size(vec2(18.0, 10.0), Sense::hover());
            let line = [rect.left_center(), rect.right_center()];
            ui.painter().line_segment(line, Stroke::new(2.0, palette.accent));
            let loss = run.loss.map(|loss| format!("{loss:.2}")).unwrap_or_default();
            ui.label(small(format!("training loss {loss}")));
        });
        for (at, ((size, nats), shape)) in nelbo.zip(SHAPES.iter().cycle()).enumerate() {
            if (at + 1).is_multiple_of(columns) {
                ui.end_row();
            }
            ui.horizontal(|ui| {
                mark_ui(ui, *shape, palette.text);
                let words = small(format!("held out, blocks of {size}: {nats:.3}"));
                ui.label(words).on_hover_text(hint);
            });
        }
    });
}

/// A mark of the plot.
fn mark_ui(ui: &mut Ui, shape: MarkerShape, color: Color32) {
    let (rect, _) = ui.allocate_exact_size(vec2(2.0 * RADIUS + 2.0, 10.0), Sense::hover());
    let (at, r) = (rect.center(), RADIUS);
    let corners = match shape {
        MarkerShape::Circle => {
            ui.painter().circle_filled(at, r, color);
            return;
        }
        MarkerShape::Diamond => [vec2(0.0, -r), vec2(r, 0.0), vec2(0.0, r), vec2(-r, 0.0)],
        _ => [vec2(-r, -r), vec2(r, -r), vec2(r, r), vec2(-r, r)].map(|corner| 0.8 * corner),
    };
    let corners = corners.map(|corner| at + corner).to_vec();
    ui.painter().add(Shape::convex_polygon(corners, color, Stroke::NONE));
}
