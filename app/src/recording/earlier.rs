//! Runs that versions before the all-masked step have recorded: brought to the form of today.

use bdlm::event::{Cell, CellState, Event, Step};

/// Events in which each block begins with step 0 and the first decision is step 1. Runs that were
/// recorded like that stay as they are.
pub(super) fn with_masked_steps(events: Vec<Event>) -> Vec<Event> {
    let is_masked = |event: &Event| matches!(event, Event::Step(step) if is_begun(step));
    let is_numbered_from_0 =
        |event: &Event| matches!(event, Event::Step(step) if step.step == 0 && !is_begun(step));
    let has_blocks = |event: &Event| matches!(event, Event::Start(start) if start.block_size > 1);
    let is_earlier = !events.iter().any(is_masked)
        && (events.iter().any(is_numbered_from_0) || events.iter().any(has_blocks));
    if !is_earlier {
        return events;
    }
    let has_blocks = events.iter().any(has_blocks);
    let mut brought = Vec::with_capacity(events.len() + events.len() / 4);
    let mut begins = true;
    for mut event in events {
        match &mut event {
            Event::Step(step) | Event::Steer(step) => {
                step.step = step.step.saturating_add(1);
                for cell in &mut step.cells {
                    if let CellState::Open { step } = &mut cell.state {
                        *step = step.saturating_add(1);
                    }
                }
                if begins && has_blocks {
                    brought.push(Event::Step(masked(step)));
                }
                begins = false;
            }
            _ => begins = true,
        }
        brought.push(event);
    }
    brought
}

/// True for a step in which nothing was drawn. The oldest steps of a long run have lost their cells.
fn is_begun(step: &Step) -> bool {
    let is_undrawn = |cell: &Cell| cell.state == CellState::Given || cell.is_blank();
    step.step == 0 && step.cells.iter().all(is_undrawn)
}

/// The step before a block's first one. Such runs do not say which token masks.
fn masked(first: &Step) -> Step {
    let blank = |cell: &Cell| match cell.state {
        CellState::Given => cell.clone(),
        _ => Cell {
            token: u32::MAX,
            text: cell.text.as_ref().map(|_| String::new()),
            state: CellState::Masked,
            confidence: 0.0,
            entropy: 0.0,
            rank: None,
            candidates: Vec::new(),
        },
    };
    Step {
        step: 0,
        passes: first.passes.saturating_sub(1),
        cells: first.cells.iter().map(blank).collect(),
        ..*first
    }
}
