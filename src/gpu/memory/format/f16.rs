//! Weights in f16.

use half::f16;

use crate::gpu::device::KernelFamily;
use crate::gpu::memory::dtype::DType;
use crate::gpu::memory::format::panels::{COLUMN_PAD, Format, Override, pack_panels};

#[derive(Debug)]
pub(super) struct F16;

impl Format for F16 {
    fn dtype(&self) -> DType {
        DType::F16
    }

    fn row_bytes(&self, k: usize) -> usize {
        k * size_of::<f16>()
    }

    /// On 16 lanes four streams of weights save a tenth of a pass at 4 rows and a twentieth at 16; two
    /// streams lose as much. The cause is a guess, see docs/performance.md.
    fn panel(&self, family: KernelFamily, lanes: usize) -> usize {
        match family {
            KernelFamily::Outer if lanes >= 16 => COLUMN_PAD / 4,
            KernelFamily::Outer => COLUMN_PAD,
            _ => 1,
        }
    }

    fn pack(&self, rows: &[f32], k: usize, panel: usize, bytes: &mut Vec<u8>) {
        pack_panels(rows, k, panel, f16::from_f32, bytes);
    }

    fn overrides(&self, k: usize) -> Vec<Override> {
        vec![("K", k as f64), ("FORMAT", 1.0), ("GROUP", k as f64)]
    }
}
