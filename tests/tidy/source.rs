//! The repository's files as text, and Rust code without its comments, strings and tests.

use std::fs;
use std::path::Path;

/// A file by its path from the repository's root.
pub struct File {
    pub path: String,
    pub text: String,
}

impl File {
    pub fn new(path: &str, text: &str) -> File {
        File { path: path.into(), text: text.into() }
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub fn is_wgsl(&self) -> bool {
        self.path.ends_with(".wgsl")
    }

    pub fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.contains("/tests/")
    }

    /// Part of the library: under `src` and not of the binary.
    pub fn is_library(&self) -> bool {
        self.is_rust() && self.path.starts_with("src/") && !self.is_cli()
    }

    /// Part of the binary `bdlm`.
    pub fn is_cli(&self) -> bool {
        self.path == "src/main.rs" || self.path.starts_with("src/cli/")
    }

    /// Directly under `src`, so that `super` is the crate.
    pub fn is_top_level(&self) -> bool {
        self.path.strip_prefix("src/").is_some_and(|rest| !rest.contains('/'))
    }
}

const FOLDERS: [&str; 9] =
    ["src", "shaders", "app", "web", "tests", "benches", "examples", "docs", ".github"];
const TEXT: [&str; 12] =
    ["rs", "wgsl", "toml", "md", "sh", "yml", "py", "run", "js", "mjs", "ts", "html"];

/// All sources and documents. Data, vocabularies and build outputs are left out.
pub fn repository() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in FOLDERS {
        collect(root, folder, &mut files);
    }
    for entry in fs::read_dir(root).unwrap() {
        add(root, &entry.unwrap().file_name().into_string().unwrap(), &mut files);
    }
    add(root, ".ci/run", &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn collect(root: &Path, folder: &str, files: &mut Vec<File>) {
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return };
    for entry in entries {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = format!("{folder}/{name}");
        match entry.file_type().unwrap().is_dir() {
            true if name == "target" || name == "node_modules" || path == "tests/fixtures" => {}
            true => collect(root, &path, files),
            false => add(root, &path, files),
        }
    }
}

fn add(root: &Path, path: &str, files: &mut Vec<File>) {
    let extension = path.rsplit(['.', '/']).next().unwrap_or_default();
    let is_script = path == ".ci/run";
    if (TEXT.contains(&extension) || is_script) && root.join(path).is_file() {
        files.push(File { path: path.into(), text: fs::read_to_string(root.join(path)).unwrap() });
    }
}

/// Rust text with comments and the contents of strings blanked, line by line as it was.
pub fn code(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut i = 0;
    while i < chars.len() {
        let (end, keep) = piece(&chars, i);
        let blank = |c: char| if c == '\n' { c } else { ' ' };
        for (j, &c) in chars.iter().enumerate().take(end).skip(i) {
            let edge = j < i + keep || j + keep >= end;
            code.push(if edge { c } else { blank(c) });
        }
        i = end;
    }
    code
}

/// Where the comment, string or character at `i` ends, and how many of its first and last
/// characters are code; for anything else, the next character.
fn piece(chars: &[char], i: usize) -> (usize, usize) {
    let starts = |text: &str| text.chars().enumerate().all(|(j, c)| chars.get(i + j) == Some(&c));
    let inside_word = i > 0 && (chars[i - 1].is_alphanumeric() || chars[i - 1] == '_');
    if starts("//") {
        let length = chars[i..].iter().take_while(|&&c| c != '\n').count();
        return (i + length, 0);
    }
    if starts("/*") {
        return (block_comment_end(chars, i), 0);
    }
    if starts("\"") {
        return (quoted_end(chars, i, '"'), 1);
    }
    if starts("r\"") || starts("r#") || starts("br\"") || starts("br#") {
        return if inside_word { (i + 1, 1) } else { raw_string_end(chars, i) };
    }
    // A lifetime has no closing quote after one character.
    let is_char = starts("'\\") || (starts("'") && chars.get(i + 2) == Some(&'\''));
    if is_char { (quoted_end(chars, i, '\''), 1) } else { (i + 1, 1) }
}

fn block_comment_end(chars: &[char], from: usize) -> usize {
    let (mut i, mut depth) = (from, 0);
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i
}

fn quoted_end(chars: &[char], from: usize, quote: char) -> usize {
    let mut i = from + 1;
    while i < chars.len() && chars[i] != quote {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(chars.len())
}

/// A raw identifier, `r#type`, is no string.
fn raw_string_end(chars: &[char], from: usize) -> (usize, usize) {
    let r = if chars[from] == 'b' { from + 1 } else { from };
    let hashes = chars[r + 1..].iter().take_while(|&&c| c == '#').count();
    if chars.get(r + 1 + hashes) != Some(&'"') {
        return (from + 1, 1);
    }
    let closes = |i: usize| {
        chars[i] == '"' && chars[i + 1..].iter().take_while(|&&c| c == '#').count() >= hashes
    };
    let quote = (r + 2 + hashes..chars.len()).find(|&i| closes(i));
    (quote.map_or(chars.len(), |i| i + 1 + hashes), 1)
}

/// Code without its items under `#[cfg(test)]`, line by line as it was.
pub fn without_tests(code: &str) -> String {
    let mut rest = code;
    let mut kept = String::with_capacity(code.len());
    while let Some(at) = rest.find("#[cfg(test)]") {
        let (before, item) = rest.split_at(at);
        let end = item_end(item);
        kept.push_str(before);
        kept.extend(item[..end].chars().filter(|&c| c == '\n'));
        rest = &item[end..];
    }
    kept + rest
}

/// Where an item ends: at its closing brace, or at a semicolon before any brace.
fn item_end(item: &str) -> usize {
    let mut depth = 0;
    for (i, c) in item.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return i + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return i + 1,
            _ => {}
        }
    }
    item.len()
}
