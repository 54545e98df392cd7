//! SSD-LM as it is published: pickles beside each other, of which nothing is run, and the older form of
//! a tokenizer.

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use bdlm::gpu::DType;
use bdlm::hub::{FileBytes, ModelFiles};
use bdlm::model::{Batch, Checkpoint, Habits, Network, Spec};
use bdlm::text::Tokenizer;
use common::fixtures::folder;
use serde_json::{Map, Value};

const LAYER: &str = "timestep_layer.pt";

fn hub_layout() -> ModelFiles {
    ModelFiles::open(&folder("ssdlm/hub-layout")).unwrap()
}

/// Why a checkpoint is refused whose small layer holds these bytes.
fn refusal(layer: &[u8]) -> Option<String> {
    let files = hub_layout();
    let spec = Spec::of_files(&files, Habits::default()).unwrap();
    let all: Vec<(&Path, &[u8])> = files
        .weights
        .iter()
        .map(|file| match file.path().ends_with(LAYER) {
            true => (file.path(), layer),
            false => (file.path(), &**file),
        })
        .collect();
    assert_eq!(all.len(), 3);
    Checkpoint::new(&spec, &all).err().map(|e| e.to_string())
}

fn layer() -> Vec<u8> {
    std::fs::read(folder("ssdlm/hub-layout").join(LAYER)).unwrap()
}

/// The small layer with one text of it replaced by another of the same length, wherever it is.
fn with(old: &[u8], new: &[u8]) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let mut bytes = layer();
    let places: Vec<usize> =
        (0..bytes.len() - old.len()).filter(|&at| bytes[at..].starts_with(old)).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|at| bytes[at..at + new.len()].copy_from_slice(new));
    bytes
}

#[test]
fn both_layouts_are_the_same_network() {
    let Some(gpu) = common::gpu(None) else { return };
    let logits = |files: &ModelFiles| {
        let spec = Spec::of_files(files, Habits::default()).unwrap();
        let shards: Vec<_> = files.weights.iter().map(|file| (file.path(), &**file)).collect();
        let checkpoint = Checkpoint::new(&spec, &shards).unwrap();
        let network = Network::load(&gpu, &checkpoint, DType::F32, &mut |_, _| {}).unwrap();
        let batch = Batch { ids: vec![7, 1, 2, 99, 4], length: 5, ..Batch::default() };
        (network.logits(&batch, None).unwrap(), network.times(&[0.5]).unwrap())
    };
    let (published, one_file) = (hub_layout(), ModelFiles::open(&folder("ssdlm")).unwrap());
    assert_eq!((published.weights.len(), one_file.weights.len()), (3, 1));
    assert_eq!(logits(&published), logits(&one_file));
}

#[test]
fn a_pickle_that_asks_for_more_than_tensors_is_refused_and_nothing_of_it_is_run() {
    assert_eq!(refusal(&layer()), None);
    let ordered = b"collections\nOrderedDict\n";
    let error = refusal(&with(ordered, b"subprocess\ncheck_output\n")).unwrap();
    for words in [LAYER, "subprocess.check_output", "tensors alone", "nothing of it was run"] {
        assert!(error.contains(words), "{error}");
    }
    let error = refusal(&with(b"_rebuild_tensor_v2", b"_rebuild_tensor_v3")).unwrap();
    assert!(error.contains("torch._utils._rebuild_tensor_v3"), "{error}");
    // An instruction that makes an object of any class, in the place of the one that calls.
    let error = refusal(&with(b")Rq\x0bt", b")\x81q\x0bt")).unwrap();
    assert!(error.contains("the instruction 0x81"), "{error}");
    // A known function with other arguments than a tensor's.
    let error = refusal(&with(b"\x89c", b"Nb")).unwrap();
    assert!(error.contains("inside an object"), "{error}");
}

#[test]
fn tensors_that_are_elsewhere_or_otherwise_are_refused() {
    // More numbers than there are, columns before rows, and a file that is not there.
    for (old, new, words) in [
        (&b"K\x00K K\x01\x86"[..], &b"K\x01K K\x01\x86"[..], "reaches beyond its numbers"),
        (b"K\x01K\x01\x86", b"K\x02K\x01\x86", "row by row"),
        (b"X\x01\x00\x00\x001", b"X\x01\x00\x00\x009", "reaches beyond its numbers"),
        (b"FloatStorage", b"HalfStorage\n", "the instruction 0x0a"),
    ] {
        let found = refusal(&with(old, new)).unwrap();
        assert!(found.contains(words), "{found}");
    }
}

#[test]
fn a_damaged_pickle_gives_an_error_wherever_it_is_cut_or_changed() {
    let whole = layer();
    for length in 4..whole.len() {
        assert!(refusal(&whole[..length]).is_some(), "cut to {length} bytes");
    }
    // Changed bytes may be numbers of the layer, or nothing that is read.
    let mut refused = 0;
    for at in 4..whole.len() {
        for byte in [0, 0xff, b'(', b'h', b't'] {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            refused += usize::from(refusal(&bytes).is_some());
        }
    }
    assert!(refused > 500, "{refused}");
}

#[test]
fn deeply_nested_values_are_refused_and_do_not_end_the_program() {
    // A million tuples inside each other, in the place of the pickle's first bytes.
    let mut pickle = b"\x80\x02)".to_vec();
    pickle.extend(std::iter::repeat_n(0x85, 1_000_000));
    pickle.push(b'.');
    let error = refusal(&archive(&[("a/data.pkl", &pickle)])).unwrap();
    assert!(error.contains("too deep"), "{error}");
    let error = refusal(&archive(&[("a/other", b"")])).unwrap();
    assert!(error.contains("none of PyTorch's"), "{error}");
    let big = refusal(&archive(&[("a/byteorder", b"big"), ("a/data.pkl", b".")])).unwrap();
    assert!(big.contains("little-endian"), "{big}");
}

/// An archive of these files, as they are.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut all, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        let at = (all.len() as u32).to_le_bytes();
        let sizes = [(bytes.len() as u32).to_le_bytes(); 2].concat();
        let names = [&(name.len() as u16).to_le_bytes()[..], &[0; 2]].concat();
        all.extend([&b"PK\x03\x04"[..], &[0; 14], &sizes, &names, name.as_bytes(), bytes].concat());
        let parts = [&b"PK\x01\x02"[..], &[0; 16], &sizes, &names, &[0; 10], &at, name.as_bytes()];
        directory.extend(parts.concat());
    }
    let count = (files.len() as u16).to_le_bytes();
    let place = [(directory.len() as u32).to_le_bytes(), (all.len() as u32).to_le_bytes()].concat();
    let end = [&b"PK\x05\x06"[..], &[0; 4], &count, &count, &place, &[0; 2]].concat();
    [all, directory, end].concat()
}

#[test]
fn other_models_are_not_read_from_pickles() {
    let file = |name: &str, bytes: &[u8]| (name.to_string(), FileBytes::new(name, bytes.to_vec()));
    let files: BTreeMap<_, _> =
        [file("config.json", br#"{"model_type": "gpt2"}"#), file("pytorch_model.bin", b"PK")]
            .into();
    let error = ModelFiles::from_files("m", files).unwrap_err().to_string();
    assert!(error.contains("no model.safetensors"), "{error}");
}

#[test]
fn a_vocabulary_and_its_merges_are_a_tokenizer() {
    let json: Value =
        serde_json::from_slice(&std::fs::read(folder("gpt2").join("tokenizer.json")).unwrap())
            .unwrap();
    // RoBERTa's numbers: four special tokens first, the mask last.
    let shift = |id: &Value| Value::from(id.as_u64().unwrap() + 4);
    let vocab = json["model"]["vocab"].as_object().unwrap();
    let mut ids: Map<String, Value> = vocab.iter().map(|(t, id)| (t.clone(), shift(id))).collect();
    for (token, id) in [("<s>", 0), ("<pad>", 1), ("</s>", 2), ("<unk>", 3), ("<mask>", 50264)] {
        ids.insert(token.into(), id.into());
    }
    let merge = |merge: &Value| match merge {
        Value::Array(parts) => {
            format!("{} {}", parts[0].as_str().unwrap(), parts[1].as_str().unwrap())
        }
        one => one.as_str().unwrap().to_string(),
    };
    let merges = json["model"]["merges"].as_array().unwrap();
    let merges: Vec<String> = merges.iter().map(merge).collect();
    let merges = format!("#version: 0.2\n{}\n", merges.join("\n"));
    let config = std::fs::read(folder("ssdlm").join("config.json")).unwrap();
    let file = |name: &str, bytes: Vec<u8>| (name.to_string(), FileBytes::new(name, bytes));
    let files = |ids: Vec<u8>| {
        let all = [
            file("config.json", config.clone()),
            file("model.safetensors", Vec::new()),
            file("vocab.json", ids),
            file("merges.txt", merges.clone().into_bytes()),
        ];
        ModelFiles::from_files("m", all.into())
    };
    let made = files(serde_json::to_vec(&ids).unwrap()).unwrap().tokenizer.unwrap();
    let made = Tokenizer::from_bytes(&made, made.path()).unwrap();
    let gpt2 = std::fs::read(folder("gpt2").join("tokenizer.json")).unwrap();
    let gpt2 = Tokenizer::from_bytes(&gpt2, Path::new("gpt2")).unwrap();
    let text = "It's a small fox’s den: naïve, 12,345.\n\n  Yes!";
    let found = made.ids_from_text(text).unwrap();
    let wanted: Vec<u32> = gpt2.ids_from_text(text).unwrap().iter().map(|id| id + 4).collect();
    assert_eq!(found, wanted);
    let with_ends = [&[0], &found[..], &[2, 0, 50264]].concat();
    assert_eq!(made.text_from_ids(&with_ends).unwrap(), format!("<s>{text}</s><s><mask>"));
    assert_eq!(made.ids_from_text("</s>").unwrap(), [2]);
    let error = files(b"[]".to_vec()).unwrap_err().to_string();
    assert!(error.contains("vocab.json is no vocabulary"), "{error}");
}
