//! Llama-shaped networks against the fixtures, for every kernel family: plain decoders, and those that
//! open masked blocks.

mod common;

use bdlm::gpu::{Commands, DType, Readback, Recorder, Tensor};
use bdlm::hub::{AdapterFiles, FileBytes, HubOptions, ModelFiles};
use bdlm::model::{
    Batch, Checkpoint, Grid, Habits, KvCache, Lora, Mask, Network, Objective, Row, Spec, Workspace,
};
use bdlm::sample::{Engine, LoadOptions};
use common::fixtures::{Fixture, folder};
use common::tolerances::{LARGE_LOGITS_F16, LARGE_LOGITS_F32, LOGITS_F32};
use common::{check, gpu, gpus};

/// The fixtures of block diffusion, with what their files do not say.
const BLOCKS: [(&str, Habits); 3] = [
    ("qwen3-block4", Habits { mask_id: None, block_size: None, grid: None }),
    ("qwen2-block8", Habits { mask_id: Some(125), block_size: None, grid: None }),
    ("qwen3-block8", Habits { mask_id: Some(125), block_size: Some(8), grid: None }),
];

/// Runs cases of a fixture on everything that this machine can run them on; with f16 weights the first.
fn check_cases(
    f: &Fixture,
    tolerance: f32,
    cases: &[&str],
    run: impl Fn(&Network, &str) -> Vec<f32>,
) {
    for gpu in gpus() {
        for (weights, tolerance, cases) in
            [(DType::F32, tolerance, cases), (DType::F16, LARGE_LOGITS_F16, &cases[..1])]
        {
            let network = f.load(&gpu, weights);
            for case in cases {
                if let Err(e) = check(&run(&network, case), &f.f32(case), tolerance) {
                    let kernels = gpu.kernels();
                    panic!("{:?} {case}, {kernels} kernels, {weights:?} weights: {e}", f.spec);
                }
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
fn whole_passes_are_block_causal_or_causal() {
    with_blocks(|f| {
        let cases = ["full.logits", "causal.logits", "vector.logits"];
        check_cases(f, LOGITS_F32, &cases, |network, case| {
            let noisy = Some(f.ids("vector.xt"));
            match case {
                "full.logits" => network.logits(&batch(f, "full.ids"), None),
                "causal.logits" => network.logits(&batch(f, "full.ids"), Some(Mask::Before)),
                _ => network.logits(&Batch { noisy, ..batch(f, "vector.x0") }, None),
            }
            .unwrap()
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
    check_cases(f, LOGITS_F32, &["anchored.logits"], |network, _| {
        let mask = Mask::Blocks { size, offset };
        network.logits(&batch(f, "anchored.ids"), Some(mask)).unwrap()
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
        self.part(ids, from, from + ids.len())
    }

    /// The same, of a sequence of so many tokens, of which others may be stored.
    fn part(&self, ids: &[u32], from: usize, length: usize) -> Vec<f32> {
        let (network, gpu, spec) = (self.network, self.network.gpu(), self.network.spec());
        let (mask, count, v) = (spec.mask(None), ids.len(), spec.vocab_size);
        let row = |(i, &id): (usize, &u32)| {
            let position = from + i;
            let spans = [0, mask.end(position, length), 0, 0];
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
        let cases = ["cached.prompt_logits", "cached.logits", "cached.commit_logits"];
        check_cases(f, LOGITS_F32, &cases, |network, case| {
            let cached = Cached::new(network, slots);
            let committed = cached.pass(&prompt, 0);
            if case == "cached.prompt_logits" {
                return committed;
            }
            let pass = |b: usize| {
                let at = prompt.len() + b * size;
                let denoised = cached.pass(&block(&masked, b), at);
                let committed = cached.pass(&block(&clean, b), at);
                if case == "cached.logits" { denoised } else { committed }
            };
            (0..blocks).flat_map(pass).collect()
        });
    });
}

#[test]
fn passes_over_a_part_of_a_block_see_what_the_block_left() {
    let (name, habits) = BLOCKS[1];
    let f = &Fixture::open_with(name, habits);
    let (prompt, block, size) = (f.ids("cached.prompt"), f.ids("part.block"), f.spec.block_size());
    let (at, parts, width) = (f.ids("part.at"), f.ids("part.ids"), f.shape("part.ids")[1]);
    let (begin, end) = (prompt.len(), prompt.len() + size.unwrap());
    check_cases(f, LOGITS_F32, &["part.logits"], |network, _| {
        let cached = Cached::new(network, end);
        cached.pass(&prompt, 0);
        cached.pass(&block, begin);
        let part = |(at, ids): (&u32, &[u32])| cached.part(ids, begin + *at as usize, end);
        at.iter().zip(parts.chunks(width)).flat_map(part).collect()
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
        check_cases(f, LARGE_LOGITS_F32, &["logits", "long.logits"], |network, case| {
            let logits = |ids| network.logits(&batch(f, ids), None).unwrap();
            if case == "logits" {
                return logits("ids");
            }
            let (logits, wanted) = (logits("long.ids"), f.f32(case).len());
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

#[test]
fn an_adapter_is_merged_into_the_matrices() {
    let f = Fixture::open_with("llama-tiny", Habits::default());
    let adapter = folder("llama-tiny-lora");
    let files = AdapterFiles::find(adapter.to_str().unwrap(), &HubOptions::default(), &mut |_| {});
    let files = files.unwrap();
    let cases = std::fs::read(adapter.join("cases.safetensors")).unwrap();
    let wanted = |name: &str| -> Vec<f32> {
        let tensors = safetensors::SafeTensors::deserialize(&cases).unwrap();
        let data = tensors.tensor(name).unwrap().data().as_chunks().0;
        data.iter().map(|&b| f32::from_le_bytes(b)).collect()
    };
    for gpu in gpus() {
        let logits = |ids: &str, scales: &[f32]| {
            let loras = scales.iter().map(|&scale| Lora::read(&files, scale).unwrap()).collect();
            let options = LoadOptions { loras, ..LoadOptions::from(DType::F32) };
            let model = ModelFiles::open(&folder("llama-tiny")).unwrap();
            let engine = Engine::load(&gpu, &model, options, &mut |_, _| {}).unwrap();
            engine.network().logits(&batch(&f, ids), None).unwrap()
        };
        check(&logits("ids", &[1.0]), &wanted("logits"), LARGE_LOGITS_F32).unwrap();
        let long = logits("long.ids", &[1.0]);
        let last = &long[long.len() - wanted("long.logits").len()..];
        check(last, &wanted("long.logits"), LARGE_LOGITS_F32).unwrap();
        // Halves add up; half of it is another network.
        check(&logits("ids", &[0.5, 0.5]), &wanted("logits"), LARGE_LOGITS_F32).unwrap();
        assert!(check(&logits("ids", &[0.5]), &wanted("logits"), LARGE_LOGITS_F16).is_err());
    }
}

#[test]
fn adapters_of_other_kinds_are_refused_by_name() {
    let whole: serde_json::Value = serde_json::from_slice(
        &std::fs::read(folder("llama-tiny-lora").join("adapter_config.json")).unwrap(),
    )
    .unwrap();
    let weights = folder("llama-tiny-lora").join("adapter_model.safetensors");
    let read = |key: &str, value: serde_json::Value| {
        let mut config = whole.clone();
        config[key] = value;
        let config = FileBytes::new("adapter_config.json", config.to_string().into_bytes());
        let files = [
            ("adapter_config.json".to_string(), config),
            ("adapter_model.safetensors".to_string(), FileBytes::open(&weights).unwrap()),
        ];
        Lora::read(&AdapterFiles::from_files("mine", files.into()).unwrap(), 1.0)
    };
    let alone = AdapterFiles::from_files("mine", Default::default()).unwrap_err().to_string();
    assert_eq!(alone, "there is no adapter_config.json among the files of mine");
    for (key, value, words) in [
        ("peft_type", "IA3".into(), "peft_type is `IA3`, expected `LORA`"),
        ("use_dora", true.into(), "use_dora is set"),
        ("bias", "all".into(), "bias is `all`, expected `none`"),
        ("modules_to_save", serde_json::json!(["lm_head"]), "modules_to_save is set"),
        ("alpha_pattern", serde_json::json!({"q_proj": 3}), "alpha_pattern is set"),
        ("fan_in_fan_out", true.into(), "fan_in_fan_out is true"),
        ("r", 0.into(), "r is 0"),
    ] {
        let error = read(key, value).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("adapter_config.json"), "{error}");
    }
    // A model without these layers.
    let adapter = read("r", 4.into()).unwrap();
    let other = Fixture::open("bd3lm-block4").spec;
    let error = Checkpoint::random(&other, 1).adapted(vec![adapter]).err().unwrap().to_string();
    assert!(error.contains("which this model lacks"), "{error}");
}

#[test]
fn a_checkpoint_in_integers_is_the_network_that_would_be_held_in_them() {
    let Some(gpu) = gpu(None) else { return };
    for (name, habits) in [BLOCKS[1], ("gpt2-tiny", Habits::default())] {
        let files = ModelFiles::open(&folder(name)).unwrap();
        let spec = Spec::of_files(&files, habits).unwrap();
        let shards: Vec<_> = files.weights.iter().map(|file| (file.path(), &**file)).collect();
        let checkpoint = Checkpoint::new(&spec, &shards).unwrap();
        let ids: Vec<u32> = (0..24).map(|i| i * 5 % 97).collect();
        let batch = Batch { ids, length: 24, ..Batch::default() };
        for dtype in [DType::Q4, DType::Q8] {
            let mut written = Vec::new();
            let path = std::path::Path::new("model.safetensors");
            let to = (path, &mut written as &mut dyn std::io::Write);
            checkpoint.write_quantised(dtype.into(), to, &mut |_, _| {}).unwrap();
            let packed = Checkpoint::new(&spec, &[(path, &written)]).unwrap();
            let logits = |checkpoint: &Checkpoint<'_>, dtype: DType| {
                let network = Network::load(&gpu, checkpoint, dtype, &mut |_, _| {}).unwrap();
                network.logits(&batch, None).unwrap()
            };
            let wanted = logits(&checkpoint, dtype);
            check(&logits(&packed, dtype), &wanted, LOGITS_F32).unwrap();
            // Held in f32 it is the same network, but for keys and values in f16.
            check(&logits(&packed, DType::F32), &wanted, LARGE_LOGITS_F16).unwrap();
            assert!(check(&logits(&checkpoint, DType::F32), &wanted, LOGITS_F32).is_err());
            // Integers of another count of rows are refused.
            let error = Checkpoint::new(&spec, &[(path, &written[..written.len() - 1])]).err();
            assert!(error.unwrap().to_string().contains("not a whole safetensors file"));
        }
    }
    let f = Fixture::open_with(BLOCKS[0].0, BLOCKS[0].1);
    let random = Checkpoint::random(&f.spec, 1);
    let to = (std::path::Path::new("x"), &mut Vec::new() as &mut dyn std::io::Write);
    let error = random.write_quantised(DType::F16.into(), to, &mut |_, _| {}).unwrap_err();
    assert!(error.to_string().contains("written in q8 or q4"), "{error}");
}
