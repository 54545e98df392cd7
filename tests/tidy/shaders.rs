//! The form of shader files: folders, names, bindings and shapes.

use crate::source::File;

/// Kernels have one entry point, named like their file; parts, which are joined to them, have none.
pub fn entry_points(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is_wgsl()) {
        let code = code(&file.text);
        let names: Vec<&str> = code.split("@compute").skip(1).map(function_name).collect();
        let stem = file.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".wgsl");
        let wanted = match file.path.strip_suffix(&format!("/{stem}.wgsl")) {
            Some("shaders/kernels" | "shaders/backward") => vec![stem],
            Some("shaders/parts") => vec![],
            _ => {
                found.push(format!("{}: is in no folder of shaders", file.path));
                continue;
            }
        };
        if names != wanted {
            found.push(format!("{}: has entry points {names:?}, not {wanted:?}", file.path));
        }
    }
    found
}

/// Bindings go up by one, inputs first, each with its shape at the end of its line. (That those of
/// a whole kernel run 0..n is tested where its parts are joined.)
pub fn bindings(files: &[File]) -> Vec<String> {
    files.iter().filter(|file| file.is_wgsl()).flat_map(file_bindings).collect()
}

fn file_bindings(file: &File) -> Vec<String> {
    let (mut found, mut next, mut outputs) = (Vec::new(), None, false);
    for (i, line) in file.text.lines().enumerate() {
        let (code, comment) = line.split_once("//").unwrap_or((line, ""));
        if !code.contains("@binding(") {
            continue;
        }
        let mut complain = |what: &str| found.push(format!("{}:{}: {what}", file.path, i + 1));
        let number = binding_number(code);
        let is_named = NAMED.iter().any(|name| code.starts_with(name));
        if !is_named && (number.is_none() || next.is_some_and(|next| number != Some(next))) {
            complain("bindings are not in order, one to a line");
        }
        let comment = comment.trim();
        let has_shape = comment.starts_with('[') && comment.ends_with(']') && comment.len() > 2;
        if !has_shape && !code.trim_end().ends_with(": Step;") {
            complain("a binding has no shape, such as `// [T, C]`, at the end of its line");
        }
        let is_output = code.contains("read_write") || code.contains(", write>");
        if outputs && !is_output {
            complain("an input comes after an output");
        }
        outputs |= is_output;
        next = number.map(|number| number + 1);
    }
    found
}

/// Bindings that a joined part declares under the number that the kernel gives.
const NAMED: [&str; 7] = [
    "@group(0) @binding(INPUT) var",
    "@group(0) @binding(OUTPUT) var",
    "@group(0) @binding(NORM) var",
    "@group(0) @binding(MODULATION) var",
    "@group(0) @binding(QUERIES) var",
    "@group(0) @binding(KEYS) var",
    "@group(0) @binding(VALUES) var",
];

/// Of a line that declares one buffer or storage texture.
fn binding_number(code: &str) -> Option<u32> {
    let (number, declaration) = code.strip_prefix("@group(0) @binding(")?.split_once(") var")?;
    let is_buffer = declaration.starts_with('<');
    let is_texels = declaration.contains(": texture_storage_2d<rgba32uint, ");
    number.parse().ok().filter(|_| is_buffer || is_texels)
}

/// No shader text in Rust: it is neither checked by naga's test nor seen by an editor.
pub fn no_wgsl_in_rust(files: &[File]) -> Vec<String> {
    let marks = ["@compute", "@workgroup_size", "@group(", "@binding("];
    let is_wgsl = |file: &&File| marks.iter().any(|mark| file.text.contains(mark));
    files
        .iter()
        .filter(|file| file.is_rust() && !file.is_test())
        .filter(is_wgsl)
        .map(|file| format!("{}: holds WGSL", file.path))
        .collect()
}

fn code(text: &str) -> String {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

fn function_name(after_compute: &str) -> &str {
    let after_fn = after_compute.split_once("fn ").map_or("", |(_, rest)| rest);
    after_fn.split('(').next().unwrap_or_default().trim()
}
