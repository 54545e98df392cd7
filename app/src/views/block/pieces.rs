//! The text at a moment, as pieces that flow.

use bdlm::event::{Cell, CellState};

use crate::recording::CellAt;
use crate::views::block::kind::Kind;
use crate::views::block::view::BlockView;
use crate::views::block::words::{quoted, shown, whole};
use crate::views::flow::Piece;

/// Width of a cell whose text is short, in points.
const CELL_WIDTH: f32 = 34.0;

impl BlockView<'_> {
    /// The prompt, the finished blocks, and the cells of the current one.
    pub(super) fn pieces(&self, cells: &[Cell]) -> Vec<Piece<Kind>> {
        let mut pieces = Vec::new();
        let mut push = |text: String, kind, min_width| {
            pieces.push(Piece { text, kind, min_width });
        };
        let place = self.recording.place(self.moment);
        let seen_from = place.map_or(0, |place| place.seen_from);
        let (out, seen) = self.prompt(seen_from);
        push(whole(out), Kind::Prompt { is_seen: false }, 0.0);
        push(whole(seen), Kind::Prompt { is_seen: true }, 0.0);
        let mut index = 0;
        for block in self.recording.blocks(self.moment) {
            let is_seen = block.end > seen_from;
            let spelled: String = block.cells.iter().map(shown).collect();
            if spelled != block.text {
                push(whole(&block.text), Kind::Text { is_seen }, 0.0);
                index += block.cells.len();
                continue;
            }
            for (i, cell) in block.cells.iter().enumerate() {
                let at = CellAt { block_idx: block.block_idx, cell: block.given + i };
                let (is_first, is_pinned) = (i == 0, cell.state == CellState::Pinned);
                let kind = Kind::Token { at, is_first, is_seen, is_pinned, index };
                push(shown(cell), kind, 0.0);
                index += 1;
            }
        }
        for (i, cell) in cells.iter().enumerate().filter(|(_, c)| c.state != CellState::Given) {
            // What a cell shows must be one piece on one line.
            let text = shown(cell).trim().replace([' ', '\n'], "·");
            let text =
                if text.is_empty() { quoted(cell.text.as_deref(), cell.token) } else { text };
            push(whole(&text), Kind::Live(i), CELL_WIDTH);
        }
        self.hide(&mut pieces);
        pieces
    }

    /// The prompt: what has slid out of the window, and what is seen. Where it was cut is known in
    /// tokens; the text is cut at a word, in proportion.
    fn prompt(&self, seen_from: usize) -> (&str, &str) {
        let prefix = self.recording.prefix(self.moment);
        let count = self.recording.start().map_or(0, |start| start.ids.len()).max(1);
        let at = prefix.len().saturating_mul(seen_from.min(count)) / count;
        let is_word = |&(i, c): &(usize, char)| i >= at && c == ' ';
        match seen_from {
            0 => ("", prefix),
            _ => prefix.split_at(prefix.char_indices().find(is_word).map_or(prefix.len(), |w| w.0)),
        }
    }

    /// Takes away the beginning that is not shown.
    fn hide(&self, pieces: &mut Vec<Piece<Kind>>) {
        let mut hidden = self.hidden;
        let is_text = |piece: &&mut Piece<Kind>| !matches!(piece.kind, Kind::Live(_));
        for piece in pieces.iter_mut().filter(is_text) {
            let cut = piece.text.floor_char_boundary(hidden.min(piece.text.len()));
            piece.text.drain(..cut);
            hidden -= cut;
        }
        if self.hidden > 0 {
            pieces.retain(|piece| matches!(piece.kind, Kind::Live(_)) || !piece.text.is_empty());
        }
    }
}
