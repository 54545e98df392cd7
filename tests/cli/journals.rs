//! Journals know what they are of: what has changed, what is missing, who writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::eval::{EXACT, ids_file, ppl, report};
use crate::genppl::genppl;
use crate::{bdlm, bdlm_without_gpu, cells, check_failure, fixture, process, stderr, stdout};

/// `bdlm eval ppl` of a text, exactly.
fn text_ppl(data: &Path, args: &[&str]) -> Output {
    let fixed = ["eval", "ppl", "--context", "32", "--estimator", "exact", "--block-size", "1"];
    let mut command = bdlm().unwrap();
    command.args(fixed).args(["--format", "json", "--data"]).arg(data).args(args).output().unwrap()
}

fn story(n: usize) -> String {
    let words = ["fox", "king", "tree", "boat", "star"];
    (0..n).map(|i| format!("Once there was a {} who had {i} apples. ", words[i % 5])).collect()
}

fn merge(journals: &[PathBuf], args: &[&str]) -> Output {
    bdlm_without_gpu().args(["eval", "merge"]).args(args).args(journals).output().unwrap()
}

#[test]
fn what_has_changed_since_is_named() {
    let Some(_) = bdlm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (data, journal) = (at("a.txt"), at("j"));
    fs::write(&data, story(20)).unwrap();
    let journal_arg = journal.display().to_string();
    let with = |data: &Path, more: &[&str]| {
        text_ppl(data, &[&["--journal", &journal_arg, "--limit", "2"], more].concat())
    };
    let first = report(&with(&data, &[]));
    let refuses = |data: &Path, more: &[&str], words: &str| {
        let before = fs::read(&journal).unwrap();
        let output = with(data, &[&["--resume"], more].concat());
        check_failure(&output, 1, &["another evaluation", words]).unwrap();
        assert_eq!(fs::read(&journal).unwrap(), before, "the journal is as it was");
    };
    refuses(&data, &["--no-wrap"], "its wrap is \"wrapped\", expected \"one_per_document\"");
    refuses(&data, &["--insert-eos", "false"], "its insert_eos is true, expected false");
    refuses(&data, &["--data-format", "lines"], "its data_format is none, expected \"lines\"");
    refuses(&data, &["--weights", "f32"], "its weights is \"q8\", expected \"f32\"");
    refuses(&data, &["--shard", "0/2"], "its shard is [0,1], expected [0,2]");
    // Another name of the same bytes is no change.
    let renamed = at("b.txt");
    fs::copy(&data, &renamed).unwrap();
    let same = report(&with(&renamed, &["--resume"]));
    assert_eq!(same["nll_per_token"], first["nll_per_token"]);
    fs::write(&data, story(21)).unwrap();
    refuses(&data, &[], "the data has changed");
    let output = text_ppl(&renamed, &["--journal", &journal_arg, "--resume"]);
    check_failure(&output, 1, &["another evaluation", "its limit is 2, expected none"]).unwrap();
}

#[test]
fn a_model_or_tokenizer_that_has_changed_is_named() {
    let Some(_) = bdlm() else { return };
    let (folder, ids) = ids_file();
    let model = folder.path().join("m");
    fs::create_dir(&model).unwrap();
    for file in ["config.json", "model.safetensors"] {
        fs::copy(Path::new(&fixture("bd3lm-block4")).join(file), model.join(file)).unwrap();
    }
    let journal = folder.path().join("j");
    let run = |resume: &[&str]| {
        let mut command = bdlm().unwrap();
        command.args(["eval", "ppl", "--model"]).arg(&model).arg("--ids").arg(&ids);
        command.args(EXACT).arg("--journal").arg(&journal).args(resume).output().unwrap()
    };
    assert!(run(&[]).status.success());
    assert!(run(&["--resume"]).status.success());
    let mut weights = fs::read(model.join("model.safetensors")).unwrap();
    *weights.last_mut().unwrap() ^= 1;
    fs::write(model.join("model.safetensors"), weights).unwrap();
    check_failure(&run(&["--resume"]), 1, &["the model's weights have changed"]).unwrap();
}

#[test]
fn the_scores_of_a_file_s_samples_are_taken_up_again() {
    let Some(_) = bdlm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (samples, journal) = (folder.path().join("s.jsonl"), folder.path().join("j"));
    let line = |i: usize| serde_json::json!({"text": format!("The fox had {i} apples.")});
    let lines: String = (0..20).map(|i| line(i).to_string() + "\n").collect();
    fs::write(&samples, &lines).unwrap();
    let (samples_arg, journal_arg) = (samples.display().to_string(), journal.display().to_string());
    let fixed = ["--samples", &samples_arg, "--scorer", "tales", "--format", "json"];
    let with = |more: &[&str]| genppl(&[&fixed[..], &["--journal", &journal_arg], more].concat());
    let whole = report(&with(&[]));
    let all = fs::read_to_string(&journal).unwrap();
    assert_eq!(report(&with(&["--resume"])), whole);
    for n_lines in [1, 2, 12, 18] {
        let kept: String = all.lines().take(n_lines).map(|line| line.to_string() + "\n").collect();
        fs::write(&journal, kept + "{\"scored\":{\"sam").unwrap();
        assert_eq!(report(&with(&["--resume"])), whole, "cut after {n_lines} lines");
        assert_eq!(fs::read_to_string(&journal).unwrap(), all);
    }
    fs::write(&samples, lines.replace("fox", "cat")).unwrap();
    check_failure(&with(&["--resume"]), 1, &["the samples have changed"]).unwrap();
}

#[test]
fn samples_without_a_token_are_told_and_in_no_mean() {
    let Some(_) = bdlm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let score = |lines: &str| {
        let path = folder.path().join("s.jsonl");
        fs::write(&path, lines).unwrap();
        genppl(&["--samples", path.to_str().unwrap(), "--scorer", "tales", "--format", "json"])
    };
    let told = "{\"text\": \"Once upon a time there was a fox.\"}";
    let one = report(&score(told));
    let four = report(&score(&format!("[{{\"text\": \"\"}},\n{told}, {{\"text\": \"\"}}]")));
    assert_eq!((&four["samples"], &four["unscored"]), (&1.into(), &2.into()));
    for key in ["gen_ppl", "entropy", "lengths"] {
        assert_eq!(four[key], one[key], "{key}");
    }
    // A run's events: its finished samples.
    let mut generate = bdlm().unwrap();
    let events = generate.args(["generate", "--length", "20", "--events"]).output().unwrap();
    assert_eq!(report(&score(&stdout(&events)))["samples"], 1);
}

#[test]
fn a_second_process_does_not_write_to_a_journal() {
    let Some(_) = bdlm() else { return };
    let (folder, ids) = ids_file();
    let journal = folder.path().join("j");
    let args = |command: &mut std::process::Command| {
        command.args(["eval", "ppl", "--model", &fixture("bd3lm-block4"), "--batch", "1", "--ids"]);
        command.arg(&ids).args(["--draws", "3000", "--limit", "2", "--journal"]).arg(&journal);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
    };
    let mut first = process();
    args(&mut first);
    let mut first = first.spawn().unwrap();
    let is_begun = || fs::metadata(&journal).is_ok_and(|there| there.len() > 0);
    while !is_begun() {
        assert!(first.try_wait().unwrap().is_none(), "it ended too soon");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let mut second = process();
    args(&mut second);
    let second = second.arg("--resume").output().unwrap();
    check_failure(&second, 1, &["is being written by another process"]).unwrap();
    let first = first.wait_with_output().unwrap();
    assert!(first.status.success(), "{}", stderr(&first));
    assert_eq!(fs::read_to_string(&journal).unwrap().lines().count(), 1 + 2 + 1);
}

#[test]
fn lines_that_are_there_twice_count_once() {
    let Some(_) = bdlm() else { return };
    let (folder, ids) = ids_file();
    let journal = folder.path().join("j");
    let journal_arg = journal.display().to_string();
    let with = |more: &[&str]| {
        report(&ppl(&ids, &[&EXACT[..], &["--journal", &journal_arg], more].concat()))
    };
    let whole = with(&[]);
    let text = fs::read_to_string(&journal).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    fs::write(&journal, [&lines[..], &lines[1..3], &[""]].concat().join("\n")).unwrap();
    assert_eq!(with(&["--resume"]), whole);
    assert_eq!(report(&merge(&[journal], &["--format", "json"]))["tokens"], whole["tokens"]);
}

#[test]
fn a_file_that_is_no_journal_is_left_as_it_is() {
    let Some(_) = bdlm() else { return };
    let (folder, ids) = ids_file();
    for (name, text) in [("poem", "a line without an end"), ("list", "one\ntwo\n"), ("o", "{}\n")] {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let path_arg = path.display().to_string();
        for more in [&["--resume"][..], &[]] {
            let output = ppl(&ids, &[&EXACT[..], &["--journal", &path_arg], more].concat());
            check_failure(&output, 1, &[name]).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
    // What a crash left of a journal before its first line was whole, and what mktemp makes.
    for text in ["{\"jou", ""] {
        let path = folder.path().join("begun");
        fs::write(&path, text).unwrap();
        let path_arg = path.display().to_string();
        let output = ppl(&ids, &[&EXACT[..], &["--journal", &path_arg, "--resume"]].concat());
        assert_eq!(report(&output)["sequences"], 3);
    }
    let folder_arg = folder.path().display().to_string();
    let output = ppl(&ids, &["--journal", &folder_arg]);
    check_failure(&output, 1, &["is not a regular file"]).unwrap();
}

#[test]
fn an_empty_part_is_a_success_and_parts_are_a_whole() {
    let Some(_) = bdlm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("a.txt");
    fs::write(&data, story(10)).unwrap();
    let whole = report(&text_ppl(&data, &[]));
    let n = whole["sequences"].as_u64().unwrap() as usize;
    let journal = |name: &str| folder.path().join(name);
    let part = |index: usize, count: usize| {
        let (shard, path) = (format!("{index}/{count}"), journal(&format!("{index}of{count}")));
        let output = text_ppl(&data, &["--shard", &shard, "--journal", path.to_str().unwrap()]);
        assert!(output.status.success(), "part {shard}: {}", stderr(&output));
        (report(&output), path)
    };
    let (parts, paths): (Vec<Value>, Vec<PathBuf>) = (0..n + 2).map(|i| part(i, n + 2)).unzip();
    assert_eq!((&parts[n]["sequences"], &parts[n]["ppl"]), (&0.into(), &Value::Null));
    let joined = report(&merge(&paths, &["--format", "json"]));
    for key in ["sequences", "tokens", "documents", "tokens_left_out"] {
        assert_eq!(joined[key], whole[key], "{key}");
    }
    let close =
        |a: &Value, b: &Value| (a.as_f64().unwrap() / b.as_f64().unwrap() - 1.0).abs() < 1e-12;
    assert!(close(&joined["nll_per_token"], &whole["nll_per_token"]));
    // One part less, and one of another split.
    let message = merge(&paths[1..], &[]);
    let words = format!("part 0 of {} is missing", n + 2);
    check_failure(&message, 1, &[&words, "--partial"]).unwrap();
    let partial = merge(&paths[1..], &["--partial", "--format", "json"]);
    assert!(stderr(&partial).contains(&words), "{}", stderr(&partial));
    assert_eq!(report(&partial)["sequences"], n - 1);
    let (_, other) = part(1, 2);
    let mixed = merge(&[paths[0].clone(), other], &[]);
    check_failure(&mixed, 1, &["part 1 of 2", "parts of one split are expected"]).unwrap();
    // A part that was cut.
    let text = fs::read_to_string(&paths[0]).unwrap();
    fs::write(&paths[0], text.lines().next().unwrap().to_string() + "\n").unwrap();
    check_failure(&merge(&paths, &[]), 1, &["did not reach its end: it has 0 of 1"]).unwrap();
}

#[test]
fn parts_of_eval_blocks_are_merged() {
    let Some(_) = bdlm() else { return };
    let (folder, ids) = ids_file();
    let blocks = |args: &[&str]| {
        let mut command = bdlm().unwrap();
        command.args([
            "eval",
            "blocks",
            "--model",
            &fixture("bd3lm-block4"),
            "--block-size",
            "1,4",
        ]);
        command.arg("--ids").arg(&ids).args(args).output().unwrap()
    };
    let column = |output: &Output, name: &str| -> Vec<f64> {
        let rows: Vec<Vec<String>> = stdout(output).lines().map(cells).collect();
        let column = rows[0].iter().position(|found| *found == name).unwrap();
        rows[1..].iter().map(|row| row[column].parse().unwrap()).collect()
    };
    let whole = blocks(&[]);
    let paths = [0, 1].map(|i| folder.path().join(format!("{i}")));
    for (i, path) in paths.iter().enumerate() {
        let shard = format!("{i}/2");
        let output = blocks(&["--shard", &shard, "--journal", path.to_str().unwrap()]);
        assert!(output.status.success(), "{}", stderr(&output));
    }
    let merged = merge(&paths, &[]);
    assert!(merged.status.success(), "{}", stderr(&merged));
    assert_eq!(column(&merged, "block_size"), [1.0, 4.0]);
    assert_eq!(column(&merged, "tokens"), column(&whole, "tokens"));
    let (got, wanted) = (column(&merged, "nll_per_token"), column(&whole, "nll_per_token"));
    assert!(
        got.iter().zip(&wanted).all(|(a, b)| (a / b - 1.0).abs() < 1e-12),
        "{got:?} {wanted:?}"
    );
    let other = folder.path().join("g");
    let sweep = ["sweep", "--scorer", "tales", "--samples", "1", "--length", "8", "--journal"];
    assert!(bdlm().unwrap().arg("eval").args(sweep).arg(&other).output().unwrap().status.success());
    let words = "is a journal of `bdlm eval sweep`, expected one of `bdlm eval ppl`";
    check_failure(&merge(&[other], &[]), 1, &[words]).unwrap();
}

/// Pieces of journals that are cut, joined and damaged.
#[test]
fn no_journal_makes_merge_panic() {
    let head = r#"{"journal":"eval ppl","bdlm":"0.1.0","shard":[0,2],"limit":null,"evaluations":[{
        "model":"m","data":"d","estimator":"mc","draws":1,"block_size":4,"context":8,
        "first_token":"given","seed":1,"weights":"f16","config_sha256":"a","weights_sha256":"b",
        "tokenizer_sha256":null,"generation_config_sha256":null,"adapters_sha256":null,"mask_id":null,"grid":null,"data_sha256":"c"}]}"#;
    let head = head.replace(['\n'], "");
    let line = r#"{"evaluation":0,"index":0,"nll":8.0,"squares":0.0,"draws":1,"mask_variance":0.5,
        "tokens":4,"bytes":9,"passes":2,"secs":0.1}"#;
    let line = line.replace(['\n'], "");
    let end = r#"{"evaluation":0,"all_sequences":1,"counts":null}"#;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("j");
    let good = format!("{head}\n{line}\n{end}\n");
    fs::write(&path, &good).unwrap();
    let whole = merge(std::slice::from_ref(&path), &["--format", "json"]);
    assert_eq!(report(&whole)["nll_per_token"], 2.0, "part 1 of 2 is empty: nothing is missing");
    let mut random = fastrand::Rng::with_seed(7);
    let n_cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    for _ in 0..n_cases {
        let mut bytes = good.clone().into_bytes();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(..bytes.len().max(1)).min(bytes.len());
            match random.u8(..4) {
                0 => bytes.truncate(at),
                1 => drop(bytes.splice(at..at, [b"0\"{}[],:-\n"[random.usize(..10)]])),
                2 => drop(bytes.drain(at..(at + random.usize(..30)).min(bytes.len()))),
                _ => bytes.extend(bytes.clone()),
            }
        }
        fs::write(&path, &bytes).unwrap();
        for more in [&[][..], &["--partial"]] {
            let output = merge(std::slice::from_ref(&path), more);
            let text = String::from_utf8_lossy(&bytes);
            assert!(matches!(output.status.code(), Some(0 | 1)), "{text} {}", stderr(&output));
            assert!(!stderr(&output).contains("panicked"), "{text} {}", stderr(&output));
        }
    }
}
