//! Knobs of samplers that only rules have, and what steps measure.

use bdlm::sample::{
    Fallback, Measure, Nucleus, Quota, Rule, Sampler, Sampling, Score, Steps, Test,
};

use crate::common::{gpus, tolerances::PROBABILITY, twins};
use crate::sampling::{EIGHT, Outcome, Rows};

/// Knobs that no other sampler has.
pub(crate) fn rules() -> impl Iterator<Item = Rule> {
    let likely = Rule { score: Score::Confidence, ..Rule::default() };
    let windowed = Rule { window: Some(4), ..likely };
    let above = Rule { test: Test::Above(0.6), ..likely };
    [
        Rule { quota: Quota::Even(Steps::Block(3)), ..likely },
        Rule { quota: Quota::Linear(Steps::Block(8)), ..windowed },
        Rule { score: Score::Position, quota: Quota::Constant(2), ..windowed },
        Rule { test: Test::Above(0.5), ..windowed },
        Rule { test: Test::Above(1.0), ..windowed },
        Rule { quota: Quota::Constant(3), ..above },
        Rule { fallback: Fallback::Leftmost, ..above },
        Rule { fallback: Fallback::Leftmost, quota: Quota::Constant(3), ..above },
        Rule { fallback: Fallback::Leftmost, window: Some(4), ..above },
        Rule { score: Score::Entropy, test: Test::SumThrough(2.0), ..Rule::default() },
        Rule { score: Score::Entropy, test: Test::SumThrough(0.0), ..Rule::default() },
    ]
    .into_iter()
}

/// As [`expected_reveal`], for knobs that no other sampler has: schedules, tests, fallbacks.
pub(crate) fn expected_of_rule(
    rule: Rule,
    masked: &[bool],
    confidence: impl Fn(usize) -> f64,
    entropy: impl Fn(usize) -> f64,
) -> Vec<bool> {
    // Behind the last step of a schedule one opens at a time.
    let quota = rule.quota_at(2, masked.len(), masked.len()).max(1);
    let likely = |i: usize| match rule.test {
        Test::Above(p) => p < 1.0 && confidence(i) > f64::from(p),
        Test::AtLeast(p) => confidence(i) >= f64::from(p),
        _ => false,
    };
    if rule.fallback == Fallback::Leftmost {
        let passing: Vec<bool> = (0..masked.len()).map(|i| masked[i] && likely(i)).collect();
        if passing.iter().filter(|&&passes| passes).count() >= quota {
            return passing;
        }
        return twins::reveal(masked, |i| i as f64, quota, |_, _| false);
    }
    let below = |i: usize, before: &[usize]| match rule.test {
        Test::SumThrough(nats) => {
            before.iter().chain([&i]).map(|&j| entropy(j)).sum::<f64>() < f64::from(nats)
        }
        _ => likely(i),
    };
    match rule.score {
        Score::Position => twins::reveal(masked, |i| i as f64, quota, below),
        Score::Entropy => twins::reveal(masked, &entropy, quota, below),
        _ => twins::reveal(masked, |i| -confidence(i), quota, below),
    }
}

/// What a step measures of the drawn token, by the twin: the share of it in a distribution of some of
/// the tokens at a temperature.
fn check_measure(
    rows: &Rows,
    found: &Outcome,
    temperature: f64,
    counts: impl Fn(usize, usize) -> bool,
) -> Result<(), String> {
    for (t, cell) in found.cells.iter().enumerate() {
        let weight = |id: usize| (f64::from(rows.row(t)[id]) / temperature).exp();
        let counted: Vec<usize> = (0..rows.vocabulary.size).filter(|&id| counts(t, id)).collect();
        let sum: f64 = counted.iter().map(|&id| weight(id)).sum();
        let p = |id: usize| weight(id) / sum;
        let entropy: f64 = counted.iter().map(|&id| -p(id) * p(id).ln()).sum();
        let wanted = [p(cell[0] as usize), entropy];
        let found = [1, 2].map(|i| f64::from(f32::from_bits(cell[i])));
        if (0..2)
            .any(|i| (found[i] - wanted[i]).abs() > f64::from(PROBABILITY) * wanted[i].max(1.0))
        {
            return Err(format!("row {t}: {found:?}, expected {wanted:?}"));
        }
    }
    Ok(())
}

#[test]
fn what_is_measured_is_the_models_distribution_the_tempered_or_the_drawn_one() {
    let sampling = |measure| {
        let rule = Rule { score: Score::Confidence, measure, ..Rule::default() };
        let sampler = Sampler::Rule(rule);
        Sampling { sampler, temperature: 0.7, top_k: 5, top_p: 0.9, nucleus: Nucleus::Crossing }
    };
    for gpu in gpus() {
        for mask_counts in [false, true] {
            let mut rows = Rows::new(6, 98, 3.0);
            rows.vocabulary.counted = mask_counts.then_some(98);
            let step = |measure| rows.step(&gpu, sampling(measure).uniform(0, EIGHT), 1, true);
            let [model, tempered, drawn] =
                [Measure::Model, Measure::Tempered, Measure::Drawn].map(step);
            let all = |_: usize, id: usize| mask_counts || id != rows.mask();
            let kept =
                |t: usize, id: usize| id != rows.mask() && drawn.keeps(t, id, rows.row(t)[id]);
            check_measure(&rows, &model, 1.0, all).unwrap();
            check_measure(&rows, &tempered, 0.7, all).unwrap();
            check_measure(&rows, &drawn, 0.7, kept).unwrap();
            assert!(check_measure(&rows, &tempered, 1.0, all).is_err(), "another temperature");
            let other = |_: usize, id: usize| !mask_counts || id != rows.mask();
            assert!(check_measure(&rows, &model, 1.0, other).is_err(), "with and without the mask");
            assert!(model.cells.iter().all(|cell| cell[0] as usize != rows.mask()));
        }
    }
}
