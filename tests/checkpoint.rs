//! Loading checkpoints: every wrong file is refused with words, every right one gives the same
//! network, and no bytes whatever make the loader panic.

mod common;

use std::path::Path;

use bdlm::gpu::{DType, Gpu};
use bdlm::model::{Batch, Checkpoint, Network, Spec};
use common::fixtures::Fixture;
use common::{check, gpu, gpus, tolerances, twins};
use half::{bf16, f16};
use proptest::prelude::*;
use safetensors::tensor::{Dtype, TensorView};

/// A tensor on its way into a file.
#[derive(Clone)]
struct Stored {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    data: Vec<u8>,
}

fn stored(f: &Fixture) -> Vec<Stored> {
    let bytes = f.weights();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let stored = |(name, view): (String, TensorView<'_>)| Stored {
        name,
        dtype: view.dtype(),
        shape: view.shape().to_vec(),
        data: view.data().to_vec(),
    };
    tensors.tensors().into_iter().map(stored).collect()
}

fn file(tensors: &[Stored]) -> Vec<u8> {
    let views = tensors
        .iter()
        .map(|t| (t.name.as_str(), TensorView::new(t.dtype, t.shape.clone(), &t.data).unwrap()));
    safetensors::serialize(views, None).unwrap()
}

/// What the loader says of these files, up to the device.
fn refusal(config: &Spec, files: &[Vec<u8>]) -> String {
    let path = Path::new("model.safetensors");
    let files: Vec<(&Path, &[u8])> = files.iter().map(|bytes| (path, &bytes[..])).collect();
    match Checkpoint::new(config, &files) {
        Err(e) => e.to_string(),
        Ok(checkpoint) => {
            let names = config.tensors().into_iter().map(|(name, _)| name);
            let read = names.map(|name| checkpoint.tensor(&name).map(drop));
            read.collect::<Result<(), _>>().map_or_else(|e| e.to_string(), |()| "accepted".into())
        }
    }
}

fn with(f: &Fixture, name: &str, change: impl Fn(&mut Stored)) -> Vec<Vec<u8>> {
    let mut tensors = stored(f);
    change(tensors.iter_mut().find(|t| t.name.ends_with(name)).unwrap());
    vec![file(&tensors)]
}

#[test]
fn tensors_that_do_not_fit_are_listed_in_one_error() {
    let f = Fixture::open("bd3lm-block4");
    assert_eq!(refusal(&f.spec, &[f.weights()]), "accepted");
    let mut tensors = stored(&f);
    tensors.retain(|t| !t.name.ends_with("norm_final.weight"));
    tensors.push(Stored { name: "backbone.extra".into(), ..tensors[0].clone() });
    let bias = tensors.iter_mut().find(|t| t.name.ends_with("blocks.0.mlp.0.bias")).unwrap();
    bias.shape[0] -= 1;
    bias.data.truncate(bias.data.len() - 4);
    let error = refusal(&f.spec, &[file(&tensors)]);
    let c = f.spec.channels;
    assert!(error.contains("does not fit its config.json"), "{error}");
    assert!(error.contains(&format!("norm_final.weight is missing, expected [{c}]")), "{error}");
    assert!(error.contains("extra is unexpected"), "{error}");
    assert!(error.contains(&format!("has shape [{}], expected", 4 * c - 1)), "{error}");
    assert_eq!(error.lines().count(), 4, "{error}");
}

#[test]
fn numbers_that_are_not_finite_or_no_floats_are_named() {
    let f = Fixture::open("bd3lm-block4");
    let nan =
        with(&f, "attn_qkv.weight", |t| t.data[8..12].copy_from_slice(&f32::NAN.to_le_bytes()));
    let error = refusal(&f.spec, &nan);
    assert!(error.contains("attn_qkv.weight holds NaN at index 2"), "{error}");
    let integers = with(&f, "attn_qkv.weight", |t| t.dtype = Dtype::I32);
    let error = refusal(&f.spec, &integers);
    assert!(error.contains("attn_qkv.weight is I32, expected F32, F16 or BF16"), "{error}");
}

#[test]
fn damaged_files_are_told_apart_from_wrong_ones() {
    let f = Fixture::open("bd3lm-block4");
    let whole = f.weights();
    for cut in [0, 5, 100, whole.len() / 2, whole.len() - 1] {
        let error = refusal(&f.spec, &[whole[..cut].to_vec()]);
        assert!(error.contains("not a whole safetensors file"), "{cut} bytes: {error}");
        assert!(error.contains(&format!("{cut} bytes")), "{error}");
    }
    let error = refusal(&f.spec, &[whole.clone(), whole]);
    assert!(error.contains("is there twice"), "{error}");
}

/// Logits of a network loaded from these files.
fn logits(f: &Fixture, files: &[Vec<u8>]) -> Option<Vec<f32>> {
    Some(logits_on(&gpu(None)?, f, files, DType::F32))
}

fn logits_on(gpu: &Gpu, f: &Fixture, files: &[Vec<u8>], weights: DType) -> Vec<f32> {
    let path = Path::new("model.safetensors");
    let files: Vec<(&Path, &[u8])> = files.iter().map(|bytes| (path, &bytes[..])).collect();
    let checkpoint = Checkpoint::new(&f.spec, &files).unwrap();
    let network = Network::load(gpu, &checkpoint, weights, &mut |_, _| {}).unwrap();
    let batch =
        Batch { ids: f.ids("plain.ids"), length: f.shape("plain.ids")[1], ..Default::default() };
    network.logits(&batch, None).unwrap()
}

#[test]
fn prefixes_shards_and_half_precision_give_the_same_network() {
    let f = Fixture::open("bd3lm-block4");
    let Some(wanted) = logits(&f, &[f.weights()]) else { return };
    let tensors = stored(&f);
    let bare =
        tensors.iter().map(|t| Stored { name: t.name.replace("backbone.", ""), ..t.clone() });
    assert_eq!(logits(&f, &[file(&bare.collect::<Vec<_>>())]).unwrap(), wanted);
    let compiled = tensors
        .iter()
        .map(|t| Stored { name: t.name.replace("backbone.", "backbone._orig_mod."), ..t.clone() });
    assert_eq!(logits(&f, &[file(&compiled.collect::<Vec<_>>())]).unwrap(), wanted);
    let (first, second) = tensors.split_at(tensors.len() / 2);
    assert_eq!(logits(&f, &[file(first), file(second)]).unwrap(), wanted);
    let halves = |dtype, half: fn(f32) -> [u8; 2]| {
        let convert = |t: &Stored| Stored {
            dtype,
            data: t.data.as_chunks().0.iter().flat_map(|&b| half(f32::from_le_bytes(b))).collect(),
            ..t.clone()
        };
        let tensors: Vec<Stored> = tensors.iter().map(convert).collect();
        logits(&f, &[file(&tensors)]).unwrap()
    };
    let f16 = halves(Dtype::F16, |x| f16::from_f32(x).to_le_bytes());
    check(&f16, &wanted, tolerances::LOGITS_F16).unwrap();
    let bf16 = halves(Dtype::BF16, |x| bf16::from_f32(x).to_le_bytes());
    // Three bits fewer than f16.
    check(&bf16, &wanted, 8.0 * tolerances::LOGITS_F16).unwrap();
    assert!(check(&bf16, &wanted, tolerances::LOGITS_F32).is_err(), "the precision is lower");
}

#[test]
fn eight_bits_are_as_exact_as_a_checkpoint_that_was_rounded_to_them() {
    let f = Fixture::open("bd3lm-block4");
    let held = ["embedding", "attn_qkv.weight", "attn_out.weight", "linear.weight"];
    let is_matrix = |name: &str| {
        let is_mlp = name.contains("blocks") && name.contains("mlp") && name.ends_with("weight");
        is_mlp || held.iter().any(|end| name.ends_with(end))
    };
    let rounded = |t: Stored| {
        if !is_matrix(&t.name) {
            return t;
        }
        let numbers: Vec<f32> =
            t.data.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
        let rounded = twins::q8(&numbers, t.shape[1]);
        Stored { data: rounded.iter().flat_map(|x| x.to_le_bytes()).collect(), ..t }
    };
    let rounded: Vec<Stored> = stored(&f).into_iter().map(rounded).collect();
    for gpu in gpus() {
        let got = logits_on(&gpu, &f, &[f.weights()], DType::Q8);
        let wanted = logits_on(&gpu, &f, &[file(&rounded)], DType::F32);
        // Keys and values are f16 beside eight bits.
        check(&got, &wanted, tolerances::LOGITS_F16)
            .unwrap_or_else(|e| panic!("{:?} kernels: {e}", gpu.kernels()));
        let exact = logits_on(&gpu, &f, &[f.weights()], DType::F32);
        assert!(check(&got, &exact, tolerances::LOGITS_F16).is_err(), "the precision is lower");
    }
}

#[test]
fn a_weight_too_large_for_f16_is_named() {
    let Some(gpu) = gpu(None) else { return };
    let f = Fixture::open("bd3lm-block4");
    let large = with(&f, "attn_qkv.weight", |t| t.data[..4].copy_from_slice(&1e6f32.to_le_bytes()));
    let path = Path::new("model.safetensors");
    let checkpoint = Checkpoint::new(&f.spec, &[(path, &large[0])]).unwrap();
    let error =
        Network::load(&gpu, &checkpoint, DType::F16, &mut |_, _| {}).unwrap_err().to_string();
    assert!(error.contains("attn_qkv.weight holds 1000000, too large for f16"), "{error}");
    Network::load(&gpu, &checkpoint, DType::F32, &mut |_, _| {}).unwrap();
}

#[test]
fn configs_that_cannot_be_name_the_key_and_the_range() {
    let whole: serde_json::Value =
        serde_json::from_slice(include_bytes!("fixtures/bd3lm-block4/config.json")).unwrap();
    let error = |key: &str, value: Option<serde_json::Value>| {
        let mut config = whole.clone();
        match value {
            Some(value) => config[key] = value,
            None => drop(config.as_object_mut().unwrap().remove(key)),
        }
        Spec::from_json(config.to_string().as_bytes()).map(drop).unwrap_err().to_string()
    };
    for key in ["block_size", "vocab_size", "model_length", "hidden_dim", "n_blocks", "n_heads"] {
        assert!(error(key, None).contains(&format!("missing field `{key}`")), "{key}");
        assert!(error(key, Some(0.into())).contains(&format!("{key} is 0, expected")), "{key}");
        let huge = error(key, Some((1u64 << 40).into()));
        assert!(huge.contains(&format!("{key} is 1099511627776, expected")), "{huge}");
    }
    assert!(Spec::from_json(b"{").unwrap_err().to_string().contains("not JSON"));
}

#[test]
fn gpt2_configs_that_are_not_run_say_why() {
    let text = include_bytes!("fixtures/gpt2-tiny/config.json");
    let whole: serde_json::Value = serde_json::from_slice(text).unwrap();
    let read = |key: &str, value: serde_json::Value| {
        let mut config = whole.clone();
        config[key] = value;
        Spec::from_json(config.to_string().as_bytes()).map_err(|e| e.to_string())
    };
    let config = read("n_inner", serde_json::Value::Null).unwrap();
    assert_eq!((config.mask_id, config.window), (None, 32), "it has no mask token");
    for (key, value, words) in [
        ("activation_function", "relu".into(), "activation_function is `relu`"),
        ("layer_norm_epsilon", 0.0.into(), "layer_norm_epsilon is 0, expected above 0"),
        ("n_inner", 0.into(), "n_inner is 0, expected 1 to"),
        ("tie_word_embeddings", false.into(), "tied to the embedding"),
        ("n_head", 7.into(), "n_embd is 64, expected a multiple of 4 * n_head (28)"),
    ] {
        let error = read(key, value).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
    let f = Fixture::open("gpt2-tiny");
    let mut tensors = stored(&f);
    tensors.retain(|t| !t.name.ends_with("h.1.ln_1.bias"));
    let error = refusal(&f.spec, &[file(&tensors)]);
    assert!(error.contains("transformer.h.1.ln_1.bias is missing, expected [64]"), "{error}");
    let masks = Stored { name: "h.0.attn.bias".into(), ..tensors[0].clone() };
    let head = Stored { name: "lm_head.weight".into(), ..tensors[0].clone() };
    assert_eq!(refusal(&f.spec, &[file(&[stored(&f), vec![masks, head]].concat())]), "accepted");
}

#[test]
fn names_under_wrappers_of_training_code_are_found() {
    let f = Fixture::open("bd3lm-block4");
    for wrapper in ["module._orig_mod.backbone.", "backbone.module.", "model.backbone.", "model."] {
        let wrapped = |t: Stored| Stored { name: t.name.replace("backbone.", wrapper), ..t };
        let tensors: Vec<Stored> = stored(&f).into_iter().map(wrapped).collect();
        assert_eq!(refusal(&f.spec, &[file(&tensors)]), "accepted", "{wrapper}");
    }
    let stranger = |t: Stored| Stored { name: t.name.replace("backbone.", "ema."), ..t };
    let tensors: Vec<Stored> = stored(&f).into_iter().map(stranger).collect();
    let error = refusal(&f.spec, &[file(&tensors)]);
    assert!(error.contains("is missing"), "{error}");
}

#[test]
fn constants_of_training_code_are_ignored_and_other_strangers_are_not() {
    let f = Fixture::open("bd3lm-block4");
    let with = |name: &str| {
        let mut tensors = stored(&f);
        tensors.push(Stored { name: name.into(), ..tensors[0].clone() });
        refusal(&f.spec, &[file(&tensors)])
    };
    for name in [
        "backbone.block_diff_mask",
        "backbone.blocks.0.rotary_emb.inv_freq",
        "backbone.rotary_emb.cos_cached",
        "sampling_eps_min",
    ] {
        assert_eq!(with(name), "accepted", "{name}");
    }
    for name in ["backbone.blocks.0.attn.bias", "lm_head.weight", "backbone.rotary_emb.scale"] {
        assert!(with(name).contains("is unexpected"), "{name}");
    }
}

#[test]
fn mishaps_of_downloads_are_named() {
    let f = Fixture::open("bd3lm-block4");
    for (bytes, words) in [
        (&b"version https://git-lfs.github.com/spec/v1\noid sha256:a"[..], "Git LFS pointer"),
        (b"<!DOCTYPE html><title>404</title>", "HTML page"),
        (b"PK\x03\x04archive/data.pkl", "pickle"),
    ] {
        let error = refusal(&f.spec, &[bytes.to_vec()]);
        assert!(error.contains(words), "{error}");
        let error = Spec::from_json(bytes).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn configs_say_which_key_is_wrong_and_need_no_key_that_means_nothing() {
    let text = include_bytes!("fixtures/bd3lm-block4/config.json");
    let with = |keys: &[(&str, serde_json::Value)], without: &[&str]| {
        let mut config: serde_json::Value = serde_json::from_slice(text).unwrap();
        keys.iter().for_each(|(key, value)| config[*key] = value.clone());
        without.iter().for_each(|key| drop(config.as_object_mut().unwrap().remove(*key)));
        Spec::from_json(config.to_string().as_bytes()).map_err(|e| e.to_string())
    };
    for (key, value) in [("block_size", "4".into()), ("n_heads", 4.5.into())] {
        let error = with(&[(key, value)], &[]).unwrap_err();
        assert!(error.contains(key) && error.contains("a whole number"), "{error}");
    }
    for (key, value) in [
        ("quantization_config", serde_json::json!({"quant_method": "gptq", "bits": 4})),
        ("quantization", serde_json::json!({"bits": 4, "group_size": 64})),
    ] {
        let error = with(&[(key, value)], &[]).unwrap_err();
        assert!(error.contains(key) && error.contains("quantised"), "{error}");
    }
    let off = serde_json::Value::from(false);
    assert!(with(&[("adaln", off.clone())], &["cond_dim"]).is_ok(), "no adaLN, no cond_dim");
    assert!(with(&[("cross_attn", off.clone())], &["block_size"]).is_ok(), "MDLM has no blocks");
    assert!(with(&[("cross_attn", off), ("block_size", 5.into())], &[]).is_ok());
    assert!(with(&[], &["cond_dim"]).unwrap_err().contains("missing field `cond_dim`"));
    assert!(with(&[], &["block_size"]).unwrap_err().contains("missing field `block_size`"));
    let error = with(&[("n_blocks", 5000.into())], &[]).unwrap_err();
    assert!(error.contains("n_blocks is 5000, expected 1 to 1024"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn no_config_makes_the_reader_panic(
        key in "block_size|vocab_size|model_length|hidden_dim|cond_dim|n_blocks|n_heads|causal|bos_token_id",
        value in prop_oneof![
            any::<i64>().prop_map(serde_json::Value::from),
            any::<f64>().prop_map(serde_json::Value::from),
            any::<bool>().prop_map(serde_json::Value::from),
            (0u64..2048).prop_map(serde_json::Value::from),
            ".{0,8}".prop_map(serde_json::Value::from),
        ],
    ) {
        let text = include_bytes!("fixtures/bd3lm-block4/config.json");
        let mut config: serde_json::Value = serde_json::from_slice(text).unwrap();
        config[key] = value;
        if let Ok(config) = Spec::from_json(config.to_string().as_bytes()) {
            prop_assert!(config.window >= 1 && config.mask_id == Some(config.vocab_size as u32 - 1));
            // What is accepted can be reasoned about without overflow.
            if config.n_layers <= 4096 {
                let numbers = config.tensors().into_iter().map(|(_, s)| s.iter().product::<usize>());
                prop_assert!(numbers.sum::<usize>() > 0);
            }
        }
    }

    #[test]
    fn no_text_makes_the_config_reader_panic(text in any::<Vec<u8>>()) {
        prop_assert!(Spec::from_json(&text).is_err());
    }

    #[test]
    fn no_bytes_make_the_loader_panic(bytes in any::<Vec<u8>>()) {
        let config = &Fixture::open("enumerable").spec;
        prop_assert_ne!(refusal(config, &[bytes]), "accepted");
    }

    #[test]
    fn no_damage_to_a_file_makes_the_loader_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        header in any::<bool>(),
        cut in any::<prop::sample::Index>(),
        shorten in any::<bool>(),
    ) {
        let f = Fixture::open("enumerable");
        let mut bytes = f.weights();
        let end = if header { bytes.len().min(2000) } else { bytes.len() };
        for (at, byte) in flips {
            bytes[at.index(end)] ^= byte;
        }
        if shorten {
            bytes.truncate(cut.index(bytes.len()));
        }
        // Accepted or refused: it says so.
        prop_assert!(!refusal(&f.spec, &[bytes]).is_empty());
    }
}
