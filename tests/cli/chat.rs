//! Chats: the flags by which other implementations are compared, piped conversations, templates.

use std::path::{Path, PathBuf};
use std::process::Output;

use predicates::prelude::*;
use serde_json::{Value, json};

use crate::common::chat_model::QWEN2;
use crate::common::fixtures::Fixture;
use crate::common::fixtures::folder;
use crate::{bdlm, check_failure, fixture, stderr, stdout};

/// What a generation of a fixture is asked for with.
fn answer(model: &str, case: &str, flags: &[&str]) -> Option<Value> {
    let f = Fixture::open_with(model, habits(model));
    let ids: Vec<String> =
        f.ids(&format!("gen.{case}.prompt")).iter().map(ToString::to_string).collect();
    let mut command = bdlm()?;
    command.args(["generate", "--weights", "f32", "--format", "jsonl", "--temperature", "0"]);
    command.args(["--model", &fixture(model), "--prompt-ids", &ids.join(",")]).args(flags);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    Some(serde_json::from_str(&stdout(&output)).unwrap())
}

fn habits(model: &str) -> bdlm::model::Habits {
    let (mask_id, block_size) = match model {
        "qwen3-block4" => (None, None),
        "qwen2-block8" => (Some(125), None),
        _ => (Some(125), Some(8)),
    };
    bdlm::model::Habits { mask_id, block_size, grid: None }
}

fn check_answer(model: &str, case: &str, flags: &[&str]) {
    let Some(found) = answer(model, case, flags) else { return };
    let f = Fixture::open_with(model, habits(model));
    let text = std::fs::read(folder(model).join("fixture.json")).unwrap();
    let fixture: Value = serde_json::from_slice(&text).unwrap();
    let asked = &fixture["generations"][case];
    assert_eq!(found["ids"], json!(f.ids(&format!("gen.{case}.ids"))), "{model} {case}");
    for count in ["prefill", "denoise", "commit"] {
        assert_eq!(found[count], asked[count], "{model} {case}: {count}");
    }
}

#[test]
fn flags_ask_for_what_the_published_loops_do() {
    let sdar = ["--new-tokens", "23", "--stop-id", "none"];
    let with = |flags: &[&'static str], more: &[&'static str]| [flags, more].concat();
    check_answer("qwen3-block4", "static", &with(&sdar, &["--sampler", "sdar-static"]));
    let leftmost = ["--sampler", "sdar-dynamic", "--threshold", "0.8", "--fallback", "leftmost"];
    check_answer("qwen3-block4", "dynamic_leftmost", &with(&sdar, &leftmost));
    let entropy = ["--sampler", "sdar-entropy", "--entropy-bound", "2"];
    check_answer("qwen3-block4", "entropy_bounded", &with(&sdar, &entropy));
    let stop = ["--sampler", "sdar-dynamic", "--threshold", "0.6", "--new-tokens", "23"];
    check_answer("qwen3-block4", "dynamic_stop", &with(&stop, &["--stop-id", "91"]));
    // The model's own sampler takes its flags too.
    let fast = ["--mask-id", "125", "--new-tokens", "32", "--sub-block", "4"];
    let cached = ["--threshold", "0.6", "--sub-block-cache", "--stop-id", "130"];
    check_answer("qwen2-block8", "sub_block_cache_stop", &with(&fast, &cached));
    let steps = ["--mask-id", "125", "--block-size", "8", "--grid", "prompt", "--steps", "16"];
    let short = ["--new-tokens", "19", "--sampler", "bd3lm-steps", "--stop-id", "none"];
    check_answer("qwen3-block8", "last_block_short", &with(&steps, &short));
}

/// A model that chats.
fn chat_model(template: &str) -> tempfile::TempDir {
    crate::common::chat_model::chat_model(Path::new(&fixture("qwen3-block4")), template)
}

#[test]
fn a_piped_conversation_answers_line_by_line_and_is_saved() {
    let Some(mut command) = bdlm() else { return };
    let model = chat_model(QWEN2);
    let saved = model.path().join("saved.json");
    let lines = format!(
        "/system Be brief.\nHello\nOne \\\nmore\n\n/sing\n/save {}\n/reset\nAgain\n",
        saved.display()
    );
    command.args(["chat", "--weights", "f32", "--new-tokens", "12", "--temperature", "0"]);
    command.arg("--model").arg(model.path()).write_stdin(lines);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let notes = stderr(&output);
    assert_eq!(notes.matches("tokens/s, ").count(), 3, "{notes}");
    assert!(notes.contains("tokens a pass)") && notes.contains("there is no /sing"), "{notes}");
    let turns: Value = serde_json::from_slice(&std::fs::read(&saved).unwrap()).unwrap();
    let turns = turns["messages"].as_array().unwrap();
    let roles: Vec<&str> = turns.iter().map(|turn| turn["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "user", "assistant"]);
    assert_eq!(
        (&turns[0]["content"], &turns[3]["content"]),
        (&json!("Be brief."), &json!("One \nmore"))
    );
    let said = turns[2]["content"].as_str().unwrap();
    assert!(stdout(&output).starts_with(said), "{:?}", stdout(&output));
}

#[test]
fn an_answer_does_not_depend_on_what_earlier_turns_left_in_the_cache() {
    let Some(mut command) = bdlm() else { return };
    let model = chat_model(QWEN2);
    let saved = model.path().join("saved.json");
    let flags = ["--weights", "f32", "--new-tokens", "12", "--temperature", "0"];
    let lines = format!("Hello\nMore\n/save {}\n", saved.display());
    command.arg("chat").args(flags).arg("--model").arg(model.path()).write_stdin(lines);
    assert!(command.output().unwrap().status.success());
    let chat: Value = serde_json::from_slice(&std::fs::read(&saved).unwrap()).unwrap();
    let (first, second) = (&chat["messages"][1]["content"], &chat["messages"][3]["content"]);
    // The same question with the same turns before it, all of it run anew.
    let alone = "Hello".to_string();
    let mut command = bdlm().unwrap();
    command.args(["generate", "--chat", &alone]).args(flags).arg("--model").arg(model.path());
    let output = command.output().unwrap();
    assert_eq!(json!(stdout(&output).strip_suffix('\n').unwrap()), *first);
    let template = format!(
        "{{% if messages|length == 1 %}}{}{{% endif %}}",
        "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.\
         <|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n{{ FIRST }}<|im_end|>\n\
         <|im_start|>user\n{{ messages[0].content }}<|im_end|>\n<|im_start|>assistant\n"
    )
    .replace("{{ FIRST }}", &format!("{{{{ {first} }}}}"));
    let file = model.path().join("whole.jinja");
    std::fs::write(&file, template).unwrap();
    let mut command = bdlm().unwrap();
    command.args(["generate", "--chat", "More"]).args(flags).arg("--model").arg(model.path());
    let output = command.arg("--chat-template").arg(file).output().unwrap();
    assert_eq!(json!(stdout(&output).strip_suffix('\n').unwrap()), *second, "{}", stderr(&output));
}

#[test]
fn templates_that_raise_and_models_without_one_are_one_error() {
    let run = |model: &Path| {
        let mut command = bdlm()?;
        command.args(["generate", "--chat", "Hi", "--model"]).arg(model);
        Some(command.output().unwrap())
    };
    let raises = chat_model("{{ raise_exception('roles must alternate') }}");
    let Some(output) = run(raises.path()) else { return };
    check_failure(&output, 1, &["chat template: roles must alternate"]).unwrap();
    std::fs::remove_file(raises.path().join("chat_template.jinja")).unwrap();
    let output = run(raises.path()).unwrap();
    check_failure(&output, 1, &["chat template: the model has none", "--chat-template"]).unwrap();
}

/// A file of two chats in the folder of a model, with two turns of the assistant each.
fn two_chats(model: &Path) -> PathBuf {
    let data = model.join("chats.jsonl");
    let turn = |role: &str, content: &str| json!({ "role": role, "content": content });
    let chat = |last: &str| {
        json!({ "messages": [turn("user", "Hi"), turn("assistant", "Yes."),
                             turn("user", "So?"), turn("assistant", last)] })
    };
    std::fs::write(&data, format!("{}\n\n{}\n", chat("No"), chat("On"))).unwrap();
    data
}

/// `bdlm eval chat` of these chats, with exact values.
fn eval_chat(model: &Path, data: &Path, more: &[&str]) -> Output {
    let flags = ["eval", "chat", "--weights", "f32", "--estimator", "exact", "--format", "json"];
    let mut command = bdlm().unwrap();
    command.args(flags).arg("--model").arg(model).arg("--data").arg(data).args(more);
    command.output().unwrap()
}

#[test]
fn the_assistants_turns_are_scored_given_the_rest() {
    let Some(_) = bdlm() else { return };
    let model = chat_model(QWEN2);
    let data = two_chats(model.path());
    let output = eval_chat(model.path(), &data, &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    // Each turn counts its characters and the token that ends it.
    assert_eq!((&report["tokens"], &report["sequences"]), (&json!(2 * (5 + 3)), &json!(4)));
    assert_eq!(report["stderr"], json!(0.0));
    assert!(report["nll_per_token"].as_f64().unwrap() > 0.0);
    std::fs::write(&data, "{\"messages\": 3}\n").unwrap();
    let output = eval_chat(model.path(), &data, &[]);
    check_failure(&output, 1, &["chats.jsonl: line 1 is not a chat"]).unwrap();
}

#[test]
fn scored_turns_are_kept_in_a_journal() {
    let Some(_) = bdlm() else { return };
    let model = chat_model(QWEN2);
    let data = two_chats(model.path());
    let path = model.path().join("turns.journal");
    let journal = path.display().to_string();
    let with = |more: &[&str]| {
        let flags = ["--batch", "2", "--journal", &journal];
        eval_chat(model.path(), &data, &[&flags[..], more].concat())
    };
    let report = |output: Output| -> Value {
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_str(&stdout(&output)).unwrap()
    };
    let whole = report(with(&[]));
    let all = std::fs::read_to_string(&path).unwrap();
    assert_eq!(all.lines().count(), 1 + 4, "{all}");
    // Cut between two batches, and in the middle of the second.
    for lines in [1 + 2, 1 + 3] {
        let kept: Vec<&str> = all.lines().take(lines).collect();
        std::fs::write(&path, kept.join("\n") + "\n{\"index\":3,\"n").unwrap();
        let resumed = report(with(&["--resume"]));
        for key in ["nll_per_token", "ppl", "bits_per_byte", "tokens", "sequences"] {
            assert_eq!(resumed[key], whole[key], "{key} after {lines} lines");
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1 + 4);
    }
    let output = with(&["--resume", "--system", "Be brief."]);
    check_failure(&output, 1, &["another evaluation", "the turns have changed"]).unwrap();
    let output = with(&["--resume", "--table-weights", "q8"]);
    check_failure(&output, 1, &["its weights is \"f32\", expected \"f32, tables q8\""]).unwrap();
    let output = with(&["--resume", "--seed", "2"]);
    check_failure(&output, 1, &["its seed is 1, expected 2"]).unwrap();
}

#[test]
fn flags_of_other_samplers_and_prompts_are_refused() {
    let Some(mut command) = bdlm() else { return };
    let model = fixture("qwen3-block4");
    let output =
        command.args(["generate", "--model", &model, "--sub-block", "4"]).output().unwrap();
    check_failure(&output, 2, &["--sub-block is for other samplers than sdar-dynamic"]).unwrap();
    let mut command = bdlm().unwrap();
    command.args(["generate", "--model", &model, "--prompt-ids", "1,2", "--new-tokens", "4096"]);
    let output = command.output().unwrap();
    check_failure(&output, 1, &["expected at most its window of 512 tokens"]).unwrap();
    let mut command = bdlm().unwrap();
    command.args(["generate", "--model", &model, "--stop-id", "last"]);
    let output = command.output().unwrap();
    assert!(predicate::str::contains("a token's number or `none`").eval(&stderr(&output)));
    assert_eq!(output.status.code(), Some(2));
}
