//! What the sampler's kernels leave of a cell, word for word.

/// A cell as the GPU left it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct CellWords {
    /// The open token or the candidate.
    pub token: u32,
    /// The token's probability.
    pub confidence: f32,
    /// Entropy of the distribution, in nats.
    pub entropy: f32,
    /// 0 masked, s + 1 opened at step s, [`PINNED`], [`NOT_FINITE`].
    pub state: u32,
}

/// State of a cell that the host program opened.
pub const PINNED: u32 = u32::MAX - 1;

/// State of a cell whose logits are no numbers.
pub const NOT_FINITE: u32 = u32::MAX;
