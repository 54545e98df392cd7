//! How much room a request needs: rows, cells, cache slots. Knows no device.

use crate::gpu::Choice;
use crate::model::{Grid, Ring, Spec, logits_rows};
use crate::sample::run::request::{
    CachePolicy, MAX_BATCH, MAX_CANDIDATES, MAX_LENGTH, Request, Watch,
};
use crate::sample::steps::{ContextPolicy, Geometry, Projection, Sampler, Sight, Simplex};

/// Rows of a pass that stores a prompt.
const PROMPT_ROWS: usize = 64;

/// Sizes that a denoiser is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// How a sequence is cut.
    pub geometry: Geometry,
    /// Samples at a time.
    pub lanes: usize,
    /// Tokens of a block.
    pub block_size: usize,
    /// Blocks of a sample that one pass may store.
    pub storable: usize,
    /// Rows of the longest pass.
    pub rows: usize,
    /// The first lane's ring of cache slots; the others follow it.
    pub ring: Ring,
    /// Most steps of a block.
    pub steps: usize,
    /// Likeliest tokens to report of each masked cell.
    pub candidates: usize,
    /// Whether top-k or nucleus apply.
    pub filtered: bool,
    /// Cells of a block before its first window.
    pub first: usize,
    /// Cells of a window, of which those of one open before those behind them.
    pub window: usize,
    /// Behind the largest id that may be drawn: a vocabulary may be wider than its tokenizer.
    pub drawn_ids: usize,
    /// Where cells are distributions over the vocabulary.
    pub simplex: Option<SimplexCapacity>,
}

/// Room for cells that are distributions over the vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimplexCapacity {
    /// What becomes of logits.
    pub choice: Choice,
    /// Whether noise is given.
    pub given: bool,
    /// Whether cells are shown at each step.
    pub watched: bool,
}

impl Capacity {
    /// What a request needs of a model. Numbers that [`Request::check`] refuses count as the nearest
    /// that it accepts, since a memory plan does not check them.
    pub fn new(request: &Request, spec: &Spec) -> Capacity {
        let length = request.length.max(request.room).min(MAX_LENGTH);
        let geometry = Geometry::new(spec, length, request.block_size);
        let block_size = geometry.block_size;
        let lanes = request.batch.min(request.samples).clamp(1, MAX_BATCH);
        let storable = (PROMPT_ROWS / block_size / lanes).max(1);
        let mut ring = geometry.ring(spec, storable, length);
        let sampling = request.sampling.for_model(spec, block_size);
        let simplex = match sampling.sampler {
            Sampler::Simplex(simplex) => Some(simplex),
            _ => None,
        };
        // Of a longer prompt: see below.
        let context = match simplex.map(|simplex| simplex.context) {
            Some(ContextPolicy::Grow) => length.min(spec.window - block_size),
            _ => block_size,
        };
        // The first block may be shorter.
        let blocks = length.div_ceil(block_size) + usize::from(spec.grid != Grid::Sequence);
        let row_blocks = match (geometry.sight, request.cache) {
            (Sight::Own | Sight::Context, _) => 1,
            (Sight::Before, CachePolicy::Recompute) => {
                ring.capacity = blocks.max(ring.window);
                blocks
            }
            (Sight::Before, _) => 1 + storable,
        };
        let capacity = Capacity {
            geometry,
            lanes,
            block_size,
            storable,
            rows: lanes.saturating_mul(row_blocks).saturating_mul(block_size),
            ring,
            steps: sampling.max_steps(block_size),
            candidates: match request.watch {
                Watch::Steps { candidates } => candidates.min(MAX_CANDIDATES),
                Watch::Blocks => 0,
            },
            filtered: request.sampling.is_filtered(),
            first: 0,
            window: request.sampling.sampler.rule().map_or(block_size, |r| r.window_of(block_size)),
            drawn_ids: spec.vocab_size,
            simplex: simplex.map(|of| SimplexCapacity::new(of, request.watch)),
        };
        match geometry.sight {
            Sight::Context => capacity.with_context(context),
            _ => capacity,
        }
    }

    /// For contexts of so many tokens, where nothing is cached: all rows of a pass have a slot.
    fn with_context(self, context: usize) -> Capacity {
        let rows = self.block_size + context;
        let ring = Ring { base: 0, block_size: 1, window: rows, capacity: rows };
        Capacity { ring, rows: self.lanes.saturating_mul(rows), ..self }
    }

    /// The same after a prompt of so many tokens: a memory plan counts on no more than a block.
    #[must_use]
    pub fn with_prompt(self, n_prompt: usize) -> Capacity {
        match self.geometry.sight {
            Sight::Context if n_prompt + self.block_size > self.ring.slots() => {
                self.with_context(n_prompt)
            }
            // The windows of an answer that is one block begin behind the prompt.
            Sight::Own if self.window < self.block_size => Capacity { first: n_prompt, ..self },
            _ => self,
        }
    }

    /// The same where noise is given.
    #[must_use]
    pub fn with_noise(self, given: bool) -> Capacity {
        Capacity { simplex: self.simplex.map(|of| SimplexCapacity { given, ..of }), ..self }
    }

    /// Cells of all current blocks.
    pub fn cells(&self) -> usize {
        self.lanes.saturating_mul(self.block_size)
    }

    /// Slots of the cache.
    pub fn slots(&self) -> usize {
        self.lanes.saturating_mul(self.ring.slots())
    }

    /// The ring of a lane.
    pub fn lane_ring(&self, lane: usize) -> Ring {
        Ring { base: lane * self.ring.slots(), ..self.ring }
    }

    /// Rows whose logits are held at a time.
    pub fn logits_rows(&self, spec: &Spec) -> usize {
        logits_rows(spec).min(self.cells())
    }
}

impl SimplexCapacity {
    fn new(simplex: Simplex, watch: Watch) -> SimplexCapacity {
        let choice = match simplex.projection {
            Projection::Sampling => Choice::Drawn,
            Projection::MultiHot => Choice::Kept,
            Projection::Greedy => Choice::Likeliest,
        };
        SimplexCapacity { choice, given: false, watched: watch != Watch::Blocks }
    }
}
