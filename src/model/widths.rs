//! Sizes as they are held on the device: padded to what kernels take. Padding is zeros, made at
//! load, so that a head of 12 channels or a conditioning vector of 129 runs like any other.

use crate::model::Spec;

/// Kernels go along rows in groups of eight numbers.
const GROUP: usize = 8;

/// One side of a tensor: its length in the checkpoint, and its padded length on the device. It is
/// cut into runs of `run` numbers; on the device run i begins at i * `stride`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    runs: usize,
    run: usize,
    stride: usize,
}

impl Axis {
    /// Numbers without further structure.
    pub fn plain(count: usize) -> Axis {
        Axis::chunks(1, count)
    }

    /// A side without padding.
    pub fn exact(count: usize) -> Axis {
        Axis { runs: 1, run: count, stride: count }
    }

    /// Chunks of `width` numbers, each padded.
    pub fn chunks(count: usize, width: usize) -> Axis {
        Axis { runs: count, run: width, stride: width.next_multiple_of(GROUP) }
    }

    /// Heads of `width` channels. Both halves of a head are padded, so that channels that rotate
    /// together stay half a head apart.
    pub fn heads(count: usize, width: usize) -> Axis {
        Axis { runs: 2 * count, run: width / 2, stride: (width / 2).next_multiple_of(GROUP / 2) }
    }

    /// Numbers in the checkpoint.
    pub fn count(self) -> usize {
        self.runs * self.run
    }

    /// Numbers on the device.
    pub fn held(self) -> usize {
        self.runs * self.stride
    }

    /// True if nothing is padded.
    pub fn is_whole(self) -> bool {
        self.run == self.stride
    }

    /// Index in the checkpoint of a number on the device; none for padding.
    pub fn stored(self, held: usize) -> Option<usize> {
        let (run, at) = (held / self.stride, held % self.stride);
        (at < self.run).then(|| run * self.run + at)
    }

    /// Copies numbers to where they are held; padding stays as it is.
    pub fn spread<T: Copy>(self, stored: &[T], held: &mut [T]) {
        for (from, to) in stored.chunks(self.run.max(1)).zip(held.chunks_mut(self.stride.max(1))) {
            to[..from.len()].copy_from_slice(from);
        }
    }
}

/// The sides of a network's tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Widths {
    /// Channels, C.
    pub channels: Axis,
    /// Channels of one head, D.
    pub head: Axis,
    /// Queries of a row, H heads.
    pub queries: Axis,
    /// Keys of a row, or its values: G heads.
    pub keys: Axis,
    /// Queries, keys and values of a row.
    pub qkv: Axis,
    /// The MLP, F.
    pub mlp: Axis,
    /// Gates of the MLP, and what they let through, 2F.
    pub gated: Axis,
    /// The conditioning vector; of no numbers where there is none.
    pub condition: Axis,
}

impl Widths {
    /// Those of a network.
    pub fn of(spec: &Spec) -> Widths {
        let heads = |count| Axis::heads(count, spec.head_width);
        Widths {
            channels: Axis::plain(spec.channels),
            head: heads(1),
            queries: heads(spec.n_heads),
            keys: heads(spec.n_key_heads),
            qkv: heads(spec.n_heads + 2 * spec.n_key_heads),
            mlp: Axis::plain(spec.mlp.width),
            gated: Axis::chunks(2, spec.mlp.width),
            condition: Axis::plain(spec.adaln.width().unwrap_or(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_of_a_head_are_padded() {
        let heads = Axis::heads(2, 12);
        assert_eq!((heads.count(), heads.held()), (24, 32));
        let stored: Vec<Option<usize>> = (0..16).map(|i| heads.stored(i)).collect();
        let half = |first: usize| (first..first + 6).map(Some).chain([None, None]);
        assert_eq!(stored, half(0).chain(half(6)).collect::<Vec<_>>());
        assert!(Axis::heads(3, 8).is_whole(), "heads of a multiple of eight need nothing");
    }

    #[test]
    fn numbers_are_spread_to_where_they_are_held() {
        let mut held = [9; 16];
        Axis::chunks(2, 3).spread(&[1, 2, 3, 4, 5, 6], &mut held);
        assert_eq!(held, [1, 2, 3, 9, 9, 9, 9, 9, 4, 5, 6, 9, 9, 9, 9, 9]);
        assert_eq!(Axis::plain(129).held(), 136);
        assert_eq!(Axis::exact(129).held(), 129);
    }
}
