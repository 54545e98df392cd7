//! What is masked, and how much it counts.

use bdlm::eval::FirstToken;
use bdlm::model;
use bdlm::model::Mask;
use bdlm::train::{BatchKey, Interval, Loss, Objective, TrainBatch};

const MASK: u32 = 99;

fn objective(loss: Loss) -> Objective {
    Objective {
        kind: model::Objective::Block { size: 4 },
        loss,
        interval: Interval::default(),
        first: FirstToken::Given,
        masked_id: MASK,
    }
}

fn sequences(b: usize, n: usize) -> Vec<Vec<u32>> {
    (0..b).map(|row| (0..n).map(|i| ((row * 31 + i * 7) % 90) as u32).collect()).collect()
}

fn batch(objective: &Objective, (b, n): (usize, usize), block: usize, key: u64) -> TrainBatch {
    objective.batch(&sequences(b, n), block, BatchKey { seed: 3, batch: key })
}

/// Mean over many batches of the loss, where token i of its block costs `i + 1` and each masked cell of
/// the block makes all of them costlier by ten: an estimate that is wrong in its weights shows.
fn expected(objective: &Objective, block: usize, batches: u64) -> f64 {
    let loss = |batch: TrainBatch| -> f64 {
        let rows = batch.inputs.chunks(block).zip(batch.weights.chunks(block));
        let of_block = |(inputs, weights): (&[u32], &[f32])| -> f64 {
            let m = inputs.iter().filter(|&&id| id == MASK).count() as f64;
            let cost = |(i, w): (usize, &f32)| f64::from(*w) * (i as f64 + 1.0 + 10.0 * m);
            weights.iter().enumerate().map(cost).sum()
        };
        rows.map(of_block).sum()
    };
    (0..batches).map(|key| loss(batch(objective, (4, 16), block, key))).sum::<f64>()
        / batches as f64
}

#[test]
fn only_masked_tokens_count_and_the_first_is_never_masked() {
    for loss in [Loss::Nelbo, Loss::Resampled, Loss::LowVariance] {
        for (size, key) in [(1, 0), (2, 1), (4, 2), (16, 3)] {
            let b = batch(&objective(loss), (8, 16), size, key);
            let clean = sequences(8, 16).concat();
            assert_eq!((&b.targets, b.clean.as_ref()), (&clean, Some(&clean)));
            assert_eq!(b.mask, Mask::blocks(size));
            for (i, weight) in b.weights.iter().enumerate() {
                assert_eq!(*weight > 0.0, b.inputs[i] == MASK);
                assert!(b.inputs[i] == MASK || b.inputs[i] == clean[i]);
                assert!(i % 16 > 0 || *weight == 0.0);
            }
            let all: f32 = b.weights.iter().sum();
            match (loss, size) {
                (Loss::LowVariance, _) => assert!((all - 1.0).abs() < 1e-5, "{all}"),
                _ => assert!(all > 0.2, "{all}"),
            }
        }
        let counted = Objective { first: FirstToken::Counted, ..objective(loss) };
        let firsts = batch(&counted, (8, 16), 1, 0).inputs.into_iter().step_by(16);
        let masked = firsts.filter(|&id| id == MASK).count();
        match loss {
            Loss::LowVariance => assert_eq!(masked, 8, "all blocks of one are masked"),
            _ => assert!((2..=6).contains(&masked), "{masked} of 8 at noise levels of 0 to 1"),
        }
    }
}

#[test]
fn all_losses_have_the_same_expectation() {
    let first = FirstToken::Counted;
    let mean = |loss, batches| {
        let objective = Objective { first, ..objective(loss) };
        expected(&objective, 4, batches)
    };
    // m of four masked cost (1 + 2 + 3 + 4) / 4 * 4 + 10 m * 4 a block, m = 1 to 4, over four tokens.
    let wanted = (10.0 + 10.0 * 2.5 * 4.0) / 4.0;
    for (loss, batches) in [(Loss::LowVariance, 4_000), (Loss::Nelbo, 40_000)] {
        let got = mean(loss, batches);
        assert!((got / wanted - 1.0).abs() < 0.02, "{loss:?}: {got}, expected {wanted}");
    }
    let clipped =
        Objective { first, interval: Interval { low: 0.5, high: 1.0 }, ..objective(Loss::Nelbo) };
    assert!((expected(&clipped, 4, 4_000) / wanted - 1.0).abs() > 0.1, "a clipped one differs");
}

#[test]
fn a_block_of_one_is_masked_by_its_noise_level_and_always_by_the_low_variance_form() {
    let interval = Interval { low: 0.5, high: 0.6 };
    for loss in [Loss::Nelbo, Loss::Resampled] {
        let drawn = Objective { interval, ..objective(loss) };
        let b = batch(&drawn, (64, 16), 1, 4);
        let counted: Vec<f32> = b.weights.iter().copied().filter(|w| *w > 0.0).collect();
        let part = counted.len() as f64 / 960.0;
        assert!((part - 0.55).abs() < 0.06, "{part} of the cells are masked");
        assert!(counted.iter().all(|w| (1.0 / 0.6..=2.0 + 1e-4).contains(&(w * 960.0))));
    }
    let b = batch(&objective(Loss::LowVariance), (64, 16), 1, 4);
    assert_eq!(b.inputs.iter().filter(|&&id| id == MASK).count(), 960);
}

#[test]
fn the_low_variance_form_varies_less() {
    let variance = |loss| {
        let sums: Vec<f64> = (0..500)
            .map(|key| {
                let b = batch(&objective(loss), (2, 16), 4, key);
                b.weights.iter().map(|&w| f64::from(w)).sum()
            })
            .collect();
        bdlm::train::total_variance([&sums[..]])
    };
    assert!(variance(Loss::LowVariance) < 0.01 * variance(Loss::Nelbo));
}

#[test]
fn masks_that_are_drawn_again_lie_in_the_interval() {
    let interval = Interval { low: 0.3, high: 0.8 };
    let count = |loss| {
        let objective = Objective { interval, first: FirstToken::Counted, ..objective(loss) };
        let b = batch(&objective, (64, 16), 4, 0);
        let weights = b.weights.iter().filter(|&&weight| weight > 0.0);
        // Each counts 1/t, over all tokens.
        let mut levels = weights.map(|weight| 1.0 / (weight * (64.0 * 16.0)));
        assert!(levels.all(|t| (0.2999..=0.8001).contains(&t)));
        let masked = |block: &[u32]| block.iter().filter(|&&id| id == MASK).count();
        b.inputs.chunks(4).filter(|block| !(2..=3).contains(&masked(block))).count()
    };
    assert_eq!(count(Loss::Resampled), 0);
    assert!(count(Loss::Nelbo) > 20);
}

#[test]
fn the_same_key_gives_the_same_batch() {
    let of = |seed, key| {
        objective(Loss::Nelbo).batch(&sequences(3, 16), 4, BatchKey { seed, batch: key })
    };
    assert_eq!(of(1, 5), of(1, 5));
    assert_ne!(of(1, 5), of(1, 6));
    assert_ne!(of(1, 5), of(2, 5));
}

#[test]
fn masked_diffusion_is_one_block_and_autoregressive_models_predict_the_next_token() {
    let masked = Objective { kind: model::Objective::Masked, ..objective(Loss::Nelbo) };
    let b = batch(&masked, (4, 16), 4, 0);
    assert_eq!((b.mask, b.clean), (Mask::All, None));
    for row in b.weights.chunks(16) {
        let mut counted = row.iter().filter(|&&weight| weight > 0.0);
        let first = counted.next().copied();
        assert!(counted.all(|&weight| Some(weight) == first), "one level a sequence");
    }
    let next = Objective { kind: model::Objective::Autoregressive, ..masked };
    let (b, clean) = (batch(&next, (2, 16), 4, 0), sequences(2, 16).concat());
    assert_eq!((b.mask, &b.inputs), (Mask::Before, &clean));
    assert_eq!((b.targets[..15].to_vec(), b.weights[15]), (clean[1..16].to_vec(), 0.0));
    assert!((b.weights.iter().sum::<f32>() - 1.0).abs() < 1e-5);
}
