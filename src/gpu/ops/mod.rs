//! One method per kernel: checks the shapes, chooses the variant, records the dispatch.

mod attention;
mod network;
mod norm;
mod sampling;
mod scoring;

pub use attention::{Attention, partial_attention, partial_attention_bytes, planned_partials};
pub use network::{Attended, Epilogue, Modulation, Onto, Sequences};
pub use norm::{Norm, Rows};
pub use sampling::{
    CANDIDATE_WORDS, CELL_WORDS, DrawRows, PARTIAL_WORDS, STEP_WORDS, Vocabulary, draw_chunks,
};
pub use scoring::SUM_WORDS;

use crate::gpu::kernels::row_lanes;
use crate::gpu::{KernelFamily, Recorder};

impl Recorder<'_> {
    fn family(&self) -> KernelFamily {
        self.gpu().kernels()
    }

    fn lanes(&self) -> f64 {
        row_lanes(self.gpu()) as f64
    }
}

fn flag(on: bool) -> f64 {
    if on { 1.0 } else { 0.0 }
}
