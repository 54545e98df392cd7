//! The form of shader files: names, bindings and shapes.

use crate::source::File;

/// Kernels have one entry point, named like their file.
pub fn entry_points(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is_wgsl()) {
        let code = code(&file.text);
        let names: Vec<&str> = code.split("@compute").skip(1).map(function_name).collect();
        let stem = file.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".wgsl");
        if !(names.is_empty() || names == [stem]) {
            found.push(format!("{}: has the entry points {names:?}", file.path));
        }
    }
    found
}

/// Bindings run 0..n in order, inputs first, each with its shape at the end of its line.
pub fn bindings(files: &[File]) -> Vec<String> {
    files.iter().filter(|file| file.is_wgsl()).flat_map(file_bindings).collect()
}

fn file_bindings(file: &File) -> Vec<String> {
    let (mut found, mut count, mut outputs) = (Vec::new(), 0, false);
    for (i, line) in file.text.lines().enumerate() {
        let (code, comment) = line.split_once("//").unwrap_or((line, ""));
        if !code.contains("@binding(") {
            continue;
        }
        let mut complain = |what: &str| found.push(format!("{}:{}: {what}", file.path, i + 1));
        if !code.contains(&format!("@group(0) @binding({count}) var<")) {
            complain("bindings are not 0..n in order, one to a line");
        }
        let comment = comment.trim();
        let has_shape = comment.starts_with('[') && comment.ends_with(']') && comment.len() > 2;
        if !has_shape && !code.trim_end().ends_with(": Step;") {
            complain("a binding has no shape, such as `// [T, C]`, at the end of its line");
        }
        if outputs && !code.contains("read_write") {
            complain("an input comes after an output");
        }
        outputs |= code.contains("read_write");
        count += 1;
    }
    found
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
