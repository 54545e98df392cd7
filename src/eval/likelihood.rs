//! The negative log-likelihood of sequences, or its bound: clean keys and values once per
//! sequence, then one noisy copy per mask pattern. Knows no files.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use fastrand::Rng;

use crate::eval::copies::Layout;
use crate::eval::estimator::{Estimator, FirstToken, Pattern};
use crate::eval::scorer::{Score, Scorer, Target};
use crate::eval::sums::{SequenceNll, Sums};
use crate::model::{Grid, Mask, Network, Spec};
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
    /// Sequences whose clean halves are held at a time, and whose noisy copies share passes; as many as a
    /// usual pass has room for if absent.
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
        let is_exact = self.estimator.is_exact_for(spec, self.block_size);
        let estimator = if is_exact { Estimator::Exact } else { self.estimator };
        let block_size = layout.has_clean_half().then_some(layout.block_size);
        Ok(LikelihoodOptions { estimator, block_size, ..*self })
    }
}

/// A sequence to estimate.
#[derive(Clone, Copy, Debug)]
pub struct Sequence<'a> {
    /// Its index in the corpus, which makes its noise.
    pub index: usize,
    /// Its tokens.
    pub ids: &'a [u32],
    /// Tokens at its beginning that are given: seen, never masked, not counted. Where the model's grid
    /// of blocks begins with a prompt's end, they are the prompt.
    pub given: usize,
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

    /// Tokens at the beginning of a sequence that are given, unless it says otherwise.
    pub fn given(&self) -> usize {
        self.layout.n_given(self.options.first)
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
        let given = self.given();
        let sequence = |&(index, ids): &(usize, _)| Sequence { index, ids, given };
        let sequences: Vec<Sequence<'_>> = sequences.iter().map(sequence).collect();
        self.estimate_given(&sequences, progress).await
    }

    /// As [`Likelihood::estimate`], of sequences whose beginnings are given.
    ///
    /// # Errors
    /// As [`Likelihood::estimate`].
    pub async fn estimate_given(
        &mut self,
        sequences: &[Sequence<'_>],
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Option<Vec<SequenceNll>>> {
        let (mut done, all) = (0, sequences.iter().map(|some| self.n_patterns(some)).sum());
        let mut found = Vec::with_capacity(sequences.len());
        for held in sequences.chunks(self.layout.batch) {
            let mut sums: Vec<Sums> = held.iter().map(|some| self.sums(some)).collect();
            for (sums, leads) in sums.iter_mut().zip(self.hold(held).await?) {
                leads.into_iter().for_each(|(block, nll)| sums.add_certain(block, nll));
            }
            let patterns: Vec<_> = held.iter().map(|some| self.patterns(some)).collect();
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
                let losses = self.losses(held, &some).await?;
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
    /// masked: without the tokens that the clean row before their block predicts.
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
        let sequence = [Sequence { index: 0, ids, given: self.given() }];
        self.hold(&sequence).await?;
        let mut losses = Vec::with_capacity(patterns.len());
        for some in patterns.chunks(self.layout.copies) {
            let some: Vec<_> = some.iter().map(|pattern| (0, pattern.clone())).collect();
            losses.extend(self.losses(&sequence, &some).await?);
        }
        Ok(losses)
    }

    /// Checks the sequences, and stores the clean halves' keys and values. Returns the losses of the
    /// tokens that clean rows predict, each with its block, for each sequence.
    async fn hold(&mut self, sequences: &[Sequence<'_>]) -> Result<Vec<Vec<(usize, f64)>>> {
        for sequence in sequences {
            check_sequence(self.scorer.network().spec(), &self.layout, sequence)?;
        }
        let mut found = vec![Vec::new(); sequences.len()];
        if !self.layout.has_clean_half() {
            return Ok(found);
        }
        let Layout { copies, context, .. } = self.layout;
        for (n, some) in sequences.chunks(copies).enumerate() {
            let (mut rows, mut targets, mut places) = (Vec::new(), Vec::new(), Vec::new());
            for (i, &Sequence { ids, given, .. }) in some.iter().enumerate() {
                let layout = self.layout_of(given);
                rows.extend(layout.clean_rows(n * copies + i, ids));
                for at in layout.leads(ids.len(), given) {
                    targets.push(Target { row: i * context + at - 1, token: ids[at] });
                    places.push((n * copies + i, layout.block_of(at)));
                }
            }
            if targets.is_empty() {
                self.scorer.store(&rows)?;
            }
            let scores = self.scorer.score(&rows, &targets).await?;
            for (&(at, block), score) in places.iter().zip(scores) {
                found[at].push((block, score.nll()));
            }
            self.passes += 1;
        }
        Ok(found)
    }

    /// The layout of a sequence of which so many tokens are given: where the model's grid begins with
    /// the prompt's end, they end a block.
    fn layout_of(&self, given: usize) -> Layout {
        match self.scorer.network().spec().grid {
            Grid::Prompt if given > 1 => {
                let size = self.layout.block_size;
                self.layout.on_grid(given.next_multiple_of(size) - given)
            }
            _ => self.layout,
        }
    }

    /// Weighted losses of copies, each with the number of its sequence, in one pass.
    async fn losses(
        &mut self,
        sequences: &[Sequence<'_>],
        copies: &[(usize, Pattern)],
    ) -> Result<Vec<Vec<f64>>> {
        let (mut rows, mut targets, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (copy, (at, pattern)) in copies.iter().enumerate() {
            let Sequence { ids, given, .. } = sequences[*at];
            let layout = self.layout_of(given);
            rows.extend(layout.copy_rows(copy, *at, ids, pattern));
            targets.extend(layout.targets(copy, ids, pattern));
            let masked = (0..ids.len()).filter(|&position| pattern.masks(position));
            places.extend(masked.map(|position| (copy, position)));
        }
        let sigma: Vec<f32> = copies.iter().map(|(_, p)| sigma(p.noise) as f32).collect();
        self.scorer.set_noise(&sigma)?;
        let scores = self.scorer.score(&rows, &targets).await?;
        self.passes += 1;
        let zeros = |(at, _): &(usize, Pattern)| vec![0.0; sequences[*at].ids.len()];
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

    fn patterns(&self, sequence: &Sequence<'_>) -> Box<dyn Iterator<Item = Pattern>> {
        let index = sequence.index as u64;
        let seed = Rng::with_seed(self.options.seed ^ index.rotate_left(32)).u64(..);
        let blocks = self.blocks(sequence);
        self.options.estimator.patterns(sequence.ids.len(), blocks, seed)
    }

    fn n_patterns(&self, sequence: &Sequence<'_>) -> usize {
        self.options.estimator.n_patterns(&self.blocks(sequence))
    }

    fn blocks(&self, sequence: &Sequence<'_>) -> Vec<Range<usize>> {
        self.layout_of(sequence.given).blocks(sequence.ids.len(), sequence.given)
    }

    fn sums(&self, sequence: &Sequence<'_>) -> Sums {
        let (layout, length) = (self.layout_of(sequence.given), sequence.ids.len());
        let n_blocks = layout.block_of(length.saturating_sub(1)) + 1;
        let leads = layout.leads(length, sequence.given).len();
        let masked: usize = self.blocks(sequence).iter().map(ExactSizeIterator::len).sum();
        let (tokens, blocks) = (leads + masked, vec![0.0; n_blocks]);
        let found = SequenceNll { tokens, blocks, ..Default::default() };
        Sums::new(found, layout, self.options.estimator)
    }
}

/// Noise of the log-linear schedule at level t.
fn sigma(noise: f64) -> f64 {
    -(-noise).ln_1p()
}

/// Rows of a pass, unless one sequence has more: half a second of work for a slow GPU.
const PASS_ROWS: usize = 1024;
/// Rows of a pass at most, where more sequences at a time are asked for: products of as many rows fill
/// every GPU.
const MOST_PASS_ROWS: usize = 16 * 1024;

/// Fails for models whose loss says nothing of likelihoods.
///
/// # Errors
/// [`Error::Request`].
pub fn check_has_likelihood(spec: &Spec) -> Result<()> {
    if !spec.has_simplex() {
        return Ok(());
    }
    let family = spec.family();
    Err(Error::request(format!(
        "this checkpoint is {family}, whose loss bounds no likelihood: there is none to estimate or to \
         train by, only the generative perplexity of its texts"
    )))
}

fn layout(spec: &Spec, options: &LikelihoodOptions) -> Result<Layout> {
    check_has_likelihood(spec)?;
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
    let usual = (PASS_ROWS / context).max(1);
    let batch = options.batch.unwrap_or(usual).max(1);
    let copies = usual.max(batch.min(MOST_PASS_ROWS / context));
    let (logit_shift, masked_id) = (spec.logit_shift, spec.masked_id());
    Ok(Layout { mask, logit_shift, context, block_size, copies, batch, masked_id })
}

fn check_sequence(spec: &Spec, layout: &Layout, sequence: &Sequence<'_>) -> Result<()> {
    let Sequence { ids, given, .. } = *sequence;
    let (got, context) = (ids.len(), layout.context);
    if given >= got {
        return Err(Error::request(format!("{given} of {got} tokens are given: none are counted")));
    }
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
