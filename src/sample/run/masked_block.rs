//! A block that stays masked: the passes that a text takes, without the text. For timing them.

use std::sync::Arc;

use crate::gpu::{KernelTime, Plan, Profiler};
use crate::model::{Network, Row};
use crate::sample::run::capacity::Capacity;
use crate::sample::run::denoiser::Denoiser;
use crate::sample::run::pass_shape::PassShape;
use crate::sample::run::request::Request;
use crate::sample::steps::{BlockSize, SampleKey, Sampler, StepUniform};
use crate::{Error, Result};

/// A block after a context. No cell opens: every step does the work of a fully masked block, the
/// most that a step can be.
pub(crate) struct MaskedBlock {
    denoiser: Denoiser,
    cells: usize,
    /// Rows beside the cells, which all passes have, where nothing is cached.
    beside: usize,
    passes_per_block: usize,
}

impl MaskedBlock {
    /// Allocates for a block after `context` cached positions, cut to whole blocks, and for `steps`
    /// steps.
    ///
    /// # Errors
    /// [`Error::Request`] if block and context do not fit the model's window.
    pub(crate) fn new(
        network: &Arc<Network>,
        block_size: usize,
        context: usize,
        steps: usize,
    ) -> Result<MaskedBlock> {
        let spec = network.spec();
        spec.check_block_size(block_size)?;
        let most = spec.window - block_size;
        if context > most {
            return Err(Error::request(format!(
                "a context of {context} does not fit: the model's window leaves {most} tokens \
                 before a block of {block_size}"
            )));
        }
        let (blocks, length) = (context / block_size, context + block_size);
        let request = Request { length, block_size: Some(block_size), ..Request::default() };
        let sampling = request.sampling.for_model(spec, block_size);
        // One more makes a simplex.
        let capacity = Capacity { steps: steps + 1, ..Capacity::new(&request, spec) };
        let capacity = capacity.with_prompt(blocks * block_size);
        let (ring, key) = (capacity.ring, SampleKey::new(request.seed, 0, 0));
        let positions = |block: usize| block * block_size..(block + 1) * block_size;
        let rows_of = |block: usize| {
            positions(block).map(move |position| Row {
                id: spec.masked_id(),
                position,
                slot: ring.slot(position),
                spans: ring.spans(block),
            })
        };
        // Where nothing is cached, the block and its context see each other.
        let joint = |position: usize| Row {
            id: if position < blocks * block_size { 0 } else { spec.masked_id() },
            position,
            slot: ring.slot(position),
            spans: [0, (blocks + 1) * block_size, 0, 0],
        };
        let rows: Vec<Row> = match spec.has_simplex() {
            true => positions(blocks).chain(0..blocks * block_size).map(joint).collect(),
            false => rows_of(blocks).chain(rows_of(blocks.saturating_sub(1))).collect(),
        };
        let keys: Vec<_> = positions(blocks).map(|position| key.row(position)).collect();
        let mut denoiser = Denoiser::new(network.clone(), capacity)?;
        let size = BlockSize { cells: block_size, masked: block_size };
        let uniforms = sampling.uniforms(&(0..steps).collect::<Vec<_>>(), size);
        let closed = |(uniform, noise)| (StepUniform { open_count: 0, ..uniform }, noise);
        denoiser.begin(&rows, &keys, &uniforms.into_iter().map(closed).collect::<Vec<_>>())?;
        let (beside, passes_per_block) = match sampling.sampler {
            Sampler::Simplex(simplex) => (blocks * block_size, simplex.steps),
            _ => (0, block_size),
        };
        Ok(MaskedBlock { denoiser, cells: block_size, beside, passes_per_block })
    }

    /// Dispatches of a pass, and of one layer of it.
    pub(crate) fn dispatches(&mut self) -> Result<[usize; 2]> {
        let (cells, n_layers) = (self.cells, self.denoiser.network().spec().n_layers);
        // Without cells to draw there are the embeddings, of tokens and maybe of positions, each in
        // as many dispatches as its table has parts, and the layers.
        let kernels = self.denoiser.kernels(cells, 0)?;
        let layers = kernels.iter().filter(|&&kernel| kernel != "embedding").count();
        Ok([self.denoiser.kernels(cells, cells)?.len(), layers / n_layers])
    }

    /// A denoising pass.
    pub(crate) fn plan(&mut self) -> Result<&Plan> {
        let cells = self.cells;
        self.denoiser.plan(PassShape::new(cells + self.beside, (cells, cells), cells))
    }

    /// Passes of a block: of first-hitting one a token, of cells that are distributions the published
    /// number.
    pub(crate) fn passes_per_block(&self) -> usize {
        self.passes_per_block
    }

    /// Runs a denoising step.
    pub(crate) async fn denoise(&mut self, step: usize) -> Result<()> {
        self.run(step, self.cells + self.beside).await
    }

    /// Runs a denoising step whose pass stores the block before as well, where blocks are stored.
    pub(crate) async fn denoise_and_store(&mut self, step: usize) -> Result<()> {
        let rows = if self.beside > 0 { self.cells + self.beside } else { 2 * self.cells };
        self.run(step, rows).await
    }

    async fn run(&mut self, step: usize, rows: usize) -> Result<()> {
        let cells = self.cells;
        let group = if self.beside > 0 { rows } else { cells };
        let shape = |_| PassShape { group, ..PassShape::new(rows, (cells, cells), cells) };
        self.denoiser.run((step, step + 1), cells, &shape).await.map(drop)
    }

    /// Runs two denoising steps; the times of the second one's kernels, slowest first.
    ///
    /// # Errors
    /// [`Error::Request`] if the adapter has no timestamps.
    pub(crate) async fn kernel_times(&mut self) -> Result<Vec<KernelTime>> {
        self.denoise(0).await?;
        let profiler = Profiler::new(self.denoiser.network().gpu())?;
        self.denoiser.set_profiler(Some(profiler));
        self.denoise(1).await?;
        self.denoiser.times().await
    }
}
