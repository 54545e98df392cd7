//! egui's shapes as SVG: sharp at any size, its text still text.

use std::fmt::Write;

use egui::epaint::{PathShape, RectShape, TextShape};
use egui::{Color32, FullOutput, Rect, Shape, Stroke, Vec2};

/// A frame as an SVG file.
pub(super) fn svg(output: &FullOutput, size: Vec2) -> String {
    let (width, height) = (size.x.ceil(), size.y.ceil());
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"Ubuntu, Helvetica, Arial, sans-serif\">\n"
    );
    let whole = Rect::from_min_size(egui::Pos2::ZERO, size);
    for (i, clipped) in output.shapes.iter().enumerate() {
        let clip = clipped.clip_rect.intersect(whole);
        if clip.is_negative() {
            continue;
        }
        let (x, y, w, h) = (clip.left(), clip.top(), clip.width(), clip.height());
        let mut inside = String::new();
        shape(&mut inside, &clipped.shape);
        if !inside.is_empty() {
            out += &format!(
                "<clipPath id=\"c{i}\"><rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{w:.2}\" \
                 height=\"{h:.2}\"/></clipPath>\n<g clip-path=\"url(#c{i})\">\n{inside}</g>\n"
            );
        }
    }
    out + "</svg>\n"
}

fn shape(out: &mut String, found: &Shape) {
    match found {
        Shape::Vec(shapes) => shapes.iter().for_each(|found| shape(out, found)),
        Shape::Rect(rect) => rectangle(out, rect),
        Shape::Text(text) => words(out, text),
        Shape::Path(path) => polygon(out, path),
        Shape::Circle(circle) => {
            let (x, y, r) = (circle.center.x, circle.center.y, circle.radius);
            let (fill, line) = (filled(circle.fill), stroked(circle.stroke));
            line_out(
                out,
                format!("<circle cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"{r:.2}\"{fill}{line}/>"),
            );
        }
        Shape::LineSegment { points: [a, b], stroke } => {
            let ends =
                format!("x1=\"{:.2}\" y1=\"{:.2}\" x2=\"{:.2}\" y2=\"{:.2}\"", a.x, a.y, b.x, b.y);
            line_out(out, format!("<line {ends}{}/>", stroked(*stroke)));
        }
        Shape::Mesh(mesh) => {
            for triangle in mesh.indices.chunks_exact(3) {
                let corners = triangle.iter().filter_map(|&i| mesh.vertices.get(i as usize));
                let corners: Vec<_> = corners.collect();
                let points: String =
                    corners.iter().map(|v| format!("{:.2},{:.2} ", v.pos.x, v.pos.y)).collect();
                let color = corners.first().map_or(Color32::TRANSPARENT, |v| v.color);
                line_out(out, format!("<polygon points=\"{points}\"{}/>", filled(color)));
            }
        }
        _ => {}
    }
}

fn line_out(out: &mut String, line: String) {
    out.push_str(&line);
    out.push('\n');
}

fn rectangle(out: &mut String, shape: &RectShape) {
    if shape.fill == Color32::TRANSPARENT && shape.stroke.is_empty() {
        return;
    }
    let (rect, round) = (shape.rect, shape.corner_radius.nw);
    let (x, y, w, h) = (rect.left(), rect.top(), rect.width().max(0.0), rect.height().max(0.0));
    let (fill, line) = (filled(shape.fill), stroked(shape.stroke));
    line_out(
        out,
        format!(
            "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{w:.2}\" height=\"{h:.2}\" \
             rx=\"{round}\"{fill}{line}/>"
        ),
    );
}

fn polygon(out: &mut String, path: &PathShape) {
    let points: String = path.points.iter().map(|p| format!("{:.2},{:.2} ", p.x, p.y)).collect();
    let name = if path.closed { "polygon" } else { "polyline" };
    line_out(out, format!("<{name} points=\"{points}\"{}/>", filled(path.fill)));
}

fn words(out: &mut String, shape: &TextShape) {
    let job = &shape.galley.job;
    let Some(format) = job.sections.first().map(|section| &section.format) else { return };
    let color = match shape.override_text_color {
        Some(color) => color,
        None if format.color == Color32::PLACEHOLDER => shape.fallback_color,
        None => format.color,
    };
    for placed in &shape.galley.rows {
        let Some(first) = placed.row.glyphs.first() else { continue };
        let text: String = placed.row.glyphs.iter().map(|glyph| glyph.chr).collect();
        if text.trim().is_empty() {
            continue;
        }
        let at = shape.pos + placed.pos.to_vec2() + first.pos.to_vec2();
        let (size, width) = (format.font_id.size, placed.row.size.x);
        line_out(
            out,
            format!(
                "<text x=\"{:.2}\" y=\"{:.2}\" font-size=\"{size}\" textLength=\"{width:.2}\" \
                 lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\"{}>{}</text>",
                at.x,
                at.y,
                filled(color),
                escaped(&text)
            ),
        );
    }
}

fn filled(color: Color32) -> String {
    paint("fill", color)
}

fn stroked(stroke: Stroke) -> String {
    if stroke.is_empty() {
        return String::new();
    }
    paint("stroke", stroke.color) + &format!(" stroke-width=\"{:.2}\"", stroke.width)
}

fn paint(name: &str, color: Color32) -> String {
    let [r, g, b, a] = color.to_srgba_unmultiplied();
    let mut words = match a {
        0 => return format!(" {name}=\"none\""),
        _ => format!(" {name}=\"#{r:02x}{g:02x}{b:02x}\""),
    };
    if a < 255 {
        let _ = write!(words, " {name}-opacity=\"{:.3}\"", f32::from(a) / 255.0);
    }
    words
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
