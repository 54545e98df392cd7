//! The kernels of cells that are distributions over the vocabulary: simplex, pick, renoise.

use crate::Result;
use crate::gpu::kernels::{PICK, RENOISE, SIMPLEX, lanes_for_turns};
use crate::gpu::memory::{Override, Tensor};
use crate::gpu::ops::STEP_WORDS;
use crate::gpu::ops::layout::{flag, skipped};
use crate::gpu::plan::Recorder;

/// Invocations of a workgroup of a kernel that does four tokens each.
const LANES: usize = 64;

/// What becomes of a row of logits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Choice {
    /// The likeliest token.
    Likeliest,
    /// One that is drawn.
    Drawn,
    /// All tokens that pass the filter.
    Kept,
}

/// Cells as these kernels need them.
#[derive(Clone, Debug)]
pub struct SimplexCells {
    /// Seeds and positions, `[T, 4]`.
    pub keys: Tensor,
    /// Filters, `[T, 2]`.
    pub limits: Tensor,
    /// Their tokens, `[T]`.
    pub chosen: Tensor,
    /// `[16]`.
    pub step: Tensor,
    /// What becomes of the logits.
    pub choice: Choice,
    /// Whether the filters apply.
    pub filtered: bool,
    /// Whether noise and uniforms are given.
    pub given: bool,
    /// Tokens that may be drawn.
    pub drawn_ids: usize,
}

impl SimplexCells {
    /// The overrides for rows of logits `[R, V or wider]` that belong to the cells from `first` on; R.
    fn of_logits(&self, logits: &Tensor, first: usize) -> Result<(Vec<Override>, usize)> {
        let t = self.keys.dim(0);
        let (r, stride) = (logits.dim(0).min(t.saturating_sub(first)), logits.dim(1));
        logits.expect(&[r, stride.max(self.drawn_ids).next_multiple_of(4)])?;
        self.keys.expect(&[t, 4])?;
        self.limits.expect(&[t, 2])?;
        self.chosen.expect(&[t])?;
        self.step.expect(&[STEP_WORDS])?;
        let overrides = vec![
            ("V", self.drawn_ids as f64),
            ("STRIDE", stride as f64),
            ("FIRST", first as f64),
            ("FILTERED", flag(self.filtered)),
            ("GIVEN", flag(self.given)),
        ];
        Ok((overrides, r))
    }
}

impl Recorder<'_> {
    /// `y = softmax(x)` over the first `vocab_size` columns; the others of y are zeros.
    ///
    /// # Shapes
    /// x `[T, V or wider]`, a multiple of 4; y `[T, V or wider]`, a multiple of 8.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn simplex(&mut self, x: &Tensor, vocab_size: usize, y: &Tensor) -> Result<()> {
        let (t, stride) = (x.dim(0), x.dim(1).max(vocab_size).next_multiple_of(4));
        x.expect(&[t, stride])?;
        y.expect(&[t, y.dim(1).max(stride).next_multiple_of(8)])?;
        let lanes = lanes_for_turns(self.gpu(), 3 * y.dim(1) / 4);
        let mut overrides = vec![
            ("V", vocab_size as f64),
            ("STRIDE", stride as f64),
            ("COLUMNS", y.dim(1) as f64),
            ("LANES", lanes as f64),
        ];
        overrides.extend(skipped("Y_SKIPPED", y));
        self.dispatch(SIMPLEX.of(y.memory()), &overrides, &[x, y], [t, 1, 1])
    }

    /// The token of each of the cells from `first` on, as the choice says; none for [`Choice::Kept`].
    ///
    /// # Shapes
    /// logits `[R, V or wider]`, a multiple of 4; uniforms `[T]`, read if they are given; those of
    /// [`SimplexCells`].
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn pick(
        &mut self,
        logits: &Tensor,
        first: usize,
        cells: &SimplexCells,
        uniforms: &Tensor,
    ) -> Result<()> {
        let (mut overrides, r) = cells.of_logits(logits, first)?;
        uniforms.expect(&[cells.keys.dim(0)])?;
        if cells.choice == Choice::Kept {
            return Ok(());
        }
        let lanes = lanes_for_turns(self.gpu(), 3 * cells.drawn_ids);
        overrides.push(("GREEDY", flag(cells.choice == Choice::Likeliest)));
        overrides.push(("LANES", lanes as f64));
        let SimplexCells { keys, limits, chosen, step, .. } = cells;
        let bindings = [logits, keys, limits, uniforms, step, chosen];
        self.dispatch(&PICK, &overrides, &bindings, [r, 1, 1])
    }

    /// The state of the cells from `first` on for the next step, of their tokens and new noise, or of
    /// the unit normals in x where they are given.
    ///
    /// # Shapes
    /// logits `[R, V or wider]`, x `[T, V or wider]`, as wide; those of [`SimplexCells`].
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn renoise(
        &mut self,
        logits: &Tensor,
        first: usize,
        cells: &SimplexCells,
        x: &Tensor,
    ) -> Result<()> {
        let (mut overrides, r) = cells.of_logits(logits, first)?;
        x.expect(&[cells.keys.dim(0), logits.dim(1)])?;
        overrides.push(("KEPT", flag(cells.choice == Choice::Kept)));
        overrides.push(("LANES", LANES as f64));
        let SimplexCells { keys, limits, chosen, step, .. } = cells;
        let bindings = [logits, keys, limits, chosen, step, x];
        let workgroups = [(logits.dim(1) / 4).div_ceil(LANES), r, 1];
        self.dispatch(&RENOISE, &overrides, &bindings, workgroups)
    }
}
