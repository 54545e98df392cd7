//! The negative log-likelihood of sequences, or its bound: clean keys and values once per
//! sequence, then one noisy copy per mask pattern. Knows no files.

use std::ops::ControlFlow;
use std::sync::Arc;

use fastrand::Rng;

use crate::eval::copies::Layout;
use crate::eval::estimator::{Estimator, FirstToken, Pattern};
use crate::eval::scorer::{Score, Scorer};
use crate::eval::sums::{SequenceNll, Sums};
use crate::model::{Mask, Network, Spec};
use crate::{Advice, Error, Fault, Result};

/// What to compute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LikelihoodOptions {
    /// How the expectation over masks is taken; autoregressive models need none.
    pub estimator: Estimator,
    /// Tokens of a block; the checkpoint's if absent. Models without blocks take the sequence.
    pub block_size: Option<usize>,
    /// What happens to the first token of a sequence.
    pub first: FirstToken,
    /// Tokens of the longest sequence.
    pub context: usize,
    /// Sequences whose clean halves are held at a time; as many as a pass has room for if absent.
    pub batch: Option<usize>,
    /// The same seed gives the same noise.
    pub seed: u64,
}

impl LikelihoodOptions {
    /// The options as a model takes them: its own block size, or none if it has no blocks, and the
    /// exact estimator where every other one is exact anyway.
    ///
    /// # Errors
    /// [`Error::Request`] if they do not fit the model.
    pub fn for_model(&self, spec: &Spec) -> Result<LikelihoodOptions> {
        let layout = layout(spec, self)?;
        // One token per block leaves nothing to chance.
        let is_exact = layout.block_size == 1;
        let estimator = if is_exact { Estimator::Exact } else { self.estimator };
        let block_size = layout.has_clean_half().then_some(layout.block_size);
        Ok(LikelihoodOptions { estimator, block_size, ..*self })
    }
}

/// A network with room for sequences and their noisy copies.
pub struct Likelihood {
    scorer: Scorer,
    options: LikelihoodOptions,
    layout: Layout,
    passes: usize,
}

impl Likelihood {
    /// Allocates for the options.
    ///
    /// # Errors
    /// [`Error::Request`] if they do not fit the model, [`Error::TooLarge`],
    /// [`Error::OutOfMemory`].
    pub fn new(network: Arc<Network>, options: LikelihoodOptions) -> Result<Likelihood> {
        let layout = layout(network.spec(), &options)?;
        let options = options.for_model(network.spec())?;
        let scorer = Scorer::new(network, layout.rows(), layout.slots(), layout.context)?;
        Ok(Likelihood { scorer, options, layout, passes: 0 })
    }

    /// The options, as the model takes them.
    pub fn options(&self) -> &LikelihoodOptions {
        &self.options
    }

    /// Tokens of a block; none for models without blocks.
    pub fn block_size(&self) -> Option<usize> {
        self.layout.has_clean_half().then_some(self.layout.block_size)
    }

    /// Sequences that are best given at a time.
    pub fn batch(&self) -> usize {
        self.layout.batch
    }

    /// Runs of the network so far.
    pub fn passes(&self) -> usize {
        self.passes
    }

    /// Estimates sequences, each with its index in the corpus, which makes its noise. `progress`
    /// is called with the noisy copies done and their number; if it breaks, there is no result.
    ///
    /// # Errors
    /// [`Error::Request`] for sequences that do not fit, [`Error::NotFinite`],
    /// [`Error::DeviceLost`].
    pub async fn estimate(
        &mut self,
        sequences: &[(usize, &[u32])],
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Option<Vec<SequenceNll>>> {
        let count = |(_, ids): &(usize, &[u32])| self.n_patterns(ids.len());
        let (mut done, all) = (0, sequences.iter().map(count).sum());
        let mut found = Vec::with_capacity(sequences.len());
        for held in sequences.chunks(self.layout.batch) {
            let ids: Vec<&[u32]> = held.iter().map(|(_, ids)| *ids).collect();
            self.hold(&ids)?;
            let mut sums: Vec<Sums> = ids.iter().map(|ids| self.sums(ids.len())).collect();
            let patterns: Vec<_> =
                held.iter().map(|&(index, ids)| self.patterns(index, ids.len())).collect();
            // Drawn as they are needed: memory does not grow with the draws.
            let mut patterns = patterns
                .into_iter()
                .enumerate()
                .flat_map(|(at, patterns)| patterns.map(move |pattern| (at, pattern)));
            loop {
                let some: Vec<_> = patterns.by_ref().take(self.layout.copies).collect();
                if some.is_empty() {
                    break;
                }
                if progress(done, all).is_break() {
                    return Ok(None);
                }
                let losses = self.losses(&ids, &some).await?;
                for ((at, pattern), losses) in some.iter().zip(&losses) {
                    sums[*at].add(pattern, losses);
                }
                done += some.len();
            }
            found.extend(sums.into_iter().map(Sums::finish));
        }
        let _ = progress(done, all);
        Ok(Some(found))
    }

    /// The loss of each token of one sequence under each pattern, weighted, 0 where it is not
    /// masked.
    ///
    /// # Shapes
    /// `[patterns, tokens]`.
    /// # Errors
    /// As [`Likelihood::estimate`].
    pub async fn token_losses(
        &mut self,
        ids: &[u32],
        patterns: &[Pattern],
    ) -> Result<Vec<Vec<f64>>> {
        self.hold(&[ids])?;
        let mut losses = Vec::with_capacity(patterns.len());
        for some in patterns.chunks(self.layout.copies) {
            let some: Vec<_> = some.iter().map(|pattern| (0, pattern.clone())).collect();
            losses.extend(self.losses(&[ids], &some).await?);
        }
        Ok(losses)
    }

    /// Checks the sequences, and stores the clean halves' keys and values.
    fn hold(&mut self, sequences: &[&[u32]]) -> Result<()> {
        for ids in sequences {
            check_sequence(self.scorer.network().spec(), &self.layout, ids)?;
        }
        if !self.layout.has_clean_half() {
            return Ok(());
        }
        let Layout { copies, .. } = self.layout;
        for (n, some) in sequences.chunks(copies).enumerate() {
            let rows = |(i, ids): (usize, &&[u32])| self.layout.clean_rows(n * copies + i, ids);
            let rows: Vec<_> = some.iter().enumerate().flat_map(rows).collect();
            self.scorer.store(&rows)?;
            self.passes += 1;
        }
        Ok(())
    }

    /// Weighted losses of copies, each with the number of its sequence, in one pass.
    async fn losses(
        &mut self,
        sequences: &[&[u32]],
        copies: &[(usize, Pattern)],
    ) -> Result<Vec<Vec<f64>>> {
        let (mut rows, mut targets, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (copy, (at, pattern)) in copies.iter().enumerate() {
            let ids = sequences[*at];
            rows.extend(self.layout.copy_rows(copy, *at, ids, pattern));
            targets.extend(self.layout.targets(copy, ids, pattern));
            let masked = (0..ids.len()).filter(|&position| pattern.masks(position));
            places.extend(masked.map(|position| (copy, position)));
        }
        let sigma: Vec<f32> = copies.iter().map(|(_, p)| sigma(p.noise) as f32).collect();
        self.scorer.set_noise(&sigma)?;
        let scores = self.scorer.score(&rows, &targets).await?;
        self.passes += 1;
        let zeros = |(at, _): &(usize, Pattern)| vec![0.0; sequences[*at].len()];
        let mut losses: Vec<Vec<f64>> = copies.iter().map(zeros).collect();
        for (&(copy, position), score) in places.iter().zip(scores) {
            let pattern = &copies[copy].1;
            losses[copy][position] = match self.scorer.network().spec().gives_scores() {
                true => self.score_entropy(score, pattern.noise),
                false => pattern.weights[position] * score.nll(),
            };
        }
        Ok(losses)
    }

    /// Score entropy of a masked token, weighted by dσ/dt. With `r = 1 / (e^σ - 1)` the log score
    /// of a token is its logit + ln r - ln(V - 1). Source: Lou et al., 2024, equation 5.
    fn score_entropy(&self, score: Score, noise: f64) -> f64 {
        let vocabulary = self.scorer.network().spec().vocab_size as f64;
        let ratio = 1.0 / sigma(noise).exp_m1();
        let offset = ratio.ln() - (vocabulary - 1.0).ln();
        let positive = (score.log_sum + offset).exp();
        let negative = ratio * (score.logit + offset);
        (positive - negative + ratio * (ratio.ln() - 1.0)) / (1.0 - noise)
    }

    fn patterns(&self, index: usize, length: usize) -> Box<dyn Iterator<Item = Pattern>> {
        let seed = Rng::with_seed(self.options.seed ^ (index as u64).rotate_left(32)).u64(..);
        let blocks = self.layout.blocks(length, self.options.first);
        self.options.estimator.patterns(length, blocks, seed)
    }

    fn n_patterns(&self, length: usize) -> usize {
        self.options.estimator.n_patterns(&self.layout.blocks(length, self.options.first))
    }

    fn sums(&self, length: usize) -> Sums {
        let blocks = self.layout.blocks(length, self.options.first);
        let n_blocks = length.div_ceil(self.layout.block_size);
        let tokens = blocks.iter().map(ExactSizeIterator::len).sum();
        let found = SequenceNll { tokens, blocks: vec![0.0; n_blocks], ..Default::default() };
        Sums::new(found, self.layout.block_size, self.options.estimator)
    }
}

/// Noise of the log-linear schedule at level t.
fn sigma(noise: f64) -> f64 {
    -(-noise).ln_1p()
}

/// Rows of a pass, unless one sequence has more: half a second of work for a slow GPU.
const PASS_ROWS: usize = 1024;

fn layout(spec: &Spec, options: &LikelihoodOptions) -> Result<Layout> {
    let (family, context) = (spec.family(), options.context);
    if context < 2 || context > spec.window {
        let most = spec.window;
        return Err(Error::request(format!("context is {context}, expected 2 to {most} tokens")));
    }
    if let (None, Some(size)) = (spec.block_size(), options.block_size) {
        return Err(Error::request(format!(
            "this checkpoint is {family}: it has no blocks to be of size {size}"
        )));
    }
    let mask = spec.mask(options.block_size);
    let block_size = match mask {
        Mask::Blocks { size, .. } => size,
        Mask::All => context,
        Mask::Before => 1,
    };
    if let Mask::Blocks { size, .. } = mask {
        spec.check_block_size(size)?;
        if context < size {
            let fault = Fault::from(format!(
                "sequences of {context} tokens are shorter than a block of {size}"
            ));
            return Err(Error::Request(fault.advise(Advice::LargerContextOrSmallerBlocks)));
        }
    }
    match (spec.gives_scores(), options.estimator) {
        (true, Estimator::Exact | Estimator::Orders { .. }) => {
            let fault = Fault::from("a score entropy checkpoint has no estimator but noise draws");
            return Err(Error::Request(fault.advise(Advice::NoiseDraws)));
        }
        _ => options.estimator.check(block_size)?,
    }
    let copies = (PASS_ROWS / context).max(1);
    let batch = options.batch.unwrap_or(copies).max(1);
    let (logit_shift, masked_id) = (spec.logit_shift, spec.masked_id());
    Ok(Layout { mask, logit_shift, context, block_size, copies, batch, masked_id })
}

fn check_sequence(spec: &Spec, layout: &Layout, ids: &[u32]) -> Result<()> {
    let (got, context) = (ids.len(), layout.context);
    if got < 2 || got > context {
        return Err(Error::request(format!(
            "a sequence has {got} tokens, expected 2 to the context of {context}"
        )));
    }
    spec.check_ids(ids)?;
    if let Some(mask) = spec.mask_id.filter(|mask| ids.contains(mask)) {
        return Err(Error::request(format!("a sequence holds the mask token, {mask}")));
    }
    Ok(())
}
