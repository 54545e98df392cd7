//! How the rows of a weight lie in memory: in panels, the first eight numbers of each row of a panel,
//! then the next eight of each, and so on. A panel of one row is the matrix as it was; wider ones
//! let a kernel that owns many rows read memory from beginning to end.
//!
//! Q8 holds integers of eight bits, and for [`Q8_GROUP`] consecutive inputs of a row the scale that
//! they are multiplied with. Sixteen bytes hold eight inputs of two rows; a panel ends with its
//! scales, those of its rows for the first group, then for the next.

use crate::gpu::DType;

/// Inputs of a row that share a scale.
pub const Q8_GROUP: usize = 64;
/// The largest integer of eight bits that is used: as many below zero as above.
const Q8_MOST: f32 = 127.0;
/// Numbers of a row that stay together, as many as kernels load at a time.
const EIGHT: usize = 8;

/// Bytes that a row of `k` numbers takes, scales included.
pub fn row_bytes(k: usize, dtype: DType) -> usize {
    match dtype {
        DType::Q8 => k + k.div_ceil(Q8_GROUP) * size_of::<f32>(),
        _ => k * dtype.bytes(),
    }
}

/// Rows `[n, k]` in panels, each number converted; the last panel is filled up with zeros.
pub fn panels<T: Copy + Default>(
    rows: &[f32],
    k: usize,
    panel: usize,
    number: impl Fn(f32) -> T,
) -> Vec<T> {
    if panel == 1 {
        return rows.iter().map(|&x| number(x)).collect();
    }
    let n = rows.len() / k.max(1);
    let mut numbers = vec![T::default(); n.next_multiple_of(panel) * k];
    for (panel_of_rows, there) in rows.chunks(panel * k).zip(numbers.chunks_mut(panel * k)) {
        for (i, row) in panel_of_rows.chunks(k).enumerate() {
            for (eight, there) in row.chunks(EIGHT).zip(there.chunks_mut(panel * EIGHT)) {
                for (&x, there) in eight.iter().zip(there.iter_mut().skip(i * EIGHT)) {
                    *there = number(x);
                }
            }
        }
    }
    numbers
}

/// Rows `[n, k]` as Q8 in panels of `panel` rows, a multiple of 4; the last one is filled up with
/// zeros.
pub fn q8_panels(rows: &[f32], k: usize, panel: usize) -> Vec<u8> {
    let n = rows.len() / k.max(1);
    let panel_bytes = panel * row_bytes(k, DType::Q8);
    let mut bytes = vec![0; n.div_ceil(panel) * panel_bytes];
    for (panel_of_rows, there) in rows.chunks(panel * k).zip(bytes.chunks_mut(panel_bytes)) {
        let (integers, scales) = there.split_at_mut(panel * k);
        for (i, row) in panel_of_rows.chunks(k).enumerate() {
            for (group, inputs) in row.chunks(Q8_GROUP).enumerate() {
                let scale = q8_scale(inputs);
                let at = (group * panel + i) * size_of::<f32>();
                scales[at..at + size_of::<f32>()].copy_from_slice(&scale.to_le_bytes());
                for (j, &x) in inputs.iter().enumerate() {
                    let column = group * Q8_GROUP + j;
                    let eight = column / EIGHT * panel + i;
                    integers[eight * EIGHT + column % EIGHT] = q8_integer(x, scale) as u8;
                }
            }
        }
    }
    bytes
}

fn q8_scale(inputs: &[f32]) -> f32 {
    inputs.iter().fold(0.0f32, |most, x| most.max(x.abs())) / Q8_MOST
}

fn q8_integer(x: f32, scale: f32) -> i8 {
    // A group of zeros has the scale zero.
    if scale > 0.0 { (x / scale).round() as i8 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_holds_eight_numbers_of_each_row_then_the_next_eight() {
        let rows: Vec<f32> = (0..3 * 16).map(|i| i as f32).collect();
        let numbers = panels(&rows, 16, 2, |x| x as u32);
        let eight = |first: u32| first..first + 8;
        let wanted: Vec<u32> = [0, 16, 8, 24, 32].into_iter().flat_map(eight).collect();
        assert_eq!(numbers[..40], wanted);
        assert_eq!(numbers[40..], [[0; 8], [40, 41, 42, 43, 44, 45, 46, 47], [0; 8]].concat());
        assert_eq!(panels(&rows, 16, 1, |x| x), rows);
    }

    #[test]
    fn a_panel_of_q8_ends_with_its_scales() {
        // Two groups in a row, the second one shorter; the fourth row is filled up.
        let k = Q8_GROUP + 8;
        let mut rows = vec![0.0; 3 * k];
        rows[2 * k] = -254.0;
        rows[2 * k + Q8_GROUP] = 1.27;
        rows[2 * k + Q8_GROUP + 1] = 0.5;
        let bytes = q8_panels(&rows, k, 4);
        assert_eq!(bytes.len(), 4 * (k + 8));
        let (integers, scales) = bytes.split_at(4 * k);
        assert_eq!(integers[2 * EIGHT] as i8, -127);
        let second = Q8_GROUP / EIGHT * 4 + 2;
        assert_eq!(integers[second * EIGHT..][..3], [127, 50, 0]);
        let scale = |i: usize| f32::from_le_bytes([0, 1, 2, 3].map(|byte| scales[4 * i + byte]));
        assert_eq!((scale(2), scale(4 + 2)), (2.0, 1.27 / 127.0));
        assert_eq!((scale(0), scale(3), integers[0]), (0.0, 0.0, 0), "zeros stay zeros");
    }
}
