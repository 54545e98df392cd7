//! What a piece of the text is.

use crate::recording::CellAt;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// The prompt, or what was not taken back.
    Prompt,
    /// A token of a finished block; whether it begins the block, and whether the network still
    /// sees it.
    Token { at: CellAt, is_first: bool, is_seen: bool },
    /// Text of a finished block whose tokens are not known one by one.
    Text { is_seen: bool },
    /// A cell of the current block.
    Live(usize),
}

impl Kind {
    /// The cell that it shows.
    pub(super) fn cell(self, current: Option<usize>) -> Option<CellAt> {
        match self {
            Kind::Token { at, .. } => Some(at),
            Kind::Live(cell) => current.map(|block_idx| CellAt { block_idx, cell }),
            Kind::Prompt | Kind::Text { .. } => None,
        }
    }
}
