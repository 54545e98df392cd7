//! Attention: one operation, a kernel for each kind of device and number of rows.

use crate::Result;
use crate::gpu::device::{Gpu, KernelFamily, Memory, Tuning};
use crate::gpu::kernels::{
    ATTENTION_JOINED, ATTENTION_MERGE, ATTENTION_OUTER, ATTENTION_SPLIT, ATTENTION_TILED,
    ATTENTION_WORKGROUP, attention_tile, joined_lanes, key_shares, split_fits,
};
use crate::gpu::memory::{EIGHT, Override, Planned, Tensor};
use crate::gpu::ops::layout::{Heads, expect_groups, skipped};
use crate::gpu::plan::Recorder;

/// Rows beyond these keep a GPU busy unsplit, and their shares would need much room.
const MAX_SPLIT_ROWS: usize = 256;

/// What the rows of a pass attend to.
#[derive(Clone, Copy, Debug)]
pub struct Attention<'a> {
    /// Queries, `[T, H * D]`.
    pub q: &'a Tensor,
    /// Keys and values, `[S, G * D]`: query head h reads key head h / (H / G).
    pub cache: [&'a Tensor; 2],
    /// Two spans of cache slots a row, `[T, 4]`.
    pub spans: &'a Tensor,
    /// H, query heads.
    pub heads: usize,
    /// What scores are multiplied with: 1 / sqrt(D), D without padding.
    pub scale: f32,
    /// Consecutive rows that share a sequence; T is a multiple of it.
    pub group: usize,
    /// Keys that a row sees at most, whatever the pass: more are split into shares.
    pub window: usize,
    /// Room for the sums over shares of the keys, see [`partial_attention`]; unsplit without.
    pub partials: Option<&'a Tensor>,
}

/// Room for the shares of the keys of up to `rows` rows of H query heads, where a device's kernels
/// split them.
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
fn planned_partials(
    kernels: KernelFamily,
    rows: usize,
    (heads, head_width): (usize, usize),
) -> Option<Planned<'static>> {
    let shape = [rows.min(MAX_SPLIT_ROWS), Tuning::MAX_SHARES * heads * (head_width + 4)];
    kernels.is_for_gpus().then(|| Planned::activation("shares of attention", &shape))
}

impl Attention<'_> {
    /// T and the heads.
    pub(super) fn expect(&self) -> Result<(usize, Heads)> {
        let Attention { q, cache, spans, heads, group, .. } = *self;
        let t = q.dim(0);
        spans.expect(&[t, 4])?;
        expect_groups(q, group)?;
        if heads == 0 || !q.dim(1).is_multiple_of(heads) {
            return Err(q.misfit(&[t, q.dim(1).next_multiple_of(heads.max(1))]));
        }
        Ok((t, Heads::of(q, cache, q.dim(1) / heads)?))
    }

    /// The room for the shares of `rows` rows, if there is enough.
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
    /// Those of [`Attention`], y `[T, H * D]`.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn attention(&mut self, attention: Attention<'_>, y: &Tensor) -> Result<()> {
        let (t, shape) = attention.expect()?;
        y.expect(&[t, shape.query_width()])?;
        let Attention { q, cache: [k_cache, v_cache], spans, heads, group, .. } = attention;
        let d = shape.width;
        let bindings = [q, k_cache, v_cache, spans, y];
        let mut overrides = shape.overrides(k_cache);
        overrides.push(("SCALE", f64::from(attention.scale)));
        overrides.extend(skipped("Y_SKIPPED", y));
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
            let numbers = [
                ("GROUP", group),
                ("ROWS", tile.rows),
                ("LANES", 2 * tile.rows),
                ("QUERIES", tile.queries),
                ("STAGED", tile.staged),
                ("WEIGHTS", tile.weights),
            ];
            overrides.extend(numbers.map(|(name, number)| (name, number as f64)));
            let tiles = t / group * group.div_ceil(tile.rows);
            return self.dispatch(&ATTENTION_TILED, &overrides, &bindings, [tiles, heads, 1]);
        }
        self.few_rows(attention, (t, shape), overrides, y)
    }

    /// The attention of few rows of each sequence.
    fn few_rows(
        &mut self,
        attention: Attention<'_>,
        (t, shape): (usize, Heads),
        mut overrides: Vec<Override>,
        y: &Tensor,
    ) -> Result<()> {
        let Attention { q, cache: [k_cache, v_cache], spans, heads, group, window, .. } = attention;
        let (gpu, d, bindings) = (self.gpu(), shape.width, [q, k_cache, v_cache, spans, y]);
        // A whole number of teams, each as wide as a head.
        let team = d / EIGHT;
        let lanes = |most: usize| (most / team).max(1) * team;
        let tiles = t / group * group.div_ceil(4);
        let shares = key_shares(gpu, window);
        let room = attention.partials_of(t, q.dim(1))?;
        if let Some(partials) = room.filter(|_| shares > 1 && split_fits(gpu, d)) {
            let numbers = [("GROUP", group), ("LANES", lanes(128)), ("SHARES", shares)];
            overrides.extend(numbers.map(|(name, number)| (name, number as f64)));
            let bindings = [q, k_cache, v_cache, spans, partials];
            self.dispatch(&ATTENTION_SPLIT, &overrides, &bindings, [tiles, heads, shares])?;
            let overrides = [("H", heads as f64), ("D", d as f64), ("SHARES", shares as f64)];
            let workgroups = [(q.dim(1) / 4).div_ceil(64), t, 1];
            return self.dispatch(&ATTENTION_MERGE, &overrides, &[partials, y], workgroups);
        }
        if let Some(lanes) = joined_lanes(gpu, d) {
            let numbers = [("GROUP", group), ("LANES", lanes), ("KEYS", 4 * lanes)];
            overrides.extend(numbers.map(|(name, number)| (name, number as f64)));
            return self.dispatch(&ATTENTION_JOINED, &overrides, &bindings, [tiles, heads, 1]);
        }
        overrides.push(("LANES", lanes(64) as f64));
        let kernel = ATTENTION_WORKGROUP.of(y.memory());
        self.dispatch(kernel, &overrides, &bindings, [t, heads, 1])
    }
}
