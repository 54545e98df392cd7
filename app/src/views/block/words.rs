//! Cells in words: on the screen, and for a screen reader.

use bdlm::event::{Cell, CellState};

use crate::recording::CellAt;

/// A cell's text, or its number where there is no tokenizer.
pub(super) fn shown(cell: &Cell) -> String {
    cell.text.clone().unwrap_or_else(|| format!("{} ", cell.token))
}

/// The text with an ellipsis for each part of a character, which has no glyph.
pub fn whole(text: &str) -> String {
    text.replace(char::REPLACEMENT_CHARACTER, "…")
}

/// A token's text for a label: blanks and line breaks can be seen.
pub fn quoted(text: Option<&str>, token: u32) -> String {
    match text {
        Some(text) => {
            let bare = text.trim_start_matches(' ');
            let dots = "·".repeat(text.len() - bare.len());
            format!("{dots}{}", whole(bare).replace('\n', "¶"))
        }
        None => token.to_string(),
    }
}

/// What a screen reader says of a cell.
pub(super) fn spoken(at: CellAt, cell: &Cell) -> String {
    let text = quoted(cell.text.as_deref(), cell.token);
    let text = text.trim_start_matches('·');
    let number = at.cell + 1;
    match cell.state {
        CellState::Masked if cell.is_blank() => format!("Cell {number}: masked"),
        CellState::Masked => format!("Cell {number}: masked, candidate {text}"),
        CellState::Pinned => format!("Cell {number}: pinned, {text}"),
        CellState::Given => format!("Cell {number}: given, {text}"),
        CellState::Open { step } => format!("Cell {number}: {text}, opened at step {step}"),
    }
}
