//! How a recording is made: events come in, moments and finished blocks are kept, old steps lose
//! their details.

use std::sync::Arc;

use bdlm::event::{Block, Cell, CellState, Done, Event, Start, Step};

use crate::recording::moment::{BlockRecord, Moment};
use crate::recording::size::size;

/// Bytes of events that are kept whole; beyond that the oldest steps lose their candidates, then
/// their cells.
pub const MAX_BYTES: usize = 256_000_000;

/// The events of one sample. Cheap to clone: clones share them.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    events: Vec<Arc<Event>>,
    moments: Vec<Moment>,
    pub(super) blocks: Vec<BlockRecord>,
    /// How often the sample was taken back: repetition is drawn anew.
    pub(super) take: usize,
    /// Finished blocks of this take.
    n_blocks: usize,
    bytes: usize,
    /// Another limit than [`MAX_BYTES`].
    limit: Option<usize>,
    /// Texts that the takes began with: the prompt's, then what was not taken back.
    pub(super) prefixes: Vec<String>,
    /// Oldest moments that have lost their candidates, and that have lost their cells.
    thinned: [usize; 2],
}

/// What old steps lose.
#[derive(Clone, Copy)]
enum Thinning {
    Candidates,
    Cells,
}

impl Recording {
    /// A recording of the first sample of these events, to its end.
    pub fn of(events: impl IntoIterator<Item = Event>) -> Recording {
        let mut recording = Recording::default();
        let mut sample = None;
        for event in events {
            if *sample.get_or_insert(event.sample()) == event.sample() {
                recording.push(event);
                if recording.done().is_some() {
                    break;
                }
            }
        }
        recording
    }

    /// An empty recording with another limit than [`MAX_BYTES`].
    pub fn with_limit(bytes: usize) -> Recording {
        Recording { limit: Some(bytes), ..Recording::default() }
    }

    /// Takes the next event.
    pub fn push(&mut self, event: Event) {
        self.bytes += size(&event);
        let at = self.events.len();
        match &event {
            Event::Step(step) => self.moment(at, step, false),
            Event::Steer(step) => self.moment(at, step, true),
            Event::Block(block) => self.finish_block(block),
            Event::Retract(retract) => {
                (self.take, self.n_blocks) = (self.take + 1, 0);
                let first = self.prefixes.first().cloned();
                self.prefixes.push(retract.text.clone().or(first).unwrap_or_default());
            }
            Event::Done(done) => {
                let (take, n_blocks) = (self.take, self.n_blocks);
                let last = self.moments.last().filter(|m| m.take == take).copied();
                let nfe = last.map_or(0, |m| m.nfe).max(done.nfe);
                let (opened, masked, is_steered) = (0, 0, false);
                let (confidence, entropy, ms) = (f32::NAN, f32::NAN, 0.0);
                self.moments.push(Moment {
                    event: at,
                    take,
                    n_blocks,
                    opened,
                    opened_confidence: f32::NAN,
                    masked,
                    confidence,
                    entropy,
                    ms,
                    nfe,
                    is_steered,
                });
            }
            Event::Start(start) => {
                self.prefixes = vec![start.text.clone().unwrap_or_else(|| numbers(&start.ids))];
            }
        }
        self.events.push(Arc::new(event));
        self.thin();
    }

    fn moment(&mut self, event: usize, step: &Step, is_steered: bool) {
        let masked = step.cells.iter().filter(|cell| cell.state == CellState::Masked).count();
        let before = self.moments.last().copied();
        let opened_now =
            |cell: &&Cell| cell.state == CellState::Open { step: step.step } && !is_steered;
        let opened = step.cells.iter().filter(opened_now).count();
        let drawn = |cell: &&Cell| !matches!(cell.state, CellState::Given | CellState::Pinned);
        let open = step.cells.iter().filter(drawn).filter(|cell| cell.state != CellState::Masked);
        let shut = step.cells.iter().filter(|cell| cell.state == CellState::Masked);
        let last_secs = self.events.iter().rev().find_map(|event| secs(event)).unwrap_or(0.0);
        self.moments.push(Moment {
            event,
            take: self.take,
            n_blocks: self.n_blocks,
            opened,
            opened_confidence: mean(
                step.cells.iter().filter(opened_now).map(|cell| cell.confidence),
            ),
            masked,
            confidence: mean(open.map(|cell| cell.confidence)),
            entropy: mean(shut.filter(|cell| !cell.is_blank()).map(|cell| cell.entropy)),
            ms: ((step.secs - last_secs) * 1e3).max(0.0) as f32,
            // Simplex diffusion opens its cells at the last step alone.
            nfe: before.map_or(0, |m| m.nfe) + usize::from(step.step > 0 && !is_steered),
            is_steered,
        });
    }

    fn finish_block(&mut self, block: &Block) {
        let last = self.moments.len().saturating_sub(1);
        let of_block = |step: &&Step| step.block_idx == block.block_idx;
        let step = self.moments.last().and_then(|m| self.step_of(m)).filter(of_block);
        let cells = step.map(|step| step.cells.clone()).unwrap_or_default();
        let given = cells.iter().take_while(|cell| cell.state == CellState::Given).count();
        let before = self.blocks.iter().rev().find(|b| b.take == self.take);
        // Where windows overlap, the cells that the window before had written are given ones.
        let overlap = if before.is_some() { given } else { 0 };
        // A sequence can end inside its last block.
        let kept = (overlap + block.ids.len()).min(cells.len()).max(given);
        let mut cells = cells.get(given..kept).unwrap_or_default().to_vec();
        cells.iter_mut().for_each(|cell| cell.candidates = Vec::new());
        let own = block.ids.get(given - overlap..).unwrap_or_default();
        let text = block.text.clone().unwrap_or_else(|| numbers(own));
        let is_of_block = |m: &Moment| {
            m.take == self.take && self.step_of(m).is_some_and(|s| s.block_idx == block.block_idx)
        };
        let first = self.moments.iter().rposition(|m| !is_of_block(m)).map_or(0, |at| at + 1);
        let block_size = self.start().map_or(1, |start| start.block_size);
        let begun = block.block_idx.saturating_mul(block_size);
        let end = before.map_or(begun, |before| before.end).saturating_add(block.ids.len());
        let last_block = self.events.iter().rev().find_map(|event| match &**event {
            Event::Block(block) => Some((block.passes, block.secs)),
            _ => None,
        });
        let (passes_before, secs_before) = last_block.unwrap_or_default();
        self.blocks.push(BlockRecord {
            take: self.take,
            block_idx: block.block_idx,
            given,
            cells,
            ids: block.ids.clone(),
            text,
            end,
            moments: [first.min(last), last],
            passes: block.passes.saturating_sub(passes_before),
            ms: ((block.secs - secs_before) * 1e3).max(0.0) as f32,
        });
        self.n_blocks += 1;
    }

    /// Drops the candidates of the oldest steps while there are too many bytes, then their cells.
    fn thin(&mut self) {
        let limit = self.limit.unwrap_or(MAX_BYTES);
        for stage in [Thinning::Candidates, Thinning::Cells] {
            let at = stage as usize;
            while self.bytes > limit && self.thinned[at] < self.moments.len() {
                let event = &mut self.events[self.moments[self.thinned[at]].event];
                let before = size(event);
                if let Event::Step(step) | Event::Steer(step) = Arc::make_mut(event) {
                    match stage {
                        Thinning::Candidates => {
                            step.cells.iter_mut().for_each(|cell| cell.candidates = Vec::new());
                        }
                        Thinning::Cells => step.cells = Vec::new(),
                    }
                }
                self.bytes -= before - size(event);
                self.thinned[at] += 1;
            }
        }
    }

    /// Drops details of the oldest steps until it has at most so many bytes, now and later.
    pub fn thin_to(&mut self, bytes: usize) {
        self.limit = Some(bytes);
        self.thin();
    }

    /// The events, as they came.
    pub fn events(&self) -> &[Arc<Event>] {
        &self.events
    }

    /// The moments that can be shown.
    pub fn moments(&self) -> &[Moment] {
        &self.moments
    }

    /// The start, if it came.
    pub fn start(&self) -> Option<&Start> {
        self.events.iter().find_map(|event| match &**event {
            Event::Start(start) => Some(start),
            _ => None,
        })
    }

    /// The end, if it came.
    pub fn done(&self) -> Option<&Done> {
        match self.events.last().map(|event| &**event) {
            Some(Event::Done(done)) => Some(done),
            _ => None,
        }
    }

    /// The step of a moment; none for the finished text.
    pub fn step(&self, moment: usize) -> Option<&Step> {
        self.moments.get(moment).and_then(|m| self.step_of(m))
    }

    pub(super) fn step_of(&self, moment: &Moment) -> Option<&Step> {
        match self.events.get(moment.event).map(|event| &**event) {
            Some(Event::Step(step) | Event::Steer(step)) => Some(step),
            _ => None,
        }
    }

    /// Bytes that the events take, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// True if old steps have lost their candidates.
    pub fn is_thinned(&self) -> bool {
        self.thinned[0] > 0
    }
}

fn mean(numbers: impl Iterator<Item = f32>) -> f32 {
    let (sum, count) = numbers.fold((0.0, 0), |(sum, count), x| (sum + x, count + 1));
    sum / count as f32
}

/// Tokens as text, where there is no tokenizer.
fn numbers(ids: &[u32]) -> String {
    ids.iter().map(|id| format!("{id} ")).collect()
}

fn secs(event: &Event) -> Option<f64> {
    match event {
        Event::Step(step) | Event::Steer(step) => Some(step.secs),
        Event::Block(block) => Some(block.secs),
        _ => None,
    }
}
