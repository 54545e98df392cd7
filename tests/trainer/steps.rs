//! Three steps of AdamW with clipping and a moving average, against the fixture.

use bdlm::gpu::{Gpu, block_on};
use bdlm::model::{Checkpoint, Mask};
use bdlm::train::{
    Backward, BackwardOptions, Optimiser, OptimiserOptions, Parameters, TrainBatch, TrainShape,
};

use crate::common::fixtures::{Cases, Fixture};
use crate::common::gpus;

/// The fixture's batch: every token counts, and the loss is the mean of `-log p / t`.
fn batch(f: &Fixture) -> (TrainBatch, TrainShape) {
    let [sequences, length] = f.shape("train.x0")[..] else { panic!("shape") };
    let (inputs, clean, t) = (f.ids("train.xt"), f.ids("train.x0"), f.f32("train.t"));
    let count = inputs.len() as f32;
    let masked = inputs.iter().zip(&clean).zip(&t);
    let weights = masked.map(|((x, c), t)| if x == c { 0.0 } else { 1.0 / t / count }).collect();
    let targets = clean.clone();
    let mask = Mask::blocks(4);
    let batch = TrainBatch { inputs, clean: Some(clean), targets, weights, mask };
    (batch, TrainShape { sequences, length, has_clean: true })
}

fn parameters(gpu: &Gpu, f: &Fixture) -> Parameters {
    let bytes = f.weights();
    let checkpoint = Checkpoint::new(&f.spec, &[("weights".as_ref(), &bytes)]).unwrap();
    Parameters::new(gpu, &checkpoint).unwrap()
}

/// Loss and norm of each step, and the parameters and the optimiser after them.
fn steps(
    gpu: &Gpu,
    f: &Fixture,
    options: OptimiserOptions,
    count: usize,
) -> (Vec<[f64; 2]>, Parameters, Optimiser) {
    let (batch, shape) = batch(f);
    let parameters = parameters(gpu, f);
    let backward = Backward::new(&parameters, shape, BackwardOptions::default()).unwrap();
    let optimiser = Optimiser::new(&parameters, options).unwrap();
    let step = |k: usize| {
        let nats = block_on(backward.forward_backward(&batch, 0)).unwrap();
        let weighted = nats.iter().zip(&batch.weights);
        let loss = weighted.map(|(&n, &w)| f64::from(n) * f64::from(w)).sum::<f64>();
        let sent = optimiser.step(&parameters, k, 3e-4).unwrap();
        [loss, f64::from(block_on(sent.outcome()).unwrap().norm)]
    };
    ((1..=count).map(step).collect(), parameters, optimiser)
}

/// Part of the numbers that are off by more than 1e-5, and the largest difference.
fn differences(
    got: &[Vec<f32>],
    parameters: &Parameters,
    f: &Fixture,
    cases: &Cases,
    kind: &str,
) -> (f64, f32) {
    let start = self::parameters(parameters.gpu(), f);
    let before = block_on(start.read_weights()).unwrap();
    let (mut off, mut count, mut worst) = (0, 0, 0.0f32);
    for ((parameter, got), before) in parameters.list().iter().zip(got).zip(&before) {
        let moved = cases.f16(&format!("{kind}.{}", parameter.name()));
        assert_eq!(moved.len(), got.len(), "{}", parameter.name());
        for ((got, before), moved) in got.iter().zip(before).zip(moved) {
            let difference = (got - before - moved).abs();
            assert!(!difference.is_nan());
            count += 1;
            off += usize::from(difference > 1e-5);
            worst = worst.max(difference);
        }
    }
    (f64::from(off as u32) / f64::from(count), worst)
}

#[test]
fn three_steps_are_those_of_the_fixture() {
    let f = Fixture::open("bd3lm-block4");
    let cases = Cases::file("bd3lm-block4", "adamw.safetensors");
    let options = OptimiserOptions { weight_decay: 0.01, ..OptimiserOptions::default() };
    for gpu in gpus() {
        let (found, parameters, optimiser) = steps(&gpu, &f, options, 3);
        let wanted = cases.f32("loss_and_grad_norm");
        for (got, wanted) in found.as_flattened().iter().zip(&wanted) {
            let wanted = f64::from(*wanted);
            assert!((got / wanted - 1.0).abs() < 1e-5, "{:?}: {found:?}", gpu.kernels());
        }
        let weights = block_on(parameters.read_weights()).unwrap();
        let average = block_on(parameters.read(optimiser.average().iter())).unwrap();
        for (kind, numbers) in [("adamw3", &weights), ("ema3", &average)] {
            let (off, worst) = differences(numbers, &parameters, &f, &cases, kind);
            assert!(off < 1e-3 && worst < 2e-3, "{kind}: {off} off, by up to {worst}");
        }
        // The moving average is not the weights.
        let (off, _) = differences(&weights, &parameters, &f, &cases, "ema3");
        assert!(off > 0.5, "{off}");
    }
}
