//! Weights in 4-bit integers. [`GROUP`] consecutive inputs of a row are `scale * (integer + offset)`,
//! with a scale and an offset in f16. Sixteen bytes hold eight inputs of four rows: a byte of a row's
//! four has one of the first four inputs in its lower half, one of the next four in its upper half. A
//! panel ends with its scales and offsets, those of four rows in sixteen bytes, group by group.

use half::f16;

use crate::gpu::device::KernelFamily;
use crate::gpu::memory::dtype::DType;
use crate::gpu::memory::format::panels::{COLUMN_PAD, EIGHT, Format, Override, pack_integers};

/// Inputs of a row that share a scale and an offset.
pub const GROUP: usize = 32;
/// Bytes of a scale and an offset.
pub const PAIR_BYTES: usize = 2 * size_of::<f16>();
/// The largest 4-bit integer.
const MOST: f32 = 15.0;
/// Shares of a group's range that are tried: what lies outside is cut.
const SHARES: [f32; 3] = [1.0, 0.95, 0.9];

#[derive(Debug)]
pub(super) struct Q4;

impl Format for Q4 {
    fn dtype(&self) -> DType {
        DType::Q4
    }

    fn row_bytes(&self, k: usize) -> usize {
        k / 2 + k.div_ceil(GROUP) * PAIR_BYTES
    }

    fn panel(&self, family: KernelFamily, _lanes: usize) -> usize {
        // Sixteen bytes hold inputs of four rows.
        if family == KernelFamily::Outer { COLUMN_PAD } else { 4 }
    }

    fn pack(&self, rows: &[f32], k: usize, panel: usize, bytes: &mut Vec<u8>) {
        let sizes = [self.row_bytes(k), k / 2];
        let pack_row = |row: &[f32], i, integers: &mut [u8], scales: &mut [u8]| {
            pack_row(row, (i, panel), integers, scales);
        };
        pack_integers(rows, (k, panel), sizes, pack_row, bytes);
    }

    fn overrides(&self, k: usize) -> Vec<Override> {
        vec![("K", k as f64), ("FORMAT", 3.0), ("GROUP", GROUP as f64)]
    }
}

/// Row `i` of a panel.
fn pack_row(row: &[f32], (i, panel): (usize, usize), integers: &mut [u8], pairs: &mut [u8]) {
    for (group, inputs) in row.chunks(GROUP).enumerate() {
        let found = Quantised::of(inputs);
        let at = (group * panel + i) * PAIR_BYTES;
        pairs[at..at + PAIR_BYTES].copy_from_slice(&found.pair());
        for (eight, inputs) in found.integers[..inputs.len()].chunks(EIGHT).enumerate() {
            let at = ((group * GROUP / EIGHT + eight) * panel + i) * 4;
            for (byte, there) in integers[at..at + 4].iter_mut().enumerate() {
                *there = inputs[byte] | inputs[4 + byte] << 4;
            }
        }
    }
}

/// A group of inputs in integers: `scale * (integer + offset)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantised {
    /// The scale.
    pub scale: f16,
    /// The offset.
    pub offset: f16,
    /// The integers, 0 to 15; zeros behind the inputs.
    pub integers: [u8; GROUP],
}

impl Quantised {
    /// Of at most [`GROUP`] inputs: of the ranges that are tried, and the lines that fit their integers,
    /// the one of least squared error. The integers go from 0 to 15, so that numbers that were in this
    /// format already get the same integers again.
    pub fn of(inputs: &[f32]) -> Quantised {
        match <&[f32; GROUP]>::try_from(inputs) {
            // A known length lets the compiler keep a whole group in registers.
            Ok(whole) => Line::search(whole),
            Err(_) => Line::search(inputs),
        }
    }

    /// The scale and the offset as they are held.
    pub fn pair(&self) -> [u8; PAIR_BYTES] {
        let ([a, b], [c, d]) = (self.scale.to_le_bytes(), self.offset.to_le_bytes());
        [a, b, c, d]
    }

    fn constant(inputs: &[f32]) -> Quantised {
        let number = inputs.first().copied().unwrap_or(0.0);
        let mut integers = [0; GROUP];
        if number != 0.0 {
            integers[..inputs.len()].fill(1);
        }
        Quantised { scale: f16::from_f32(number), offset: f16::ZERO, integers }
    }
}

/// Inputs on a line, while it is searched for: in floats, which processors handle many at a time.
#[derive(Clone, Copy)]
struct Line {
    /// As it is held, in f16.
    scale: f32,
    /// As it is held, in f16.
    offset: f32,
    /// Whole numbers, 0 to 15.
    integers: [f32; GROUP],
}

/// Sums are made in so many parts, one for each lane of a processor's registers.
const LANES: usize = 8;
/// Added and taken away again, it rounds a float below it to a whole number.
const ROUNDS: f32 = (1 << 23) as f32;

/// The sum of `term(i)` for i below `count`.
#[inline(always)]
fn sum(count: usize, term: impl Fn(usize) -> f32) -> f32 {
    let mut sums = [0.0; LANES];
    for first in (0..count).step_by(LANES) {
        for (lane, sum) in sums.iter_mut().enumerate().take(count - first) {
            *sum += term(first + lane);
        }
    }
    sums.iter().sum()
}

impl Line {
    #[inline(always)]
    fn search(inputs: &[f32]) -> Quantised {
        let least = inputs.iter().copied().fold(f32::INFINITY, f32::min);
        let most = inputs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if least >= most {
            return Quantised::constant(inputs);
        }
        let (centre, half) = ((least + most) / 2.0, (most - least) / 2.0);
        let (count, x_sum) = (inputs.len(), sum(inputs.len(), |i| inputs[i]));
        let mut best = Line::new(inputs, (most - least) / MOST, least);
        let mut error = best.error(inputs);
        for share in SHARES {
            let scale = 2.0 * share * half / MOST;
            let first = Line::new(inputs, scale, centre - share * half);
            // The line that fits its integers best.
            let q = &first.integers;
            let (q_sum, square) = (sum(count, |i| q[i]), sum(count, |i| q[i] * q[i]));
            let (product, n) = (sum(count, |i| inputs[i] * q[i]), count as f32);
            let scale = (n * product - q_sum * x_sum) / (n * square - q_sum * q_sum);
            let fitted = Line::new(inputs, scale, (x_sum - scale * q_sum) / n);
            for found in [first, fitted] {
                let found_error = found.error(inputs);
                if found_error < error && found.is_whole(count) {
                    (best, error) = (found, found_error);
                }
            }
        }
        Quantised {
            scale: f16::from_f32(best.scale),
            offset: f16::from_f32(best.offset),
            integers: best.integers.map(|q| q as u8),
        }
    }

    /// The integers of the inputs for `least + scale * integer`.
    #[inline(always)]
    fn new(inputs: &[f32], scale: f32, least: f32) -> Line {
        let held = |x: f32| f16::from_f32(x).to_f32();
        let (scale, offset) = (held(scale), held(least / scale));
        let inverse = 1.0 / scale;
        let mut integers = [0.0; GROUP];
        for (there, x) in integers.iter_mut().zip(inputs) {
            *there = ((x * inverse - offset).clamp(0.0, MOST) + ROUNDS) - ROUNDS;
        }
        Line { scale, offset, integers }
    }

    #[inline(always)]
    fn error(&self, inputs: &[f32]) -> f32 {
        sum(inputs.len(), |i| {
            let error = inputs[i] - self.scale * (self.integers[i] + self.offset);
            error * error
        })
    }

    /// Whether the least and the largest integer are there.
    #[inline(always)]
    fn is_whole(&self, count: usize) -> bool {
        let integers = self.integers[..count].iter().copied();
        let least = integers.clone().fold(MOST, f32::min);
        least == 0.0 && integers.fold(0.0, f32::max) == MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Inputs as they are held.
    fn held(found: &Quantised, count: usize) -> Vec<f32> {
        let (scale, offset) = (found.scale.to_f32(), found.offset.to_f32());
        found.integers[..count].iter().map(|&q| scale * (f32::from(q) + offset)).collect()
    }

    #[test]
    fn a_panel_of_q4_has_eight_inputs_of_four_rows_and_ends_with_its_scales() {
        // Three groups in a row, the last one shorter; the fourth row is filled up.
        let k = 2 * GROUP + 8;
        let mut rows = vec![0.0; 3 * k];
        rows[2 * k] = -16.0;
        rows[2 * k + 5] = 14.0;
        rows[2 * k + 2 * GROUP..][..8].fill(-0.5);
        let mut bytes = Vec::new();
        Q4.pack(&rows, k, 4, &mut bytes);
        assert_eq!(bytes.len(), 4 * Q4.row_bytes(k));
        assert_eq!(Q4.row_bytes(k), k / 2 + 3 * 4);
        let (integers, pairs) = bytes.split_at(4 * k / 2);
        // -16, 0 and 14: the sixth of a word's inputs stands in the upper half of its second byte.
        assert_eq!(integers[2 * 4..3 * 4], [0x80, 0xf8, 0x88, 0x88]);
        assert_eq!(integers[8 * 4 * 4 + 2 * 4..][..4], [0x11; 4]);
        let half = |i: usize| f16::from_le_bytes([pairs[2 * i], pairs[2 * i + 1]]).to_f32();
        let pair = |group: usize, row: usize| [0, 1].map(|i| half(2 * (4 * group + row) + i));
        assert_eq!([pair(0, 2), pair(2, 2)], [[2.0, -8.0], [-0.5, 0.0]]);
        assert_eq!([pair(1, 2), pair(0, 0), pair(0, 3)], [[0.0; 2]; 3], "zeros stay zeros");
    }

    #[test]
    fn what_was_held_in_four_bits_is_found_again() {
        let mut state = 7u32;
        let mut number = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.4
        };
        for size in [1e-3f32, 0.02, 30.0] {
            for count in [1, 8, GROUP] {
                let numbers: Vec<f32> = (0..count).map(|_| size * number()).collect();
                let found = Quantised::of(&numbers);
                let held = held(&found, count);
                assert_eq!(Quantised::of(&held), found);
                let error: f32 = held.iter().zip(&numbers).map(|(h, x)| (h - x).powi(2)).sum();
                let sum: f32 = numbers.iter().map(|x| x * x).sum();
                assert!(error < 0.004 * sum, "{error} of {sum}");
            }
        }
    }
}
