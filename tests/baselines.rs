//! Generation with models that are no BD3-LMs: AR and GPT-2 token by token, MDLM window by window,
//! SEDD by its scores.

mod common;

use bdlm::event::{CellState, Event, StopReason};
use bdlm::gpu::{DType, Gpu};
use bdlm::model::Batch;
use bdlm::sample::{CachePolicy, Engine, Prompt, Request, Sampler, Sampling, Watch};
use common::fixtures::Fixture;
use common::{chi_square, done, events, gpu, twins};

/// A fixture's network, with BOS 0 and no tokenizer.
fn engine(gpu: &Gpu, name: &str) -> Engine {
    let f = Fixture::open(name);
    let mut spec = f.spec.clone();
    spec.bos_token_id = Some(0);
    Engine::new(f.load_as(gpu, DType::F32, &spec), None)
}

fn base(length: usize) -> Request {
    let prompt = Prompt::Ids(vec![5, 8, 11]);
    Request { prompt, length, min_entropy: 0.0, ..Default::default() }
}

fn greedy(length: usize) -> Request {
    let sampling = Sampling { temperature: 0.0, ..Default::default() };
    Request { sampling, ..base(length) }
}

/// The text does not depend on how it is generated.
fn check_invariance(engine: &Engine, base: &Request, caches: &[CachePolicy]) {
    let base = Request { samples: 5, ..base.clone() };
    let wanted = done(engine, base.clone());
    assert!(wanted.iter().all(|done| done.ids.len() == base.length));
    assert!(wanted.iter().all(|done| done.ids.starts_with(&[0, 5, 8, 11])), "the prompt is kept");
    assert_ne!(wanted[0].ids, wanted[1].ids);
    let watch = Watch::Steps { candidates: 2 };
    let mut variants = vec![
        Request { batch: 4, ..base.clone() },
        Request { batch: 3, watch, ..base.clone() },
        Request { watch, ..base.clone() },
    ];
    variants.extend(caches.iter().map(|&cache| Request { cache, batch: 2, ..base.clone() }));
    for request in variants {
        let got = done(engine, request.clone());
        assert_eq!(got.len(), wanted.len(), "{request:?}");
        for (got, wanted) in got.iter().zip(&wanted) {
            assert_eq!(got.ids, wanted.ids, "{request:?}");
            assert_eq!(got.nfe, wanted.nfe, "{request:?}");
        }
    }
}

/// Logits of the last row of a causal model.
fn last_logits(engine: &Engine, ids: &[u32]) -> Vec<f32> {
    let batch = Batch { ids: ids.into(), length: ids.len(), ..Default::default() };
    let logits = engine.network().logits(&batch, None).unwrap();
    logits[logits.len() - engine.network().spec().vocab_size..].to_vec()
}

#[test]
fn autoregressive_texts_go_beyond_the_window_and_depend_on_the_seed_alone() {
    let Some(gpu) = gpu(None) else { return };
    let engine = engine(&gpu, "ar");
    let caches = [CachePolicy::Separate, CachePolicy::Recompute];
    check_invariance(&engine, &base(60), &caches);
    let filtered = Sampling { top_k: 20, top_p: 0.9, temperature: 0.8, ..Default::default() };
    check_invariance(&engine, &Request { sampling: filtered, ..base(40) }, &caches);
    let found = done(&engine, base(60)).remove(0);
    assert_eq!((found.nfe, found.passes), (56, 56), "one pass for each token");
}

#[test]
fn greedy_tokens_are_the_likeliest_of_a_pass_over_the_text_so_far() {
    let Some(gpu) = gpu(None) else { return };
    for name in ["ar", "gpt2-tiny"] {
        let engine = engine(&gpu, name);
        let mask = engine.network().spec().masked_id() as usize;
        let ids = done(&engine, greedy(32)).remove(0).ids;
        for n in 4..32 {
            let likeliest = twins::candidates(&last_logits(&engine, &ids[..n]), mask)[0];
            assert_eq!(ids[n] as usize, likeliest, "{name}, token {n}");
        }
    }
}

#[test]
fn next_tokens_follow_the_softmax_and_another_temperature_is_noticed() {
    let Some(gpu) = gpu(None) else { return };
    let engine = engine(&gpu, "ar");
    let v = engine.network().spec().vocab_size;
    let p = twins::softmax(&last_logits(&engine, &[0, 5, 8, 11]), 1.0, v - 1);
    let p_value = |temperature| {
        let sampling = Sampling { temperature, ..Default::default() };
        let request = Request { sampling, samples: 4000, batch: 500, ..base(5) };
        let mut counts = vec![0; v];
        done(&engine, request).iter().for_each(|done| counts[done.ids[4] as usize] += 1);
        chi_square(&counts, &p)
    };
    assert!(p_value(1.0) > 0.001);
    assert!(p_value(0.8) < 0.001);
}

#[test]
fn every_token_of_an_autoregressive_text_is_a_block() {
    let Some(gpu) = gpu(None) else { return };
    let engine = engine(&gpu, "ar");
    let request = Request { watch: Watch::Steps { candidates: 3 }, ..base(7) };
    let told = events(&engine, request);
    let kinds: Vec<&str> = told
        .iter()
        .map(|event| match event {
            Event::Start(_) => "start",
            Event::Step(step) => {
                assert_eq!((step.cells.len(), step.cells[0].candidates.len()), (1, 3));
                "step"
            }
            Event::Block(block) => {
                assert_eq!(block.ids.len(), 1);
                "block"
            }
            Event::Done(_) => "done",
            Event::Retract(_) => "retract",
            Event::Steer(_) => "steer",
        })
        .collect();
    let wanted = ["start", "step", "block", "step", "block", "step", "block", "done"];
    assert_eq!(kinds, wanted);
}

#[test]
fn masked_diffusion_fills_a_window_and_goes_on_by_half_of_it() {
    let Some(gpu) = gpu(None) else { return };
    let engine = engine(&gpu, "mdlm");
    for length in [20, 32, 70] {
        check_invariance(&engine, &base(length), &[CachePolicy::Recompute]);
    }
    // Windows of 32 that move by 16: 0..32, 16..48, 32..64, 38..70.
    let blocks: Vec<usize> = events(&engine, base(70))
        .iter()
        .filter_map(
            |event| if let Event::Block(block) = event { Some(block.ids.len()) } else { None },
        )
        .collect();
    assert_eq!(blocks, [32, 16, 16, 6]);
    assert_eq!(done(&engine, base(70))[0].nfe, 66, "the last window ends with the sequence");
    let steps = Sampler::Ancestral { steps: 4 };
    let ancestral =
        Request { sampling: Sampling { sampler: steps, ..Default::default() }, ..base(32) };
    assert!(done(&engine, ancestral)[0].nfe <= 4);
}

#[test]
fn masked_diffusion_sees_the_whole_window() {
    let Some(gpu) = gpu(None) else { return };
    let engine = engine(&gpu, "mdlm");
    let mask = engine.network().spec().masked_id();
    let (v, n) = (engine.network().spec().vocab_size, 32);
    let sampler = Sampler::LeftToRight { per_pass: 1 };
    let request = Request {
        sampling: Sampling { sampler, temperature: 0.0, ..Default::default() },
        ..base(n)
    };
    let ids = done(&engine, request).remove(0).ids;
    for at in 4..n {
        let noisy = ids.iter().enumerate().map(|(i, &id)| if i < at { id } else { mask });
        let batch = Batch { ids: noisy.collect(), length: n, ..Default::default() };
        let logits = engine.network().logits(&batch, None).unwrap();
        let likeliest = twins::candidates(&logits[at * v..(at + 1) * v], mask as usize)[0];
        assert_eq!(ids[at] as usize, likeliest, "cell {at}");
    }
}

#[test]
fn score_entropy_texts_depend_on_the_seed_alone() {
    let Some(gpu) = gpu(None) else { return };
    let engine = engine(&gpu, "sedd");
    check_invariance(&engine, &base(32), &[CachePolicy::Recompute]);
    let analytic = |steps| {
        let sampling = Sampling { sampler: Sampler::Analytic { steps }, ..Default::default() };
        done(&engine, Request { sampling, ..base(24) }).remove(0)
    };
    let found = analytic(5);
    assert!(found.nfe <= 6 && found.passes == found.nfe, "at most five steps and the last");
    assert_ne!(found.ids, analytic(50).ids);
}

#[test]
fn scores_say_which_cells_open_and_which_tokens_come() {
    let Some(gpu) = gpu(None) else { return };
    let engine = engine(&gpu, "sedd");
    let (v, n, samples) = (engine.network().spec().vocab_size, 8, 3000);
    let sampling = Sampling { sampler: Sampler::Analytic { steps: 16 }, ..Default::default() };
    let request = Request {
        prompt: Prompt::Ids(Vec::new()),
        length: n,
        samples,
        batch: 500,
        sampling,
        min_entropy: 0.0,
        watch: Watch::Steps { candidates: 0 },
        ..Default::default()
    };
    // All masked but BOS, at the highest noise: what the first step sees.
    let mut ids = vec![v as u32 - 1; n];
    ids[0] = 0;
    let sigma = Some(vec![1e3f32.ln()]);
    let batch = Batch { ids, length: n, sigma, ..Default::default() };
    let logits = engine.network().logits(&batch, None).unwrap();
    let row = &logits[3 * v..4 * v];
    let opening = twins::opening_probability(&row[..v - 1], 0, 16);
    let mut counts = vec![0; v];
    for event in events(&engine, request) {
        if let Event::Step(step) = event
            && step.step == 1
            && step.cells[3].state == (CellState::Open { step: 1 })
        {
            counts[step.cells[3].token as usize] += 1;
        }
    }
    let opened: usize = counts.iter().sum();
    let expected = samples as f64 * opening;
    assert!(opening < 1.0 && expected > 100.0, "the test can tell: {opening}");
    let deviation = (opened as f64 - expected) / (expected * (1.0 - opening)).sqrt();
    assert!(deviation.abs() < 3.5, "{opened} opened, expected {expected}");
    assert!(chi_square(&counts, &twins::softmax(row, 1.0, v - 1)) > 0.001);
    assert!(chi_square(&counts, &twins::softmax(row, 0.8, v - 1)) < 0.001);
}

#[test]
fn prompts_longer_than_the_window_leave_their_end_in_sight() {
    let Some(gpu) = gpu(None) else { return };
    for name in ["ar", "mdlm"] {
        let engine = engine(&gpu, name);
        let prompt: Vec<u32> = (0..99).map(|i| 1 + (i * 7) % 90).collect();
        let request = Request { prompt: Prompt::Ids(prompt.clone()), ..base(120) };
        let found = done(&engine, request.clone()).remove(0);
        assert_eq!((&found.ids[1..100], found.n_tokens), (&prompt[..], 120), "{name}");
        let bare = Request { cache: CachePolicy::Recompute, batch: 2, samples: 2, ..request };
        assert_eq!(done(&engine, bare)[0].ids, found.ids, "{name}");
    }
}

#[test]
fn texts_end_at_the_second_end_of_text_and_repetition_is_redrawn() {
    let Some(gpu) = gpu(None) else { return };
    for name in ["ar", "mdlm"] {
        let engine = engine(&gpu, name);
        let request = Request { samples: 12, batch: 5, ..base(90) };
        let fixed = done(&engine, request.clone());
        let ended = done(&engine, Request { variable_length: true, ..request });
        assert_eq!((ended.len(), fixed.len()), (12, 12), "{name}");
        assert!(ended.iter().any(|done| done.stop == StopReason::EndOfText), "{name}");
        for (ended, fixed) in ended.iter().zip(&fixed) {
            let second = fixed.ids.iter().enumerate().filter(|(_, id)| **id == 0).nth(1);
            assert_eq!(ended.ids, fixed.ids[..second.map_or(90, |(at, _)| at + 1)], "{name}");
        }
        // No histogram of 97 tokens reaches 10 nats: every draw counts as repetition.
        let low = done(&engine, Request { min_entropy: 10.0, ..base(300) }).remove(0);
        assert_eq!((low.stop, low.redraws), (StopReason::LowEntropy, 10), "{name}");
        assert!(low.ids.starts_with(&[0, 5, 8, 11]) && low.n_tokens > 256, "{name}");
    }
}

#[test]
fn what_a_family_does_not_do_is_refused_with_words() {
    let Some(gpu) = gpu(None) else { return };
    let sampler =
        |sampler| Request { sampling: Sampling { sampler, ..Default::default() }, ..base(20) };
    let cases = [
        ("ar", sampler(Sampler::Confidence { per_pass: 1 }), "tokens come one by one"),
        ("ar", Request { block_size: Some(4), ..base(20) }, "no blocks of size 4"),
        ("gpt2-tiny", base(33), "at most its window of 32"),
        ("mdlm", sampler(Sampler::Analytic { steps: 4 }), "for score entropy (SEDD)"),
        ("bd3lm-block4", sampler(Sampler::Analytic { steps: 4 }), "for score entropy (SEDD)"),
        ("sedd", sampler(Sampler::Ancestral { steps: 4 }), "expected the sampler `analytic`"),
        ("sedd", base(40), "at most its window of 32"),
    ];
    for (name, request, words) in cases {
        let error = engine(&gpu, name).run(request).err().unwrap().to_string();
        assert!(error.contains(words), "{name}: {error:?}, expected {words:?}");
    }
}
