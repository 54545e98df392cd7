//! Greedy answers of chat models against the published loops: every token, and every pass, for each
//! sampler's rule. The fixtures say how each answer was asked for.

mod common;

use bdlm::event::{Cell, CellState, Done, Event};
use bdlm::gpu::{DType, Gpu};
use bdlm::hub::ModelFiles;
use bdlm::model::{Grid, Habits, Objective};
use bdlm::sample::{
    CachePolicy, Engine, Fallback, LoadOptions, Nucleus, Prompt, Request, SamplerKind,
    SamplerNumbers, Sampling, Watch,
};
use common::fixtures::{Fixture, folder};
use common::{events, gpus};
use serde_json::Value;

/// The fixtures, with what their files do not say.
const MODELS: [(&str, Habits); 3] = [
    ("qwen3-block4", Habits { mask_id: None, block_size: None, grid: None }),
    ("qwen2-block8", Habits { mask_id: Some(125), block_size: None, grid: None }),
    ("qwen3-block8", Habits { mask_id: Some(125), block_size: Some(8), grid: None }),
];

/// An answer of a fixture, as it was asked for.
struct Case {
    name: String,
    asked: Value,
    prompt: Vec<u32>,
    ids: Vec<u32>,
    states: Vec<i64>,
}

fn cases(f: &Fixture, name: &str) -> Vec<Case> {
    let text = std::fs::read(folder(name).join("fixture.json")).unwrap();
    let fixture: Value = serde_json::from_slice(&text).unwrap();
    let all = fixture["generations"].as_object().unwrap();
    let states = |name: &str| {
        let view = f.tensor(&format!("gen.{name}.states"));
        view.data().as_chunks().0.iter().map(|&b| i64::from_le_bytes(b)).collect()
    };
    let case = |(name, asked): (&String, &Value)| Case {
        name: name.clone(),
        asked: asked.clone(),
        prompt: f.ids(&format!("gen.{name}.prompt")),
        ids: f.ids(&format!("gen.{name}.ids")),
        states: states(name),
    };
    all.iter().map(case).collect()
}

impl Case {
    fn kind(&self) -> SamplerKind {
        match (self.asked["sampler"].as_str().unwrap(), self.asked["strategy"].as_str()) {
            ("sdar", Some("static")) => SamplerKind::SdarStatic,
            ("sdar", Some("dynamic")) => SamplerKind::SdarDynamic,
            ("sdar", Some("sequential")) => SamplerKind::SdarSequential,
            ("sdar", Some("entropy_bounded")) => SamplerKind::SdarEntropy,
            ("fast_dllm", None) => SamplerKind::FastDllmV2,
            ("bd3lm", None) => SamplerKind::Bd3lmSteps,
            other => panic!("{other:?} is no sampler of the fixtures"),
        }
    }

    fn request(&self) -> Request {
        let count = |key: &str| self.asked[key].as_u64().map(|n| n as usize);
        let number = |key: &str| self.asked[key].as_f64().map(|x| x as f32);
        let leftmost = self.asked["fallback"] == "leftmost";
        let numbers = SamplerNumbers {
            steps: count("steps"),
            threshold: number("threshold"),
            entropy_bound: number("gamma"),
            sub_block: count("sub_block"),
            fallback: leftmost.then_some(Fallback::Leftmost),
            ..SamplerNumbers::default()
        };
        let sampling = Sampling {
            sampler: self.kind().sampler(numbers, 8),
            temperature: 0.0,
            nucleus: Nucleus::Crossing,
            ..Sampling::default()
        };
        Request {
            prompt: Prompt::Exact(self.prompt.clone()),
            new_tokens: count("gen_length").or(count("max_new_tokens")),
            stop_ids: Some(self.asked["stop"].as_u64().into_iter().map(|id| id as u32).collect()),
            window_cache: self.asked["block_cache"] == true,
            min_entropy: 0.0,
            sampling,
            ..Request::default()
        }
    }

    fn check(&self, done: &Done) -> Result<(), String> {
        if done.ids != self.ids {
            return Err(format!("{}: {:?}, expected {:?}", self.name, done.ids, self.ids));
        }
        let count = |key: &str| self.asked[key].as_u64().unwrap() as usize;
        let wanted = ["prefill", "denoise", "commit"].map(count);
        let got = [done.prefill, done.denoise, done.commit];
        if got == wanted {
            Ok(())
        } else {
            Err(format!("{}: passes {got:?}, expected {wanted:?}", self.name))
        }
    }

    /// The open block after every denoising pass.
    fn check_states(&self, events: &[Event], mask_id: u32) -> Result<(), String> {
        let steps = events.iter().filter_map(|event| match event {
            Event::Step(step) if step.step > 0 => Some(step),
            _ => None,
        });
        let states: Vec<Vec<i64>> = steps
            .map(|step| {
                let token = |cell: &Cell| match cell.state {
                    CellState::Masked => i64::from(mask_id),
                    _ => i64::from(cell.token),
                };
                step.cells.iter().map(token).collect()
            })
            .collect();
        let size = self.states.len() / states.len().max(1);
        let wanted = self.states.chunks(size.max(1));
        if wanted.len() != states.len() {
            return Err(format!("{}: {} steps, not {}", self.name, states.len(), wanted.len()));
        }
        for (i, (got, wanted)) in states.iter().zip(wanted).enumerate() {
            let wanted: Vec<i64> = wanted.iter().copied().filter(|&id| id >= 0).collect();
            if *got != wanted {
                return Err(format!("{}, pass {i}: {got:?}, expected {wanted:?}", self.name));
            }
        }
        Ok(())
    }
}

fn done(events: &[Event]) -> &Done {
    match events.last() {
        Some(Event::Done(done)) => done,
        other => panic!("the last event is {other:?}"),
    }
}

fn engine(f: &Fixture, gpu: &Gpu) -> Engine {
    Engine::new(f.load(gpu, DType::F32), None)
}

#[test]
fn every_answer_of_the_published_loops_is_repeated_token_by_token_and_pass_by_pass() {
    for gpu in gpus() {
        for (name, habits) in MODELS {
            let f = Fixture::open_with(name, habits);
            let engine = engine(&f, &gpu);
            let cases = cases(&f, name);
            assert!(cases.len() >= 7, "{name}");
            for case in &cases {
                let words = format!("{name}, {:?} kernels", gpu.kernels());
                let watch = Watch::Steps { candidates: 2 };
                let all = events(&engine, Request { watch, ..case.request() });
                case.check(done(&all)).unwrap_or_else(|e| panic!("{words}: {e}"));
                case.check_states(&all, f.spec.mask_id.unwrap())
                    .unwrap_or_else(|e| panic!("{words}: {e}"));
            }
        }
    }
}

#[test]
fn cells_behind_the_window_are_blank_and_do_not_show_what_another_block_drew() {
    let Some(gpu) = common::gpu(None) else { return };
    let f = Fixture::open_with(MODELS[1].0, MODELS[1].1);
    let engine = engine(&f, &gpu);
    let mut counts = [0, 0];
    for case in cases(&f, MODELS[1].0).iter().filter(|case| case.asked["sub_block"] == 4) {
        let watch = Watch::Steps { candidates: 2 };
        let mut window = 0;
        for event in events(&engine, Request { watch, ..case.request() }) {
            let Event::Step(step) = event else { continue };
            let is_masked = |cell: &&Cell| cell.state == CellState::Masked;
            for (i, cell) in step.cells.iter().enumerate().filter(|(_, cell)| is_masked(cell)) {
                let is_looked_at = step.step > 0 && i / 4 == window;
                let found = (cell.is_blank(), cell.candidates.len(), cell.rank.is_some());
                let wanted = if is_looked_at { (false, 2, true) } else { (true, 0, false) };
                assert_eq!(found, wanted, "{}, step {}, cell {i}", case.name, step.step);
                counts[usize::from(is_looked_at)] += 1;
            }
            // The window of the next step.
            let first = step.cells.iter().position(|cell| cell.state == CellState::Masked);
            window = first.unwrap_or(0) / 4;
        }
    }
    assert!(counts.iter().all(|count| *count > 20), "{counts:?}");
}

#[test]
fn answers_do_not_depend_on_how_keys_and_values_are_kept_or_on_the_batch() {
    let Some(gpu) = common::gpu(None) else { return };
    for (name, habits) in MODELS {
        let f = Fixture::open_with(name, habits);
        let engine = engine(&f, &gpu);
        for case in cases(&f, name).iter().filter(|case| !case.request().window_cache) {
            for cache in [CachePolicy::Fused, CachePolicy::Separate, CachePolicy::Recompute] {
                let all = events(&engine, Request { cache, ..case.request() });
                case.check(done(&all)).unwrap_or_else(|e| panic!("{name}, {cache:?}: {e}"));
            }
            let batch = Request { samples: 3, batch: 2, ..case.request() };
            let all = events(&engine, batch);
            let dones = all.iter().filter_map(|event| match event {
                Event::Done(done) => Some(done),
                _ => None,
            });
            let count = dones
                .map(|done| case.check(done).unwrap_or_else(|e| panic!("{name}, batch: {e}")))
                .count();
            assert_eq!(count, 3);
        }
    }
}

#[test]
fn another_rule_gives_another_answer() {
    let Some(gpu) = common::gpu(None) else { return };
    for (name, habits) in MODELS {
        let f = Fixture::open_with(name, habits);
        let engine = engine(&f, &gpu);
        let all = cases(&f, name);
        let wrong = |case: &Case, kind: SamplerKind| {
            let sampler = kind.sampler(SamplerNumbers::default(), 8);
            let sampling = Sampling { sampler, ..case.request().sampling };
            let request = Request { sampling, window_cache: false, ..case.request() };
            case.check(done(&events(&engine, request))).is_err()
        };
        assert!(all.iter().all(
            |case| wrong(case, SamplerKind::LeftToRight) || case.name.starts_with("sequential")
        ));
    }
}

#[test]
fn what_an_earlier_answer_stored_is_used_as_far_as_the_tokens_are_the_same() {
    let Some(gpu) = common::gpu(None) else { return };
    for (name, habits) in MODELS {
        let f = Fixture::open_with(name, habits);
        let engine = engine(&f, &gpu);
        let size = f.spec.block_size().unwrap();
        let cases = cases(&f, name);
        let case = cases.iter().find(|case| case.asked["stop"].is_null()).unwrap();
        let base = Request { room: 160, ..case.request() };
        let run = |request: Request, kept| {
            let mut run = engine.run_on(request, kept).unwrap();
            let (mut last, stored) = (None, run.stored_blocks());
            while let Some(event) = run.next().unwrap() {
                last = Some(event);
            }
            match last {
                Some(Event::Done(done)) => (done, run.keep(), stored),
                other => panic!("the last event is {other:?}"),
            }
        };
        let turn = |ids: &[u32], change: Option<usize>| {
            // As long as whole blocks behind the first prompt, so that the grids are the same.
            let mut ids = ids[..case.prompt.len() + 2 * size].to_vec();
            ids.extend((0..2 * size as u32).map(|i| 7 + i));
            if let Some(at) = change {
                ids[at] = (ids[at] + 1) % 120;
            }
            Request { prompt: Prompt::Exact(ids), ..base.clone() }
        };
        let prompt = case.prompt.len();
        // Where a block ends with the prompt, the first one is shorter.
        let offset = match f.spec.grid {
            Grid::Prompt => prompt.next_multiple_of(size) - prompt,
            _ => 0,
        };
        for change in [None, Some(1), Some(prompt + 1)] {
            let (first, kept, _) = run(base.clone(), None);
            let request = turn(&first.ids, change);
            let (alone, _, none) = run(request.clone(), None);
            let (after, _, stored) = run(request, kept);
            assert_eq!(none, 0);
            let same = change.unwrap_or(prompt + 2 * size);
            assert_eq!(stored, (same + offset) / size, "{name}, {change:?}");
            assert_eq!(after.ids, alone.ids, "{name}, {change:?}");
            assert!(after.passes <= alone.passes, "{name}: {} passes", after.passes);
        }
        // Another grid: nothing fits, and nothing is taken.
        let (first, kept, _) = run(base.clone(), None);
        let mut ids = first.ids[..case.prompt.len() + size].to_vec();
        ids.push(9);
        let request = Request { prompt: Prompt::Exact(ids), ..base.clone() };
        let (alone, ..) = run(request.clone(), None);
        assert_eq!(run(request, kept).0.ids, alone.ids, "{name}, another grid");
    }
}

/// The same network as if it were published for whole answers, which its name says.
fn of_whole_answers(gpu: &Gpu) -> Engine {
    let mut files = ModelFiles::open(&folder("qwen3-block8")).unwrap();
    files.name = "Tiny-diffusion-mdlm-v0.1".into();
    let habits = Habits { mask_id: Some(125), ..Habits::default() };
    let options = LoadOptions { habits, ..LoadOptions::from(DType::F32) };
    Engine::load(gpu, &files, options, &mut |_, _| {}).unwrap()
}

#[test]
fn models_of_whole_answers_see_all_of_it_and_open_it_window_by_window() {
    let text = std::fs::read(folder("qwen3-block8").join("whole_answers.json")).unwrap();
    let fixture: Value = serde_json::from_slice(&text).unwrap();
    let ids = |value: &Value| serde_json::from_value::<Vec<u32>>(value.clone()).unwrap();
    for (i, gpu) in gpus().enumerate() {
        let engine = of_whole_answers(&gpu);
        let spec = engine.network().spec().clone();
        let own = SamplerKind::of_model(&spec);
        assert_eq!((spec.objective, own), (Objective::Masked, SamplerKind::Bd3lmSteps));
        // Kernels are compiled anew for each length: the first family runs all, the others two.
        let most = if i == 0 { usize::MAX } else { 2 };
        for case in fixture["answers"].as_array().unwrap().iter().take(most) {
            let count = |key: &str| Some(case[key].as_u64().unwrap() as usize);
            let kind =
                if case["schedule"] == "even" { SamplerKind::LladaLowConfidence } else { own };
            let numbers = SamplerNumbers {
                steps: count("steps"),
                sub_block: count("sub_block"),
                ..SamplerNumbers::default()
            };
            let sampling =
                Sampling { sampler: kind.sampler(numbers, 8), ..Sampling::of_model(&spec) };
            let request = Request {
                prompt: Prompt::Exact(ids(&case["prompt"])),
                new_tokens: count("new_tokens"),
                stop_ids: Some(Vec::new()),
                sampling,
                ..Request::of_model(&spec)
            };
            let batches: &[usize] = if case["name"] == "two_a_step" { &[1, 2] } else { &[1] };
            for &batch in batches {
                let all = events(&engine, Request { samples: batch, batch, ..request.clone() });
                let words = format!("{}, {:?} kernels, batch {batch}", case["name"], gpu.kernels());
                let dones = all.iter().filter_map(|event| match event {
                    Event::Done(done) => Some((done.ids.clone(), done.denoise)),
                    _ => None,
                });
                let wanted = (ids(&case["ids"]), count("passes").unwrap());
                assert_eq!(dones.collect::<Vec<_>>(), vec![wanted; batch], "{words}");
            }
        }
    }
}
