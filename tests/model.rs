//! Whole passes against the fixtures, for every kernel family and weight format.

mod common;

use std::sync::Arc;

use bdlm::gpu::layout::STEP_WORDS;
use bdlm::gpu::{Commands, DType, Gpu, KernelFamily, Readback, Recorder, Tensor, Vocabulary};
use bdlm::measure::PassCounts;
use bdlm::model::{Batch, Checkpoint, Habits, KvCache, Mask, Network, Ring, Row, Spec, Workspace};
use bdlm::sample::BlockSize;
use common::fixtures::Fixture;
use common::{check, gpu, gpus, tolerances};

const FORMATS: [(DType, f32); 2] =
    [(DType::F32, tolerances::LOGITS_F32), (DType::F16, tolerances::LOGITS_F16)];

/// Runs a case of a fixture on everything that this machine can run it on.
fn check_all(fixture: &str, case: &str, run: impl Fn(&Fixture, &Network) -> Vec<f32>) {
    let fixture_data = Fixture::open(fixture);
    for gpu in gpus() {
        for (weights, tolerance) in FORMATS {
            let got = run(&fixture_data, &fixture_data.load(&gpu, weights));
            if let Err(e) = check(&got, &fixture_data.f32(case), tolerance) {
                panic!("{fixture} {case}, {:?} kernels, {weights:?} weights: {e}", gpu.kernels());
            }
        }
    }
}

fn batch(f: &Fixture, ids: &str, noisy: Option<&str>, sigma: Option<&str>) -> Batch {
    Batch {
        ids: f.ids(ids),
        noisy: noisy.map(|name| f.ids(name)),
        sigma: sigma.map(|name| f.f32(name)),
        length: f.shape(ids)[1],
    }
}

#[test]
fn the_training_pass_gives_the_logits_of_the_noisy_half() {
    for fixture in ["bd3lm-block4", "bd3lm-block8"] {
        check_all(fixture, "train.logits", |f, network| {
            let batch = batch(f, "train.x0", Some("train.xt"), Some("train.sigma"));
            network.logits(&batch, None).unwrap()
        });
    }
}

#[test]
fn the_plain_pass_is_block_causal() {
    for fixture in ["bd3lm-block4", "bd3lm-block8"] {
        check_all(fixture, "plain.logits", |f, network| {
            network.logits(&batch(f, "plain.ids", None, None), None).unwrap()
        });
    }
}

#[test]
fn mdlm_sees_both_sides() {
    check_all("mdlm", "logits", |f, network| {
        network.logits(&batch(f, "xt", None, Some("sigma")), None).unwrap()
    });
}

#[test]
fn sedd_is_conditioned_on_the_noise_of_each_sequence() {
    check_all("sedd", "logits", |f, network| {
        network.logits(&batch(f, "xt", None, Some("sigma")), None).unwrap()
    });
}

#[test]
fn ar_sees_what_came_before() {
    check_all("ar", "logits", |f, network| {
        network.logits(&batch(f, "x0", None, None), None).unwrap()
    });
}

#[test]
fn gpt2_runs_on_the_same_layers() {
    check_all("gpt2-tiny", "logits", |f, network| {
        network.logits(&batch(f, "ids", None, None), None).unwrap()
    });
}

#[test]
fn cached_passes_slide_the_window_beyond_its_length() {
    for fixture in ["bd3lm-block4", "bd3lm-block8"] {
        check_all(fixture, "cached.logits", cached_logits);
    }
}

/// Step by step: a pass over masked blocks gives logits, then the clean blocks are stored.
fn cached_logits(f: &Fixture, network: &Network) -> Vec<f32> {
    let [steps, lanes, size] = f.shape("cached.masked")[..] else { panic!("unexpected shape") };
    assert!(steps * size > f.spec.window, "the window does not slide");
    let (masked, clean) = (f.ids("cached.masked"), f.ids("cached.clean"));
    let window = f.spec.window / size;
    let capacity = window + 1;
    let ring = |lane| Ring { base: lane * capacity * size, block_size: size, window, capacity };
    let rings: Vec<Ring> = (0..lanes).map(ring).collect();
    let slots = lanes * rings[0].slots();
    let cache =
        KvCache::new(network.gpu(), network.spec(), network.weights_dtype(), slots).unwrap();
    let workspace = Workspace::new(network.gpu(), network.spec(), lanes * size).unwrap();
    let rows = |ids: &[u32], step: usize| -> Vec<Row> {
        let at = |i: usize| (&rings[i / size], step * size + i % size);
        let row = |i: usize| {
            let (ring, position) = at(i);
            let id = ids[step * lanes * size + i];
            Row { id, position, slot: ring.slot(position), spans: ring.spans(step) }
        };
        (0..lanes * size).map(row).collect()
    };
    let mut logits = Vec::new();
    for step in 0..steps {
        workspace.write(network.gpu(), &rows(&masked, step), &cache).unwrap();
        logits.extend(pass_logits(network, &workspace, &cache, lanes * size));
        workspace.write(network.gpu(), &rows(&clean, step), &cache).unwrap();
        pass_logits(network, &workspace, &cache, lanes * size);
    }
    logits
}

fn pass_logits(network: &Network, workspace: &Workspace, cache: &KvCache, rows: usize) -> Vec<f32> {
    let (gpu, v) = (network.gpu(), network.spec().vocab_size);
    let columns = v.next_multiple_of(4);
    let logits = Tensor::activation(gpu, "logits", &[rows, columns]).unwrap();
    let pass = workspace.pass(rows, network.spec().block_size().unwrap(), cache, None).unwrap();
    let mut recorder = Recorder::new(gpu);
    network.record_layers(&mut recorder, &pass).unwrap();
    network.record_final_norm(&mut recorder, &pass, &pass.x.rows(0, rows).unwrap()).unwrap();
    network.record_head(&mut recorder, &pass, 0, &logits).unwrap();
    let numbers = run_and_read(gpu, recorder, &logits, rows * columns);
    numbers.chunks(columns).flat_map(|row| row[..v].to_vec()).collect()
}

fn run_and_read<T: bytemuck::Pod>(
    gpu: &Gpu,
    recorder: Recorder<'_>,
    tensor: &Tensor,
    count: usize,
) -> Vec<T> {
    let mut commands = Commands::new(gpu);
    commands.run(&recorder.finish().unwrap());
    let staging = Readback::new(gpu, (count * 4) as u64);
    pollster::block_on(commands.read(tensor, count, &staging)).unwrap()
}

#[test]
fn the_nucleus_excludes_the_crossing_token() {
    for fixture in ["bd3lm-block4", "bd3lm-block8"] {
        let f = Fixture::open(fixture);
        let v = f.spec.vocab_size;
        for (case, top_p) in [("0.3", 0.3f32), ("0.9", 0.9), ("0.99", 0.99)] {
            let wanted: Vec<bool> =
                f.f32(&format!("nucleus.top_p_{case}")).iter().map(|&p| p > 0.0).collect();
            for gpu in gpus() {
                let got = kept_tokens(&gpu, &f.f32("nucleus.probs"), v, top_p);
                assert_eq!(got, wanted, "{fixture}, top-p {case}, {:?} kernels", gpu.kernels());
            }
        }
    }
}

/// The tokens of each row that the threshold kernel keeps.
fn kept_tokens(gpu: &Gpu, probabilities: &[f32], v: usize, top_p: f32) -> Vec<bool> {
    let rows = probabilities.len() / v;
    let columns = v.next_multiple_of(4);
    let log = |p: &f32| if *p > 0.0 { p.ln() } else { -1e30 };
    let mut numbers = vec![0f32; rows * columns];
    for (row, p) in numbers.chunks_mut(columns).zip(probabilities.chunks(v)) {
        row.iter_mut().zip(p).for_each(|(logit, p)| *logit = log(p));
    }
    // The mask is not among these tokens: it gets an id of its own, beyond them.
    let mask_id = v as u32;
    let tensor =
        |label: &str, shape: &[usize], dtype| Tensor::padded(gpu, label, shape, dtype, 64).unwrap();
    let logits = tensor("logits", &[rows, columns], DType::F32);
    logits.write(gpu, &numbers).unwrap();
    let masked = tensor("masked", &[rows], DType::U32);
    masked.write(gpu, &(0..rows as u32).collect::<Vec<_>>()).unwrap();
    let step = Tensor::padded(gpu, "step", &[STEP_WORDS], DType::U32, 1).unwrap();
    let sampling = bdlm::sample::Sampling { top_p, ..Default::default() };
    step.write(gpu, &[sampling.uniform(0, BlockSize { cells: 1, masked: 1 })]).unwrap();
    let limits = tensor("limits", &[rows, 2], DType::U32);
    let mut recorder = Recorder::new(gpu);
    recorder
        .threshold(&logits, &masked, &step, Vocabulary { size: v, mask_id, counted: None }, &limits)
        .unwrap();
    let found: Vec<u32> = run_and_read(gpu, recorder, &limits, rows * 2);
    let passes = |t: usize, id: usize| {
        let bits = numbers[t * columns + id].to_bits();
        let key = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
        key > found[2 * t] || (key == found[2 * t] && (id as u32) < found[2 * t + 1])
    };
    (0..rows * v).map(|i| passes(i / v, i % v)).collect()
}

#[test]
fn products_that_rotate_and_cache_give_the_same_network() {
    // Heads as wide as a tile of the outer products, which only larger networks have; the plain
    // kernels rotate in a dispatch of their own.
    let json = serde_json::json!({
        "model_type": "bd3lm", "block_size": 4, "vocab_size": 99, "model_length": 64,
        "hidden_dim": 512, "cond_dim": 16, "n_blocks": 2, "n_heads": 8, "cross_attn": true,
        "causal": false, "bos_token_id": 0,
    });
    let spec = Spec::from_json(json.to_string().as_bytes()).unwrap();
    let checkpoint = Checkpoint::random(&spec, 3);
    for length in [4, 8, 12, 16, 64] {
        let ids = (0..2 * length as u32).map(|i| i * 37 % 98).collect();
        let batch = Batch { ids, length, ..Batch::default() };
        let logits = |gpu: &Gpu| {
            let network = Network::load(gpu, &checkpoint, DType::F32, &mut |_, _| {}).unwrap();
            network.logits(&batch, Some(Mask::blocks(4))).unwrap()
        };
        let Some(plain) = gpu(Some(KernelFamily::Plain)) else { return };
        let wanted = logits(&plain);
        for gpu in gpus() {
            check(&logits(&gpu), &wanted, tolerances::LOGITS_F32)
                .unwrap_or_else(|e| panic!("{length} tokens, {:?}: {e}", gpu.kernels()));
        }
    }
}

/// Kernels of the layers of a pass over so many rows.
fn kernels_of_layers(network: &Network, rows: usize) -> Vec<&'static str> {
    let (gpu, spec) = (network.gpu(), network.spec());
    let workspace = Workspace::new(gpu, spec, rows).unwrap();
    let cache = KvCache::new(gpu, spec, network.cache_dtype(), rows).unwrap();
    let pass = workspace.pass(rows, rows, &cache, None).unwrap();
    let mut r = Recorder::new(gpu);
    network.record_layers(&mut r, &pass).unwrap();
    r.finish().unwrap().kernels().filter(|&kernel| kernel != "embedding").collect()
}

#[test]
fn a_layer_of_few_rows_has_five_dispatches_on_gpus() {
    const PRODUCT: &str = "matmul_rows";
    let layer = [PRODUCT, "attention_joined", PRODUCT, PRODUCT, PRODUCT];
    // Heads are normalised between the first product and attention.
    let normed = [&layer[..1], &["normed_rotary"], &layer[1..]].concat();
    for gpu in gpus().filter(|gpu| gpu.kernels().is_for_gpus()) {
        for name in ["bd3lm-block4", "gpt2-tiny", "llama-tiny", "qwen3-block4"] {
            let fixture = match name {
                "qwen3-block4" => Fixture::open_with(name, Habits::default()),
                _ => Fixture::open(name),
            };
            let network = fixture.load(&gpu, DType::F16);
            let layer = if fixture.spec.head_norms { &normed } else { &layer[..] };
            for rows in [1, 4, 9, 16] {
                let wanted = layer.repeat(fixture.spec.n_layers);
                assert_eq!(kernels_of_layers(&network, rows), wanted, "{name}, {rows} rows");
            }
            // The tiles of more rows would each compute the norm.
            let count = kernels_of_layers(&network, 17).len();
            assert_eq!(count, (layer.len() + 2) * fixture.spec.n_layers, "{name}");
        }
    }
}

#[test]
fn a_pass_of_few_rows_loads_each_weight_once_and_a_draw_once_a_tile() {
    let Some(gpu) = gpu(Some(KernelFamily::Workgroup)) else { return };
    let network = Arc::new(Fixture::open("bd3lm-block4").load(&gpu, DType::F16));
    let Spec { channels: c, mlp, vocab_size, n_layers, window, .. } = network.spec().clone();
    let numbers = n_layers * (4 * c * c + 2 * c * mlp.width) + vocab_size.next_multiple_of(4) * c;
    let products = |counts: PassCounts| {
        counts.kernels.into_iter().find(|kernel| kernel.kernel == "matmul_rows").unwrap()
    };
    let pass = products(PassCounts::of_pass(&network, 4, 4).unwrap());
    assert_eq!(pass.weight_bytes, 2.0 * numbers as f64);
    assert_eq!(pass.multiply_adds, 4.0 * numbers as f64);
    assert_eq!(pass.dispatches, 4 * n_layers + 1);
    assert!(pass.floor_us > 0.0 && pass.floor_us < 1e6 * 2.0 * pass.weight_bytes / 3850e9);
    let draw = products(PassCounts::of_draw(&network, 4).unwrap());
    let tiles = (window as f64 / 16.0).ceil();
    assert!(
        draw.weight_bytes > tiles * (pass.weight_bytes - 2.0 * (vocab_size * c) as f64),
        "{draw:?}"
    );
}

#[test]
fn a_wrong_network_is_rejected() {
    let Some(gpu) = gpu(None) else { return };
    let f = Fixture::open("bd3lm-block4");
    let network = f.load(&gpu, DType::F32);
    // Blocks of another size see other tokens.
    let got = network
        .logits(
            &batch(&f, "plain.ids", None, None),
            Some(Mask::blocks(2 * f.spec.block_size().unwrap())),
        )
        .unwrap();
    assert!(check(&got, &f.f32("plain.logits"), tolerances::LOGITS_F16).is_err());
}
