//! One method per kernel: checks the shapes, chooses the variant, records the dispatch.

mod attention;
mod embedding;
mod input;
mod layout;
mod norm;
mod product;
mod rms_norm;
mod rotary;
mod sampling;
mod scoring;
mod sequences;
mod swiglu;

pub use attention::{Attention, partial_attention, partial_attention_bytes};
pub use embedding::Onto;
pub use input::Input;
pub use norm::Norm;
pub use product::Epilogue;
pub use rms_norm::{HeadNorm, RmsNorm};
pub use rotary::Attended;
pub use sampling::{
    BlockCells, CANDIDATE_WORDS, CELL_WORDS, DrawRows, PARTIAL_WORDS, STEP_WORDS, Vocabulary,
    draw_chunks,
};
pub use scoring::SUM_WORDS;
pub use sequences::{Modulation, Sequences};

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
