//! One sample of a batch while it grows: its tokens, its text, its place in the cache. Knows no
//! GPU object.

use crate::clock::Stopwatch;
use crate::event::{Block, Done, Retract, Start, StopReason};
use crate::model::{Grid, Ring, Row};
use crate::sample::run::cells::NOT_FINITE;
use crate::sample::run::request::CachePolicy;
use crate::sample::run::task::Task;
use crate::sample::run::transcript::Transcript;
use crate::sample::steps::{ENTROPY_WINDOW, Ends, SampleKey, Sight, end_of_text, tail_entropy};
use crate::{Error, Result};

/// Times that a sample is redrawn before it is given as it is.
const MAX_REDRAWS: usize = 10;

/// A sample while it grows.
pub struct Lane {
    /// Index of the sample.
    pub sample: usize,
    /// Its place in the cache.
    pub ring: Ring,
    /// Its random numbers.
    pub key: SampleKey,
    /// The prompt and all finished blocks.
    pub ids: Vec<u32>,
    /// Runs of the network so far.
    pub passes: usize,
    /// Steps so far that opened a cell.
    pub nfe: usize,
    /// Blocks whose keys and values are stored.
    pub stored: usize,
    /// Blocks that the published loops store, each by a pass of its own.
    pub commits: usize,
    /// Tokens that were in a [`Block`] event, or are the prompt's.
    reported: usize,
    redraws: usize,
    stopwatch: Stopwatch,
    transcript: Option<Transcript>,
}

impl Lane {
    /// A sample that consists of its prompt.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn new(task: &Task, sample: usize, ring: Ring) -> Result<Lane> {
        let transcript =
            task.tokenizer.as_ref().map(|t| Transcript::new(t, task.prompt_text(), &[]));
        let transcript = transcript.transpose()?;
        Ok(Lane {
            sample,
            ring,
            key: SampleKey::new(task.request.seed, sample, 0),
            ids: task.prompt.clone(),
            passes: 0,
            nfe: 0,
            stored: 0,
            commits: 0,
            reported: task.prompt.len(),
            redraws: 0,
            stopwatch: Stopwatch::start(),
            transcript,
        })
    }

    /// The event of the beginning.
    pub fn start_event(&self, task: &Task) -> Start {
        Start {
            sample: self.sample,
            seed: task.request.seed,
            block_size: task.geometry.block_size,
            window: task.spec.window,
            length: task.request.length,
            ids: self.ids.clone(),
            text: self.transcript.as_ref().map(|t| t.text().to_string()),
            n_drawable: Some(task.n_drawable),
        }
    }

    /// Seconds since the sample began.
    pub fn secs(&self) -> f64 {
        self.stopwatch.secs()
    }

    /// Index of the current block.
    pub fn block_idx(&self, task: &Task) -> usize {
        task.geometry.block_idx(self.ids.len())
    }

    /// First position of the current block.
    pub fn block_start(&self, task: &Task) -> usize {
        task.geometry.start(self.block_idx(task))
    }

    /// Cells of the current block that are given: the prompt's, the block's before, or the one that
    /// the block before led to.
    pub fn n_given(&self, task: &Task) -> usize {
        self.ids.len() - self.block_start(task)
    }

    /// Positions of the current block's masked cells.
    pub fn masked_positions(&self, task: &Task) -> Vec<usize> {
        (self.ids.len()..task.geometry.block_end(self.block_idx(task))).collect()
    }

    /// True if the first token of the current block is that of the row before the block.
    pub fn needs_lead(&self, task: &Task) -> bool {
        task.geometry.shift > 0 && self.n_given(task) == 0
    }

    /// Rows of the block before the current one: the last of them speaks of its first token.
    pub fn leading_rows(&self, task: &Task) -> impl Iterator<Item = Row> {
        self.rows_of(task, self.block_idx(task).saturating_sub(1))
    }

    /// Takes the first token of the current block, which a pass over the block before led to.
    pub fn take_lead(&mut self, task: &Task, token: u32) {
        let block_idx = self.block_idx(task);
        let is_answer = self.ids.len() > task.prompt.len();
        self.commits += usize::from(is_answer);
        self.passes += 1;
        if task.request.cache != CachePolicy::Recompute {
            self.stored = block_idx;
        }
        self.ids.push(token);
    }

    /// True if the last token is one that ends an answer.
    pub fn has_stopped(&self, task: &Task) -> bool {
        let answer = self.ids.get(task.prompt.len()..).unwrap_or_default();
        answer.last().is_some_and(|id| task.stop_ids.contains(id))
    }

    /// Rows that predict the current block.
    pub fn current_rows(&self, task: &Task) -> impl Iterator<Item = Row> {
        self.rows_of(task, self.block_idx(task) - task.geometry.lag)
    }

    /// The words that the sampler makes the current block's random bits of, a cell each.
    pub fn current_keys(&self, task: &Task) -> impl Iterator<Item = [u32; 4]> {
        let start = self.block_start(task);
        (start..start + task.geometry.block_size).map(|position| self.key.row(position))
    }

    /// Rows of finished blocks whose keys and values are not stored, at most `most` blocks.
    pub fn pending_rows(&self, task: &Task, most: usize) -> impl Iterator<Item = Row> {
        let end = self.stored + self.pending(task).min(most);
        (self.stored..end).flat_map(move |block| self.rows_of(task, block))
    }

    /// Finished blocks before those rows whose keys and values are not stored.
    pub fn pending(&self, task: &Task) -> usize {
        match task.geometry.sight {
            Sight::Own | Sight::Context => 0,
            Sight::Before => self.block_idx(task) - task.geometry.lag - self.stored,
        }
    }

    fn rows_of(&self, task: &Task, block: usize) -> impl Iterator<Item = Row> {
        let (spans, masked_id) = (task.geometry.spans(self.ring, block), task.spec.masked_id());
        task.geometry.places(block).map(move |place| {
            let slot = self.ring.slot(place.index);
            let Some(position) = place.position else {
                return Row { id: u32::from(masked_id == 0), ..Row::idle(slot) };
            };
            let id = self.ids.get(position).copied().unwrap_or(masked_id);
            Row { id, position, slot, spans }
        })
    }

    /// Takes the current block's opened tokens. Returns the block's event, and how the sample
    /// ends if it does.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn finish_block(
        &mut self,
        task: &Task,
        opened: &[u32],
    ) -> Result<(Block, Option<StopReason>)> {
        // A block that only a lead began is the one after the last.
        let at = self.ids.len().saturating_sub(usize::from(opened.is_empty()));
        let (block_idx, before) = (task.geometry.block_idx(at), self.reported);
        self.ids.extend(opened);
        self.ids.truncate(task.request.length);
        let mut stop = (self.ids.len() == task.request.length).then_some(StopReason::Length);
        if let (true, Some(eos)) = (task.request.variable_length, task.eos)
            && let Some(end) = end_of_text(&self.ids, eos, before..self.ids.len())
        {
            self.ids.truncate(end);
            stop = Some(StopReason::EndOfText);
        }
        let mut end_of_words = self.ids.len();
        if let Some(at) = self.ids[before..].iter().position(|id| task.stop_ids.contains(id)) {
            end_of_words = before + at;
            if task.ends == Ends::AtOnce {
                self.ids.truncate(end_of_words + 1);
            }
            stop = Some(StopReason::StopToken);
        }
        let text = match &mut self.transcript {
            Some(t) => {
                if let Some(taken) = t.push(&self.ids[before..end_of_words], &task.request.stop)? {
                    self.ids.truncate(before + taken);
                    stop = Some(StopReason::StopString);
                }
                Some(match stop {
                    // The text was cut before what follows.
                    Some(StopReason::StopString) => t.rest(),
                    Some(_) => t.last(),
                    None => t.news(&task.request.stop),
                })
            }
            None => None,
        };
        self.reported = self.ids.len();
        let ids = self.ids[task.geometry.own_start(block_idx)..].to_vec();
        let (sample, passes, secs) = (self.sample, self.passes, self.secs());
        Ok((Block { sample, block_idx, ids, text, passes, secs }, stop))
    }

    /// Looks at the last tokens' entropy: a sample that repeats itself is drawn again, or with
    /// variable length cut. Returns what is taken back, and how the sample ends if it does.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn check_entropy(
        &mut self,
        task: &Task,
    ) -> Result<Option<(Option<Retract>, Option<StopReason>)>> {
        let low = |entropy: &f32| *entropy < task.request.min_entropy;
        // A prompt may repeat itself.
        let written = &self.ids[task.prompt.len()..];
        let Some(entropy) = tail_entropy(written).filter(low) else { return Ok(None) };
        if task.request.variable_length {
            let keep = (self.ids.len() - ENTROPY_WINDOW).max(task.prompt.len());
            self.retract(task, keep)?;
            self.last_text();
            return Ok(Some((Some(self.retract_event(entropy)), Some(StopReason::LowEntropy))));
        }
        if self.redraws == MAX_REDRAWS {
            return Ok(Some((None, Some(StopReason::LowEntropy))));
        }
        self.redraws += 1;
        self.key = SampleKey::new(task.request.seed, self.sample, self.redraws);
        self.stored = 0;
        self.retract(task, task.prompt.len())?;
        Ok(Some((Some(self.retract_event(entropy)), None)))
    }

    /// Text that is still to be reported when the sample ends here.
    pub fn last_text(&mut self) -> Option<String> {
        self.transcript.as_mut().map(Transcript::last)
    }

    fn retract(&mut self, task: &Task, keep: usize) -> Result<()> {
        self.ids.truncate(keep);
        self.reported = keep;
        if let Some(tokenizer) = &task.tokenizer {
            let ids = &self.ids[task.prompt.len()..];
            self.transcript = Some(Transcript::new(tokenizer, task.prompt_text(), ids)?);
        }
        Ok(())
    }

    fn retract_event(&self, entropy: f32) -> Retract {
        Retract {
            sample: self.sample,
            redraws: self.redraws,
            n_tokens: self.ids.len(),
            text: self.transcript.as_ref().map(|t| t.text().to_string()),
            entropy,
        }
    }

    /// Ends the sample. Text that was held back for want of a complete character comes too.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn done(self, task: &Task, stop: StopReason) -> Result<Done> {
        let (secs, [prefill, commit]) = (self.secs(), self.published_passes(task));
        let text = self.transcript.map(|t| match stop {
            StopReason::StopString => t.text().to_string(),
            _ => t.finished(),
        });
        Ok(Done {
            sample: self.sample,
            seed: task.request.seed,
            n_tokens: self.ids.len(),
            ids: self.ids,
            text,
            nfe: self.nfe,
            passes: self.passes,
            prefill,
            denoise: self.nfe,
            commit,
            secs,
            stop,
            redraws: self.redraws,
        })
    }

    /// Passes of the published loops, which store each block by a pass of its own: over the prompt, and
    /// over finished blocks. Loops on the prompt's grid leave out the last block.
    fn published_passes(&self, task: &Task) -> [usize; 2] {
        let (size, n_prompt) = (task.geometry.block_size, task.prompt.len());
        match (task.geometry.sight, task.spec.grid) {
            (Sight::Own | Sight::Context, _) => [0, 0],
            (Sight::Before, Grid::Prompt) => {
                [usize::from(n_prompt > 0), self.commits.saturating_sub(1)]
            }
            (Sight::Before, _) => [usize::from(n_prompt >= size), self.commits],
        }
    }

    /// True if there is nothing left to generate.
    pub fn is_full(&self, task: &Task) -> bool {
        self.ids.len() >= task.request.length
    }
}

/// Fails for a cell whose logits were no numbers.
///
/// # Errors
/// [`Error::NotFinite`].
pub fn check_finite(sample: usize, position: usize, state: u32) -> Result<()> {
    if state == NOT_FINITE {
        return Err(Error::NotFinite { sample, position });
    }
    Ok(())
}
