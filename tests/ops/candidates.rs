//! The likeliest tokens, and the rank of the drawn one.

use bdlm::gpu::layout::{PARTIAL_WORDS, draw_chunks, likely_words};
use bdlm::gpu::{Gpu, Tensor};

use crate::common::{gpus, tolerances::PROBABILITY, twins};
use crate::sampling::Rows;
use crate::{all_kernels_ran, read, run, words};

/// Partial draws of which the best are these tokens; the padding holds what scores less.
fn partials_of(gpu: &Gpu, rows: &Rows, drawn: [u32; 3]) -> Tensor {
    let chunks = draw_chunks(gpu.kernels(), rows.vocabulary.size.next_multiple_of(4));
    let mut partials = Vec::new();
    for token in drawn {
        for chunk in 0..chunks {
            let is_best = chunk == token as usize % chunks;
            let (score, token) = if is_best { (3.0f32, token) } else { (-2.0, token ^ 1) };
            let [none, score] = [0, score.to_bits()];
            partials.extend([none, none, none, none, score, token, none]);
        }
    }
    words(gpu, &[3, chunks, PARTIAL_WORDS], &partials)
}

#[test]
fn a_row_of_which_nothing_could_be_drawn_has_no_rank() {
    for gpu in gpus() {
        let rows = Rows::new(3, 98, 3.0);
        let (logits, masked) = (rows.upload_logits(&gpu), rows.upload_masked(&gpu));
        let likely = words(&gpu, &[3, likely_words(1)], &[7; 9]);
        let partials = partials_of(&gpu, &rows, [4, u32::MAX, 96]);
        let of = (rows.vocabulary, 1);
        run(&gpu, |r| r.candidates((&logits, &masked), &partials, of, &likely).unwrap());
        let found: Vec<u32> = read(&gpu, &likely);
        let ranks: Vec<u32> = found.chunks(3).map(|words| words[0]).collect();
        assert!(ranks[0] > 0 && ranks[1] == 0 && ranks[2] > 0, "{ranks:?}");
    }
}

#[test]
fn candidates() {
    for gpu in gpus() {
        for (v, count) in [(5, 1), (98, 5), (6, 10), (4099, 3), (50_258, 64)] {
            let mut rows = Rows::new(3, v, 3.0);
            rows.logits[v..2 * v].fill(0.5);
            let logits = rows.upload_logits(&gpu);
            let masked = rows.upload_masked(&gpu);
            let width = likely_words(count);
            let likely = words(&gpu, &[3, width], &vec![0; 3 * width]);
            // The first token, the last one, and one in between that has equals in the second row.
            let drawn = [0, v as u32 / 2, v as u32 - 2];
            let partials = partials_of(&gpu, &rows, drawn);
            run(&gpu, |r| {
                let of = (rows.vocabulary, count);
                r.candidates((&logits, &masked), &partials, of, &likely).unwrap();
            });
            let found: Vec<u32> = read(&gpu, &likely);
            for (t, found) in found.chunks(width).enumerate() {
                let p = twins::softmax(rows.row(t), 1.0, rows.mask());
                let order = twins::candidates(rows.row(t), rows.mask());
                let rank = |token: u32| order.iter().position(|&id| id == token as usize);
                assert_eq!(Some(found[0] as usize - 1), rank(drawn[t]), "row {t} of {v}");
                let (pairs, []) = found[1..].as_chunks::<2>() else { unreachable!() };
                for (i, &[token, probability]) in pairs.iter().enumerate() {
                    let probability = f32::from_bits(probability);
                    let Some(&wanted) = order.get(i) else {
                        assert_eq!((token as usize, probability), (v, 0.0), "there are no more");
                        continue;
                    };
                    assert_eq!(token as usize, wanted, "row {t}, {:?}", gpu.kernels());
                    assert!((f64::from(probability) - p[wanted]).abs() < f64::from(PROBABILITY));
                }
            }
        }
    }
    all_kernels_ran("candidates");
}
