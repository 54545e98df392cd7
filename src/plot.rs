//! Plots as PNG: panels side by side, each with its series as dots on a line. Knows no model.

use std::sync::Once;

use plotters::prelude::*;
use plotters::style::register_font;

use crate::{Error, Result};

/// One plot of a figure.
#[derive(Clone, Debug)]
pub struct Panel {
    /// What is on the horizontal axis, which begins at 0.
    pub x_label: &'static str,
    /// What is on the vertical axis.
    pub y_label: &'static str,
    /// The series, drawn in this order.
    pub series: Vec<Series>,
}

/// Points of one kind.
#[derive(Clone, Debug)]
pub struct Series {
    /// For the legend.
    pub name: String,
    /// Rising in x.
    pub points: Vec<(f64, f64)>,
}

const PANEL: (u32, u32) = (640, 480);
/// Okabe and Ito's palette, made for colour-blind eyes.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(90, 90, 90),
];

/// The panels as a PNG file.
///
/// # Errors
/// [`Error::Internal`] if it cannot be drawn.
pub fn png(panels: &[Panel]) -> Result<Vec<u8>> {
    load_font()?;
    let (width, height) = (PANEL.0 * panels.len().max(1) as u32, PANEL.1);
    let mut pixels = vec![255; (3 * width * height) as usize];
    {
        let root = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
        let areas = root.split_evenly((1, panels.len().max(1)));
        for (i, (area, panel)) in areas.iter().zip(panels).enumerate() {
            // One legend serves all panels of a figure.
            let legend = if i == 0 { Legend::Shown } else { Legend::Elsewhere };
            draw(area, panel, legend).map_err(|e| failed(&e))?;
        }
    }
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().and_then(|mut w| w.write_image_data(&pixels)).map_err(|e| failed(&e))?;
    Ok(file)
}

fn failed(cause: &dyn std::fmt::Display) -> Error {
    Error::internal(format!("the plot cannot be drawn: {cause}"))
}

/// Plots must look the same everywhere, fonts or none.
fn load_font() -> Result<()> {
    static LOADED: Once = Once::new();
    let mut failed = false;
    LOADED.call_once(|| {
        let font = epaint_default_fonts::UBUNTU_LIGHT;
        failed = register_font("sans-serif", FontStyle::Normal, font).is_err();
    });
    if failed { Err(self::failed(&"its font cannot be read")) } else { Ok(()) }
}

type Area<'a> = DrawingArea<BitMapBackend<'a>, plotters::coord::Shift>;
type Drawn =
    Result<(), DrawingAreaErrorKind<<BitMapBackend<'static> as DrawingBackend>::ErrorType>>;

/// Where the legend is.
#[derive(Clone, Copy, PartialEq)]
enum Legend {
    Shown,
    Elsewhere,
}

fn draw(area: &Area<'_>, panel: &Panel, legend: Legend) -> Drawn {
    let is_shown = legend == Legend::Shown && panel.series.len() > 1;
    let (_, x_most) = range(panel, |point| point.0);
    let (y_least, y_most) = range(panel, |point| point.1);
    let height = (y_most - y_least).max(1e-3 * y_most.abs()).max(1e-6);
    // The legend has room above the points.
    let room = if is_shown { 0.08 * panel.series.len() as f64 } else { 0.0 };
    let mut chart = ChartBuilder::on(area)
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(64)
        .build_cartesian_2d(
        0.0..1.08 * x_most,
        y_least - 0.08 * height..y_most + (0.08 + room) * height,
    )?;
    chart
        .configure_mesh()
        .light_line_style(RGBColor(245, 245, 245))
        .bold_line_style(RGBColor(225, 225, 225))
        .x_desc(panel.x_label)
        .y_desc(panel.y_label)
        .x_label_formatter(&|x| rounded(*x))
        .y_label_formatter(&|y| rounded(*y))
        .label_style(("sans-serif", 17))
        .axis_desc_style(("sans-serif", 19))
        .draw()?;
    for (series, colour) in panel.series.iter().zip(COLOURS.iter().cycle()) {
        let line = LineSeries::new(series.points.iter().copied(), colour.stroke_width(2));
        let key = move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2));
        chart.draw_series(line)?.label(&series.name).legend(key);
        let dots = series.points.iter().map(|&point| Circle::new(point, 4, colour.filled()));
        chart.draw_series(dots)?;
    }
    if is_shown {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(WHITE.mix(0.85))
            .border_style(RGBColor(200, 200, 200))
            .label_font(("sans-serif", 17))
            .draw()?;
    }
    Ok(())
}

/// The least and the largest value of the panel.
fn range(panel: &Panel, value: fn(&(f64, f64)) -> f64) -> (f64, f64) {
    let values = panel.series.iter().flat_map(|series| &series.points).map(value);
    let (least, most) = values
        .filter(|value| value.is_finite())
        .fold((f64::MAX, f64::MIN), |(least, most), v| (least.min(v), most.max(v)));
    if least <= most { (least, most) } else { (1.0, 2.0) }
}

/// Three digits, without an exponent.
fn rounded(x: f64) -> String {
    let digits = (2 - x.abs().max(1e-9).log10().floor() as i32).clamp(0, 6) as usize;
    let text = format!("{x:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').into(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_on_axes_have_three_digits() {
        let wanted = [(1234.5, "1234"), (98.7, "98.7"), (1.0, "1"), (0.0123, "0.0123"), (0.0, "0")];
        wanted.iter().for_each(|&(x, text)| assert_eq!(rounded(x), text));
    }

    #[test]
    fn a_figure_is_a_png_of_all_its_panels() {
        let series = |name: &str, k: f64| Series {
            name: name.into(),
            points: (1..5).map(|i| (f64::from(1 << i), k + f64::from(i))).collect(),
        };
        let panel = || Panel {
            x_label: "evaluations",
            y_label: "perplexity",
            series: vec![series("block 4", 100.0), series("block 16", 102.0)],
        };
        let file = png(&[panel(), panel()]).unwrap();
        let image = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        assert_eq!((image.info().width, image.info().height), (2 * PANEL.0, PANEL.1));
        let nothing = Panel { series: Vec::new(), ..panel() };
        assert!(!png(&[nothing]).unwrap().is_empty(), "an empty panel is drawn too");
    }
}
