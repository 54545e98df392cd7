//! The GPU side of sampling: passes with the sampler's kernels behind them, for the current
//! blocks of a batch. Plans are recorded once per shape and replayed. Knows no text.

use std::collections::HashMap;
use std::sync::Arc;

use crate::clock::Stopwatch;
use crate::gpu::layout::{CELL_WORDS, STEP_WORDS, likely_words};
use crate::gpu::{
    BlockCells, Commands, DrawRows, KernelTime, Plan, Profiler, Readback, Recorder, Tensor,
    Vocabulary,
};
use crate::model::{KvCache, Network, Row, Workspace};
use crate::sample::run::buffers::Buffers;
use crate::sample::run::capacity::Capacity;
use crate::sample::run::cells::CellWords;
use crate::sample::run::pass_shape::{PassKind, PassShape};
use crate::sample::steps::{Geometry, Sampling, StepUniform};
use crate::{Error, Result};

/// Steps of the first submit on a GPU, whose speed is not known yet.
const FIRST_SUBMIT_STEPS: usize = 8;
/// Some systems kill a submit after 2 s.
const SUBMIT_SECS: f64 = 0.5;

/// Buffers and plans.
pub struct Denoiser {
    pub(super) network: Arc<Network>,
    pub(super) capacity: Capacity,
    workspace: Workspace,
    cache: KvCache,
    pub(super) buffers: Buffers,
    pub(super) staging: Readback,
    plans: HashMap<PassShape, Plan>,
    begun: Vec<PassShape>, // what the last block began with
    prepared: Option<Commands>,
    profiler: Option<Profiler>,
    secs_per_step: Option<f64>,
}

impl Denoiser {
    /// Allocates for the given sizes.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::OutOfMemory`].
    pub fn new(network: Arc<Network>, capacity: Capacity) -> Result<Denoiser> {
        let (gpu, spec) = (network.gpu(), network.spec());
        let words = CELL_WORDS.max(likely_words(capacity.candidates));
        Ok(Denoiser {
            workspace: Workspace::new(gpu, spec, capacity.rows)?,
            cache: KvCache::new(gpu, spec, network.cache_dtype(), capacity.slots())?,
            buffers: Buffers::new(&network, &capacity)?,
            staging: Readback::new(gpu, (capacity.cells() * words * 4) as u64),
            plans: HashMap::new(),
            begun: Vec::new(),
            prepared: None,
            profiler: None,
            secs_per_step: None,
            capacity,
            network,
        })
    }

    /// Times each kernel from now on.
    pub fn set_profiler(&mut self, profiler: Option<Profiler>) {
        self.profiler = profiler;
        self.prepared = None;
    }

    /// The same buffers, for another grid of blocks.
    pub fn with_geometry(mut self, geometry: Geometry) -> Denoiser {
        self.capacity.geometry = geometry;
        self
    }

    /// The network.
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// Kernels of a pass over `rows` rows, the first `cells` of them drawn, a name per dispatch.
    ///
    /// # Errors
    /// [`Error::Kernel`], [`Error::PassShape`].
    pub fn kernels(&mut self, rows: usize, cells: usize) -> Result<Vec<&'static str>> {
        let shape = match cells {
            0 => PassShape::store(rows, self.capacity.block_size),
            _ => PassShape::new(rows, (cells, self.capacity.block_size), cells),
        };
        Ok(self.plan(shape)?.kernels().collect())
    }

    /// Bytes of its buffers: the cache's, all others'.
    pub fn size_bytes(&self) -> [u64; 2] {
        let activations: u64 = self.buffers.tensors().map(Tensor::size_bytes).sum();
        let cache = self.cache.layers().flatten().map(Tensor::size_bytes).sum();
        [cache, activations + self.workspace.tensors().map(Tensor::size_bytes).sum::<u64>()]
    }

    /// Runs a pass that only stores keys and values.
    ///
    /// # Errors
    /// [`Error::Kernel`], [`Error::DeviceLost`].
    pub fn store(&mut self, rows: &[Row]) -> Result<()> {
        self.workspace.write(self.network.gpu(), rows, &self.cache)?;
        let plan = PassShape::store(rows.len(), self.capacity.block_size);
        self.plan(plan)?;
        let network = self.network.clone();
        let mut commands = Commands::new(network.gpu());
        self.encode(&mut commands, plan)?;
        commands.submit();
        network.gpu().check()
    }

    /// Describes the current blocks: their rows first (masked cells hold the mask token), then
    /// rows of earlier blocks to store; the cells' keys; the steps to come, with their noise.
    ///
    /// # Errors
    /// [`Error::PassShape`].
    pub fn begin(
        &mut self,
        rows: &[Row],
        keys: &[[u32; 4]],
        steps: &[(StepUniform, f32)],
    ) -> Result<()> {
        let gpu = self.network.gpu();
        if let Some(ids) = &self.buffers.own_ids {
            ids.write(gpu, &vec![self.network.spec().masked_id(); keys.len()])?;
        }
        self.workspace.write(gpu, rows, &self.cache)?;
        self.buffers.keys.write(gpu, keys)?;
        self.buffers.cells.write(gpu, &vec![[0u32; CELL_WORDS]; keys.len()])?;
        self.clear_likely(keys.len())?;
        self.write_steps(steps)
    }

    /// Runs a pass over finished blocks, their rows first, and rows of earlier blocks to store. Returns
    /// the likeliest token after each block, by its last row.
    ///
    /// # Errors
    /// [`Error::Kernel`], [`Error::DeviceLost`].
    pub async fn lead(&mut self, rows: &[Row], blocks: usize) -> Result<Vec<CellWords>> {
        let size = self.capacity.block_size;
        let (cells, masked_id) = (blocks * size, self.network.spec().masked_id());
        let keys = vec![[0u32; 4]; cells];
        self.begin(rows, &keys, &[(Sampling::greedy_uniform(), 0.0)])?;
        let ids: Vec<u32> =
            (0..cells).map(|i| if i % size + 1 == size { masked_id } else { !masked_id }).collect();
        if let Some(own) = &self.buffers.own_ids {
            own.write(self.network.gpu(), &ids)?;
        }
        let shape = PassShape::new(rows.len(), (cells, size), blocks);
        let shape = PassShape { kind: PassKind::Lead, ..shape };
        let found = self.run((0, 1), cells, &|_| shape).await?;
        Ok(found.into_iter().skip(size - 1).step_by(size).collect())
    }

    /// Changes the cells of the current blocks and the steps to come.
    ///
    /// # Errors
    /// [`Error::PassShape`].
    pub fn steer(
        &mut self,
        ids: &[u32],
        cells: &[CellWords],
        steps: &[(StepUniform, f32)],
    ) -> Result<()> {
        self.ids(PassKind::Denoise).write(self.network.gpu(), ids)?;
        self.buffers.cells.write(self.network.gpu(), cells)?;
        self.write_steps(steps)
    }

    fn write_steps(&mut self, steps: &[(StepUniform, f32)]) -> Result<()> {
        let gpu = self.network.gpu();
        let (steps, sigma): (Vec<StepUniform>, Vec<f32>) = steps.iter().copied().unzip();
        if let Some(noise) = &self.buffers.noise {
            noise.write(&self.network, &sigma)?;
        }
        if let Some(simplex) = &mut self.buffers.simplex {
            simplex.write(&self.network, &sigma)?;
        }
        self.buffers.steps.write(gpu, &steps)
    }

    /// Runs the steps `from .. to`, each with a pass of its shape. Returns the cells.
    ///
    /// # Errors
    /// [`Error::Kernel`], [`Error::DeviceLost`].
    pub async fn run(
        &mut self,
        (from, to): (usize, usize),
        cells: usize,
        shape_of_step: &dyn Fn(usize) -> PassShape,
    ) -> Result<Vec<CellWords>> {
        let mut next = from;
        loop {
            let end = to.min(next + self.steps_per_submit());
            let stopwatch = Stopwatch::start();
            let found = self.submit((next, end), cells, shape_of_step).await?;
            self.secs_per_step = Some(stopwatch.secs() / (end - next) as f64);
            next = end;
            if next >= to {
                return Ok(found);
            }
        }
    }

    async fn submit(
        &mut self,
        (from, to): (usize, usize),
        cells: usize,
        shape_of_step: &dyn Fn(usize) -> PassShape,
    ) -> Result<Vec<CellWords>> {
        let shapes: Vec<PassShape> = (from..to).map(shape_of_step).collect();
        // Most blocks have the shapes of the one before: their commands are encoded while it runs.
        let repeats = from == 0 && self.begun == shapes;
        let commands = match if repeats { self.prepared.take() } else { None } {
            Some(commands) => commands,
            None => self.encode_steps(from, &shapes)?,
        };
        let bytes = (cells * size_of::<CellWords>()) as u64;
        let sent = commands.send(&self.buffers.cells, bytes, &self.staging)?;
        if repeats && self.profiler.is_none() {
            let mut commands = self.encode_steps(0, &shapes)?;
            commands.seal();
            self.prepared = Some(commands);
        } else if from == 0 {
            (self.begun, self.prepared) = (shapes, None);
        }
        sent.numbers().await
    }

    /// The commands of steps from number `from` on.
    fn encode_steps(&mut self, from: usize, shapes: &[PassShape]) -> Result<Commands> {
        let mut commands = Commands::new(self.network.gpu());
        let bytes = (STEP_WORDS * 4) as u64;
        for (i, &plan) in (from..).zip(shapes) {
            self.plan(plan)?;
            if i == 0 {
                self.encode_start(&mut commands, plan.cells)?;
            }
            commands.copy((&self.buffers.steps, i as u64 * bytes), &self.buffers.step, bytes)?;
            if let Some(simplex) = &self.buffers.simplex {
                simplex.encode(&mut commands, i, plan.cells)?;
            }
            if let Some(noise) = &self.buffers.noise {
                noise.encode(&mut commands, i)?;
            }
            self.encode(&mut commands, plan)?;
        }
        Ok(commands)
    }

    /// Steps in one submit: all, unless the device is slow and might be reset for it.
    fn steps_per_submit(&self) -> usize {
        let most = self.network.gpu().max_submit_steps();
        match self.secs_per_step {
            _ if self.network.gpu().is_software() => most,
            None => most.min(FIRST_SUBMIT_STEPS),
            Some(secs) => most.min((SUBMIT_SECS / secs.max(1e-6)) as usize).max(1),
        }
    }

    /// Times per kernel since the profiler was set, slowest first.
    ///
    /// # Errors
    /// [`Error::DeviceLost`].
    pub async fn times(&mut self) -> Result<Vec<KernelTime>> {
        let network = self.network.clone();
        match &mut self.profiler {
            Some(profiler) => Commands::new(network.gpu()).read_times(profiler).await,
            None => Ok(Vec::new()),
        }
    }

    pub(super) fn encode(&mut self, commands: &mut Commands, shape: PassShape) -> Result<()> {
        let missing = || Error::internal("the plan of a pass was not recorded");
        let plan = self.plans.get(&shape).ok_or_else(missing)?;
        commands.run_timed(plan, self.profiler.as_mut());
        Ok(())
    }

    pub(super) fn plan(&mut self, shape: PassShape) -> Result<&Plan> {
        if !self.plans.contains_key(&shape) {
            let plan = self.record(shape)?;
            self.plans.insert(shape, plan);
        }
        self.plans.get(&shape).ok_or_else(|| Error::internal("the plan of a pass was not recorded"))
    }

    fn record(&self, shape: PassShape) -> Result<Plan> {
        if shape.kind == PassKind::Start {
            return self.record_start(shape.cells);
        }
        let PassShape { rows, cells, logits, block, group, kind } = shape;
        let network = &self.network;
        let mut r = Recorder::new(network.gpu());
        let conditioning = self.buffers.noise.as_ref().map(|noise| &noise.conditioning);
        let mut pass = self.workspace.pass(rows, group, &self.cache, conditioning)?;
        let simplex = self.buffers.simplex.as_ref().filter(|_| cells > 0);
        pass.simplex = simplex.map(|of| of.rows(cells)).transpose()?;
        network.record_layers(&mut r, &pass)?;
        if cells == 0 {
            return r.finish();
        }
        let (masked, x) =
            (self.buffers.masked.rows(0, logits)?, self.buffers.masked_x.rows(0, logits)?);
        let ids = self.ids(kind).rows(0, cells)?;
        let block = match kind {
            PassKind::Lead => BlockCells::whole(block),
            _ => BlockCells {
                size: block,
                first: self.capacity.first.min(block),
                window: self.capacity.window.min(block),
                shift: self.capacity.geometry.shift,
            },
        };
        r.masked(&pass.x, (&ids, network.spec().masked_id(), block), &masked, &x)?;
        network.record_final_norm(&mut r, &pass, &x)?;
        let at_once = self.buffers.logits.dim(0);
        for from in (0..logits).step_by(at_once) {
            let count = at_once.min(logits - from);
            let logits = self.buffers.logits.rows(0, count)?;
            network.record_head(&mut r, &pass, from, &logits)?;
            let masked = self.buffers.masked.rows(from, count)?;
            match self.capacity.simplex {
                None => {
                    let filtered = self.capacity.filtered;
                    self.record_draw(&mut r, &logits, (&masked, cells), filtered)?;
                }
                Some(_) => {
                    self.record_projection(&mut r, (&logits, from), &masked, (cells, kind))?;
                }
            }
        }
        if !self.record_simplex(&mut r, cells, kind)? {
            return r.finish();
        }
        let cell_rows = self.buffers.cells.rows(0, cells)?;
        let (partials, keys) =
            (self.buffers.partials.rows(0, cells)?, self.buffers.keys.rows(0, cells)?);
        r.reveal(
            &partials,
            &keys,
            &self.buffers.step,
            (block, self.vocabulary()),
            [&ids, &cell_rows],
        )?;
        r.finish()
    }

    /// The cells' tokens: the rows' own, which the next pass reads, unless rows predict others.
    fn ids(&self, kind: PassKind) -> &Tensor {
        let predicts_others = self.capacity.geometry.lag > 0 || kind == PassKind::Lead;
        let own = self.buffers.own_ids.as_ref().filter(|_| predicts_others);
        own.unwrap_or(self.workspace.ids())
    }

    pub(super) fn vocabulary(&self) -> Vocabulary {
        let spec = self.network.spec();
        // Untrained ids have no token, but a share of a softmax over the whole vocabulary.
        Vocabulary {
            size: self.capacity.drawn_ids,
            mask_id: spec.masked_id(),
            counted: spec.mask_counts().then_some(spec.vocab_size),
        }
    }

    /// Records the drawn and the likeliest tokens of rows, of their nucleus if they are filtered.
    pub(super) fn record_draw(
        &self,
        r: &mut Recorder<'_>,
        logits: &Tensor,
        (masked, cells): (&Tensor, usize),
        filtered: bool,
    ) -> Result<()> {
        let vocabulary = self.vocabulary();
        let (keys, limits) =
            (self.buffers.keys.rows(0, cells)?, self.buffers.limits.rows(0, cells)?);
        if filtered {
            r.threshold(logits, masked, &self.buffers.step, vocabulary, &limits)?;
        }
        let rows = DrawRows { masked, keys: &keys, limits: &limits, filtered };
        let partials = self.buffers.partials.rows(0, cells)?;
        r.draw(logits, rows, &self.buffers.step, vocabulary, &partials)?;
        self.record_likely(r, (logits, masked), &partials)
    }
}
