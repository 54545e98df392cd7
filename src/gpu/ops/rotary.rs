//! Queries, keys and values: rotated and stored, alone or fused with their product.

use crate::Result;
use crate::gpu::kernels::{NORMED_ROTARY, ROTARY, qkv_tiling};
use crate::gpu::memory::{Tensor, Weight};
use crate::gpu::ops::input::Input;
use crate::gpu::ops::layout::{Heads, expect_memory, weights_overrides};
use crate::gpu::ops::product::Epilogue;
use crate::gpu::ops::rms_norm::HeadNorm;
use crate::gpu::plan::Recorder;

/// How rows are rotated, and where their queries, keys and values go: caches both f32 or both f16,
/// in the same memory as the queries. Texels store the caches head by head, `[G, S, D]`.
#[derive(Clone, Copy, Debug)]
pub struct Attended<'a> {
    /// Cosines, then sines, `[T, D]`.
    pub angles: &'a Tensor,
    /// Cache slots, `[T]`.
    pub slots: &'a Tensor,
    /// Queries, `[T, H * D]`.
    pub q: &'a Tensor,
    /// Keys and values, `[S, G * D]`.
    pub cache: [&'a Tensor; 2],
}

impl<'a> Attended<'a> {
    /// T and the heads.
    fn expect(&self) -> Result<(usize, Heads)> {
        let Attended { angles, slots, q, cache } = self;
        let (t, d) = (q.dim(0), angles.dim(1));
        angles.expect(&[t, d])?;
        slots.expect(&[t])?;
        Ok((t, Heads::of(q, *cache, d)?))
    }

    /// In the order of the kernels' bindings.
    fn bindings(&self) -> [&'a Tensor; 5] {
        let Attended { angles, slots, q, cache: [k_cache, v_cache] } = self;
        [angles, slots, q, k_cache, v_cache]
    }
}

impl Recorder<'_> {
    /// Queries, keys and values: `qkv = x w^T + bias`, then [`Recorder::rotary`]. For few rows of
    /// most shapes one dispatch does both, and leaves `qkv` as it was.
    ///
    /// # Shapes
    /// x `[T, K]`, w `[(H + 2G) * D, K]`, bias `[(H + 2G) * D]`, and those of [`Recorder::rotary`].
    /// # Errors
    /// As [`Recorder::matmul`] and [`Recorder::rotary`].
    pub fn qkv<'a>(
        &mut self,
        x: impl Into<Input<'a>>,
        (w, bias): (&Weight, &Tensor),
        qkv: &Tensor,
        to: Attended<'_>,
    ) -> Result<()> {
        let (t, heads) = to.expect()?;
        let [n, k] = w.shape();
        qkv.expect(&[t, heads.qkv_width()])?;
        bias.expect(&[n])?;
        let fused = qkv_tiling(self.gpu(), t, (w.shape(), w.dtype()), heads.width);
        let fused = fused.filter(|_| !w.is_transposed());
        let (Some(tiling), [part]) = (fused, w.parts()) else {
            self.matmul(x, w, bias, Epilogue::Store, qkv)?;
            return self.rotary(qkv, to);
        };
        // The sums go where those of qkv would.
        bias.expect(&[heads.qkv_width()])?;
        let read = self.read(x.into(), &tiling)?;
        read.x.expect(&[t, k])?;
        expect_memory("matmul", read.x, part.table.memory())?;
        let mut overrides = vec![("N", n as f64)];
        overrides.extend(heads.overrides(to.cache[0]));
        overrides.extend(weights_overrides(w, part));
        overrides.extend(read.overrides());
        let mut bindings = vec![&part.table, read.x, bias];
        bindings.extend(to.bindings());
        bindings.extend(read.bindings());
        let workgroups = [n.div_ceil(tiling.columns), t.div_ceil(tiling.rows), 1];
        self.dispatch(read.kernel, &overrides, &bindings, workgroups)
    }

    /// Rotates queries and keys by their rows' angles; keys and values go to the rows' cache slots.
    ///
    /// # Shapes
    /// qkv `[T, (H + 2G) * D]`, and those of [`Attended`].
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn rotary(&mut self, qkv: &Tensor, to: Attended<'_>) -> Result<()> {
        let (t, heads) = to.expect()?;
        qkv.expect(&[t, heads.qkv_width()])?;
        let mut overrides = heads.overrides(to.cache[0]);
        overrides.push(("LANES", self.lanes()));
        let mut bindings = vec![qkv];
        bindings.extend(to.bindings());
        self.dispatch(ROTARY.of(to.q.memory()), &overrides, &bindings, [t, 1, 1])
    }

    /// [`Recorder::head_norm`], then [`Recorder::rotary`]. On GPUs one dispatch does both, and leaves `qkv`
    /// as it was.
    ///
    /// # Shapes
    /// qkv `[T, (H + 2G) * D]`, and those of [`HeadNorm`] and [`Attended`].
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn normed_rotary(
        &mut self,
        qkv: &Tensor,
        norm: HeadNorm<'_>,
        to: Attended<'_>,
    ) -> Result<()> {
        /// As many as the vectors of heads of 128 channels.
        const LANES: f64 = 32.0;
        let (t, heads) = to.expect()?;
        qkv.expect(&[t, heads.qkv_width()])?;
        if norm.expect(qkv)? != heads.width || norm.heads != [heads.queries, heads.keys] {
            return Err(norm.weight.misfit(&[2, heads.width]));
        }
        if !self.family().is_for_gpus() {
            self.head_norm(qkv, norm)?;
            return self.rotary(qkv, to);
        }
        let mut overrides = heads.overrides(to.cache[0]);
        overrides.push(("LANES", LANES));
        overrides.extend(norm.overrides());
        let mut bindings = vec![qkv, norm.weight];
        bindings.extend(to.bindings());
        let workgroups = [heads.queries + 2 * heads.keys, t, 1];
        self.dispatch(&NORMED_ROTARY, &overrides, &bindings, workgroups)
    }
}
