//! The stream's JSON form is part of the API: what reads it today must be able to tomorrow.

use bdlm::event::{
    Block, Candidate, Cell, CellState, Done, Event, Retract, Start, Step, StopReason,
};

fn cell(state: CellState, candidates: Vec<Candidate>) -> Cell {
    let text = Some(" fox".to_string());
    let rank = (state == CellState::Masked).then_some(3);
    Cell { token: 7, text, state, confidence: 0.5, entropy: 1.25, rank, candidates }
}

/// What a block's first step shows: the mask token, and nothing drawn.
fn blank() -> Cell {
    let (text, candidates) = (Some(String::new()), Vec::new());
    let state = CellState::Masked;
    let (confidence, entropy, rank) = (0.0, 0.0, None);
    Cell { token: 4096, text, state, confidence, entropy, rank, candidates }
}

fn step(cells: Vec<Cell>) -> Step {
    Step { sample: 1, block_idx: 3, step: 2, passes: 11, cells, secs: 0.5 }
}

/// One event of each kind, every field different from its neighbours.
fn events() -> Vec<Event> {
    let text = |text: &str| Some(text.to_string());
    let candidate = Candidate { token: 9, text: text(" wolf"), probability: 0.25 };
    vec![
        Event::Start(Start {
            sample: 1,
            seed: 2,
            block_size: 4,
            window: 128,
            length: 64,
            ids: vec![0, 5],
            text: text("The"),
            n_drawable: Some(4096),
        }),
        Event::Step(Step { step: 0, ..step(vec![blank()]) }),
        Event::Step(step(vec![
            cell(CellState::Given, Vec::new()),
            cell(CellState::Open { step: 1 }, Vec::new()),
            cell(CellState::Masked, vec![candidate]),
        ])),
        Event::Steer(step(vec![cell(CellState::Pinned, Vec::new())])),
        Event::Block(Block {
            sample: 1,
            block_idx: 3,
            ids: vec![5, 7],
            text: None,
            passes: 12,
            secs: 0.75,
        }),
        Event::Retract(Retract {
            sample: 1,
            redraws: 2,
            n_tokens: 3,
            text: text("The"),
            entropy: 3.5,
        }),
        Event::Done(Done {
            sample: 1,
            seed: 2,
            ids: vec![0, 5],
            text: text("The"),
            n_tokens: 2,
            nfe: 13,
            passes: 14,
            prefill: 1,
            denoise: 13,
            commit: 4,
            secs: 1.5,
            stop: StopReason::LowEntropy,
            redraws: 2,
        }),
    ]
}

fn json_lines() -> String {
    let lines: Vec<String> =
        events().iter().map(|event| serde_json::to_string(event).unwrap()).collect();
    lines.join("\n")
}

#[test]
fn the_json_form_is_pinned() {
    insta::assert_snapshot!("the_json_form_is_pinned", json_lines());
}

#[test]
fn another_json_form_is_rejected() {
    let kept = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/snapshots/events__the_json_form_is_pinned.snap"
    );
    // What insta leaves beside a snapshot that differs is left in a copy's folder.
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(kept, folder.path().join("events__the_json_form_is_pinned.snap")).unwrap();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder.path());
    let is_kept = |lines: String| {
        let compare = || insta::assert_snapshot!("the_json_form_is_pinned", lines);
        settings.bind(|| std::panic::catch_unwind(compare)).is_ok()
    };
    assert!(is_kept(json_lines()));
    assert!(!is_kept(json_lines().replacen("\"seed\"", "\"seeds\"", 1)), "a key has changed");
}

#[test]
fn events_that_are_older_than_ranks_read_back() {
    let lines = json_lines().replace(",\"n_drawable\":4096", "").replace(",\"rank\":3", "");
    let read = |line: &str| serde_json::from_str::<Event>(line).unwrap();
    let (old, new): (Vec<Event>, Vec<Event>) = (lines.lines().map(read).collect(), events());
    assert!(matches!(&old[0], Event::Start(start) if start.n_drawable.is_none()));
    assert!(matches!(&old[2], Event::Step(step) if step.cells.iter().all(|c| c.rank.is_none())));
    assert_ne!([&old[0], &old[2]], [&new[0], &new[2]]);
    assert_eq!([&old[1], &old[3]], [&new[1], &new[3]], "nothing else is another");
}

#[test]
fn only_what_was_never_drawn_is_blank() {
    let candidate = Candidate { token: 9, text: None, probability: 0.25 };
    assert!(blank().is_blank());
    assert!(!Cell { candidates: vec![candidate], ..blank() }.is_blank());
    assert!(!cell(CellState::Masked, Vec::new()).is_blank());
    assert!(!Cell { state: CellState::Given, ..blank() }.is_blank());
}

#[test]
fn every_event_reads_back_and_names_its_sample() {
    for event in events() {
        let line = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
        assert_eq!(event.sample(), 1);
    }
}
