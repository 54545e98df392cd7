//! Numbers of samplers, as people give them.

use crate::sample::steps::rule::Fallback;
use crate::sample::steps::simplex::{ContextPolicy, Projection, Simplex};

/// Numbers of samplers, where they are given.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SamplerNumbers {
    /// Steps of a block, or of the answer for dLLM's and LLaDA's; if absent, one per cell, 1024 for the
    /// analytic sampler and 1000 for the simplex one.
    pub steps: Option<usize>,
    /// Cells that open in a pass; 1 if absent.
    pub per_pass: Option<usize>,
    /// Probability, 0 to 1; 0.9 if absent, 0.85 for SDAR's.
    pub threshold: Option<f32>,
    /// Nats; 0.1 if absent, 0.35 for SDAR's.
    pub entropy_bound: Option<f32>,
    /// Cells of a window; 8 if absent.
    pub sub_block: Option<usize>,
    /// What opens where too few pass the threshold; the best if absent.
    pub fallback: Option<Fallback>,
    /// How a prediction becomes a clean state; sampling if absent.
    pub projection: Option<Projection>,
    /// What a block sees before it; the last one if absent.
    pub context: Option<ContextPolicy>,
}

impl SamplerNumbers {
    /// The simplex sampler of these numbers.
    pub(super) fn simplex(self) -> Simplex {
        let own = Simplex::default();
        Simplex {
            steps: self.steps.unwrap_or(own.steps),
            projection: self.projection.unwrap_or(own.projection),
            context: self.context.unwrap_or(own.context),
        }
    }
}
