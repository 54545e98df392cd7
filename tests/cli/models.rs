//! Models whose tokenizer and network do not know the same tokens.

use std::path::Path;

use serde_json::{Value, json};

use crate::{bdlm, check_failure, fixture, stderr, stdout, with_config};

/// A byte-level tokenizer of the first letters, with `<|endoftext|>` as number 0 or without it.
fn tokenizer(n_letters: u8, has_end: bool) -> String {
    tokenizer_of((b'A'..b'A' + n_letters).map(char::from), has_end)
}

fn tokenizer_of(letters: impl Iterator<Item = char>, has_end: bool) -> String {
    let first = u32::from(has_end);
    let letters = letters.map(|letter| letter.to_string());
    let mut vocab: serde_json::Map<String, Value> =
        (first..).zip(letters).map(|(id, letter)| (letter, id.into())).collect();
    if has_end {
        vocab.insert("<|endoftext|>".into(), 0.into());
    }
    let end = json!({"id": 0, "content": "<|endoftext|>", "special": true, "single_word": false,
        "lstrip": false, "rstrip": false, "normalized": false});
    let level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
        "use_regex": true});
    json!({"version": "1.0", "truncation": null, "padding": null, "normalizer": null,
        "added_tokens": if has_end { vec![end] } else { Vec::new() }, "pre_tokenizer": level,
        "post_processor": null, "decoder": level,
        "model": {"type": "BPE", "vocab": vocab, "merges": [], "dropout": null, "unk_token": null}})
    .to_string()
}

/// The small fixture, of 98 tokens, with a tokenizer.
fn model(tokenizer: &str, key: &str, value: Value) -> tempfile::TempDir {
    let folder = with_config("bd3lm-block4", key, value);
    std::fs::write(folder.path().join("tokenizer.json"), tokenizer).unwrap();
    folder
}

fn run(command: &[&str], model: &Path, more: &[&str]) -> std::process::Output {
    bdlm().unwrap().args(command).arg("--model").arg(model).args(more).output().unwrap()
}

#[test]
fn ids_without_a_token_are_never_drawn_and_said_once() {
    let Some(_) = bdlm() else { return };
    let model = model(&tokenizer(40, true), "bos_token_id", json!(0));
    let args = ["--length", "64", "--samples", "4", "--min-entropy", "0", "--format", "jsonl"];
    let output = run(&["generate"], model.path(), &args);
    assert!(output.status.success(), "{}", stderr(&output));
    let lines: Vec<Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids = lines.iter().flat_map(|line| line["ids"].as_array().unwrap());
    assert_eq!(lines.len(), 4);
    assert!(ids.map(|id| id.as_u64().unwrap()).all(|id| id <= 40), "the tokenizer's last is 40");
    let vocabulary = run(&["info"], model.path(), &["--format", "json"]);
    let info: Value = serde_json::from_slice(&vocabulary.stdout).unwrap();
    let all = info["model"]["config"]["vocab_size"].as_u64().unwrap();
    let tokenless = all - 41 - 1;
    assert_eq!(info["model"]["tokenless_ids"], tokenless, "the mask's needs none");
    let words = format!("{tokenless} of the {all} ids of");
    assert_eq!(stderr(&output).matches(&words).count(), 1, "{}", stderr(&output));
    let text = stdout(&run(&["info"], model.path(), &[]));
    assert!(text.contains(&format!("{tokenless} without a token")), "{text}");
}

#[test]
fn a_token_that_only_the_tokenizer_has_is_named() {
    let Some(_) = bdlm() else { return };
    let model = model(&tokenizer(120, true), "bos_token_id", json!(0));
    let whole = run(&["generate"], model.path(), &["--length", "16", "ABC"]);
    assert!(whole.status.success(), "{}", stderr(&whole));
    let far = char::from(b'A' + 110).to_string();
    let data = model.path().join("a.txt");
    std::fs::write(&data, far.repeat(40)).unwrap();
    let generate = run(&["generate"], model.path(), &["--length", "16", &far]);
    let eval = ["--data", data.to_str().unwrap(), "--context", "8"];
    let eval = run(&["eval", "ppl"], model.path(), &eval);
    for output in [generate, eval] {
        check_failure(&output, 1, &["is not of the model's vocabulary"]).unwrap();
    }
}

#[test]
fn a_tokenizer_without_an_end_of_text_is_enough_where_the_config_has_one() {
    let Some(_) = bdlm() else { return };
    let without = model(&tokenizer(40, false), "block_size", json!(4));
    let text = without.path().join("a.txt");
    std::fs::write(&text, "ABCDEFGH".repeat(10)).unwrap();
    let data = ["--data", text.to_str().unwrap(), "--context", "8", "--format", "json"];
    let no_start = run(&["generate"], without.path(), &["--length", "8"]);
    let words = ["no bos_token_id", "the tokenizer has neither <|endoftext|> nor [CLS]"];
    check_failure(&no_start, 1, &words).unwrap();
    check_failure(&run(&["eval", "ppl"], without.path(), &data), 1, &["neither <|endoftext|>"])
        .unwrap();
    let with = model(&tokenizer(40, false), "eos_token_id", json!([50, 51]));
    let written = run(&["generate"], with.path(), &["--length", "8"]);
    assert!(written.status.success(), "{}", stderr(&written));
    let report = run(&["eval", "ppl"], with.path(), &data);
    assert!(report.status.success(), "{}", stderr(&report));
}

#[test]
fn what_documents_lose_is_reported() {
    let Some(_) = bdlm() else { return };
    let with = model(&tokenizer(40, true), "bos_token_id", json!(0));
    let data = with.path().join("d.jsonl");
    let long = "ABCDEFGH".repeat(5);
    let lines = ["", "A", "ABC", &long].map(|text| json!({"text": text}).to_string());
    std::fs::write(&data, lines.join("\n")).unwrap();
    let args = ["--data", data.to_str().unwrap(), "--context", "8", "--no-wrap"];
    let more = ["--insert-eos", "false", "--estimator", "exact"];
    let args = [&args[..], &more].concat();
    let output = run(&["eval", "ppl"], with.path(), &[&args[..], &["--format", "json"]].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (key, wanted) in [
        ("sequences", 2),
        ("tokens", 2 + 7),
        ("documents", 4),
        ("documents_empty", 1),
        ("documents_short", 1),
        ("documents_cut", 1),
        ("tokens_left_out", 40 - 8),
    ] {
        assert_eq!(report[key], wanted, "{key} of {report}");
    }
    let text = stdout(&run(&["eval", "ppl"], with.path(), &args));
    assert!(text.contains("4, 1 empty, 1 too short, 1 cut, 32 tokens left out"), "{text}");
}

#[test]
fn a_sequence_with_the_mask_token_is_not_scored() {
    let Some(_) = bdlm() else { return };
    // The fixture's last id is the mask's, here the letter of that number.
    let spec = std::fs::read(Path::new(&fixture("bd3lm-block4")).join("config.json")).unwrap();
    let spec: Value = serde_json::from_slice(&spec).unwrap();
    let mask = spec["vocab_size"].as_u64().unwrap() as u8 - 1;
    let with = model(&tokenizer(mask, true), "bos_token_id", json!(0));
    let data = with.path().join("d.jsonl");
    let texts =
        ["ABCDEF".to_string(), format!("AB{}", char::from(b'A' + mask - 1)), "FEDCBA".into()];
    std::fs::write(&data, texts.map(|text| json!({"text": text}).to_string()).join("\n")).unwrap();
    let args =
        ["--data", data.to_str().unwrap(), "--context", "8", "--no-wrap", "--format", "json"];
    let output = run(&["eval", "ppl"], with.path(), &args);
    assert!(output.status.success(), "{}", stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["sequences"], &report["sequences_unscored"]), (&2.into(), &1.into()));
}

#[test]
fn the_texts_of_blocks_are_the_finished_text_to_its_last_byte() {
    let Some(_) = bdlm() else { return };
    // Bytes of which characters of several are made: most texts end with a part of one.
    let bytes = ('\u{a1}'..='\u{ff}').filter(|c| *c != '\u{ad}');
    let model = model(&tokenizer_of(bytes, true), "bos_token_id", json!(0));
    let args =
        ["--length", "30", "--samples", "8", "--batch", "4", "--min-entropy", "0", "--events"];
    let output = run(&["generate"], model.path(), &args);
    assert!(output.status.success(), "{}", stderr(&output));
    let mut texts = vec![String::new(); 8];
    let (mut n_done, mut n_incomplete) = (0, 0);
    for line in stdout(&output).lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let text = event["text"].as_str().unwrap_or_default();
        let sample = &mut texts[event["sample"].as_u64().unwrap() as usize];
        match event["event"].as_str().unwrap() {
            "start" | "block" => *sample += text,
            "done" => {
                assert_eq!(sample, text);
                n_done += 1;
                n_incomplete += usize::from(text.ends_with('\u{fffd}'));
            }
            _ => {}
        }
    }
    assert!(n_done == 8 && n_incomplete > 2, "{n_done} done, {n_incomplete} incomplete at the end");
}

#[test]
fn a_prompt_that_repeats_itself_is_no_repetition() {
    let Some(_) = bdlm() else { return };
    let prompt = "apples, pears, ".repeat(80);
    let count = |args: &[&str]| -> (u64, u64) {
        let mut command = bdlm().unwrap();
        let output = command.args(["generate", "--format", "jsonl"]).args(args).arg(&prompt);
        let done: Value = serde_json::from_slice(&output.output().unwrap().stdout).unwrap();
        (done["n_tokens"].as_u64().unwrap(), done["redraws"].as_u64().unwrap())
    };
    let tokenizer = bdlm::hub::ModelFiles::embedded().tokenizer.unwrap();
    let tokenizer = bdlm::text::Tokenizer::from_bytes(&tokenizer, tokenizer.path()).unwrap();
    let n = tokenizer.ids_from_text(&prompt).unwrap().len() as u64 + 1;
    assert!(n > 256 + 16, "the prompt fills the window of the check: {n}");
    let length = (n + 12).to_string();
    assert_eq!(count(&["--length", &length]), (n + 12, 0));
    let (written, redraws) = count(&["--length", &length, "--variable-length"]);
    assert!(written > n + 1 && redraws == 0, "{written} of {n}");
}
