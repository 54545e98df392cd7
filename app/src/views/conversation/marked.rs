//! Text of a conversation, with the words in it that were looked for.

use egui::text::CCursor;
use egui::{
    Galley, Label, Rect, RichText, Role, Sense, Shape, Stroke, StrokeKind, TextStyle, TextWrapMode,
    Ui, WidgetInfo, WidgetText, pos2, vec2,
};

use crate::state::Marks;
use crate::views::find::is_sought;
use crate::views::theme::{LINE_HEIGHT, palette};

/// Matches in a text, and when the one that is shown was chosen.
#[derive(Clone, Copy)]
pub struct Found<'a> {
    pub marks: &'a Marks,
    pub chosen_at: f64,
    /// Nothing moves slowly.
    pub is_still: bool,
}

/// The text; the view moves to the match that is shown.
pub fn marked_ui(ui: &mut Ui, text: RichText, found: Option<Found<'_>>) {
    let Some(Found { marks, chosen_at, is_still }) =
        found.filter(|found| !found.marks.found.is_empty())
    else {
        ui.add(Label::new(text).wrap());
        return;
    };
    let palette = palette(ui);
    let (wrap, width) = (Some(TextWrapMode::Wrap), ui.available_width());
    let galley = WidgetText::from(text).into_galley(ui, wrap, width, TextStyle::Body);
    // Behind the text, which is set first.
    let ground = ui.painter().add(Shape::Noop);
    let response = ui.add(Label::new(galley.clone()));
    let mut shapes = Vec::new();
    for (index, range) in marks.found.iter().enumerate() {
        let is_current = marks.current == Some(index);
        let places = places_of(&galley, range.start, range.end);
        let places = places.map(|place| place.translate(response.rect.min.to_vec2()));
        for place in places.into_iter().filter(Rect::is_positive) {
            shapes.push(Shape::rect_filled(place, 3, palette.found));
            if is_current {
                let stroke = Stroke::new(1.5, palette.accent);
                shapes.push(Shape::rect_stroke(place, 3, stroke, StrokeKind::Outside));
            }
        }
        if is_current && is_sought(ui, chosen_at) {
            let animation = match is_still {
                true => egui::style::ScrollAnimation::none(),
                false => ui.style().scroll_animation,
            };
            let place = places[0].expand2(vec2(0.0, 2.0 * LINE_HEIGHT));
            ui.scroll_to_rect_animation(place, None, animation);
        }
        let words = galley.text().get(range.clone()).unwrap_or_default();
        let name = if is_current { "Current match" } else { "Match" };
        let node = ui.interact(places[0], response.id.with(index), Sense::hover());
        node.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{name}: {words}")));
    }
    ui.painter().set(ground, Shape::Vec(shapes));
}

/// Where some bytes of a text are: in the line where they begin, and in the one where they end if that is
/// another.
fn places_of(galley: &Galley, start: usize, end: usize) -> [Rect; 2] {
    let chars = |end: usize| galley.text().get(..end).map_or(0, |text| text.chars().count());
    let cursor = |at: usize| galley.pos_from_cursor(CCursor::new(chars(at)));
    let (begin, end) = (cursor(start), cursor(end));
    let line = |at: Rect, left: f32, right: f32| {
        Rect::from_min_max(pos2(left, at.top()), pos2(right, at.bottom())).shrink2(vec2(0.0, 3.0))
    };
    match end.top() > begin.top() {
        true => [line(begin, begin.left(), galley.rect.right()), line(end, 0.0, end.left())],
        false => [line(begin, begin.left(), end.left()), Rect::NOTHING],
    }
}
