//! Files of the repository, and what WGSL declares and uses, as text.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Where kernels are; all other shaders are parts.
pub const KERNEL_FOLDERS: [&str; 2] = ["shaders/kernels", "shaders/backward"];

/// Whether a file is a kernel.
pub fn is_kernel(path: &str) -> bool {
    KERNEL_FOLDERS.iter().any(|folder| path.starts_with(&format!("{folder}/")))
}

/// Files below a folder, by their paths from the repository's root.
pub fn files(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    let below = |entry: fs::DirEntry| {
        let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() { files(&path) } else { vec![path] }
    };
    entries.flat_map(|entry| below(entry.unwrap())).collect()
}

pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// WGSL without its comments.
pub fn code(wgsl: &str) -> String {
    let code = |line: &str| line.split("//").next().unwrap_or_default().to_string();
    wgsl.lines().map(code).collect::<Vec<_>>().join("\n")
}

/// Names that are declared for the whole module: such lines are not indented.
pub fn declared(wgsl: &str) -> BTreeSet<String> {
    const KINDS: [&str; 6] = ["fn", "const", "override", "struct", "alias", "var"];
    let name = |line: &str| {
        let line = line.rsplit_once("@binding(").map_or(line, |(_, rest)| {
            rest.split_once(") ").map_or(rest, |(_, declaration)| declaration)
        });
        let mut names = words(line);
        let kind = names.next()?;
        // An address space stands between `var` and the name.
        let skipped = if line.starts_with("var<") { 1 + line.matches(", read").count() } else { 0 };
        KINDS.contains(&kind).then(|| names.nth(skipped)).flatten().map(str::to_string)
    };
    code(wgsl).lines().filter_map(name).collect()
}

/// Names that are used but for those of members, and of variables and parameters of functions.
pub fn used(wgsl: &str) -> BTreeSet<String> {
    let code = code(wgsl);
    let own = locals(&code);
    let mut used = BTreeSet::new();
    for line in code.lines() {
        for (at, word) in positions(line) {
            let is_member = line[..at].ends_with('.') || line[..at].ends_with('@');
            if !is_member && !own.contains(word) {
                used.insert(word.to_string());
            }
        }
    }
    used
}

/// Variables and parameters of functions, and members of structs.
fn locals(code: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for line in code.lines().filter(|line| line.starts_with(' ') || line.starts_with("fn ")) {
        let all: Vec<(usize, &str)> = positions(line).collect();
        for (i, &(at, word)) in all.iter().enumerate() {
            let follows_let = i > 0 && ["let", "var"].contains(&all[i - 1].1);
            if follows_let || line[at + word.len()..].starts_with(": ") {
                found.insert(word);
            }
        }
    }
    found
}

pub fn words(line: &str) -> impl Iterator<Item = &str> {
    positions(line).map(|(_, word)| word)
}

fn positions(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let words = line.split(move |c| !is_word(c)).filter(|word| !word.is_empty());
    words.map(move |word| (word.as_ptr() as usize - line.as_ptr() as usize, word))
}

#[test]
fn names_are_found() {
    let wgsl = "override K: u32;    // override L: u32;\n\
                @group(0) @binding(X) var<storage, read_write> y: array<f32>;\n\
                @group(0) @binding(1) var<storage, read> x: array<f32>;\n\
                @group(0) @binding(2) var t: texture_storage_2d<rgba32uint, read>;\n\
                var<workgroup> sums: array<f32, LANES>;\n\
                fn f(\n    a: u32,\n) {\n    let b = a.K + g(x[K]);\n}\n";
    let names = |set: BTreeSet<String>| set.into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(names(declared(wgsl)), "K f sums t x y");
    let used = used(wgsl);
    assert!(["K", "LANES", "X", "g", "x"].iter().all(|&name| used.contains(name)), "{used:?}");
    assert!(["L", "a", "b"].iter().all(|&name| !used.contains(name)), "{used:?}");
}
