//! What a weight format is, and the order of a weight's numbers in memory: in panels, the first eight
//! numbers of each row of a panel, then the next eight of each, and so on. A panel of one row is the
//! matrix as it was; taller panels let a kernel that owns many rows read memory from beginning to end.

use std::fmt::Debug;

use bytemuck::Pod;

use crate::gpu::device::KernelFamily;
use crate::gpu::memory::dtype::DType;

/// Rows of weights (outputs of a matrix product) are padded to a multiple of this.
pub const COLUMN_PAD: usize = 128;
/// Numbers of a row that stay together, as many as kernels load at a time: rows and heads are padded
/// to a multiple of this.
pub const EIGHT: usize = 8;

/// A WGSL `override` with its value.
pub(crate) type Override = (&'static str, f64);

/// A format of weights.
pub(crate) trait Format: Debug + Sync {
    /// Its name.
    fn dtype(&self) -> DType;

    /// Bytes of a row of `k` numbers, scales included.
    fn row_bytes(&self, k: usize) -> usize;

    /// Rows of a panel, a divisor of [`COLUMN_PAD`]: outer products read one stream for each panel of
    /// a tile, other kernels read along a row. With panels of one row, outer products of 4 rows made
    /// passes a twentieth longer. `lanes` are those of a subgroup.
    fn panel(&self, family: KernelFamily, lanes: usize) -> usize;

    /// Appends rows `[n, k]` in panels; the last panel is filled up with zeros.
    fn pack(&self, rows: &[f32], k: usize, panel: usize, bytes: &mut Vec<u8>);

    /// The overrides with which `weights.wgsl` reads rows of `k` numbers.
    fn overrides(&self, k: usize) -> Vec<Override>;
}

/// Appends rows `[n, k]` in panels, each number converted; the last panel is filled up with zeros.
pub(super) fn pack_panels<T: Pod>(
    rows: &[f32],
    k: usize,
    panel: usize,
    number: impl Fn(f32) -> T,
    bytes: &mut Vec<u8>,
) {
    if panel == 1 {
        let numbers: Vec<T> = rows.iter().map(|&x| number(x)).collect();
        return bytes.extend_from_slice(bytemuck::cast_slice(&numbers));
    }
    let n = rows.len() / k.max(1);
    let mut numbers = vec![T::zeroed(); n.next_multiple_of(panel) * k];
    let size = (panel * k).max(1);
    for (panel_of_rows, there) in rows.chunks(size).zip(numbers.chunks_mut(size)) {
        for (i, row) in panel_of_rows.chunks(k).enumerate() {
            for (eight, there) in row.chunks(EIGHT).zip(there.chunks_mut(panel * EIGHT)) {
                for (&x, there) in eight.iter().zip(there.iter_mut().skip(i * EIGHT)) {
                    *there = number(x);
                }
            }
        }
    }
    bytes.extend_from_slice(bytemuck::cast_slice(&numbers));
}

/// Appends rows `[n, k]` in panels of `row_bytes` bytes a row. A panel begins with the integers of its
/// rows, `integer_bytes` for each, and ends with what they are multiplied with; `pack_row` writes a row,
/// given its index in the panel, to both.
pub(super) fn pack_integers(
    rows: &[f32],
    (k, panel): (usize, usize),
    [row_bytes, integer_bytes]: [usize; 2],
    pack_row: impl Fn(&[f32], usize, &mut [u8], &mut [u8]),
    bytes: &mut Vec<u8>,
) {
    let n = rows.len() / k.max(1);
    let (panel_bytes, begin) = (panel * row_bytes, bytes.len());
    bytes.resize(begin + n.div_ceil(panel) * panel_bytes, 0);
    let panels = bytes[begin..].chunks_mut(panel_bytes.max(1));
    for (panel_of_rows, there) in rows.chunks((panel * k).max(1)).zip(panels) {
        let (integers, scales) = there.split_at_mut(panel * integer_bytes);
        for (i, row) in panel_of_rows.chunks(k).enumerate() {
            pack_row(row, i, integers, scales);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_holds_eight_numbers_of_each_row_then_the_next_eight() {
        let rows: Vec<f32> = (0..3 * 16).map(|i| i as f32).collect();
        let panels = |panel| {
            let mut bytes = Vec::new();
            pack_panels(&rows, 16, panel, |x| x as u32, &mut bytes);
            bytemuck::pod_collect_to_vec::<u8, u32>(&bytes)
        };
        let numbers = panels(2);
        let eight = |first: u32| first..first + 8;
        let wanted: Vec<u32> = [0, 16, 8, 24, 32].into_iter().flat_map(eight).collect();
        assert_eq!(numbers[..40], wanted);
        assert_eq!(numbers[40..], [[0; 8], [40, 41, 42, 43, 44, 45, 46, 47], [0; 8]].concat());
        assert_eq!(panels(1), (0..3 * 16).collect::<Vec<u32>>());
    }
}
