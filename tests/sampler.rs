//! The sampler's statistics, on a model so small that the distribution over whole sequences is
//! known exactly.

mod common;

use bdlm::event::{Done, Event};
use bdlm::gpu::DType;
use bdlm::model::Batch;
use bdlm::sample::{Engine, Request, Sampler, Sampling};
use common::fixtures::Fixture;
use common::{chi_square, gpu, gpus, twins};

const SAMPLES: usize = 20_000;
/// A right sampler fails by chance once in a thousand seeds; the seeds are fixed.
const P_VALUE: f64 = 0.001;

fn samples(engine: &Engine, request: Request) -> Vec<Done> {
    let mut run = engine.run(request).unwrap();
    let mut done = Vec::new();
    while let Some(event) = run.next().unwrap() {
        if let Event::Done(sample) = event {
            done.push(sample);
        }
    }
    done
}

/// p-value of the samples under the distribution that the fixture lists.
fn p_value(f: &Fixture, engine: &Engine, sampling: Sampling, count: usize) -> f64 {
    p_value_under(&f.f64("dist.probability"), f, engine, sampling, count)
}

/// p-value of the samples under a distribution over the fixture's sequences.
fn p_value_under(
    distribution: &[f64],
    f: &Fixture,
    engine: &Engine,
    sampling: Sampling,
    count: usize,
) -> f64 {
    let n = f.spec.window;
    let request =
        Request { length: n, samples: count, batch: 1000, sampling, ..Default::default() };
    let sequences: Vec<Vec<u32>> = f.ids("dist.sequences").chunks(n).map(<[_]>::to_vec).collect();
    let mut counts = vec![0; sequences.len()];
    for sample in samples(engine, request) {
        let listed = sequences.iter().position(|ids| *ids == sample.ids);
        counts[listed.unwrap_or_else(|| panic!("{:?} has probability 0", sample.ids))] += 1;
    }
    chi_square(&counts, distribution)
}

/// Probability of each of the fixture's sequences if blocks are opened from left to right.
fn left_to_right(f: &Fixture, engine: &Engine) -> Vec<f64> {
    let (n, mask) = (f.spec.window, f.spec.masked_id());
    let next = |ids: &[u32], position: usize| {
        let noisy = (0..n).map(|i| if i < position { ids[i] } else { mask }).collect();
        let batch = Batch { ids: ids.into(), noisy: Some(noisy), sigma: None, length: n };
        let logits = engine.network().logits(&batch, None).unwrap();
        let row = &logits[position * f.spec.vocab_size..][..f.spec.vocab_size];
        twins::softmax(row, 1.0, mask as usize)[ids[position] as usize]
    };
    let sequences = f.ids("dist.sequences");
    sequences.chunks(n).map(|ids| (1..n).map(|position| next(ids, position)).product()).collect()
}

#[test]
fn first_hitting_samples_follow_the_exact_distribution() {
    let f = Fixture::open("enumerable");
    for gpu in gpus() {
        let engine = Engine::new(f.load(&gpu, DType::F32), None);
        let p = p_value(&f, &engine, Sampling::default(), SAMPLES);
        assert!(p > P_VALUE, "p = {p}, {:?} kernels", gpu.kernels());
    }
}

#[test]
fn a_lower_temperature_or_a_filter_is_noticed() {
    let Some(gpu) = gpu(None) else { return };
    let f = Fixture::open("enumerable");
    let engine = Engine::new(f.load(&gpu, DType::F32), None);
    let wrong = [
        Sampling { temperature: 0.8, ..Default::default() },
        Sampling { top_p: 0.9, ..Default::default() },
        Sampling { sampler: Sampler::Ancestral { steps: 1 }, ..Default::default() },
    ];
    for sampling in wrong {
        let p = p_value(&f, &engine, sampling, SAMPLES);
        assert!(p < P_VALUE, "{sampling:?} is not rejected: p = {p}");
    }
}

#[test]
fn one_random_cell_per_pass_is_first_hitting() {
    let Some(gpu) = gpu(None) else { return };
    let f = Fixture::open("enumerable");
    let engine = Engine::new(f.load(&gpu, DType::F32), None);
    let ids = |sampler| {
        let sampling = Sampling { sampler, ..Default::default() };
        let request = Request { length: 4, samples: 50, batch: 50, sampling, ..Default::default() };
        samples(&engine, request).into_iter().map(|done| done.ids).collect::<Vec<_>>()
    };
    assert_eq!(ids(Sampler::Random { per_pass: 1 }), ids(Sampler::FirstHitting));
    assert_ne!(ids(Sampler::Random { per_pass: 2 }), ids(Sampler::FirstHitting));
}

#[test]
fn left_to_right_follows_the_chain_rule_and_other_orders_do_not() {
    let Some(gpu) = gpu(None) else { return };
    let f = Fixture::open("enumerable");
    let engine = Engine::new(f.load(&gpu, DType::F32), None);
    let chain = left_to_right(&f, &engine);
    assert!((chain.iter().sum::<f64>() - 1.0).abs() < 1e-5);
    let p = |sampler| {
        let sampling = Sampling { sampler, ..Default::default() };
        p_value_under(&chain, &f, &engine, sampling, SAMPLES)
    };
    let exact = p(Sampler::LeftToRight { per_pass: 1 });
    assert!(exact > P_VALUE, "p = {exact}");
    for wrong in [
        Sampler::LeftToRight { per_pass: 2 },
        Sampler::Confidence { per_pass: 1 },
        Sampler::EntropyBounded { bound: 10.0 },
    ] {
        let p = p(wrong);
        assert!(p < P_VALUE, "{wrong:?} is not rejected: p = {p}");
    }
}

#[test]
fn ancestral_sampling_comes_near_the_distribution_with_many_steps() {
    let Some(gpu) = gpu(None) else { return };
    let f = Fixture::open("enumerable");
    let engine = Engine::new(f.load(&gpu, DType::F32), None);
    // Both cells of a block open at the same step once in 200 blocks: too rare to be seen here.
    let sampling = Sampling { sampler: Sampler::Ancestral { steps: 200 }, ..Default::default() };
    let p = p_value(&f, &engine, sampling, 4_000);
    assert!(p > P_VALUE, "p = {p}");
}

#[test]
fn ancestral_steps_in_which_nothing_opens_are_not_evaluated() {
    let Some(gpu) = gpu(None) else { return };
    let f = Fixture::open("bd3lm-block8");
    let mut spec = f.spec.clone();
    spec.bos_token_id = Some(0);
    let engine = Engine::new(f.load_as(&gpu, DType::F32, &spec), None);
    let evaluations = |steps| {
        let sampling = Sampling { sampler: Sampler::Ancestral { steps }, ..Default::default() };
        samples(&engine, Request { length: 48, sampling, ..Default::default() })[0].nfe
    };
    assert_eq!(evaluations(1), 6, "one per block");
    assert!((7..=24).contains(&evaluations(4)), "at most four per block");
    assert!((25..=47).contains(&evaluations(1000)), "at most one per token");
}

#[test]
fn greedy_sampling_takes_the_likeliest_token() {
    let Some(gpu) = gpu(None) else { return };
    let f = Fixture::open("enumerable");
    let engine = Engine::new(f.load(&gpu, DType::F32), None);
    let n = f.spec.window;
    let sampling = Sampling { temperature: 0.0, ..Default::default() };
    let top_1 = Sampling { top_k: 1, ..Default::default() };
    let ids = |sampling| {
        let request = Request { length: n, samples: 64, batch: 64, sampling, ..Default::default() };
        let mut done = samples(&engine, request);
        done.sort_by_key(|done| done.sample);
        done.into_iter().map(|done| done.ids).collect::<Vec<_>>()
    };
    assert_eq!(ids(sampling), ids(top_1), "top-k of 1 leaves the likeliest token");
    let mut distinct = ids(sampling);
    distinct.sort();
    distinct.dedup();
    assert!(distinct.len() <= 4, "only the order of two cells in two blocks is random");
}
