//! Weights in 8-bit integers. For [`GROUP`] consecutive inputs of a row there is one scale, in f32,
//! which they are multiplied by. Sixteen bytes hold eight inputs of two rows; a panel ends with its
//! scales, those of its rows for the first group, then for the next.

use crate::gpu::device::KernelFamily;
use crate::gpu::memory::dtype::DType;
use crate::gpu::memory::format::panels::{COLUMN_PAD, EIGHT, Format, Override, pack_integers};

/// Inputs of a row that share a scale.
pub const GROUP: usize = 64;
/// The largest 8-bit integer in use: as many below zero as above.
const MOST: f32 = 127.0;

#[derive(Debug)]
pub(super) struct Q8;

impl Format for Q8 {
    fn dtype(&self) -> DType {
        DType::Q8
    }

    fn row_bytes(&self, k: usize) -> usize {
        k + k.div_ceil(GROUP) * size_of::<f32>()
    }

    fn panel(&self, family: KernelFamily, _lanes: usize) -> usize {
        // Sixteen bytes hold the scales of four rows.
        if family == KernelFamily::Outer { COLUMN_PAD } else { 4 }
    }

    fn pack(&self, rows: &[f32], k: usize, panel: usize, bytes: &mut Vec<u8>) {
        let sizes = [self.row_bytes(k), k];
        let pack_row = |row: &[f32], i, integers: &mut [u8], scales: &mut [u8]| {
            pack_row(row, (i, panel), integers, scales);
        };
        pack_integers(rows, (k, panel), sizes, pack_row, bytes);
    }

    fn overrides(&self, k: usize) -> Vec<Override> {
        vec![("K", k as f64), ("FORMAT", 2.0), ("GROUP", GROUP as f64)]
    }
}

/// Row `i` of a panel.
fn pack_row(row: &[f32], (i, panel): (usize, usize), integers: &mut [u8], scales: &mut [u8]) {
    for (group, inputs) in row.chunks(GROUP).enumerate() {
        let scale = scale(inputs);
        let at = (group * panel + i) * size_of::<f32>();
        scales[at..at + size_of::<f32>()].copy_from_slice(&scale.to_le_bytes());
        for (j, &x) in inputs.iter().enumerate() {
            let column = group * GROUP + j;
            let eight = column / EIGHT * panel + i;
            integers[eight * EIGHT + column % EIGHT] = integer(x, scale) as u8;
        }
    }
}

/// The scale of a group.
pub fn scale(inputs: &[f32]) -> f32 {
    inputs.iter().fold(0.0f32, |most, x| most.max(x.abs())) / MOST
}

/// A number of a group with this scale.
pub fn integer(x: f32, scale: f32) -> i8 {
    // A group of zeros has the scale zero.
    if scale > 0.0 { (x / scale).round() as i8 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_of_q8_ends_with_its_scales() {
        // Two groups in a row, the second one shorter; the fourth row is filled up.
        let k = GROUP + 8;
        let mut rows = vec![0.0; 3 * k];
        rows[2 * k] = -254.0;
        rows[2 * k + GROUP] = 1.27;
        rows[2 * k + GROUP + 1] = 0.5;
        let mut bytes = Vec::new();
        Q8.pack(&rows, k, 4, &mut bytes);
        assert_eq!(bytes.len(), 4 * (k + 8));
        let (integers, scales) = bytes.split_at(4 * k);
        assert_eq!(integers[2 * EIGHT] as i8, -127);
        let second = GROUP / EIGHT * 4 + 2;
        assert_eq!(integers[second * EIGHT..][..3], [127, 50, 0]);
        let scale = |i: usize| f32::from_le_bytes([0, 1, 2, 3].map(|byte| scales[4 * i + byte]));
        assert_eq!((scale(2), scale(4 + 2)), (2.0, 1.27 / 127.0));
        assert_eq!((scale(0), scale(3), integers[0]), (0.0, 0.0, 0), "zeros stay zeros");
    }
}
