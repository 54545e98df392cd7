//! A recording as files: its text, and its events as JSON lines.

use std::path::Path;
use std::sync::Arc;

use bdlm::event::Event;
use bdlm::text::decode;

use crate::recording::earlier::with_masked_steps;
use crate::recording::record::Recording;
use crate::system;

/// Prompt and text as they are at a moment.
pub fn text(recording: &Recording, moment: usize) -> String {
    match recording.done().and_then(|done| done.text.clone()) {
        Some(text) if moment + 1 >= recording.moments().len() => text,
        _ => recording.written(moment),
    }
}

/// Events as the command line writes them, one a line.
pub fn json_lines(events: &[Arc<Event>]) -> String {
    let line = |event: &Event| serde_json::to_string(event).map(|line| line + "\n");
    events.iter().filter_map(|event| line(event).ok()).collect()
}

/// The events of a file.
///
/// # Errors
/// In words: what was found, and what was expected.
pub fn read_events(path: &Path) -> Result<Vec<Event>, String> {
    let shown = path.display();
    let bytes = system::read(path).map_err(|e| format!("{shown} cannot be read: {e}"))?;
    events_of(&shown.to_string(), &bytes)
}

/// The events of a file that was read already.
///
/// # Errors
/// As [`read_events`].
pub fn events_of(shown: &str, bytes: &[u8]) -> Result<Vec<Event>, String> {
    let text = decode(bytes).map_err(|e| format!("{shown} is {e}, expected lines of events"))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let event = |(i, line): (usize, &str)| {
        serde_json::from_str(line)
            .map_err(|e| format!("{shown}: line {} is not an event ({e})", i + 1))
    };
    let events: Vec<Event> = lines.map(event).collect::<Result<_, _>>()?;
    if !events.iter().any(|event| matches!(event, Event::Start(_))) {
        return Err(format!("{shown} holds no run, expected events that begin with a start"));
    }
    Ok(with_masked_steps(events))
}
