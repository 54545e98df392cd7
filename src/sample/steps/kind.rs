//! Samplers by name, for programs that let people choose one and give the numbers apart.

use serde::{Deserialize, Serialize};

use crate::sample::steps::sampler::Sampler;

/// A sampler without its numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SamplerKind {
    /// [`Sampler::FirstHitting`].
    #[default]
    FirstHitting,
    /// [`Sampler::Ancestral`].
    Ancestral,
    /// [`Sampler::Random`].
    Random,
    /// [`Sampler::LeftToRight`].
    LeftToRight,
    /// [`Sampler::Confidence`].
    Confidence,
    /// [`Sampler::Entropy`].
    Entropy,
    /// [`Sampler::Margin`].
    Margin,
    /// [`Sampler::Threshold`].
    Threshold,
    /// [`Sampler::Analytic`].
    Analytic,
    /// [`Sampler::EntropyBounded`].
    EntropyBounded,
}

/// The number that a sampler takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SamplerNumber {
    /// None.
    Nothing,
    /// Steps of a block.
    Steps,
    /// Cells that open in a pass.
    PerPass,
    /// Probability, 0 to 1.
    Threshold,
    /// Nats.
    EntropyBound,
}

/// Numbers of samplers, where they are given.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SamplerNumbers {
    /// Steps of a block; if absent, one per cell, and 1024 for the analytic sampler.
    pub steps: Option<usize>,
    /// Cells that open in a pass; 1 if absent.
    pub per_pass: Option<usize>,
    /// Probability, 0 to 1; 0.9 if absent.
    pub threshold: Option<f32>,
    /// Nats; 0.1 if absent.
    pub entropy_bound: Option<f32>,
}

/// Steps of the analytic sampler, unless their number is given.
const ANALYTIC_STEPS: usize = 1024;

impl SamplerKind {
    /// All of them, the exact ones first.
    pub const ALL: [SamplerKind; 10] = [
        SamplerKind::FirstHitting,
        SamplerKind::Ancestral,
        SamplerKind::Random,
        SamplerKind::LeftToRight,
        SamplerKind::Confidence,
        SamplerKind::Entropy,
        SamplerKind::Margin,
        SamplerKind::Threshold,
        SamplerKind::Analytic,
        SamplerKind::EntropyBounded,
    ];

    /// Its name, such as `first-hitting`.
    pub fn name(self) -> &'static str {
        match self {
            SamplerKind::FirstHitting => "first-hitting",
            SamplerKind::Ancestral => "ancestral",
            SamplerKind::Random => "random",
            SamplerKind::LeftToRight => "left-to-right",
            SamplerKind::Confidence => "confidence",
            SamplerKind::Entropy => "entropy",
            SamplerKind::Margin => "margin",
            SamplerKind::Threshold => "threshold",
            SamplerKind::Analytic => "analytic",
            SamplerKind::EntropyBounded => "entropy-bounded",
        }
    }

    /// What it does, and whether it is exact.
    pub fn description(self) -> &'static str {
        match self {
            SamplerKind::FirstHitting => "One uniformly chosen cell per pass; exact",
            SamplerKind::Ancestral => "T steps, several cells may open at once; exact as T grows",
            SamplerKind::Random => "K uniformly chosen cells per pass; exact for K = 1",
            SamplerKind::LeftToRight => {
                "The K leftmost cells per pass; a chain rule for K = 1, changes the distribution \
                 for more"
            }
            SamplerKind::Confidence => {
                "The K cells with the likeliest tokens per pass; changes the distribution"
            }
            SamplerKind::Entropy => {
                "The K cells of lowest entropy per pass; a chain rule for K = 1, changes the \
                 distribution for more"
            }
            SamplerKind::Margin => {
                "The K cells whose two likeliest tokens differ most per pass; as entropy"
            }
            SamplerKind::Threshold => {
                "All cells whose token is likely enough; faster, changes the distribution"
            }
            SamplerKind::Analytic => {
                "For score entropy checkpoints (SEDD), which take no other; T steps, exact as T \
                 grows"
            }
            SamplerKind::EntropyBounded => {
                "Cells that hardly depend on each other; faster, changes the distribution by a \
                 bound"
            }
        }
    }

    /// The number that it takes.
    pub fn number(self) -> SamplerNumber {
        match self {
            SamplerKind::FirstHitting => SamplerNumber::Nothing,
            SamplerKind::Ancestral | SamplerKind::Analytic => SamplerNumber::Steps,
            SamplerKind::Threshold => SamplerNumber::Threshold,
            SamplerKind::EntropyBounded => SamplerNumber::EntropyBound,
            SamplerKind::Random
            | SamplerKind::LeftToRight
            | SamplerKind::Confidence
            | SamplerKind::Entropy
            | SamplerKind::Margin => SamplerNumber::PerPass,
        }
    }

    /// The sampler, for blocks of so many cells.
    pub fn sampler(self, numbers: SamplerNumbers, n_cells: usize) -> Sampler {
        let per_pass = numbers.per_pass.unwrap_or(1);
        match self {
            SamplerKind::FirstHitting => Sampler::FirstHitting,
            SamplerKind::Ancestral => {
                Sampler::Ancestral { steps: numbers.steps.unwrap_or(n_cells) }
            }
            SamplerKind::Analytic => {
                Sampler::Analytic { steps: numbers.steps.unwrap_or(ANALYTIC_STEPS) }
            }
            SamplerKind::Random => Sampler::Random { per_pass },
            SamplerKind::LeftToRight => Sampler::LeftToRight { per_pass },
            SamplerKind::Confidence => Sampler::Confidence { per_pass },
            SamplerKind::Entropy => Sampler::Entropy { per_pass },
            SamplerKind::Margin => Sampler::Margin { per_pass },
            SamplerKind::Threshold => {
                Sampler::Threshold { confidence: numbers.threshold.unwrap_or(0.9) }
            }
            SamplerKind::EntropyBounded => {
                Sampler::EntropyBounded { bound: numbers.entropy_bound.unwrap_or(0.1) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_makes_its_sampler_with_its_number() {
        let numbers = SamplerNumbers {
            steps: Some(7),
            per_pass: Some(3),
            threshold: Some(0.5),
            entropy_bound: Some(0.25),
        };
        for kind in SamplerKind::ALL {
            let json = serde_json::to_value(kind.sampler(numbers, 4)).unwrap();
            let key = match json.as_object() {
                Some(object) => object.keys().next().unwrap().clone(),
                None => json.as_str().unwrap().to_string(),
            };
            assert_eq!(key, kind.name().replace('-', "_"));
            let number = json.as_object().and_then(|o| o.values().next()?.as_object()).map(|o| {
                let (name, value) = o.iter().next().unwrap();
                (name.clone(), value.as_f64().unwrap())
            });
            let wanted = match kind.number() {
                SamplerNumber::Nothing => None,
                SamplerNumber::Steps => Some(("steps".to_string(), 7.0)),
                SamplerNumber::PerPass => Some(("per_pass".to_string(), 3.0)),
                SamplerNumber::Threshold => Some(("confidence".to_string(), 0.5)),
                SamplerNumber::EntropyBound => Some(("bound".to_string(), 0.25)),
            };
            assert_eq!(number, wanted, "{kind:?}");
        }
        let none = SamplerNumbers::default();
        assert_eq!(SamplerKind::Ancestral.sampler(none, 4), Sampler::Ancestral { steps: 4 });
        assert_eq!(SamplerKind::Margin.sampler(none, 4), Sampler::Margin { per_pass: 1 });
    }
}
