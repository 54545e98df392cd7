//! One sample of a batch while it grows: its tokens, its text, its place in the cache. Knows no
//! GPU object.

use std::sync::Arc;

use crate::clock::Stopwatch;
use crate::event::{Block, Done, Retract, Start, StopReason};
use crate::model::{Ring, Row};
use crate::sample::geometry::{Geometry, Sight};
use crate::sample::random::SampleKey;
use crate::sample::request::Request;
use crate::sample::stop::{ENTROPY_WINDOW, end_of_text, find_stop, held_back, tail_entropy};
use crate::text::{TextStream, Tokenizer};
use crate::{Error, Result};

/// What all lanes of a run share.
pub struct Plan {
    /// What is wanted.
    pub request: Request,
    /// BOS and the prompt.
    pub prompt: Vec<u32>,
    /// How a sequence is cut.
    pub geometry: Geometry,
    /// Positions that the network sees.
    pub window: usize,
    /// The mask token.
    pub mask_id: u32,
    /// The end-of-text token.
    pub eos: Option<u32>,
    /// For the text.
    pub tokenizer: Option<Arc<Tokenizer>>,
}

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

/// The text of a lane: what is there, and how much of it was told.
struct Transcript {
    stream: TextStream,
    text: String,
    told: usize,
}

impl Transcript {
    fn new(tokenizer: &Arc<Tokenizer>, prompt: &[u32]) -> Result<Transcript> {
        let mut stream = TextStream::new(tokenizer.clone());
        let text = stream.push(prompt.get(1..).unwrap_or_default())?;
        let told = text.len();
        Ok(Transcript { stream, text, told })
    }

    /// Text that may be told now: a stop string may begin in what comes last.
    fn tell(&mut self, stops: &[String]) -> String {
        let held = held_back(&self.text[self.told..], stops);
        let upto = self.text.len() - held;
        let news = self.text[self.told..upto].to_string();
        self.told = upto;
        news
    }
}

impl Lane {
    /// A sample that consists of its prompt.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn new(plan: &Plan, sample: usize, ring: Ring) -> Result<Lane> {
        let transcript =
            plan.tokenizer.as_ref().map(|t| Transcript::new(t, &plan.prompt)).transpose()?;
        Ok(Lane {
            sample,
            ring,
            key: SampleKey::new(plan.request.seed, sample, 0),
            ids: plan.prompt.clone(),
            passes: 0,
            nfe: 0,
            stored: 0,
            redraws: 0,
            stopwatch: Stopwatch::start(),
            transcript,
        })
    }

    /// The event of the beginning.
    pub fn start_event(&self, plan: &Plan) -> Start {
        Start {
            sample: self.sample,
            seed: plan.request.seed,
            block_size: plan.geometry.block_size,
            window: plan.window,
            length: plan.request.length,
            ids: self.ids.clone(),
            text: self.transcript.as_ref().map(|t| t.text.clone()),
        }
    }

    /// Seconds since the sample began.
    pub fn secs(&self) -> f64 {
        self.stopwatch.secs()
    }

    /// Index of the current block.
    pub fn block_idx(&self, plan: &Plan) -> usize {
        plan.geometry.block_idx(self.ids.len())
    }

    /// First position of the current block.
    pub fn block_start(&self, plan: &Plan) -> usize {
        plan.geometry.start(self.block_idx(plan))
    }

    /// Cells of the current block that are given: the prompt's, or the block's before.
    pub fn n_given(&self, plan: &Plan) -> usize {
        self.ids.len() - self.block_start(plan)
    }

    /// Positions of the current block's masked cells.
    pub fn masked_positions(&self, plan: &Plan) -> Vec<usize> {
        let end = self.block_start(plan) + plan.geometry.block_size;
        (self.ids.len()..end).collect()
    }

    /// Rows that predict the current block.
    pub fn current_rows(&self, plan: &Plan) -> impl Iterator<Item = Row> {
        self.rows_of(plan, self.block_idx(plan) - plan.geometry.lag)
    }

    /// The words that the sampler makes the current block's random bits of, a cell each.
    pub fn current_keys(&self, plan: &Plan) -> impl Iterator<Item = [u32; 4]> {
        let start = self.block_start(plan);
        (start..start + plan.geometry.block_size).map(|position| self.key.row(position))
    }

    /// Rows of finished blocks whose keys and values are not stored, at most `most` blocks.
    pub fn pending_rows(&self, plan: &Plan, most: usize) -> impl Iterator<Item = Row> {
        let end = self.stored + self.pending(plan).min(most);
        (self.stored..end).flat_map(move |block| self.rows_of(plan, block))
    }

    /// Finished blocks before those rows whose keys and values are not stored.
    pub fn pending(&self, plan: &Plan) -> usize {
        match plan.geometry.sight {
            Sight::Own => 0,
            Sight::Before => self.block_idx(plan) - plan.geometry.lag - self.stored,
        }
    }

    fn rows_of(&self, plan: &Plan, block: usize) -> impl Iterator<Item = Row> {
        let first = plan.geometry.start(block);
        let (spans, mask_id) = (plan.geometry.spans(self.ring, block), plan.mask_id);
        (first..first + plan.geometry.block_size).map(move |position| Row {
            id: self.ids.get(position).copied().unwrap_or(mask_id),
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
        plan: &Plan,
        opened: &[u32],
    ) -> Result<(Block, Option<StopReason>)> {
        let (block_idx, before) = (self.block_idx(plan), self.ids.len());
        self.ids.extend(opened);
        self.ids.truncate(plan.request.length);
        let mut stop = (self.ids.len() == plan.request.length).then_some(StopReason::Length);
        if let (true, Some(eos)) = (plan.request.variable_length, plan.eos)
            && let Some(end) = end_of_text(&self.ids, eos, before..self.ids.len())
        {
            self.ids.truncate(end);
            stop = Some(StopReason::EndOfText);
        }
        if self.extend_text(plan, before)? {
            stop = Some(StopReason::StopString);
        }
        let text = match &mut self.transcript {
            Some(t) if stop.is_some() => {
                let news = t.text[t.told..].to_string();
                t.told = t.text.len();
                Some(news)
            }
            Some(t) => Some(t.tell(&plan.request.stop)),
            None => None,
        };
        let ids = self.ids[plan.geometry.own_start(block_idx)..].to_vec();
        let (sample, passes, secs) = (self.sample, self.passes, self.secs());
        Ok((Block { sample, block_idx, ids, text, passes, secs }, stop))
    }

    /// Appends the text of tokens from `before` on, one token at a time where a stop string could
    /// end between them. True if one came: text and tokens are cut.
    fn extend_text(&mut self, plan: &Plan, before: usize) -> Result<bool> {
        let Some(t) = &mut self.transcript else { return Ok(false) };
        let stops = &plan.request.stop;
        let longest = stops.iter().map(String::len).max().unwrap_or(0);
        for at in before..self.ids.len() {
            // A stop string may have begun before this token, but not before what was told.
            let mut from = t.text.len().saturating_sub(longest).max(t.told);
            while !t.text.is_char_boundary(from) {
                from -= 1;
            }
            t.text += &t.stream.push(&self.ids[at..=at])?;
            if let Some(cut) = find_stop(&t.text, stops, from) {
                t.text.truncate(cut);
                self.ids.truncate(at + 1);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Looks at the last tokens' entropy: a sample that repeats itself is drawn again, or with
    /// variable length cut. Returns what is taken back, and how the sample ends if it does.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn check_entropy(
        &mut self,
        plan: &Plan,
    ) -> Result<Option<(Option<Retract>, Option<StopReason>)>> {
        let low = |entropy: &f32| *entropy < plan.request.min_entropy;
        let Some(entropy) = tail_entropy(&self.ids).filter(low) else { return Ok(None) };
        if plan.request.variable_length {
            let keep = (self.ids.len() - ENTROPY_WINDOW).max(plan.prompt.len());
            self.retract(plan, keep)?;
            return Ok(Some((Some(self.retract_event(entropy)), Some(StopReason::LowEntropy))));
        }
        if self.redraws == MAX_REDRAWS {
            return Ok(Some((None, Some(StopReason::LowEntropy))));
        }
        self.redraws += 1;
        self.key = SampleKey::new(plan.request.seed, self.sample, self.redraws);
        self.stored = 0;
        self.retract(plan, plan.prompt.len())?;
        Ok(Some((Some(self.retract_event(entropy)), None)))
    }

    fn retract(&mut self, plan: &Plan, keep: usize) -> Result<()> {
        self.ids.truncate(keep);
        if let Some(tokenizer) = &plan.tokenizer {
            let mut transcript = Transcript::new(tokenizer, &plan.prompt)?;
            transcript.text += &transcript.stream.push(&self.ids[plan.prompt.len()..])?;
            transcript.told = transcript.text.len();
            self.transcript = Some(transcript);
        }
        Ok(())
    }

    fn retract_event(&self, entropy: f32) -> Retract {
        Retract {
            sample: self.sample,
            redraws: self.redraws,
            n_tokens: self.ids.len(),
            text: self.transcript.as_ref().map(|t| t.text.clone()),
            entropy,
        }
    }

    /// Ends the sample. Text that was held back for want of a complete character comes too.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn done(self, plan: &Plan, stop: StopReason) -> Result<Done> {
        let secs = self.secs();
        let text = self.transcript.map(|mut t| {
            if stop != StopReason::StopString {
                t.text += &t.stream.finish();
            }
            t.text
        });
        Ok(Done {
            sample: self.sample,
            seed: plan.request.seed,
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
    pub fn is_full(&self, plan: &Plan) -> bool {
        self.ids.len() >= plan.request.length
    }
}

/// Fails for a cell whose logits were no numbers.
///
/// # Errors
/// [`Error::NotFinite`].
pub fn check_finite(sample: usize, position: usize, state: u32) -> Result<()> {
    if state == crate::sample::cells::NOT_FINITE {
        return Err(Error::NotFinite { sample, position });
    }
    Ok(())
}
