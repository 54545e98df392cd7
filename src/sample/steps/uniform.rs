//! The steps of a block: at which of them cells open, and what the sampler's kernels read.

use crate::sample::steps::random::SampleKey;
use crate::sample::steps::rule::{Fallback, Measure, Rule, Score, Test};
use crate::sample::steps::sampler::{Nucleus, Sampler, Sampling};

/// How many cells a block has, and how many of them were masked at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockSize {
    /// Cells.
    pub cells: usize,
    /// Masked at first.
    pub masked: usize,
}

impl Sampling {
    /// The steps from number `from` on at which cells of a block may open, rising, for masked cells
    /// at `positions`. All of them do unless the sampler is adaptive: then a block may be open
    /// earlier.
    pub fn opening_steps(
        &self,
        key: SampleKey,
        positions: &[usize],
        block: BlockSize,
        from: usize,
    ) -> Vec<usize> {
        let steps = match self.sampler {
            Sampler::Ancestral { steps } => steps,
            Sampler::Analytic { .. } => return (from..self.max_steps(positions.len())).collect(),
            Sampler::Simplex(simplex) => return (from..simplex.steps).collect(),
            sampler => {
                return sampler
                    .rule()
                    .map_or(Vec::new(), |rule| rule.opening_steps(positions.len(), block, from));
            }
        };
        let mut masked = positions.to_vec();
        let mut opening = Vec::new();
        for step in from..steps {
            let before = masked.len();
            let StepUniform { open_below, open_count, .. } = self.uniform(step, block);
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
            Sampler::Simplex(simplex) => simplex.level(step) as f32,
            _ => 0.0,
        }
    }

    /// What the kernels read at a step of a block.
    pub fn uniform(&self, step: usize, block: BlockSize) -> StepUniform {
        let greedy = self.temperature == 0.0;
        let inverse_temperature = if greedy { 1.0 } else { 1.0 / self.temperature };
        let rule = self.sampler.rule().unwrap_or_default();
        let measured = if rule.measure == Measure::Model { 1.0 } else { inverse_temperature };
        let uniform = StepUniform {
            step: step as u32,
            top_k: self.top_k.min(u32::MAX as usize) as u32,
            top_p: self.top_p,
            inverse_temperature,
            noise: if greedy { 0.0 } else { 1.0 },
            keeps_crossing: u32::from(self.nucleus == Nucleus::Crossing),
            measured,
            measures_kept: u32::from(rule.measure == Measure::Drawn && !greedy),
            ..StepUniform::default()
        };
        match self.sampler {
            // At the last step all that is left opens.
            Sampler::Ancestral { steps } if step + 1 >= steps => {
                StepUniform { open_count: u32::MAX, ..uniform }
            }
            Sampler::Ancestral { steps } => {
                let open_below = ((1u64 << 32) / (steps - step) as u64) as u32;
                StepUniform { open_below, ..uniform }
            }
            Sampler::Analytic { steps } if step >= steps => {
                StepUniform { open_count: u32::MAX, ..uniform }
            }
            Sampler::Analytic { steps } => {
                let (now, next) = (sigma(time(step, steps)), sigma(time(step + 1, steps)));
                let rate = (now - next).exp_m1().ln() - now.exp_m1().ln();
                StepUniform { order: Order::Score as u32, bound: rate as f32, ..uniform }
            }
            // Tokens are the likeliest of the last step.
            Sampler::Simplex(simplex) => {
                let [signal, spread] = simplex.shares(step);
                let open_count = if step + 1 == simplex.steps { u32::MAX } else { 0 };
                StepUniform { noise: 0.0, open_count, signal, spread, ..uniform }
            }
            _ => rule.fill(uniform, block),
        }
    }

    /// What the kernels read at the steps of a block, with their noise. Where cells are distributions the
    /// last one is that of their beginning.
    pub fn uniforms(&self, steps: &[usize], block: BlockSize) -> Vec<(StepUniform, f32)> {
        let begins = match self.sampler {
            Sampler::Simplex(simplex) => Some(simplex.steps),
            _ => None,
        };
        let uniform = |step: usize| (self.uniform(step, block), self.noise(step));
        steps.iter().copied().chain(begins).map(uniform).collect()
    }

    /// What the kernels read to take the likeliest token of a row, whatever the sampler.
    pub fn greedy_uniform() -> StepUniform {
        let rule = Rule::default();
        let uniform = StepUniform {
            top_p: 1.0,
            inverse_temperature: 1.0,
            measured: 1.0,
            ..StepUniform::default()
        };
        rule.fill(uniform, BlockSize { cells: 1, masked: 1 })
    }
}

impl Rule {
    /// The steps at which this many masked cells open: as many as they take at most.
    fn opening_steps(&self, masked: usize, block: BlockSize, from: usize) -> Vec<usize> {
        let mut left = masked;
        let is_open = |step: &usize| {
            let before = left;
            // A window may have less masked cells than the quota.
            let quota = self.quota_at(*step, block.cells, block.masked).max(1);
            left = left.saturating_sub(if self.window.is_some() { 1 } else { quota });
            before > 0
        };
        (from..).take_while(is_open).collect()
    }

    /// Adds the knobs to a step.
    fn fill(&self, uniform: StepUniform, block: BlockSize) -> StepUniform {
        // No probability reaches 2: rounded ones may be a little more than 1.
        const NEVER: f32 = 2.0;
        let quota = self.quota_at(uniform.step as usize, block.cells, block.masked);
        let order = match self.score {
            Score::Random => Order::Bits,
            Score::Position => Order::Position,
            Score::Confidence => Order::Confidence,
            Score::Entropy => Order::Entropy,
            Score::Margin => Order::Margin,
        };
        let (test, bound) = match self.test {
            Test::None => (0, 0.0),
            Test::AtLeast(p) => (1, p),
            Test::Above(p) if p >= 1.0 => (2, NEVER),
            Test::Above(p) => (2, p),
            Test::SumBefore(nats) => (3, nats),
            Test::SumThrough(nats) => (4, nats),
        };
        StepUniform {
            open_count: quota.clamp(1, u32::MAX as usize) as u32,
            order: order as u32,
            test,
            bound,
            leftmost: u32::from(self.fallback == Fallback::Leftmost),
            ..uniform
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
    /// Of the test.
    pub bound: f32,
    /// Which cells open beside the first.
    pub test: u32,
    /// 1 = the first are the leftmost, unless as many pass the test.
    pub leftmost: u32,
    /// What logits are multiplied with before they are measured.
    pub measured: f32,
    /// 1 = the filtered distribution is measured.
    pub measures_kept: u32,
    /// 1 = nucleus keeps the token that crosses it.
    pub keeps_crossing: u32,
    /// Of a simplex: what its clean state is multiplied with.
    pub signal: f32,
    /// Of a simplex: deviation of its noise.
    pub spread: f32,
}
