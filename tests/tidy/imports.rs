//! One-way imports: a layer may use itself and the layers below it.

use std::collections::HashMap;

use crate::source::{File, code, without_tests};

/// From the bottom up. Layers of one line do not know each other.
const LAYERS: &[&[&str]] = &[
    &["error", "clock"],
    &["event"],
    &["text", "hub", "plot"],
    &["gpu"],
    &["model"],
    &["sample"],
    &["eval"],
    &["train"],
    &["measure"],
];

pub fn violations(files: &[File]) -> Vec<String> {
    let exports = files.iter().find(|file| file.path == "src/lib.rs").map(exports);
    let exports = exports.unwrap_or_default();
    files
        .iter()
        .filter(|file| file.is_rust() && file.path.starts_with("src/"))
        .flat_map(|file| match file.is_cli() {
            true => cli_violations(file),
            false => library_violations(file, &exports),
        })
        .collect()
}

fn library_violations(file: &File, exports: &HashMap<String, String>) -> Vec<String> {
    let (path, code) = (&file.path, code(&file.text));
    if path == "src/lib.rs" {
        let has_logic = without_tests(&code).contains("fn ");
        return has_logic.then(|| format!("{path}: holds a function")).into_iter().collect();
    }
    let layer = path["src/".len()..].split(['/', '.']).next().unwrap_or_default();
    let Some(rank) = rank(layer) else {
        return vec![format!("{path}: `{layer}` is no layer; give it a place in the order")];
    };
    let mut found = Vec::new();
    for name in names_after_crate(&code) {
        let target = exports.get(&name).unwrap_or(&name);
        match self::rank(target) {
            Some(other) if other < rank || target == layer => {}
            Some(_) => found.push(format!("{path}: {layer} uses `crate::{name}` of {target}")),
            None if exports.contains_key(&name) => {}
            None => found.push(format!("{path}: `crate::{name}` is of no layer")),
        }
    }
    let inner = without_tests(&code);
    let leaves_by_one = file.is_top_level() || path.matches('/').count() == 2 && is_mod(path);
    if inner.contains("super::super") || leaves_by_one && inner.contains("super::") {
        found.push(format!("{path}: leaves its layer by `super`; write `crate::`"));
    }
    if inner.contains("#[path") {
        found.push(format!("{path}: names a module's file with `#[path]`"));
    }
    found
}

/// The binary reaches the library only through what `lib.rs` exports.
fn cli_violations(file: &File) -> Vec<String> {
    let code = code(&file.text);
    let mut found: Vec<String> = names_after_crate(&code)
        .into_iter()
        .filter(|name| rank(name).is_some())
        .map(|name| format!("{}: uses `crate::{name}`; write `bdlm::`", file.path))
        .collect();
    let is_root = file.path == "src/main.rs";
    let declares = |layer: &&&str| is_root && code.contains(&format!("mod {layer};"));
    let declared = LAYERS.iter().copied().flatten().filter(declares);
    found.extend(declared.map(|layer| format!("{}: compiles {layer} again", file.path)));
    if code.contains("#[path") {
        found.push(format!("{}: names a module's file with `#[path]`", file.path));
    }
    found
}

fn rank(layer: &str) -> Option<usize> {
    LAYERS.iter().position(|line| line.contains(&layer))
}

fn is_mod(path: &str) -> bool {
    path.ends_with("/mod.rs")
}

/// What `lib.rs` exports: name → first segment of its path, a layer or another crate.
fn exports(lib: &File) -> HashMap<String, String> {
    let code = code(&lib.text);
    let mut exports = HashMap::new();
    for statement in code.split("pub use ").skip(1) {
        let path = statement.split(';').next().unwrap_or_default().trim_start_matches("crate::");
        let mut names = identifiers(path);
        let Some(first) = names.next() else { continue };
        exports.insert(first.to_string(), first.to_string());
        exports.extend(names.map(|name| (name.to_string(), first.to_string())));
    }
    exports
}

/// The names that follow `crate::`, in grouped imports too; `*` for a glob.
fn names_after_crate(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    let starts = code.match_indices("crate::").filter(|&(at, _)| !ends_in_word(&code[..at]));
    for (at, prefix) in starts {
        let path = &code[at + prefix.len()..];
        match path.strip_prefix('{') {
            Some(group) => names.extend(first_segments(group)),
            None => names.push(first_segment(path)),
        }
    }
    names
}

/// The first segment of each path of a group, whose opening brace is cut off.
fn first_segments(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut segments) = (0, 0, Vec::new());
    for (i, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                let path = group[start..i].trim();
                if !path.is_empty() {
                    segments.push(first_segment(path));
                }
                start = i + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    segments
}

fn first_segment(path: &str) -> String {
    match path.starts_with('*') {
        true => "*".into(),
        false => identifiers(path).next().unwrap_or_default().into(),
    }
}

fn identifiers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !is_word(c)).filter(|name| !name.is_empty())
}

fn ends_in_word(text: &str) -> bool {
    text.chars().next_back().is_some_and(is_word)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
