//! Wrong input: one clear error, the right exit code, nothing half-written.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::{bdlm, bdlm_without_gpu, check_failure, fixture, process, stderr, with_config};

/// Runs the command and checks how it fails.
fn refuses(args: &[&str], code: i32, words: &[&str]) {
    let Some(mut command) = bdlm() else { return };
    let output = command.args(args).output().unwrap();
    check_failure(&output, code, words).unwrap_or_else(|e| panic!("bdlm {args:?} {e}"));
}

#[test]
fn wrong_usage_ends_with_two() {
    refuses(&["generate", "--length", "many"], 2, &["--length"]);
    refuses(&["generate", "--sampler", "guess"], 2, &["first-hitting"]);
    let usage = "Usage: bdlm generate";
    refuses(&["generate", "--steps", "3"], 2, &["--steps", "than first-hitting", usage]);
    refuses(
        &["generate", "--sampler", "entropy", "--threshold", "0.5"],
        2,
        &["--threshold", usage],
    );
    refuses(&["generate", "--sampler", "ancestral", "--per-pass", "2"], 2, &["--per-pass", usage]);
    refuses(&["generate", "--candidates", "3"], 2, &["--events"]);
    refuses(&["logits"], 2, &["--input", "--output"]);
    refuses(&["sing"], 2, &["sing"]);
}

#[test]
fn requests_that_cannot_be_met_end_with_one() {
    let sizes = "does not divide the model's window of 256 tokens";
    refuses(&["generate", "--block-size", "0"], 1, &["block size 0", sizes]);
    refuses(&["generate", "--block-size", "7"], 1, &["block size 7", sizes]);
    refuses(&["generate", "--temperature", "-1"], 1, &["temperature is -1, expected 0"]);
    refuses(&["generate", "--top-p", "1.5"], 1, &["top-p is 1.5, expected above 0"]);
    refuses(
        &["generate", "one two three four", "--length", "3"],
        1,
        &["length of 3", "try a greater --length"],
    );
    let threshold = ["generate", "--sampler", "threshold", "--threshold", "1.5"];
    refuses(&threshold, 1, &["threshold is 1.5, expected 0 to 1"]);
    let none = ["generate", "--sampler", "confidence", "--per-pass", "0"];
    refuses(&none, 1, &["per-pass is 0, expected at least 1"]);
    refuses(&["generate", "--samples", "0"], 1, &["at least 1"]);
    refuses(&["generate", "--watch"], 1, &["--events"]);
    refuses(&["generate", "--no-cache", "--length", "2000000"], 1, &["bytes", "limit", "try"]);
    refuses(&["bench", "--context", "4000"], 1, &["context of 4000", "252 tokens"]);
    refuses(&["bench", "--passes", "0"], 1, &["at least 1"]);
    for part in ["passes", "text", "likelihood"] {
        for size in ["0", "8,512"] {
            let args = ["bench", "--measure", part, "--block-size", size];
            refuses(&args, 1, &["does not divide the model's window of 256 tokens"]);
        }
    }
    refuses(&["bench", "--compare", "nowhere.json"], 1, &["nowhere.json cannot be read"]);
    refuses(&["bench", "--compare", "Cargo.toml"], 1, &["Cargo.toml is not a report"]);
    let ar = with_config("ar", "bos_token_id", json!(0));
    let model = ar.path().display().to_string();
    refuses(&["generate", "--model", &model, "--block-size", "4"], 1, &["no blocks of size 4"]);
}

#[test]
fn models_that_are_not_there_are_reported() {
    refuses(&["generate", "--model", "tails"], 1, &["no model `tails`", "`tales`"]);
    refuses(&["info", "--model", "some/model"], 1, &["is not cached", "HF_HUB_OFFLINE"]);
    let file = format!("{}/config.json", fixture("ar"));
    refuses(&["info", "--model", &file], 1, &["is a file, expected the folder"]);
    let nowhere = "http://127.0.0.1:9";
    let home = tempfile::tempdir().unwrap();
    let output = bdlm_without_gpu()
        .env("HF_ENDPOINT", nowhere)
        .env("HF_HOME", home.path())
        .env_remove("HF_HUB_OFFLINE")
        .args(["info", "--model", "some/model"])
        .output()
        .unwrap();
    check_failure(&output, 1, &["check the network"]).unwrap();
}

#[test]
fn a_prompt_that_is_not_utf_8_is_reported() {
    let Some(mut command) = bdlm() else { return };
    let output = command.args(["generate", "-"]).write_stdin(&b"ab\xff"[..]).output().unwrap();
    check_failure(&output, 1, &["stdin", "not UTF-8 from byte 2 on"]).unwrap();
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_not_utf_8_is_reported() {
    use std::os::unix::ffi::OsStrExt;
    let Some(mut command) = bdlm() else { return };
    let bytes = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    let output = command.arg("generate").arg(bytes).output().unwrap();
    check_failure(&output, 2, &["UTF-8"]).unwrap();
}

#[test]
fn adapters_that_are_not_there_are_reported() {
    refuses(&["generate", "--adapter", "99"], 1, &["no adapter matches `99`", "0: "]);
    refuses(&["bench", "--adapter", "abacus"], 1, &["no adapter matches `abacus`"]);
    if cfg!(target_os = "linux") {
        let output = bdlm_without_gpu()
            .env("VK_DRIVER_FILES", "nowhere.json")
            .env("VK_ICD_FILENAMES", "nowhere.json")
            .arg("generate")
            .output()
            .unwrap();
        check_failure(&output, 1, &["no GPU adapter found", "install"]).unwrap();
    }
}

#[test]
fn configs_out_of_range_name_the_key() {
    for (key, value, words) in [
        ("block_size", json!(0), "block_size is 0, expected 1"),
        ("block_size", json!(5), "does not divide"),
        ("n_heads", json!(5), "hidden_dim is"),
        ("vocab_size", json!(-3), "invalid value"),
        ("hidden_dim", json!("wide"), "invalid type"),
        ("model_type", json!("bert"), "expected one of `bd3lm`"),
        ("bos_token_id", json!(97), "bos_token_id is 97, expected 0 to"),
        ("n_blocks", json!(3), "backbone.blocks.2.norm1.weight is missing"),
        ("n_blocks", json!(1), "blocks.1.norm1.weight is unexpected"),
        ("hidden_dim", json!(128), "expected [128]"),
    ] {
        let model = with_config("bd3lm-block4", key, value.clone());
        let path = model.path().display().to_string();
        refuses(&["info", "--model", &path], 1, &[words]);
    }
}

#[test]
fn an_output_that_cannot_be_written_is_reported_before_the_work() {
    let f = crate::common::fixtures::Fixture::open("ar");
    let folder = tempfile::tempdir().unwrap();
    let view = f.tensor("x0");
    let views = std::collections::HashMap::from([("ids", view)]);
    let input = folder.path().join("input.safetensors");
    std::fs::write(&input, safetensors::serialize(views, None).unwrap()).unwrap();
    let (input, model) = (input.display().to_string(), fixture("ar"));
    let refuses_output = |output: &str, words: &str| {
        let args = ["logits", "--model", &model, "--input", &input, "--output", output];
        refuses(&args, 1, &[words, output]);
    };
    refuses_output("nowhere/at/all.safetensors", "cannot be written");
    refuses_output(&folder.path().display().to_string(), "is a folder");
    if cfg!(target_os = "linux") {
        refuses_output("/proc/logits.safetensors", "cannot be written");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
}

#[test]
fn inputs_of_logits_that_do_not_fit_are_reported() {
    let (model, folder) = (fixture("ar"), tempfile::tempdir().unwrap());
    let cases = format!("{model}/cases.safetensors");
    let output = folder.path().join("out").display().to_string();
    let refuses_input = |input: &str, words: &[&str]| {
        let args = ["logits", "--model", &model, "--input", input, "--output", &output];
        refuses(&args, 1, words);
    };
    refuses_input(&cases, &["holds no `ids`"]);
    refuses_input(&format!("{model}/config.json"), &["not a whole safetensors file"]);
    refuses_input("nowhere", &["nowhere cannot be read"]);
    assert!(!Path::new(&output).exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_reported() {
    let Some(_) = bdlm() else { return };
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = process()
        .args(["generate", "--length", "16"])
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
        .wait_with_output()
        .unwrap();
    check_failure(&output, 1, &["stdout cannot be written", "No space left"]).unwrap();
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_run_between_blocks_with_130() {
    use std::io::{BufRead, BufReader};
    let Some(_) = bdlm() else { return };
    let mut child = process()
        .args(["generate", "--length", "100000", "--events", "--min-entropy", "0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("\"start\""));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    for line in lines.map_while(Result::ok) {
        serde_json::from_str::<serde_json::Value>(&line).expect("no line is cut");
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(!stderr(&output).contains("error"), "{}", stderr(&output));
}
