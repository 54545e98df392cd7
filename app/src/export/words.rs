//! A run as words: Markdown, and events with what the run was made with.

use bdlm::text::decode;
use serde_json::Value;

use crate::export::scene::Scene;
use crate::recording::{json_lines, text};
use crate::state::Origin;

/// Key of a start's line under which the run's origin is.
pub const MADE_WITH: &str = "made_with";

/// The text under a heading, with what it was made with.
pub(super) fn markdown(scene: &Scene) -> String {
    let recording = &scene.recording;
    let prompt = recording.start().and_then(|start| start.text.clone()).unwrap_or_default();
    let whole = text(recording, scene.moment);
    let written = whole.strip_prefix(&prompt).unwrap_or(&whole);
    let title: String = prompt.trim().chars().take(60).collect();
    let title = if title.is_empty() { "A text".into() } else { title };
    let mut out = format!("# {title}\n\n**{}**{}\n\n---\n\n", prompt.trim(), hard_breaks(written));
    for (name, value) in scene.facts() {
        out += &format!("- {name}: {value}\n");
    }
    let pins = pinned(scene);
    if !pins.is_empty() {
        out += &format!("- pinned by hand: {}\n", pins.join(", "));
    }
    out
}

/// Markdown takes single line breaks for blanks.
fn hard_breaks(text: &str) -> String {
    text.trim_end().replace('\n', "  \n")
}

fn pinned(scene: &Scene) -> Vec<String> {
    use bdlm::event::CellState::Pinned;
    let blocks = scene.recording.blocks(scene.moment);
    let cells = blocks.flat_map(|block| &block.cells).filter(|cell| cell.state == Pinned);
    let word = |cell: &bdlm::event::Cell| cell.text.clone().unwrap_or(cell.token.to_string());
    cells.map(|cell| format!("“{}”", word(cell).trim())).collect()
}

/// The events; the start's line also says what the run was made with.
pub(super) fn events(scene: &Scene) -> String {
    let lines = json_lines(scene.recording.events());
    let Some((first, rest)) = lines.split_once('\n') else { return lines };
    let Ok(mut start) = serde_json::from_str::<Value>(first) else { return lines };
    let made_with = serde_json::to_value(&scene.origin);
    let (Some(fields), Ok(mut made_with)) = (start.as_object_mut(), made_with) else {
        return lines;
    };
    if let Some(fields) = made_with.as_object_mut() {
        fields.insert("version".into(), env!("CARGO_PKG_VERSION").into());
    }
    fields.insert(MADE_WITH.into(), made_with);
    format!("{start}\n{rest}")
}

/// What a run was made with, if the bytes of its file say so.
pub fn made_with(bytes: &[u8]) -> Option<Origin> {
    let text = decode(bytes).ok()?;
    let start: Value = serde_json::from_str(text.lines().next()?).ok()?;
    serde_json::from_value(start.get(MADE_WITH)?.clone()).ok()
}
