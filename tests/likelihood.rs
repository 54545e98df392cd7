//! Likelihoods against the fixtures, and estimators against each other.

mod common;

use std::ops::ControlFlow;
use std::sync::Arc;

use bdlm::eval::{
    Estimator, FirstToken, Likelihood, LikelihoodOptions, Pattern, Sequence, SequenceNll,
};
use bdlm::gpu::{DType, Gpu};
use bdlm::model::Habits;
use common::fixtures::Fixture;
use common::{check, gpu, gpus, tolerances, twins};

fn options(context: usize, estimator: Estimator) -> LikelihoodOptions {
    LikelihoodOptions {
        estimator,
        block_size: None,
        first: FirstToken::Counted,
        context,
        batch: None,
        seed: 1,
    }
}

fn likelihood(f: &Fixture, gpu: &Gpu, options: LikelihoodOptions) -> Likelihood {
    Likelihood::new(Arc::new(f.load(gpu, DType::F32)), options).unwrap()
}

fn estimate(likelihood: &mut Likelihood, sequences: &[&[u32]]) -> Vec<SequenceNll> {
    let indexed: Vec<(usize, &[u32])> = sequences.iter().copied().enumerate().collect();
    let going_on = &mut |_, _| ControlFlow::Continue(());
    pollster::block_on(likelihood.estimate(&indexed, going_on)).unwrap().unwrap()
}

/// The sequences of a case.
fn sequences(ids: &[u32], n: usize) -> Vec<&[u32]> {
    ids.chunks(n).collect()
}

/// Mean nats per sequence and their standard error, which is that of the noise.
fn mean(found: &[SequenceNll]) -> (f64, f64) {
    let variance = |s: &SequenceNll| s.squares / (s.draws * (s.draws - 1).max(1)) as f64;
    let count = found.len() as f64;
    let error = found.iter().map(variance).sum::<f64>().sqrt() / count;
    (found.iter().map(|s| s.nll).sum::<f64>() / count, error)
}

#[test]
fn all_patterns_give_the_exact_nelbo_of_every_block() {
    let f = Fixture::open("bd3lm-block4");
    let (ids, n) = (f.ids("exact.x0"), f.shape("exact.x0")[1]);
    let wanted = f.f32("exact.block_nelbo");
    for gpu in gpus() {
        let mut likelihood = likelihood(&f, &gpu, options(n, Estimator::Exact));
        let found = estimate(&mut likelihood, &sequences(&ids, n));
        let blocks: Vec<f32> = found.iter().flat_map(|s| &s.blocks).map(|&b| b as f32).collect();
        for (got, wanted) in blocks.iter().zip(&wanted) {
            assert!((got / wanted - 1.0).abs() < 1e-4, "{got}, expected {wanted}");
        }
        assert_eq!((blocks.len(), found[0].tokens, found[0].draws), (wanted.len(), n, 1));
        // One pass for the clean halves; 3 times 15 copies, 32 to a pass.
        assert_eq!(likelihood.passes(), 1 + 2);
    }
}

/// True if an estimate is within three standard errors of the exact value.
fn agrees((mean, error): (f64, f64), exact: f64) -> bool {
    error > 0.0 && error < 0.015 * exact && (mean - exact).abs() < 3.0 * error
}

#[test]
fn draws_and_orders_agree_with_the_exact_value_and_wrong_weights_do_not() {
    let Some(gpu) = gpu(None) else { return };
    let f = Fixture::open("bd3lm-block4");
    let (ids, n) = (f.ids("exact.x0"), f.shape("exact.x0")[1]);
    for first in [FirstToken::Counted, FirstToken::Given] {
        let with = |estimator| LikelihoodOptions { first, ..options(n, estimator) };
        let found =
            |estimator| estimate(&mut likelihood(&f, &gpu, with(estimator)), &sequences(&ids, n));
        let (exact, none) = mean(&found(Estimator::Exact));
        assert_eq!(none, 0.0);
        let estimators = [Estimator::MonteCarlo { draws: 2000 }, Estimator::Orders { draws: 2000 }];
        let mut errors = Vec::new();
        for estimator in estimators {
            let (mean, error) = mean(&found(estimator));
            assert!(agrees((mean, error), exact), "{estimator:?}: {mean} ± {error}, {exact}");
            assert!(
                !agrees((1.05 * mean, error), exact),
                "{estimator:?} with weights 5 % too large"
            );
            errors.push(error);
        }
        assert!(errors[1] < 0.5 * errors[0], "orders have the lower variance: {errors:?}");
    }
}

#[test]
fn the_standard_error_of_one_draw_covers_the_exact_value() {
    let Some(gpu) = gpu(None) else { return };
    let f = Fixture::open("bd3lm-block4");
    let (ids, n) = (f.ids("exact.x0"), f.shape("exact.x0")[1]);
    let nll = |estimator| {
        let found = estimate(&mut likelihood(&f, &gpu, options(n, estimator)), &sequences(&ids, n));
        let variance: f64 = found.iter().map(|s| s.mask_variance).sum();
        (found.iter().map(|s| s.nll).sum::<f64>(), variance)
    };
    let (exact, none) = nll(Estimator::Exact);
    assert_eq!(none, 0.0);
    let mut likelihood = likelihood(&f, &gpu, options(n, Estimator::MonteCarlo { draws: 1 }));
    let going_on = &mut |_, _| ControlFlow::Continue(());
    // The index of a sequence makes its noise.
    let mut deviation = |trial: usize| {
        let indexed = sequences(&ids, n).into_iter().enumerate();
        let indexed: Vec<_> = indexed.map(|(i, ids)| (8 * trial + i, ids)).collect();
        let found = pollster::block_on(likelihood.estimate(&indexed, going_on)).unwrap().unwrap();
        let variance: f64 = found.iter().map(|s| s.mask_variance).sum();
        (found.iter().map(|s| s.nll).sum::<f64>() - exact) / variance.sqrt()
    };
    let deviations: Vec<f64> = (0..200).map(&mut deviation).collect();
    let within = |bound: f64| deviations.iter().filter(|d| d.abs() < bound).count();
    assert!(within(3.0) >= 196, "{} of 200 within three errors", within(3.0));
    assert!(within(0.3) <= 100, "{} of 200 within a third of one", within(0.3));
}

#[test]
fn a_block_of_one_token_needs_no_draws() {
    let Some(gpu) = gpu(None) else { return };
    let f = Fixture::open("bd3lm-block4");
    let (ids, n) = (f.ids("exact.x0"), f.shape("exact.x0")[1]);
    let nll = |estimator| {
        let options = LikelihoodOptions { block_size: Some(1), ..options(n, estimator) };
        estimate(&mut likelihood(&f, &gpu, options), &sequences(&ids, n))
    };
    let exact = nll(Estimator::Exact);
    assert_eq!(exact, nll(Estimator::MonteCarlo { draws: 9 }));
    assert_eq!(exact, nll(Estimator::Orders { draws: 9 }));
}

/// Masked tokens of `xt` with the same weight in each, and one noise level per sequence.
fn pattern(x0: &[u32], xt: &[u32], noise: f64) -> Pattern {
    let weight = |(a, b): (&u32, &u32)| if a == b { 0.0 } else { 1.0 / noise };
    Pattern { draw: 0, weights: x0.iter().zip(xt).map(weight).collect(), noise }
}

/// The loss of each token of a fixture's noisy sequences.
fn check_losses(name: &str) {
    let f = Fixture::open(name);
    let (x0, xt, t, n) = (f.ids("x0"), f.ids("xt"), f.f32("t"), f.shape("x0")[1]);
    for gpu in gpus() {
        let options = options(n, Estimator::MonteCarlo { draws: 1 });
        let mut likelihood = likelihood(&f, &gpu, options);
        let mut got = Vec::new();
        for (i, (x0, xt)) in x0.chunks(n).zip(xt.chunks(n)).enumerate() {
            let pattern = pattern(x0, xt, f64::from(t[i * n]));
            let losses = pollster::block_on(likelihood.token_losses(x0, &[pattern])).unwrap();
            got.extend(losses[0].iter().map(|&loss| loss as f32));
        }
        // Losses of some dozens, weighted by up to a dozen.
        let relative = |(got, wanted): (&f32, &f32)| got / wanted.abs().max(1.0);
        let wanted = f.f32("loss");
        let got: Vec<f32> = got.iter().zip(&wanted).map(relative).collect();
        let same: Vec<f32> = wanted.iter().zip(&wanted).map(relative).collect();
        check(&got, &same, tolerances::LOGITS_F32).unwrap_or_else(|e| panic!("{name}: {e}"));
        let wrong: Vec<f32> = same.iter().map(|x| 1.05 * x).collect();
        assert!(check(&got, &wrong, tolerances::LOGITS_F32).is_err());
    }
}

#[test]
fn mdlm_losses_are_reproduced() {
    check_losses("mdlm");
}

#[test]
fn sedd_losses_are_reproduced() {
    check_losses("sedd");
}

/// -log p of every token but the first, from a model that predicts the next one.
fn check_likelihoods(f: &Fixture, case: &str, wanted: &[f32]) {
    let (ids, n) = (f.ids(case), f.shape(case)[1]);
    for gpu in gpus() {
        let mut likelihood = likelihood(f, &gpu, options(n, Estimator::Exact));
        let found = estimate(&mut likelihood, &sequences(&ids, n));
        let nll = found.iter().flat_map(|s| &s.blocks[1..]).map(|&nll| nll as f32);
        check(&nll.collect::<Vec<_>>(), wanted, tolerances::LOGITS_F32).unwrap();
        assert_eq!((found[0].tokens, found[0].blocks[0]), (n - 1, 0.0));
    }
}

#[test]
fn ar_likelihoods_are_exact() {
    let f = Fixture::open("ar");
    check_likelihoods(&f, "x0", &f.f32("nll"));
}

#[test]
fn gpt2_likelihoods_are_exact() {
    let f = Fixture::open("gpt2-tiny");
    let (ids, n, v) = (f.ids("ids"), f.shape("ids")[1], f.spec.vocab_size);
    let logits = f.f32("logits");
    let nll = |i: usize| twins::cross_entropy(&logits[(i - 1) * v..i * v], v, v, &ids[i..=i])[0];
    let wanted: Vec<f32> = (0..ids.len()).filter(|i| i % n > 0).map(nll).collect();
    check_likelihoods(&f, "ids", &wanted);
}

#[test]
fn an_estimate_does_not_depend_on_what_else_is_estimated() {
    let Some(gpu) = gpu(None) else { return };
    for name in ["bd3lm-block4", "mdlm", "sedd", "ar"] {
        let f = Fixture::open(name);
        let n = f.spec.window;
        let case = if name == "bd3lm-block4" { "exact.x0" } else { "x0" };
        let ids = f.ids(case);
        // The second is shorter, and ends inside a block.
        let all = [&ids[..n], &ids[n..n + 18], &ids[2 * n..3 * n]];
        let with = |batch| {
            let options = LikelihoodOptions {
                batch: Some(batch),
                ..options(n, Estimator::MonteCarlo { draws: 40 })
            };
            likelihood(&f, &gpu, options)
        };
        let together = estimate(&mut with(3), &all);
        assert_eq!(estimate(&mut with(1), &all), together, "{name}");
        let mut alone = with(2);
        let going_on = &mut |_, _| ControlFlow::Continue(());
        let third = pollster::block_on(alone.estimate(&[(2, all[2])], going_on)).unwrap().unwrap();
        assert_eq!(third[0], together[2], "{name}");
    }
}

#[test]
fn an_estimate_can_be_broken_off_and_reports_its_progress() {
    let Some(gpu) = gpu(None) else { return };
    let f = Fixture::open("bd3lm-block4");
    let (ids, n) = (f.ids("exact.x0"), f.shape("exact.x0")[1]);
    let mut likelihood = likelihood(&f, &gpu, options(n, Estimator::Orders { draws: 40 }));
    let mut reported = Vec::new();
    let mut stop = |done, all| {
        reported.push((done, all));
        if done < 64 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let found = pollster::block_on(likelihood.estimate(&[(0, &ids[..n])], &mut stop)).unwrap();
    assert!(found.is_none());
    assert_eq!(reported, [(0, 160), (32, 160), (64, 160)]);
}

#[test]
fn what_cannot_be_estimated_is_refused_with_words() {
    let Some(gpu) = gpu(None) else { return };
    let refusal = |name: &str, options: LikelihoodOptions, ids: &[u32]| {
        let network = Arc::new(Fixture::open(name).load(&gpu, DType::F32));
        let found = Likelihood::new(network, options).and_then(|mut likelihood| {
            let going_on = &mut |_, _| ControlFlow::Continue(());
            pollster::block_on(likelihood.estimate(&[(0, ids)], going_on))
        });
        found.err().map(|e| e.to_string()).unwrap_or_default()
    };
    let draws = Estimator::MonteCarlo { draws: 2 };
    let block4 = |block_size| LikelihoodOptions { block_size, ..options(32, Estimator::Exact) };
    let cases = [
        ("bd3lm-block4", block4(Some(16)), vec![1; 32], "2^16 - 1 passes"),
        ("bd3lm-block4", block4(Some(5)), vec![1; 32], "does not divide"),
        ("bd3lm-block4", options(3, draws), vec![1; 3], "3 tokens are shorter than a block of 4"),
        ("bd3lm-block4", options(64, draws), vec![1; 32], "context is 64, expected 2 to 32"),
        ("bd3lm-block4", options(16, draws), vec![1; 17], "17 tokens, expected 2 to the context"),
        ("bd3lm-block4", options(16, draws), vec![1; 1], "1 tokens, expected 2"),
        ("bd3lm-block4", options(16, draws), vec![97; 9], "holds the mask token"),
        ("bd3lm-block4", options(16, draws), vec![98; 9], "98 is not of the vocabulary"),
        (
            "mdlm",
            LikelihoodOptions { block_size: Some(4), ..options(32, draws) },
            vec![1; 9],
            "MDLM",
        ),
        ("mdlm", options(32, Estimator::Exact), vec![1; 9], "2^32 - 1 passes"),
        (
            "sedd",
            options(32, Estimator::Orders { draws: 1 }),
            vec![1; 9],
            "no estimator but noise draws",
        ),
    ];
    for (name, options, ids, words) in cases {
        let error = refusal(name, options, &ids);
        assert!(error.contains(words), "{name}: {error:?}, expected {words:?}");
    }
}

#[test]
fn logits_that_are_no_numbers_are_an_error_that_names_the_position() {
    let Some(gpu) = gpu(None) else { return };
    let f = Fixture::open("bd3lm-block4");
    let mut bytes = f.weights();
    let name = "backbone.output_layer.linear.weight";
    let head = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let at = head.tensor(name).unwrap().data().as_ptr() as usize - bytes.as_ptr() as usize;
    // The first token's logit overflows.
    for number in bytes[at..at + 4 * f.spec.channels].chunks_exact_mut(4) {
        number.copy_from_slice(&1e38f32.to_le_bytes());
    }
    let path = std::path::Path::new("model.safetensors");
    let checkpoint = bdlm::model::Checkpoint::new(&f.spec, &[(path, &bytes)]).unwrap();
    let network =
        bdlm::model::Network::load(&gpu, &checkpoint, DType::F32, &mut |_, _| {}).unwrap();
    let mut likelihood = Likelihood::new(Arc::new(network), options(32, Estimator::Exact)).unwrap();
    let going_on = &mut |_, _| ControlFlow::Continue(());
    let ids = f.ids("exact.x0");
    let outcome = pollster::block_on(likelihood.estimate(&[(0, &ids[..32])], going_on));
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains("logits are not finite at position"), "{error}");
}

/// Blocks of chat models: the exact bound, and the tokens that a clean row leads to.
fn check_chat_model(name: &str, habits: Habits) -> Result<(), String> {
    let f = Fixture::open_with(name, habits);
    let (ids, n) = (f.ids("vector.x0"), f.shape("vector.x0")[1]);
    let size = f.spec.block_size().unwrap();
    let mut wanted = f.f32("exact.block_nelbo");
    let shifts = f.spec.logit_shift > 0;
    if shifts {
        let leads = f.f32("exact.first_nll");
        for (blocks, leads) in wanted.chunks_mut(n / size).zip(leads.chunks(n / size - 1)) {
            blocks[1..].iter_mut().zip(leads).for_each(|(block, lead)| *block += lead);
        }
    }
    // Kernels of other families are held to their twins elsewhere.
    if let Some(gpu) = gpu(None) {
        let mut likelihood = likelihood(&f, &gpu, options(n, Estimator::Exact));
        let found = estimate(&mut likelihood, &sequences(&ids, n));
        let blocks: Vec<f32> = found.iter().flat_map(|s| &s.blocks).map(|&b| b as f32).collect();
        for (got, wanted) in blocks.iter().zip(&wanted) {
            if (got / wanted - 1.0).abs() > 1e-4 {
                return Err(format!("{got}, expected {wanted}"));
            }
        }
        assert_eq!(blocks.len(), wanted.len());
        let sum: f64 = blocks.iter().map(|&b| f64::from(b)).sum();
        let nll: f64 = found.iter().map(|s| s.nll).sum();
        assert!((sum - nll).abs() < 1e-3);
        assert_eq!(found[0].tokens, n - usize::from(shifts), "the first token has no predictor");
    }
    Ok(())
}

#[test]
fn the_bound_of_chat_models_is_over_the_whole_vocabulary_and_first_tokens_are_led_to() {
    if gpu(None).is_none() {
        return;
    }
    let habits = |mask_id, block_size| Habits { mask_id, block_size, grid: None };
    check_chat_model("qwen3-block4", habits(None, None)).unwrap();
    check_chat_model("qwen2-block8", habits(Some(125), None)).unwrap();
    check_chat_model("qwen3-block8", habits(Some(125), Some(8))).unwrap();
    // Blocks of another size have other bounds.
    assert!(check_chat_model("qwen3-block8", habits(Some(125), Some(4))).is_err());
}

#[test]
fn what_is_given_is_neither_masked_nor_counted() {
    let Some(gpu) = gpu(None) else { return };
    let habits = Habits { mask_id: Some(125), block_size: Some(8), grid: None };
    let f = Fixture::open_with("qwen3-block8", habits);
    let (ids, n) = (f.ids("vector.x0"), f.shape("vector.x0")[1]);
    let mut likelihood = likelihood(&f, &gpu, options(n, Estimator::Exact));
    let mut of = |ids: &[u32], given: usize| {
        let sequence = [Sequence { index: 0, ids, given }];
        let going_on = &mut |_, _| ControlFlow::Continue(());
        let found = pollster::block_on(likelihood.estimate_given(&sequence, going_on));
        found.unwrap().unwrap().remove(0)
    };
    // The grid of this model begins with the prompt's end: what is behind it is a block of 8.
    let found = of(&ids[..n], n - 8);
    assert_eq!((found.tokens, found.blocks.iter().filter(|&&b| b > 0.0).count()), (8, 1));
    // A chain rule over blocks: both together are the sum of each given what is before it.
    let both = of(&ids[..n], n - 16);
    let first = of(&ids[..n - 8], n - 16);
    assert!((both.nll - first.nll - found.nll).abs() < 1e-3 * both.nll, "{both:?}");
}
