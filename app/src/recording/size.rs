//! Bytes of events in memory.

use bdlm::event::{Cell, Done, Event, Start};

/// Bytes of an event, about.
pub(super) fn size(event: &Event) -> usize {
    const FIXED: usize = 96;
    let cell = |cell: &Cell| FIXED + cell.candidates.len() * FIXED;
    match event {
        Event::Step(step) | Event::Steer(step) => {
            FIXED + step.cells.iter().map(cell).sum::<usize>()
        }
        Event::Block(block) => {
            FIXED + 4 * block.ids.len() + block.text.as_ref().map_or(0, String::len)
        }
        Event::Start(Start { ids, text, .. }) | Event::Done(Done { ids, text, .. }) => {
            FIXED + 4 * ids.len() + text.as_ref().map_or(0, String::len)
        }
        Event::Retract(_) => FIXED,
    }
}
