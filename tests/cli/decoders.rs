//! Llama-shaped models on the command line: what a config leaves unsaid, adapters, and weights in
//! integers.

use std::path::Path;

use bdlm::model::Habits;
use safetensors::SafeTensors;

use crate::commands::input;
use crate::common::fixtures::Fixture;
use crate::common::{check, tolerances};
use crate::{bdlm, bdlm_without_gpu, check_failure, fixture, stderr, stdout};

/// Logits that `bdlm logits` stores, given these flags, of tokens of a fixture.
fn logits(f: &Fixture, model: &str, flags: &[&str], inputs: &[(&str, &str)]) -> Option<Vec<f32>> {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("output.safetensors");
    let run = bdlm()?
        .args(["logits", "--model", model, "--output"])
        .arg(&output)
        .args(flags)
        .arg("--input")
        .arg(input(f, folder.path(), inputs))
        .output()
        .unwrap();
    assert!(run.status.success(), "{flags:?}: {}", stderr(&run));
    let bytes = std::fs::read(&output).unwrap();
    let stored = SafeTensors::deserialize(&bytes).unwrap();
    let data = stored.tensor("logits").unwrap().data().as_chunks().0;
    Some(data.iter().map(|&b| f32::from_le_bytes(b)).collect())
}

#[test]
fn logits_follow_the_flags() {
    let habits = |mask_id, block_size| Habits { mask_id, block_size, grid: None };
    let qwen2 = ("qwen2-block8", habits(Some(125), None), &["--mask-id", "125"][..]);
    let dllm_flags = ["--mask-id", "125", "--block-size", "8"];
    let dllm = ("qwen3-block8", habits(Some(125), Some(8)), &dllm_flags[..]);
    for ((name, habits, flags), more, inputs, case) in [
        (qwen2, &[][..], &[("ids", "full.ids")][..], "full.logits"),
        (qwen2, &["--causal"][..], &[("ids", "full.ids")], "causal.logits"),
        (qwen2, &[], &[("ids", "vector.x0"), ("noisy", "vector.xt")], "vector.logits"),
        (dllm, &["--grid-offset", "OFFSET"], &[("ids", "anchored.ids")], "anchored.logits"),
    ] {
        let f = Fixture::open_with(name, habits);
        let offset = match case {
            "anchored.logits" => f.tensor("anchored.offset").data()[0].to_string(),
            _ => String::new(),
        };
        let more = more.iter().map(|&flag| if flag == "OFFSET" { &offset } else { flag });
        let flags: Vec<&str> =
            flags.iter().copied().chain(more).chain(["--weights", "f32"]).collect();
        let Some(got) = logits(&f, &fixture(name), &flags, inputs) else { return };
        check(&got, &f.f32(case), tolerances::LOGITS_F32)
            .unwrap_or_else(|e| panic!("{name} {case}: {e}"));
    }
}

#[test]
fn what_is_not_said_names_the_flag_that_says_it() {
    let run = |name: &str, flags: &[&str]| {
        let mut command = bdlm_without_gpu();
        command.args(["info", "--model", &fixture(name)]).args(flags).output().unwrap()
    };
    let words = ["says which token masks", "give it with --mask-id N"];
    check_failure(&run("qwen3-block8", &[]), 1, &words).unwrap();
    let words = ["the mask token is 151665", "give it with --mask-id N"];
    check_failure(&run("qwen2-block8", &[]), 1, &words).unwrap();
    let words = ["how long blocks are", "give it with --block-size K"];
    check_failure(&run("llama-tiny", &["--mask-id", "3"]), 1, &words).unwrap();
    let whole = run("qwen3-block4", &["--format", "json", "--weights", "q4"]);
    let report: serde_json::Value = serde_json::from_str(&stdout(&whole)).unwrap();
    let config = &report["model"]["config"];
    assert_eq!(config["positions"]["rotary"]["scaling"], "none");
    assert_eq!((&config["mask_id"], &config["grid"]), (&125.into(), &"sequence".into()));
    assert_eq!(config["objective"]["block"]["size"], 4);
    let run = bdlm_without_gpu()
        .args(["info", "--model", &fixture("llama-tiny"), "--lora", "nowhere"])
        .output()
        .unwrap();
    check_failure(&run, 1, &["there is no adapter `nowhere`"]).unwrap();
}

#[test]
fn a_folder_in_integers_loads_without_the_original() {
    let f = Fixture::open_with("llama-tiny", Habits::default());
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("q4");
    let (out, lora) = (out.to_str().unwrap(), fixture("llama-tiny-lora"));
    let quantize = || {
        bdlm_without_gpu()
            .args(["quantize", &fixture("llama-tiny"), "--weights", "q4", "--out", out])
            .args(["--lora", &lora])
            .output()
            .unwrap()
    };
    let run = quantize();
    assert!(run.status.success(), "{}", stderr(&run));
    assert!(Path::new(out).join("config.json").exists());
    check_failure(&quantize(), 1, &["is there already: name another folder"]).unwrap();
    let ids = [("ids", "ids")];
    // Held as the folder has them, unless another format is asked for.
    let Some(got) = logits(&f, out, &[], &ids) else { return };
    let merged = |flags: &[&str]| {
        let lora = ["--lora", &lora];
        let flags: Vec<&str> = lora.into_iter().chain(flags.iter().copied()).collect();
        logits(&f, &fixture("llama-tiny"), &flags, &ids).unwrap()
    };
    check(&got, &merged(&["--weights", "q4"]), tolerances::LOGITS_F32).unwrap();
    assert!(check(&got, &merged(&["--weights", "q8"]), tolerances::LOGITS_F32).is_err());
    let whole = merged(&["--weights", "q4", "--table-weights", "q4"]);
    assert!(check(&got, &whole, tolerances::LOGITS_F32).is_err(), "tables have eight bits");
    let run = bdlm_without_gpu()
        .args(["quantize", "tales", "--weights", "f16", "--out"])
        .arg(folder.path().join("f16"))
        .output()
        .unwrap();
    check_failure(&run, 1, &["a checkpoint is written in q8 or q4"]).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left");
}
