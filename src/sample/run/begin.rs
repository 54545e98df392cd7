//! The beginning of blocks: prompts are stored, first tokens led to, masked cells described.

use std::collections::BTreeSet;

use bytemuck::Zeroable;

use crate::Result;
use crate::model::Row;
use crate::sample::run::cells::CellWords;
use crate::sample::run::lane::{Lane, check_finite};
use crate::sample::run::request::CachePolicy;
use crate::sample::run::stream::{Current, Run};
use crate::sample::run::task::Task;
use crate::sample::steps::{BlockSize, Sight};

impl Run {
    /// Stores blocks until those that are left fit into the next blocks' first pass.
    pub(super) fn store_prompts(&mut self) -> Result<()> {
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

    /// The first tokens of blocks, for networks whose rows speak of the next token: each is the
    /// likeliest after the block before, whose keys and values the same pass stores. Source: Wu et
    /// al., Fast-dLLM v2, 2025.
    pub(super) async fn lead_blocks(&mut self) -> Result<()> {
        let task = &self.task;
        let needs = |lane: &Lane| lane.needs_lead(task);
        let leading: Vec<usize> =
            (0..self.lanes.len()).filter(|&i| self.lanes[i].as_ref().is_some_and(needs)).collect();
        if leading.is_empty() {
            return Ok(());
        }
        let lanes = || leading.iter().filter_map(|&i| self.lanes[i].as_ref());
        let mut rows: Vec<Row> = lanes().flat_map(|lane| lane.leading_rows(task)).collect();
        rows.extend(
            lanes().flat_map(|lane| lane.pending_rows(task, lane.pending(task).saturating_sub(1))),
        );
        let found = self.denoiser.lead(&rows, leading.len()).await?;
        for (i, cell) in leading.into_iter().zip(found) {
            let Some(lane) = &mut self.lanes[i] else { continue };
            check_finite(lane.sample, lane.ids.len(), cell.state)?;
            lane.take_lead(&self.task, cell.token);
            let is_whole = lane.needs_lead(&self.task);
            if is_whole || lane.is_full(&self.task) || lane.has_stopped(&self.task) {
                self.finish_lane(i, &[], &BTreeSet::new())?;
            }
        }
        Ok(())
    }

    /// Describes the next blocks to the denoiser. Where quotas depend on how many cells are masked,
    /// lanes that have another number than the first wait.
    pub(super) fn begin_blocks(&mut self) -> Result<()> {
        let Run { task, lanes, .. } = self;
        let sampling = task.request.sampling;
        let counts = sampling.sampler.rule().is_some_and(|rule| rule.quota.counts_masked());
        let n_masked = |lane: &Lane| lane.masked_positions(task).len();
        let Some(first) = lanes.iter().flatten().next().map(n_masked) else { return Ok(()) };
        let begins = |lane: &Lane| !counts || n_masked(lane) == first;
        let chosen: Vec<usize> =
            (0..lanes.len()).filter(|&i| lanes[i].as_ref().is_some_and(begins)).collect();
        let size = BlockSize { cells: task.geometry.block_size, masked: first };
        let recompute = task.request.cache == CachePolicy::Recompute;
        let active = || chosen.iter().filter_map(|&i| lanes[i].as_ref());
        let keys: Vec<[u32; 4]> = active().flat_map(|lane| lane.current_keys(task)).collect();
        let most = if recompute { usize::MAX >> 1 } else { self.capacity.storable };
        let (rows, group) = block_rows(task, &active().collect::<Vec<_>>(), most);
        let masked = active().map(n_masked).collect();
        let mut steps = BTreeSet::new();
        for lane in active() {
            steps.extend(sampling.opening_steps(lane.key, &lane.masked_positions(task), size, 0));
        }
        let steps: Vec<usize> = steps.into_iter().collect();
        if let Some(noise) = &task.noise {
            let written = lanes.iter().flatten().map(|lane| lane.ids.len() - task.prompt.len());
            let block = written.max().unwrap_or(0) / size.cells;
            self.denoiser.give(noise, block)?;
        }
        self.denoiser.begin(&rows, &keys, &sampling.uniforms(&steps, size))?;
        for &i in &chosen {
            if let (false, Some(lane)) = (recompute, &mut lanes[i]) {
                lane.stored = lane.block_idx(task);
            }
        }
        self.current = Some(Current {
            lanes: chosen,
            steps,
            taken: 0,
            next_step: 0,
            masked,
            first_rows: rows.len(),
            group,
            cells: vec![CellWords::zeroed(); keys.len()],
            size,
            passed: None,
        });
        Ok(())
    }
}

/// Rows of the lanes' current blocks, then of earlier blocks, at most so many of each, or of contexts. And
/// how many consecutive ones of one sample attention may treat together.
fn block_rows(task: &Task, lanes: &[&Lane], most: usize) -> (Vec<Row>, usize) {
    let (all, size) = (|| lanes.iter(), task.geometry.block_size);
    if task.geometry.sight != Sight::Context {
        let current = all().flat_map(|lane| lane.current_rows(task));
        let pending = all().flat_map(|lane| lane.pending_rows(task, most));
        return (current.chain(pending).collect(), size);
    }
    let cells = all().flat_map(|lane| lane.cell_rows(task));
    let rows: Vec<Row> = cells.chain(all().flat_map(|lane| lane.context_rows(task))).collect();
    let group = match lanes {
        [_] => rows.len(),
        _ => all().map(|lane| lane.context(task).len()).fold(size, divisor),
    };
    (rows, group)
}

/// The greatest common divisor.
fn divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { divisor(b, a % b) }
}
