//! Rules about the text of single files.

use crate::source::{File, code, without_tests};

/// Files stay short enough to be read in one go.
pub fn sizes(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        let limit = match file {
            file if file.is_wgsl() => 150,
            file if file.is_rust() && file.is_test() => 600,
            file if file.is_rust() => 400,
            _ => continue,
        };
        let lines = file.text.lines().count();
        if lines > limit {
            found.push(format!("{}: has {lines} lines, at most {limit}: split it", file.path));
        }
    }
    found
}

/// GPU objects are made, and waited for, in one place each.
const MADE_IN: [(&str, &[&str]); 5] = [
    (
        "src/gpu/device/open.rs",
        &["Instance::new", "enumerate_adapters", "request_adapter", "request_device"],
    ),
    ("src/gpu/device/compiled.rs", &["create_pipeline_cache"]),
    ("src/gpu/plan/pipelines.rs", &["create_shader_module", "create_compute_pipeline"]),
    ("src/gpu/plan/replay.rs", &["create_bind_group"]),
    ("src/gpu/wait.rs", &["push_error_scope", "map_async", "wait_indefinitely"]),
];

pub fn gpu_objects(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is_rust() && file.path.starts_with("src/")) {
        let code = code(&file.text);
        for (home, names) in MADE_IN.iter().filter(|(home, _)| file.path != *home) {
            let here = names.iter().filter(|name| code.contains(**name));
            found.extend(here.map(|name| format!("{}: `{name}` is for {home}", file.path)));
        }
    }
    found
}

/// What a browser does not have, and where the library may use it.
const ABSENT_IN_BROWSERS: [(&str, &[&str]); 10] = [
    ("Instant", &["src/clock.rs"]),
    ("SystemTime", &[]),
    ("block_on", &["src/gpu/", "src/model/", "src/sample/", "src/train/"]),
    ("dirs::", &["src/gpu/device/options.rs"]),
    ("fs::", &["src/hub/native/", "src/eval/data/files/", "src/train/files/"]),
    ("hf_hub::", &["src/hub/native/"]),
    ("memmap2::", &["src/hub/native/"]),
    ("net::", &[]),
    ("tempfile::", &["src/hub/native/"]),
    ("thread::", &["src/gpu/memory/packing.rs", "src/gpu/plan/pipelines.rs", "src/sample/worker/"]),
];

pub fn absent_in_browsers(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is_library()) {
        let code = without_tests(&code(&file.text));
        for (name, homes) in ABSENT_IN_BROWSERS {
            let is_home = homes.iter().any(|home| file.path.starts_with(home));
            if contains_name(&code, name) && !is_home {
                found.push(format!("{}: `{name}` does not exist in a browser", file.path));
            }
        }
    }
    found
}

/// The library neither prints nor panics on input, nor ends or starts anything of its host's.
/// Clippy sees the same by type; this also holds where it does not run.
pub fn library_manners(files: &[File]) -> Vec<String> {
    let prints = ["print!(", "println!(", "eprint!(", "eprintln!(", "dbg!("];
    let panics = ["panic!(", "todo!(", "unimplemented!(", ".unwrap()", ".expect(\""];
    let hosts = ["process::exit", "thread::spawn", "thread::Builder", "catch_unwind"];
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is_library()) {
        let code = without_tests(&code(&file.text));
        for (i, line) in code.lines().enumerate() {
            let words = prints.iter().chain(&panics).chain(&hosts);
            let is_allowed = |word: &str| (file.path.as_str(), word) == JOINED_ON_DROP;
            let bad = words.filter(|word| contains_name(line, word) && !is_allowed(word));
            found.extend(bad.map(|word| format!("{}:{}: `{word}`", file.path, i + 1)));
        }
    }
    found
}

/// The one thread of the library that outlives a call.
const JOINED_ON_DROP: (&str, &str) = ("src/sample/worker/handle.rs", "thread::Builder");

/// The lints that hold in the library and the binary only are switched on there.
pub fn lints_are_on(files: &[File]) -> Vec<String> {
    let lints = ["disallowed_methods", "disallowed_types", "expect_used", "panic", "unwrap_used"];
    let prints = ["print_stderr", "print_stdout"];
    let mut found = Vec::new();
    for (path, wanted) in
        [("src/lib.rs", [&lints[..], &prints].concat()), ("src/main.rs", lints.into())]
    {
        let Some(file) = files.iter().find(|file| file.path == path) else { continue };
        let code = code(&file.text);
        let attribute = code.split("#![warn(").nth(1).and_then(|rest| rest.split(")]").next());
        let on: Vec<&str> = attribute.unwrap_or_default().split(',').map(str::trim).collect();
        let off = wanted.iter().filter(|lint| !on.contains(&format!("clippy::{lint}").as_str()));
        found.extend(off.map(|lint| format!("{path}: `#![warn(clippy::{lint})]` is missing")));
    }
    found
}

/// What a reader is told to run is what is run before a change lands.
pub fn ci_runs_the_readme(files: &[File]) -> Vec<String> {
    let text = |path: &str| files.iter().find(|f| f.path == path).map_or("", |f| &f.text);
    let command = text("README.md").lines().find(|line| line.contains("cargo test"));
    match command {
        Some(command) if text(".ci/run").contains(command) => Vec::new(),
        Some(command) => vec![format!(".ci/run: does not run `{command}`")],
        None => vec!["README.md: names no test command".into()],
    }
}

/// Where documents may send their readers.
const NAMED: [&str; 8] =
    ["src/", "shaders/", "app/", "tests/", "benches/", "docs/", ".ci/", ".github/"];

/// The files and folders that documents name are there.
pub fn named_files(files: &[File]) -> Vec<String> {
    let is_path = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let is_named = |word: &&str| {
        NAMED.iter().any(|folder| word.starts_with(folder)) && word.chars().all(is_path)
    };
    let is_data = |word: &str| word.starts_with("tests/fixtures");
    let is_there = |word: &str| {
        let folder = format!("{}/", word.trim_end_matches('/'));
        files.iter().any(|file| file.path == word || file.path.starts_with(&folder))
    };
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".md")) {
        for (i, line) in file.text.lines().enumerate() {
            let words = line.split(['`', '(', ')', ' ', ',']).filter(is_named);
            let missing = words.filter(|word| !is_data(word) && !is_there(word));
            found.extend(missing.map(|word| format!("{}:{}: no `{word}`", file.path, i + 1)));
        }
    }
    found
}

/// No path of somebody's machine.
pub fn machine_paths(files: &[File]) -> Vec<String> {
    // In two halves, as this file is checked too.
    let roots =
        [concat!("/", "tmp/"), concat!("/", "root/"), concat!("/", "home/"), concat!("/", "work/")];
    let mut found = Vec::new();
    for file in files {
        for (i, line) in file.text.lines().enumerate() {
            let bad = roots.iter().filter(|root| contains_name(line, root));
            found.extend(bad.map(|root| format!("{}:{}: `{root}`", file.path, i + 1)));
        }
    }
    found
}

/// True if the text holds `name` as a word or path of its own: not `a/b/` in `x/a/b/`, nor
/// `print!` in `eprint!`.
fn contains_name(text: &str, name: &str) -> bool {
    let continues = |c: char| c.is_alphanumeric() || "_.-~}".contains(c);
    text.match_indices(name).any(|(at, _)| {
        name.starts_with('.') || !text[..at].chars().next_back().is_some_and(continues)
    })
}
