//! `bdlm generate`.

use std::io::Read;
use std::process::Stdio;

use bdlm::event::Event;
use bdlm::wgpu;
use serde_json::Value;

use crate::{bdlm, check_failure, common, fixture, process, stderr, stdout, with_config};

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_text_begins_with_the_prompt_and_depends_on_the_seed_alone() {
    let Some(mut command) = bdlm() else { return };
    let args = ["generate", "Once upon a time", "--length", "40"];
    let first = command.args(args).output().unwrap();
    assert!(first.status.success(), "{}", stderr(&first));
    assert!(stdout(&first).starts_with("Once upon a time"));
    assert!(stdout(&first).ends_with('\n'));
    let again = |more: &[&str]| stdout(&bdlm().unwrap().args(args).args(more).output().unwrap());
    assert_eq!(again(&["--no-cache"]), stdout(&first));
    assert_ne!(again(&["--seed", "2"]), stdout(&first));
    let both = again(&["--samples", "2", "--batch", "2"]);
    let text = stdout(&first);
    assert!(
        both.starts_with(&format!("--- sample 0 ---\n{text}\n--- sample 1 ---\nOnce")),
        "{both}"
    );
}

#[test]
fn a_json_line_has_the_documented_keys_and_counts() {
    let Some(mut command) = bdlm() else { return };
    let args = ["generate", "The king", "--length", "40", "--format", "jsonl", "--samples", "2"];
    let output = command.args(args).output().unwrap();
    let lines = json_lines(&stdout(&output));
    assert_eq!(lines.len(), 2);
    for (i, line) in lines.iter().enumerate() {
        let keys: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        let wanted = [
            "sample", "seed", "ids", "text", "n_tokens", "nfe", "passes", "prefill", "denoise",
            "commit", "secs", "stop", "redraws",
        ];
        assert_eq!(keys, wanted);
        assert_eq!((line["sample"].as_u64(), line["seed"].as_u64()), (Some(i as u64), Some(1)));
        assert_eq!((line["ids"].as_array().unwrap().len(), &line["n_tokens"]), (40, &40.into()));
        assert_eq!(line["ids"][0], 0, "the sequence begins with BOS");
        // One evaluation for each token that is neither BOS nor of the prompt.
        let prompt_and_bos = 40 - line["nfe"].as_u64().unwrap();
        assert!((2..8).contains(&prompt_and_bos), "{prompt_and_bos}");
        assert_eq!(line["passes"], line["nfe"], "commits are fused: they cost no pass");
        assert_eq!(line["stop"], "length");
        assert!(line["text"].as_str().unwrap().starts_with("The king"));
    }
}

#[test]
fn every_event_is_a_json_line_that_reads_back() {
    let Some(mut command) = bdlm() else { return };
    let args = ["generate", "--length", "16", "--events", "--candidates", "3"];
    let output = command.args(args).output().unwrap();
    let events: Vec<Event> = json_lines(&stdout(&output))
        .into_iter()
        .map(|line| serde_json::from_value(line).unwrap())
        .collect();
    assert!(matches!(events.first(), Some(Event::Start(_))));
    assert!(matches!(events.last(), Some(Event::Done(_))));
    let blocks = events.iter().filter(|event| matches!(event, Event::Block(_))).count();
    let steps = events.iter().filter(|event| matches!(event, Event::Step(_))).count();
    assert_eq!((blocks, steps), (4, 4 + 15), "four blocks of four, BOS is given");
}

#[test]
fn a_checkpoint_without_a_tokenizer_that_names_bos_generates_ids() {
    let Some(mut command) = bdlm() else { return };
    let model = fixture("enumerable");
    let args = ["generate", "--model", &model, "--length", "4", "--format", "jsonl"];
    let output = command.args(args).output().unwrap();
    let line = json_lines(&stdout(&output)).remove(0);
    assert_eq!((&line["text"], line["ids"].as_array().unwrap().len()), (&Value::Null, 4));
}

#[test]
fn a_tokenizer_file_serves_a_checkpoint_without_one() {
    let Some(mut command) = bdlm() else { return };
    let model = with_config("bd3lm-block4", "bos_token_id", 0.into());
    // The vocabulary of 98 is within the ids of this tokenizer.
    let tokenizer = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/tales/tokenizer.json");
    let output = command
        .args(["generate", "--length", "12", "--tokenizer", tokenizer, "--model"])
        .arg(model.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!stdout(&output).trim().is_empty());
}

#[test]
fn the_prompt_can_come_from_stdin() {
    let Some(mut command) = bdlm() else { return };
    let args = ["generate", "-", "--length", "30"];
    let piped = command.args(args).write_stdin("The old wolf\n").output().unwrap();
    let given = bdlm().unwrap().args(["generate", "The old wolf", "--length", "30"]).output();
    assert_eq!(stdout(&piped), stdout(&given.unwrap()));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let Some(_) = bdlm() else { return };
    let mut child = process()
        .args(["generate", "--length", "4000", "--events"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut some = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut some).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!stderr(&output).contains("error"), "{}", stderr(&output));
}

#[test]
fn profiling_prints_a_table_of_kernels_on_stderr() {
    let Some(mut command) = bdlm() else { return };
    let output = command.args(["generate", "--length", "16", "--profile"]).output().unwrap();
    let message = stderr(&output);
    let gpu = common::gpu(None).unwrap();
    if !gpu.device().features().contains(wgpu::Features::TIMESTAMP_QUERY) {
        check_failure(&output, 1, &["no timestamps"]).unwrap();
        return common::skip("the adapter has no timestamps", false);
    }
    let row = |name: &str| message.lines().any(|line| line.starts_with(name));
    assert!(row("kernel") && row("norm") && row("draw") && row("all"), "{message}");
    assert!(!stdout(&output).contains("dispatches"));
}
