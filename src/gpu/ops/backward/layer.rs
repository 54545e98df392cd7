//! What a layer does number by number: activations, and the gated sums at the ends of its halves.

use crate::Result;
use crate::gpu::kernels::{ACTIVATION, BACKWARD_ACTIVATION, BACKWARD_GATED, GATED};
use crate::gpu::memory::{Override, Tensor};
use crate::gpu::ops::backward::sums::{ColumnSums, Shares};
use crate::gpu::ops::layout::{flag, skipped};
use crate::gpu::plan::Recorder;

/// The activation of an MLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// GELU, tanh approximation.
    GeluTanh,
    /// `x * sigmoid(x)`.
    Silu,
}

/// A gate for each column, shared by all rows.
#[derive(Clone, Copy, Debug)]
pub struct Gate<'a> {
    /// `[1, at + C or more]`.
    pub tensor: &'a Tensor,
    /// Its first column.
    pub at: usize,
}

/// Dropout whose bits come from a counter, so that both passes draw the same.
#[derive(Clone, Copy, Debug)]
pub struct Dropout<'a> {
    /// Two words of the seed; 2^32 times the probability, as an integer; what is kept is multiplied with,
    /// an f32: `[4]`.
    pub draw: &'a Tensor,
    /// Which of the network's dropouts this is; None for none.
    pub site: Option<u32>,
}

impl Dropout<'_> {
    fn overrides(&self) -> [Override; 2] {
        [("DROPOUT", flag(self.site.is_some())), ("SITE", f64::from(self.site.unwrap_or(0)))]
    }

    fn expect(&self) -> Result<()> {
        self.draw.expect(&[4])
    }
}

impl Gate<'_> {
    fn expect(&self, columns: usize) -> Result<()> {
        self.tensor.expect(&[1, self.tensor.dim(1).max(self.at + columns)])
    }
}

impl Activation {
    fn overrides(self, columns: usize, lanes: f64, y: &Tensor) -> Vec<Override> {
        let silu = flag(self == Activation::Silu);
        let mut overrides = vec![("C", columns as f64), ("SILU", silu), ("LANES", lanes)];
        overrides.extend(skipped("Y_SKIPPED", y));
        overrides
    }
}

impl Recorder<'_> {
    /// `y = f(x)`.
    ///
    /// # Shapes
    /// x, y `[T, C]`.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn activation(&mut self, f: Activation, x: &Tensor, y: &Tensor) -> Result<()> {
        let (t, c) = (x.dim(0), x.dim(1));
        x.expect(&[t, c.next_multiple_of(4)])?;
        y.expect(&[t, c])?;
        let overrides = f.overrides(c, self.lanes(), y);
        self.dispatch(ACTIVATION.of(y.memory()), &overrides, &[x, y], [t, 1, 1])
    }

    /// `dx = dy f'(x)`.
    ///
    /// # Shapes
    /// x, dy, dx `[T, C]`.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn backward_activation(
        &mut self,
        f: Activation,
        x: &Tensor,
        dy: &Tensor,
        dx: &Tensor,
    ) -> Result<()> {
        let (t, c) = (x.dim(0), x.dim(1));
        x.expect(&[t, c.next_multiple_of(4)])?;
        dy.expect(&[t, c])?;
        dx.expect(&[t, c])?;
        let overrides = f.overrides(c, self.lanes(), dx);
        self.dispatch(BACKWARD_ACTIVATION.of(dx.memory()), &overrides, &[x, dy, dx], [t, 1, 1])
    }

    /// `y = x + gate * dropout(z)`.
    ///
    /// # Shapes
    /// x, z, y `[T, C]`.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn gated(
        &mut self,
        [x, z]: [&Tensor; 2],
        gate: Gate<'_>,
        dropout: Dropout<'_>,
        y: &Tensor,
    ) -> Result<()> {
        let (t, c) = (x.dim(0), x.dim(1));
        x.expect(&[t, c.next_multiple_of(4)])?;
        z.expect(&[t, c])?;
        y.expect(&[t, c])?;
        gate.expect(c)?;
        dropout.expect()?;
        let mut overrides =
            vec![("C", c as f64), ("GATE_AT", gate.at as f64), ("LANES", self.lanes())];
        overrides.extend(dropout.overrides());
        let bindings = [x, z, gate.tensor, dropout.draw, y];
        self.dispatch(&GATED, &overrides, &bindings, [t, 1, 1])
    }

    /// Of [`Recorder::gated`]: `dz = gate * dropout(dy)`, and the gate's gradient, the sum of
    /// `dropout(dy) * z` over the rows, which is stored in its columns of `dgate`. (dx is dy.)
    ///
    /// # Shapes
    /// dy, z, dz `[T, C]`; dgate `[1, at + C or more]`; partials
    /// `[`[`crate::gpu::column_sums_room`]` or more]`.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn backward_gated(
        &mut self,
        [dy, z]: [&Tensor; 2],
        gate: Gate<'_>,
        dropout: Dropout<'_>,
        partials: &Tensor,
        [dz, dgate]: [&Tensor; 2],
    ) -> Result<()> {
        let (t, c) = (dy.dim(0), dy.dim(1));
        dy.expect(&[t, c.next_multiple_of(4)])?;
        z.expect(&[t, c])?;
        dz.expect(&[t, c])?;
        gate.expect(c)?;
        Gate { tensor: dgate, ..gate }.expect(c)?;
        dropout.expect()?;
        let shares = Shares::of(t);
        shares.expect_room(partials, c)?;
        let mut overrides = vec![
            ("T", t as f64),
            ("C", c as f64),
            ("GATE_AT", gate.at as f64),
            ("SHARE", shares.rows as f64),
            ("LANES", self.lanes()),
        ];
        overrides.extend(dropout.overrides());
        overrides.extend(skipped("Y_SKIPPED", dz));
        let bindings = [dy, z, gate.tensor, dropout.draw, partials, dz];
        let groups = [self.groups_of_columns(c), shares.count, 1];
        self.dispatch(BACKWARD_GATED.of(dz.memory()), &overrides, &bindings, groups)?;
        self.merge_columns(partials, (c, shares.count), dgate, ColumnSums::StoredFrom(gate.at))
    }
}
