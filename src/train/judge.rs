//! What is asked of a network between the steps: how well it predicts texts that it is not trained on,
//! in which interval of noise levels its losses vary least, and what it writes.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use crate::eval::{Estimator, FirstToken, Likelihood, LikelihoodOptions, Pattern};
use crate::event::Event;
use crate::gpu::{DType, Gpu};
use crate::model::{Checkpoint, Network, Spec};
use crate::sample::{Engine, Prompt, Request, Sampling};
use crate::text::Tokenizer;
use crate::train::event::{BlockNelbo, IntervalVariance};
use crate::train::interval::{Interval, total_variance};
use crate::train::objective::BatchKey;
use crate::train::options::{SampleOptions, TrainOptions};
use crate::{Error, Result};

/// The seed of noise: validations can be compared.
const SEED: u64 = 1;
/// Sequences whose blocks make one variance.
const SEARCH_BATCH: usize = 4;
/// Probability of the tokens that a sample is drawn from, the likeliest first.
const SAMPLE_TOP_P: f64 = 0.9;

/// A network with the weights of a moment.
pub struct Judge {
    engine: Engine,
    window: usize,
    first: FirstToken,
}

impl Judge {
    /// Uploads the bytes of a `model.safetensors`.
    ///
    /// # Errors
    /// As [`Network::load_async`].
    pub async fn new(
        gpu: &Gpu,
        spec: &Spec,
        weights: &[u8],
        tokenizer: Option<&[u8]>,
        (window, first): (usize, FirstToken),
    ) -> Result<Judge> {
        let path = Path::new("the weights of this run");
        let checkpoint = Checkpoint::new(spec, &[(path, weights)])?;
        let network = Network::load_async(gpu, &checkpoint, DType::F32, &mut |_, _| {}).await?;
        let read = |bytes| Tokenizer::from_bytes(bytes, Path::new("tokenizer.json"));
        let tokenizer = tokenizer.map(read).transpose()?;
        Ok(Judge { engine: Engine::new(network, tokenizer), window, first })
    }

    /// The bound at each block size.
    ///
    /// # Errors
    /// As [`Likelihood::estimate`].
    pub async fn nelbo(
        &self,
        sequences: &[Vec<u32>],
        block_sizes: &[usize],
        draws: usize,
    ) -> Result<Vec<BlockNelbo>> {
        let has_blocks = self.engine.network().spec().block_size().is_some();
        let sizes = if has_blocks { block_sizes } else { &block_sizes[..block_sizes.len().min(1)] };
        let mut found = Vec::with_capacity(sizes.len());
        for &block_size in sizes {
            let mut likelihood = self.likelihood(block_size, draws)?;
            let numbered: Vec<(usize, &[u32])> =
                sequences.iter().enumerate().map(|(i, ids)| (i, &ids[..])).collect();
            let mut go_on = |_: usize, _: usize| ControlFlow::Continue(());
            let estimates = likelihood.estimate(&numbered, &mut go_on).await?.unwrap_or_default();
            let tokens: usize = estimates.iter().map(|estimate| estimate.tokens).sum();
            let nats: f64 = estimates.iter().map(|estimate| estimate.nll).sum();
            let size = likelihood.block_size().unwrap_or(self.window);
            let nats_per_token = nats / tokens.max(1) as f64;
            found.push(BlockNelbo { block_size: size, nats_per_token });
        }
        Ok(found)
    }

    /// How much the losses of blocks vary in each interval that the search tries.
    ///
    /// # Errors
    /// As [`Likelihood::token_losses`].
    pub async fn variances(
        &self,
        sequences: &[Vec<u32>],
        options: &TrainOptions,
    ) -> Result<Vec<IntervalVariance>> {
        let (spec, block_size) = (self.engine.network().spec(), options.block_sizes.main());
        let mut likelihood = self.likelihood(block_size, 1)?;
        let candidates = Interval::candidates();
        // Block losses of each batch, for each interval.
        let mut losses: Vec<Vec<Vec<f64>>> = vec![Vec::new(); candidates.len()];
        for (number, batch) in sequences.chunks(SEARCH_BATCH).enumerate() {
            losses.iter_mut().for_each(|batches| batches.push(Vec::new()));
            let key = BatchKey { seed: SEED, batch: number as u64 };
            let masked: Vec<_> = candidates
                .iter()
                .map(|&interval| options.objective(spec, interval).batch(batch, block_size, key))
                .collect();
            for (row, ids) in batch.iter().enumerate() {
                let n = ids.len();
                let pattern = |weights: &[f32]| Pattern {
                    draw: 0,
                    weights: weights
                        .iter()
                        .map(|&w| f64::from(w) * (n * batch.len()) as f64)
                        .collect(),
                    noise: 1.0,
                };
                let patterns: Vec<Pattern> =
                    masked.iter().map(|b| pattern(&b.weights[row * n..(row + 1) * n])).collect();
                let found = likelihood.token_losses(ids, &patterns).await?;
                for (batches, tokens) in losses.iter_mut().zip(found) {
                    let means = tokens
                        .chunks(block_size)
                        .map(|block| block.iter().sum::<f64>() / block.len() as f64);
                    batches[number].extend(means);
                }
            }
        }
        let variance = |(interval, batches): (Interval, Vec<Vec<f64>>)| IntervalVariance {
            interval,
            total_variance: total_variance(batches.iter().map(Vec::as_slice)),
        };
        Ok(candidates.into_iter().zip(losses).map(variance).collect())
    }

    /// What the network writes; none without a tokenizer.
    ///
    /// # Errors
    /// As [`Engine::run`] and [`crate::sample::Run::next_async`].
    pub async fn sample(&self, options: &SampleOptions) -> Result<Option<String>> {
        if self.engine.tokenizer().is_none() {
            return Ok(None);
        }
        let request = Request {
            prompt: Prompt::Text(options.prompt.clone()),
            length: options.length,
            seed: SEED,
            sampling: Sampling { top_p: SAMPLE_TOP_P as f32, ..Sampling::default() },
            // A network that has learned little repeats itself: that is to be seen.
            min_entropy: 0.0,
            ..Request::default()
        };
        let mut run = self.engine.run(request)?;
        while let Some(event) = run.next_async().await? {
            if let Event::Done(done) = event {
                return Ok(done.text);
            }
        }
        Err(Error::internal("a sample has no end"))
    }

    fn likelihood(&self, block_size: usize, draws: usize) -> Result<Likelihood> {
        let network: &Arc<Network> = self.engine.network();
        let options = LikelihoodOptions {
            estimator: Estimator::MonteCarlo { draws },
            block_size: network.spec().block_size().map(|_| block_size),
            first: self.first,
            context: self.window,
            batch: None,
            seed: SEED,
        };
        Likelihood::new(network.clone(), options)
    }
}
