//! The sampler's kernels: threshold, draw, reveal, candidates.

use crate::Result;
use crate::gpu::kernels::{CANDIDATES, DRAW, REVEAL, THRESHOLD, draw_chunk, lanes_for_turns};
use crate::gpu::ops::flag;
use crate::gpu::{KernelFamily, Recorder, Tensor};

/// Numbers of a partial draw, a cell and a candidate, as the shaders lay them out.
pub const PARTIAL_WORDS: usize = 7;
/// Words of a cell: token, confidence, entropy, state.
pub const CELL_WORDS: usize = 4;
/// Words of a candidate: token, probability.
pub const CANDIDATE_WORDS: usize = 2;
/// Words of the uniform `Step`.
pub const STEP_WORDS: usize = 16;

/// Cells per block and the vocabulary, as the sampler's kernels need them.
#[derive(Clone, Copy, Debug)]
pub struct Vocabulary {
    /// Tokens, the mask token included.
    pub size: usize,
    /// The mask token.
    pub mask_id: u32,
}

impl Recorder<'_> {
    /// Top-k and nucleus: which tokens of each masked row may be drawn.
    ///
    /// # Shapes
    /// logits `[T, V or wider]`, ids `[T]`, step `[16]`, limits `[T, 2]`.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn threshold(
        &mut self,
        logits: &Tensor,
        ids: &Tensor,
        step: &Tensor,
        vocabulary: Vocabulary,
        limits: &Tensor,
    ) -> Result<()> {
        let t = expect_logits(logits, ids, vocabulary)?;
        step.expect(&[STEP_WORDS])?;
        limits.expect(&[t, 2])?;
        // Two highest logits and sums, and seven bytes each of top-k and nucleus.
        let lanes = lanes_for_turns(self.gpu().kernels(), 16 * vocabulary.size);
        let overrides = vocabulary.overrides(logits, lanes as f64);
        self.dispatch(&THRESHOLD, &overrides, &[logits, ids, step, limits], [t, 1, 1])
    }

    /// Draws a token for each masked row, in parts by chunks of the vocabulary.
    ///
    /// # Shapes
    /// logits `[T, V or wider]`, ids `[T]`, keys `[T, 4]`, limits `[T, 2]` (read if `filtered`),
    /// step `[16]`, partials `[T, chunks, 7]` with [`draw_chunks`] chunks.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn draw(
        &mut self,
        logits: &Tensor,
        rows: DrawRows<'_>,
        step: &Tensor,
        vocabulary: Vocabulary,
        partials: &Tensor,
    ) -> Result<()> {
        let DrawRows { ids, keys, limits, filtered } = rows;
        let t = expect_logits(logits, ids, vocabulary)?;
        let chunks = draw_chunks(self.family(), logits.dim(1));
        keys.expect(&[t, 4])?;
        limits.expect(&[t, 2])?;
        step.expect(&[STEP_WORDS])?;
        partials.expect(&[t, chunks, PARTIAL_WORDS])?;
        let mut overrides = vocabulary.overrides(logits, self.lanes()).to_vec();
        overrides.push(("CHUNK", draw_chunk(self.family()) as f64));
        overrides.push(("FILTERED", flag(filtered)));
        let bindings = [logits, ids, keys, limits, step, partials];
        self.dispatch(&DRAW, &overrides, &bindings, [chunks, t, 1])
    }

    /// Chooses which masked cells open, and opens them.
    ///
    /// # Shapes
    /// partials `[T, chunks, 7]`, keys `[T, 4]`, step `[16]`, ids `[T]`, cells `[T, 4]`; T is a
    /// multiple of `block_size`.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn reveal(
        &mut self,
        partials: &Tensor,
        keys: &Tensor,
        step: &Tensor,
        (block_size, mask_id): (usize, u32),
        [ids, cells]: [&Tensor; 2],
    ) -> Result<()> {
        let t = ids.dim(0);
        partials.expect(&[t, partials.dim(1), PARTIAL_WORDS])?;
        keys.expect(&[t, 4])?;
        step.expect(&[STEP_WORDS])?;
        cells.expect(&[t, CELL_WORDS])?;
        // Each cell looks at all others.
        let lanes = lanes_for_turns(self.gpu().kernels(), block_size * block_size);
        let overrides = [
            ("CELLS", block_size as f64),
            ("CHUNKS", partials.dim(1) as f64),
            ("MASK", f64::from(mask_id)),
            ("LANES", lanes as f64),
        ];
        let bindings = [partials, keys, step, ids, cells];
        self.dispatch(&REVEAL, &overrides, &bindings, [t / block_size, 1, 1])
    }

    /// The likeliest tokens of each masked row.
    ///
    /// # Shapes
    /// logits `[T, V or wider]`, ids `[T]`, top `[T, count, 2]`.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn candidates(
        &mut self,
        logits: &Tensor,
        ids: &Tensor,
        vocabulary: Vocabulary,
        top: &Tensor,
    ) -> Result<()> {
        let t = expect_logits(logits, ids, vocabulary)?;
        top.expect(&[t, top.dim(1), CANDIDATE_WORDS])?;
        let lanes = lanes_for_turns(self.gpu().kernels(), (top.dim(1) + 1) * vocabulary.size);
        let mut overrides = vocabulary.overrides(logits, lanes as f64).to_vec();
        overrides.push(("COUNT", top.dim(1) as f64));
        self.dispatch(&CANDIDATES, &overrides, &[logits, ids, top], [t, 1, 1])
    }
}

/// What a draw reads of each row beside the logits.
#[derive(Clone, Copy, Debug)]
pub struct DrawRows<'a> {
    /// `[T]`.
    pub ids: &'a Tensor,
    /// Seeds and positions, `[T, 4]`.
    pub keys: &'a Tensor,
    /// Filters, `[T, 2]`.
    pub limits: &'a Tensor,
    /// Whether the filters apply.
    pub filtered: bool,
}

/// Partial draws per row for logits of `columns` columns.
pub fn draw_chunks(family: KernelFamily, columns: usize) -> usize {
    columns.div_ceil(draw_chunk(family))
}

impl Vocabulary {
    fn overrides(self, logits: &Tensor, lanes: f64) -> [(&'static str, f64); 4] {
        [
            ("V", self.size as f64),
            ("STRIDE", logits.dim(1) as f64),
            ("MASK", f64::from(self.mask_id)),
            ("LANES", lanes),
        ]
    }
}

fn expect_logits(logits: &Tensor, ids: &Tensor, vocabulary: Vocabulary) -> Result<usize> {
    let t = ids.dim(0);
    let columns = logits.dim(1).max(vocabulary.size).next_multiple_of(4);
    logits.expect(&[t, columns])?;
    Ok(t)
}
