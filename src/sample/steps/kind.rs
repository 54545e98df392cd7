//! Samplers by name, for programs that let people choose one and give the numbers apart.

use serde::{Deserialize, Serialize};

use crate::sample::steps::numbers::SamplerNumbers;
use crate::sample::steps::rule::{Ends, Measure, Quota, Rule, Score, Steps, Test};
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
    /// [`Sampler::Simplex`].
    Simplex,
    /// [`Sampler::EntropyBounded`].
    EntropyBounded,
    /// SDAR's `low_confidence_static`.
    SdarStatic,
    /// SDAR's `low_confidence_dynamic`.
    SdarDynamic,
    /// SDAR's `sequential`.
    SdarSequential,
    /// JetEngine's `entropy_bounded`.
    SdarEntropy,
    /// Fast-dLLM v2's.
    FastDllmV2,
    /// dLLM's, for BD3-LMs.
    Bd3lmSteps,
    /// LLaDA's `low_confidence`.
    LladaLowConfidence,
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
    /// Cells of a window.
    SubBlock,
    /// [`SamplerNumbers::fallback`].
    Fallback,
    /// [`SamplerNumbers::projection`].
    Projection,
    /// [`SamplerNumbers::context`].
    Context,
}

/// Steps of the analytic sampler, unless their number is given.
const ANALYTIC_STEPS: usize = 1024;

impl SamplerKind {
    /// All of them, the exact ones first.
    pub const ALL: [SamplerKind; 18] = [
        SamplerKind::FirstHitting,
        SamplerKind::Ancestral,
        SamplerKind::Random,
        SamplerKind::LeftToRight,
        SamplerKind::Confidence,
        SamplerKind::Entropy,
        SamplerKind::Margin,
        SamplerKind::Threshold,
        SamplerKind::Analytic,
        SamplerKind::Simplex,
        SamplerKind::EntropyBounded,
        SamplerKind::SdarStatic,
        SamplerKind::SdarDynamic,
        SamplerKind::SdarSequential,
        SamplerKind::SdarEntropy,
        SamplerKind::FastDllmV2,
        SamplerKind::Bd3lmSteps,
        SamplerKind::LladaLowConfidence,
    ];

    /// True for those that are published with chat models.
    pub fn is_of_chat_models(self) -> bool {
        matches!(
            self,
            SamplerKind::SdarStatic
                | SamplerKind::SdarDynamic
                | SamplerKind::SdarSequential
                | SamplerKind::SdarEntropy
                | SamplerKind::FastDllmV2
                | SamplerKind::Bd3lmSteps
                | SamplerKind::LladaLowConfidence
        )
    }

    /// True for those that one kind of model takes, which takes no other.
    pub fn is_of_one_objective(self) -> bool {
        matches!(self, SamplerKind::Analytic | SamplerKind::Simplex)
    }

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
            SamplerKind::Simplex => "simplex",
            SamplerKind::EntropyBounded => "entropy-bounded",
            SamplerKind::SdarStatic => "sdar-static",
            SamplerKind::SdarDynamic => "sdar-dynamic",
            SamplerKind::SdarSequential => "sdar-sequential",
            SamplerKind::SdarEntropy => "sdar-entropy",
            SamplerKind::FastDllmV2 => "fast-dllm-v2",
            SamplerKind::Bd3lmSteps => "bd3lm-steps",
            SamplerKind::LladaLowConfidence => "llada-low-confidence",
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
            SamplerKind::Simplex => {
                "For simplex checkpoints (SSD-LM), which take no other; T steps, each decides every \
                 cell anew"
            }
            SamplerKind::EntropyBounded => {
                "Cells that hardly depend on each other; faster, changes the distribution by a \
                 bound"
            }
            SamplerKind::SdarStatic => {
                "SDAR's: a block's cells split evenly over the steps, the likeliest first"
            }
            SamplerKind::SdarDynamic => {
                "SDAR's: all cells likelier than the threshold, at least those of sdar-static"
            }
            SamplerKind::SdarSequential => {
                "SDAR's: a block's cells split evenly over the steps, from left to right"
            }
            SamplerKind::SdarEntropy => {
                "JetEngine's for SDAR: cells whose entropies, their own included, sum to less than a \
                 bound"
            }
            SamplerKind::FastDllmV2 => {
                "Fast-dLLM v2's: sub-blocks left to right, in each all cells likelier than the \
                 threshold, at least the best"
            }
            SamplerKind::Bd3lmSteps => {
                "dLLM's: the likeliest cells, as many as a linear schedule opens in steps of the \
                 whole answer"
            }
            SamplerKind::LladaLowConfidence => {
                "LLaDA's: a block's masked cells split evenly over the steps of the whole answer, \
                 the likeliest first"
            }
        }
    }

    /// Whether it takes such a number.
    pub fn takes(self, number: SamplerNumber) -> bool {
        let also: &[SamplerNumber] = match self {
            SamplerKind::SdarDynamic => &[SamplerNumber::Steps, SamplerNumber::Fallback],
            SamplerKind::FastDllmV2 | SamplerKind::Bd3lmSteps | SamplerKind::LladaLowConfidence => {
                &[SamplerNumber::SubBlock]
            }
            SamplerKind::Simplex => &[SamplerNumber::Projection, SamplerNumber::Context],
            _ => &[],
        };
        number == self.number() || also.contains(&number)
    }

    /// The number that matters most.
    pub fn number(self) -> SamplerNumber {
        match self {
            SamplerKind::FirstHitting => SamplerNumber::Nothing,
            SamplerKind::Ancestral
            | SamplerKind::Analytic
            | SamplerKind::Simplex
            | SamplerKind::SdarStatic
            | SamplerKind::SdarSequential
            | SamplerKind::Bd3lmSteps
            | SamplerKind::LladaLowConfidence => SamplerNumber::Steps,
            SamplerKind::Threshold | SamplerKind::SdarDynamic | SamplerKind::FastDllmV2 => {
                SamplerNumber::Threshold
            }
            SamplerKind::EntropyBounded | SamplerKind::SdarEntropy => SamplerNumber::EntropyBound,
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
            SamplerKind::Simplex => Sampler::Simplex(numbers.simplex()),
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
            SamplerKind::SdarStatic
            | SamplerKind::SdarDynamic
            | SamplerKind::SdarSequential
            | SamplerKind::SdarEntropy
            | SamplerKind::FastDllmV2
            | SamplerKind::Bd3lmSteps
            | SamplerKind::LladaLowConfidence => Sampler::Rule(self.preset(numbers)),
        }
    }

    /// The knobs of a published sampler.
    fn preset(self, numbers: SamplerNumbers) -> Rule {
        let of_block = numbers.steps.map_or(Steps::Cells, Steps::Block);
        let of_answer = numbers.steps.map_or(Steps::Cells, Steps::Answer);
        let sdar = Rule {
            score: Score::Confidence,
            quota: Quota::Even(of_block),
            measure: Measure::Drawn,
            ..Rule::default()
        };
        let of_windows = Rule { window: numbers.sub_block, measure: Measure::Model, ..sdar };
        match self {
            SamplerKind::SdarDynamic => Rule {
                test: Test::Above(numbers.threshold.unwrap_or(0.85)),
                fallback: numbers.fallback.unwrap_or_default(),
                ..sdar
            },
            SamplerKind::SdarSequential => Rule { score: Score::Position, ..sdar },
            SamplerKind::SdarEntropy => Rule {
                score: Score::Entropy,
                quota: Quota::Constant(1),
                test: Test::SumThrough(numbers.entropy_bound.unwrap_or(0.35)),
                measure: Measure::Tempered,
                ..sdar
            },
            SamplerKind::FastDllmV2 => Rule {
                quota: Quota::Constant(1),
                test: Test::Above(numbers.threshold.unwrap_or(0.9)),
                window: Some(numbers.sub_block.unwrap_or(8)),
                ends: Ends::AtOnce,
                ..sdar
            },
            SamplerKind::Bd3lmSteps => Rule { quota: Quota::Linear(of_answer), ..of_windows },
            SamplerKind::LladaLowConfidence => {
                Rule { quota: Quota::EvenMasked(of_answer), ..of_windows }
            }
            // SDAR's static one; the others are no presets.
            _ => sdar,
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
            ..SamplerNumbers::default()
        };
        for kind in SamplerKind::ALL.into_iter().filter(|kind| !kind.is_of_chat_models()) {
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
                other => panic!("{other:?} is no single number"),
            };
            assert_eq!(number, wanted, "{kind:?}");
        }
        let none = SamplerNumbers::default();
        assert_eq!(SamplerKind::Ancestral.sampler(none, 4), Sampler::Ancestral { steps: 4 });
        assert_eq!(SamplerKind::Margin.sampler(none, 4), Sampler::Margin { per_pass: 1 });
    }

    #[test]
    fn published_samplers_differ_from_each_other_and_pass_their_own_check() {
        let none = SamplerNumbers::default();
        let chat = SamplerKind::ALL.into_iter().filter(|kind| kind.is_of_chat_models());
        let rules: Vec<Rule> = chat.map(|kind| kind.preset(none)).collect();
        assert_eq!(rules.len(), 7);
        for (i, rule) in rules.iter().enumerate() {
            assert!(rule.check().is_ok(), "{rule:?}");
            assert!(!rules[..i].contains(rule), "{rule:?} is another's");
        }
    }
}
