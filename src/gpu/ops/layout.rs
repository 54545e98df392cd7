//! Memory layout of tensors, as kernels take it in their overrides, and what they cannot read.

use crate::gpu::device::Memory;
use crate::gpu::memory::{DType, EIGHT, Override, Part, Tensor, Weight};
use crate::{Error, Result};

/// A switch.
pub(super) fn flag(on: bool) -> f64 {
    if on { 1.0 } else { 0.0 }
}

/// Fails for a tensor in another memory than the one that the kernel reads.
pub(super) fn expect_memory(kernel: &'static str, tensor: &Tensor, wanted: Memory) -> Result<()> {
    let got = tensor.memory();
    if got == wanted {
        return Ok(());
    }
    let label = tensor.label();
    let cause =
        format!("{label} is in {got:?}, expected {wanted:?}: make it with Tensor::multiplied");
    Err(Error::Kernel { kernel, cause })
}

/// Fails for views of queries or caches that begin behind the first row of their texels, which the
/// kernels do not skip.
pub(super) fn expect_whole(tensors: [&Tensor; 3]) -> Result<()> {
    let view = tensors.into_iter().find(|tensor| tensor.skipped_texels() > 0);
    view.map_or(Ok(()), |view| Err(view.misfit(view.shape())))
}

/// Fails unless the rows of a tensor are whole groups of `group` rows.
pub(super) fn expect_groups(tensor: &Tensor, group: usize) -> Result<()> {
    if group == 0 {
        let what = "a group of rows".into();
        return Err(Error::Shape { what, got: vec![group], wanted: vec![tensor.dim(0)] });
    }
    if tensor.dim(0).is_multiple_of(group) {
        return Ok(());
    }
    let mut wanted = tensor.shape().to_vec();
    wanted.iter_mut().take(1).for_each(|rows| *rows = rows.div_ceil(group) * group);
    Err(tensor.misfit(&wanted))
}

/// The override that texels need: a view of a texture binds all of it.
pub(super) fn skipped(name: &'static str, tensor: &Tensor) -> Option<Override> {
    let texels = tensor.memory() == Memory::Texels;
    texels.then(|| (name, tensor.skipped_texels() as f64))
}

/// Heads of queries, and of keys and values: each key head serves the same number of neighbouring
/// query heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heads {
    /// H.
    pub(super) queries: usize,
    /// G, which divides H.
    pub(super) keys: usize,
    /// D, a multiple of [`EIGHT`].
    pub(super) width: usize,
}

impl Heads {
    /// The heads of queries `[T, H * D]` and of caches `[S, G * D]`.
    pub(super) fn of(q: &Tensor, cache: [&Tensor; 2], width: usize) -> Result<Heads> {
        let [k_cache, v_cache] = cache;
        let is_whole = |columns: usize| columns > 0 && columns.is_multiple_of(width);
        if width == 0 || !width.is_multiple_of(EIGHT) || !is_whole(q.dim(1)) {
            let heads = q.dim(1).div_ceil(width.max(1)).max(1);
            return Err(q.misfit(&[q.dim(0), heads * width.max(1).next_multiple_of(EIGHT)]));
        }
        let heads = Heads { queries: q.dim(1) / width, keys: k_cache.dim(1) / width, width };
        if !is_whole(k_cache.dim(1)) || !heads.queries.is_multiple_of(heads.keys) {
            return Err(k_cache.misfit(&[k_cache.dim(0), q.dim(1)]));
        }
        v_cache.expect(k_cache.shape())?;
        expect_whole([q, k_cache, v_cache])?;
        Ok(heads)
    }

    /// Columns of queries.
    pub(super) fn query_width(self) -> usize {
        self.queries * self.width
    }

    /// Columns of queries, keys and values side by side.
    pub(super) fn qkv_width(self) -> usize {
        (self.queries + 2 * self.keys) * self.width
    }

    /// Their overrides, and those of the caches. In texels a cache is stored head by head, `[G, S, D]`.
    pub(super) fn overrides(self, k_cache: &Tensor) -> Vec<Override> {
        let Heads { queries, keys, width } = self;
        let mut overrides = vec![("H", queries as f64), ("G", keys as f64), ("D", width as f64)];
        overrides.push(("CACHE_F16", flag(k_cache.dtype() == DType::F16)));
        if k_cache.memory() == Memory::Texels {
            overrides.push(("S", k_cache.dim(0) as f64));
        }
        overrides
    }
}

/// The overrides with which `weights.wgsl` reads a part of a weight.
pub(super) fn weights_overrides(
    weight: &Weight,
    part: &Part,
) -> impl Iterator<Item = Override> + use<> {
    weight.overrides().into_iter().chain(skipped("SKIPPED", &part.table))
}
