//! Data sets from a hub on this machine.

use std::path::Path;

use bdlm::eval::data::{Documents, Preset};
use bdlm::hub::{DatasetFiles, DatasetSplit, HubOptions};

use crate::common::hub::{Hub, Open};
use crate::{parquet, snappy, texts};

const CONVERTED: &str = "refs%2Fconvert%2Fparquet";

/// A file that holds these texts in one column.
fn column(name: &str, texts: &[&str]) -> Vec<u8> {
    let rows: Vec<Option<&str>> = texts.iter().map(|text| Some(*text)).collect();
    parquet(&[(name, &rows)], 2, snappy())
}

/// A hub with a data set: its files by revision and name, and the list of them.
fn hub(id: &str, files: &[(&str, &str, Vec<u8>)]) -> Open {
    let mut paths = Vec::new();
    for revision in ["main", CONVERTED] {
        let here = files.iter().filter(|file| file.0 == revision);
        let names: Vec<serde_json::Value> =
            here.map(|(_, name, _)| serde_json::json!({ "rfilename": name })).collect();
        let list = serde_json::json!({ "siblings": names, "sha": "0123456789abcdef" });
        let path = format!("api/datasets/{id}/revision/{revision}");
        paths.push((path, list.to_string().into_bytes()));
    }
    for (revision, name, bytes) in files {
        paths.push((format!("datasets/{id}/resolve/{revision}/{name}"), bytes.clone()));
    }
    let paths: Vec<(&str, Vec<u8>)> =
        paths.iter().map(|(path, bytes)| (path.as_str(), bytes.clone())).collect();
    Hub::open("/", &paths, ("", 0), None)
}

fn fetch(preset: Preset, options: &HubOptions) -> Result<Vec<String>, String> {
    texts(Documents::fetch(preset, options, &mut |_| {}))
}

fn offline(home: &Path) -> HubOptions {
    HubOptions { home: Some(home.into()), offline: true, ..Default::default() }
}

#[test]
fn a_set_is_fetched_once_and_then_found_without_the_hub() {
    let home = tempfile::tempdir().unwrap();
    let name = "wikitext-2-raw-v1/validation-00000-of-00001.parquet";
    let other = "wikitext-2-raw-v1/test-00000-of-00001.parquet";
    let files = [
        ("main", name, column("text", &["", " = A = \n"])),
        ("main", other, column("text", &["other"])),
        ("main", "wikitext-103-raw-v1/validation-00000-of-00001.parquet", column("text", &["no"])),
    ];
    let hub = hub("Salesforce/wikitext", &files);
    let options = hub.options(home.path());
    let mut downloads = Vec::new();
    let documents =
        Documents::fetch(Preset::Wikitext2, &options, &mut |d| downloads.push(d.clone()));
    assert_eq!(texts(documents).unwrap(), ["", " = A = \n"]);
    let last = downloads.last().unwrap();
    assert_eq!((last.file.as_str(), last.done_bytes), (name, files[0].2.len() as u64));
    let downloads =
        |hub: &Open| hub.asked().iter().filter(|a| a.path.contains("/resolve/")).count();
    let before = downloads(&hub);
    fetch(Preset::Wikitext2, &options).unwrap();
    assert_eq!(downloads(&hub), before, "the second time nothing is downloaded");
    drop(hub);
    assert_eq!(fetch(Preset::Wikitext2, &options).unwrap().len(), 2, "the cache is enough");
    assert_eq!(fetch(Preset::Wikitext2, &offline(home.path())).unwrap().len(), 2);
}

#[test]
fn a_set_that_is_no_parquet_is_found_where_the_hub_converts_it() {
    let home = tempfile::tempdir().unwrap();
    let files = [
        ("main", "ptb_text_only.py", b"script".to_vec()),
        (CONVERTED, "penn_treebank/train/0000.parquet", column("sentence", &["no"])),
        (CONVERTED, "penn_treebank/validation/0000.parquet", column("sentence", &["a b"])),
        (CONVERTED, "penn_treebank/validation/0001.parquet", column("sentence", &["c"])),
    ];
    let hub = hub("ptb-text-only/ptb_text_only", &files);
    let options = hub.options(home.path());
    assert_eq!(fetch(Preset::Ptb, &options).unwrap(), ["a b", "c"]);
    drop(hub);
    assert_eq!(fetch(Preset::Ptb, &options).unwrap(), ["a b", "c"], "the cache is enough");
    assert_eq!(fetch(Preset::Ptb, &offline(home.path())).unwrap(), ["a b", "c"]);
}

#[test]
fn a_set_with_one_configuration_is_found_in_data() {
    let home = tempfile::tempdir().unwrap();
    let files = [("main", "data/test-00000-of-00001.parquet", column("text", &["news"]))];
    let hub = hub("fancyzhx/ag_news", &files);
    assert_eq!(fetch(Preset::AgNews, &hub.options(home.path())).unwrap(), ["news"]);
}

#[test]
fn of_openwebtext_only_the_files_of_the_last_documents_are_fetched() {
    let home = tempfile::tempdir().unwrap();
    let texts: Vec<String> = (0..100_003).map(|i| i.to_string()).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let name = |i: usize| format!("plain_text/train-0000{i}-of-00003.parquet");
    let names = [name(0), name(1), name(2)];
    let parts = [&["first"][..], &texts[..5], &texts[5..]];
    let files: Vec<(&str, &str, Vec<u8>)> =
        names.iter().zip(parts).map(|(name, part)| ("main", name.as_str(), wide(part))).collect();
    let hub = hub("Skylion007/openwebtext", &files);
    let options = hub.options(home.path());
    let got = fetch(Preset::Openwebtext, &options).unwrap();
    assert_eq!((got.len(), got[0].as_str()), (100_000, "3"));
    assert!(!hub.asked().iter().any(|asked| asked.path.ends_with(&names[0])));
    drop(hub);
    // The cache lacks the first file, and knows how many there are.
    let split = Preset::Openwebtext.split();
    let options = offline(home.path());
    let mut progress = |_: &_| {};
    let mut files = DatasetFiles::list(&split, &options, &mut progress).unwrap();
    assert_eq!(files.n_files(), 3);
    let message = files.fetch(0).unwrap_err().to_string();
    assert!(message.contains("not cached") && message.contains(&names[0]), "{message}");
    assert!(files.fetch(3).unwrap_err().to_string().contains("3 files"));
    assert_eq!(fetch(Preset::Openwebtext, &options).unwrap().len(), 100_000);
}

/// A file of many rows a group.
fn wide(texts: &[&str]) -> Vec<u8> {
    let rows: Vec<Option<&str>> = texts.iter().map(|text| Some(*text)).collect();
    parquet(&[("text", &rows)], 10_000, snappy())
}

#[test]
fn a_part_of_a_set_is_not_taken_for_the_whole() {
    let home = tempfile::tempdir().unwrap();
    let files = [(CONVERTED, "arxiv/partial-validation/0000.parquet", column("article", &["a"]))];
    let hub = hub("armanc/scientific_papers", &files);
    let message = fetch(Preset::Arxiv, &hub.options(home.path())).unwrap_err();
    assert!(
        message.contains("only the first part") && message.contains("GiveLocalFile"),
        "{message}"
    );
}

#[test]
fn a_set_that_cannot_be_had_is_reported() {
    let home = tempfile::tempdir().unwrap();
    let message = fetch(Preset::Lambada, &offline(home.path())).unwrap_err();
    assert!(message.contains("GoOnline") && message.contains("lambada_openai"), "{message}");
    let hub = hub("someone/else", &[]);
    let message = fetch(Preset::Lambada, &hub.options(home.path())).unwrap_err();
    assert!(message.contains("no parquet files of the split test"), "{message}");
    let nowhere =
        HubOptions { endpoint: Some("http://127.0.0.1:9".into()), ..hub.options(home.path()) };
    let message = fetch(Preset::Lambada, &nowhere).unwrap_err();
    assert!(message.contains("CheckNetwork"), "{message}");
    let closed = Hub::open("/", &[], ("", 0), Some("secret"));
    let message = fetch(Preset::Lambada, &closed.options(home.path())).unwrap_err();
    assert!(message.contains("GiveToken") && message.contains("401"), "{message}");
    let split = DatasetSplit { id: "a/b".into(), config: "c".into(), split: "d".into() };
    let mut progress = |_: &_| {};
    let message = DatasetFiles::list(&split, &offline(home.path()), &mut progress).err().unwrap();
    assert!(message.to_string().contains("the split d of a/b (c)"), "{message}");
}
