//! Packing rows of weights on all processors: integers take longer to find than to read.

use crate::gpu::memory::format::Format;

/// Appends rows `[n, k]` in panels, as [`Format::pack`] does.
pub(super) fn pack(
    format: &dyn Format,
    (rows, k): (&[f32], usize),
    panel: usize,
    bytes: &mut Vec<u8>,
) {
    let (panel_numbers, panel_bytes) = (panel * k, panel * format.row_bytes(k));
    let panels = rows.len().div_ceil(panel_numbers.max(1));
    let share = panels.div_ceil(threads()).max(1);
    let begin = bytes.len();
    bytes.resize(begin + panels * panel_bytes, 0);
    let parts = bytes[begin..].chunks_mut((share * panel_bytes).max(1));
    let parts = rows.chunks((share * panel_numbers).max(1)).zip(parts);
    let work = |(rows, to): (&[f32], &mut [u8])| {
        let mut packed = Vec::with_capacity(to.len());
        format.pack(rows, k, panel, &mut packed);
        to.copy_from_slice(&packed);
    };
    each(parts, work);
}

#[cfg(not(target_arch = "wasm32"))]
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(target_arch = "wasm32")]
fn threads() -> usize {
    1
}

/// Works on every part; the threads end before this returns.
#[cfg(not(target_arch = "wasm32"))]
fn each<T: Send>(mut parts: impl Iterator<Item = T>, work: impl Fn(T) + Copy + Send) {
    std::thread::scope(|scope| {
        let first = parts.next();
        parts.for_each(|part| drop(scope.spawn(move || work(part))));
        first.into_iter().for_each(work);
    });
}

#[cfg(target_arch = "wasm32")]
fn each<T>(parts: impl Iterator<Item = T>, work: impl Fn(T)) {
    parts.for_each(work);
}
