//! The network's kernels but for norm and attention: embedding, matrix products, rotary.

use crate::gpu::kernels::{EMBEDDING, ROTARY, matmul_tiling, qkv_tiling};
use crate::gpu::ops::flag;
use crate::gpu::ops::norm::Rows;
use crate::gpu::{DType, Memory, Part, Recorder, Tensor, Weight};
use crate::{Error, Result};

/// Which sequence a row belongs to: `row / rows % count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequences {
    /// Consecutive rows of one sequence.
    pub rows: usize,
    /// Sequences; their rows repeat in this order.
    pub count: usize,
}

impl Sequences {
    /// All rows share one modulation.
    pub const SHARED: Sequences = Sequences { rows: 1, count: 1 };
}

/// Columns of a modulation `[sequences, 6C]` or `[sequences, 2C]` that a kernel reads.
#[derive(Clone, Copy, Debug)]
pub struct Modulation<'a> {
    /// The tensor.
    pub tensor: &'a Tensor,
    /// Whose row applies to which row of the activations.
    pub sequences: Sequences,
}

/// What a matrix product does with its sums, after adding the bias.
#[derive(Clone, Copy, Debug)]
pub enum Epilogue<'a> {
    /// Stores them.
    Store,
    /// Stores their GELU (tanh approximation).
    Gelu,
    /// Adds them to what is there.
    Residual,
    /// Multiplies them by the gate in columns `at ..`, and adds.
    GatedResidual(Modulation<'a>, usize),
}

/// How rows are rotated, and where their queries, keys and values go: caches both f32 or both f16,
/// in the same memory as the queries. In texels the caches' numbers lie head by head, `[H, S, D]`.
#[derive(Clone, Copy, Debug)]
pub struct Attended<'a> {
    /// Cosines, then sines, `[T, D]`.
    pub angles: &'a Tensor,
    /// Cache slots, `[T]`.
    pub slots: &'a Tensor,
    /// Queries, `[T, C]`.
    pub q: &'a Tensor,
    /// Keys and values, `[S, C]`.
    pub cache: [&'a Tensor; 2],
}

impl Attended<'_> {
    /// T, C and D.
    fn expect(&self) -> Result<(usize, usize, usize)> {
        let Attended { angles, slots, q, cache: [k_cache, v_cache] } = self;
        let (t, c, d) = (q.dim(0), q.dim(1), angles.dim(1));
        angles.expect(&[t, d])?;
        slots.expect(&[t])?;
        k_cache.expect(&[k_cache.dim(0), c])?;
        v_cache.expect(k_cache.shape())?;
        expect_whole([q, k_cache, v_cache])?;
        Ok((t, c, d))
    }
}

/// What an embedding writes onto.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Onto {
    /// It overwrites the rows.
    Nothing,
    /// It is added to the rows.
    Rows,
}

impl Recorder<'_> {
    /// `x[t] = table[ids[t]]`, or adds it.
    ///
    /// # Shapes
    /// ids `[T]`, table `[V, C]`, x `[T, C]`.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn embedding(
        &mut self,
        ids: &Tensor,
        table: &Weight,
        onto: Onto,
        x: &Tensor,
    ) -> Result<()> {
        let ([_, c], t) = (table.shape(), ids.dim(0));
        x.expect(&[t, c])?;
        for part in table.parts() {
            let mut overrides = vec![
                ("FIRST", part.first as f64),
                ("COUNT", part.table.dim(0) as f64),
                ("ADD", flag(onto == Onto::Rows)),
                ("LANES", self.lanes()),
            ];
            overrides.extend(weights_overrides(table, part));
            let kernel = EMBEDDING.of(part.table.memory());
            self.dispatch(kernel, &overrides, &[&part.table, ids, x], [t, 1, 1])?;
        }
        Ok(())
    }

    /// `y = epilogue(x w^T + bias)`, in as many dispatches as the weight has parts.
    ///
    /// # Shapes
    /// Rows `[T, K]`; w `[N, K]`, bias `[N]` or longer; y `[T, N]` or
    /// wider, a multiple of 4: what comes behind column N is lost.
    /// # Errors
    /// [`crate::Error::Shape`]; [`crate::Error::Kernel`] if x lies in other memory, or the sums are
    /// added to texels.
    pub fn matmul<'a>(
        &mut self,
        rows: impl Into<Rows<'a>>,
        w: &Weight,
        bias: &Tensor,
        epilogue: Epilogue<'_>,
        y: &Tensor,
    ) -> Result<()> {
        let (rows, [n, k]) = (rows.into(), w.shape());
        let t = rows.count();
        y.expect(&[t, y.dim(1).max(n).next_multiple_of(4)])?;
        bias.expect(&[bias.dim(0).max(n)])?;
        let adds = matches!(epilogue, Epilogue::Residual | Epilogue::GatedResidual(..));
        if adds && y.memory() == Memory::Texels {
            let cause = format!("{} lies in texels: nothing can be added to it", y.label());
            return Err(Error::Kernel { kernel: "matmul", cause });
        }
        let (gate, sequences, gate_at) = match epilogue {
            Epilogue::GatedResidual(m, at) => {
                let columns = m.tensor.dim(1).max(at + n).next_multiple_of(4);
                m.tensor.expect(&[m.sequences.count, columns])?;
                (m.tensor, m.sequences, at)
            }
            _ => (bias, Sequences::SHARED, 0),
        };
        let tiling = matmul_tiling(self.gpu(), t, (w.shape(), w.dtype()), y.memory());
        let read = self.read(rows, &tiling)?;
        read.x.expect(&[t, k])?;
        for part in w.parts() {
            expect_memory("matmul", read.x, part.table.memory())?;
            let columns = part.table.dim(0);
            let part_bias = bias.rows(part.first, columns)?;
            let mut overrides = vec![
                ("N", columns as f64),
                ("Y_STRIDE", y.dim(1) as f64),
                ("Y_AT", part.first as f64),
                ("GELU", flag(matches!(epilogue, Epilogue::Gelu))),
                ("RESIDUAL", flag(adds)),
                ("GATED", flag(matches!(epilogue, Epilogue::GatedResidual(..)))),
                ("SEQ_ROWS", sequences.rows as f64),
                ("SEQS", sequences.count as f64),
                ("GATE_STRIDE", gate.dim(1) as f64),
                ("GATE_AT", (gate_at + part.first) as f64),
            ];
            overrides.extend(weights_overrides(w, part));
            overrides.extend(&tiling.overrides);
            overrides.extend(read.overrides().chain(skipped("Y_SKIPPED", y)));
            let workgroups = [columns.div_ceil(tiling.columns), t.div_ceil(tiling.rows), 1];
            let mut bindings = vec![&part.table, read.x, &part_bias, gate, y];
            bindings.extend(read.bindings());
            self.dispatch(read.kernel, &overrides, &bindings, workgroups)?;
        }
        Ok(())
    }

    /// Queries, keys and values: `qkv = x w^T + bias`, then [`Recorder::rotary`]. For few rows of
    /// most shapes one dispatch does both, and leaves `qkv` as it was.
    ///
    /// # Shapes
    /// Rows `[T, C]`, w `[3C, C]`, bias `[3C]`, and those of [`Recorder::rotary`].
    /// # Errors
    /// As [`Recorder::matmul`] and [`Recorder::rotary`].
    pub fn qkv<'a>(
        &mut self,
        rows: impl Into<Rows<'a>>,
        (w, bias): (&Weight, &Tensor),
        qkv: &Tensor,
        to: Attended<'_>,
    ) -> Result<()> {
        let (t, c, d) = to.expect()?;
        let fused = qkv_tiling(self.gpu(), t, (w.shape(), w.dtype()), d);
        let (Some(tiling), [part]) = (fused, w.parts()) else {
            self.matmul(rows, w, bias, Epilogue::Store, qkv)?;
            return self.rotary(qkv, to);
        };
        let read = self.read(rows.into(), &tiling)?;
        read.x.expect(&[t, c])?;
        bias.expect(&[3 * c])?;
        expect_memory("matmul", read.x, part.table.memory())?;
        let Attended { angles, slots, q, cache: [k_cache, v_cache] } = to;
        let mut overrides = vec![("N", 3.0 * c as f64), ("C", c as f64), ("D", d as f64)];
        overrides.push(("CACHE_F16", flag(k_cache.dtype() == DType::F16)));
        overrides.extend(weights_overrides(w, part));
        overrides.extend(&tiling.overrides);
        overrides.extend(read.overrides().chain(head_by_head(k_cache)));
        let mut bindings = vec![&part.table, read.x, bias];
        bindings.extend(match q.memory() {
            Memory::Texels => [q, k_cache, v_cache, angles, slots],
            Memory::Buffer => [angles, slots, q, k_cache, v_cache],
        });
        bindings.extend(read.bindings());
        let workgroups = [(3 * c).div_ceil(tiling.columns), t.div_ceil(tiling.rows), 1];
        self.dispatch(read.kernel, &overrides, &bindings, workgroups)
    }

    /// Rotates q and k by their rows' angles; k and v go to the rows' cache slots.
    ///
    /// # Shapes
    /// qkv `[T, 3C]`, and those of [`Attended`].
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn rotary(&mut self, qkv: &Tensor, to: Attended<'_>) -> Result<()> {
        let (t, c, d) = to.expect()?;
        qkv.expect(&[t, 3 * c])?;
        let Attended { angles, slots, q, cache: [k_cache, v_cache] } = to;
        let f16 = flag(k_cache.dtype() == DType::F16);
        let mut overrides =
            vec![("C", c as f64), ("D", d as f64), ("CACHE_F16", f16), ("LANES", self.lanes())];
        overrides.extend(head_by_head(k_cache));
        let bindings = [qkv, angles, slots, q, k_cache, v_cache];
        self.dispatch(ROTARY.of(q.memory()), &overrides, &bindings, [t, 1, 1])
    }
}

/// Fails for a tensor that lies elsewhere than what the kernel reads it with.
fn expect_memory(kernel: &'static str, tensor: &Tensor, wanted: Memory) -> Result<()> {
    let got = tensor.memory();
    if got == wanted {
        return Ok(());
    }
    let label = tensor.label();
    let cause =
        format!("{label} lies in {got:?}, expected {wanted:?}: make it with Tensor::multiplied");
    Err(Error::Kernel { kernel, cause })
}

/// Fails for views of queries or caches that begin behind the first row of their texels, which the
/// kernels do not skip.
pub(super) fn expect_whole(tensors: [&Tensor; 3]) -> Result<()> {
    let view = tensors.into_iter().find(|tensor| tensor.skipped_texels() > 0);
    view.map_or(Ok(()), |view| Err(view.misfit(view.shape())))
}

/// The override that texels need: a view of a texture binds all of it.
pub(super) fn skipped(name: &'static str, tensor: &Tensor) -> Option<(&'static str, f64)> {
    let texels = tensor.memory() == Memory::Texels;
    texels.then(|| (name, tensor.skipped_texels() as f64))
}

/// The override that a cache in texels needs, since its heads lie one after the other.
pub(super) fn head_by_head(cache: &Tensor) -> Option<(&'static str, f64)> {
    (cache.memory() == Memory::Texels).then(|| ("S", cache.dim(0) as f64))
}

/// The overrides with which `weights.wgsl` reads a part of a weight.
fn weights_overrides(
    weight: &Weight,
    part: &Part,
) -> impl Iterator<Item = (&'static str, f64)> + use<> {
    weight.overrides().chain(skipped("SKIPPED", &part.table))
}
