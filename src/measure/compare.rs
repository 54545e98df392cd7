//! How much faster one run was than another.

use serde::Serialize;

/// A run beside an earlier one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// What differed in the earlier run: `weights F16, now Q8`.
    pub differences: Vec<String>,
    /// Everything that was timed in both.
    pub ratios: Vec<Ratio>,
}

/// One thing that was timed in both.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// What was timed.
    pub what: String,
    /// Milliseconds before.
    pub before_ms: f64,
    /// Milliseconds now.
    pub now_ms: f64,
    /// Above 1 if it is faster now.
    pub times_faster: f64,
}

/// What is compared of a run.
pub(crate) struct Timings {
    /// What it was measured with, by name.
    pub(crate) settings: Vec<(&'static str, String)>,
    /// What was timed, in milliseconds.
    pub(crate) times: Vec<(String, f64)>,
}

impl Comparison {
    /// What both runs timed, in the order of the newer one.
    pub(crate) fn new(before: &Timings, now: Timings) -> Comparison {
        let pairs = before.settings.iter().zip(now.settings);
        let differs = |((_, before), (name, now)): (&(_, String), (_, String))| {
            (*before != now).then(|| format!("{name} {before}, now {now}"))
        };
        let ratio = |(what, now_ms): (String, f64)| {
            let &(_, before_ms) = before.times.iter().find(|(other, _)| *other == what)?;
            let ratio = Ratio { what, before_ms, now_ms, times_faster: before_ms / now_ms };
            ratio.times_faster.is_finite().then_some(ratio)
        };
        Comparison {
            differences: pairs.filter_map(differs).collect(),
            ratios: now.times.into_iter().filter_map(ratio).collect(),
        }
    }
}
