//! Keys and values of finished blocks: tensors, and the ring of slots that a sequence's window
//! slides over. Keys are stored rotated at ever-growing positions: scores depend on differences
//! of positions only.

use crate::Result;
use crate::gpu::{DType, Gpu, KernelFamily, Planned, Tensor};
use crate::model::{Spec, Widths};

/// Keys and values of every layer.
#[derive(Debug)]
pub struct KvCache {
    layers: Vec<[Tensor; 2]>, // [S, G D] each; in texels [G, S, D]
}

impl KvCache {
    /// A cache of `slots` slots, in the format that goes with the weights' ([`DType::cached`]).
    ///
    /// # Errors
    /// [`crate::Error::TooLarge`], [`crate::Error::OutOfMemory`].
    pub fn new(gpu: &Gpu, spec: &Spec, dtype: DType, slots: usize) -> Result<KvCache> {
        let layer = |_| {
            let [keys, values] = table(spec, dtype, slots);
            Ok([keys.make(gpu)?, values.make(gpu)?])
        };
        Ok(KvCache { layers: (0..spec.n_layers).map(layer).collect::<Result<_>>()? })
    }

    /// Bytes that [`KvCache::new`] takes.
    pub fn size_bytes(spec: &Spec, dtype: DType, slots: usize, kernels: KernelFamily) -> u64 {
        let layer: u64 = table(spec, dtype, slots).iter().map(|t| t.bytes(kernels)).sum();
        spec.n_layers as u64 * layer
    }

    /// Slots, S.
    pub fn slots(&self) -> usize {
        self.layers.first().map_or(0, |[keys, _]| keys.dim(0))
    }

    /// Keys and values, by layer.
    pub fn layers(&self) -> impl Iterator<Item = [&Tensor; 2]> {
        self.layers.iter().map(|[k, v]| [k, v])
    }
}

/// Keys and values of a layer.
fn table(spec: &Spec, dtype: DType, slots: usize) -> [Planned<'static>; 2] {
    let Widths { keys, head, .. } = Widths::of(spec);
    let held = |label| Planned::attended(label, &[slots, keys.held()], dtype, head.held());
    [held("key cache"), held("value cache")]
}

/// The slots of one sequence: a ring of whole blocks, longer than the window by the blocks that
/// one pass may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ring {
    /// First slot.
    pub base: usize,
    /// Tokens of a block.
    pub block_size: usize,
    /// Blocks that a token sees, its own included.
    pub window: usize,
    /// Blocks that fit.
    pub capacity: usize,
}

impl Ring {
    /// Slots that the ring takes.
    pub fn slots(&self) -> usize {
        self.capacity * self.block_size
    }

    /// Slot of a position.
    pub fn slot(&self, position: usize) -> usize {
        self.base + position % self.slots()
    }

    /// First block that a token of `block_idx` sees.
    pub fn first_visible(&self, block_idx: usize) -> usize {
        (block_idx + 1).saturating_sub(self.window)
    }

    /// What a token of `block_idx` sees: the blocks of its window up to its own, older ones first.
    pub fn spans(&self, block_idx: usize) -> [usize; 4] {
        let first = self.first_visible(block_idx);
        let begin = self.slot(first * self.block_size);
        let end = begin + (block_idx + 1 - first) * self.block_size;
        let wrap = self.base + self.slots();
        if end <= wrap {
            [begin, end, begin, begin]
        } else {
            [begin, wrap, self.base, self.base + end - wrap]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Ring;

    #[test]
    fn a_full_ring_drops_the_oldest_block() {
        let ring = Ring { base: 100, block_size: 4, window: 3, capacity: 4 };
        assert_eq!(ring.spans(0), [100, 104, 100, 100]);
        assert_eq!(ring.spans(2), [100, 112, 100, 100]);
        assert_eq!(ring.spans(3), [104, 116, 104, 104]);
        assert_eq!(ring.spans(4), [108, 116, 100, 104]);
        assert_eq!(ring.slot(4 * 4), 100);
    }
}
