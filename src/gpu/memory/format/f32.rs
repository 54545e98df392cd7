//! Weights in f32, as checkpoints have them.

use crate::gpu::device::KernelFamily;
use crate::gpu::memory::dtype::DType;
use crate::gpu::memory::format::panels::{COLUMN_PAD, Format, Override, pack_panels};

#[derive(Debug)]
pub(super) struct F32;

impl Format for F32 {
    fn dtype(&self) -> DType {
        DType::F32
    }

    fn row_bytes(&self, k: usize) -> usize {
        k * size_of::<f32>()
    }

    fn panel(&self, family: KernelFamily, _lanes: usize) -> usize {
        if family == KernelFamily::Outer { COLUMN_PAD } else { 1 }
    }

    fn pack(&self, rows: &[f32], k: usize, panel: usize, bytes: &mut Vec<u8>) {
        pack_panels(rows, k, panel, |x| x, bytes);
    }

    fn overrides(&self, k: usize) -> Vec<Override> {
        vec![("K", k as f64), ("FORMAT", 0.0), ("GROUP", k as f64)]
    }
}
