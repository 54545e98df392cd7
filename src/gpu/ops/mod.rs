//! One method per kernel: checks the shapes, chooses the variant, records the dispatch.

mod attention;
mod backward;
mod embedding;
mod input;
mod layout;
mod muon;
mod norm;
mod optimiser;
mod product;
mod rms_norm;
mod rotary;
mod sampling;
mod scoring;
mod sequences;
mod simplex;
mod swiglu;

pub use attention::{Attention, partial_attention, partial_attention_bytes};
pub use backward::{
    Activation, BackwardAttention, Dropout, Gate, NormGradients, column_sums_room,
    weight_gradient_room,
};
pub use embedding::Onto;
pub use input::Input;
pub use norm::Norm;
pub use optimiser::{Adam, OUTCOME_WORDS, RATE_WORDS, square_chunks};
pub use product::Epilogue;
pub use rms_norm::{HeadNorm, RmsNorm};
pub use rotary::Attended;
pub use sampling::{
    BlockCells, CELL_WORDS, DrawRows, PARTIAL_WORDS, STEP_WORDS, Vocabulary, draw_chunks,
    likely_words,
};
pub use scoring::SUM_WORDS;
pub use sequences::{Modulation, Sequences};
pub use simplex::{Choice, SimplexCells};

use crate::gpu::device::KernelFamily;
use crate::gpu::kernels::row_lanes;
use crate::gpu::plan::Recorder;

impl Recorder<'_> {
    fn family(&self) -> KernelFamily {
        self.gpu().kernels()
    }

    fn lanes(&self) -> f64 {
        row_lanes(self.gpu()) as f64
    }
}
