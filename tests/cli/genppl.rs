//! `bdlm eval genppl`.

use std::path::{Path, PathBuf};
use std::process::Output;

use crate::common::fixtures::Fixture;
use crate::common::hub::Hub;
use crate::eval::report;
use crate::{bdlm, check_failure, fixture, stdout};

/// The fixture's samples as lines, and their file's folder.
fn samples_file() -> (tempfile::TempDir, PathBuf) {
    let f = Fixture::open("gpt2-tiny");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("samples.jsonl");
    let n = f.shape("genppl.ids")[1];
    let ids = f.ids("genppl.ids");
    let line = |ids: &[u32]| serde_json::json!({"ids": ids, "nfe": 70, "passes": 80}).to_string();
    let lines: Vec<String> = ids.chunks(n).map(line).collect();
    std::fs::write(&path, lines.join("\n")).unwrap();
    (folder, path)
}

pub fn genppl(args: &[&str]) -> Output {
    let fixed = ["eval", "genppl", "--weights", "f32"];
    bdlm().unwrap().args(fixed).args(args).output().unwrap()
}

#[test]
fn generative_perplexity_of_given_ids_is_the_fixture_s() {
    let Some(_) = bdlm() else { return };
    let (folder, samples) = samples_file();
    let (scorer, each) = (fixture("gpt2-tiny"), folder.path().join("each.jsonl"));
    let args = ["--scorer", &scorer, "--samples", samples.to_str().unwrap(), "--no-retokenize"];
    let more = ["--format", "json", "--per-sample", each.to_str().unwrap()];
    let found = report(&genppl(&[&args[..], &more].concat()));
    let f = Fixture::open("gpt2-tiny");
    let wanted = f64::from(f.f32("genppl.ppl")[0]);
    let got = found["gen_ppl"].as_f64().unwrap();
    assert!((got / wanted - 1.0).abs() < 1e-4, "{got}, expected {wanted}");
    let entropy = f.f32("genppl.entropy").iter().sum::<f32>() / 2.0;
    assert!((found["entropy"].as_f64().unwrap() - f64::from(entropy)).abs() < 1e-5);
    assert_eq!(
        (&found["lengths"]["median"], &found["nfe"], &found["passes"]),
        (&75.0.into(), &70.0.into(), &80.0.into())
    );
    assert_eq!(std::fs::read_to_string(each).unwrap().lines().count(), 2);
    let csv = stdout(&genppl(&[&args[..], &["--format", "csv"]].concat()));
    assert!(csv.starts_with("scorer,samples,gen_ppl,") && csv.contains("lengths_median"), "{csv}");
}

#[test]
fn samples_are_generated_and_scored_by_the_text_they_are() {
    let Some(_) = bdlm() else { return };
    let args = ["--scorer", "tales", "--generate", "2", "--length", "24", "--format", "json"];
    let found = report(&genppl(&args));
    assert_eq!((&found["samples"], &found["lengths"]["max"]), (&2.into(), &24.0.into()));
    assert!(found["gen_ppl"].as_f64().unwrap() > 1.0);
    let lower = report(&genppl(&[&args[..], &["--temperature", "0.1"]].concat()));
    assert!(lower["gen_ppl"].as_f64().unwrap() < found["gen_ppl"].as_f64().unwrap());
    let text = stdout(&genppl(&args[..6]));
    assert!(text.contains("gen-perplexity") && text.contains("entropy"), "{text}");
}

#[test]
fn samples_that_cannot_be_scored_are_reported() {
    let Some(_) = bdlm() else { return };
    let (folder, samples) = samples_file();
    let samples = samples.to_str().unwrap();
    let refuses = |args: &[&str], code: i32, words: &[&str]| {
        check_failure(&genppl(args), code, words).unwrap_or_else(|e| panic!("{args:?} {e}"));
    };
    let (mdlm, gpt2) = (fixture("mdlm"), fixture("gpt2-tiny"));
    let with = |scorer: &str, more: &[&str]| -> Vec<String> {
        let args = ["--scorer", scorer, "--samples", samples];
        args.iter().chain(more).map(ToString::to_string).collect()
    };
    let as_they_are = ["--no-retokenize"];
    for (args, words) in [
        (with("tales", &[]), "sample 0 has no text; try --no-retokenize"),
        (with(&mdlm, &as_they_are), "expected a model that predicts token by token"),
        (with("gpt2-small", &as_they_are), "the scorer gpt2-small cannot be loaded"),
    ] {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        refuses(&args, 1, &[words]);
    }
    let bad = folder.path().join("bad.jsonl");
    let bad_args = ["--scorer", &gpt2, "--samples", bad.to_str().unwrap(), "--no-retokenize"];
    for (text, words) in [
        ("", "is empty"),
        ("\n[]\n", "holds no samples"),
        ("{\"ids\":[1,2]}\nnothing\n", "line 2 is not a sample"),
        ("{\"text\":\"x\"}\n", "sample 0 has no ids"),
        ("{\"ids\":[1,200]}\n", "token id 200 is not of the vocabulary"),
        ("{\"ids\":[1]}\n", "no sample with a token to score"),
    ] {
        std::fs::write(&bad, text).unwrap();
        refuses(&bad_args, 1, &[words]);
    }
    refuses(&["--scorer", "tales"], 2, &["--samples"]);
}

#[test]
fn a_scorer_is_found_on_the_hub_by_its_short_name() {
    let Some(mut command) = bdlm() else { return };
    let (_folder, samples) = samples_file();
    let read = |file: &str| std::fs::read(Path::new(&fixture("gpt2-tiny")).join(file)).unwrap();
    let files = ["config.json", "model.safetensors"].map(|file| (file, read(file)));
    let root = "/openai-community/gpt2-large/resolve/main/";
    let hub = Hub::open(root, &files, ("", 0), None);
    let home = tempfile::tempdir().unwrap();
    command.env_remove("HF_HUB_OFFLINE").env("HF_HOME", home.path());
    command.env("HF_ENDPOINT", hub.options(home.path()).endpoint.unwrap());
    command.args(["eval", "genppl", "--no-retokenize", "--weights", "f32", "--format", "json"]);
    // The default scorer is gpt2-large.
    let found = report(&command.arg("--samples").arg(&samples).output().unwrap());
    let wanted = f64::from(Fixture::open("gpt2-tiny").f32("genppl.ppl")[0]);
    let got = found["gen_ppl"].as_f64().unwrap();
    assert!((got / wanted - 1.0).abs() < 1e-4, "{got}, expected {wanted}");
    assert_eq!(found["scorer"], "gpt2-large");
}
