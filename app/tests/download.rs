//! A download is cancelled where it is: in the hub's client.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use bdlm::hub::HubOptions;
use bdlm_app::engine::{EngineBackend, EngineThread, Notice, Source};

/// Bytes that the weights are said to have; they never all come.
const SIZE: usize = 50_000_000;

/// Answers as a hub does, but the weights come slowly. Reports when a client has hung up.
fn serve(mut stream: TcpStream, hung_up: &Sender<()>) {
    let lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let head: Vec<String> =
        lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let Some(path) = head.first().and_then(|line| line.split(' ').nth(1)) else { return };
    let range = head
        .iter()
        .find_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(String::from));
    let range = range.unwrap_or("0-".into());
    let (from, to) = range.split_once('-').unwrap();
    let from: usize = from.parse().unwrap();
    let config = include_bytes!("../../assets/tales/config.json");
    let (size, is_config) = match path.rsplit('/').next() {
        Some("config.json") => (config.len(), true),
        Some("model.safetensors") => (SIZE, false),
        _ => {
            let _ = stream.write_all(
                b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            );
            return;
        }
    };
    let end = to.parse().map_or(size, |to: usize| size.min(to + 1));
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {from}-{}/{size}\r\n\
         x-repo-commit: 0123456789abcdef\r\netag: \"{is_config}\"\r\nConnection: close\r\n\r\n",
        end - from,
        end - 1
    );
    stream.write_all(head.as_bytes()).unwrap();
    if is_config {
        return stream.write_all(&config[from..end]).unwrap();
    }
    for at in (from..end).step_by(4096) {
        if stream.write_all(&vec![0; 4096.min(end - at)]).is_err() {
            return hung_up.send(()).unwrap();
        }
        if end - from > 1 {
            std::thread::sleep(Duration::from_millis(3));
        }
    }
}

/// Waits for a notice of this kind.
fn wait_for(engine: &EngineThread, is_it: impl Fn(&Notice) -> bool) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(30) {
        match engine.try_recv().unwrap() {
            Some(notice) if is_it(&notice) => return,
            Some(Notice::Failed { error, .. }) => panic!("{error}"),
            _ => std::thread::sleep(Duration::from_millis(2)),
        }
    }
    panic!("it was not reported");
}

#[test]
fn a_cancelled_download_hangs_up_and_can_be_taken_up_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (hung_up, hangs_up) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let hung_up = hung_up.clone();
            std::thread::spawn(move || serve(stream.unwrap(), &hung_up));
        }
    });
    let home = tempfile::tempdir().unwrap();
    let home_folder = Some(home.path().to_path_buf());
    let hub = HubOptions { endpoint: Some(endpoint), home: home_folder, ..HubOptions::default() };
    let engine = EngineThread::spawn(EngineBackend::with_hub(hub), || {}).unwrap();
    let source = Source { name: "owner/model".into(), ..Source::default() };
    let is_under_way = |notice: &Notice| {
        matches!(notice, Notice::Progress(p)
            if p.what.contains("model.safetensors") && p.part.is_some_and(|part| part > 0.001))
    };
    for _ in 0..2 {
        assert!(engine.find(source.clone(), Box::default()));
        wait_for(&engine, is_under_way);
        engine.cancel();
        wait_for(&engine, |notice| matches!(notice, Notice::Cancelled));
        hangs_up.recv_timeout(Duration::from_secs(10)).expect("bytes still flow");
    }
    // The thread lives, and the embedded model needs no hub.
    let tales = Source { name: bdlm::hub::DEFAULT_MODEL.into(), ..Source::default() };
    assert!(engine.find(tales, Box::default()));
    wait_for(&engine, |notice| matches!(notice, Notice::Found(_)));
}

#[test]
fn files_that_are_handed_over_are_a_model_and_broken_ones_are_refused() {
    let tales = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/tales/");
    let file = |name: &str| {
        let bytes: Arc<[u8]> = std::fs::read(tales.to_string() + name).unwrap().into();
        (name.to_string(), bytes)
    };
    let engine = EngineThread::spawn(EngineBackend::default(), || {}).unwrap();
    let of = |files| Source { name: "your files".into(), files, ..Source::default() };
    let whole = ["config.json", "model.safetensors", "tokenizer.json"].map(file).to_vec();
    assert!(engine.find(of(whole.clone()), Box::default()));
    wait_for(
        &engine,
        |notice| matches!(notice, Notice::Found(found) if found.name == "your files"),
    );
    assert!(engine.find(of(whole[1..].to_vec()), Box::default()));
    wait_for(
        &engine,
        |notice| matches!(notice, Notice::Failed { error, .. } if error.to_string().contains("no config.json")),
    );
}
