//! Weights in 4-bit integers. For [`GROUP`] consecutive inputs of a row there is one scale, in f16, which
//! they are multiplied by. Sixteen bytes hold eight inputs of four rows: a row's 32-bit word has the
//! first four in the upper halves of its bytes once they are moved up by four bits, the next four in the
//! upper halves as they are. A panel ends with its scales, those of four rows for two groups in sixteen
//! bytes.

use half::f16;

use crate::gpu::device::KernelFamily;
use crate::gpu::memory::dtype::DType;
use crate::gpu::memory::format::panels::{COLUMN_PAD, EIGHT, Format, Override};

/// Inputs of a row that share a scale.
pub const GROUP: usize = 32;
/// The least and the largest 4-bit integer.
const LEAST: f32 = -8.0;
const MOST: f32 = 7.0;
/// Divisors of the largest number that are tried for the scale: the integers at both ends and what lies
/// between and beyond them. Rows that were in this format already get their integers again.
const DIVISORS: [f32; 6] = [-8.0, -7.0, 7.0, 8.0, -7.5, -8.6];

#[derive(Debug)]
pub(super) struct Q4;

impl Format for Q4 {
    fn dtype(&self) -> DType {
        DType::Q4
    }

    fn row_bytes(&self, k: usize) -> usize {
        k / 2 + scales_of(k) * size_of::<f16>()
    }

    fn panel(&self, family: KernelFamily, _lanes: usize) -> usize {
        // Sixteen bytes hold inputs of four rows.
        if family == KernelFamily::Outer { COLUMN_PAD } else { 4 }
    }

    fn pack(&self, rows: &[f32], k: usize, panel: usize, bytes: &mut Vec<u8>) {
        let n = rows.len() / k.max(1);
        let (panel_bytes, begin) = (panel * self.row_bytes(k), bytes.len());
        bytes.resize(begin + n.div_ceil(panel) * panel_bytes, 0);
        let panels = bytes[begin..].chunks_mut(panel_bytes.max(1));
        for (panel_of_rows, there) in rows.chunks((panel * k).max(1)).zip(panels) {
            let (integers, scales) = there.split_at_mut(panel * k / 2);
            for (i, row) in panel_of_rows.chunks(k).enumerate() {
                pack_row(row, (i, panel), integers, scales);
            }
        }
    }

    fn overrides(&self, k: usize) -> Vec<Override> {
        vec![("K", k as f64), ("FORMAT", 3.0), ("GROUP", GROUP as f64)]
    }
}

/// Scales of a row: of an even number of groups.
fn scales_of(k: usize) -> usize {
    k.div_ceil(GROUP).next_multiple_of(2)
}

/// Row `i` of a panel.
fn pack_row(row: &[f32], (i, panel): (usize, usize), integers: &mut [u8], scales: &mut [u8]) {
    for (group, inputs) in row.chunks(GROUP).enumerate() {
        let (scale, found) = quantise(inputs);
        let place = group / 2 * 2 * panel + i / 4 * 8 + group % 2 * 4 + i % 4;
        let at = place * size_of::<f16>();
        scales[at..at + size_of::<f16>()].copy_from_slice(&scale.to_le_bytes());
        for (eight, inputs) in found[..inputs.len()].chunks(EIGHT).enumerate() {
            let at = ((group * GROUP / EIGHT + eight) * panel + i) * 4;
            for (byte, there) in integers[at..at + 4].iter_mut().enumerate() {
                let half = |j: usize| (inputs[j] & 15) as u8;
                *there = half(byte) | half(4 + byte) << 4;
            }
        }
    }
}

/// The scale of a group, at most [`GROUP`] numbers, and their integers, whose least squared error is
/// the least of those tried.
pub fn quantise(inputs: &[f32]) -> (f16, [i32; GROUP]) {
    let mut numbers = [0.0; GROUP];
    numbers[..inputs.len()].copy_from_slice(inputs);
    let largest =
        numbers.iter().fold(0.0f32, |most, &x| if x.abs() > most.abs() { x } else { most });
    let mut best = (f16::ZERO, [0; GROUP]);
    if largest == 0.0 {
        return best;
    }
    let mut least = f32::INFINITY;
    for divisor in DIVISORS {
        let first = largest / divisor;
        let fitted = fit(&numbers, &integers(&numbers, first));
        for scale in [first, fitted] {
            let scale = f16::from_f32(scale);
            let found = integers(&numbers, scale.to_f32());
            let error = error(&numbers, &found, scale.to_f32());
            if error < least {
                (least, best) = (error, (scale, found));
            }
        }
    }
    best
}

fn integers(numbers: &[f32; GROUP], scale: f32) -> [i32; GROUP] {
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    // Rounded by cutting what is above zero.
    numbers.map(|x| ((x * inverse).clamp(LEAST, MOST) - LEAST + 0.5) as i32 + LEAST as i32)
}

/// The scale that suits these integers best.
fn fit(numbers: &[f32; GROUP], integers: &[i32; GROUP]) -> f32 {
    let (mut product, mut square) = (0.0, 0.0);
    for (x, &q) in numbers.iter().zip(integers) {
        product += x * q as f32;
        square += (q * q) as f32;
    }
    if square > 0.0 { product / square } else { 0.0 }
}

fn error(numbers: &[f32; GROUP], integers: &[i32; GROUP], scale: f32) -> f32 {
    let mut sum = [0.0f32; 8];
    for (numbers, integers) in numbers.as_chunks::<8>().0.iter().zip(integers.as_chunks::<8>().0) {
        for ((sum, x), &q) in sum.iter_mut().zip(numbers).zip(integers) {
            let away = x - scale * q as f32;
            *sum += away * away;
        }
    }
    sum.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_of_q4_has_eight_inputs_of_four_rows_and_ends_with_its_scales() {
        // Three groups in a row, the last one shorter; the fourth row is filled up.
        let k = 2 * GROUP + 8;
        let mut rows = vec![0.0; 3 * k];
        rows[2 * k] = -16.0;
        rows[2 * k + 5] = 6.0;
        rows[2 * k + 2 * GROUP] = -0.5;
        let mut bytes = Vec::new();
        Q4.pack(&rows, k, 4, &mut bytes);
        assert_eq!(bytes.len(), 4 * Q4.row_bytes(k));
        assert_eq!(Q4.row_bytes(k), k / 2 + 4 * 2);
        let (integers, scales) = bytes.split_at(4 * k / 2);
        // -8 and 3: the fifth of a word's inputs stands in the upper half of its second byte.
        assert_eq!(integers[2 * 4..3 * 4], [8, 3 << 4, 0, 0]);
        assert_eq!(integers[8 * 4 * 4 + 2 * 4], 8);
        let scale = |i: usize| f16::from_le_bytes([scales[2 * i], scales[2 * i + 1]]).to_f32();
        assert_eq!((scale(2), scale(8 + 2)), (2.0, 0.0625));
        assert_eq!((scale(4 + 2), scale(0), scale(3)), (0.0, 0.0, 0.0), "zeros stay zeros");
    }

    #[test]
    fn what_was_held_in_four_bits_is_found_again() {
        let mut state = 7u32;
        let mut number = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        for size in [1e-4f32, 0.02, 30.0] {
            for count in [1, 8, GROUP] {
                let numbers: Vec<f32> = (0..count).map(|_| size * number()).collect();
                let (scale, found) = quantise(&numbers);
                let held: Vec<f32> =
                    found[..count].iter().map(|&q| scale.to_f32() * q as f32).collect();
                let (again, integers) = quantise(&held);
                let kept: Vec<f32> =
                    integers[..count].iter().map(|&q| again.to_f32() * q as f32).collect();
                assert_eq!(held, kept);
                let error: f32 = held.iter().zip(&numbers).map(|(a, b)| (a - b).powi(2)).sum();
                let sum: f32 = numbers.iter().map(|x| x * x).sum();
                assert!(error < 0.02 * sum, "{error} of {sum}");
            }
        }
    }
}
