//! What a piece of the text is.

use crate::recording::CellAt;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// The prompt, or what was not taken back; whether the network still sees it.
    Prompt { is_seen: bool },
    /// A token of a finished block; whether it begins the block, whether the network still sees it,
    /// whether it was pinned, and its number among all of the finished blocks.
    Token { at: CellAt, is_first: bool, is_seen: bool, is_pinned: bool, index: usize },
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
            Kind::Prompt { .. } | Kind::Text { .. } => None,
        }
    }
}
