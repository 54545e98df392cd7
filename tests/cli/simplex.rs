//! SSD-LM: its options, given noise, and what it does not do.

use serde_json::Value;

use crate::common::fixtures::Cases;
use crate::{bdlm, bdlm_without_gpu, check_failure, fixture, stderr, stdout, with_config};

fn lines(args: &[&str]) -> Vec<Value> {
    let output = bdlm().unwrap().args(args).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ids(line: &Value) -> Vec<u32> {
    line["ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

#[test]
fn given_noise_gives_the_listed_ids_from_both_layouts() {
    let Some(_) = bdlm() else { return };
    let f = Cases::open("ssdlm");
    let noise = format!("{}/cases.safetensors", fixture("ssdlm"));
    for model in ["ssdlm", "ssdlm/hub-layout"] {
        for (case, samples, context) in
            [("bos_sampling", 1, 1), ("ctx7_multihot_grow_b2", 2, 7), ("noctx_sampling", 1, 0)]
        {
            let model = fixture(model);
            let args = ["generate", "--model", &model, "--noise", &noise, "--noise-case", case];
            let found = lines(&[&args[..], &["--format", "jsonl"]].concat());
            let all = f.ids_of_i32(&format!("{case}/ids"));
            assert_eq!(found.len(), samples);
            for (line, wanted) in found.iter().zip(all.chunks(all.len() / samples)) {
                assert_eq!(ids(line)[context..], *wanted, "{case}");
                assert_eq!(line["nfe"], 16);
            }
        }
    }
}

#[test]
fn a_text_depends_on_the_seed_alone_and_is_decided_anew_at_every_step() {
    let Some(_) = bdlm() else { return };
    let model = fixture("ssdlm");
    let args = ["generate", "--model", &model, "--length", "21", "--block-size", "10"];
    let more = ["--steps", "4", "--prompt-ids", "0", "--format", "jsonl", "--weights", "f32"];
    let args = [&args[..], &more].concat();
    let with = |more: &[&str]| lines(&[&args[..], more].concat());
    let one = with(&[]);
    let batch = with(&["--samples", "3", "--batch", "3"]);
    assert_eq!((ids(&one[0]), batch.len()), (ids(&batch[0]), 3));
    assert_ne!(ids(&batch[0]), ids(&batch[1]));
    assert_ne!(ids(&one[0]), ids(&with(&["--seed", "2"])[0]));
    for (option, value) in
        [("--projection", "multi-hot"), ("--projection", "greedy"), ("--context-policy", "grow")]
    {
        assert_eq!(ids(&with(&[option, value])[0]).len(), 21);
    }
    // Twice four steps.
    assert_eq!((&one[0]["nfe"], &one[0]["passes"]), (&8.into(), &8.into()));
    let args: Vec<&str> =
        args.iter().copied().filter(|arg| !["--format", "jsonl"].contains(arg)).collect();
    let events = lines(&[&args[..], &["--events", "--candidates", "2"]].concat());
    let steps: Vec<&Value> = events.iter().filter(|event| event["event"] == "step").collect();
    assert_eq!(steps.len(), 2 * (1 + 4));
    assert_eq!(ids(events.last().unwrap()), ids(&one[0]), "watched or not");
    let first = &steps[1]["cells"][0];
    assert_eq!(
        (first["state"].as_str(), first["candidates"].as_array().unwrap().len()),
        (Some("masked"), 2)
    );
    assert!(steps[4]["cells"][0]["state"]["open"]["step"] == 4);
}

/// The small fixture with a tokenizer of bytes, in the older form.
fn model_with_bytes() -> tempfile::TempDir {
    let folder = with_config("ssdlm", "vocab_size", 300.into());
    let gpt2 = std::fs::read(format!("{}/tokenizer.json", fixture("gpt2"))).unwrap();
    let gpt2: Value = serde_json::from_slice(&gpt2).unwrap();
    let special = ["<s>", "<pad>", "</s>", "<unk>"];
    let mut ids: serde_json::Map<String, Value> =
        (0..).zip(special).map(|(id, token): (u32, _)| (token.into(), id.into())).collect();
    let bytes = gpt2["model"]["vocab"].as_object().unwrap().iter();
    let bytes = bytes.map(|(token, id)| (token.clone(), id.as_u64().unwrap()));
    ids.extend(bytes.filter(|(_, id)| *id < 256).map(|(token, id)| (token, (id + 4).into())));
    ids.extend((260..299).map(|id| (format!("madeupword{id}"), id.into())));
    ids.insert("<mask>".into(), 299.into());
    assert_eq!(ids.len(), 300);
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    write("vocab.json", Value::Object(ids).to_string());
    write("merges.txt", "#version: 0.2\n".into());
    folder
}

#[test]
fn generative_perplexity_counts_evaluations_as_the_paper_does_and_puts_nothing_before_a_text() {
    let Some(_) = bdlm() else { return };
    let (model, out) = (model_with_bytes(), tempfile::tempdir().unwrap());
    let (model, file) = (model.path().to_str().unwrap(), out.path().join("samples.jsonl"));
    let file = file.to_str().unwrap();
    let make = ["--model", model, "--length", "41", "--block-size", "5", "--steps", "3"];
    let output = bdlm()
        .unwrap()
        .args(["generate", "--samples", "2", "--format", "jsonl", "--output", file])
        .args(make)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let score = |args: &[&str]| {
        let fixed = ["eval", "genppl", "--scorer", "tales", "--format", "json"];
        let output = bdlm().unwrap().args(fixed).args(args).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let made = score(&[&["--generate", "2"][..], &make].concat());
    // Forty tokens are eight blocks of three steps, each a run of the network.
    assert_eq!((&made["nfe"], &made["passes"]), (&24.0.into(), &24.0.into()));
    assert_eq!(made["no_opening"], true);
    let (opened, bare) = (score(&["--samples", file]), score(&["--samples", file, "--no-opening"]));
    assert_eq!(bare["gen_ppl"], made["gen_ppl"]);
    assert_ne!(bare["gen_ppl"], opened["gen_ppl"]);
    assert_eq!(opened.get("no_opening"), None);
}

#[test]
fn a_text_keeps_special_tokens_and_leaves_out_the_first() {
    let Some(_) = bdlm() else { return };
    let model = model_with_bytes();
    let args = ["generate", "--model", model.path().to_str().unwrap(), "--format", "jsonl"];
    let found = lines(&[&args[..], &["--length", "31", "--steps", "2", "Hi."]].concat());
    let (found, text) = (ids(&found[0]), found[0]["text"].as_str().unwrap());
    let special = ["<s>", "<pad>", "</s>", "<unk>"];
    assert_eq!((found.len(), found[0]), (31, 0));
    assert!(text.starts_with("Hi."), "{text}");
    let count = found[1..].iter().filter(|id| **id < 4).count();
    let written: usize = special.iter().map(|token| text.matches(token).count()).sum();
    assert_eq!(written, count, "{text}");
}

#[test]
fn the_memory_plan_says_that_nothing_is_cached() {
    let output = bdlm_without_gpu().args(["info", "--model", &fixture("ssdlm")]).output().unwrap();
    let text = stdout(&output);
    for words in ["simplex diffusion (SSD-LM)", "25 tokens", "every step computes all anew"] {
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn likelihood_and_training_are_refused_with_the_reason() {
    let Some(_) = bdlm() else { return };
    let (model, out) = (model_with_bytes(), tempfile::tempdir().unwrap());
    let (model, data) = (model.path().to_str().unwrap(), out.path().join("text.txt"));
    std::fs::write(&data, "Some text, twice. Some text, twice.").unwrap();
    let (data, run) = (data.to_str().unwrap(), out.path().join("run"));
    let words = ["simplex diffusion (SSD-LM)", "bounds no likelihood", "generative perplexity"];
    refuses(&["eval", "ppl", "--model", model, "--data", data], 1, &words);
    let train = ["train", "--from", model, "--data", data, "--steps", "1", "--out"];
    refuses(&[&train[..], &[run.to_str().unwrap()]].concat(), 1, &words);
}

fn refuses(args: &[&str], code: i32, words: &[&str]) {
    check_failure(&bdlm().unwrap().args(args).output().unwrap(), code, words).unwrap();
}

#[test]
fn what_simplex_models_do_not_do_is_refused_in_a_sentence() {
    let Some(_) = bdlm() else { return };
    let model = fixture("ssdlm");
    let noise = format!("{}/cases.safetensors", fixture("ssdlm"));
    let begin = ["generate", "--model", &model, "--prompt-ids", "0"];
    for (option, value, words) in [
        ("--temperature", "0.5", "greedy projection"),
        ("--block-size", "65", "does not fit into the model's window of 64"),
        ("--context-policy", "grow", "at most the model's window of 64"),
        ("--steps", "0", "steps is 0"),
        ("--sampler", "ancestral", "expected the sampler `simplex`"),
    ] {
        refuses(&[&begin[..], &[option, value]].concat(), 1, &[words]);
    }
    refuses(&["generate", "--sampler", "simplex"], 1, &["is for simplex diffusion (SSD-LM)"]);
    let case = ["generate", "--model", &model, "--noise", &noise, "--noise-case", "none"];
    refuses(&case, 1, &["no case `none`", "bos_greedy"]);
    let other = ["generate", "--noise", &noise, "--noise-case", "bos_greedy"];
    refuses(&other, 1, &["--noise is for simplex diffusion (SSD-LM)"]);
    refuses(&["generate", "--noise", &noise], 2, &["--noise-case"]);
    let unused = ["generate", "--context-policy", "grow", "--sampler", "random"];
    refuses(&unused, 2, &["--context-policy"]);
}
