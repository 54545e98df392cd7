//! Whole runs: they learn, they go on where they stopped, they end where they must.

use std::path::Path;
use std::sync::Arc;

use bdlm::gpu::{Gpu, GpuOptions, block_on};
use bdlm::hub::ModelFiles;
use bdlm::model::{Objective, Spec};
use bdlm::sample::Engine;
use bdlm::train::{
    BlockSizes, ChecksOptions, Cut, Earlier, Length, Loss, MuonOptions, NewNetwork,
    OptimiserOptions, Progress, Rate, RunFiles, RunFolder, Sequences, Tokens, TrainData,
    TrainEvent, TrainOptions, TrainRun, TrainStep, Trainer, initial,
};
use serde_json::{Map, Value};

use crate::common::{gpu, gpus};

/// Tokens of the tests' texts.
const N_IDS: usize = 40;

fn network(window: usize) -> Value {
    let objective = Objective::Block { size: 4 };
    let network = NewNetwork {
        objective,
        layers: 2,
        channels: 64,
        heads: 4,
        window,
        n_ids: N_IDS,
        end: 0,
        dropout: 0.0,
    };
    network.config()
}

fn spec(window: usize) -> Spec {
    Spec::from_json(network(window).to_string().as_bytes()).unwrap()
}

/// Random tokens: what can be learnt of them is only what they are.
fn data(sequences: usize, window: usize) -> TrainData {
    let mut rng = fastrand::Rng::with_seed(5);
    let ids = (0..sequences * window).map(|_| rng.u32(1..N_IDS as u32)).collect();
    let train = Sequences::new(Tokens::new(ids), window, Cut::Wrapped, 0).unwrap();
    TrainData { valid: Some(train.clone()), train, tokenizer: None }
}

fn options(steps: usize) -> TrainOptions {
    TrainOptions {
        length: Length { steps: Some(steps), ..Length::default() },
        batch: 4,
        block_sizes: "1:.3,4:.7".parse().unwrap(),
        rate: Rate { peak: 2e-3, warmup_steps: 5, ..TrainOptions::default().rate },
        checks: ChecksOptions {
            every_steps: None,
            sequences: 2,
            draws: 1,
            searches: false,
            sample: None,
        },
        ..TrainOptions::default()
    }
}

fn trainer(gpu: &Gpu, data: TrainData, options: TrainOptions) -> Trainer {
    let parameters = initial(gpu, &spec(data.train.length()), 1).unwrap();
    Trainer::new(parameters, data, options, Progress::default()).unwrap()
}

fn steps(events: &[TrainEvent]) -> Vec<&TrainStep> {
    let mut steps = Vec::new();
    for event in events {
        if let TrainEvent::Step(step) = event {
            steps.push(step);
        }
    }
    steps
}

#[test]
fn eight_sequences_are_learnt_by_heart() {
    let Some(_) = gpu(None) else { return };
    // Hundreds of steps: without bounds checks.
    let gpu = Gpu::request(&GpuOptions::default()).unwrap();
    let muon = Some(MuonOptions { ratio: 10.0, momentum: 0.9 });
    let options = TrainOptions {
        batch: 8,
        block_sizes: BlockSizes::fixed(1),
        rate: Rate { peak: 5e-3, warmup_steps: 5, ..TrainOptions::default().rate },
        optimiser: OptimiserOptions { muon, ..OptimiserOptions::default() },
        ..options(300)
    };
    let mut trainer = trainer(&gpu, data(8, 128), options);
    let mut losses = Vec::new();
    while let Some(event) = trainer.next().unwrap() {
        let TrainEvent::Step(step) = event else { continue };
        if step.step == 0 {
            // All tokens are equally likely, the mask token apart.
            assert!((step.loss - (N_IDS as f64).ln()).abs() < 1e-3, "{}", step.loss);
        }
        losses.push(step.loss);
        if losses.len() >= 5 && losses.iter().rev().take(5).all(|loss| *loss < 0.05) {
            return;
        }
    }
    panic!("the losses are {:?}", losses.iter().step_by(20).collect::<Vec<_>>());
}

#[test]
fn the_stream_keeps_its_grammar() {
    let Some(gpu) = gpu(None) else { return };
    let options = options(7);
    let checks = ChecksOptions { every_steps: Some(3), searches: true, ..options.checks.clone() };
    let options = TrainOptions { checks, loss: Loss::Nelbo, ..options };
    let mut trainer = trainer(&gpu, data(8, 16), options);
    let events: Vec<TrainEvent> = std::iter::from_fn(|| trainer.next().unwrap()).collect();
    let names: Vec<String> = events
        .iter()
        .map(|event| serde_json::to_value(event).unwrap()["event"].as_str().unwrap().to_string())
        .collect();
    let step = ["step"; 3];
    let wanted = [
        &["start"][..],
        &step,
        &["validation"],
        &step,
        &["validation"],
        &["step", "validation", "done"],
    ];
    assert_eq!(names, wanted.concat());
    let numbers: Vec<usize> = steps(&events).iter().map(|step| step.step).collect();
    assert_eq!(numbers, (0..7).collect::<Vec<_>>());
    assert!(steps(&events).iter().all(|step| [1, 4].contains(&step.block_size)));
    let TrainEvent::Validation(validation) = &events[4] else { panic!("{:?}", events[4]) };
    assert_eq!(validation.variances.len(), 35);
    let chosen = validation.variances.iter().find(|v| v.interval == validation.interval).unwrap();
    let all = validation.variances.iter();
    assert!(all.map(|v| v.total_variance).all(|other| chosen.total_variance <= other));
    assert_eq!(validation.nelbo.iter().map(|n| n.block_size).collect::<Vec<_>>(), [1, 4]);
    assert!(validation.nelbo.iter().all(|n| (2.0..8.0).contains(&n.nats_per_token)));
    assert_eq!(trainer.next().unwrap(), None, "nothing comes after the end");
}

#[test]
fn accumulated_passes_are_a_larger_batch() {
    let Some(gpu) = gpu(None) else { return };
    // The same tokens, whichever batch they come in: all counts are those of block size 1.
    let losses = |batch, accumulate| -> Vec<f64> {
        let block_sizes = BlockSizes::fixed(1);
        let options = TrainOptions { batch, accumulate, block_sizes, ..options(4) };
        let mut trainer = trainer(&gpu, data(8, 16), options);
        let events: Vec<TrainEvent> = std::iter::from_fn(|| trainer.next().unwrap()).collect();
        steps(&events).iter().map(|step| step.loss).collect()
    };
    let (one, two) = (losses(8, 1), losses(4, 2));
    for (a, b) in one.iter().zip(&two) {
        assert!((a - b).abs() < 1e-4, "{one:?}, {two:?}");
    }
    assert!((losses(4, 1)[3] - one[3]).abs() > 1e-4, "a smaller batch differs");
}

/// A run in a folder.
fn run(gpu: &Gpu, folder: &Path, seed: u64) -> bdlm::Result<TrainRun> {
    let options = TrainOptions { seed, ..options(12) };
    let checks = ChecksOptions { every_steps: Some(5), searches: true, ..options.checks.clone() };
    let options = TrainOptions { checks, loss: Loss::Resampled, ..options };
    let files = RunFiles {
        folder: RunFolder::open(folder, Earlier::Resume)?,
        save_every: 3,
        config: network(16).to_string().into_bytes(),
        settings: Map::new(),
    };
    TrainRun::new(initial(gpu, &spec(16), 1)?, data(8, 16), options, files)
}

/// Events of a run in a folder, `count` at most, and whether that is all.
fn pulled(gpu: &Gpu, folder: &Path, seed: u64, count: usize) -> (Vec<TrainEvent>, bool) {
    let mut run = run(gpu, folder, seed).unwrap();
    let mut events = Vec::new();
    while events.len() < count {
        match run.next().unwrap() {
            Some(event) => events.push(event),
            None => return (events, true),
        }
    }
    (events, false)
}

/// What steps and validations found: all but the times.
fn found(events: &[TrainEvent]) -> Vec<(usize, Vec<f64>)> {
    let mut found: Vec<(usize, Vec<f64>)> = Vec::new();
    for event in events {
        match event {
            TrainEvent::Step(s) => found.push((s.step, vec![s.loss, s.grad_norm, s.rate])),
            TrainEvent::Validation(v) => {
                let mut numbers: Vec<f64> = v.nelbo.iter().map(|n| n.nats_per_token).collect();
                numbers.extend([v.interval.low, v.interval.high]);
                found.push((v.step, numbers));
            }
            _ => {}
        }
    }
    found
}

#[test]
fn a_run_that_was_interrupted_goes_on_as_if_it_was_not() {
    let Some(gpu) = gpu(None) else { return };
    let whole = tempfile::tempdir().unwrap();
    let (events, is_done) = pulled(&gpu, whole.path(), 1, usize::MAX);
    assert!(is_done);
    let wanted = found(&events);
    for stops in [vec![1, 6], vec![9], vec![4, 7, 3, 12]] {
        let parts = tempfile::tempdir().unwrap();
        let mut seen: Vec<(usize, Vec<f64>)> = Vec::new();
        // Dropped without a word, as by kill -9.
        for count in stops.into_iter().chain([usize::MAX]) {
            for (step, numbers) in found(&pulled(&gpu, parts.path(), 1, count).0) {
                // What was done after the last save is done again.
                match seen.iter().find(|(at, seen)| *at == step && seen.len() == numbers.len()) {
                    Some((_, before)) => assert_eq!(*before, numbers, "step {step}"),
                    None => seen.push((step, numbers)),
                }
            }
        }
        assert_eq!(seen, wanted);
        let file = |folder: &Path| std::fs::read(folder.join("model.safetensors")).unwrap();
        assert_eq!(file(parts.path()), file(whole.path()));
    }
    let other = tempfile::tempdir().unwrap();
    assert_ne!(found(&pulled(&gpu, other.path(), 2, usize::MAX).0), wanted, "another seed differs");
}

#[test]
fn a_run_that_is_stopped_gives_the_events_of_all_that_it_saved() {
    let Some(gpu) = gpu(None) else { return };
    let whole = tempfile::tempdir().unwrap();
    let wanted = found(&pulled(&gpu, whole.path(), 1, usize::MAX).0);
    for count in [2, 6, 8] {
        let parts = tempfile::tempdir().unwrap();
        let mut begun = run(&gpu, parts.path(), 1).unwrap();
        let mut events: Vec<TrainEvent> =
            (0..count).map(|_| begun.next().unwrap().unwrap()).collect();
        events.extend(begun.stop().unwrap());
        events.extend(pulled(&gpu, parts.path(), 1, usize::MAX).0);
        assert_eq!(found(&events), wanted, "stopped after {count} events");
    }
}

#[test]
fn the_model_of_a_run_is_one_that_runs() {
    for gpu in gpus() {
        let folder = tempfile::tempdir().unwrap();
        pulled(&gpu, folder.path(), 1, usize::MAX);
        let files = ModelFiles::open(folder.path()).unwrap();
        let engine = Engine::load(&gpu, &files, bdlm::gpu::DType::F32, &mut |_, _| {}).unwrap();
        assert_eq!(engine.network().spec().block_size(), Some(4));
    }
}

#[test]
fn a_run_is_not_gone_on_with_under_other_settings() {
    let Some(gpu) = gpu(None) else { return };
    let folder = tempfile::tempdir().unwrap();
    pulled(&gpu, folder.path(), 1, 6);
    let Err(error) = run(&gpu, folder.path(), 2) else { panic!("accepted") };
    assert!(error.to_string().contains("seed 1, not 2"), "{error}");
    let error = RunFolder::open(folder.path(), Earlier::Refuse).unwrap_err();
    assert!(error.to_string().contains("holds a run already"), "{error}");
}

#[test]
fn folders_of_other_things_and_of_running_processes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let held = RunFolder::open(folder.path(), Earlier::Refuse).unwrap();
    let error = RunFolder::open(folder.path(), Earlier::Resume).unwrap_err();
    assert!(error.to_string().contains("in use"), "{error}");
    drop(held);
    assert!(RunFolder::open(folder.path(), Earlier::Resume).is_ok());
    for name in ["thesis.txt", "config.json"] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), "x").unwrap();
        let error = RunFolder::open(folder.path(), Earlier::Resume).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_run_that_diverges_ends_and_keeps_what_was_saved() {
    let Some(gpu) = gpu(None) else { return };
    let mut trainer = trainer(&gpu, data(8, 16), options(20));
    let mut events = Vec::new();
    let bad = [f32::NAN; 4];
    // The weights themselves are no numbers any more, nor are the gradients.
    trainer.parameters().list()[0].weight.write(&gpu, &bad.repeat(16 * N_IDS)).unwrap();
    let error = loop {
        match trainer.next() {
            Ok(Some(event)) => events.push(event),
            Ok(None) => panic!("it ended"),
            Err(e) => break e,
        }
    };
    let skipped = events.iter().filter(|event| matches!(event, TrainEvent::Skipped { .. })).count();
    assert_eq!((skipped, steps(&events).len()), (4, 0));
    assert!(error.to_string().contains("5 steps in a row"), "{error}");
    assert!(trainer.next().is_err(), "a run that failed stays so");
}

#[test]
fn options_that_do_not_fit_are_refused() {
    let Some(gpu) = gpu(None) else { return };
    let refused = |options: TrainOptions| {
        let parameters = initial(&gpu, &spec(16), 1).unwrap();
        match Trainer::new(parameters, data(8, 16), options, Progress::default()) {
            Ok(_) => panic!("accepted"),
            Err(e) => e.to_string(),
        }
    };
    let good = || options(3);
    let sizes = TrainOptions { block_sizes: BlockSizes::fixed(5), ..good() };
    assert!(refused(sizes).contains("block size 5"));
    assert!(refused(TrainOptions { batch: 0, ..good() }).contains("batch"));
    let endless = TrainOptions { length: Length::default(), ..good() };
    assert!(refused(endless).contains("no end"));
    let betas = OptimiserOptions { betas: [1.0, 0.9], ..OptimiserOptions::default() };
    assert!(refused(TrainOptions { optimiser: betas, ..good() }).contains("betas"));
    let bytes: Arc<[u8]> = Arc::from(&b"{"[..]);
    let data = TrainData { tokenizer: Some(bytes), ..data(8, 16) };
    let parameters = initial(&gpu, &spec(16), 1).unwrap();
    let mut trainer = Trainer::new(parameters, data, options(1), Progress::default()).unwrap();
    let mut next = || block_on(trainer.next_async());
    let error = std::iter::repeat_with(&mut next).find_map(Result::err).unwrap();
    assert!(error.to_string().contains("tokenizer"), "{error}");
}
