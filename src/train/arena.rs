//! The buffers that parameters lie in, one behind the other.

use crate::gpu::layout::COLUMN_PAD;
use crate::gpu::{DType, Gpu, Memory, Tensor};
use crate::model::Entry;
use crate::{Error, Result};

/// Numbers of many tensors, f32, with their gradients at the same indices. What lies between the tensors
/// is zero in both, and stays zero in what is done to each number alone.
#[derive(Clone, Debug)]
pub struct Arena {
    /// `[count]`.
    pub weights: Tensor,
    /// `[count]`.
    pub gradients: Tensor,
}

/// The index of a tensor's arena, and of its first number there.
pub type ArenaPlace = (usize, usize);

/// The arenas of some tensors, zeroed, and the place of each tensor.
///
/// # Errors
/// [`Error::TooLarge`] for a tensor that the adapter cannot bind whole, [`Error::OutOfMemory`].
pub fn make(gpu: &Gpu, entries: &[Entry]) -> Result<(Vec<Arena>, Vec<ArenaPlace>)> {
    let limit = gpu.max_bytes(Memory::Buffer);
    let bytes = |numbers: usize| (numbers * DType::F32.bytes()) as u64;
    let (mut places, mut counts) = (Vec::with_capacity(entries.len()), vec![0]);
    for entry in entries {
        let (room, last) = (room(entry), counts.len() - 1);
        if bytes(room) > limit {
            let (what, got) = (entry.name.clone(), bytes(room));
            return Err(Error::TooLarge { what, got, unit: "bytes", limit });
        }
        let at = counts[last];
        if bytes(at + room) > limit {
            places.push((last + 1, 0));
            counts.push(room);
        } else {
            places.push((last, at));
            counts[last] += room;
        }
    }
    let make = |count: usize| {
        let buffer = |label| Tensor::padded(gpu, label, &[count], DType::F32, 1);
        Ok(Arena { weights: buffer("parameters")?, gradients: buffer("gradients")? })
    };
    Ok((counts.into_iter().map(make).collect::<Result<_>>()?, places))
}

/// Numbers that a tensor takes: products read whole tiles of a weight's rows, and write whole tiles of a
/// gradient's.
fn room(entry: &Entry) -> usize {
    let mut shape = entry.held_shape();
    if let Some(rows) = shape.first_mut() {
        *rows = rows.next_multiple_of(COLUMN_PAD);
    }
    shape.iter().product()
}
