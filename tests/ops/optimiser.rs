//! The gradients' norm, AdamW and the moving average.

use bdlm::gpu::layout::{OUTCOME_WORDS, RATE_WORDS, square_chunks};
use bdlm::gpu::{Adam, Gpu, Tensor};

use crate::common::{check, gpus, tolerances::OP, twins};
use crate::{Random, all_kernels_ran, read, run, upload};

/// Numbers of gradients: one vector, ragged, several chunks.
const COUNTS: [usize; 4] = [4, 100, 16_384, 40_004];

#[test]
fn gradient_squares() {
    for gpu in gpus() {
        for count in COUNTS {
            let numbers = Random(count as u64).numbers(count);
            let chunks = square_chunks(count);
            let squares = upload(&gpu, &[chunks], &vec![7.0f32; chunks]);
            run(&gpu, |r| {
                r.gradient_squares(&upload(&gpu, &[count], &numbers), &squares).unwrap();
            });
            let wanted = twins::gradient_squares(&numbers, count.div_ceil(chunks).max(16_384));
            let relative = |x: &[f32]| x.iter().zip(&wanted).map(|(x, w)| x / w).collect();
            let got: Vec<f32> = relative(&read::<f32>(&gpu, &squares));
            check(&got, &vec![1.0; chunks], OP).unwrap();
        }
        let ragged = upload(&gpu, &[6], &[1.0f32; 6]);
        let mut r = bdlm::gpu::Recorder::new(&gpu);
        assert!(r.gradient_squares(&ragged, &upload(&gpu, &[1], &[0.0f32])).is_err());
    }
    all_kernels_ran("gradient_squares");
}

fn clip(gpu: &Gpu, squares: &[f32], max_norm: f32) -> Vec<f32> {
    let outcome = upload(gpu, &[OUTCOME_WORDS], &[0.0f32; OUTCOME_WORDS]);
    run(gpu, |r| {
        let squares = upload(gpu, &[squares.len()], squares);
        let mut rates = [0.0; RATE_WORDS];
        rates[0] = max_norm;
        r.gradient_clip(&squares, &upload(gpu, &[RATE_WORDS], &rates), &outcome).unwrap();
    });
    read(gpu, &outcome)
}

#[test]
fn gradient_clip() {
    for gpu in gpus() {
        for count in [1, 7, 300] {
            let squares: Vec<f32> =
                Random(count as u64).numbers(count).iter().map(|x| x * x).collect();
            for max_norm in [0.1, 100.0] {
                let wanted = twins::gradient_clip(&squares, f64::from(max_norm));
                check(&clip(&gpu, &squares, max_norm), &wanted, OP * wanted[0].max(1.0)).unwrap();
            }
            let [norm, _] = twins::gradient_clip(&squares, 1.0);
            let other = twins::gradient_clip(&squares, 0.5 * f64::from(norm));
            assert!(check(&clip(&gpu, &squares, 0.2 * norm), &other, OP).is_err());
        }
        for bad in [f32::NAN, f32::INFINITY] {
            let outcome = clip(&gpu, &[1.0, bad, 2.0], 1.0);
            assert!(!outcome[0].is_finite() && outcome[1] == 0.0, "{outcome:?}");
        }
    }
    all_kernels_ran("gradient_clip");
}

/// Weights, moments, moving average of a step, and the numbers that make it.
struct Stepped {
    tensors: [Tensor; 3],
    before: Vec<[f32; 3]>,
    gradients: Vec<f32>,
}

fn stepped(gpu: &Gpu, count: usize, step: twins::AdamStep) -> Stepped {
    let mut random = Random(count as u64);
    let (w, m, gradients) = (random.numbers(count), random.numbers(count), random.numbers(count));
    let v: Vec<f32> = random.numbers(count).iter().map(|x| x * x).collect();
    let before = (0..count).map(|i| [w[i], m[i], v[i]]).collect();
    let tensors = [&w, &m, &v].map(|x| upload(gpu, &[count], x));
    let unbiased = step.betas.map(|beta| 1.0 - beta.powi(step.k));
    let shrink = 1.0 - step.rate * step.decay;
    let rates = [0.0, step.rate / unbiased[0], shrink, unbiased[1].sqrt().recip(), 0.0];
    let mut all = [0.0f32; RATE_WORDS];
    all.iter_mut().zip(rates).for_each(|(to, rate)| *to = rate as f32);
    run(gpu, |r| {
        r.adamw(Adam {
            gradients: &upload(gpu, &[count], &gradients),
            rates: &upload(gpu, &[RATE_WORDS], &all),
            outcome: &upload(gpu, &[OUTCOME_WORDS], &[1.0, step.scale as f32]),
            weights: &tensors[0],
            moments: [&tensors[1], &tensors[2]],
            betas: step.betas,
            epsilon: step.epsilon,
        })
        .unwrap();
    });
    Stepped { tensors, before, gradients }
}

#[test]
fn adamw() {
    let step = twins::AdamStep {
        rate: 3e-2,
        decay: 0.01,
        betas: [0.9, 0.999],
        epsilon: 1e-8,
        k: 3,
        scale: 0.25,
    };
    for gpu in gpus() {
        for count in COUNTS {
            let Stepped { tensors, before, gradients } = stepped(&gpu, count, step);
            let after = |step| -> [Vec<f32>; 3] {
                let after = twins::adamw(&gradients, &before, step);
                std::array::from_fn(|i| after.iter().map(|numbers| numbers[i]).collect())
            };
            for (tensor, wanted) in tensors.iter().zip(after(step)) {
                check(&read::<f32>(&gpu, tensor), &wanted, OP).unwrap();
            }
            let [other, ..] = after(twins::AdamStep { decay: 0.1, ..step });
            assert!(check(&read::<f32>(&gpu, &tensors[0]), &other, OP).is_err());
        }
        let skipped = stepped(&gpu, 100, twins::AdamStep { scale: 0.0, ..step });
        for (i, tensor) in skipped.tensors.iter().enumerate() {
            let before: Vec<f32> = skipped.before.iter().map(|numbers| numbers[i]).collect();
            assert_eq!(read::<f32>(&gpu, tensor), before, "a skipped step changes nothing");
        }
    }
    all_kernels_ran("adamw");
}

#[test]
fn moving_average() {
    for gpu in gpus() {
        for (count, scale) in COUNTS.into_iter().zip([1.0f32, 0.5, 1.0, 0.0]) {
            let mut random = Random(count as u64);
            let (weights, before) = (random.numbers(count), random.numbers(count));
            let average = upload(&gpu, &[count], &before);
            let mut rates = [0.0f32; RATE_WORDS];
            rates[4] = 0.3;
            run(&gpu, |r| {
                let weights = upload(&gpu, &[count], &weights);
                let rates = upload(&gpu, &[RATE_WORDS], &rates);
                let outcome = upload(&gpu, &[OUTCOME_WORDS], &[1.0, scale]);
                r.moving_average(&weights, &rates, &outcome, &average).unwrap();
            });
            let got = read::<f32>(&gpu, &average);
            let moved = twins::moving_average(&weights, &before, 0.7);
            // A skipped step changes nothing.
            let [wanted, other] = if scale == 0.0 { [before, moved] } else { [moved, before] };
            check(&got, &wanted, OP).unwrap();
            assert!(check(&got, &other, OP).is_err());
        }
    }
    all_kernels_ran("moving_average");
}
