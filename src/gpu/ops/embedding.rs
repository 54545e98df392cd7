//! The embedding: rows of a table.

use crate::Result;
use crate::gpu::kernels::EMBEDDING;
use crate::gpu::memory::{Tensor, Weight};
use crate::gpu::ops::layout::{flag, weights_overrides};
use crate::gpu::plan::Recorder;

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
        if table.is_transposed() {
            return Err(x.misfit(&[t, table.shape()[0]]));
        }
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
}
