//! Which sequence a row belongs to, and what applies to all rows of one.

use crate::gpu::memory::Tensor;

/// Which sequence a row belongs to: `row / rows % count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequences {
    /// Consecutive rows of one sequence.
    pub rows: usize,
    /// Sequences; their rows repeat in this order.
    pub count: usize,
}

impl Sequences {
    /// All rows share one modulation.
    pub const SHARED: Sequences = Sequences { rows: 1, count: 1 };
}

/// Columns of a modulation `[sequences, 6C]` or `[sequences, 2C]` that a kernel reads.
#[derive(Clone, Copy, Debug)]
pub struct Modulation<'a> {
    /// The tensor.
    pub tensor: &'a Tensor,
    /// Whose row applies to which row of the activations.
    pub sequences: Sequences,
}
