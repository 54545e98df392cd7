//! The gradients of attention, and of what comes before it.

use crate::Result;
use crate::gpu::device::Memory;
use crate::gpu::kernels::{
    BACKWARD_ATTENTION_KEYS_OUTER, BACKWARD_ATTENTION_KEYS_TILED, BACKWARD_ATTENTION_QUERIES_OUTER,
    BACKWARD_ATTENTION_QUERIES_TILED, BACKWARD_ROTARY, backward_tile,
};
use crate::gpu::memory::{DType, Override, Tensor};
use crate::gpu::ops::attention::Attention;
use crate::gpu::ops::layout::{Heads, expect_memory, skipped};
use crate::gpu::plan::Recorder;

/// The gradients of attention, and what they are computed from beside its inputs.
#[derive(Clone, Copy, Debug)]
pub struct BackwardAttention<'a> {
    /// Two spans of rows that see a key, `[S, 4]`: the inverse of the rows' spans. `group` consecutive
    /// keys are seen by rows of one sequence.
    pub seen: &'a Tensor,
    /// What attention found, `[T, H * D]`.
    pub y: &'a Tensor,
    /// Its gradient, `[T, H * D]`, in the memory of the queries.
    pub dy: &'a Tensor,
    /// Room for two numbers of each row and head, `[T, 2H]`.
    pub stats: &'a Tensor,
    /// The gradient of the queries, `[T, H * D]`.
    pub dq: &'a Tensor,
    /// The gradient of the keys, `[S, G * D]`.
    pub dk: &'a Tensor,
    /// The gradient of the values, `[S, G * D]`.
    pub dv: &'a Tensor,
}

impl BackwardAttention<'_> {
    fn expect(&self, attention: &Attention<'_>, (t, heads): (usize, Heads)) -> Result<()> {
        let BackwardAttention { seen, y, dy, stats, dq, dk, dv } = self;
        let [k, _] = attention.cache;
        if k.dtype() != DType::F32 {
            return Err(k.misfit(k.shape()));
        }
        seen.expect(&[k.dim(0), 4])?;
        stats.expect(&[t, 2 * heads.queries])?;
        [y, dy, dq].into_iter().try_for_each(|tensor| tensor.expect(&[t, heads.query_width()]))?;
        [dk, dv].into_iter().try_for_each(|tensor| tensor.expect(k.shape()))?;
        expect_memory("backward_attention", dy, attention.q.memory())
    }
}

impl Recorder<'_> {
    /// The gradients of [`Recorder::attention`] by its queries, keys and values.
    ///
    /// # Shapes
    /// Those of [`Attention`] and [`BackwardAttention`]; S too is a multiple of the group.
    /// # Errors
    /// [`crate::Error::Shape`]; [`crate::Error::Kernel`] if dy is in another memory than the queries.
    pub fn backward_attention(
        &mut self,
        attention: Attention<'_>,
        to: BackwardAttention<'_>,
    ) -> Result<()> {
        let (t, heads) = attention.expect()?;
        to.expect(&attention, (t, heads))?;
        let Attention { q, cache: [k, v], spans, group, scale, .. } = attention;
        let BackwardAttention { seen, y, dy, stats, dq, dk, dv } = to;
        let s = k.dim(0);
        if !s.is_multiple_of(group) {
            return Err(k.misfit(&[s.next_multiple_of(group), k.dim(1)]));
        }
        let mut overrides = heads.overrides(k);
        overrides.extend([("GROUP", group as f64), ("SCALE", f64::from(scale))]);
        let rows = [q, k, v, spans, y, dy, stats, dq];
        let keys = [q, k, v, seen, dy, stats, dk, dv];
        let groups = |rows: usize, tile: usize| rows / group * group.div_ceil(tile);
        let (of_rows, of_keys, tile) = match q.memory() {
            Memory::Texels => {
                overrides.push(("LANES", self.gpu().subgroup_lanes() as f64));
                (&BACKWARD_ATTENTION_QUERIES_OUTER, &BACKWARD_ATTENTION_KEYS_OUTER, 8)
            }
            Memory::Buffer => {
                let kernels = &BACKWARD_ATTENTION_QUERIES_TILED;
                overrides.extend(self.tiled_overrides(heads.width));
                let tile = backward_tile(self.gpu(), heads.width).rows;
                (kernels.of(y.memory()), &BACKWARD_ATTENTION_KEYS_TILED, tile)
            }
        };
        let is_outer = q.memory() == Memory::Texels;
        let name = if is_outer { "Y_SKIPPED" } else { "X_SKIPPED" };
        let of_queries: Vec<Override> = overrides.iter().copied().chain(skipped(name, y)).collect();
        let workgroups = [groups(t, tile), heads.queries, 1];
        self.dispatch(of_rows, &of_queries, &rows, workgroups)?;
        self.dispatch(of_keys, &overrides, &keys, [groups(s, tile), heads.keys, 1])
    }

    fn tiled_overrides(&self, width: usize) -> [Override; 6] {
        let tile = backward_tile(self.gpu(), width);
        [
            ("ROWS", tile.rows as f64),
            ("KEYS", tile.keys as f64),
            ("LANES", tile.lanes as f64),
            ("ROW_VECTORS", (tile.rows * width / 4) as f64),
            ("KEY_VECTORS", (tile.keys * width / 4) as f64),
            ("SCORES", (tile.rows * (tile.keys + 1)) as f64),
        ]
    }

    /// The gradient of [`Recorder::rotary`]: queries and keys turn back, and lie beside the values again.
    ///
    /// # Shapes
    /// dq `[T, H * D]`, dk and dv `[T, G * D]`, angles `[T, D]`, dqkv `[T, (H + 2G) * D]`.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn backward_rotary(
        &mut self,
        [dq, dk, dv]: [&Tensor; 3],
        angles: &Tensor,
        dqkv: &Tensor,
    ) -> Result<()> {
        let (t, d) = (dq.dim(0), angles.dim(1));
        angles.expect(&[t, d])?;
        let heads = Heads::of(dq, [dk, dv], d)?;
        dk.expect(&[t, dk.dim(1)])?;
        dqkv.expect(&[t, heads.qkv_width()])?;
        let mut overrides = vec![
            ("H", heads.queries as f64),
            ("G", heads.keys as f64),
            ("D", d as f64),
            ("LANES", self.lanes()),
        ];
        overrides.extend(skipped("Y_SKIPPED", dqkv));
        let bindings = [dq, dk, dv, angles, dqkv];
        self.dispatch(BACKWARD_ROTARY.of(dqkv.memory()), &overrides, &bindings, [t, 1, 1])
    }
}
