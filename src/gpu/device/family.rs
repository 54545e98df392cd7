//! Families of kernels, and the memory that each reads its tensors from.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::gpu::device::limits::Memory;

/// Which implementation of the hot kernels runs; chosen from the adapter, or forced for tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KernelFamily {
    /// Outer products across a subgroup of 8 or 16 lanes: software adapters (lavapipe, which has 16
    /// where `LP_NATIVE_VECTOR_WIDTH` is 512).
    Outer,
    /// Workgroup memory, no subgroups: real GPUs.
    Workgroup,
    /// As workgroup, and matrix units for products of many rows with f16 or q8 weights, whose
    /// activations they round to f16: a text may depend on the batch.
    Cooperative,
    /// Registers only, neither subgroups nor workgroup memory: any other software adapter.
    Plain,
}

impl KernelFamily {
    /// True for the families that use workgroup memory.
    pub fn is_for_gpus(self) -> bool {
        matches!(self, KernelFamily::Workgroup | KernelFamily::Cooperative)
    }

    /// Memory of weights, and of the rows that are multiplied with them.
    pub fn product_memory(self) -> Memory {
        match self {
            KernelFamily::Outer => Memory::Texels,
            _ => Memory::Buffer,
        }
    }

    /// Memory of Q, K and V: texels where attention runs as an outer product.
    pub fn attention_memory(self, head_width: usize) -> Memory {
        match self {
            KernelFamily::Outer if head_width <= OUTER_HEAD_WIDTH => Memory::Texels,
            _ => Memory::Buffer,
        }
    }
}

/// Widest head that the outer-product attention holds in registers.
const OUTER_HEAD_WIDTH: usize = 64;

impl fmt::Display for KernelFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KernelFamily::Outer => "outer",
            KernelFamily::Workgroup => "workgroup",
            KernelFamily::Cooperative => "cooperative",
            KernelFamily::Plain => "plain",
        })
    }
}

/// Whether the processor has vectors of 512 bits. Mesa's software adapter computes with them if
/// `LP_NATIVE_VECTOR_WIDTH` is 512 before adapters are listed. `MESA_SHADER_CACHE_DIR` must then be a
/// folder of its own, since Mesa's cache confuses shaders compiled for 256 and for 512 bits. Not for
/// programs that draw: Mesa crashes them in this mode.
pub fn has_512_bits() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512dq")
        && std::arch::is_x86_feature_detected!("avx512vl");
    #[cfg(not(target_arch = "x86_64"))]
    false
}
