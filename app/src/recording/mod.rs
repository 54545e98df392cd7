//! A run as it was seen: its events, and the moments between which a viewer can go back and forth.
//! Knows no window.

mod difference;
mod earlier;
mod file;
mod look;
mod moment;
mod record;
mod size;

pub use difference::differing;
pub use file::{events_of, json_lines, read_events, text};
pub use moment::{BlockRecord, CellAt, Moment, Place};
pub use record::{MAX_BYTES, Recording};
