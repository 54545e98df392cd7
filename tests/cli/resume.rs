//! Evaluations that are cut and go on.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::eval::{EXACT, ids_file, ppl, report};
use crate::genppl::genppl;
use crate::{bdlm, cells, check_failure, fixture, process, stderr, stdout};

#[test]
fn a_cut_evaluation_goes_on_from_its_journal() {
    let Some(_) = bdlm() else { return };
    let (folder, ids) = ids_file();
    let path = folder.path().join("journal.jsonl");
    let journal = path.display().to_string();
    let with = |more: &[&str]| ppl(&ids, &[&EXACT[..], &["--journal", &journal], more].concat());
    let whole = report(&with(&[]));
    let message = with(&[]);
    check_failure(&message, 1, &["exists already", "--resume"]).unwrap();
    // The machine stopped in the middle of a line.
    let all = std::fs::read_to_string(&path).unwrap();
    let kept: Vec<&str> = all.lines().take(1 + 2).collect();
    std::fs::write(&path, kept.join("\n") + "\n{\"evaluation\":0,\"index\":2,\"nll\":1").unwrap();
    let resumed = report(&with(&["--resume"]));
    for key in ["nll_per_token", "stderr", "ppl", "tokens", "passes"] {
        assert_eq!(resumed[key], whole[key], "{key}");
    }
    let lines = std::fs::read_to_string(&path).unwrap();
    assert_eq!(lines.lines().count(), 1 + 3 + 1, "{lines}");
    let again = report(&with(&["--resume"]));
    assert_eq!(again["passes"], resumed["passes"], "nothing is left to do");
    let other = ppl(&ids, &["--journal", &journal, "--resume"]);
    check_failure(&other, 1, &["another evaluation", "estimator"]).unwrap();
}

/// Leaves the first lines of a journal and half a line more.
fn cut_journal(path: &Path, lines: usize) {
    let text = std::fs::read_to_string(path).unwrap();
    let kept: Vec<&str> = text.lines().take(lines).collect();
    std::fs::write(path, kept.join("\n") + "\n{\"generated\":{\"sam").unwrap();
}

#[test]
fn generated_samples_and_their_scores_are_kept() {
    let Some(_) = bdlm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let journal = path.display().to_string();
    let fixed = ["--scorer", "tales", "--generate", "4", "--batch", "2", "--length", "20"];
    let with = |more: &[&str]| {
        let journalled = ["--format", "json", "--journal", &journal];
        genppl(&[&fixed[..], &journalled, more].concat())
    };
    let whole = report(&with(&[]));
    let all = std::fs::read_to_string(&path).unwrap();
    assert_eq!(all.lines().count(), 1 + 4 + 4, "{all}");
    // Cut while samples are generated, and while they are scored.
    for lines in [1 + 2, 1 + 4 + 1] {
        cut_journal(&path, lines);
        assert_eq!(report(&with(&["--resume"])), whole);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), all);
    }
    // A sample that was finished before its turn.
    let lines: Vec<&str> = all.lines().collect();
    std::fs::write(&path, [lines[0], lines[1], lines[4], ""].join("\n")).unwrap();
    assert_eq!(report(&with(&["--resume"])), whole);
    check_failure(&with(&[]), 1, &["exists already", "--resume"]).unwrap();
    let other = with(&["--resume", "--seed", "2"]);
    check_failure(&other, 1, &["another evaluation", "its seed is 1, expected 2"]).unwrap();
    let (_folder, ids) = ids_file();
    let wrong = ppl(&ids, &["--journal", &journal, "--resume"]);
    check_failure(&wrong, 1, &["is a journal of `bdlm eval genppl`"]).unwrap();
}

/// The cells of a CSV, without those of time.
fn untimed(output: &Output) -> Vec<Vec<String>> {
    assert!(output.status.success(), "{}", stderr(output));
    let text = stdout(output);
    let rows: Vec<Vec<String>> = text.lines().map(cells).collect();
    let timed = rows[0].iter().position(|name| name == "secs").unwrap();
    let without = |mut row: Vec<String>| {
        row.remove(timed);
        row
    };
    rows.into_iter().map(without).collect()
}

#[test]
fn rows_that_are_known_are_not_computed_again() {
    let Some(_) = bdlm() else { return };
    let (folder, ids) = ids_file();
    let (ids, model) = (ids.display().to_string(), fixture("bd3lm-block4"));
    let sweep: &[&str] = &["sweep", "--scorer", "tales", "--samples", "1", "--length", "16"];
    let sweep = [sweep, &["--top-p", "0.5,0.9,1"]].concat();
    let blocks = ["blocks", "--model", &model, "--ids", &ids, "--block-size", "1,2,4"];
    // The journal of a sweep has a line for each row, that of blocks for each sequence and an end.
    for (command, n_lines) in [(&sweep[..], 1), (&blocks[..], 3 + 1)] {
        let path = folder.path().join(command[0]);
        let with = |more: &[&str]| {
            let mut eval = bdlm().unwrap();
            eval.arg("eval").args(command).arg("--journal").arg(&path).args(more);
            eval.output().unwrap()
        };
        let whole = untimed(&with(&[]));
        assert_eq!(whole.len(), 1 + 3);
        // The first row in the journal has another number than would be computed.
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines.truncate(1 + n_lines);
        lines[1]["passes"] = 7777.into();
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(&path, text).unwrap();
        let resumed = untimed(&with(&["--resume"]));
        assert!(resumed[1].iter().any(|cell| cell.starts_with("777")), "{resumed:?}");
        assert_eq!(resumed[2..], whole[2..]);
        let seed = with(&["--resume", "--seed", "5"]);
        check_failure(&seed, 1, &["another evaluation", "its seed is 1, expected 5"]).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_is_done() {
    use std::process::{Command, Stdio};
    let Some(_) = bdlm() else { return };
    let (folder, ids) = ids_file();
    let journal = folder.path().join("journal.jsonl");
    // Sequence by sequence, each a second's work.
    let mut child = process()
        .args(["eval", "ppl", "--model", &fixture("bd3lm-block4"), "--batch", "1", "--ids"])
        .arg(&ids)
        .args(["--draws", "3000", "--format", "json", "--journal"])
        .arg(&journal)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = || std::fs::read_to_string(&journal).unwrap_or_default().lines().count();
    while lines() < 2 {
        assert!(child.try_wait().unwrap().is_none(), "it ended too soon");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(stderr(&output).contains("--resume"), "{}", stderr(&output));
    let done: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(done["sequences"].as_u64().unwrap() as usize, lines() - 1);
}
