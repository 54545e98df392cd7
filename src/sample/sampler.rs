//! What to draw and when to open: the sampler's options, and the steps of a block. Which cells
//! open depends on random bits alone, so the host knows it before the network has run.

use serde::Serialize;

use crate::sample::random::SampleKey;
use crate::{Error, Result};

/// How masked cells open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampler {
    /// One uniformly chosen masked cell per step. Exact: the distribution of the continuous-time
    /// process. Source: Zheng et al., 2024.
    #[default]
    FirstHitting,
    /// Time runs from 1 to 0 in `steps` steps; at each a masked cell opens with probability
    /// (t - s) / t. Fewer evaluations where several open at once, at a loss of quality.
    /// Source: Sahoo et al., MDLM, 2024.
    Ancestral {
        /// Steps per block, T.
        steps: usize,
    },
}

/// How tokens are drawn from the network's distribution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sampling {
    /// Which cells open at a step.
    pub sampler: Sampler,
    /// Divides the logits; 0 takes the likeliest token.
    pub temperature: f32,
    /// Draw from the k likeliest tokens; 0 = from all.
    pub top_k: usize,
    /// Draw from the likeliest tokens whose probabilities sum to at most this; 1 = from all.
    pub top_p: f32,
}

impl Default for Sampling {
    fn default() -> Sampling {
        let sampler = Sampler::FirstHitting;
        Sampling { sampler, temperature: 1.0, top_k: 0, top_p: 1.0 }
    }
}

/// Most steps per block that the ancestral sampler takes.
const MAX_STEPS: usize = 1 << 16;

impl Sampling {
    /// Fails for values that no distribution has.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub fn check(&self) -> Result<()> {
        let Sampling { temperature, top_p, .. } = *self;
        let refuse = |words: String| Err(Error::Request(words));
        if !(0.0..=1e3).contains(&temperature) {
            return refuse(format!("temperature is {temperature}, expected 0 to 1000"));
        }
        if !(top_p > 0.0 && top_p <= 1.0) {
            return refuse(format!("top-p is {top_p}, expected above 0 and at most 1"));
        }
        match self.sampler {
            Sampler::Ancestral { steps } if steps == 0 || steps > MAX_STEPS => {
                refuse(format!("steps is {steps}, expected 1 to {MAX_STEPS}"))
            }
            _ => Ok(()),
        }
    }

    /// True if some tokens are excluded from the draw.
    pub fn is_filtered(&self) -> bool {
        self.top_k > 0 || self.top_p < 1.0
    }

    /// Most steps that a block can take.
    pub fn max_steps(&self, block_size: usize) -> usize {
        match self.sampler {
            Sampler::FirstHitting => block_size,
            Sampler::Ancestral { steps } => steps,
        }
    }

    /// The steps at which cells of a block open, rising, for masked cells at `positions`.
    pub fn opening_steps(&self, key: SampleKey, positions: &[usize]) -> Vec<usize> {
        let Sampler::Ancestral { steps } = self.sampler else {
            return (0..positions.len()).collect();
        };
        let mut masked = positions.to_vec();
        let mut opening = Vec::new();
        for step in 0..steps {
            let before = masked.len();
            let StepUniform { open_below, open_count, .. } = self.uniform(step);
            let stays = |&at: &usize| open_count == 0 && key.order_bits(at, step) >= open_below;
            masked.retain(stays);
            if masked.len() < before {
                opening.push(step);
            }
        }
        opening
    }

    /// What the shaders are told at a step.
    pub fn uniform(&self, step: usize) -> StepUniform {
        let (open_count, open_below) = match self.sampler {
            Sampler::FirstHitting => (1, 0),
            // At the last step all that is left opens.
            Sampler::Ancestral { steps } if step + 1 >= steps => (u32::MAX, 0),
            Sampler::Ancestral { steps } => (0, ((1u64 << 32) / (steps - step) as u64) as u32),
        };
        let greedy = self.temperature == 0.0;
        StepUniform {
            step: step as u32,
            open_count,
            open_below,
            top_k: self.top_k.min(u32::MAX as usize) as u32,
            top_p: self.top_p,
            inverse_temperature: if greedy { 1.0 } else { 1.0 / self.temperature },
            noise: if greedy { 0.0 } else { 1.0 },
            unused: 0,
        }
    }
}

/// The uniform `Step` of `sampling.wgsl`, word for word.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct StepUniform {
    /// Index of the step in the block.
    pub step: u32,
    /// Masked cells to open, those of lowest random bits.
    pub open_count: u32,
    /// And those whose random bits are below this.
    pub open_below: u32,
    /// Tokens kept, 0 = all.
    pub top_k: u32,
    /// Nucleus mass, 1 = all.
    pub top_p: f32,
    /// 1 / temperature.
    pub inverse_temperature: f32,
    /// 1 = draw, 0 = take the likeliest token.
    pub noise: f32,
    /// Padding to whole vectors.
    pub unused: u32,
}
