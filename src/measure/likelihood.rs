//! The likelihood of one sequence.

use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::clock::Stopwatch;
use crate::eval::{Estimator, FirstToken, Likelihood, LikelihoodOptions};
use crate::measure::timer::Timer;
use crate::model::Network;

/// The time that a likelihood took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LikelihoodTime {
    /// Tokens of a block.
    pub block_size: usize,
    /// Tokens of the sequence.
    pub tokens: usize,
    /// Noise draws.
    pub draws: usize,
    /// Without a first run, in which the driver compiles kernels.
    pub secs: f64,
    /// Of the sequence.
    pub tokens_per_sec: f64,
}

impl LikelihoodTime {
    /// Estimates the likelihood of one sequence as long as the window. `progress` is called with
    /// the draws done and their number, first of a run that is not timed; if it breaks, there is no
    /// result.
    ///
    /// # Errors
    /// As [`Likelihood::new`] and [`Likelihood::estimate`].
    pub async fn measure(
        network: &Arc<Network>,
        block_size: usize,
        draws: usize,
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Option<LikelihoodTime>> {
        let spec = network.spec();
        let tokens = spec.window / block_size * block_size;
        let ids: Vec<u32> = (0..tokens as u32).map(|i| i * 31 % spec.n_drawable() as u32).collect();
        let options = |draws| LikelihoodOptions {
            estimator: Estimator::MonteCarlo { draws },
            block_size: Some(block_size),
            first: FirstToken::Given,
            context: tokens,
            batch: None,
            seed: 0,
        };
        let mut timed = Likelihood::new(network.clone(), options(draws))?;
        let mut first = Likelihood::new(network.clone(), options(1))?;
        if first.estimate(&[(0, &ids)], progress).await?.is_none() {
            return Ok(None);
        }
        Timer::new(network.gpu())?.wake(0.3).await?;
        let begun = Stopwatch::start();
        if timed.estimate(&[(0, &ids)], progress).await?.is_none() {
            return Ok(None);
        }
        let secs = begun.secs();
        let tokens_per_sec = tokens as f64 / secs;
        Ok(Some(LikelihoodTime { block_size, tokens, draws, secs, tokens_per_sec }))
    }
}
