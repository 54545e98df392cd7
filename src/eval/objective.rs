//! What a model's objective means for likelihood. The only file here that tells families apart.

use crate::model::{Family, Spec};

/// How a model is scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scoring {
    /// What the rows of a noisy copy see.
    pub sight: Sight,
    /// What a token costs.
    pub loss: Loss,
}

/// What the rows of a noisy copy see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Their own noisy block, and the clean blocks before it.
    Blocks,
    /// The whole copy.
    Whole,
    /// The tokens up to their own: nothing is masked, and each row predicts the next token.
    Before,
}

/// What a token costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// -log p, weighted.
    CrossEntropy,
    /// Score entropy, which depends on the noise level.
    ScoreEntropy,
}

impl Scoring {
    /// How models like this one are scored.
    pub fn of(spec: &Spec) -> Scoring {
        let (sight, loss) = match spec.family() {
            Family::BlockDiffusion => (Sight::Blocks, Loss::CrossEntropy),
            Family::MaskedDiffusion => (Sight::Whole, Loss::CrossEntropy),
            Family::ScoreEntropy => (Sight::Whole, Loss::ScoreEntropy),
            Family::Autoregressive | Family::Gpt2 => (Sight::Before, Loss::CrossEntropy),
        };
        Scoring { sight, loss }
    }

    /// True if rows predict the token behind their own.
    pub fn predicts_next(self) -> bool {
        self.sight == Sight::Before
    }
}
