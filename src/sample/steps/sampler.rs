//! What to draw and when to open: the sampler's options, and the steps of a block.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::sample::steps::rule::{Quota, Rule, Score, Test};
use crate::sample::steps::simplex::Simplex;
use crate::{Error, Result};

/// How masked cells open.
///
/// All of them draw each token from the network's distribution given the open cells. *Exact* means
/// that samples have the distribution of the diffusion process, whose order of opening is uniformly
/// random. Any other order of single cells that does not look at what is drawn is a *chain rule* of
/// its own: the same distribution only as far as the network is consistent. Several cells at once
/// are drawn as if they did not depend on each other, which *changes* the distribution, as does an
/// order that looks at the drawn tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampler {
    /// One uniformly chosen masked cell per step. Exact: the distribution of the continuous-time
    /// process. Source: Zheng et al., 2024.
    #[default]
    FirstHitting,
    /// Time runs from 1 to 0 in `steps` steps; at each a masked cell opens with probability
    /// (t - s) / t. Changes the distribution where several open at once; exact as `steps` grows.
    /// Source: Sahoo et al., MDLM, 2024.
    Ancestral {
        /// Steps per block, T.
        steps: usize,
    },
    /// Uniformly chosen masked cells. Exact for one per pass, where it is first-hitting; changes
    /// the distribution for more.
    Random {
        /// Cells that open in a pass.
        per_pass: usize,
    },
    /// The leftmost masked cells. A chain rule for one per pass; changes the distribution for more.
    LeftToRight {
        /// Cells that open in a pass.
        per_pass: usize,
    },
    /// The cells whose drawn tokens are the likeliest. Changes the distribution, towards likely
    /// tokens, whatever the number. Source: Chang et al., MaskGIT, 2022.
    Confidence {
        /// Cells that open in a pass.
        per_pass: usize,
    },
    /// The cells of lowest entropy. A chain rule for one per pass, in an order that follows the open
    /// cells; changes the distribution for more. Source: Ye et al., Dream, 2025.
    Entropy {
        /// Cells that open in a pass.
        per_pass: usize,
    },
    /// The cells with the largest difference between their two highest probabilities. A chain rule for
    /// one per pass; changes the distribution for more. Source: Kim et al., Train for the Worst, Plan for the Best, 2025.
    Margin {
        /// Cells that open in a pass.
        per_pass: usize,
    },
    /// For score entropy models (SEDD): time runs from 1 to 0 in `steps` steps and a last one that
    /// opens what is left; the scores say how likely a cell opens. Exact as `steps` grows.
    /// Source: Lou et al., SEDD, 2024.
    Analytic {
        /// Steps per window, T.
        steps: usize,
    },
    /// All cells whose drawn token is at least this likely, and always the likeliest. Changes the
    /// distribution; as many passes as the text needs. Source: Wu et al., Fast-dLLM, 2025.
    Threshold {
        /// Probability, 0 to 1.
        confidence: f32,
    },
    /// Cells of rising entropy while the entropies before them sum to at most the bound: what they
    /// can depend on each other is at most that. Changes the distribution, by a divergence of at most
    /// the bound per pass for a consistent network. Source: Ben-Hamu et al., 2025.
    EntropyBounded {
        /// Nats.
        bound: f32,
    },
    /// For simplex models (SSD-LM): every cell is decided anew at each step, and written at the last.
    /// Source: Han et al., SSD-LM, 2023.
    Simplex(Simplex),
    /// A row of knobs, such as the ones of published chat models, see
    /// [`crate::sample::SamplerKind::sampler`]. Changes the distribution.
    Rule(Rule),
}

/// How tokens are drawn from the network's distribution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sampling {
    /// Which cells open at a step.
    pub sampler: Sampler,
    /// Divides the logits, a millionth to 1000; 0 takes the likeliest token.
    pub temperature: f32,
    /// Draw from the k likeliest tokens; 0 = from all.
    pub top_k: usize,
    /// Draw from the likeliest tokens whose probabilities sum to at most this; 1 = from all.
    pub top_p: f32,
    /// Whether the token whose probability makes the sum greater than `top_p` is drawn from too.
    pub nucleus: Nucleus,
}

/// What becomes of the token at which the sum of probabilities crosses top-p. The likeliest token is
/// always kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nucleus {
    /// It is left out. Source: the samplers of BD3-LM.
    #[default]
    Below,
    /// It is kept. Source: the samplers of SDAR, Fast-dLLM, Dream; Holtzman et al., 2020.
    Crossing,
}

impl Default for Sampling {
    fn default() -> Sampling {
        let sampler = Sampler::FirstHitting;
        let nucleus = Nucleus::default();
        Sampling { sampler, temperature: 1.0, top_k: 0, top_p: 1.0, nucleus }
    }
}

/// Temperatures beside 0. Logits divided by the least one stay far from the end of f32.
const TEMPERATURES: RangeInclusive<f32> = 1e-6..=1e3;

/// Most steps per block that the ancestral sampler takes.
const MAX_STEPS: usize = 1 << 16;

impl Sampler {
    /// Its knobs; none for those that have a clock of their own.
    pub fn rule(self) -> Option<Rule> {
        let row = |score, per_pass| {
            let quota = Quota::Constant(per_pass);
            Some(Rule { score, quota, ..Rule::default() })
        };
        let tested = |score, test| Some(Rule { score, test, ..Rule::default() });
        match self {
            Sampler::Ancestral { .. } | Sampler::Analytic { .. } | Sampler::Simplex(_) => None,
            Sampler::FirstHitting => row(Score::Random, 1),
            Sampler::Random { per_pass } => row(Score::Random, per_pass),
            Sampler::LeftToRight { per_pass } => row(Score::Position, per_pass),
            Sampler::Confidence { per_pass } => row(Score::Confidence, per_pass),
            Sampler::Entropy { per_pass } => row(Score::Entropy, per_pass),
            Sampler::Margin { per_pass } => row(Score::Margin, per_pass),
            Sampler::Threshold { confidence } => {
                tested(Score::Confidence, Test::AtLeast(confidence))
            }
            Sampler::EntropyBounded { bound } => tested(Score::Entropy, Test::SumBefore(bound)),
            Sampler::Rule(rule) => Some(rule),
        }
    }

    /// Cells that open in every pass, where their number does not depend on the text.
    pub fn per_pass(self) -> Option<usize> {
        let rule = self.rule().filter(|rule| !rule.is_adaptive())?;
        match rule.quota {
            Quota::Constant(per_pass) => Some(per_pass),
            _ => None,
        }
    }

    /// Masked cells of a block that open at each of its opening steps at least, in a batch of so
    /// many.
    pub fn least_opened(self, batch: usize) -> usize {
        match self {
            // Of several blocks one may open at a step of another.
            Sampler::Ancestral { .. } => usize::from(batch == 1),
            Sampler::Analytic { .. } | Sampler::Simplex(_) => 0,
            _ => self.per_pass().unwrap_or(1),
        }
    }

    /// True if the network's output decides how many steps a block takes.
    pub fn is_adaptive(self) -> bool {
        match self.rule() {
            Some(rule) => rule.is_adaptive(),
            None => matches!(self, Sampler::Analytic { .. }),
        }
    }

    fn check(self) -> Result<()> {
        match (self, self.rule()) {
            (Sampler::Ancestral { steps } | Sampler::Analytic { steps }, _)
                if steps == 0 || steps > MAX_STEPS =>
            {
                let words = format!("steps is {steps}, expected 1 to {MAX_STEPS}");
                Err(Error::request(words))
            }
            (Sampler::Simplex(simplex), _) => simplex.check(),
            (_, Some(rule)) => rule.check(),
            _ => Ok(()),
        }
    }
}

impl Sampling {
    /// Fails for values that no distribution has.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub fn check(&self) -> Result<()> {
        let Sampling { temperature, top_p, .. } = *self;
        let refuse = |words: String| Err(Error::request(words));
        if temperature != 0.0 && !TEMPERATURES.contains(&temperature) {
            let (least, most) = (TEMPERATURES.start(), TEMPERATURES.end());
            return refuse(format!(
                "temperature is {temperature}, expected 0, or {least} to {most}"
            ));
        }
        if !(top_p > 0.0 && top_p <= 1.0) {
            return refuse(format!("top-p is {top_p}, expected above 0 and at most 1"));
        }
        self.sampler.check()
    }

    /// True if some tokens are excluded from the draw.
    pub fn is_filtered(&self) -> bool {
        self.top_k > 0 || self.top_p < 1.0
    }

    /// Most steps that a block can take.
    pub fn max_steps(&self, block_size: usize) -> usize {
        match self.sampler {
            Sampler::Ancestral { steps } => steps,
            // The last one opens what is left; or the first one makes a simplex.
            Sampler::Analytic { steps } | Sampler::Simplex(Simplex { steps, .. }) => {
                steps.saturating_add(1)
            }
            sampler => block_size.div_ceil(sampler.per_pass().unwrap_or(1).max(1)),
        }
    }
}
