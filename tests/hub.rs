//! Finding models: folders, the embedded default, and a hub on this machine that speaks what
//! hf-hub asks for.

mod common;

use std::collections::BTreeMap;

use bdlm::hub::{AdapterFiles, Download, FileBytes, HubOptions, ModelFiles};
use common::hub::{Hub, Open};

const ID: &str = "someone/a-model";
const FILES: &str = "/someone/a-model/resolve/main/";

fn fixture(file: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/enumerable/");
    std::fs::read(format!("{folder}{file}")).unwrap()
}

fn whole_model() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("config.json", fixture("config.json")),
        ("model.safetensors", fixture("model.safetensors")),
    ]
}

fn find(options: &HubOptions) -> (Result<ModelFiles, String>, Vec<Download>) {
    let mut downloads = Vec::new();
    let found = ModelFiles::find(ID, options, &mut |d: &Download| downloads.push(d.clone()));
    (found.map_err(|e| format!("{e}; {:?}", e.advice())), downloads)
}

#[test]
fn a_model_is_fetched_once_and_then_found_without_the_hub() {
    let home = tempfile::tempdir().unwrap();
    let hub = Hub::open(FILES, &whole_model(), ("", 0), None);
    let options = hub.options(home.path());
    let (files, downloads) = find(&options);
    let files = files.unwrap();
    assert_eq!(*files.config, *fixture("config.json"));
    assert_eq!(*files.weights[0], *fixture("model.safetensors"));
    assert!(files.tokenizer.is_none());
    let last = downloads.iter().rfind(|d| d.file == "model.safetensors").unwrap();
    assert_eq!(last.done_bytes, fixture("model.safetensors").len() as u64);
    assert_eq!(last.done_bytes, last.total_bytes);
    assert!(home.path().join("hub/models--someone--a-model/snapshots/0123456789abcdef").is_dir());
    let weights =
        |hub: &Open| hub.asked().iter().filter(|a| a.path.ends_with("safetensors")).count();
    let before = weights(&hub);
    find(&options).0.unwrap();
    assert_eq!(weights(&hub), before, "the second time nothing is downloaded");
    drop(hub);
    find(&options).0.expect("without a hub the cache is enough");
    let offline = HubOptions { offline: true, ..options };
    assert_eq!(*find(&offline).0.unwrap().config, *fixture("config.json"));
}

#[test]
fn offline_and_not_cached_says_so() {
    let home = tempfile::tempdir().unwrap();
    let hub = Hub::open(FILES, &whole_model(), ("", 0), None);
    let options = HubOptions { offline: true, ..hub.options(home.path()) };
    let error = find(&options).0.unwrap_err();
    assert!(error.contains("is not cached; Some(GoOnline)"), "{error}");
    assert!(hub.asked().is_empty(), "nobody is asked");
}

#[test]
fn a_cut_download_goes_on_where_it_ended() {
    let home = tempfile::tempdir().unwrap();
    let size = fixture("model.safetensors").len();
    // More cuts than retries: the first try fails.
    let hub = Hub::open(FILES, &whole_model(), ("model.safetensors", 3), None);
    let options = hub.options(home.path());
    let error = find(&options).0.unwrap_err();
    assert!(error.contains("the next try goes on"), "{error}");
    let (files, _) = find(&options);
    assert_eq!(*files.unwrap().weights[0], *fixture("model.safetensors"), "whole and unmixed");
    let asked = hub.asked();
    let last = asked.iter().rfind(|a| a.path.ends_with("model.safetensors")).unwrap();
    assert!(last.from >= size / 2, "the last request began at byte {} of {size}", last.from);
}

#[test]
fn the_token_is_sent_and_missing_it_is_explained() {
    let home = tempfile::tempdir().unwrap();
    let hub = Hub::open(FILES, &whole_model(), ("", 0), Some("secret"));
    let options = hub.options(home.path());
    let error = find(&options).0.unwrap_err();
    assert!(error.contains("401") && error.contains("GiveToken"), "{error}");
    find(&HubOptions { token: Some("secret".into()), ..options }).0.unwrap();
}

#[test]
fn a_model_that_is_not_on_the_hub_and_a_hub_that_is_not_there_have_different_messages() {
    let home = tempfile::tempdir().unwrap();
    let hub = Hub::open(FILES, &[], ("", 0), None);
    let error = find(&hub.options(home.path())).0.unwrap_err();
    assert!(error.contains("the hub has no model someone/a-model"), "{error}");
    assert!(error.contains("CheckName"), "{error}");
    let nowhere =
        HubOptions { endpoint: Some("http://127.0.0.1:9".into()), ..hub.options(home.path()) };
    let error = find(&nowhere).0.unwrap_err();
    assert!(error.contains("CheckNetwork"), "{error}");
    let no_weights = Hub::open(FILES, &whole_model()[..1], ("", 0), None);
    let error = find(&no_weights.options(home.path())).0.unwrap_err();
    assert!(error.contains("no model.safetensors"), "{error}");
}

#[test]
fn shards_are_found_by_their_index() {
    let home = tempfile::tempdir().unwrap();
    let index = br#"{"weight_map":{"a":"part-1.safetensors","b":"part-2.safetensors","c":"part-1.safetensors"}}"#;
    let files = [
        ("config.json", fixture("config.json")),
        ("model.safetensors.index.json", index.to_vec()),
        ("part-1.safetensors", vec![1; 10]),
        ("part-2.safetensors", vec![2; 20]),
    ];
    let hub = Hub::open(FILES, &files, ("", 0), None);
    let found = find(&hub.options(home.path())).0.unwrap();
    assert_eq!(found.weights.iter().map(|shard| shard.len()).collect::<Vec<_>>(), [10, 20]);
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    assert_eq!(ModelFiles::open(folder.path()).unwrap().weights.len(), 2);
    let stale = folder.path().join("model.safetensors");
    std::fs::write(&stale, [3; 30]).unwrap();
    let error = ModelFiles::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("out of date"), "{error}");
    std::fs::remove_file(stale).unwrap();
    let escape = br#"{"weight_map":{"a":"../part-1.safetensors"}}"#;
    std::fs::write(folder.path().join("model.safetensors.index.json"), escape).unwrap();
    let error = ModelFiles::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("beside the index"), "{error}");
}

#[test]
fn an_adapter_is_fetched_once_and_then_found_without_the_hub() {
    let home = tempfile::tempdir().unwrap();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/llama-tiny-lora/");
    let names = ["adapter_config.json", "adapter_model.safetensors"];
    let files = names.map(|name| (name, std::fs::read(format!("{folder}{name}")).unwrap()));
    let hub = Hub::open(FILES, &files, ("", 0), None);
    let options = hub.options(home.path());
    let find = |options: &HubOptions| AdapterFiles::find(ID, options, &mut |_| {});
    let check = |found: AdapterFiles| {
        assert_eq!([&*found.config, &*found.weights], [&files[0].1[..], &files[1].1[..]]);
    };
    check(find(&options).unwrap());
    let asked = hub.asked().len();
    let offline = HubOptions { offline: true, ..options.clone() };
    check(find(&offline).unwrap());
    assert_eq!(hub.asked().len(), asked, "offline nothing is asked for");
    // A hub that has the config alone.
    let half = Hub::open(FILES, &files[..1], ("", 0), None);
    let other = tempfile::tempdir().unwrap();
    let error = find(&half.options(other.path())).unwrap_err().to_string();
    assert!(error.contains("adapter_model.safetensors"), "{error}");
}

/// Files as a host program has them.
fn handed_over(files: &[(&str, &[u8])]) -> BTreeMap<String, FileBytes> {
    let file = |(name, bytes): &(&str, &[u8])| {
        ((*name).to_string(), FileBytes::new(*name, bytes.to_vec()))
    };
    files.iter().map(file).collect()
}

#[test]
fn a_host_program_can_hand_over_the_files() {
    let index: &[u8] = br#"{"weight_map":{"a":"part-1.safetensors","b":"part-2.safetensors"}}"#;
    let mut files = vec![
        ("config.json", b"{}".as_slice()),
        ("README.md", b"not needed"),
        ("model.safetensors.index.json", index),
        ("part-2.safetensors", &[2; 20]),
    ];
    let open = |files: &[(&str, &[u8])]| ModelFiles::from_files("mine", handed_over(files));
    let error = open(&files).unwrap_err().to_string();
    assert!(error.contains("no part-1.safetensors among the files of mine"), "{error}");
    files.push(("part-1.safetensors", &[1; 10]));
    let found = open(&files).unwrap();
    assert_eq!((found.name.as_str(), &*found.config), ("mine", b"{}".as_slice()));
    assert_eq!(found.weights.iter().map(|shard| shard.len()).collect::<Vec<_>>(), [10, 20]);
    assert!(found.tokenizer.is_none());
    files.extend([("model.safetensors", [3; 30].as_slice()), ("tokenizer.json", b"{}")]);
    // One of the two is out of date: nobody but the user knows which.
    let error = open(&files).unwrap_err().to_string();
    assert!(error.contains("model.safetensors: stands beside an index"), "{error}");
    files.retain(|(name, _)| !name.ends_with("index.json"));
    let found = open(&files).unwrap();
    assert_eq!((found.weights.len(), found.weights[0].len()), (1, 30));
    assert_eq!(found.tokenizer.unwrap().path().to_str(), Some("tokenizer.json"));
}

#[test]
fn names_that_lead_nowhere_say_what_a_name_can_be() {
    let options = HubOptions { offline: true, ..Default::default() };
    let error = |name: &str| ModelFiles::find(name, &options, &mut |_| {}).unwrap_err().to_string();
    assert!(error("tails").contains("expected `tales`, a folder"), "{}", error("tails"));
    assert!(error("../nowhere/at/all").contains("there is no model"));
    let empty = tempfile::tempdir().unwrap();
    assert!(error(empty.path().to_str().unwrap()).contains("holds no config.json"));
    std::fs::write(empty.path().join("config.json"), "{}").unwrap();
    assert!(error(empty.path().to_str().unwrap()).contains("holds no model.safetensors"));
    let file = empty.path().join("config.json");
    assert!(error(file.to_str().unwrap()).contains("is a file"));
    assert!(ModelFiles::find("tales", &options, &mut |_| {}).is_ok());
}

#[test]
fn weights_that_are_not_read_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, bytes: &[u8]| std::fs::write(folder.path().join(file), bytes).unwrap();
    let error = || {
        let found = ModelFiles::find(
            folder.path().to_str().unwrap(),
            &HubOptions::default(),
            &mut |_: &Download| {},
        );
        found.unwrap_err().to_string()
    };
    write("config.json", &fixture("config.json"));
    // The later ones say more.
    for (file, words) in [
        ("pytorch_model.bin", "pytorch_model.bin, which may be a pickle of PyTorch"),
        ("model.gguf", "model.gguf, a format that is not read"),
        ("weights.safetensors", "weights.safetensors, which may be it under another name"),
        ("model-00001-of-00002.safetensors", "without model.safetensors.index.json"),
    ] {
        write(file, b"...");
        let message = error();
        assert!(message.contains("holds no model.safetensors") && message.contains(words));
    }
    let index = "model.safetensors.index.json";
    write(index, b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n");
    assert!(error().contains("a Git LFS pointer"), "{}", error());
    write(index, b"\xef\xbb\xbf{\"weight_map\": {}}");
    assert!(error().contains("lists no shard"), "a byte order mark is passed over: {}", error());
    write(index, b"\xef\xbb\xbf{\"weight_map\": {\"a\": \"1.safetensors\"}}");
    assert!(error().contains("1.safetensors"), "{}", error());
}

#[test]
fn a_model_is_known_by_the_digests_of_its_files() {
    let files = |weights: &[(&'static str, &'static [u8])]| {
        let file = |(name, bytes): &(&'static str, &'static [u8])| {
            (name.to_string(), FileBytes::new(*name, *bytes))
        };
        let config: (&str, &[u8]) = ("config.json", b"abc");
        let all: BTreeMap<_, _> = weights.iter().chain([&config]).map(file).collect();
        ModelFiles::from_files("m", all).unwrap().digests()
    };
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let one = files(&[("model.safetensors", b"abc")]);
    assert_eq!((one.config_sha256.as_str(), one.weights_sha256.as_str()), (abc, abc));
    assert_eq!(one.tokenizer_sha256, None);
    let index: &[u8] = br#"{"weight_map": {"x": "1", "y": "2"}}"#;
    let two = files(&[("model.safetensors.index.json", index), ("1", b"abc"), ("2", b"abc")]);
    let other = files(&[("model.safetensors.index.json", index), ("1", b"abc"), ("2", b"xyz")]);
    assert_ne!(two.weights_sha256, other.weights_sha256);
}
