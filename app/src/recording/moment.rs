//! What a recording is made of: moments, finished blocks, and places in them.

use bdlm::event::Cell;

/// Something that can be shown: the cells after a step, or the finished text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Index of its event.
    pub(crate) event: usize,
    pub(crate) take: usize,
    /// Blocks of the take that were finished before it.
    pub n_blocks: usize,
    /// Cells that opened.
    pub opened: usize,
    /// Mean probability of the tokens that opened here; NaN where none did.
    pub opened_confidence: f32,
    /// Cells that are still masked.
    pub masked: usize,
    /// Mean probability of the open cells' tokens; NaN where none is open.
    pub confidence: f32,
    /// Mean entropy of the masked cells' distributions, in nats; NaN where none is masked.
    pub entropy: f32,
    /// Milliseconds since the moment before.
    pub ms: f32,
    /// Steps that opened a cell, up to here.
    pub nfe: usize,
    /// True if the host program pinned or masked cells here.
    pub is_steered: bool,
}

/// A finished block.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockRecord {
    pub(crate) take: usize,
    /// Index of the block in the sequence.
    pub block_idx: usize,
    /// Its tokens as the last step showed them, without those of the prompt.
    pub cells: Vec<Cell>,
    /// Cells before those.
    pub given: usize,
    /// All of its tokens, those of the prompt too.
    pub ids: Vec<u32>,
    /// Its new text.
    pub text: String,
    /// Tokens of the sequence up to the block's end.
    pub end: usize,
    /// Its first and last moments.
    pub moments: [usize; 2],
    /// Runs of the network that it took.
    pub passes: usize,
    /// Milliseconds that it took.
    pub ms: f32,
}

/// Where the current block is in the sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its first position.
    pub start: usize,
    /// One past its last position.
    pub end: usize,
    /// The first position that the network sees.
    pub seen_from: usize,
}

/// A cell of a finished block or of the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CellAt {
    /// Index of the block in the sequence.
    pub block_idx: usize,
    /// Index of the cell in the block.
    pub cell: usize,
}
