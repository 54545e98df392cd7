//! One sample of a batch while it grows: its tokens, its text, its place in the cache. Knows no
//! GPU object.

use crate::clock::Stopwatch;
use crate::event::{Block, Done, Retract, Start, StopReason};
use crate::model::{Ring, Row};
use crate::sample::run::cells::NOT_FINITE;
use crate::sample::run::task::Task;
use crate::sample::run::transcript::Transcript;
use crate::sample::steps::{ENTROPY_WINDOW, SampleKey, Sight, end_of_text, tail_entropy};
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
            task.tokenizer.as_ref().map(|t| Transcript::new(t, &task.prompt, &[])).transpose()?;
        Ok(Lane {
            sample,
            ring,
            key: SampleKey::new(task.request.seed, sample, 0),
            ids: task.prompt.clone(),
            passes: 0,
            nfe: 0,
            stored: 0,
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

    /// Cells of the current block that are given: the prompt's, or the block's before.
    pub fn n_given(&self, task: &Task) -> usize {
        self.ids.len() - self.block_start(task)
    }

    /// Positions of the current block's masked cells.
    pub fn masked_positions(&self, task: &Task) -> Vec<usize> {
        let end = self.block_start(task) + task.geometry.block_size;
        (self.ids.len()..end).collect()
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
            Sight::Own => 0,
            Sight::Before => self.block_idx(task) - task.geometry.lag - self.stored,
        }
    }

    fn rows_of(&self, task: &Task, block: usize) -> impl Iterator<Item = Row> {
        let first = task.geometry.start(block);
        let (spans, masked_id) = (task.geometry.spans(self.ring, block), task.spec.masked_id());
        (first..first + task.geometry.block_size).map(move |position| Row {
            id: self.ids.get(position).copied().unwrap_or(masked_id),
            position,
            slot: self.ring.slot(position),
            spans,
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
        let (block_idx, before) = (self.block_idx(task), self.ids.len());
        self.ids.extend(opened);
        self.ids.truncate(task.request.length);
        let mut stop = (self.ids.len() == task.request.length).then_some(StopReason::Length);
        if let (true, Some(eos)) = (task.request.variable_length, task.eos)
            && let Some(end) = end_of_text(&self.ids, eos, before..self.ids.len())
        {
            self.ids.truncate(end);
            stop = Some(StopReason::EndOfText);
        }
        let text = match &mut self.transcript {
            Some(t) => {
                if let Some(taken) = t.push(&self.ids[before..], &task.request.stop)? {
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
        if let Some(tokenizer) = &task.tokenizer {
            let ids = &self.ids[task.prompt.len()..];
            self.transcript = Some(Transcript::new(tokenizer, &task.prompt, ids)?);
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
        let secs = self.secs();
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
            secs,
            stop,
            redraws: self.redraws,
        })
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
