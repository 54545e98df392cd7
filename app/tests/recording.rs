//! Recordings of runs of every kind, as a viewer goes through them.

use std::path::Path;

use bdlm::event::{Block, Cell, CellState, Done, Event, Retract, Start, Step, StopReason};
use bdlm_app::Recording;
use bdlm_app::recording::CellAt;
use bdlm_app::recording::{read_events, text};

fn recorded() -> Vec<Event> {
    read_events(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/run.jsonl")).unwrap()
}

fn start(window: usize, prompt: Option<&str>) -> Event {
    Event::Start(Start {
        sample: 0,
        seed: 1,
        block_size: 4,
        window,
        length: 12,
        ids: vec![0, 7],
        text: prompt.map(String::from),
        n_drawable: Some(4000),
    })
}

fn cell(token: u32, state: CellState, text: Option<&str>) -> Cell {
    let (text, candidates) = (text.map(String::from), Vec::new());
    Cell { token, text, state, confidence: 0.5, entropy: 1.0, rank: None, candidates }
}

fn step(block_idx: usize, step: usize, cells: Vec<Cell>) -> Event {
    Event::Step(Step { sample: 0, block_idx, step, passes: 1, cells, secs: 0.1 })
}

fn block(block_idx: usize, ids: Vec<u32>, text: Option<&str>) -> Event {
    let text = text.map(String::from);
    Event::Block(Block { sample: 0, block_idx, ids, text, passes: 1, secs: 0.1 })
}

fn done(ids: Vec<u32>, text: Option<&str>) -> Event {
    Event::Done(Done {
        sample: 0,
        seed: 1,
        n_tokens: ids.len(),
        ids,
        text: text.map(String::from),
        nfe: 1,
        passes: 1,
        prefill: 0,
        denoise: 1,
        commit: 0,
        secs: 0.1,
        stop: StopReason::Length,
        redraws: 0,
    })
}

fn drawn(tokens: std::ops::Range<u32>) -> Vec<Cell> {
    tokens.map(|token| cell(token, CellState::Open { step: 0 }, Some(" x"))).collect()
}

#[test]
fn every_step_is_a_moment_and_the_end_is_one() {
    let recording = Recording::of(recorded());
    let steps = recorded().iter().filter(|event| matches!(event, Event::Step(_))).count();
    assert_eq!(recording.moments().len(), steps + 1);
    let last = recording.moments().len() - 1;
    assert_eq!((recording.step(last), recording.place(last)), (None, None));
    assert_eq!(Some(text(&recording, last)), recording.done().unwrap().text);
    assert_eq!(recording.moments()[last].nfe, recording.done().unwrap().nfe);
    for (i, moment) in recording.moments().iter().enumerate().take(steps) {
        let (step, place) = (recording.step(i).unwrap(), recording.place(i).unwrap());
        assert_eq!((place.start, place.end), (4 * step.block_idx, 4 * step.block_idx + 4));
        let is_first = step.step == 0;
        assert_eq!(step.cells.iter().any(Cell::is_blank), is_first);
        let opened = usize::from(!is_first);
        assert_eq!(moment.opened, opened, "first-hitting opens one cell in a step");
        assert_eq!(moment.confidence.is_nan(), is_first);
    }
    let ids = &recording.done().unwrap().ids;
    let middle = recording.finished_blocks().nth(2).unwrap();
    assert_eq!(recording.ids_to(last, middle.block_idx), ids[..middle.end]);
}

#[test]
fn two_runs_in_one_file_are_not_one() {
    let twice = recorded().into_iter().chain(recorded());
    assert_eq!(Recording::of(twice).events().len(), recorded().len());
}

#[test]
fn text_that_was_taken_back_is_gone_and_what_stays_is_shown() {
    let mut recording = Recording::default();
    let given = || vec![cell(0, CellState::Given, None), cell(7, CellState::Given, Some("a"))];
    let cells = |tokens| [given(), drawn(tokens)].concat();
    recording.push(start(16, Some("a")));
    recording.push(step(0, 0, cells(10..12)));
    recording.push(block(0, vec![0, 7, 10, 11], Some(" x x")));
    recording.push(Event::Retract(Retract {
        sample: 0,
        redraws: 1,
        n_tokens: 3,
        text: Some("a x".into()),
        entropy: 1.0,
    }));
    assert_eq!((recording.prefix(0), recording.redraws(0)), ("a", 0));
    recording.push(step(0, 0, cells(20..22)));
    assert_eq!((recording.prefix(1), recording.redraws(1)), ("a x", 1));
    assert_eq!(recording.blocks(1).count(), 0);
    let at = CellAt { block_idx: 0, cell: 2 };
    assert_eq!(recording.cell(1, at).unwrap().1, [1, 1], "the take before is another");
    recording.push(done(vec![0, 7, 10], Some("a x")));
    assert_eq!(text(&recording, 2), "a x");
}

#[test]
fn windows_that_overlap_know_where_they_are() {
    // A window of 4 that moves by 2, as an MDLM that writes beyond its window.
    let mut recording = Recording::default();
    recording.push(start(4, Some("a")));
    let given = |token| cell(token, CellState::Given, Some(" x"));
    recording.push(step(0, 0, [vec![given(0), given(7)], drawn(10..12)].concat()));
    recording.push(block(0, vec![0, 7, 10, 11], Some(" x x")));
    recording.push(step(1, 0, [vec![given(10), given(11)], drawn(12..14)].concat()));
    let place = recording.place(1).unwrap();
    assert_eq!((place.start, place.end, place.seen_from), (2, 6, 2));
    recording.push(block(1, vec![12, 13], Some(" x x")));
    recording.push(step(2, 0, [vec![given(12), given(13)], drawn(14..16)].concat()));
    let place = recording.place(2).unwrap();
    assert_eq!((place.start, place.end, place.seen_from), (4, 8, 4));
    let second = recording.blocks(2).nth(1).unwrap();
    let tokens: Vec<u32> = second.cells.iter().map(|cell| cell.token).collect();
    assert_eq!((tokens, second.end), (vec![12, 13], 6));
    assert_eq!(recording.cell(2, CellAt { block_idx: 1, cell: 3 }).unwrap().0.token, 13);
    assert_eq!(recording.ids_to(2, 1), [0, 7, 10, 11, 12, 13]);
}

#[test]
fn without_a_tokenizer_tokens_are_numbers_once() {
    let mut recording = Recording::default();
    recording.push(start(16, None));
    let bare = |token, state| cell(token, state, None);
    let open = CellState::Open { step: 0 };
    let given = CellState::Given;
    let cells = vec![bare(0, given), bare(7, given), bare(10, open), bare(11, open)];
    recording.push(step(0, 0, cells));
    recording.push(block(0, vec![0, 7, 10, 11], None));
    recording.push(done(vec![0, 7, 10, 11], None));
    assert_eq!(text(&recording, 1), "0 7 10 11 ");
}

#[test]
fn a_rank_is_that_of_the_step_at_which_the_token_was_drawn() {
    let mut recording = Recording::default();
    recording.push(start(16, Some("a")));
    let ranked = |token, state, rank| Cell { rank, ..cell(token, state, Some(" x")) };
    let open = CellState::Open { step: 1 };
    for (number, own) in [
        (1, ranked(9, CellState::Masked, Some(70))),
        (2, ranked(7, open, Some(1234))),
        (3, ranked(7, open, None)),
    ] {
        recording.push(step(0, number, vec![own]));
    }
    let at = CellAt { block_idx: 0, cell: 0 };
    let rank = |token, last| recording.rank(at, token, [0, last]);
    assert_eq!([rank(9, 0), rank(7, 1), rank(7, 2)], [Some(70), Some(1234), Some(1234)]);
    assert_eq!(rank(9, 2), None, "it was drawn before, and is not what the cell holds");
    assert_eq!(Recording::of(recorded()).rank(at, 7, [0, 3]), None, "an older run has none");
}

#[test]
fn a_long_run_loses_candidates_first_then_cells_and_stays_bounded() {
    let whole = Recording::of(recorded());
    let thin = |limit| {
        let mut recording = Recording::with_limit(limit);
        recorded().into_iter().for_each(|event| recording.push(event));
        recording
    };
    let some = thin(whole.bytes() * 2 / 3);
    assert!(some.is_thinned() && !whole.is_thinned());
    assert!(some.bytes() <= whole.bytes() * 2 / 3, "{} of {}", some.bytes(), whole.bytes());
    let last = some.moments().len() - 2;
    assert!(some.step(0).unwrap().cells.iter().all(|cell| cell.candidates.is_empty()));
    assert_eq!(some.step(last), whole.step(last), "the newest are whole");
    assert_eq!(some.step(0).unwrap().cells.len(), 4);
    let few = thin(9_000);
    assert!(few.bytes() <= 9_000 && few.step(0).unwrap().cells.is_empty(), "{}", few.bytes());
    assert_eq!(few.moments().len(), whole.moments().len(), "every step is still there");
    assert_eq!(text(&few, last + 1), text(&whole, last + 1));
}

#[test]
fn absurd_numbers_do_no_harm() {
    let mut recording = Recording::default();
    recording.push(step(usize::MAX, 0, drawn(1..3)));
    recording.push(block(usize::MAX, vec![1, 2], None));
    let Event::Start(odd) = start(0, Some("a")) else { unreachable!() };
    recording.push(Event::Start(Start { block_size: 0, window: 0, length: 0, ..odd }));
    recording.push(step(3, usize::MAX - 1, Vec::new()));
    recording.push(done(Vec::new(), None));
    for moment in 0..4 {
        let _ = (recording.place(moment), recording.ids_to(moment, 3), text(&recording, moment));
        let _ = recording.cell(moment, CellAt { block_idx: usize::MAX, cell: usize::MAX });
    }
    assert_eq!(recording.moments().len(), 3);
}

/// Numbers that follow from each other: the upper bits of a linear congruential generator.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n.max(1)
    }
}

/// Replaces a number in a line of JSON.
fn with_odd_number(line: &str, random: &mut Random) -> String {
    let digits: Vec<usize> =
        line.match_indices(|c: char| c.is_ascii_digit()).map(|d| d.0).collect();
    let Some(&at) = digits.get(random.below(digits.len())) else { return line.into() };
    let end = line[at..].find(|c: char| !c.is_ascii_digit()).map_or(line.len(), |n| at + n);
    let odd = ["0", "1", "7", "4294967295", "18446744073709551615", "1e300"][random.below(6)];
    format!("{}{odd}{}", &line[..at], &line[end..])
}

#[test]
fn events_in_any_order_with_any_numbers_can_be_looked_at() {
    let run =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/run.jsonl"));
    let run = run.unwrap();
    let mut random = Random(11);
    let mut n_odd = 0;
    for _ in 0..400 {
        let mut lines: Vec<String> = run.lines().map(String::from).collect();
        for _ in 0..1 + random.below(8) {
            let (from, to) = (random.below(lines.len()), random.below(lines.len()));
            match random.below(4) {
                0 => lines.swap(from, to),
                1 => drop(lines.remove(from)),
                2 => lines.insert(to, lines[from].clone()),
                _ => lines[from] = with_odd_number(&lines[from], &mut random),
            }
        }
        let events = lines.iter().filter_map(|line| serde_json::from_str::<Event>(line).ok());
        let recording = Recording::of(events);
        n_odd += usize::from(recording.moments().len() != 31);
        for moment in 0..=recording.moments().len() {
            let _ = (recording.place(moment), text(&recording, moment));
            for block_idx in [0, 1, 7] {
                let _ = recording.ids_to(moment, block_idx);
                let at = CellAt { block_idx, cell: random.below(5) };
                if let Some((cell, moments)) = recording.cell(moment, at) {
                    let _ = recording.history(at, cell.token, moments);
                    let _ = recording.pass_of(moment, moments);
                }
            }
        }
    }
    assert!(n_odd > 100, "{n_odd}");
}

/// The page plays it where there is no WebGPU.
#[test]
fn the_recorded_run_of_the_page_is_one_of_todays_events() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/site/run.jsonl");
    let events = read_events(&path).unwrap();
    assert!(matches!(events.first(), Some(Event::Start(start)) if start.block_size == 4));
    assert!(matches!(events.last(), Some(Event::Done(_))));
    let written = std::fs::read_to_string(path).unwrap();
    let again: String =
        events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect();
    assert_eq!(written.len(), again.len(), "no field is new, none is gone");
}
