//! Training from the command line.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::{bdlm, bdlm_without_gpu, check_failure, stderr, stdout};

/// A folder with a text of short stories, and settings of a tiny network.
fn workplace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let story = |i: usize| {
        let (who, where_) = (["fox", "cat", "dog", "hen"][i % 4], ["tree", "hill", "pond"][i % 3]);
        format!("Once upon a time there was a {who} who lived by a {where_}.\n\nThe end.\n")
    };
    let text = (0..60).map(story).collect::<Vec<_>>().join("\n<|endoftext|>\n");
    std::fs::write(folder.path().join("stories.txt"), text).unwrap();
    let settings = "data = [\"stories.txt\"]\nvalid = [\"stories.txt\"]\nout = \"run\"\n\
                    vocabulary = 300\nlayers = 1\nchannels = 32\nheads = 2\nwindow = 32\n\
                    block-size = \"2:.5,4:.5\"\nbatch = 2\nlr = 3e-3\nwarmup = 2\nsteps = 6\n\
                    save-every = 2\nvalidate-every = 4\nvalidate-sequences = 2\n\
                    sample-length = 24\n";
    std::fs::write(folder.path().join("train.toml"), settings).unwrap();
    folder
}

fn train(folder: &Path, more: &[&str]) -> Output {
    let config = folder.join("train.toml");
    let mut command = bdlm_without_gpu();
    command.arg("train").arg("--config").arg(config).args(more).output().unwrap()
}

fn events(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", stderr(output));
    stdout(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn losses(events: &[Value]) -> Vec<(u64, f64)> {
    let steps = events.iter().filter(|event| event["event"] == "step");
    steps.map(|e| (e["step"].as_u64().unwrap(), e["loss"].as_f64().unwrap())).collect()
}

#[test]
fn a_model_is_trained_gone_on_with_and_run() {
    let Some(mut generate) = bdlm() else { return };
    let folder = workplace();
    let whole = events(&train(folder.path(), &["--events"]));
    let names: Vec<&str> = whole.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!((names[0], names[names.len() - 1]), ("start", "done"), "{names:?}");
    assert_eq!(names.iter().filter(|name| **name == "validation").count(), 2);
    let sample = whole.iter().find(|event| event["event"] == "sample").unwrap();
    assert!(sample["text"].as_str().unwrap().starts_with("Once upon a time"));
    let run = folder.path().join("run");
    for name in
        ["config.json", "tokenizer.json", "model.safetensors", "steps.csv", "validation.csv"]
    {
        assert!(run.join(name).is_file(), "{name}");
    }
    let log = std::fs::read_to_string(run.join("steps.csv")).unwrap();
    assert_eq!(log.lines().count(), 1 + 6, "{log}");
    // In two parts, into another folder.
    let parts = folder.path().join("parts").display().to_string();
    let first = events(&train(folder.path(), &["--events", "--out", &parts, "--steps", "4"]));
    let again = train(folder.path(), &["--out", &parts]);
    check_failure(&again, 1, &["holds a run already", "--resume"]).unwrap();
    let rest = events(&train(folder.path(), &["--events", "--out", &parts, "--resume"]));
    assert_eq!([losses(&first), losses(&rest)].concat(), losses(&whole));
    let other = train(folder.path(), &["--out", &parts, "--resume", "--batch", "4"]);
    check_failure(&other, 1, &["batch 2, not 4"]).unwrap();
    let text = generate.args(["generate", "--length", "16", "--model", &parts, "Once"]).output();
    assert!(stdout(&text.unwrap()).starts_with("Once"));
}

#[test]
fn a_model_is_gone_on_with_on_other_texts() {
    let Some(_) = bdlm() else { return };
    let folder = workplace();
    let run = folder.path().join("run").display().to_string();
    events(&train(folder.path(), &["--events", "--steps", "2"]));
    let tuned = folder.path().join("tuned").display().to_string();
    let text = folder.path().join("stories.txt").display().to_string();
    let base = ["train", "--data", &text, "--out", &tuned, "--from", &run, "--steps", "2"];
    let more = ["--batch", "2", "--sample-length", "0", "--events"];
    let output = bdlm_without_gpu().args(base).args(more).output().unwrap();
    assert_eq!(losses(&events(&output)).len(), 2);
    let new = bdlm_without_gpu().args(base).args(["--layers", "2"]).output().unwrap();
    check_failure(&new, 1, &["--layers is for new networks"]).unwrap();
}

#[test]
fn wrong_settings_are_refused() {
    let folder = workplace();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let file = |text: &str| {
        let path = folder.path().join("wrong.toml");
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let fails = |args: &[&str], code: i32, words: &[&str]| {
        let output = bdlm_without_gpu().arg("train").args(args).output().unwrap();
        check_failure(&output, code, words).unwrap();
    };
    fails(&["--config", &file("layres = 3\n")], 1, &["wrong.toml", "layres"]);
    fails(&["--config", &path("nowhere.toml")], 1, &["nowhere.toml"]);
    fails(&["--block-size", "4;8"], 2, &["4;8"]);
    fails(&["--loss", "other"], 2, &["other", "low-variance"]);
    fails(&["--device"], 2, &["--device"]);
}

#[test]
fn data_and_folders_that_do_not_fit_are_refused() {
    let Some(_) = bdlm() else { return };
    let folder = workplace();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(folder.path().join("short.txt"), "Too short.").unwrap();
    std::fs::write(folder.path().join("blank.txt"), "\n\n").unwrap();
    let fails = |args: &[&str], words: &[&str]| {
        check_failure(&train(folder.path(), args), 1, words).unwrap();
    };
    fails(&["--block-size", "5"], &["block size 5"]);
    fails(&["--heads", "3"], &["hidden_dim"]);
    fails(&["--batch", "0"], &["batch"]);
    fails(&["--out", &path("stories.txt")], &["is a file"]);
    fails(&["--out", &path("")], &["which is of no run", "--out"]);
    let no_end = "data = [\"stories.txt\"]\nout = \"run\"\n";
    std::fs::write(folder.path().join("train.toml"), no_end).unwrap();
    fails(&[], &["no end"]);
    fails(&["--steps", "1", "--data", &path("blank.txt")], &["no text"]);
    fails(&["--steps", "1", "--data", &path("nowhere.txt")], &["nowhere.txt"]);
    let short = path("short.txt");
    fails(&["--steps", "1", "--data", &short, "--out", &path("other")], &["a sequence needs 256"]);
}
