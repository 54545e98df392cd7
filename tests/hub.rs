//! Finding models: folders, the embedded default, and a hub on this machine that speaks what
//! hf-hub asks for.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bdlm::hub::{Download, HubOptions, ModelFiles};

const ID: &str = "someone/a-model";

/// What a request asked for.
#[derive(Clone, Debug)]
struct Asked {
    path: String,
    from: usize,
    to: Option<usize>,
    token: Option<String>,
}

/// A hub with one repository, at a port of this machine.
struct Hub {
    files: HashMap<String, Vec<u8>>,
    /// A file whose body is broken off in the middle, so many times.
    cut: Mutex<(&'static str, usize)>,
    /// Requests without it are refused.
    token: Option<&'static str>,
    asked: Mutex<Vec<Asked>>,
    closed: AtomicBool,
}

/// A hub that closes when it goes out of scope.
struct Open {
    hub: Arc<Hub>,
    address: String,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.hub.closed.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(&self.address));
    }
}

impl Open {
    fn options(&self, home: &Path) -> HubOptions {
        let endpoint = Some(format!("http://{}", self.address));
        HubOptions { endpoint, home: Some(home.into()), token: None, offline: false }
    }

    fn asked(&self) -> Vec<Asked> {
        self.hub.asked.lock().unwrap().clone()
    }
}

impl Hub {
    fn open(
        files: &[(&str, Vec<u8>)],
        cut: (&'static str, usize),
        token: Option<&'static str>,
    ) -> Open {
        let files = files.iter().map(|(name, bytes)| ((*name).to_string(), bytes.clone()));
        let hub = Arc::new(Hub {
            files: files.collect(),
            cut: Mutex::new(cut),
            token,
            asked: Mutex::default(),
            closed: AtomicBool::new(false),
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let serving = hub.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.closed.load(Ordering::SeqCst) {
                    return;
                }
                serving.answer(stream.unwrap());
            }
        });
        Open { hub, address }
    }

    /// One request, one answer, and the connection is closed.
    fn answer(&self, mut stream: TcpStream) {
        let lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let head: Vec<String> =
            lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        let Some(asked) = read_request(&head) else { return };
        self.asked.lock().unwrap().push(asked.clone());
        let allowed = self.token.is_none_or(|t| asked.token == Some(format!("Bearer {t}")));
        let name = asked.path.strip_prefix(&format!("/{ID}/resolve/main/")).unwrap_or_default();
        let Some(file) = self.files.get(name).filter(|_| allowed) else {
            let status = if allowed { "404 Not Found" } else { "401 Unauthorized" };
            let empty = "Content-Length: 0\r\nConnection: close\r\n\r\n";
            return write!(stream, "HTTP/1.1 {status}\r\n{empty}").unwrap();
        };
        let end = asked.to.map_or(file.len(), |to| file.len().min(to + 1));
        let body = &file[asked.from.min(end)..end];
        let (from, to, size, length) = (asked.from, end.max(1) - 1, file.len(), body.len());
        write!(
            stream,
            "HTTP/1.1 206 Partial Content\r\nContent-Length: {length}\r\n\
             Content-Range: bytes {from}-{to}/{size}\r\nx-repo-commit: 0123456789abcdef\r\n\
             etag: \"{name}\"\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut cut = self.cut.lock().unwrap();
        let broken_off = cut.0 == name && cut.1 > 0 && length > 1;
        cut.1 -= usize::from(broken_off);
        stream.write_all(if broken_off { &body[..length / 2] } else { body }).unwrap();
    }
}

fn read_request(head: &[String]) -> Option<Asked> {
    let path = head.first()?.split(' ').nth(1)?.to_string();
    let header = |name: &str| {
        head.iter().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_string())
        })
    };
    let range = header("range").unwrap_or("bytes=0-".into());
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let token = header("authorization");
    Some(Asked { path, from: from.parse().ok()?, to: to.parse().ok(), token })
}

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
    let mut told = Vec::new();
    let found = ModelFiles::find_with(ID, options, &mut |d: &Download| told.push(d.clone()));
    (found.map_err(|e| e.to_string()), told)
}

#[test]
fn a_model_is_fetched_once_and_then_found_without_the_hub() {
    let home = tempfile::tempdir().unwrap();
    let hub = Hub::open(&whole_model(), ("", 0), None);
    let options = hub.options(home.path());
    let (files, told) = find(&options);
    let files = files.unwrap();
    assert_eq!(*files.config, *fixture("config.json"));
    assert_eq!(*files.weights[0], *fixture("model.safetensors"));
    assert!(files.tokenizer.is_none());
    let last = told.iter().rfind(|d| d.file == "model.safetensors").unwrap();
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
    let hub = Hub::open(&whole_model(), ("", 0), None);
    let options = HubOptions { offline: true, ..hub.options(home.path()) };
    let error = find(&options).0.unwrap_err();
    assert!(error.contains("HF_HUB_OFFLINE"), "{error}");
    assert!(hub.asked().is_empty(), "nobody is asked");
}

#[test]
fn a_cut_download_goes_on_where_it_ended() {
    let home = tempfile::tempdir().unwrap();
    let size = fixture("model.safetensors").len();
    // More cuts than retries: the first try fails.
    let hub = Hub::open(&whole_model(), ("model.safetensors", 3), None);
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
    let hub = Hub::open(&whole_model(), ("", 0), Some("secret"));
    let options = hub.options(home.path());
    let error = find(&options).0.unwrap_err();
    assert!(error.contains("HF_TOKEN") && error.contains("401"), "{error}");
    find(&HubOptions { token: Some("secret".into()), ..options }).0.unwrap();
}

#[test]
fn a_model_that_is_not_on_the_hub_and_a_hub_that_is_not_there_are_told_apart() {
    let home = tempfile::tempdir().unwrap();
    let hub = Hub::open(&[], ("", 0), None);
    let error = find(&hub.options(home.path())).0.unwrap_err();
    assert!(error.contains("the hub has no model someone/a-model"), "{error}");
    let nowhere =
        HubOptions { endpoint: Some("http://127.0.0.1:9".into()), ..hub.options(home.path()) };
    let error = find(&nowhere).0.unwrap_err();
    assert!(error.contains("check the network"), "{error}");
    let no_weights = Hub::open(&whole_model()[..1], ("", 0), None);
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
    let hub = Hub::open(&files, ("", 0), None);
    let found = find(&hub.options(home.path())).0.unwrap();
    assert_eq!(found.weights.iter().map(|shard| shard.len()).collect::<Vec<_>>(), [10, 20]);
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    assert_eq!(ModelFiles::open(folder.path()).unwrap().weights.len(), 2);
    let escape = br#"{"weight_map":{"a":"../part-1.safetensors"}}"#;
    std::fs::write(folder.path().join("model.safetensors.index.json"), escape).unwrap();
    let error = ModelFiles::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("beside the index"), "{error}");
}

#[test]
fn names_that_lead_nowhere_say_what_a_name_can_be() {
    let options = HubOptions { offline: true, ..Default::default() };
    let error =
        |name: &str| ModelFiles::find_with(name, &options, &mut |_| {}).unwrap_err().to_string();
    assert!(error("tails").contains("expected `tales`, a folder"), "{}", error("tails"));
    assert!(error("../nowhere/at/all").contains("there is no model"));
    let empty = tempfile::tempdir().unwrap();
    assert!(error(empty.path().to_str().unwrap()).contains("holds no config.json"));
    std::fs::write(empty.path().join("config.json"), "{}").unwrap();
    assert!(error(empty.path().to_str().unwrap()).contains("holds no model.safetensors"));
    let file = empty.path().join("config.json");
    assert!(error(file.to_str().unwrap()).contains("is a file"));
    assert!(ModelFiles::find_with("tales", &options, &mut |_| {}).is_ok());
}
