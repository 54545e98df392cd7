//! Rows of integers with scales as files hold them: one row after the other, without panels. Of eight
//! bits a byte is an integer, of four bits a byte is two, the first in its lower half.

use half::f16;

use crate::gpu::memory::dtype::DType;
use crate::gpu::memory::format::{q4, q8};

/// Bytes of a row of integers, and of its scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedRow {
    /// Integers.
    pub integer_bytes: usize,
    /// Scales: f32 of eight bits; of four a scale and an offset, both f16.
    pub scale_bytes: usize,
}

/// A row of `k` numbers, a multiple of 8; nothing for formats without integers.
pub fn packed_row(k: usize, dtype: DType) -> PackedRow {
    match dtype {
        DType::Q8 => PackedRow { integer_bytes: k, scale_bytes: 4 * k.div_ceil(q8::GROUP) },
        DType::Q4 => {
            PackedRow { integer_bytes: k / 2, scale_bytes: q4::PAIR_BYTES * k.div_ceil(q4::GROUP) }
        }
        _ => PackedRow { integer_bytes: 0, scale_bytes: 0 },
    }
}

impl PackedRow {
    /// The numbers of a row.
    pub fn unpack(self, dtype: DType, integers: &[u8], scales: &[u8], to: &mut [f32]) {
        if dtype == DType::Q8 {
            let groups = to.chunks_mut(q8::GROUP).zip(integers.chunks(q8::GROUP));
            for ((to, integers), &scale) in groups.zip(scales.as_chunks::<4>().0) {
                let scale = f32::from_le_bytes(scale);
                to.iter_mut().zip(integers).for_each(|(x, &q)| *x = scale * f32::from(q as i8));
            }
            return;
        }
        let groups = to.chunks_mut(q4::GROUP).zip(integers.chunks(q4::GROUP / 2));
        for ((to, integers), pair) in groups.zip(scales.as_chunks::<{ q4::PAIR_BYTES }>().0) {
            let [scale, offset] = [[pair[0], pair[1]], [pair[2], pair[3]]];
            let [scale, offset] = [scale, offset].map(|half| f16::from_le_bytes(half).to_f32());
            for (pair, &byte) in to.chunks_mut(2).zip(integers) {
                let halves = [byte & 15, byte >> 4];
                pair.iter_mut().zip(halves).for_each(|(x, q)| *x = scale * (f32::from(q) + offset));
            }
        }
    }

    /// Appends the integers of a row of numbers to one text, its scales to another.
    pub fn pack(self, dtype: DType, row: &[f32], integers: &mut Vec<u8>, scales: &mut Vec<u8>) {
        if dtype == DType::Q8 {
            for inputs in row.chunks(q8::GROUP) {
                let scale = q8::scale(inputs);
                scales.extend(scale.to_le_bytes());
                integers.extend(inputs.iter().map(|&x| q8::integer(x, scale) as u8));
            }
            return;
        }
        for inputs in row.chunks(q4::GROUP) {
            let found = q4::Quantised::of(inputs);
            scales.extend(found.pair());
            let pairs = found.integers[..inputs.len()].chunks(2);
            integers
                .extend(pairs.map(|pair| pair[0] | pair.get(1).map_or(0, |second| second << 4)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_again_in_their_files() {
        let row: Vec<f32> = (0..72).map(|i| ((i * 37) % 15) as f32 - 8.0).collect();
        // Half a step of each.
        for (dtype, tolerance) in [(DType::Q4, 0.6), (DType::Q8, 0.04)] {
            let packed = packed_row(72, dtype);
            let (mut integers, mut scales, mut found) = (Vec::new(), Vec::new(), vec![0.0; 72]);
            packed.pack(dtype, &row, &mut integers, &mut scales);
            assert_eq!([integers.len(), scales.len()], [packed.integer_bytes, packed.scale_bytes]);
            packed.unpack(dtype, &integers, &scales, &mut found);
            let worst = row.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < tolerance, "{dtype:?}: {worst}");
        }
    }
}
