//! Attention: one operation, a kernel for each kind of device and number of rows.

use crate::Result;
use crate::gpu::kernels::{
    ATTENTION_MERGE, ATTENTION_OUTER, ATTENTION_SPLIT, ATTENTION_TILED, ATTENTION_WORKGROUP,
    attention_tile, split_fits,
};
use crate::gpu::ops::flag;
use crate::gpu::ops::network::{expect_whole, head_by_head, skipped};
use crate::gpu::{DType, Gpu, KernelFamily, Memory, Planned, Recorder, Tensor, Tuning};

/// Rows beyond these keep a GPU busy unsplit, and their shares would need much room.
const MAX_SPLIT_ROWS: usize = 256;

/// What the rows of a pass attend to.
#[derive(Clone, Copy, Debug)]
pub struct Attention<'a> {
    /// Queries, `[T, C]`.
    pub q: &'a Tensor,
    /// Keys and values, `[S, C]`.
    pub cache: [&'a Tensor; 2],
    /// Two spans of cache slots a row, `[T, 4]`.
    pub spans: &'a Tensor,
    /// Heads of C channels in all.
    pub heads: usize,
    /// Consecutive rows that share a sequence.
    pub group: usize,
    /// Room for what shares of the keys give, see [`partial_attention`]; unsplit without.
    pub partials: Option<&'a Tensor>,
}

/// Room for the shares of the keys of up to `rows` rows, where a device's kernels split them.
///
/// # Errors
/// As [`Tensor::padded`].
pub fn partial_attention(
    gpu: &Gpu,
    rows: usize,
    (heads, head_width): (usize, usize),
) -> Result<Option<Tensor>> {
    planned_partials(gpu.kernels(), rows, (heads, head_width)).map(|p| p.make(gpu)).transpose()
}

/// Bytes of [`partial_attention`].
pub fn partial_attention_bytes(kernels: KernelFamily, rows: usize, heads: (usize, usize)) -> u64 {
    planned_partials(kernels, rows, heads).map_or(0, |partials| partials.bytes(kernels))
}

/// The tensor of [`partial_attention`]: a sum of values, its highest score and its weight for every
/// row, share and head.
pub fn planned_partials(
    kernels: KernelFamily,
    rows: usize,
    (heads, head_width): (usize, usize),
) -> Option<Planned<'static>> {
    let shape = [rows.min(MAX_SPLIT_ROWS), Tuning::MAX_SHARES * heads * (head_width + 4)];
    kernels.is_for_gpus().then(|| Planned::activation("shares of attention", &shape))
}

impl Attention<'_> {
    /// T, C and D.
    fn expect(&self) -> Result<(usize, usize, usize)> {
        let Attention { q, cache: [k_cache, v_cache], spans, heads, .. } = *self;
        let (t, c) = (q.dim(0), q.dim(1));
        k_cache.expect(&[k_cache.dim(0), c])?;
        v_cache.expect(k_cache.shape())?;
        spans.expect(&[t, 4])?;
        expect_whole([q, k_cache, v_cache])?;
        Ok((t, c, c / heads))
    }

    /// Room for the shares of so many rows, if there is room.
    fn partials_of(&self, rows: usize, width: usize) -> Result<Option<&Tensor>> {
        let Some(partials) = self.partials.filter(|partials| partials.dim(0) >= rows) else {
            return Ok(None);
        };
        partials.expect(&[partials.dim(0), Tuning::MAX_SHARES * (width + 4 * self.heads)])?;
        Ok(Some(partials))
    }
}

impl Recorder<'_> {
    /// Softmax attention of every row over its two spans of cache slots.
    ///
    /// # Shapes
    /// Those of [`Attention`], y `[T, C]`.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn attention(&mut self, rows: Attention<'_>, y: &Tensor) -> Result<()> {
        let (t, c, d) = rows.expect()?;
        y.expect(&[t, c])?;
        let Attention { q, cache: [k_cache, v_cache], spans, heads, group, .. } = rows;
        let bindings = [q, k_cache, v_cache, spans, y];
        let mut overrides =
            vec![("C", c as f64), ("D", d as f64), ("SCALE", 1.0 / (d as f64).sqrt())];
        overrides.push(("CACHE_F16", flag(k_cache.dtype() == DType::F16)));
        overrides.extend(skipped("Y_SKIPPED", y));
        overrides.extend(head_by_head(k_cache));
        if q.memory() == Memory::Texels {
            let top = group.min(8);
            let bottom = (group - top).min(8);
            overrides.extend([("TOP", top as f64), ("BOTTOM", bottom as f64)]);
            overrides.push(("GROUP", group as f64));
            overrides.push(("LANES", self.gpu().subgroup_lanes() as f64));
            let tiles = t / group * group.div_ceil(top + bottom);
            return self.dispatch(&ATTENTION_OUTER, &overrides, &bindings, [tiles, heads, 1]);
        }
        if let Some(tile) = attention_tile(self.gpu(), group, d) {
            overrides.push(("GROUP", group as f64));
            overrides.extend([("STAGED", tile.staged as f64), ("SCORES", tile.scores as f64)]);
            let tiles = t / group * group.div_ceil(tile.rows);
            return self.dispatch(&ATTENTION_TILED, &overrides, &bindings, [tiles, heads, 1]);
        }
        // A whole number of teams, each as wide as a head.
        let team = d / 8;
        let lanes = |most: usize| ("LANES", ((most / team).max(1) * team) as f64);
        if !split_fits(self.gpu(), d) {
            overrides.push(lanes(64));
            let kernel = ATTENTION_WORKGROUP.of(y.memory());
            return self.dispatch(kernel, &overrides, &bindings, [t, heads, 1]);
        }
        overrides.extend([("GROUP", group as f64), lanes(128)]);
        let tiles = t / group * group.div_ceil(4);
        let shares = self.gpu().tuning().shares;
        let Some(partials) = rows.partials_of(t, c)?.filter(|_| shares > 1) else {
            overrides.push(("SHARES", 1.0));
            return self.dispatch(&ATTENTION_SPLIT, &overrides, &bindings, [tiles, heads, 1]);
        };
        overrides.push(("SHARES", shares as f64));
        let bindings = [q, k_cache, v_cache, spans, partials];
        self.dispatch(&ATTENTION_SPLIT, &overrides, &bindings, [tiles, heads, shares])?;
        let overrides = [("C", c as f64), ("D", d as f64), ("SHARES", shares as f64)];
        let workgroups = [(c / 4).div_ceil(64), t, 1];
        self.dispatch(&ATTENTION_MERGE, &overrides, &[partials, y], workgroups)
    }
}
