//! Matrix products with their epilogues.

use crate::gpu::device::Memory;
use crate::gpu::kernels::{matmul_tiling, transposed_tiling};
use crate::gpu::memory::{Override, Part, Tensor, Weight};
use crate::gpu::ops::input::Input;
use crate::gpu::ops::layout::{expect_memory, flag, skipped, weights_overrides};
use crate::gpu::ops::sequences::{Modulation, Sequences};
use crate::gpu::plan::Recorder;
use crate::{Error, Result};

/// What a matrix product does with its sums, after adding the bias.
#[derive(Clone, Copy, Debug)]
pub enum Epilogue<'a> {
    /// Stores them.
    Store,
    /// Stores their GELU (tanh approximation).
    Gelu,
    /// Stores their GELU as it is, by the error function.
    GeluErf,
    /// Adds them to what is there.
    Residual,
    /// Multiplies them by the gate in columns `at ..`, and adds.
    GatedResidual(Modulation<'a>, usize),
}

impl Epilogue<'_> {
    /// Whether y is read.
    fn adds(&self) -> bool {
        matches!(self, Epilogue::Residual | Epilogue::GatedResidual(..))
    }

    /// Overrides for a part of a weight; without a gate the bias is bound in its place.
    fn overrides(&self, part: &Part, bias: &Tensor) -> [Override; 8] {
        let (gate, sequences, at) = match self {
            Epilogue::GatedResidual(Modulation { tensor, sequences }, at) => {
                (*tensor, *sequences, *at)
            }
            _ => (bias, Sequences::SHARED, 0),
        };
        [
            ("GELU", flag(matches!(self, Epilogue::Gelu))),
            ("GELU_ERF", flag(matches!(self, Epilogue::GeluErf))),
            ("RESIDUAL", flag(self.adds())),
            ("GATED", flag(matches!(self, Epilogue::GatedResidual(..)))),
            ("SEQ_ROWS", sequences.rows as f64),
            ("SEQS", sequences.count as f64),
            ("GATE_STRIDE", gate.dim(1) as f64),
            ("GATE_AT", (at + part.first) as f64),
        ]
    }

    fn expect(&self, n: usize, y: &Tensor) -> Result<()> {
        if self.adds() && y.memory() == Memory::Texels {
            let cause = format!("{} is in texels: nothing can be added to it", y.label());
            return Err(Error::Kernel { kernel: "matmul", cause });
        }
        match self {
            Epilogue::GatedResidual(m, at) => {
                let columns = m.tensor.dim(1).max(at + n).next_multiple_of(4);
                m.tensor.expect(&[m.sequences.count, columns])
            }
            _ => Ok(()),
        }
    }
}

impl Recorder<'_> {
    /// `y = epilogue(x w^T + bias)`, in as many dispatches as the weight has parts.
    ///
    /// # Shapes
    /// x `[T, K]`; w `[N, K]`, bias `[N]` or longer; y `[T, N]` or
    /// wider, a multiple of 4: the columns after N are overwritten.
    /// # Errors
    /// [`crate::Error::Shape`]; [`crate::Error::Kernel`] if x is in another memory, or the sums are
    /// added to texels.
    pub fn matmul<'a>(
        &mut self,
        x: impl Into<Input<'a>>,
        w: &Weight,
        bias: &Tensor,
        epilogue: Epilogue<'_>,
        y: &Tensor,
    ) -> Result<()> {
        let (input, [n, k]) = (x.into(), w.shape());
        let t = input.x().dim(0);
        y.expect(&[t, y.dim(1).max(n).next_multiple_of(4)])?;
        bias.expect(&[bias.dim(0).max(n)])?;
        epilogue.expect(n, y)?;
        let gate = match epilogue {
            Epilogue::GatedResidual(m, _) => m.tensor,
            _ => bias,
        };
        let tiling = match w.is_transposed() {
            true => transposed_tiling(self.gpu(), t, w.shape(), y.memory()),
            false => matmul_tiling(self.gpu(), t, (w.shape(), w.dtype()), y.memory()),
        };
        let read = self.read(input, &tiling)?;
        read.x.expect(&[t, k])?;
        for part in w.parts() {
            expect_memory("matmul", read.x, part.table.memory())?;
            let columns = w.outputs(part);
            let part_bias = bias.rows(part.first, columns)?;
            let mut overrides = vec![
                ("N", columns as f64),
                ("Y_STRIDE", y.dim(1) as f64),
                ("Y_AT", part.first as f64),
            ];
            overrides.extend(epilogue.overrides(part, bias));
            overrides.extend(weights_overrides(w, part));
            overrides.extend(read.overrides().chain(skipped("Y_SKIPPED", y)));
            let workgroups = [columns.div_ceil(tiling.columns), t.div_ceil(tiling.rows), 1];
            let mut bindings = vec![&part.table, read.x, &part_bias, gate, y];
            bindings.extend(read.bindings());
            self.dispatch(read.kernel, &overrides, &bindings, workgroups)?;
        }
        Ok(())
    }
}
