//! A run: a stream of events that is pulled. Algorithm 2 of Arriola et al., 2025, for a batch of
//! samples: denoise the current blocks, finish them, go on; a lane whose sample is done takes the
//! next one.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use crate::event::{Event, StopReason};
use crate::gpu::Profiler;
#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::{KernelTime, block_on};
use crate::model::Network;
use crate::sample::run::capacity::Capacity;
use crate::sample::run::cells::{CellWords, PINNED};
use crate::sample::run::denoiser::Denoiser;
use crate::sample::run::kept::Stored;
use crate::sample::run::lane::{Lane, check_finite};
use crate::sample::run::pass_shape::{PassKind, PassShape};
use crate::sample::run::request::{CachePolicy, Watch};
use crate::sample::run::task::Task;
use crate::sample::steps::{BlockSize, Ends, Sampler};
use crate::{Error, Result};

/// A stream of events. Drop it to cancel; do not call it to pause; call it once for a single step.
pub struct Run {
    pub(super) task: Task,
    pub(super) denoiser: Denoiser,
    pub(super) lanes: Vec<Option<Lane>>,
    pub(super) next_sample: usize,
    pub(super) capacity: Capacity,
    pub(super) current: Option<Current>,
    pub(super) events: VecDeque<Event>,
    /// What the last sample that is done had stored.
    pub(super) stored: Option<Stored>,
    /// Blocks of the samples' beginning that are stored already.
    pub(super) stored_blocks: usize,
    /// After an error, and while work is being done.
    pub(super) failed: bool,
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
    /// Consecutive rows of one sample that attention may treat together.
    pub(super) group: usize,
    /// The cells as they are.
    pub(super) cells: Vec<CellWords>,
    /// How many cells a block has, and had masked at first.
    pub(super) size: BlockSize,
    /// The cells of the last pass, where passes over windows alone take turns with others: their keys
    /// and values beside it are kept.
    pub(super) passed: Option<Range<usize>>,
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
        Ok(Run::with(Denoiser::new(network, capacity)?, capacity, task))
    }

    /// With buffers that are there.
    pub(super) fn with(denoiser: Denoiser, capacity: Capacity, task: Task) -> Run {
        Run {
            denoiser,
            lanes: (0..capacity.lanes).map(|_| None).collect(),
            next_sample: task.request.first_sample,
            task,
            capacity,
            current: None,
            events: VecDeque::new(),
            stored: None,
            stored_blocks: 0,
            failed: false,
        }
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
            self.lead_blocks().await?;
            if !self.events.is_empty() {
                return Ok(true);
            }
            self.begin_blocks()?;
            if let Watch::Steps { .. } = self.task.request.watch {
                self.push_masked_events()?;
            }
            if !self.events.is_empty() {
                return Ok(true);
            }
        }
        match self.task.request.watch {
            Watch::Blocks => self.run_block().await?,
            Watch::Steps { .. } => self.run_step().await?,
        }
        Ok(true)
    }

    fn fill_lanes(&mut self) -> Result<()> {
        for i in 0..self.lanes.len() {
            while self.lanes[i].is_none() && self.next_sample < self.task.request.end_sample() {
                let ring = self.capacity.lane_ring(i);
                let mut lane = Lane::new(&self.task, self.next_sample, ring)?;
                lane.stored = self.stored_blocks;
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

    /// All steps of the current blocks at once, or one by one until all cells are open where the
    /// network decides how many they are.
    async fn run_block(&mut self) -> Result<()> {
        let Some(mut current) = self.current.take() else { return Ok(()) };
        let all = current.steps.len();
        let at_once = if self.task.request.sampling.sampler.is_adaptive() { 1 } else { all };
        loop {
            let end = (current.taken + at_once).min(all);
            current.cells = self.run_steps(&mut current, end).await?;
            if end == all || self.all_done(&current, &current.cells) {
                return self.finish_blocks(&current, &current.cells);
            }
        }
    }

    /// True if no block goes on: all its cells are open, or it ended at a stop token.
    fn all_done(&self, current: &Current, cells: &[CellWords]) -> bool {
        let blocks = current.lanes.iter().zip(cells.chunks(self.task.geometry.block_size));
        let mut lanes = blocks.filter_map(|(&i, cells)| Some((self.lanes[i].as_ref()?, cells)));
        lanes.all(|(lane, cells)| {
            let opened = self.opened(lane, cells);
            opened.len() == lane.masked_positions(&self.task).len() || self.stops(opened)
        })
    }

    /// The cells of a lane's block that are open with nothing masked before them, behind those that
    /// are given. Where a stop token ends a sample at once, up to that.
    fn opened<'a>(&self, lane: &Lane, cells: &'a [CellWords]) -> &'a [CellWords] {
        let (given, count) = (lane.n_given(&self.task), lane.masked_positions(&self.task).len());
        let own = cells.get(given..given + count).unwrap_or_default();
        let open = own.iter().take_while(|cell| cell.state != 0).count();
        let is_stop = |cell: &CellWords| self.task.stop_ids.contains(&cell.token);
        match own[..open].iter().position(is_stop) {
            Some(at) if self.task.ends == Ends::AtOnce => &own[..=at],
            _ => &own[..open],
        }
    }

    fn stops(&self, opened: &[CellWords]) -> bool {
        let last = opened.last().map(|cell| cell.token);
        self.task.ends == Ends::AtOnce && last.is_some_and(|id| self.task.stop_ids.contains(&id))
    }

    /// The next step of the current blocks.
    async fn run_step(&mut self) -> Result<()> {
        let Some(mut current) = self.current.take() else { return Ok(()) };
        if current.taken == current.steps.len() {
            return self.finish_blocks(&current, &current.cells);
        }
        let step = current.steps.get(current.taken).copied().unwrap_or(0);
        let end = current.taken + 1;
        let cells = self.run_steps(&mut current, end).await?;
        let likely = self.read_likely(&current, cells.len()).await?;
        self.push_step_events(&current, step, &cells, &likely)?;
        if end == current.steps.len() || self.all_done(&current, &cells) {
            return self.finish_blocks(&current, &cells);
        }
        (current.cells, current.next_step) = (cells, step + 1);
        self.current = Some(current);
        Ok(())
    }

    /// The steps up to number `end`; returns the cells then.
    async fn run_steps(&mut self, current: &mut Current, end: usize) -> Result<Vec<CellWords>> {
        let from = std::mem::replace(&mut current.taken, end);
        for &lane in &current.lanes {
            if let Some(lane) = &mut self.lanes[lane] {
                lane.passes += end - from;
            }
        }
        if self.task.request.window_cache {
            return self.run_window(current, from).await;
        }
        let size = self.task.geometry.block_size;
        let cells = current.lanes.len() * size;
        let recompute = self.task.request.cache == CachePolicy::Recompute;
        let opened = self.task.request.sampling.sampler.least_opened(current.lanes.len());
        let window = self.capacity.window;
        let (group, steps) = (current.group, current.steps.len());
        let is_simplex = self.capacity.simplex.is_some();
        let shape = |step: usize| {
            let rows = if step == 0 || recompute { current.first_rows } else { cells };
            let left =
                |masked: &usize| masked.saturating_sub(step.saturating_mul(opened)).min(window);
            let masked = current.masked.iter().map(left).sum();
            let shape = PassShape { group, ..PassShape::new(rows, (cells, size), masked) };
            // The last one takes the tokens of the logits.
            match is_simplex && step + 1 == steps {
                true => PassShape { kind: PassKind::Last, ..shape },
                false => shape,
            }
        };
        self.denoiser.run((from, end), cells, &shape).await
    }

    fn finish_blocks(&mut self, current: &Current, cells: &[CellWords]) -> Result<()> {
        let block_size = self.task.geometry.block_size;
        for (n, &i) in current.lanes.iter().enumerate() {
            let Some(lane) = &self.lanes[i] else { continue };
            let first = lane.ids.len();
            let opened = self.opened(lane, &cells[n * block_size..(n + 1) * block_size]);
            let given = lane.n_given(&self.task);
            let own = &cells[n * block_size + given..(n + 1) * block_size];
            for (at, cell) in own.iter().enumerate() {
                check_finite(lane.sample, first + at, cell.state)?;
            }
            if opened.len() < lane.masked_positions(&self.task).len() && !self.stops(opened) {
                return Err(Error::internal("a masked cell did not open"));
            }
            let ids: Vec<u32> = opened.iter().map(|cell| cell.token).collect();
            // What came after a stop token was open is no part of the sample.
            let last = opened.iter().map(|cell| cell.state).filter(|&state| state != PINNED).max();
            let mut steps = opened_at(own);
            if self.stops(opened) {
                steps.retain(|&step| Some(step) <= last);
            }
            self.finish_lane(i, &ids, &steps)?;
        }
        Ok(())
    }

    /// Ends the current block of a lane with the tokens that opened, at these steps.
    pub(super) fn finish_lane(
        &mut self,
        i: usize,
        opened: &[u32],
        steps: &BTreeSet<u32>,
    ) -> Result<()> {
        let Run { task, lanes, events, stored, .. } = self;
        let Some(mut lane) = lanes[i].take() else { return Ok(()) };
        // A network that takes the noise level is evaluated at each step until all cells are open.
        lane.nfe += match task.request.sampling.sampler {
            Sampler::Analytic { .. } | Sampler::Simplex(_) => {
                steps.last().copied().unwrap_or(0) as usize
            }
            _ => steps.len(),
        };
        lane.commits += usize::from(task.geometry.shift == 0);
        let (mut block, mut stop) = lane.finish_block(task, opened)?;
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
            Some(stop) => {
                *stored = Some(Stored::of(&lane, task.geometry.offset));
                events.push_back(Event::Done(lane.done(task, stop)?));
            }
            None => lanes[i] = Some(lane),
        }
        Ok(())
    }
}
