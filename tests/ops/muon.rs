//! The kernels of Muon.

use bdlm::gpu::Tensor;
use bdlm::gpu::layout::{OUTCOME_WORDS, RATE_WORDS, square_chunks};

use crate::common::{check, gpus, tolerances::OP, twins};
use crate::{Random, all_kernels_ran, multiplied, read, run, upload};

/// Rows and columns: wide, high, square, one row of vectors.
const SHAPES: [[usize; 2]; 4] = [[8, 24], [40, 16], [16, 16], [8, 2056]];

#[test]
fn muon_momentum() {
    for gpu in gpus() {
        for (count, scale) in [(4, 1.0f32), (1000, 0.25), (300, 0.0)] {
            let mut random = Random(count as u64);
            let [gradients, before, old] = std::array::from_fn(|_| random.numbers(count));
            let [momentum, update] = [&before, &old].map(|x| upload(&gpu, &[count], x));
            run(&gpu, |r| {
                let gradients = upload(&gpu, &[count], &gradients);
                let outcome = upload(&gpu, &[OUTCOME_WORDS], &[1.0, scale]);
                r.muon_momentum(&gradients, &outcome, 0.95, [&momentum, &update]).unwrap();
            });
            let moved = twins::muon_momentum(&gradients, &before, 0.95, f64::from(scale));
            // A skipped step changes nothing.
            let wanted = if scale == 0.0 { [before, old] } else { moved };
            for (tensor, wanted) in [&momentum, &update].into_iter().zip(&wanted) {
                check(&read::<f32>(&gpu, tensor), wanted, OP).unwrap();
            }
            assert!(check(&read::<f32>(&gpu, &update), &wanted[0], OP).is_err());
        }
    }
    all_kernels_ran("muon_momentum");
}

#[test]
fn muon_start() {
    for gpu in gpus() {
        for [n, k] in SHAPES {
            let numbers = Random(n as u64).numbers(n * k);
            let update = upload(&gpu, &[n, k], &numbers);
            let chunks = square_chunks(n * k);
            let squares = upload(&gpu, &[chunks], &vec![0.0f32; chunks]);
            let shape = [n.min(k), n.max(k)];
            let x = Tensor::multiplied(&gpu, "x", &shape).unwrap();
            run(&gpu, |r| {
                r.gradient_squares(&update, &squares).unwrap();
                r.muon_start(&update, &squares, &x).unwrap();
            });
            let got = read::<f32>(&gpu, &x);
            check(&got, &twins::muon_start(&numbers, k, n > k), OP).unwrap();
            let other = twins::muon_start(&numbers, k, n <= k);
            assert!(check(&got, &other, OP).is_err());
            let mut r = bdlm::gpu::Recorder::new(&gpu);
            let wrong = Tensor::multiplied(&gpu, "x", &[n, k + 8]).unwrap();
            assert!(r.muon_start(&update, &squares, &wrong).is_err());
        }
    }
    all_kernels_ran("muon_start");
}

#[test]
fn muon_polynomial() {
    for gpu in gpus() {
        for side in [8, 24, 136] {
            let mut random = Random(side as u64);
            let [a, squared] = std::array::from_fn(|_| random.numbers(side * side));
            let b = Tensor::multiplied(&gpu, "b", &[side, side]).unwrap();
            run(&gpu, |r| {
                let a = multiplied(&gpu, &[side, side], &a);
                let squared = upload(&gpu, &[side, side], &squared);
                r.muon_polynomial(&a, &squared, &b).unwrap();
            });
            let got = read::<f32>(&gpu, &b);
            check(&got, &twins::muon_polynomial(&a, &squared, side), OP).unwrap();
            let other = twins::muon_polynomial(&squared, &a, side);
            assert!(check(&got, &other, OP).is_err());
        }
    }
    all_kernels_ran("muon_polynomial");
}

#[test]
fn muon_step() {
    for gpu in gpus() {
        for [n, k] in SHAPES {
            let mut random = Random(n as u64);
            let [before, numbers] = std::array::from_fn(|_| random.numbers(n * k));
            let shape = [n.min(k), n.max(k)];
            let x = if n > k { twins::transposed(&numbers, k) } else { numbers.clone() };
            let x = multiplied(&gpu, &shape, &x);
            let stepped = |scale: f32| {
                let weights = upload(&gpu, &[n, k], &before);
                let mut rates = [0.0f32; RATE_WORDS];
                (rates[5], rates[6]) = (0.5, 0.9);
                run(&gpu, |r| {
                    let rates = upload(&gpu, &[RATE_WORDS], &rates);
                    let outcome = upload(&gpu, &[OUTCOME_WORDS], &[1.0, scale]);
                    r.muon_step(&x, &rates, &outcome, 0.2, &weights).unwrap();
                });
                read::<f32>(&gpu, &weights)
            };
            let wanted = twins::muon_step(&before, &numbers, 0.9, 0.1);
            check(&stepped(1.0), &wanted, OP).unwrap();
            assert!(check(&stepped(1.0), &before, OP).is_err());
            assert_eq!(stepped(0.0), before, "a skipped step changes nothing");
        }
    }
    all_kernels_ran("muon_step");
}
