//! A sampler as a row of knobs: what ranks cells, how many open in a pass, which open beside them. All
//! samplers that look at one pass at a time are rows; those with a clock of their own are not.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How masked cells open, as knobs. In each pass the `quota` first cells of the order open, and all
/// that pass the `test`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rule {
    /// What ranks masked cells.
    pub score: Score,
    /// Cells that open in a pass at least.
    pub quota: Quota,
    /// Which open beside them.
    pub test: Test,
    /// Cells of a window: those of one open before those behind them. The block's, if absent.
    pub window: Option<usize>,
    /// Which cells open where too few pass the test.
    pub fallback: Fallback,
    /// Which distribution is measured: for the score and for the test.
    pub measure: Measure,
    /// When a stop token ends a sample.
    pub ends: Ends,
}

/// What ranks masked cells, the first to open first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// Nothing: uniformly random.
    #[default]
    Random,
    /// From left to right.
    Position,
    /// Probability of the drawn token, falling.
    Confidence,
    /// Entropy, rising.
    Entropy,
    /// Difference between the two highest probabilities, falling.
    Margin,
}

/// Cells that open in a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quota {
    /// The same in every pass.
    Constant(usize),
    /// A block's cells, split evenly over the steps, the first of which have one more. Source: SDAR.
    Even(Steps),
    /// A block's masked cells, split the same way. Source: Nie et al., LLaDA, 2025.
    EvenMasked(Steps),
    /// What a linear schedule opens of a block's masked cells, rounded at each step. Source: dLLM.
    Linear(Steps),
}

/// How many steps there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Steps {
    /// In a block.
    Block(usize),
    /// In the whole answer.
    Answer(usize),
    /// One for each cell.
    Cells,
}

/// Which cells open beside the first ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// None.
    #[default]
    None,
    /// Those whose drawn token has this probability or more.
    AtLeast(f32),
    /// Those whose drawn token has more than this probability; at 1, none.
    Above(f32),
    /// Those before which entropies, in nats, sum to at most this.
    SumBefore(f32),
    /// Those through which entropies, in nats and their own included, sum to less than this.
    SumThrough(f32),
}

/// Which cells open where too few pass the test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// The first of the order.
    #[default]
    Best,
    /// The leftmost. Source: JetEngine.
    Leftmost,
}

/// Which distribution is measured. At temperature 0 all are the model's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The model's.
    #[default]
    Model,
    /// The model's at the temperature at which tokens are drawn.
    Tempered,
    /// The one that tokens are drawn from: at the temperature, without the tokens that are filtered.
    Drawn,
}

/// When a stop token ends a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ends {
    /// With its block, which stays whole.
    #[default]
    WithBlock,
    /// As soon as no cell before it is masked; what follows it is cut.
    AtOnce,
}

impl Default for Rule {
    fn default() -> Rule {
        Rule {
            score: Score::default(),
            quota: Quota::Constant(1),
            test: Test::default(),
            window: None,
            fallback: Fallback::default(),
            measure: Measure::default(),
            ends: Ends::default(),
        }
    }
}

/// Most steps of a schedule.
const MAX_STEPS: usize = 1 << 16;

impl Rule {
    /// Cells of a window of a block.
    pub fn window_of(&self, block_size: usize) -> usize {
        self.window.unwrap_or(block_size).min(block_size).max(1)
    }

    /// True if the network's output decides how many cells open.
    pub fn is_adaptive(&self) -> bool {
        self.test != Test::None || self.window.is_some()
    }

    /// Cells that open at a step, of a block of so many cells of which so many were masked at first. Where
    /// quotas count the masked cells, each window has a share of the steps, and a schedule of its own.
    pub fn quota_at(&self, step: usize, block_size: usize, masked: usize) -> usize {
        match self.window {
            Some(window) if window < masked && self.quota.counts_masked() => {
                self.quota.in_windows(window, masked, step)
            }
            _ => self.quota.at(step, block_size, masked),
        }
    }

    /// Fails for numbers that no sampler has.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub fn check(&self) -> Result<()> {
        let refuse = |words: String| Err(Error::request(words));
        match self.quota {
            Quota::Constant(0) => return refuse("per-pass is 0, expected at least 1".into()),
            Quota::Constant(_) => {}
            Quota::Even(steps) | Quota::EvenMasked(steps) | Quota::Linear(steps) => match steps {
                Steps::Block(n) | Steps::Answer(n) if n == 0 || n > MAX_STEPS => {
                    return refuse(format!("steps is {n}, expected 1 to {MAX_STEPS}"));
                }
                _ => {}
            },
        }
        if self.window == Some(0) {
            return refuse("sub-block is 0, expected at least 1".into());
        }
        match self.test {
            Test::AtLeast(p) | Test::Above(p) if !(0.0..=1.0).contains(&p) => {
                return refuse(format!("threshold is {p}, expected 0 to 1"));
            }
            Test::SumBefore(nats) | Test::SumThrough(nats) if !(0.0..=1e3).contains(&nats) => {
                return refuse(format!("entropy bound is {nats}, expected 0 to 1000 nats"));
            }
            _ => {}
        }
        let is_ranked = match self.test {
            Test::None => true,
            Test::AtLeast(_) | Test::Above(_) => self.score == Score::Confidence,
            Test::SumBefore(_) | Test::SumThrough(_) => self.score == Score::Entropy,
        };
        match (is_ranked, self.fallback) {
            (false, _) => refuse(
                "a test of confidence needs cells ranked by confidence, one of \
                 entropies those ranked by entropy"
                    .into(),
            ),
            (true, Fallback::Leftmost) if self.score != Score::Confidence => {
                refuse("the leftmost cells are a fallback of a test of confidence".into())
            }
            _ => Ok(()),
        }
    }
}

impl Quota {
    /// The quota of one block of an answer of so many.
    #[must_use]
    pub fn of_answer(self, n_blocks: usize) -> Quota {
        match self {
            Quota::Linear(Steps::Answer(_))
            | Quota::EvenMasked(Steps::Answer(_))
            | Quota::Even(Steps::Answer(_)) => self.shared(n_blocks.max(1)),
            other => other,
        }
    }

    /// The quota of one of so many parts, which share the steps.
    fn shared(self, n_parts: usize) -> Quota {
        let steps = |steps: Steps, share: fn(usize, usize) -> usize| match steps {
            Steps::Block(n) | Steps::Answer(n) => Steps::Block(share(n, n_parts).max(1)),
            Steps::Cells => Steps::Cells,
        };
        match self {
            Quota::Constant(n) => Quota::Constant(n),
            Quota::Even(n) => Quota::Even(steps(n, |n, parts| n / parts)),
            Quota::EvenMasked(n) => Quota::EvenMasked(steps(n, |n, parts| n / parts)),
            Quota::Linear(n) => Quota::Linear(steps(n, usize::div_ceil)),
        }
    }

    /// Cells that open at a step of a block whose masked cells are in windows of so many.
    fn in_windows(self, window: usize, masked: usize, step: usize) -> usize {
        let quota = self.shared(masked.div_ceil(window));
        let windows = (0..masked).step_by(window).map(|at| window.min(masked - at));
        windows.flat_map(|cells| quota.schedule(cells)).nth(step).unwrap_or(1)
    }

    /// The cells that open at each step until so many are open.
    fn schedule(self, cells: usize) -> impl Iterator<Item = usize> {
        let mut left = cells;
        (0..).map_while(move |step| {
            let opened = (left > 0).then(|| self.at(step, cells, cells).min(left))?;
            left -= opened;
            Some(opened)
        })
    }

    /// True if the quotas depend on how many cells of a block were masked at first.
    pub fn counts_masked(self) -> bool {
        matches!(self, Quota::EvenMasked(_) | Quota::Linear(_))
    }

    /// Cells that open at a step, of a block of so many cells of which so many were masked at first.
    /// Behind the last step of a schedule it is 1.
    pub fn at(self, step: usize, block_size: usize, masked: usize) -> usize {
        let steps = |steps: Steps, cells: usize| match steps {
            Steps::Block(n) | Steps::Answer(n) => n,
            Steps::Cells => cells.max(1),
        };
        match self {
            Quota::Constant(n) => n,
            Quota::Even(n) => even(block_size, steps(n, block_size), step),
            Quota::EvenMasked(n) => even(masked, steps(n, masked), step),
            Quota::Linear(n) => linear(masked, steps(n, masked)).nth(step).unwrap_or(1),
        }
    }
}

fn even(cells: usize, steps: usize, step: usize) -> usize {
    if step >= steps { 1 } else { cells / steps + usize::from(step < cells % steps) }
}

/// The cells that open at each step of dLLM's linear schedule; steps that open none are left out.
/// Its roundings to f32 decide ties.
fn linear(cells: usize, steps: usize) -> impl Iterator<Item = usize> {
    let mut left = cells;
    (0..steps).rev().filter_map(move |before| {
        let masked_at = |step: usize| 1.0 - (1.0 - (step as f64 / steps as f64) as f32);
        let rate = 1.0 - f64::from(masked_at(before) / masked_at(before + 1));
        let opened = ((left as f64 * rate).round_ties_even() as usize).min(left);
        left -= opened;
        (opened > 0).then_some(opened)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(quota: Quota, block_size: usize, masked: usize) -> Vec<usize> {
        let mut left = masked;
        let steps = (0..).map(|step| quota.at(step, block_size, masked));
        let mut taken = Vec::new();
        for opened in steps {
            if left == 0 {
                break;
            }
            taken.push(opened.min(left));
            left -= opened.min(left);
        }
        taken
    }

    #[test]
    fn an_even_split_begins_with_the_larger_shares() {
        let even = |steps| Quota::Even(Steps::Block(steps));
        assert_eq!(all(even(3), 4, 4), [2, 1, 1]);
        assert_eq!(all(even(2), 4, 3), [2, 1], "a prompt's tail takes cells, not shares");
        assert_eq!(all(even(9), 4, 4), [1, 1, 1, 1]);
        assert_eq!(all(Quota::EvenMasked(Steps::Block(2)), 4, 3), [2, 1]);
        assert_eq!(all(Quota::EvenMasked(Steps::Block(2)), 8, 3), [2, 1]);
    }

    #[test]
    fn a_linear_schedule_is_not_the_even_split() {
        let linear = |steps| Quota::Linear(Steps::Block(steps));
        let wanted = [2, 2, 2, 2, 2, 1, 2, 1, 2, 1, 2, 1, 1, 2, 2, 1, 2, 1, 2, 1];
        assert_eq!(all(linear(20), 32, 32), wanted);
        assert_eq!(all(linear(5), 32, 32), [6, 6, 7, 6, 7]);
        assert_eq!(all(linear(6), 8, 8), [1, 1, 2, 1, 2, 1]);
        assert_eq!(all(linear(6), 8, 3), [1, 1, 1], "steps that open nothing are left out");
        assert_ne!(all(linear(20), 32, 32), all(Quota::Even(Steps::Block(20)), 32, 32));
    }

    #[test]
    fn each_window_of_an_answer_has_a_schedule_of_its_own() {
        let rule = |quota| Rule { quota, window: Some(8), ..Rule::default() };
        let quotas = |quota, masked| -> Vec<usize> {
            (0..6).map(|step| rule(quota).quota_at(step, 64, masked)).collect()
        };
        // Three windows of 8, 8 and 4 cells share five steps: two each, rounded up.
        assert_eq!(quotas(Quota::Linear(Steps::Answer(5)), 20), [4, 4, 4, 4, 2, 2]);
        // LLaDA rounds down.
        assert_eq!(quotas(Quota::EvenMasked(Steps::Block(5)), 20), [8, 8, 4, 1, 1, 1]);
        assert_eq!(quotas(Quota::Linear(Steps::Answer(2)), 8), [4, 4, 1, 1, 1, 1], "one window");
        assert_eq!(quotas(Quota::Constant(3), 20), [3; 6], "a constant has no schedule");
    }

    #[test]
    fn steps_of_an_answer_are_shared_by_its_blocks() {
        let answer = Steps::Answer(16);
        assert_eq!(Quota::Linear(answer).of_answer(3), Quota::Linear(Steps::Block(6)));
        assert_eq!(Quota::EvenMasked(answer).of_answer(3), Quota::EvenMasked(Steps::Block(5)));
        assert_eq!(Quota::Constant(2).of_answer(3), Quota::Constant(2));
    }

    #[test]
    fn a_test_of_what_is_not_ranked_is_refused() {
        let rule = Rule { test: Test::Above(0.9), ..Rule::default() };
        assert!(rule.check().is_err());
        assert!(Rule { score: Score::Confidence, ..rule }.check().is_ok());
        let wrong = Rule { fallback: Fallback::Leftmost, ..Rule::default() };
        assert!(wrong.check().is_err());
    }
}
