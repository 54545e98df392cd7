//! Damaged input of every kind gives a value or an error: nothing panics, nothing hangs. The variable
//! `PROPTEST_CASES` asks for more inputs than the usual number.

mod common;

use std::path::Path;

use bdlm::eval::data::ReadOptions;
use bdlm::event::Event;
use bdlm::hub::{FileBytes, ModelFiles};
use bdlm::model::{Checkpoint, Spec};
use bdlm::text::{Tokenizer, decode};
use common::damage::{Damage, damaged, damages, read};
use common::fixtures::folder;
use proptest::prelude::*;

#[test]
fn damage_is_done_where_it_should_be() {
    let done = |place, damage| damaged(b"some bytes".to_vec(), &[(place, damage)], usize::MAX);
    assert_eq!(done(0.5, Damage::Set(b'_')), b"some _ytes");
    assert_eq!(done(0.4, Damage::Cut), b"some");
    assert_eq!(done(0.4, Damage::Remove(9)), b"some");
    assert_eq!(done(0.0, Damage::Repeat(2)), b"sosome bytes");
    assert_eq!(done(0.99, Damage::Insert("{")), b"some byte{s");
    assert_eq!(damaged(b"some bytes".to_vec(), &[(0.5, Damage::Cut)], 4), b"so");
    assert_eq!(damaged(Vec::new(), &[(0.5, Damage::Set(1))], 4), b"");
}

const TABLE: &str = "id,text\n1,one\n2,\"two, \"\"2\"\"\"\n3,\" over\ntwo lines\"\n";
const LINES: &str =
    "{\"text\": \"a\\nb\", \"n\": 1}\n\n{\"text\": [\"x\", \"y\"]}\n{\"text\": null}\n";
const ARRAY: &str =
    "[\n  {\"text\": \"a\"},\n  {\"text\": [\"x\"]}, \"plain\"\n]\n{\n\"text\": \"b\"}\n";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn configs(damages in damages()) {
        for model in ["bd3lm-block4", "gpt2-tiny", "mdlm", "sedd", "ar"] {
            let config = std::fs::read(folder(model).join("config.json")).unwrap();
            if let Ok(spec) = Spec::from_json(&damaged(config, &damages, usize::MAX)) {
                prop_assert!(spec.vocab_size > 0 && spec.window > 0);
            }
        }
    }

    #[test]
    fn safetensors_headers(damages in damages()) {
        let folder = folder("ar");
        let spec = Spec::from_json(&std::fs::read(folder.join("config.json")).unwrap()).unwrap();
        let weights = std::fs::read(folder.join("model.safetensors")).unwrap();
        let weights = damaged(weights, &damages, 4000);
        if let Err(e) = Checkpoint::new(&spec, &[(Path::new("m"), &weights)]) {
            prop_assert!(!e.to_string().is_empty());
        }
    }

    #[test]
    fn indices_of_shards(damages in damages()) {
        let index = br#"{"metadata": {}, "weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}"#;
        let index = damaged(index.to_vec(), &damages, usize::MAX);
        let file = |name: &str, bytes: Vec<u8>| (name.to_string(), FileBytes::new(name, bytes));
        let files = [
            file("config.json", Vec::new()),
            file("model.safetensors.index.json", index),
            file("1.safetensors", Vec::new()),
        ];
        // What is left of the index may name the first shard alone.
        if let Ok(found) = ModelFiles::from_files("m", files.into_iter().collect()) {
            prop_assert_eq!(found.weights.len(), 1);
        }
    }

    #[test]
    fn texts_of_every_format(damages in damages(), key in "text|[a-z.]{0,6}") {
        let options = ReadOptions { text_key: Some(key), ..ReadOptions::default() };
        let utf16: Vec<u8> =
            "\u{feff}Zoë 🦊\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (name, bytes) in [
            ("a.csv", TABLE.as_bytes()), ("a.tsv", TABLE.as_bytes()), ("a.jsonl", LINES.as_bytes()),
            ("a.json", ARRAY.as_bytes()), ("pipe", ARRAY.as_bytes()), ("a.txt", &utf16),
        ] {
            let bytes = damaged(bytes.to_vec(), &damages, usize::MAX);
            for options in [&options, &ReadOptions::default()] {
                let _ = read(name, &bytes, options);
            }
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn compressed_texts(damages in damages()) {
        for bytes in [zstd::encode_all(LINES.as_bytes(), 1).unwrap(), gzip(LINES.as_bytes())] {
            let _ = read("a.jsonl.gz", &damaged(bytes, &damages, usize::MAX), &ReadOptions::default());
        }
    }

    #[test]
    fn tokenizers(damages in damages()) {
        let tokenizer = br#"{"version": "1.0", "added_tokens": [{"id": 0, "content": "<|endoftext|>",
            "special": true, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false}], "decoder": {"type": "ByteLevel", "add_prefix_space": true,
            "trim_offsets": true, "use_regex": true}, "model": {"type": "BPE", "merges": ["a b"],
            "vocab": {"a": 1, "b": 2, "ab": 3}}}"#;
        let bytes = damaged(tokenizer.to_vec(), &damages, usize::MAX);
        if let Ok(tokenizer) = Tokenizer::from_bytes(&bytes, Path::new("t")) {
            let ids = tokenizer.ids_from_text("abba").unwrap_or_default();
            let _ = (tokenizer.text_from_ids(&ids), tokenizer.text_bytes(&ids), tokenizer.id_bound());
        }
    }

    #[test]
    fn events(damages in damages()) {
        let run = Path::new(env!("CARGO_MANIFEST_DIR")).join("app/tests/run.jsonl");
        let run = std::fs::read(run).unwrap();
        for line in damaged(run, &damages, usize::MAX).split(|byte| *byte == b'\n') {
            let _ = serde_json::from_slice::<Event>(line);
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
