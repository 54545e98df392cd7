//! The shape of a pass: what its plan depends on. Knows no GPU object.

/// What a plan depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PassShape {
    /// Rows of the pass.
    pub rows: usize,
    /// The first of them, which are cells.
    pub cells: usize,
    /// Rows of logits, for at least as many cells as are masked.
    pub logits: usize,
    /// Cells of a block.
    pub block: usize,
    /// Consecutive rows of one sequence that attention may treat together.
    pub group: usize,
    /// What the pass is for.
    pub kind: PassKind,
}

/// What a pass is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PassKind {
    /// Keys and values alone.
    Store,
    /// The cells' tokens.
    Denoise,
    /// The first tokens of the blocks after the cells, for networks whose rows speak of the next one.
    Lead,
    /// No pass: what cells that are distributions begin with.
    Start,
    /// The cells' tokens, at the last step of cells that are distributions.
    Last,
}

impl PassShape {
    /// A pass over rows of which so many are cells of blocks of a size, and at most so many of these
    /// masked. Few shapes, so that few plans are recorded.
    pub fn new(rows: usize, (cells, block): (usize, usize), masked: usize) -> PassShape {
        const LEAST: usize = 4;
        let logits = masked.next_power_of_two().max(LEAST).min(cells);
        PassShape { rows, cells, logits, block, group: block, kind: PassKind::Denoise }
    }

    /// A pass that only stores keys and values.
    pub fn store(rows: usize, group: usize) -> PassShape {
        PassShape { rows, cells: 0, logits: 0, block: 0, group, kind: PassKind::Store }
    }

    /// The beginning of so many cells that are distributions.
    pub fn start(cells: usize) -> PassShape {
        PassShape { rows: 0, cells, logits: 0, block: 0, group: 0, kind: PassKind::Start }
    }
}
