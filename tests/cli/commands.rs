//! `bdlm logits`, `info`, `bench`, `completions` and the help.

use std::collections::HashMap;

use bdlm::gpu::has_512_bits;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;

use crate::common::fixtures::Fixture;
use crate::common::{check, skip, tolerances};
use crate::{bdlm, bdlm_without_gpu, fixture, stderr, stdout};

/// The tensors of a fixture, under other names, as a file.
pub fn input(f: &Fixture, folder: &std::path::Path, names: &[(&str, &str)]) -> std::path::PathBuf {
    let bytes: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = names
        .iter()
        .map(|&(name, case)| {
            let view = f.tensor(case);
            (name.into(), view.dtype(), view.shape().to_vec(), view.data().to_vec())
        })
        .collect();
    let views = bytes.iter().map(|(name, dtype, shape, data)| {
        (name.as_str(), TensorView::new(*dtype, shape.clone(), data).unwrap())
    });
    let path = folder.join("input.safetensors");
    std::fs::write(&path, safetensors::serialize(views.collect::<HashMap<_, _>>(), None).unwrap())
        .unwrap();
    path
}

/// Runs `bdlm logits` on cases of a fixture and compares what it stores.
fn check_logits(name: &str, inputs: &[(&str, &str)], case: &str) {
    for (weights, tolerance) in [("f32", tolerances::LOGITS_F32), ("f16", tolerances::LOGITS_F16)] {
        let (Some(mut command), f) = (bdlm(), Fixture::open(name)) else { return };
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("output.safetensors");
        let run = command
            .args(["logits", "--weights", weights, "--model", &fixture(name), "--input"])
            .arg(input(&f, folder.path(), inputs))
            .arg("--output")
            .arg(&output)
            .output()
            .unwrap();
        assert!(run.status.success(), "{}", stderr(&run));
        let bytes = std::fs::read(&output).unwrap();
        let stored = SafeTensors::deserialize(&bytes).unwrap();
        let logits = stored.tensor("logits").unwrap();
        assert_eq!((logits.dtype(), logits.shape()), (Dtype::F32, &f.shape(case)[..]));
        let got: Vec<f32> = logits
            .data()
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect();
        check(&got, &f.f32(case), tolerance).unwrap_or_else(|e| panic!("{name} {case}: {e}"));
        let files = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files, 2, "nothing else is left beside the output");
    }
}

#[test]
fn logits_of_every_family_are_stored() {
    check_logits(
        "bd3lm-block8",
        &[("ids", "train.x0"), ("noisy", "train.xt"), ("sigma", "train.sigma")],
        "train.logits",
    );
    check_logits("bd3lm-block4", &[("ids", "plain.ids")], "plain.logits");
    check_logits("mdlm", &[("ids", "xt"), ("sigma", "sigma")], "logits");
    check_logits("sedd", &[("ids", "xt"), ("sigma", "sigma")], "logits");
    check_logits("ar", &[("ids", "x0")], "logits");
}

#[test]
fn info_knows_the_model_the_adapters_and_the_memory() {
    let Some(mut command) = bdlm() else { return };
    let output = command.args(["info", "--format", "json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["model"]["config"]["vocab_size"], 4096);
    assert_eq!(report["model"]["family"], "block diffusion (BD3-LM)");
    let adapter = &report["adapters"][0];
    assert!(!adapter["name"].as_str().unwrap().is_empty());
    assert!(adapter["max_binding_bytes"].as_u64().unwrap() >= 128 << 20);
    let memory = &report["memory"];
    for part in ["weights_bytes", "cache_bytes", "activations_bytes"] {
        assert!(memory[part].as_u64().unwrap() > 0, "{part}");
    }
    let text = stdout(&bdlm().unwrap().arg("info").output().unwrap());
    for words in ["adapter 0:", "largest binding", "model: tales", "memory plan", "weights"] {
        assert!(text.contains(words), "{text}");
    }
    for (name, family) in [("mdlm", "MDLM"), ("sedd", "SEDD"), ("ar", "AR")] {
        let model = fixture(name);
        let text = stdout(&bdlm().unwrap().args(["info", "--model", &model]).output().unwrap());
        assert!(text.contains(family), "{text}");
    }
}

#[test]
fn info_checks_the_kernels_of_the_adapter() {
    let Some(mut command) = bdlm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let output = command.args(["info", "--self-test"]).env("BDLM_CACHE", folder.path()).output();
    let text = stdout(&output.unwrap());
    for words in ["op ", "matmul", "98 tokens, 104 channels, q4", "31 of 31 checks passed"] {
        assert!(text.contains(words), "{text}");
    }
    assert!(!text.contains("WRONG"), "{text}");
    assert!(folder.path().join("self-tests.json").is_file(), "what was found is kept");
    let output =
        bdlm().unwrap().args(["info", "--self-test", "--format", "json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    assert!(checks.len() == 31 && checks.iter().all(|check| check["passes"] == true));
    assert!(checks[0]["error"].as_f64().unwrap() <= checks[0]["allowed"].as_f64().unwrap());
}

#[test]
fn a_software_adapter_computes_with_512_bits_where_the_processor_can_unless_asked_otherwise() {
    let Some(_) = bdlm() else { return };
    let lanes = |variables: &[(&str, &str)]| {
        let mut command = bdlm().unwrap();
        command.env_remove("LP_NATIVE_VECTOR_WIDTH").env_remove("MESA_SHADER_CACHE_DIR");
        let output = command.args(["info", "--format", "json"]).envs(variables.to_vec()).output();
        let report: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
        let adapters = report["adapters"].as_array().unwrap().clone();
        let software = |a: &&Value| a["name"].as_str().unwrap().contains("llvmpipe");
        adapters.iter().find(software).map(|a| a["subgroup_sizes"][0].as_u64().unwrap())
    };
    let Some(own) = lanes(&[]) else { return skip("no software adapter of Mesa", false) };
    assert_eq!(own, if has_512_bits() { 16 } else { 8 });
    assert_eq!(lanes(&[("LP_NATIVE_VECTOR_WIDTH", "256")]), Some(8), "what the user says wins");
    assert_eq!(lanes(&[("BDLM_CACHE", "")]), Some(8), "no cache of its own");
    // Who asks for them by hand gets the cache as well.
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().to_str().unwrap();
    lanes(&[("BDLM_CACHE", cache), ("LP_NATIVE_VECTOR_WIDTH", "512")]);
    assert!(folder.path().join("mesa-512").is_dir());
}

#[test]
fn bench_reports_numbers_that_fit_together() {
    let Some(mut command) = bdlm() else { return };
    let args = ["bench", "--passes", "3", "--context", "64", "--format", "json"];
    let output = command.args(args).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let passes = &report["passes"][0];
    let number = |key: &str| {
        let found = passes.pointer(key).and_then(Value::as_f64);
        found.unwrap_or_else(|| panic!("{key}: {passes}"))
    };
    let ms = number("/pass_ms/median");
    assert!(number("/pass_ms/min") <= ms && ms <= number("/pass_ms/max"));
    assert!(number("/dispatches_per_layer") <= 8.0);
    assert_eq!((number("/block_size"), number("/context")), (4.0, 64.0));
    assert_eq!(number("/pass_ms/count"), 3.0);
    let rate = number("/weights_bytes") / ms * 1e3;
    assert!((number("/weights_bytes_per_sec") / rate - 1.0).abs() < 1e-9);
    assert!(number("/tokens_per_sec") > 0.0);
    assert!(!report["adapter"].as_str().unwrap().is_empty());
    assert!(report.get("texts").is_none(), "what was not measured is absent");
}

#[test]
fn bench_times_every_part_and_compares_with_an_earlier_report() {
    let Some(mut command) = bdlm() else { return };
    let args = ["bench", "--measure", "all", "--passes", "1", "--draws", "1", "--context", "8,64"];
    let output = command.args(args).args(["--format", "json"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["passes"].as_array().unwrap().len(), 2);
    for rate in ["/texts/0/tokens_per_sec", "/likelihoods/0/tokens_per_sec"] {
        assert!(report.pointer(rate).unwrap().as_f64().unwrap() > 0.0, "{rate}");
    }
    assert!(report["texts"][0]["cold_first_block_ms"].as_f64().unwrap() > 0.0);
    let kernels = report["kernels"]["kernels"].as_array().unwrap();
    for name in ["matmul", "attention", "norm", "rotary", "embedding", "draw"] {
        let timed = |kernel: &&Value| kernel["kernel"].as_str().unwrap().starts_with(name);
        let kernel = kernels.iter().find(timed).unwrap_or_else(|| panic!("{name} is not timed"));
        assert!(kernel["share_of_ceiling"].as_f64().unwrap() > 0.0, "{kernel}");
    }
    let folder = tempfile::tempdir().unwrap();
    let earlier = folder.path().join("earlier.json");
    std::fs::write(&earlier, &output.stdout).unwrap();
    let args = ["bench", "--passes", "1", "--context", "64", "--weights", "f16", "--compare"];
    let output = bdlm().unwrap().args(args).arg(&earlier).output().unwrap();
    let text = stdout(&output);
    assert!(text.contains("times faster"), "{text}");
    assert!(text.contains("pass, block 4, context 64"), "{text}");
    assert!(text.contains("another run before: weights Q8, now F16"), "{text}");
    assert!(!text.contains("context 8 "), "only what both reports hold: {text}");
}

#[test]
fn bench_counts_what_the_kernels_of_gpus_issue() {
    let Some(mut command) = bdlm() else { return };
    let args = ["bench", "--measure", "counts", "--context", "64", "--kernels"];
    let output = command.args(args).arg("workgroup").output().unwrap();
    let text = stdout(&output);
    assert!(text.contains("block 4, context 64: MB"), "{text}");
    assert!(text.contains("attention_joined") && text.contains("matmul_rows"), "{text}");
    assert!(text.contains("likelihood of "), "{text}");
    let output = bdlm().unwrap().args(args).arg("plain").output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).to_string();
    assert!(
        error.contains("the plain kernels are not counted; add --kernels workgroup"),
        "{error}"
    );
}

#[test]
fn every_command_has_a_help_with_examples() {
    for command in ["generate", "eval", "logits", "info", "bench", "tune", "completions"] {
        let output = bdlm_without_gpu().args([command, "--help"]).output().unwrap();
        assert!(output.status.success());
        assert!(stdout(&output).contains("Example"), "{command}");
        assert!(stdout(&output).contains(&format!("bdlm {command}")), "{command}");
    }
}

#[test]
fn completions_are_printed_for_common_shells() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let output = bdlm_without_gpu().args(["completions", shell]).output().unwrap();
        assert!(output.status.success());
        assert!(stdout(&output).contains("--block-size") || stdout(&output).contains("block-size"));
    }
}

#[test]
fn tune_keeps_what_is_fastest_until_it_is_forgotten() {
    let Some(mut command) = bdlm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let run = |command: &mut assert_cmd::Command| -> Value {
        let output = command.args(["--format", "json"]).env("BDLM_CACHE", folder.path()).output();
        serde_json::from_str(&stdout(&output.unwrap())).unwrap()
    };
    let report = run(command.args(["tune", "--shape", "tiny", "--passes", "1"]));
    let candidates = report["candidates"].as_array().unwrap();
    let same = |c: &Value, name: &str| c[name] == report["chosen"][name];
    let is_chosen = |c: &&Value| {
        let names = ["kernels", "few_rows", "height", "lanes", "tile", "shares", "fused_norms"];
        names.iter().all(|name| same(c, name))
    };
    let chosen = candidates.iter().find(is_chosen).unwrap();
    let times = |c: &Value| c["pass_ms"].as_array().unwrap().len();
    // What is measured decides: the geometric mean of what both have.
    let numbers = |c: &Value| -> Vec<f64> {
        let passes = c["pass_ms"].as_array().unwrap().iter().flat_map(|t| t.as_array().unwrap());
        passes.chain([&c["likelihood_secs"]]).filter_map(Value::as_f64).collect()
    };
    let times_faster = |c: &Value, other: &Value| {
        let pairs: Vec<f64> =
            numbers(other).iter().zip(numbers(c)).map(|(other, own)| (other / own).ln()).collect();
        (pairs.iter().sum::<f64>() / pairs.len() as f64).exp()
    };
    assert_eq!(times(chosen), 3, "{chosen}");
    for candidate in candidates {
        // Each is timed whole, or found hopeless at the smallest pass, or cannot run.
        let is_better = times_faster(candidate, chosen) > 1.04;
        match times(candidate) {
            3 => assert!(!is_better, "{candidate} beside {chosen}"),
            1 => assert!(numbers(candidate)[0] > numbers(&candidates[0])[0], "{candidate}"),
            _ => assert!(candidate["error"].is_string(), "{candidate}"),
        }
    }
    let adapter = || run(bdlm_without_gpu().arg("info"))["adapters"][0].clone();
    assert_eq!((&adapter()["kernels"], &adapter()["tuned"]), (&chosen["kernels"], &true.into()));
    let forget =
        bdlm_without_gpu().args(["tune", "--forget"]).env("BDLM_CACHE", folder.path()).output();
    assert!(stdout(&forget.unwrap()).contains("nothing is kept"));
    assert_eq!(adapter()["tuned"], false);
}
