//! What is refused of Llama-shaped models, and what their files may leave unsaid.

mod common;

use std::collections::BTreeMap;

use bdlm::gpu::DType;
use bdlm::hub::{FileBytes, ModelFiles};
use bdlm::model::{Checkpoint, Grid, Habits, Objective, Spec};
use bdlm::sample::{Engine, Prompt, Request, Sampling};
use common::fixtures::folder;
use common::gpu;
use serde_json::{Value, json};

/// Bytes of files by their names.
type Files = BTreeMap<String, Vec<u8>>;

const CONFIG: &str = "config.json";

/// The files of a fixture, to be changed.
fn files(name: &str) -> Files {
    let entries = std::fs::read_dir(folder(name)).unwrap().map(|entry| entry.unwrap());
    let file = |entry: std::fs::DirEntry| {
        (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())
    };
    entries.map(file).collect()
}

fn with_config(name: &str, change: impl FnOnce(&mut Value)) -> Files {
    let mut files = files(name);
    let mut config: Value = serde_json::from_slice(&files[CONFIG]).unwrap();
    change(&mut config);
    files.insert(CONFIG.into(), config.to_string().into_bytes());
    files
}

fn open(name: &str, files: Files) -> Result<ModelFiles, String> {
    let bytes = |(file, bytes): (String, Vec<u8>)| (file.clone(), FileBytes::new(file, bytes));
    ModelFiles::from_files(name, files.into_iter().map(bytes).collect()).map_err(|e| e.to_string())
}

/// The network of files, or why there is none, with what to do about it.
fn spec(name: &str, files: Files, habits: Habits) -> Result<Spec, (String, String)> {
    let files = open(name, files).unwrap();
    Spec::of_files(&files, habits).map_err(|e| (e.to_string(), format!("{:?}", e.advice())))
}

/// Why the checkpoint of these files is refused.
fn refusal(files: Files) -> String {
    let files = match open("mine", files) {
        Ok(files) => files,
        Err(error) => return error,
    };
    let spec = Spec::of_files(&files, Habits::default()).unwrap();
    let shards: Vec<_> = files.weights.iter().map(|file| (file.path(), &**file)).collect();
    Checkpoint::new(&spec, &shards).err().map_or("accepted".into(), |e| e.to_string())
}

#[test]
fn what_the_layers_do_not_run_is_refused_by_its_name() {
    for (key, value, words) in [
        ("rope_scaling", json!({"rope_type": "longrope"}), "rope_type is `longrope`"),
        ("rope_scaling", json!({"type": "dynamic", "factor": 2.0}), "rope_type is `dynamic`"),
        ("rope_scaling", json!({"rope_type": "linear"}), "rope_scaling lacks `factor`"),
        ("rope_scaling", json!({"rope_type": "llama3", "factor": 8.0}), "lacks `low_freq_factor`"),
        ("rope_theta", json!(0.0), "rope_theta is 0, expected 1 to"),
        ("partial_rotary_factor", json!(0.5), "partial_rotary_factor is 0.5, expected 1"),
        ("use_sliding_window", json!(true), "use_sliding_window is true"),
        ("layer_types", json!(["full_attention", "linear_attention"]), "has `linear_attention`"),
        ("num_experts", json!(8), "num_experts is 8: mixtures of experts are not run"),
        ("num_local_experts", json!(8), "mixtures of experts are not run"),
        ("hidden_act", json!("gelu"), "hidden_act is `gelu`, expected `silu`"),
        ("mlp_bias", json!(true), "mlp_bias is true, expected false"),
        ("rms_norm_eps", json!(0.0), "rms_norm_eps is 0, expected above 0"),
        ("num_key_value_heads", json!(3), "expected a multiple of num_key_value_heads (3)"),
        ("head_dim", json!(10), "head_dim is 10, expected a multiple of 4"),
        ("eos_token_id", json!([2, 300]), "eos_token_id is 300, expected 0 to 299"),
        ("model_type", json!("qwen3_moe"), "model_type is `qwen3_moe`, expected one of `bd3lm`"),
        ("model_type", json!("qwen3_next"), "model_type is `qwen3_next`"),
        ("hidden_size", Value::Null, "hidden_size"),
    ] {
        let changed = with_config("llama-tiny", |config| config[key] = value);
        let (error, _) = spec("mine", changed, Habits::default()).unwrap_err();
        assert!(error.starts_with("config.json: ") && error.contains(words), "{key}: {error}");
    }
    let linear = json!({"rope_type": "linear", "factor": 2.0});
    let changed = with_config("llama-tiny", |config| config["rope_scaling"] = linear);
    assert!(spec("mine", changed, Habits::default()).is_ok());
}

#[test]
fn a_mask_token_that_nothing_names_or_that_cannot_be_says_how_to_give_it() {
    let habits = Habits::default();
    let without = |name, keys: &[&str]| {
        with_config(name, |config| {
            keys.iter().for_each(|key| drop(config.as_object_mut().unwrap().remove(*key)));
        })
    };
    // dLLM leaves the mask to the tokenizer, which this fixture lacks.
    let (error, advice) = spec("mine", files("qwen3-block8"), habits).unwrap_err();
    assert!(error.contains("says which token masks"), "{error}");
    assert_eq!(advice, "Some(NameMask)");
    // The kinds of the others have one that is beyond a vocabulary of 131.
    for name in ["qwen2-block8", "qwen3-block4"] {
        let (error, advice) = spec("mine", without(name, &["mask_token_id"]), habits).unwrap_err();
        assert!(error.contains("the mask token is 1516"), "{error}");
        assert!(error.contains("expected one of the vocabulary, 0 to 130"), "{error}");
        assert_eq!(advice, "Some(NameMask)");
    }
    let asked = Habits { mask_id: Some(131), ..habits };
    assert!(spec("mine", files("qwen3-block4"), asked).unwrap_err().0.contains("token is 131"));
    // A plain decoder with a mask token needs to know its blocks.
    let asked = Habits { mask_id: Some(7), ..habits };
    let (error, advice) = spec("mine", files("llama-tiny"), asked).unwrap_err();
    assert!(error.contains("how long blocks are"), "{error}");
    assert_eq!(advice, "Some(NameBlockSize)");
    // What is fixed cannot be asked for.
    let (error, _) = spec("mine", files("bd3lm-block4"), asked).unwrap_err();
    assert!(error.contains("cannot be 7: its own is"), "{error}");
    let grid = Some(Grid::Prompt);
    assert!(spec("mine", files("gpt2-tiny"), Habits { grid, ..habits }).is_err());
}

#[test]
fn habits_are_found_where_models_leave_them() {
    let added = |name: &str| json!({"added_tokens": [{"id": 9, "content": name}, {"id": 3, "content": "<s>"}]});
    let mask = |change: &dyn Fn(&mut Files)| {
        let mut files = files("qwen3-block8");
        change(&mut files);
        spec("mine", files, Habits::default()).unwrap().mask_id
    };
    let put = |file: &str, value: Value| {
        let file = file.to_string();
        move |files: &mut Files| {
            files.insert(file.clone(), value.to_string().into_bytes());
        }
    };
    for name in ["<|MASK|>", "<MASK>", "|<MASK>|", "<|mask|>", "<|mdm_mask|>"] {
        assert_eq!(mask(&put("tokenizer.json", added(name))), Some(9), "{name}");
    }
    // The tokenizer's config names a token that is called otherwise; the generation config wins.
    let named = put("tokenizer_config.json", json!({"mask_token": {"content": "<hole>"}}));
    let both = |files: &mut Files| {
        named(files);
        put("tokenizer.json", added("<hole>"))(files);
    };
    assert_eq!(mask(&both), Some(9));
    let all = |files: &mut Files| {
        both(files);
        put("generation_config.json", json!({"mask_token_id": 11}))(files);
    };
    assert_eq!(mask(&all), Some(11));
    // A block's size in the name of an SDAR, unless its config has one.
    let sdar = |name: &str, config_size: Option<usize>| {
        let files = with_config("qwen3-block4", |config| config["block_size"] = json!(config_size));
        spec(name, files, Habits::default()).unwrap().block_size()
    };
    assert_eq!(sdar("JetLM/SDAR-1.7B-Chat-b16", None), Some(16));
    assert_eq!(sdar("JetLM/SDAR-1.7B-Chat-b16", Some(8)), Some(8));
    assert_eq!(sdar("JetLM/SDAR-1.7B-Chat", None), Some(4));
    // dLLM's sibling without blocks.
    let asked = Habits { mask_id: Some(5), ..Habits::default() };
    let name = "dllm-hub/Qwen3-0.6B-diffusion-mdlm-v0.1";
    let whole = spec(name, files("qwen3-block8"), asked).unwrap();
    assert_eq!((whole.objective, whole.mask_id), (Objective::Masked, Some(5)));
}

#[test]
fn a_model_s_files_say_how_tokens_are_drawn_and_published_samplers_have_ways_of_their_own() {
    let sampling = |name: &str, generation: Value| {
        let mut files = files(name);
        files.insert("generation_config.json".into(), generation.to_string().into_bytes());
        let habits =
            Habits { mask_id: Some(5).filter(|_| name.ends_with("block8")), ..Habits::default() };
        let sampling = Sampling::of_model(&spec(name, files, habits).unwrap());
        (sampling.temperature, sampling.top_k, sampling.top_p)
    };
    let asked = json!({"do_sample": true, "temperature": 0.6, "top_k": 20, "top_p": 0.95});
    assert_eq!(sampling("llama-tiny", asked.clone()), (0.6, 20, 0.95));
    assert_eq!(sampling("bd3lm-block4", asked.clone()), (0.6, 20, 0.95));
    assert_eq!(sampling("bd3lm-block4", json!({"do_sample": true, "top_p": 0.8})), (1.0, 0, 0.8));
    // Without `do_sample` other programs draw nothing, and ignore the numbers.
    assert_eq!(sampling("bd3lm-block4", json!({"top_p": 0.8})), (1.0, 0, 1.0));
    // SDAR's sampler draws from the whole distribution, dLLM's and Fast-dLLM's take the likeliest.
    assert_eq!(sampling("qwen3-block4", asked.clone()), (1.0, 0, 1.0));
    assert_eq!(sampling("qwen3-block8", asked.clone()), (0.0, 0, 1.0));
    assert_eq!(sampling("qwen2-block8", asked), (0.0, 0, 0.95));
    let mut files = files("llama-tiny");
    let wrong = json!({"do_sample": true, "top_p": "most"}).to_string();
    files.insert("generation_config.json".into(), wrong.into_bytes());
    let (error, _) = spec("llama-tiny", files, Habits::default()).unwrap_err();
    assert!(error.contains("top_p: invalid type: string"), "{error}");
}

#[test]
fn files_that_are_cut_or_missing_are_named() {
    const SHARDS: [&str; 2] =
        ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    const INDEX: &str = "model.safetensors.index.json";
    let whole = || files("llama-tiny-bf16-sharded");
    assert_eq!(refusal(whole()), "accepted");
    for shard in SHARDS {
        let mut cut = whole();
        let half = cut[shard].len() / 2;
        cut.get_mut(shard).unwrap().truncate(half);
        let error = refusal(cut);
        assert!(error.starts_with(shard) && error.contains("not a whole safetensors"), "{error}");
        let mut gone = whole();
        gone.remove(shard);
        assert!(refusal(gone).contains(&format!("there is no {shard} among the files")));
    }
    // An index that does not list the second shard, and one that is cut.
    let mut fewer = whole();
    let mut index: Value = serde_json::from_slice(&fewer[INDEX]).unwrap();
    let map = index["weight_map"].as_object_mut().unwrap();
    map.retain(|_, shard| shard == SHARDS[0]);
    fewer.insert(INDEX.into(), index.to_string().into_bytes());
    let error = refusal(fewer);
    assert!(error.contains("model.layers.2.mlp.down_proj.weight is missing"), "{error}");
    let mut cut = whole();
    cut.get_mut(INDEX).unwrap().truncate(100);
    assert!(refusal(cut).contains("not an index of shards"));
    // A copy of a tied head is ignored, a head of its own must be there.
    let own = with_config("llama-tiny", |config| config["tie_word_embeddings"] = json!(false));
    assert!(refusal(own).contains("\n  lm_head.weight is missing, expected [300, 64]"));
    let tied =
        with_config("llama-tiny-untied", |config| config["tie_word_embeddings"] = json!(true));
    assert_eq!(refusal(tied), "accepted");
}

#[test]
fn a_text_longer_than_the_window_is_refused() {
    let Some(gpu) = gpu(None) else { return };
    let files = open("mine", files("llama-tiny-yarn")).unwrap();
    let engine = Engine::load(&gpu, &files, DType::F32, &mut |_, _| {}).unwrap();
    let run = |prompt: usize, length: usize| {
        let prompt = Prompt::Ids(vec![7; prompt]);
        let request = Request { prompt, length, ..Request::default() };
        engine.run(request).err().map(|e| e.to_string())
    };
    assert_eq!(run(100, 128), None);
    let error = run(100, 129).unwrap();
    assert!(error.contains("expected at most its window of 128 tokens"), "{error}");
    let error = run(200, 128).unwrap();
    assert!(error.contains("the prompt has 200 tokens"), "{error}");
    // Nothing is put before the prompt of a model whose tokenizer puts nothing there.
    let mut run = engine
        .run(Request { prompt: Prompt::Ids(vec![7; 3]), length: 9, ..Request::default() })
        .unwrap();
    let Some(bdlm::event::Event::Start(start)) = run.next().unwrap() else { panic!("no start") };
    assert_eq!(start.ids, [7; 3]);
}
