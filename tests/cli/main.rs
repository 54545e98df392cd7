//! The binary as its users meet it: what it prints, how it ends, what it says of wrong input.

mod chat;
mod commands;
#[path = "../common/mod.rs"]
mod common;
mod decoders;
mod errors;
mod eval;
mod generate;
mod genppl;
mod gradients;
mod journals;
mod models;
mod outputs;
mod resume;
mod simplex;
mod train;

use std::path::Path;
use std::process::Output;

use assert_cmd::Command;

/// The binary, without a hub and without a user's settings. None where there is no adapter.
fn bdlm() -> Option<Command> {
    common::gpu(None)?;
    Some(bdlm_without_gpu())
}

/// The binary for what needs no adapter.
fn bdlm_without_gpu() -> Command {
    Command::from_std(process())
}

/// The binary, to be spawned.
fn process() -> std::process::Command {
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("bdlm"));
    command.env("HF_HUB_OFFLINE", "1").env_remove("BDLM_ADAPTER").env_remove("BDLM_KERNELS");
    command.env("BDLM_CACHE", env!("CARGO_TARGET_TMPDIR"));
    command
}

/// A folder under `tests/fixtures`, as an argument.
fn fixture(name: &str) -> String {
    common::fixtures::folder(name).display().to_string()
}

/// A copy of a fixture in which one value of the config is replaced.
fn with_config(name: &str, key: &str, value: serde_json::Value) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let from = Path::new(&fixture(name)).to_path_buf();
    std::fs::copy(from.join("model.safetensors"), folder.path().join("model.safetensors")).unwrap();
    let config = std::fs::read(from.join("config.json")).unwrap();
    let mut config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    config[key] = value;
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    folder
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The cells of a line of CSV, of which some may be quoted.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut is_quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(String::new()),
            c => cells.last_mut().unwrap().push(c),
        }
    }
    cells
}

/// Fails with this code and one error that holds the words, and prints nothing else.
fn check_failure(output: &Output, code: i32, words: &[&str]) -> Result<(), String> {
    let (got, message) = (output.status.code(), stderr(output));
    if got != Some(code) {
        return Err(format!("ends with {got:?}, expected {code}: {message}"));
    }
    if !output.stdout.is_empty() {
        return Err(format!("prints {:?} on stdout", stdout(output)));
    }
    if message.lines().filter(|line| line.starts_with("error: ")).count() != 1
        || message.contains("panicked")
    {
        return Err(format!("does not print one error: {message}"));
    }
    match words.iter().find(|words| !message.contains(**words)) {
        Some(words) => Err(format!("does not say {words:?}: {message}")),
        None => Ok(()),
    }
}

#[test]
fn a_wrong_failure_is_rejected() {
    let output = bdlm_without_gpu().args(["info", "--model", "nowhere"]).output().unwrap();
    assert!(check_failure(&output, 1, &["no model `nowhere`"]).is_ok());
    assert!(check_failure(&output, 2, &["no model `nowhere`"]).is_err());
    assert!(check_failure(&output, 1, &["no model `elsewhere`"]).is_err());
    let output = bdlm_without_gpu().arg("--version").output().unwrap();
    assert!(check_failure(&output, 0, &[]).is_err());
}
