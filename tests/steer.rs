//! Steering a run between two steps: pins, cells that are masked again, and what is refused.

mod common;

use bdlm::event::{Cell, CellState, Done, Event};
use bdlm::gpu::{DType, Gpu};
use bdlm::sample::{CachePolicy, Engine, Prompt, Request, Run, Sampler, Sampling, Steer, Watch};
use common::fixtures::Fixture;
use common::{gpu, tales};

/// A run of block size 8 whose prompt, of three tokens with BOS, ends inside the first block.
fn watched(engine: &Engine, sampler: Sampler, cache: CachePolicy) -> Run {
    let sampling = Sampling { sampler, ..Sampling::default() };
    let (prompt, watch) = (Prompt::Ids(vec![301, 302]), Watch::Steps { candidates: 2 });
    let request = Request { prompt, length: 32, sampling, cache, watch, ..Request::default() };
    engine.run(Request { block_size: Some(8), ..request }).unwrap()
}

/// Pulls events until a step of the first sample's block leaves some cells open and some masked.
fn half_open(run: &mut Run, block: usize) -> Vec<Cell> {
    loop {
        if let Event::Step(step) = run.next().unwrap().expect("a block that is half open")
            && (step.sample, step.block_idx) == (0, block)
            && !masked(&step.cells).is_empty()
            && step.cells.iter().any(is_drawn)
        {
            return step.cells;
        }
    }
}

fn is_drawn(cell: &Cell) -> bool {
    matches!(cell.state, CellState::Open { .. })
}

fn masked(cells: &[Cell]) -> Vec<usize> {
    (0..cells.len()).filter(|&i| cells[i].state == CellState::Masked).collect()
}

/// The cells that a steered run tells.
fn steered(run: &mut Run, cell: usize, steer: Steer) -> Vec<Cell> {
    run.steer(0, cell, steer).unwrap();
    match run.next().unwrap() {
        Some(Event::Steer(step)) => step.cells,
        other => panic!("{other:?} instead of what was steered"),
    }
}

fn finish(run: &mut Run) -> Done {
    loop {
        if let Event::Done(done) = run.next().unwrap().expect("an end") {
            return done;
        }
    }
}

const SAMPLERS: [Sampler; 6] = [
    Sampler::FirstHitting,
    Sampler::Ancestral { steps: 6 },
    Sampler::LeftToRight { per_pass: 2 },
    Sampler::Confidence { per_pass: 3 },
    Sampler::Threshold { confidence: 0.5 },
    Sampler::EntropyBounded { bound: 1.0 },
];

#[test]
fn a_pin_stays_and_the_network_sees_it_with_and_without_a_cache() {
    let Some(gpu) = gpu(None) else { return };
    let engine = tales(&gpu);
    for sampler in SAMPLERS {
        let texts: Vec<Vec<u32>> =
            [CachePolicy::Fused, CachePolicy::Separate, CachePolicy::Recompute]
                .into_iter()
                .map(|cache| {
                    let mut run = watched(&engine, sampler, cache);
                    let cells = half_open(&mut run, 1);
                    let at = masked(&cells)[0];
                    let after = steered(&mut run, at, Steer::Pin(777));
                    assert_eq!((after[at].token, after[at].state), (777, CellState::Pinned));
                    let others = (0..8).filter(|&i| i != at);
                    others.for_each(|i| assert_eq!(after[i].state, cells[i].state, "{sampler:?}"));
                    let done = finish(&mut run);
                    assert_eq!((done.ids.len(), done.ids[8 + at]), (32, 777), "{sampler:?}");
                    for (i, cell) in cells.iter().enumerate().filter(|(_, cell)| is_drawn(cell)) {
                        assert_eq!(done.ids[8 + i], cell.token, "an open cell stays: {sampler:?}");
                    }
                    done.ids
                })
                .collect();
        assert!(texts.iter().all(|ids| *ids == texts[0]), "{sampler:?}: {texts:?}");
        let mut left_alone = watched(&engine, sampler, CachePolicy::Fused);
        assert_ne!(finish(&mut left_alone).ids, texts[0], "{sampler:?}");
    }
}

#[test]
fn a_cell_that_is_masked_again_is_drawn_again() {
    let Some(gpu) = gpu(None) else { return };
    let engine = tales(&gpu);
    for sampler in SAMPLERS {
        let texts: Vec<Done> = [CachePolicy::Fused, CachePolicy::Recompute]
            .into_iter()
            .map(|cache| {
                let mut run = watched(&engine, sampler, cache);
                let cells = half_open(&mut run, 1);
                let at = cells.iter().position(is_drawn).unwrap();
                let after = steered(&mut run, at, Steer::Mask);
                assert_eq!(after[at].state, CellState::Masked, "{sampler:?}");
                let done = finish(&mut run);
                assert_eq!(done.ids.len(), 32, "{sampler:?}");
                done
            })
            .collect();
        assert_eq!(texts[0].ids, texts[1].ids, "{sampler:?}");
        assert_eq!(texts[0].nfe, texts[1].nfe, "{sampler:?}");
        if sampler == Sampler::FirstHitting {
            // 5 cells of the first block, 8 of each other, and one that was drawn twice.
            assert_eq!((texts[0].nfe, texts[0].passes), (5 + 3 * 8 + 1, 5 + 3 * 8 + 1));
        }
    }
}

#[test]
fn a_block_whose_cells_are_all_pinned_needs_no_more_passes() {
    let Some(gpu) = gpu(None) else { return };
    let mut run = watched(&tales(&gpu), Sampler::FirstHitting, CachePolicy::Fused);
    let cells = half_open(&mut run, 0);
    for (i, at) in masked(&cells).into_iter().enumerate() {
        steered(&mut run, at, Steer::Pin(500 + i as u32));
    }
    let Some(Event::Block(block)) = run.next().unwrap() else { panic!("no block") };
    assert_eq!((block.block_idx, block.passes), (0, 1));
    assert_eq!(block.ids[1..3], [301, 302]);
    let pinned: Vec<u32> = (500..504).collect();
    assert!(pinned.iter().all(|token| block.ids.contains(token)), "{:?}", block.ids);
    assert_eq!(finish(&mut run).nfe, 1 + 3 * 8);
}

#[test]
fn a_pin_can_be_masked_again() {
    let Some(gpu) = gpu(None) else { return };
    let mut run = watched(&tales(&gpu), Sampler::FirstHitting, CachePolicy::Fused);
    let at = masked(&half_open(&mut run, 2))[0];
    steered(&mut run, at, Steer::Pin(900));
    let after = steered(&mut run, at, Steer::Mask);
    assert_eq!(after[at].state, CellState::Masked);
    assert_eq!(finish(&mut run).nfe, 5 + 3 * 8);
}

#[test]
fn a_block_is_steered_before_its_first_pass() {
    let Some(gpu) = gpu(None) else { return };
    let engine = tales(&gpu);
    for sampler in SAMPLERS {
        let mut run = watched(&engine, sampler, CachePolicy::Fused);
        let step = loop {
            if let Some(Event::Step(step)) = run.next().unwrap()
                && (step.block_idx, step.step) == (1, 0)
            {
                break step;
            }
        };
        assert!(step.cells.iter().all(Cell::is_blank), "{sampler:?}");
        assert!(step.cells.iter().all(|c| c.token == engine.network().spec().masked_id()));
        let after = steered(&mut run, 3, Steer::Pin(777));
        assert_eq!((after[3].token, after[3].state), (777, CellState::Pinned));
        assert_eq!(after.iter().filter(|cell| cell.is_blank()).count(), 7, "{sampler:?}");
        assert_eq!(finish(&mut run).ids[8 + 3], 777, "{sampler:?}");
    }
}

/// An error that says this, and leaves the run as it was.
fn refuses(run: &mut Run, (sample, cell, steer): (usize, usize, Steer), words: &str) {
    let error = run.steer(sample, cell, steer).unwrap_err().to_string();
    assert!(error.contains(words), "{error}");
}

#[test]
fn what_cannot_be_steered_is_refused_with_words() {
    let Some(gpu) = gpu(None) else { return };
    let engine = tales(&gpu);
    let mut run = watched(&engine, Sampler::FirstHitting, CachePolicy::Fused);
    refuses(&mut run, (0, 4, Steer::Pin(5)), "no block is being denoised");
    let cells = half_open(&mut run, 0);
    let (hidden, open) = (masked(&cells)[0], cells.iter().position(is_drawn).unwrap());
    refuses(&mut run, (0, 1, Steer::Pin(5)), "not one of the cells 3 to 7");
    refuses(&mut run, (0, 8, Steer::Pin(5)), "not one of the cells 3 to 7");
    refuses(&mut run, (1, hidden, Steer::Pin(5)), "no block of sample 1");
    refuses(&mut run, (0, hidden, Steer::Mask), "masked already");
    refuses(&mut run, (0, open, Steer::Pin(5)), "open already");
    let most = engine.network().spec().masked_id();
    refuses(&mut run, (0, hidden, Steer::Pin(most)), "not of the vocabulary");
    let mut left_alone = watched(&engine, Sampler::FirstHitting, CachePolicy::Fused);
    assert_eq!(finish(&mut run).ids, finish(&mut left_alone).ids);
    refuses(&mut run, (0, hidden, Steer::Mask), "no block is being denoised");
}

#[test]
fn a_model_without_masked_cells_is_not_steered() {
    let Some(gpu) = gpu(None) else { return };
    let mut run = autoregressive(&gpu);
    run.next().unwrap();
    run.next().unwrap();
    let error = run.steer(0, 0, Steer::Pin(1)).unwrap_err();
    assert!(matches!(error, bdlm::Error::Request(_)), "{error}");
}

fn autoregressive(gpu: &Gpu) -> Run {
    let f = Fixture::open("ar");
    let mut spec = f.spec.clone();
    spec.bos_token_id = Some(0);
    let engine = Engine::new(f.load_as(gpu, DType::F32, &spec), None);
    let watch = Watch::Steps { candidates: 0 };
    engine.run(Request { length: 8, watch, ..Request::default() }).unwrap()
}

#[test]
fn steering_one_sample_of_a_batch_leaves_the_others_alone() {
    let Some(gpu) = gpu(None) else { return };
    let engine = tales(&gpu);
    for sampler in SAMPLERS {
        let sampling = Sampling { sampler, ..Sampling::default() };
        let base = Request { length: 24, sampling, samples: 3, ..Request::default() };
        let base = Request { block_size: Some(8), min_entropy: 0.0, ..base };
        let wanted = common::done(&engine, base.clone());
        let watch = Watch::Steps { candidates: 0 };
        let mut run = engine.run(Request { batch: 3, watch, ..base }).unwrap();
        let cells = half_open(&mut run, 1);
        let pinned = masked(&cells)[0];
        let drawn = (0..8).find(|&i| is_drawn(&cells[i])).unwrap();
        run.steer(0, pinned, Steer::Pin(777)).unwrap();
        run.steer(0, drawn, Steer::Mask).unwrap();
        let mut done: Vec<Done> = (0..3).map(|_| finish(&mut run)).collect();
        done.sort_by_key(|done| done.sample);
        assert_eq!(done[0].ids[8 + pinned], 777, "{sampler:?}");
        assert_eq!(wanted.len(), done.len(), "{sampler:?}");
        for (got, wanted) in done.iter().zip(&wanted).skip(1) {
            assert_eq!(got.ids, wanted.ids, "{sampler:?}, sample {}", got.sample);
        }
    }
}
