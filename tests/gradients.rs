//! Gradients of whole passes against the fixtures, for every kernel family.

mod common;

use bdlm::gpu::{Commands, Gpu};
use bdlm::model::{Checkpoint, Mask};
use bdlm::train::{Backward, BackwardOptions, Parameters, TrainBatch, TrainShape};
use common::fixtures::{Fixture, folder};
use common::{check, gpu, gpus, tolerances};
use safetensors::SafeTensors;

/// The batch of a fixture: the loss is the mean of its `train.loss`.
fn batch(f: &Fixture) -> (TrainShape, TrainBatch) {
    let shape = f.shape("train.x0");
    let shape = TrainShape { sequences: shape[0], length: shape[1], has_clean: true };
    let (inputs, clean) = (f.ids("train.xt"), f.ids("train.x0"));
    let mask_id = f.spec.masked_id();
    let weight = |(&id, t): (&u32, &f32)| match id == mask_id {
        true => 1.0 / t / shape.tokens() as f32,
        false => 0.0,
    };
    let weights = inputs.iter().zip(&f.f32("train.t")).map(weight).collect();
    let mask = Mask::blocks(f.spec.block_size().unwrap());
    (shape, TrainBatch { inputs, targets: clean.clone(), clean: Some(clean), weights, mask })
}

fn parameters(gpu: &Gpu, f: &Fixture) -> Parameters {
    let (path, bytes) = ("model.safetensors".as_ref(), f.weights());
    Parameters::new(gpu, &Checkpoint::new(&f.spec, &[(path, &bytes)]).unwrap()).unwrap()
}

/// Largest error of a tensor over its largest value.
fn relative(got: &[f32], wanted: &[f32]) -> f32 {
    assert_eq!(got.len(), wanted.len());
    let largest = wanted.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    got.iter().zip(wanted).fold(0.0f32, |worst, (a, b)| {
        let error = (a - b).abs() / largest;
        if error.is_nan() { f32::INFINITY } else { worst.max(error) }
    })
}

/// The worst tensor of a fixture, and its error.
fn worst(name: &str, parameters: &Parameters) -> (String, f32) {
    let bytes = std::fs::read(folder(name).join("gradients.safetensors")).unwrap();
    let wanted = SafeTensors::deserialize(&bytes).unwrap();
    let got = pollster::block_on(parameters.read_gradients()).unwrap();
    let (mut worst, mut count) = ((String::new(), 0.0), 0);
    for (parameter, got) in parameters.list().iter().zip(got) {
        let name = parameters.spec().stored_name(parameter.name());
        let Ok(view) = wanted.tensor(&format!("grad.{name}")) else {
            continue;
        };
        let wanted: Vec<f32> =
            view.data().as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
        assert_eq!(parameter.shape(), view.shape());
        let error = relative(&got, &wanted);
        if error >= worst.1 {
            worst = (parameter.name().into(), error);
        }
        count += 1;
    }
    assert_eq!(count, wanted.len());
    worst
}

/// The losses and the worst gradient of a batch.
fn run(
    name: &str,
    parameters: &Parameters,
    (shape, batch): (TrainShape, &TrainBatch),
    options: BackwardOptions,
) -> (Vec<f32>, (String, f32)) {
    let backward = Backward::new(parameters, shape, options).unwrap();
    let losses = pollster::block_on(backward.forward_backward(batch, 1)).unwrap();
    (losses, worst(name, parameters))
}

/// `weight * nll` times the tokens, as the fixture has it.
fn losses(nll: &[f32], (shape, batch): (TrainShape, &TrainBatch)) -> Vec<f32> {
    let tokens = shape.tokens() as f32;
    nll.iter().zip(&batch.weights).map(|(nll, weight)| nll * weight * tokens).collect()
}

#[test]
fn gradients_are_those_of_the_fixtures() {
    for name in ["bd3lm-block4", "bd3lm-block8"] {
        let f = Fixture::open(name);
        let (shape, batch) = batch(&f);
        for gpu in gpus() {
            let (parameters, options) = (parameters(&gpu, &f), BackwardOptions::default());
            let (nll, (tensor, error)) = run(name, &parameters, (shape, &batch), options);
            let what = format!("{name}, {:?}", gpu.kernels());
            check(&losses(&nll, (shape, &batch)), &f.f32("train.loss"), tolerances::LOSS)
                .unwrap_or_else(|e| panic!("{what}: {e}"));
            assert!(error < tolerances::GRADIENT, "{what}: {tensor} is off by {error}");
        }
    }
}

#[test]
fn a_leak_of_the_own_blocks_tokens_is_noticed() {
    let Some(gpu) = gpu(None) else { return };
    let name = "bd3lm-block4";
    let f = Fixture::open(name);
    let (shape, mut batch) = batch(&f);
    let parameters = parameters(&gpu, &f);
    // As if noised rows saw the clean tokens of their own block: those of every block lie where the
    // block before it is seen.
    for sequence in batch.clean.as_mut().unwrap().chunks_mut(shape.length) {
        sequence.rotate_left(f.spec.block_size().unwrap());
    }
    let options = BackwardOptions::default();
    let (nll, (_, error)) = run(name, &parameters, (shape, &batch), options);
    assert!(check(&losses(&nll, (shape, &batch)), &f.f32("train.loss"), tolerances::LOSS).is_err());
    assert!(error > 10.0 * tolerances::GRADIENT, "{error}");
}

#[test]
fn gradients_of_several_batches_add_up_and_are_the_same_each_time() {
    let Some(gpu) = gpu(None) else { return };
    let name = "bd3lm-block4";
    let f = Fixture::open(name);
    let (shape, batch) = batch(&f);
    let parameters = parameters(&gpu, &f);
    let options = BackwardOptions { dropout: 0.1, ..BackwardOptions::default() };
    let backward = Backward::new(&parameters, shape, options).unwrap();
    let gradients = |seed| {
        let mut commands = Commands::new(&gpu);
        parameters.zero_gradients(&mut commands).unwrap();
        commands.submit();
        let nll = pollster::block_on(backward.forward_backward(&batch, seed)).unwrap();
        (nll, pollster::block_on(parameters.read_gradients()).unwrap())
    };
    let first = gradients(5);
    assert_eq!(first, gradients(5), "bit for bit");
    let other = gradients(6);
    assert_ne!(first.1, other.1, "another dropout");
    // Without dropout the losses of the pass forward are the fixture's.
    let nll = pollster::block_on(backward.forward(&batch)).unwrap();
    check(&losses(&nll, (shape, &batch)), &f.f32("train.loss"), tolerances::LOSS).unwrap();
    // Layers that are run again draw the same.
    let options = BackwardOptions { max_kept_bytes: 0, ..options };
    let again = Backward::new(&parameters, shape, options).unwrap();
    pollster::block_on(again.forward_backward(&batch, 5)).unwrap();
    let both = pollster::block_on(parameters.read_gradients()).unwrap();
    for ((both, first), other) in both.iter().zip(&first.1).zip(&other.1) {
        let sum: Vec<f32> = first.iter().zip(other).map(|(a, b)| a + b).collect();
        assert!(relative(both, &sum) < 1e-5);
    }
}
