//! The steps of a block: at which of them cells open, and what the sampler's kernels read.

use crate::sample::steps::random::SampleKey;
use crate::sample::steps::sampler::{Sampler, Sampling};

impl Sampling {
    /// The steps from number `from` on at which cells of a block may open, rising, for masked cells
    /// at `positions`. All of them do unless the sampler is adaptive: then a block may be open
    /// earlier.
    pub fn opening_steps(&self, key: SampleKey, positions: &[usize], from: usize) -> Vec<usize> {
        let steps = match self.sampler {
            Sampler::Ancestral { steps } => steps,
            Sampler::Analytic { .. } => return (from..self.max_steps(positions.len())).collect(),
            _ => return (from..from + self.max_steps(positions.len())).collect(),
        };
        let mut masked = positions.to_vec();
        let mut opening = Vec::new();
        for step in from..steps {
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

    /// The noise level of a step, for networks that are conditioned on it.
    pub fn noise(&self, step: usize) -> f32 {
        match self.sampler {
            Sampler::Analytic { steps } => sigma(time(step, steps)) as f32,
            _ => 0.0,
        }
    }

    /// What the kernels read at a step.
    pub fn uniform(&self, step: usize) -> StepUniform {
        let per_pass = self.sampler.per_pass().map_or(1, |k| k.min(u32::MAX as usize) as u32);
        // No probability reaches 2, no sum of entropies lies below -1.
        let (order, open_count, open_below, bound) = match self.sampler {
            Sampler::FirstHitting | Sampler::Random { .. } => (Order::Bits, per_pass, 0, 0.0),
            // At the last step all that is left opens.
            Sampler::Ancestral { steps } if step + 1 >= steps => (Order::Bits, u32::MAX, 0, 0.0),
            Sampler::Ancestral { steps } => {
                (Order::Bits, 0, ((1u64 << 32) / (steps - step) as u64) as u32, 0.0)
            }
            Sampler::Analytic { steps } if step >= steps => (Order::Bits, u32::MAX, 0, 0.0),
            Sampler::Analytic { steps } => {
                let (now, next) = (sigma(time(step, steps)), sigma(time(step + 1, steps)));
                let rate = (now - next).exp_m1().ln() - now.exp_m1().ln();
                (Order::Score, 0, 0, rate as f32)
            }
            Sampler::LeftToRight { .. } => (Order::Position, per_pass, 0, 0.0),
            Sampler::Confidence { .. } => (Order::Confidence, per_pass, 0, 2.0),
            Sampler::Threshold { confidence } => (Order::Confidence, 1, 0, confidence),
            Sampler::Entropy { .. } => (Order::Entropy, per_pass, 0, -1.0),
            Sampler::EntropyBounded { bound } => (Order::Entropy, 1, 0, bound),
            Sampler::Margin { .. } => (Order::Margin, per_pass, 0, 0.0),
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
            order: order as u32,
            bound,
            unused: [0; 7],
        }
    }
}

/// Time at a step of the analytic sampler, from 1 to nearly 0.
fn time(step: usize, steps: usize) -> f64 {
    const LAST: f64 = 1e-5;
    1.0 - (1.0 - LAST) * step.min(steps) as f64 / steps as f64
}

/// Noise of the log-linear schedule; at time 1 that of a thousandth left.
fn sigma(time: f64) -> f64 {
    -(1.0 - time).max(1e-3).ln()
}

/// What ranks masked cells: the constants `BY_...` of `sampling.wgsl`.
#[derive(Clone, Copy)]
enum Order {
    Bits = 0,
    Position = 1,
    Confidence = 2,
    Entropy = 3,
    Margin = 4,
    Score = 5,
}

/// The uniform `Step` of `sampling.wgsl`, word for word.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct StepUniform {
    /// Index of the step in the block.
    pub step: u32,
    /// Masked cells to open, the first of the order.
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
    /// What ranks masked cells.
    pub order: u32,
    /// Cells at least this likely open too, or those before which the entropies sum to at most
    /// this.
    pub bound: f32,
    /// Padding to whole vectors.
    pub unused: [u32; 7],
}
