//! `bdlm eval`.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::common::fixtures::Fixture;
use crate::{bdlm, bdlm_without_gpu, cells, check_failure, fixture, stderr, stdout};

/// The clean sequences of a fixture as a file, and its folder.
pub fn ids_file() -> (tempfile::TempDir, PathBuf) {
    let f = Fixture::open("bd3lm-block4");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ids.safetensors");
    let views = std::collections::HashMap::from([("ids", f.tensor("exact.x0"))]);
    std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
    (folder, path)
}

/// `bdlm eval ppl` over these sequences with f32 weights.
pub fn ppl(ids: &Path, args: &[&str]) -> Output {
    let model = fixture("bd3lm-block4");
    let fixed = ["eval", "ppl", "--model", &model, "--weights", "f32", "--ids"];
    bdlm().unwrap().args(fixed).arg(ids).args(args).output().unwrap()
}

pub fn report(output: &Output) -> Value {
    assert!(output.status.success(), "{}", stderr(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

pub const EXACT: [&str; 4] = ["--estimator", "exact", "--format", "json"];

#[test]
fn the_exact_estimate_is_the_fixture_s() {
    let Some(_) = bdlm() else { return };
    let (_folder, ids) = ids_file();
    let found = report(&ppl(&ids, &EXACT));
    let blocks = Fixture::open("bd3lm-block4").f32("exact.block_nelbo");
    let wanted = blocks.iter().map(|&x| f64::from(x)).sum::<f64>() / 96.0;
    let got = found["nll_per_token"].as_f64().unwrap();
    assert!((got / wanted - 1.0).abs() < 1e-4, "{got}, expected {wanted}");
    assert_eq!(found["ppl"].as_f64().unwrap(), got.exp());
    for (key, value) in [("tokens", 96), ("sequences", 3), ("block_size", 4), ("context", 32)] {
        assert_eq!(found[key], value, "{key}");
    }
    for key in ["estimator", "stderr", "bits_per_byte", "passes", "secs"] {
        assert!(found.get(key).is_some(), "{key} is missing in {found}");
    }
    let text = stdout(&ppl(&ids, &EXACT[..2]));
    assert!(text.contains("nats per token") && text.contains("(exact)"), "{text}");
    let csv = stdout(&ppl(&ids, &["--estimator", "exact", "--format", "csv"]));
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("model,data,estimator,"), "{csv}");
    assert_eq!(cells(lines[0]).len(), cells(lines[1]).len());
}

#[test]
fn shards_are_merged_to_the_whole() {
    let Some(_) = bdlm() else { return };
    let (folder, ids) = ids_file();
    let draws = ["--draws", "20", "--format", "json"];
    let whole = report(&ppl(&ids, &draws));
    let journal = |i: usize| folder.path().join(format!("{i}.jsonl")).display().to_string();
    for i in 0..2 {
        let (shard, journal) = (format!("{i}/2"), journal(i));
        let more = ["--shard", &shard, "--journal", &journal];
        assert!(ppl(&ids, &[&draws[..], &more].concat()).status.success());
    }
    let merge = |journals: &[String]| {
        let mut command = bdlm_without_gpu();
        command.args(["eval", "merge", "--format", "json"]).args(journals).output().unwrap()
    };
    let merged = report(&merge(&[journal(1), journal(0)]));
    for key in ["nll_per_token", "stderr"] {
        let (got, wanted) = (merged[key].as_f64().unwrap(), whole[key].as_f64().unwrap());
        assert!((got / wanted - 1.0).abs() < 1e-12, "{key}: {got}, expected {wanted}");
    }
    assert_eq!((&merged["tokens"], &merged["sequences"]), (&whole["tokens"], &whole["sequences"]));
    let twice = merge(&[journal(0), journal(0)]);
    check_failure(&twice, 1, &["sequence 0 appears twice"]).unwrap();
    let other = journal(7);
    ppl(&ids, &["--draws", "2", "--journal", &other]);
    let mixed = merge(&[journal(0), other]);
    check_failure(&mixed, 1, &["another evaluation", "its draws is 2, expected 20"]).unwrap();
}

#[test]
fn a_report_can_go_to_a_file() {
    let Some(_) = bdlm() else { return };
    let (folder, ids) = ids_file();
    let path = folder.path().join("report.json");
    let output = ppl(&ids, &[&EXACT[..], &["--output", path.to_str().unwrap()]].concat());
    assert!(output.status.success() && output.stdout.is_empty());
    let found: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(found["tokens"], 96);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn wrong_evaluations_are_refused() {
    let Some(_) = bdlm() else { return };
    let (folder, ids) = ids_file();
    let refuses = |args: &[&str], code: i32, words: &[&str]| {
        check_failure(&ppl(&ids, args), code, words).unwrap_or_else(|e| panic!("{args:?} {e}"));
    };
    refuses(&["--estimator", "exact", "--block-size", "16"], 1, &["2^16 - 1 passes", "orders"]);
    refuses(&["--draws", "0"], 1, &["draws is 0"]);
    refuses(&["--shard", "2/2"], 2, &["I from 0 to N - 1"]);
    refuses(&["--resume"], 2, &["--journal"]);
    refuses(&["--limit", "0"], 1, &["limit is 0"]);
    refuses(&["--journal", "nowhere/at/all"], 1, &["cannot be written"]);
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    let merge = bdlm_without_gpu().args(["eval", "merge"]).arg(&empty).output().unwrap();
    check_failure(&merge, 1, &["empty, expected a journal"]).unwrap();
    std::fs::write(&empty, "{}\n").unwrap();
    let merge = bdlm_without_gpu().args(["eval", "merge"]).arg(&empty).output().unwrap();
    check_failure(&merge, 1, &["line 1 is not that of a journal"]).unwrap();
}

/// The size of a PNG file, from its header.
fn png_size(path: &Path) -> (u32, u32) {
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(&bytes[1..4], b"PNG");
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

#[test]
fn a_sweep_has_a_row_and_a_point_for_every_combination() {
    let Some(_) = bdlm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let plot = folder.path().join("sweep.png");
    let fixed = ["eval", "sweep", "--scorer", "tales", "--samples", "2", "--length", "20"];
    let sweep = |args: &[&str]| bdlm().unwrap().args(fixed).args(args).output().unwrap();
    let grid =
        ["--block-size", "4,8", "--sampler", "first-hitting,confidence", "--per-pass", "2,4"];
    let more = ["--top-p", "0.5", "--plot", plot.to_str().unwrap()];
    let output = sweep(&[&grid[..], &more].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0][..4], ["block_size", "sampler", "temperature", "top_p"]);
    let samplers: Vec<&str> = rows[1..].iter().map(|row| row[1]).collect();
    let wanted = ["first-hitting", "confidence 2", "confidence 4"];
    assert_eq!(samplers, [wanted, wanted].concat());
    let nfe = rows[0].iter().position(|name| *name == "nfe").unwrap();
    let counts: Vec<f64> = rows[1..].iter().map(|row| row[nfe].parse().unwrap()).collect();
    assert_eq!(counts, [19.0, 10.0, 5.0, 23.0, 12.0, 6.0], "evaluations by sampler");
    assert_eq!(png_size(&plot), (3 * 640, 480));
    check_failure(&sweep(&["--threshold", "0.5"]), 2, &["--threshold is for other samplers"])
        .unwrap();
}

#[test]
fn perplexity_is_reported_by_block_size() {
    let Some(_) = bdlm() else { return };
    let (folder, ids) = ids_file();
    let (plot, model) = (folder.path().join("blocks.png"), fixture("bd3lm-block4"));
    let blocks = |args: &[&str]| {
        let mut command = bdlm().unwrap();
        command.args(["eval", "blocks", "--model", &model, "--weights", "f32", "--ids"]);
        command.arg(&ids).args(args).output().unwrap()
    };
    let output = blocks(&["--block-size", "1,4,8", "--plot", plot.to_str().unwrap()]);
    let text = stdout(&output);
    let rows: Vec<Vec<String>> = text.lines().map(cells).collect();
    assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{text}");
    let column = |name: &str| rows[0].iter().position(|found| *found == name).unwrap();
    let estimators: Vec<&str> = rows[1..].iter().map(|r| r[column("estimator")].as_str()).collect();
    assert_eq!(estimators, ["exact", "exact", "orders"]);
    let exact = report(&ppl(&ids, &EXACT));
    let got: f64 = rows[2][column("nll_per_token")].parse().unwrap();
    assert_eq!(got, exact["nll_per_token"].as_f64().unwrap());
    assert_eq!(png_size(&plot), (640, 480));
    check_failure(&blocks(&["--block-size", "5"]), 1, &["does not divide"]).unwrap();
}

#[test]
fn text_is_evaluated_as_its_data_set_is_cut() {
    let Some(_) = bdlm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("story.txt");
    let story = "Once upon a time there was a king who had three sons .\n".repeat(40);
    std::fs::write(&path, &story).unwrap();
    let eval_at = |context: &str, args: &[&str]| {
        let mut command = bdlm().unwrap();
        command.args(["eval", "ppl", "--context", context, "--estimator", "exact"]);
        command.args(["--block-size", "2", "--data"]).arg(&path).args(args).output().unwrap()
    };
    let eval = |args: &[&str]| eval_at("64", args);
    let plain = report(&eval(&["--format", "json", "--limit", "3"]));
    assert_eq!((&plain["sequences"], &plain["tokens"]), (&3.into(), &(3 * 63).into()));
    let (nll, bits) = (plain["nll_per_token"].as_f64(), plain["bits_per_byte"].as_f64());
    // A token of this text stands for some four bytes.
    let bytes_per_token = nll.unwrap() / 2f64.ln() / bits.unwrap();
    assert!((3.0..5.5).contains(&bytes_per_token), "{bytes_per_token}");
    let apart = report(&eval(&["--no-wrap", "--preset", "ptb", "--format", "json"]));
    assert_eq!(apart["sequences"], 40, "a line is a document of its own");
    check_failure(&eval_at("5000", &[]), 1, &["context is 5000, expected 2 to 256"]).unwrap();
    std::fs::write(&path, "Too short.").unwrap();
    check_failure(&eval(&[]), 1, &["tokens, a sequence needs 64", "--context"]).unwrap();
    std::fs::write(&path, "").unwrap();
    check_failure(&eval(&[]), 1, &["is empty, expected texts"]).unwrap();
    std::fs::write(&path, b"\xff\xfe").unwrap();
    check_failure(&eval(&[]), 1, &["holds no text"]).unwrap();
    std::fs::write(&path, b"ab\xff").unwrap();
    check_failure(&eval(&[]), 1, &["byte 2 is not UTF-8"]).unwrap();
}
