//! Runs: the stream's grammar, and that the text depends on the seed alone.

mod common;

use std::collections::{BTreeSet, HashMap};

use bdlm::event::{Cell, CellState, Event, StopReason};
use bdlm::gpu::{DType, Gpu, GpuOptions, KernelFamily};
use bdlm::model::Spec;
use bdlm::sample::{CachePolicy, Engine, MemoryPlan, Prompt, Request, Sampler, Sampling, Watch};
use common::fixtures::Fixture;
use common::{done, events, gpu, gpus, tales};

fn ids(engine: &Engine, request: Request) -> Vec<Vec<u32>> {
    done(engine, request).into_iter().map(|done| done.ids).collect()
}

/// Of blocks of eight.
fn request(prompt: &str, length: usize) -> Request {
    let prompt = Prompt::Text(prompt.into());
    Request { prompt, length, block_size: Some(8), ..Default::default() }
}

/// A checkpoint without a tokenizer: block 4, a window of 32, as an engine that knows BOS.
fn small(gpu: &Gpu) -> Engine {
    let f = Fixture::open("bd3lm-block4");
    let mut spec = f.spec.clone();
    spec.bos_token_id = Some(0);
    Engine::new(f.load_as(gpu, DType::F32, &spec), None)
}

#[test]
fn a_text_does_not_depend_on_batch_watching_or_cache() {
    let Some(gpu) = gpu(None) else { return };
    let engine = tales(&gpu);
    // Longer than the window of 128, and the prompt ends inside a block.
    let base = Request { samples: 4, ..request("The king said to his", 152) };
    let wanted = ids(&engine, base.clone());
    assert!(wanted.iter().all(|ids| ids.len() == 152));
    assert!(wanted[0] != wanted[1], "samples of one seed differ");
    let watch = Watch::Steps { candidates: 3 };
    let variants = [
        ("batch 4", Request { batch: 4, ..base.clone() }),
        ("batch 3, watched", Request { batch: 3, watch, ..base.clone() }),
        ("watched", Request { watch, ..base.clone() }),
        ("separate commits", Request { cache: CachePolicy::Separate, ..base.clone() }),
        ("no cache", Request { cache: CachePolicy::Recompute, samples: 1, ..base.clone() }),
        (
            "no cache, batch 2",
            Request { cache: CachePolicy::Recompute, batch: 2, samples: 2, ..base.clone() },
        ),
    ];
    for (name, request) in variants {
        let samples = request.samples;
        assert_eq!(ids(&engine, request), wanted[..samples], "{name}");
    }
    assert!(ids(&engine, Request { seed: 2, ..base })[0] != wanted[0], "another seed differs");
}

#[test]
fn filters_and_ancestral_steps_do_not_depend_on_batch_or_cache_either() {
    // Whatever the kernels: a rounding that turned a draw would be a rare accident.
    gpus().for_each(|gpu| check_ancestral(&small(&gpu)));
}

fn check_ancestral(engine: &Engine) {
    let sampling = Sampling {
        sampler: Sampler::Ancestral { steps: 3 },
        temperature: 0.9,
        top_k: 40,
        top_p: 0.95,
        nucleus: Default::default(),
    };
    let base = Request { samples: 5, length: 70, sampling, min_entropy: 0.0, ..Default::default() };
    let wanted = ids(engine, base.clone());
    for cache in [CachePolicy::Fused, CachePolicy::Separate, CachePolicy::Recompute] {
        assert_eq!(ids(engine, Request { batch: 4, cache, ..base.clone() }), wanted, "{cache:?}");
    }
}

#[test]
fn a_text_does_not_depend_on_how_many_steps_go_into_a_submit() {
    let Some(gpu) = gpu(None) else { return };
    let base = Request { samples: 2, length: 40, min_entropy: 0.0, ..Default::default() };
    let wanted = ids(&tales(&gpu), base.clone());
    for steps in [1, 3] {
        let max_submit_steps = Some(steps);
        let options = GpuOptions { max_submit_steps, ..GpuOptions::default() };
        let gpu = Gpu::request(&options).unwrap();
        assert_eq!(ids(&tales(&gpu), base.clone()), wanted, "{steps} at a time");
    }
}

#[test]
fn every_order_gives_the_same_text_in_batches_watched_and_without_a_cache() {
    let Some(gpu) = gpu(None) else { return };
    let engine = small(&gpu);
    let watch = Watch::Steps { candidates: 1 };
    for sampler in [
        Sampler::Random { per_pass: 3 },
        Sampler::LeftToRight { per_pass: 2 },
        Sampler::Confidence { per_pass: 2 },
        Sampler::Entropy { per_pass: 1 },
        Sampler::Margin { per_pass: 2 },
        Sampler::Threshold { confidence: 0.1 },
        Sampler::EntropyBounded { bound: 3.0 },
    ] {
        let sampling = Sampling { sampler, ..Default::default() };
        let base =
            Request { samples: 5, length: 50, sampling, min_entropy: 0.0, ..Default::default() };
        let wanted = done(&engine, base.clone());
        for (name, request) in [
            ("batch 4", Request { batch: 4, ..base.clone() }),
            ("batch 3, watched", Request { batch: 3, watch, ..base.clone() }),
            ("no cache", Request { cache: CachePolicy::Recompute, ..base.clone() }),
        ] {
            let got = done(&engine, request);
            assert_eq!(got.len(), wanted.len(), "{sampler:?}, {name}");
            for (got, wanted) in got.iter().zip(&wanted) {
                assert_eq!(got.ids, wanted.ids, "{sampler:?}, {name}");
                assert_eq!(got.nfe, wanted.nfe, "{sampler:?}, {name}");
            }
        }
    }
}

#[test]
fn adaptive_orders_take_the_passes_that_the_text_needs() {
    let Some(gpu) = gpu(None) else { return };
    let engine = tales(&gpu);
    let run = |sampler| {
        let sampling = Sampling { sampler, ..Default::default() };
        done(&engine, Request { sampling, ..request("Once upon a time", 64) }).remove(0)
    };
    let all = run(Sampler::FirstHitting);
    let never = run(Sampler::Threshold { confidence: 1.0 });
    assert_eq!((never.nfe, never.passes), (all.nfe, all.passes), "no token is certain");
    let at_once = run(Sampler::Threshold { confidence: 0.0 });
    assert_eq!((at_once.nfe, at_once.passes), (8, 8), "one pass for each of eight blocks");
    let some = run(Sampler::Threshold { confidence: 0.02 });
    assert!((9..all.nfe).contains(&some.nfe) && some.passes == some.nfe, "{some:?}");
    let bounded = run(Sampler::EntropyBounded { bound: 4.0 });
    assert!((9..all.nfe).contains(&bounded.nfe), "{bounded:?}");
    assert_eq!(run(Sampler::Confidence { per_pass: 3 }).nfe, 1 + 7 * 3, "3 cells, then 8 of them");
}

#[test]
fn fusing_the_commit_saves_a_pass_per_block() {
    let Some(gpu) = gpu(None) else { return };
    let engine = small(&gpu);
    let base = Request { length: 64, ..Default::default() };
    let fused = done(&engine, base.clone()).remove(0);
    let separate = done(&engine, Request { cache: CachePolicy::Separate, ..base }).remove(0);
    assert_eq!(fused.ids, separate.ids);
    assert_eq!((fused.nfe, separate.nfe), (63, 63), "one evaluation per token but BOS");
    // 16 blocks; the last one's keys and values are not needed.
    assert_eq!((fused.passes, separate.passes), (63, 63 + 15));
}

#[test]
fn prompts_of_every_length_are_kept_and_pinned() {
    let Some(gpu) = gpu(None) else { return };
    let engine = small(&gpu);
    for n in 0..=13 {
        let prompt: Vec<u32> = (0..n).map(|i| 5 + 3 * i).collect();
        let request =
            Request { prompt: Prompt::Ids(prompt.clone()), length: 18, ..Default::default() };
        let found = done(&engine, request.clone()).remove(0);
        assert_eq!(found.ids[..=n as usize], [&[0], &prompt[..]].concat(), "{n} tokens");
        assert_eq!((found.ids.len(), found.n_tokens), (18, 18));
        let watched = Request { watch: Watch::Steps { candidates: 0 }, ..request.clone() };
        assert_eq!(ids(&engine, watched)[0], found.ids);
        let bare = Request { cache: CachePolicy::Recompute, ..request };
        assert_eq!(ids(&engine, bare)[0], found.ids, "{n} tokens without a cache");
    }
}

#[test]
fn a_long_prompt_slides_out_of_the_window() {
    let Some(gpu) = gpu(None) else { return };
    let engine = small(&gpu);
    // Several times the window of 32, longer than what one pass stores.
    let prompt: Vec<u32> = (0..150).map(|i| 1 + (i * 7) % 90).collect();
    let base = Request {
        prompt: Prompt::Ids(prompt),
        length: 170,
        min_entropy: 0.0,
        ..Default::default()
    };
    let wanted = ids(&engine, base.clone());
    for cache in [CachePolicy::Separate, CachePolicy::Recompute] {
        assert_eq!(ids(&engine, Request { cache, ..base.clone() }), wanted, "{cache:?}");
    }
}

#[test]
fn opened_cells_never_change_and_the_stream_keeps_its_grammar() {
    let Some(gpu) = gpu(None) else { return };
    let engine = tales(&gpu);
    let watch = Watch::Steps { candidates: 2 };
    let request = Request { samples: 3, batch: 2, watch, ..request("Once", 40) };
    let mut by_sample: HashMap<usize, Vec<Event>> = HashMap::new();
    for event in events(&engine, request) {
        by_sample.entry(event.sample()).or_default().push(event);
    }
    assert_eq!(by_sample.len(), 3);
    by_sample.values().for_each(|events| check_sample(events).unwrap());
    let mut broken = by_sample[&0].clone();
    let step = broken.iter().rposition(|event| matches!(event, Event::Step(_))).unwrap();
    let Event::Step(last) = &mut broken[step] else { unreachable!() };
    last.cells[0].token += 1;
    assert!(check_sample(&broken).is_err(), "a changed cell is noticed");
    assert!(check_sample(&by_sample[&0][1..]).is_err(), "a missing start is noticed");
    let mut unranked = by_sample[&0].clone();
    let Event::Step(last) = &mut unranked[step] else { unreachable!() };
    last.cells.iter_mut().for_each(|cell| cell.rank = None);
    assert!(check_sample(&unranked).is_err(), "a missing rank is noticed");
    let mut unmasked = by_sample[&0].clone();
    unmasked.remove(1);
    assert!(check_sample(&unmasked).is_err(), "a missing step 0 is noticed");
}

/// `Start (Blank Step+ Block)* Done`; open cells stay; the parts make up the whole.
fn check_sample(events: &[Event]) -> Result<(), String> {
    let (Some(Event::Start(start)), Some(Event::Done(done))) = (events.first(), events.last())
    else {
        return Err("a sample begins with Start and ends with Done".into());
    };
    let (mut ids, mut text) = (start.ids.clone(), start.text.clone().unwrap());
    let mut open: Vec<Option<u32>> = vec![None; start.block_size];
    let (mut steps, mut has_begun, mut passes_before) = (0, false, 0);
    for event in &events[1..events.len() - 1] {
        match event {
            Event::Step(step) if step.step == 0 => {
                if steps > 0 || step.passes != passes_before {
                    return Err("a block begins once, without a pass".into());
                }
                check_blank(&step.cells, start.block_size)?;
                has_begun = true;
            }
            Event::Step(_) if !has_begun => return Err("a block begins masked".into()),
            Event::Step(step) => {
                passes_before = step.passes;
                steps += 1;
                check_cells(&step.cells, &mut open)?;
            }
            Event::Block(block) => {
                if steps == 0 || open.iter().any(Option::is_none) {
                    return Err("a block ends when all of its cells are open".into());
                }
                let cells: Vec<u32> = open.iter().flatten().copied().collect();
                if !cells.starts_with(&block.ids) {
                    return Err("a block holds its cells' tokens".into());
                }
                let new = ids.len() % start.block_size;
                ids.extend(&block.ids[new..]);
                text += block.text.as_deref().unwrap();
                (steps, has_begun, open) = (0, false, vec![None; start.block_size]);
            }
            other => return Err(format!("unexpected {other:?}")),
        }
    }
    if ids != done.ids || Some(&text) != done.text.as_ref() {
        return Err(format!("{text:?} is not {:?}", done.text));
    }
    Ok(())
}

/// At step 0 all cells of a block are blank, apart from given ones.
fn check_blank(cells: &[Cell], block_size: usize) -> Result<(), String> {
    let n_masked = cells.iter().filter(|cell| cell.is_blank()).count();
    let n_given = cells.iter().filter(|cell| cell.state == CellState::Given).count();
    match n_masked > 0 && n_masked + n_given == block_size {
        true => Ok(()),
        false => Err(format!("{n_masked} masked and {n_given} given cells begin a block")),
    }
}

/// The rank of a token that is listed is its place in the list; that of another is behind it.
fn is_ranked(cell: &Cell) -> bool {
    let listed = cell.candidates.iter().position(|candidate| candidate.token == cell.token);
    match (cell.rank, listed) {
        (Some(rank), Some(at)) => rank == at + 1,
        (Some(rank), None) => rank > cell.candidates.len(),
        (None, _) => false,
    }
}

/// At a step one cell opens, and those that are open stay as they are.
fn check_cells(cells: &[Cell], open: &mut [Option<u32>]) -> Result<(), String> {
    let mut opened = 0;
    for (cell, open) in cells.iter().zip(open) {
        match (cell.state, *open) {
            (CellState::Masked, None) => {
                if cell.candidates.len() != 2 || !is_ranked(cell) {
                    return Err("a masked cell has its candidates and the rank of its token".into());
                }
            }
            (CellState::Masked, Some(_)) => return Err("a cell closed".into()),
            (_, Some(token)) if token != cell.token => return Err("it changed".into()),
            (CellState::Given, _) => *open = Some(cell.token),
            (CellState::Open { .. }, None) => {
                if !is_ranked(cell) {
                    return Err("a cell that opens has the rank of its token".into());
                }
                opened += 1;
                *open = Some(cell.token);
            }
            (CellState::Open { .. }, Some(_)) => {}
            (CellState::Pinned, _) => return Err("nobody pinned a cell".into()),
        }
        let (p, h) = (cell.confidence, cell.entropy);
        if !(0.0..=1.0 + 1e-5).contains(&p) || !(-1e-3..9.0).contains(&h) {
            return Err(format!("confidence {p}, entropy {h}"));
        }
    }
    match opened {
        1 => Ok(()),
        _ => Err(format!("{opened} cells opened in a first-hitting step")),
    }
}

#[test]
fn a_stop_string_ends_the_text_before_it_whatever_the_blocks() {
    let Some(gpu) = gpu(None) else { return };
    let engine = tales(&gpu);
    let base = request("The king said", 96);
    let whole = done(&engine, base.clone()).remove(0).text.unwrap();
    assert!(whole.len() > 100, "several places: {whole:?}");
    // Stop strings of several characters, at several places, some across tokens and blocks.
    for (at, c) in whole.char_indices().skip(20).step_by(17).filter(|(_, c)| c.is_ascii()) {
        let stop = whole.get(at..at + 6).unwrap_or(&whole[at..at + c.len_utf8()]).to_string();
        let cut = whole["The king said".len()..].find(&stop).unwrap() + "The king said".len();
        let found = events(&engine, Request { stop: vec![stop.clone()], ..base.clone() });
        let Some(Event::Done(end)) = found.last() else { panic!("no end") };
        assert_eq!(end.stop, StopReason::StopString);
        assert_eq!(end.text.as_deref(), Some(&whole[..cut]), "stop string {stop:?}");
        let told: String = found.iter().filter_map(told_text).collect();
        assert_eq!(told, whole[..cut], "what was told is not taken back");
    }
}

fn told_text(event: &Event) -> Option<&str> {
    match event {
        Event::Start(start) => start.text.as_deref(),
        Event::Block(block) => block.text.as_deref(),
        _ => None,
    }
}

#[test]
fn variable_length_ends_at_the_second_end_of_text() {
    let Some(gpu) = gpu(None) else { return };
    let f = Fixture::open("enumerable");
    let mut spec = f.spec.clone();
    spec.window = 4;
    let engine = Engine::new(f.load_as(&gpu, DType::F32, &spec), None);
    let request = Request {
        length: 40,
        samples: 20,
        batch: 7,
        variable_length: true,
        min_entropy: 0.0,
        ..Default::default()
    };
    let fixed = done(&engine, Request { variable_length: false, ..request.clone() });
    let ended = done(&engine, request);
    assert_eq!((ended.len(), fixed.len()), (20, 20));
    assert!(ended.iter().any(|done| done.stop == StopReason::EndOfText));
    for (ended, fixed) in ended.iter().zip(&fixed) {
        let second = fixed.ids.iter().enumerate().filter(|(_, id)| **id == 0).nth(1);
        let end = second.map_or(40, |(at, _)| at + 1);
        assert_eq!(ended.ids, fixed.ids[..end], "cut just after the second end");
    }
}

#[test]
fn repetition_is_redrawn_or_cut() {
    let Some(gpu) = gpu(None) else { return };
    let engine = small(&gpu);
    // The vocabulary of 97 tokens cannot reach 10 nats: every draw counts as repetition.
    let base = Request { length: 400, min_entropy: 10.0, ..Default::default() };
    let found = events(&engine, base.clone());
    let Some(Event::Done(end)) = found.last() else { panic!("no end") };
    assert_eq!((end.stop, end.redraws, end.n_tokens), (StopReason::LowEntropy, 10, 260));
    let retracted = found.iter().filter(|event| matches!(event, Event::Retract(_))).count();
    assert_eq!(retracted, 10);
    // Greedy, so that the end-of-text token, drawn twice, does not come first.
    let sampling = Sampling { temperature: 0.0, ..Default::default() };
    let varied = Request { variable_length: true, sampling, ..base.clone() };
    let cut = done(&engine, varied).remove(0);
    assert_eq!((cut.stop, cut.n_tokens), (StopReason::LowEntropy, 4), "256 tokens are cut off");
    let free = done(&engine, Request { min_entropy: 0.0, ..base }).remove(0);
    assert_eq!((free.stop, free.redraws), (StopReason::Length, 0));
}

#[test]
fn requests_that_cannot_be_met_are_refused_with_words() {
    let Some(gpu) = gpu(None) else { return };
    let engine = small(&gpu);
    let sampling = |sampling| Request { sampling, ..Default::default() };
    let refused = [
        (
            Request { length: 3, prompt: Prompt::Ids(vec![1, 2, 3]), ..Default::default() },
            "4 tokens",
        ),
        (Request { prompt: Prompt::Ids(vec![98]), ..Default::default() }, "98 is not"),
        (Request { prompt: Prompt::Ids(vec![97]), ..Default::default() }, "mask token"),
        (Request { prompt: Prompt::Text("x".into()), ..Default::default() }, "no tokenizer.json"),
        (Request { block_size: Some(0), ..Default::default() }, "block size 0"),
        (Request { block_size: Some(5), ..Default::default() }, "does not divide"),
        (Request { samples: 0, ..Default::default() }, "at least 1"),
        (Request { length: usize::MAX, ..Default::default() }, "at most 16777216"),
        (Request { batch: (1 << 16) + 1, ..Default::default() }, "batch is 65537"),
        (sampling(Sampling { temperature: 1e-7, ..Default::default() }), "expected 0, or 0.000001"),
        (Request { stop: vec![String::new()], ..Default::default() }, "empty"),
        (sampling(Sampling { temperature: f32::NAN, ..Default::default() }), "temperature"),
        (sampling(Sampling { top_p: 0.0, ..Default::default() }), "top-p"),
        (
            sampling(Sampling { sampler: Sampler::Ancestral { steps: 0 }, ..Default::default() }),
            "steps",
        ),
    ];
    for (request, words) in refused {
        let Err(error) = engine.run(request.clone()) else { panic!("{request:?} is accepted") };
        assert!(error.to_string().contains(words), "{error}: expected {words:?}");
    }
}

#[test]
fn a_memory_plan_of_a_request_that_is_refused_is_a_plan() {
    let spec = with_bos(&Fixture::open("bd3lm-block4"));
    let plan = |request| MemoryPlan::new(&spec, DType::F16, KernelFamily::Plain, &request);
    let base = Request::default();
    assert_eq!(plan(Request { samples: 0, ..base.clone() }), plan(base.clone()));
    assert_eq!(plan(Request { batch: 0, ..base.clone() }), plan(base.clone()));
    let one = Request { block_size: Some(1), ..base.clone() };
    assert_eq!(plan(Request { block_size: Some(0), ..base.clone() }), plan(one));
    let sampling = |per_pass| {
        let sampling = Sampling { sampler: Sampler::Random { per_pass }, ..Default::default() };
        Request { sampling, ..base.clone() }
    };
    assert_eq!(plan(sampling(0)), plan(sampling(1)));
    let (most, cache) = (usize::MAX, CachePolicy::Recompute);
    let huge = Request { length: most, batch: most, samples: most, cache, ..base.clone() };
    assert!(plan(huge).total_bytes() > 1 << 40);
}

fn with_bos(f: &Fixture) -> Spec {
    Spec { bos_token_id: Some(0), ..f.spec.clone() }
}

#[test]
fn a_run_can_be_dropped_at_any_event() {
    let Some(gpu) = gpu(None) else { return };
    let engine = small(&gpu);
    let request =
        Request { length: 16, watch: Watch::Steps { candidates: 1 }, ..Default::default() };
    let wanted = ids(&engine, request.clone());
    for n in 0..8 {
        let mut run = engine.run(request.clone()).unwrap();
        (0..n).for_each(|_| drop(run.next().unwrap()));
        drop(run);
        assert_eq!(ids(&engine, request.clone()), wanted, "after {n} events");
    }
}

#[test]
fn the_mask_token_may_be_any_of_the_vocabulary() {
    let Some(gpu) = gpu(None) else { return };
    for name in ["bd3lm-block4", "mdlm", "sedd"] {
        let f = Fixture::open(name);
        let last = f.spec.vocab_size as u32 - 1;
        let drawn = |mask: u32| -> BTreeSet<u32> {
            let spec = Spec { mask_id: Some(mask), ..with_bos(&f) };
            let engine = Engine::new(f.load_as(&gpu, DType::F32, &spec), None);
            // Hot enough that every token is drawn.
            let sampling = Sampling { temperature: 1000.0, ..Sampling::default() };
            let request =
                Request { length: 32, samples: 60, batch: 20, sampling, ..Default::default() };
            done(&engine, request).iter().flat_map(|done| done.ids[1..].to_vec()).collect()
        };
        for (mask, other) in [(5, last), (last, 5)] {
            let drawn = drawn(mask);
            assert!(!drawn.contains(&mask), "{name}: the mask token {mask} was drawn");
            assert!(drawn.contains(&other), "{name}: {other} was never drawn");
        }
    }
}

#[test]
fn the_memory_plan_is_what_is_allocated() {
    gpus().for_each(|gpu| check_memory_plan(&gpu));
}

fn check_memory_plan(gpu: &Gpu) {
    let watched = Watch::Steps { candidates: 5 };
    let requests = [
        Request::default(),
        Request { batch: 3, samples: 8, watch: watched, ..Default::default() },
        Request { cache: CachePolicy::Recompute, length: 100, ..Default::default() },
    ];
    for (name, weights) in [
        ("bd3lm-block8", DType::F16),
        ("bd3lm-block8", DType::F32),
        ("bd3lm-block8", DType::Q8),
        ("ar", DType::F32),
        ("mdlm", DType::F16),
        ("sedd", DType::F32),
        ("gpt2-tiny", DType::F16),
    ] {
        let f = Fixture::open(name);
        let spec = with_bos(&f);
        let engine = Engine::new(f.load_as(gpu, weights, &spec), None);
        // SEDD does not go beyond its window.
        for request in requests.iter().map(|r| Request { length: r.length.min(32), ..r.clone() }) {
            let plan = MemoryPlan::new(&spec, weights, gpu.kernels(), &request);
            let [cache, activations] = engine.run(request.clone()).unwrap().size_bytes();
            let weights_bytes = engine.network().size_bytes();
            let actual =
                MemoryPlan { weights_bytes, cache_bytes: cache, activations_bytes: activations };
            assert_eq!(plan, actual, "{name} {weights:?} {request:?}");
        }
    }
}
