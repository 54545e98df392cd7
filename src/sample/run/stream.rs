//! A run: a stream of events that is pulled. Algorithm 2 of Arriola et al., 2025, for a batch of
//! samples: denoise the current blocks, finish them, go on; a lane whose sample is done takes the
//! next one.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use bytemuck::Zeroable;

use crate::event::{Event, StopReason};
use crate::gpu::Profiler;
#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::{KernelTime, block_on};
use crate::model::{Network, Row};
use crate::sample::run::capacity::Capacity;
use crate::sample::run::cells::{CellWords, PINNED};
use crate::sample::run::denoiser::{Denoiser, PassShape};
use crate::sample::run::lane::{Lane, check_finite};
use crate::sample::run::request::{CachePolicy, Watch};
use crate::sample::run::task::Task;
use crate::sample::steps::Sampler;
use crate::{Error, Result};

/// A stream of events. Drop it to cancel; do not call it to pause; call it once for a single step.
pub struct Run {
    pub(super) task: Task,
    pub(super) denoiser: Denoiser,
    pub(super) lanes: Vec<Option<Lane>>,
    next_sample: usize,
    capacity: Capacity,
    pub(super) current: Option<Current>,
    pub(super) events: VecDeque<Event>,
    /// After an error, and while work is being done.
    failed: bool,
}

/// The blocks that are being denoised.
pub(super) struct Current {
    /// Indices of the lanes, in the order of their cells.
    pub(super) lanes: Vec<usize>,
    /// Steps to take, and how many of them are done.
    pub(super) steps: Vec<usize>,
    pub(super) taken: usize,
    /// Number of the step behind the last one that was taken.
    pub(super) next_step: usize,
    /// Masked cells of each lane before the first of these steps.
    pub(super) masked: Vec<usize>,
    /// Rows of the first pass, which may store earlier blocks too.
    pub(super) first_rows: usize,
    /// The cells as they are.
    pub(super) cells: Vec<CellWords>,
}

/// The steps, plus one, at which cells opened.
pub(super) fn opened_at(cells: &[CellWords]) -> BTreeSet<u32> {
    let states = cells.iter().map(|cell| cell.state);
    states.filter(|&state| state != 0 && state != PINNED).collect()
}

impl Run {
    /// Allocates for a task.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::OutOfMemory`].
    pub(super) fn new(network: Arc<Network>, capacity: Capacity, task: Task) -> Result<Run> {
        Ok(Run {
            denoiser: Denoiser::new(network, capacity)?,
            lanes: (0..capacity.lanes).map(|_| None).collect(),
            next_sample: task.request.first_sample,
            task,
            capacity,
            current: None,
            events: VecDeque::new(),
            failed: false,
        })
    }

    /// The next event; none when all samples are done, or after an error.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::NotFinite`], [`Error::Tokenizer`].
    #[allow(
        clippy::should_implement_trait,
        reason = "an Iterator cannot return a Result of an Option"
    )]
    #[cfg(not(target_arch = "wasm32"))]
    pub fn next(&mut self) -> Result<Option<Event>> {
        block_on(self.next_async())
    }

    /// As [`Run::next`], for programs that must not block. Dropping the future before it is done
    /// ends the run, as an error does: work that was begun cannot be taken up again.
    ///
    /// # Errors
    /// As [`Run::next`].
    pub async fn next_async(&mut self) -> Result<Option<Event>> {
        while !self.failed {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            // Unless the work is done to its end, also if this future is dropped meanwhile.
            self.failed = true;
            let has_more = self.advance().await?;
            self.failed = false;
            if !has_more {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// BOS and the prompt.
    pub fn prompt_ids(&self) -> &[u32] {
        &self.task.prompt
    }

    /// Bytes on the device beside the weights, as [`crate::sample::MemoryPlan`] names them: the
    /// cache's, and those of activations and sampler.
    pub fn size_bytes(&self) -> [u64; 2] {
        self.denoiser.size_bytes()
    }

    /// Times each kernel from now on.
    ///
    /// # Errors
    /// [`Error::Request`] if the adapter has no timestamps.
    pub fn profile(&mut self) -> Result<()> {
        let profiler = Profiler::new(self.denoiser.network().gpu())?;
        self.denoiser.set_profiler(Some(profiler));
        Ok(())
    }

    /// Time per kernel, slowest first, since the last call.
    ///
    /// # Errors
    /// [`Error::DeviceLost`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn kernel_times(&mut self) -> Result<Vec<KernelTime>> {
        block_on(self.denoiser.times())
    }

    /// One piece of work; false when there is none left.
    async fn advance(&mut self) -> Result<bool> {
        if self.current.is_none() {
            self.fill_lanes()?;
            if !self.events.is_empty() {
                return Ok(true);
            }
            if self.lanes.iter().all(Option::is_none) {
                return Ok(false);
            }
            self.store_prompts()?;
            self.begin_blocks()?;
        }
        match self.task.request.watch {
            Watch::Blocks => self.run_block().await?,
            Watch::Steps { candidates } => self.run_step(candidates).await?,
        }
        Ok(true)
    }

    fn fill_lanes(&mut self) -> Result<()> {
        for i in 0..self.lanes.len() {
            while self.lanes[i].is_none() && self.next_sample < self.task.request.end_sample() {
                let ring = self.capacity.lane_ring(i);
                let mut lane = Lane::new(&self.task, self.next_sample, ring)?;
                self.next_sample += 1;
                if lane.is_full(&self.task) {
                    lane.last_text();
                }
                self.events.push_back(Event::Start(lane.start_event(&self.task)));
                if lane.is_full(&self.task) {
                    self.events.push_back(Event::Done(lane.done(&self.task, StopReason::Length)?));
                } else {
                    self.lanes[i] = Some(lane);
                }
            }
        }
        Ok(())
    }

    /// Stores blocks until those that are left fit into the next blocks' first pass.
    fn store_prompts(&mut self) -> Result<()> {
        let most = match self.task.request.cache {
            CachePolicy::Fused => self.capacity.storable,
            CachePolicy::Separate => 0,
            CachePolicy::Recompute => return Ok(()),
        };
        loop {
            let mut rows: Vec<Row> = Vec::new();
            for lane in self.lanes.iter_mut().flatten() {
                if lane.pending(&self.task) > most {
                    let before = rows.len();
                    rows.extend(lane.pending_rows(&self.task, self.capacity.storable));
                    lane.stored += (rows.len() - before) / self.task.geometry.block_size;
                    lane.passes += 1;
                }
            }
            if rows.is_empty() {
                return Ok(());
            }
            self.denoiser.store(&rows)?;
        }
    }

    fn begin_blocks(&mut self) -> Result<()> {
        let Run { task, lanes, .. } = self;
        let recompute = task.request.cache == CachePolicy::Recompute;
        let active = || lanes.iter().flatten();
        let mut rows: Vec<Row> = active().flat_map(|lane| lane.current_rows(task)).collect();
        let keys: Vec<[u32; 4]> = active().flat_map(|lane| lane.current_keys(task)).collect();
        let most = if recompute { usize::MAX >> 1 } else { self.capacity.storable };
        rows.extend(active().flat_map(|lane| lane.pending_rows(task, most)));
        let sampling = task.request.sampling;
        let mut steps = BTreeSet::new();
        for lane in lanes.iter_mut().flatten() {
            steps.extend(sampling.opening_steps(lane.key, &lane.masked_positions(task), 0));
            if !recompute {
                lane.stored = lane.block_idx(task);
            }
        }
        let steps: Vec<usize> = steps.into_iter().collect();
        let uniform = |&step: &usize| (sampling.uniform(step), sampling.noise(step));
        let uniforms: Vec<_> = steps.iter().map(uniform).collect();
        self.denoiser.begin(&rows, &keys, &uniforms)?;
        let masked = lanes.iter().flatten().map(|lane| lane.masked_positions(task).len()).collect();
        let active = (0..lanes.len()).filter(|&i| lanes[i].is_some()).collect();
        self.current = Some(Current {
            lanes: active,
            steps,
            taken: 0,
            next_step: 0,
            masked,
            first_rows: rows.len(),
            cells: vec![CellWords::zeroed(); keys.len()],
        });
        Ok(())
    }

    /// All steps of the current blocks at once, or one by one until all cells are open where the
    /// network decides how many they are.
    async fn run_block(&mut self) -> Result<()> {
        let Some(mut current) = self.current.take() else { return Ok(()) };
        let all = current.steps.len();
        let at_once = if self.task.request.sampling.sampler.is_adaptive() { 1 } else { all };
        loop {
            let end = (current.taken + at_once).min(all);
            let cells = self.run_steps(&current, current.taken, end).await?;
            current.taken = end;
            if end == all || self.all_open(&current, &cells) {
                return self.finish_blocks(&current, &cells);
            }
        }
    }

    /// True if no cell of the current blocks is masked.
    fn all_open(&self, current: &Current, cells: &[CellWords]) -> bool {
        let blocks = current.lanes.iter().zip(cells.chunks(self.task.geometry.block_size));
        let mut lanes = blocks.filter_map(|(&i, cells)| Some((self.lanes[i].as_ref()?, cells)));
        lanes.all(|(lane, cells)| cells[lane.n_given(&self.task)..].iter().all(|c| c.state != 0))
    }

    /// The next step of the current blocks.
    async fn run_step(&mut self, candidates: usize) -> Result<()> {
        let Some(mut current) = self.current.take() else { return Ok(()) };
        if current.taken == current.steps.len() {
            return self.finish_blocks(&current, &current.cells);
        }
        let cells = self.run_steps(&current, current.taken, current.taken + 1).await?;
        let top = self.denoiser.read_candidates(cells.len()).await?;
        let step = current.steps.get(current.taken).copied().unwrap_or(0);
        self.push_step_events(&current, step, &cells, (&top, candidates))?;
        current.taken += 1;
        if current.taken == current.steps.len() || self.all_open(&current, &cells) {
            return self.finish_blocks(&current, &cells);
        }
        (current.cells, current.next_step) = (cells, step + 1);
        self.current = Some(current);
        Ok(())
    }

    async fn run_steps(
        &mut self,
        current: &Current,
        from: usize,
        to: usize,
    ) -> Result<Vec<CellWords>> {
        let cells = current.lanes.len() * self.task.geometry.block_size;
        let recompute = self.task.request.cache == CachePolicy::Recompute;
        let opened = self.task.request.sampling.sampler.least_opened(current.lanes.len());
        let shape = |step: usize| {
            let rows = if step == 0 || recompute { current.first_rows } else { cells };
            let left = |masked: &usize| masked.saturating_sub(step.saturating_mul(opened));
            PassShape::new(rows, cells, current.masked.iter().map(left).sum())
        };
        for &lane in &current.lanes {
            if let Some(lane) = &mut self.lanes[lane] {
                lane.passes += to - from;
            }
        }
        self.denoiser.run((from, to), cells, &shape).await
    }

    fn finish_blocks(&mut self, current: &Current, cells: &[CellWords]) -> Result<()> {
        let Run { task, lanes, events, .. } = self;
        for (n, &i) in current.lanes.iter().enumerate() {
            let Some(mut lane) = lanes[i].take() else { continue };
            let (first, given) = (lane.block_start(task), lane.n_given(task));
            let block_size = task.geometry.block_size;
            let cells = &cells[n * block_size + given..(n + 1) * block_size];
            for (at, cell) in cells.iter().enumerate() {
                check_finite(lane.sample, first + given + at, cell.state)?;
                if cell.state == 0 {
                    return Err(Error::internal("a masked cell did not open"));
                }
            }
            let steps = opened_at(cells);
            // A network that takes the noise level is evaluated at each step until all cells are open.
            lane.nfe += match task.request.sampling.sampler {
                Sampler::Analytic { .. } => steps.last().copied().unwrap_or(0) as usize,
                _ => steps.len(),
            };
            let opened: Vec<u32> = cells.iter().map(|cell| cell.token).collect();
            let (mut block, mut stop) = lane.finish_block(task, &opened)?;
            let repeats = lane.check_entropy(task)?;
            if matches!(repeats, Some((None, Some(_)))) {
                let last = lane.last_text();
                block.text = block.text.map(|text| text + &last.unwrap_or_default());
            }
            events.push_back(Event::Block(block));
            if let Some((retract, end)) = repeats {
                events.extend(retract.map(Event::Retract));
                stop = end;
            }
            match stop {
                Some(stop) => events.push_back(Event::Done(lane.done(task, stop)?)),
                None => lanes[i] = Some(lane),
            }
        }
        Ok(())
    }
}
