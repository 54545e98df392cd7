//! Llama-shaped networks against the fixtures, for every kernel family: plain decoders, and those that
//! open masked blocks.

mod common;

use bdlm::gpu::{Commands, DType, Readback, Recorder, Tensor};
use bdlm::model::{Batch, Grid, Habits, KvCache, Mask, Network, Objective, Row, Spec, Workspace};
use common::fixtures::{Fixture, folder};
use common::tolerances::{LARGE_LOGITS_F16, LARGE_LOGITS_F32, LOGITS_F32};
use common::{check, gpu, gpus};

/// The fixtures of block diffusion, with what their files do not say.
const BLOCKS: [(&str, Habits); 3] = [
    ("qwen3-block4", Habits { mask_id: None, block_size: None, grid: None }),
    ("qwen2-block8", Habits { mask_id: Some(125), block_size: None, grid: None }),
    ("qwen3-block8", Habits { mask_id: Some(125), block_size: Some(8), grid: None }),
];

/// Runs a case of a fixture on everything that this machine can run it on.
fn check_all(f: &Fixture, case: &str, tolerance: f32, run: impl Fn(&Network) -> Vec<f32>) {
    for gpu in gpus() {
        for (weights, tolerance) in [(DType::F32, tolerance), (DType::F16, LARGE_LOGITS_F16)] {
            let got = run(&f.load(&gpu, weights));
            if let Err(e) = check(&got, &f.f32(case), tolerance) {
                panic!(
                    "{:?} {case}, {:?} kernels, {weights:?} weights: {e}",
                    f.spec,
                    gpu.kernels()
                );
            }
        }
    }
}

fn batch(f: &Fixture, ids: &str) -> Batch {
    Batch { ids: f.ids(ids), length: f.shape(ids)[1], ..Batch::default() }
}

fn with_blocks(test: impl Fn(&Fixture)) {
    BLOCKS.into_iter().for_each(|(name, habits)| test(&Fixture::open_with(name, habits)));
}

#[test]
fn a_plain_pass_is_block_causal_on_the_grid_of_the_sequence() {
    with_blocks(|f| {
        check_all(f, "full.logits", LOGITS_F32, |network| {
            network.logits(&batch(f, "full.ids"), None).unwrap()
        });
    });
}

#[test]
fn the_same_network_is_a_causal_decoder() {
    with_blocks(|f| {
        check_all(f, "causal.logits", LOGITS_F32, |network| {
            network.logits(&batch(f, "full.ids"), Some(Mask::Before)).unwrap()
        });
    });
}

#[test]
fn the_grid_may_end_a_block_with_the_prompt() {
    let (name, habits) = BLOCKS[2];
    let f = &Fixture::open_with(name, habits);
    let offset = f.tensor("anchored.offset").data()[0].into();
    let size = f.spec.block_size().unwrap();
    assert!(offset > 0 && offset < size);
    check_all(f, "anchored.logits", LOGITS_F32, |network| {
        let mask = Mask::Blocks { size, offset };
        network.logits(&batch(f, "anchored.ids"), Some(mask)).unwrap()
    });
}

#[test]
fn the_training_pass_gives_the_logits_of_the_noisy_half() {
    with_blocks(|f| {
        check_all(f, "vector.logits", LOGITS_F32, |network| {
            let noisy = Some(f.ids("vector.xt"));
            network.logits(&Batch { noisy, ..batch(f, "vector.x0") }, None).unwrap()
        });
    });
}

/// Passes over a cache from the first slot on.
struct Cached<'a> {
    network: &'a Network,
    workspace: Workspace,
    cache: KvCache,
}

impl<'a> Cached<'a> {
    fn new(network: &'a Network, slots: usize) -> Cached<'a> {
        let (gpu, spec) = (network.gpu(), network.spec());
        let cache = KvCache::new(gpu, spec, network.cache_dtype(), slots).unwrap();
        Cached { network, workspace: Workspace::new(gpu, spec, slots).unwrap(), cache }
    }

    /// Logits of tokens from position `from` on; their keys and values are stored.
    fn pass(&self, ids: &[u32], from: usize) -> Vec<f32> {
        let (network, gpu, spec) = (self.network, self.network.gpu(), self.network.spec());
        let (mask, count, v) = (spec.mask(None), ids.len(), spec.vocab_size);
        let row = |(i, &id): (usize, &u32)| {
            let position = from + i;
            let spans = [0, mask.end(position, from + count), 0, 0];
            Row { id, position, slot: position, spans }
        };
        let rows: Vec<Row> = ids.iter().enumerate().map(row).collect();
        self.workspace.write(gpu, &rows, &self.cache).unwrap();
        let pass = self.workspace.pass(count, count, &self.cache, None).unwrap();
        let columns = spec.logits_columns();
        let logits = Tensor::activation(gpu, "logits", &[count, columns]).unwrap();
        let mut recorder = Recorder::new(gpu);
        network.record_layers(&mut recorder, &pass).unwrap();
        network.record_final_norm(&mut recorder, &pass, &pass.x).unwrap();
        network.record_head(&mut recorder, &pass, 0, &logits).unwrap();
        let mut commands = Commands::new(gpu);
        commands.run(&recorder.finish().unwrap());
        let staging = Readback::new(gpu, (count * columns * 4) as u64);
        let numbers: Vec<f32> =
            pollster::block_on(commands.read(&logits, count * columns, &staging)).unwrap();
        numbers.chunks(columns).flat_map(|row| row[..v].to_vec()).collect()
    }
}

#[test]
fn cached_passes_give_the_logits_of_whole_ones() {
    with_blocks(|f| {
        let [blocks, size] = f.shape("cached.masked")[..] else { panic!("unexpected shape") };
        let (prompt, masked, clean) =
            (f.ids("cached.prompt"), f.ids("cached.masked"), f.ids("cached.clean"));
        let slots = prompt.len() + blocks * size;
        let block = |ids: &[u32], b: usize| ids[b * size..(b + 1) * size].to_vec();
        check_all(f, "cached.prompt_logits", LOGITS_F32, |network| {
            Cached::new(network, slots).pass(&prompt, 0)
        });
        for case in ["cached.logits", "cached.commit_logits"] {
            check_all(f, case, LOGITS_F32, |network| {
                let cached = Cached::new(network, slots);
                cached.pass(&prompt, 0);
                let pass = |b: usize| {
                    let at = prompt.len() + b * size;
                    let denoised = cached.pass(&block(&masked, b), at);
                    let committed = cached.pass(&block(&clean, b), at);
                    if case == "cached.logits" { denoised } else { committed }
                };
                (0..blocks).flat_map(pass).collect()
            });
        }
    });
}

/// The plain decoders.
const DECODERS: [&str; 4] =
    ["llama-tiny", "llama-tiny-untied", "llama-tiny-yarn", "llama-tiny-bf16-sharded"];

#[test]
fn plain_decoders_give_the_logits_of_transformers() {
    for name in DECODERS {
        let f = &Fixture::open_with(name, Habits::default());
        assert_eq!(f.spec.objective, Objective::Autoregressive);
        check_all(f, "logits", LARGE_LOGITS_F32, |network| {
            network.logits(&batch(f, "ids"), None).unwrap()
        });
        check_all(f, "long.logits", LARGE_LOGITS_F32, |network| {
            let logits = network.logits(&batch(f, "long.ids"), None).unwrap();
            let wanted = f.f32("long.logits").len();
            logits[logits.len() - wanted..].to_vec()
        });
    }
}

#[test]
fn the_config_of_transformers_5_is_the_same_network() {
    for name in DECODERS {
        let read =
            |file: &str| Spec::from_json(&std::fs::read(folder(name).join(file)).unwrap()).unwrap();
        assert_eq!(read("config.json"), read("config.transformers5.json"), "{name}");
    }
}

#[test]
fn a_wrong_network_is_rejected() {
    let Some(gpu) = gpu(None) else { return };
    let f = Fixture::open_with("llama-tiny-yarn", Habits::default());
    let plain = Spec {
        positions: Fixture::open_with("llama-tiny", Habits::default()).spec.positions,
        ..f.spec.clone()
    };
    let logits = |spec: &Spec| {
        let network = f.load_as(&gpu, DType::F32, spec);
        network.logits(&batch(&f, "ids"), None).unwrap()
    };
    assert!(check(&logits(&f.spec), &f.f32("logits"), LARGE_LOGITS_F32).is_ok());
    assert!(check(&logits(&plain), &f.f32("logits"), LARGE_LOGITS_F16).is_err());
    let (name, habits) = BLOCKS[0];
    let f = Fixture::open_with(name, habits);
    let network = f.load(&gpu, DType::F32);
    let got = network.logits(&batch(&f, "full.ids"), Some(Mask::blocks(8))).unwrap();
    assert!(check(&got, &f.f32("full.logits"), LARGE_LOGITS_F16).is_err());
}

#[test]
fn habits_are_those_asked_for_then_of_the_files_then_of_the_kind() {
    let spec = |(name, habits): (&str, Habits)| Fixture::open_with(name, habits).spec;
    let sdar = spec(BLOCKS[0]);
    assert_eq!((sdar.block_size(), sdar.mask_id, sdar.logit_shift), (Some(4), Some(125), 0));
    assert_eq!((sdar.grid, &sdar.stop_ids[..]), (Grid::Sequence, &[124, 123][..]));
    let fast = spec(BLOCKS[1]);
    assert_eq!((fast.block_size(), fast.mask_id, fast.logit_shift), (Some(8), Some(125), 1));
    let dllm = spec(BLOCKS[2]);
    assert_eq!((dllm.block_size(), dllm.grid, dllm.logit_shift), (Some(8), Grid::Prompt, 0));
    let asked = Habits { mask_id: Some(3), block_size: Some(2), grid: Some(Grid::Prompt) };
    let other = spec(("llama-tiny", asked));
    assert_eq!((other.objective, other.mask_id), (Objective::Block { size: 2 }, Some(3)));
    assert_eq!((other.logit_shift, other.grid), (0, Grid::Prompt));
}
