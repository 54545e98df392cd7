//! Invocations of workgroups that go along a row.

use crate::gpu::device::{Gpu, KernelFamily};

/// Invocations per workgroup for kernels that go along a row: barriers cost more than they save
/// on software adapters.
pub(crate) fn row_lanes(gpu: &Gpu) -> usize {
    if gpu.kernels().is_for_gpus() { 64 } else { gpu.subgroup_lanes().clamp(8, 16) }
}

/// Invocations per workgroup for a kernel whose loops take this many turns in all: lavapipe ends the
/// loops of an invocation after 65,535 turns, whether they are done or not.
pub(crate) fn lanes_for_turns(gpu: &Gpu, turns: usize) -> usize {
    const MAX_TURNS: usize = 1 << 15;
    const MAX_LANES: usize = 256;
    turns.div_ceil(MAX_TURNS).next_power_of_two().clamp(row_lanes(gpu), MAX_LANES)
}

/// Columns of logits that one workgroup of the draw looks at.
pub(crate) fn draw_chunk(family: KernelFamily) -> usize {
    if family.is_for_gpus() { 2048 } else { 16384 }
}
