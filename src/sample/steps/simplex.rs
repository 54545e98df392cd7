//! The sampler of models whose cells are distributions over the vocabulary: at each step the network's
//! prediction is projected to a clean state, and noised anew, less each time. Source: Han et al., SSD-LM,
//! 2023, as in the authors' code.

use std::f64::consts::FRAC_PI_2;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A token's clean state is this at its id and its negative elsewhere; noise has this deviation.
const ONE_HOT: f64 = 5.0;
/// Keeps the schedule from ending too fast.
const OFFSET: f64 = 1e-4;
/// Steps of a block, unless their number is given: those of the published results.
const STEPS: usize = 1000;
/// Most steps.
const MAX_STEPS: usize = 1 << 16;

/// The simplex sampler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Simplex {
    /// Steps of a block, T.
    pub steps: usize,
    /// What becomes of a prediction.
    pub projection: Projection,
    /// What a block sees before it.
    pub context: ContextPolicy,
}

/// How a prediction becomes a clean state, which is high at some tokens and low at all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Projection {
    /// High at one token, drawn from the nucleus.
    #[default]
    Sampling,
    /// High at all tokens of the nucleus.
    MultiHot,
    /// High at the likeliest token.
    Greedy,
}

/// What a block sees before it. It is computed anew at each step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextPolicy {
    /// The last block, or the prompt: texts of any length. Source: the baseline of Arriola et al., 2025.
    #[default]
    Last,
    /// Everything, up to the window. Source: the authors' own runs.
    Grow,
}

impl Default for Simplex {
    fn default() -> Simplex {
        let (projection, context) = (Projection::default(), ContextPolicy::default());
        Simplex { steps: STEPS, projection, context }
    }
}

impl Simplex {
    /// Fails for a number of steps that no run has.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub fn check(self) -> Result<()> {
        if (1..=MAX_STEPS).contains(&self.steps) {
            return Ok(());
        }
        Err(Error::request(format!("steps is {}, expected 1 to {MAX_STEPS}", self.steps)))
    }

    /// The noise level at which the network is run at a step, from 1 on.
    pub fn level(self, step: usize) -> f64 {
        self.steps.saturating_sub(step) as f64 / self.steps as f64
    }

    /// What a clean state is multiplied with after a step, and the deviation of its noise: none after the
    /// last one. Behind that one stands the state that a block begins with.
    pub fn shares(self, step: usize) -> [f32; 2] {
        let kept = match step >= self.steps {
            true => 0.0,
            false => share_kept(self.level(step + 1)),
        };
        [kept, 1.0 - kept].map(|share| (ONE_HOT * share.sqrt()) as f32)
    }
}

/// How much of a clean state's variance is left at a noise level, 1 at level 0.
fn share_kept(level: f64) -> f64 {
    let r = |level: f64| ((level + OFFSET) / (1.0 + OFFSET) * FRAC_PI_2).cos().powi(2);
    r(level) / r(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_is_the_published_one() {
        let kept = |steps: usize, t: usize| share_kept(t as f64 / steps as f64);
        for (steps, t, wanted) in [
            (25, 1, 0.996_038),
            (25, 24, 0.003_941_85),
            (1000, 1, 0.999_997_02),
            (1000, 500, 0.499_921_41),
            (1000, 999, 2.466_6e-6),
        ] {
            // As printed, to six digits; the authors' is in f32.
            let (got, wanted): (f64, f64) = (kept(steps, t), wanted);
            let error = (got - wanted).abs();
            assert!(error < 6e-7 && error < 1e-3 * wanted, "{steps} {t}: {got}");
        }
        assert_eq!(kept(7, 0), 1.0);
    }

    #[test]
    fn noise_ends_with_the_last_step_and_begins_alone() {
        let simplex = Simplex { steps: 3, ..Simplex::default() };
        assert_eq!((simplex.shares(2), simplex.shares(3)), ([5.0, 0.0], [0.0, 5.0]));
        let [first, second] = [0, 1].map(|step| simplex.shares(step));
        assert!(first[0] < second[0] && first[1] > second[1]);
        assert_eq!((simplex.level(0), simplex.level(2)), (1.0, 1.0 / 3.0));
    }
}
