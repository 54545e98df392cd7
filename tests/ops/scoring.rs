//! Gather and cross-entropy.

use bdlm::gpu::layout::SUM_WORDS;
use bdlm::gpu::{DType, Gpu, Tensor, Vocabulary};

use crate::common::{check, gpus, tolerances::PROBABILITY, twins};
use crate::{Random, all_kernels_ran, multiplied, read, run, words};

#[test]
fn gather() {
    for gpu in gpus() {
        for (t, c) in [(1, 8), (9, 24), (70, 768)] {
            let mut random = Random(c as u64);
            let (x, rows) = (random.numbers(t * c), [t - 1, 0, t / 2, t / 2]);
            let picked: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
            let y = Tensor::multiplied(&gpu, "y", &[4, c]).unwrap();
            run(&gpu, |r| {
                let (x, picked) = (multiplied(&gpu, &[t, c], &x), words(&gpu, &[4], &picked));
                r.gather(&x, &picked, &y).unwrap();
            });
            assert_eq!(read::<f32>(&gpu, &y), twins::gather(&x, &rows, c));
        }
    }
    all_kernels_ran("gather");
}

/// -log p of the targets, from logits that are given in chunks of so many tokens.
fn chunked(
    gpu: &Gpu,
    logits: &[f32],
    v: usize,
    mask: u32,
    chunk: usize,
    targets: &[u32],
) -> Vec<f32> {
    let (t, stride) = (targets.len(), chunk.next_multiple_of(4));
    let start: [u32; SUM_WORDS] = [(-1e30f32).to_bits(), 0, (-1e30f32).to_bits(), 0];
    let sums = words(gpu, &[t, SUM_WORDS], &start.repeat(t));
    let vocabulary = Vocabulary { size: v, mask_id: mask, counted: None };
    for first in (0..v).step_by(chunk) {
        let columns = chunk.min(v - first);
        // What lies beyond the chunk must not matter.
        let mut numbers = vec![1e9; t * stride];
        for (row, numbers) in numbers.chunks_mut(stride).enumerate() {
            numbers[..columns].copy_from_slice(&logits[row * v + first..][..columns]);
        }
        let tensor = Tensor::from_slice(gpu, "logits", &[t, stride], DType::F32, &numbers).unwrap();
        let targets = words(gpu, &[t], targets);
        run(gpu, |r| r.cross_entropy(&tensor, columns, &targets, vocabulary, &sums).unwrap());
    }
    let found: Vec<[f32; SUM_WORDS]> = read(gpu, &sums);
    found.iter().map(|[highest, sum, target, _]| highest + sum.ln() - target).collect()
}

#[test]
fn cross_entropy() {
    for gpu in gpus() {
        for (v, spread) in [(5, 2.0), (98, 5.0), (4097, 20.0)] {
            let mut random = Random(v as u64);
            let logits: Vec<f32> = random.numbers(3 * v).iter().map(|x| x * spread).collect();
            let targets = [0, v as u32 - 2, v as u32 / 2];
            // With a mask token and without one.
            for mask in [v as u32 - 1, v as u32] {
                let wanted = twins::cross_entropy(&logits, v, mask as usize, &targets);
                for chunk in [4, 64, 4096, 5000] {
                    if v / chunk > 100 {
                        continue;
                    }
                    let got = chunked(&gpu, &logits, v, mask, chunk, &targets);
                    check(&got, &wanted, PROBABILITY).unwrap_or_else(|e| {
                        panic!(
                            "{v} tokens, mask {mask}, chunks of {chunk}, {:?}: {e}",
                            gpu.kernels()
                        )
                    });
                }
            }
            let other = twins::cross_entropy(&logits, v, v, &[1, 1, 1]);
            let got = chunked(&gpu, &logits, v, v as u32, 64, &targets);
            assert!(check(&got, &other, PROBABILITY).is_err(), "another target is rejected");
        }
    }
    all_kernels_ran("cross_entropy");
}

#[test]
fn cross_entropy_of_logits_that_are_no_numbers_is_none() {
    for gpu in gpus() {
        for bad in [f32::NAN, f32::INFINITY] {
            let mut logits = vec![0.5; 2 * 98];
            logits[98 + 40] = bad;
            let got = chunked(&gpu, &logits, 98, 97, 64, &[3, 3]);
            assert!(got[0].is_finite() && !got[1].is_finite(), "{bad}: {got:?}");
        }
    }
}
