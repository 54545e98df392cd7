//! A hub on this machine that speaks what hf-hub asks for.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bdlm::hub::HubOptions;

/// What a request asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub from: usize,
    to: Option<usize>,
    token: Option<String>,
}

/// A hub at a port of this machine.
pub struct Hub {
    /// What every path begins with that leads to a file.
    root: &'static str,
    files: HashMap<String, Vec<u8>>,
    /// A file whose body is broken off in the middle, so many times.
    cut: Mutex<(&'static str, usize)>,
    /// Requests without it are refused.
    token: Option<&'static str>,
    asked: Mutex<Vec<Asked>>,
    closed: AtomicBool,
}

/// A hub that closes when it goes out of scope.
pub struct Open {
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
    pub fn options(&self, home: &Path) -> HubOptions {
        let endpoint = Some(format!("http://{}", self.address));
        HubOptions { endpoint, home: Some(home.into()), token: None, offline: false }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.hub.asked.lock().unwrap().clone()
    }
}

impl Hub {
    /// Opens a hub of these files, by their paths after `root`.
    pub fn open(
        root: &'static str,
        files: &[(&str, Vec<u8>)],
        cut: (&'static str, usize),
        token: Option<&'static str>,
    ) -> Open {
        let files = files.iter().map(|(name, bytes)| ((*name).to_string(), bytes.clone()));
        let hub = Arc::new(Hub {
            root,
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
        let name = asked.path.strip_prefix(self.root).unwrap_or_default();
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
             etag: \"{}\"\r\nConnection: close\r\n\r\n",
            name.replace('/', "-")
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
