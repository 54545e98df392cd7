//! The sampler's kernels: masked, threshold, draw, reveal, candidates.

use crate::Result;
use crate::gpu::device::KernelFamily;
use crate::gpu::kernels::{
    CANDIDATES, DRAW, MASKED, REVEAL, THRESHOLD, draw_chunk, lanes_for_turns,
};
use crate::gpu::memory::Tensor;
use crate::gpu::ops::layout::{expect_groups, flag};
use crate::gpu::plan::Recorder;

/// Numbers of a partial draw, as the shaders lay them out.
pub const PARTIAL_WORDS: usize = 7;
/// Words of a cell: token, confidence, entropy, state.
pub const CELL_WORDS: usize = 4;
/// Words of the uniform `Step`.
pub const STEP_WORDS: usize = 16;

/// The vocabulary, as the sampler's kernels need it.
#[derive(Clone, Copy, Debug)]
pub struct Vocabulary {
    /// Tokens, the mask token included.
    pub size: usize,
    /// The mask token, any id; beyond the vocabulary where there is none. It is never drawn.
    pub mask_id: u32,
    /// How many tokens have a share of the distribution, the mask token among them; those that can be
    /// drawn, if absent.
    pub counted: Option<usize>,
}

/// The cells of a block, as the sampler's kernels need them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockCells {
    /// Cells of a block.
    pub size: usize,
    /// Cells of it before its first window.
    pub first: usize,
    /// Cells of a window of it: those of one open before those behind them. The block's, if all may
    /// open.
    pub window: usize,
    /// Rows by which the row that speaks of a cell comes before the cell's own.
    pub shift: usize,
}

impl BlockCells {
    /// Index of the window that a cell of the block is in.
    pub fn window_of(&self, cell: usize) -> usize {
        cell.saturating_sub(self.first) / self.window
    }

    /// Cells that may all open, each of its own row.
    pub fn whole(size: usize) -> BlockCells {
        BlockCells { size, first: 0, window: size, shift: 0 }
    }
}

impl Recorder<'_> {
    /// The first R masked cells that may open, and the rows of x that speak of them; rows behind the
    /// last stay as they were.
    ///
    /// # Shapes
    /// x `[T or more, C]`, ids `[T]`, masked `[R]`, y `[R, C]`.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn masked(
        &mut self,
        x: &Tensor,
        (ids, mask_id, block): (&Tensor, u32, BlockCells),
        masked: &Tensor,
        y: &Tensor,
    ) -> Result<()> {
        let (t, r, c) = (ids.dim(0), masked.dim(0), x.dim(1));
        x.expect(&[x.dim(0).max(t), c])?;
        y.expect(&[r, c])?;
        let overrides = [
            ("C", c as f64),
            ("CELLS", t as f64),
            ("BLOCK", block.size as f64),
            ("FIRST", block.first as f64),
            ("WINDOW", block.window as f64),
            ("SHIFT", block.shift as f64),
            ("MASK", f64::from(mask_id)),
            ("LANES", self.lanes()),
        ];
        self.dispatch(&MASKED, &overrides, &[x, ids, masked, y], [r, 1, 1])
    }

    /// Top-k and nucleus: which tokens of each masked cell may be drawn.
    ///
    /// # Shapes
    /// logits `[R, V or wider]` of the cells masked `[R]`, step `[16]`, limits `[T, 2]`.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn threshold(
        &mut self,
        logits: &Tensor,
        masked: &Tensor,
        step: &Tensor,
        vocabulary: Vocabulary,
        limits: &Tensor,
    ) -> Result<()> {
        let r = expect_logits(logits, masked, vocabulary)?;
        step.expect(&[STEP_WORDS])?;
        limits.expect(&[limits.dim(0).max(r), 2])?;
        // Two highest logits and sums, and seven bytes each of top-k and nucleus.
        let lanes = lanes_for_turns(self.gpu(), 16 * vocabulary.size);
        let overrides = vocabulary.overrides(logits, lanes as f64);
        let overrides = &overrides[..4];
        self.dispatch(&THRESHOLD, overrides, &[logits, masked, step, limits], [r, 1, 1])
    }

    /// Draws a token for each masked cell, in parts by chunks of the vocabulary.
    ///
    /// # Shapes
    /// logits `[R, V or wider]` of the cells masked `[R]`, keys `[T, 4]`, limits `[T, 2]` (read if `filtered`),
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
        let DrawRows { masked, keys, limits, filtered } = rows;
        let (r, t) = (expect_logits(logits, masked, vocabulary)?, keys.dim(0));
        let chunks = draw_chunks(self.family(), logits.dim(1));
        keys.expect(&[t, 4])?;
        limits.expect(&[t, 2])?;
        step.expect(&[STEP_WORDS])?;
        partials.expect(&[t, chunks, PARTIAL_WORDS])?;
        let mut overrides = vocabulary.overrides(logits, self.lanes()).to_vec();
        overrides.push(("CHUNK", draw_chunk(self.family()) as f64));
        overrides.push(("FILTERED", flag(filtered)));
        let bindings = [logits, masked, keys, limits, step, partials];
        self.dispatch(&DRAW, &overrides, &bindings, [chunks, r, 1])
    }

    /// Chooses which masked cells open, and opens them.
    ///
    /// # Shapes
    /// partials `[T, chunks, 7]`, keys `[T, 4]`, step `[16]`, ids `[T]`, cells `[T, 4]`; T is a
    /// multiple of the block's size.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn reveal(
        &mut self,
        partials: &Tensor,
        keys: &Tensor,
        step: &Tensor,
        (block, vocabulary): (BlockCells, Vocabulary),
        [ids, cells]: [&Tensor; 2],
    ) -> Result<()> {
        let t = ids.dim(0);
        partials.expect(&[t, partials.dim(1), PARTIAL_WORDS])?;
        keys.expect(&[t, 4])?;
        step.expect(&[STEP_WORDS])?;
        cells.expect(&[t, CELL_WORDS])?;
        expect_groups(ids, block.size)?;
        // Each cell looks at all others.
        let lanes = lanes_for_turns(self.gpu(), block.size * block.size);
        let overrides = [
            ("CELLS", block.size as f64),
            ("FIRST", block.first as f64),
            ("WINDOW", block.window as f64),
            ("CHUNKS", partials.dim(1) as f64),
            ("MASK", f64::from(vocabulary.mask_id)),
            ("DRAWABLE", vocabulary.n_drawable() as f64),
            ("LANES", lanes as f64),
        ];
        let bindings = [partials, keys, step, ids, cells];
        self.dispatch(&REVEAL, &overrides, &bindings, [t / block.size, 1, 1])
    }

    /// The rank of each masked cell's drawn token, and the likeliest tokens.
    ///
    /// # Shapes
    /// logits `[R, V or wider]` of the cells masked `[R]`, partials `[T, chunks, 7]` of [`Self::draw`],
    /// likely `[T, likely_words(count)]`.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn candidates(
        &mut self,
        (logits, masked): (&Tensor, &Tensor),
        partials: &Tensor,
        (vocabulary, count): (Vocabulary, usize),
        likely: &Tensor,
    ) -> Result<()> {
        let r = expect_logits(logits, masked, vocabulary)?;
        let t = likely.dim(0).max(r);
        likely.expect(&[t, likely_words(count)])?;
        partials.expect(&[t, partials.dim(1), PARTIAL_WORDS])?;
        // A turn over the row for each candidate, one for the sum, one for the rank.
        let lanes = lanes_for_turns(self.gpu(), (count + 2) * vocabulary.size);
        let mut overrides = vocabulary.overrides(logits, lanes as f64).to_vec();
        overrides.push(("COUNT", count as f64));
        overrides.push(("CHUNKS", partials.dim(1) as f64));
        let bindings = [logits, masked, partials, likely];
        self.dispatch(&CANDIDATES, &overrides, &bindings, [r, 1, 1])
    }
}

/// What a draw reads beside the logits.
#[derive(Clone, Copy, Debug)]
pub struct DrawRows<'a> {
    /// Which cells the rows of logits belong to, `[R]`.
    pub masked: &'a Tensor,
    /// Seeds and positions, `[T, 4]`.
    pub keys: &'a Tensor,
    /// Filters, `[T, 2]`.
    pub limits: &'a Tensor,
    /// Whether the filters apply.
    pub filtered: bool,
}

/// Words of a cell's rank and candidates, which are a token and a probability each.
pub fn likely_words(candidates: usize) -> usize {
    1 + 2 * candidates
}

/// Partial draws per row for logits of `columns` columns.
pub fn draw_chunks(family: KernelFamily, columns: usize) -> usize {
    columns.div_ceil(draw_chunk(family))
}

impl Vocabulary {
    /// Tokens that can be drawn: all but the mask token, where that is one of them.
    fn n_drawable(self) -> usize {
        self.size - usize::from((self.mask_id as usize) < self.size)
    }

    fn overrides(self, logits: &Tensor, lanes: f64) -> [(&'static str, f64); 6] {
        [
            ("V", self.size as f64),
            ("STRIDE", logits.dim(1) as f64),
            ("MASK", f64::from(self.mask_id)),
            ("LANES", lanes),
            ("MASK_COUNTS", flag(self.counted.is_some())),
            ("COUNTED", self.counted.unwrap_or(self.size) as f64),
        ]
    }
}

fn expect_logits(logits: &Tensor, masked: &Tensor, vocabulary: Vocabulary) -> Result<usize> {
    let r = masked.dim(0);
    let size = vocabulary.size.max(vocabulary.counted.unwrap_or(0));
    let columns = logits.dim(1).max(size).next_multiple_of(4);
    logits.expect(&[r, columns])?;
    Ok(r)
}
