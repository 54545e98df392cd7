//! A conversation that is not shown, and how one is kept from one start of the app to the next.

use bdlm::event::Event;
use serde::{Deserialize, Serialize};

use crate::recording::Recording;
use crate::state::conversation::answer::{Answer, AnswerStage};
use crate::state::conversation::turn::Turn;

/// A conversation's turns and its number, which is the millisecond it began at.
#[derive(Debug, Default)]
pub struct Talk {
    /// Its number; 0 before its first turn.
    pub id: u64,
    /// The turns.
    pub turns: Vec<Turn>,
}

impl Talk {
    /// What stands for it in a list: its first message, and how many turns it has.
    pub fn title(&self) -> String {
        const WORDS: usize = 34;
        let first = self.turns.first().map_or("", |turn| turn.said.as_str());
        let first: String = first.chars().take(WORDS).collect();
        let s = if self.turns.len() == 1 { "" } else { "s" };
        format!("{} ({} turn{s})", first.replace('\n', " "), self.turns.len())
    }
}

/// A conversation on disk: what was said, and what was answered. The steps are left out: they would be a
/// hundred times as much.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeptTalk {
    /// The conversation's number.
    pub id: u64,
    turns: Vec<KeptTurn>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct KeptTurn {
    said: String,
    /// The answer did not come to its end.
    is_stopped: bool,
    /// Of the answer: its start, its blocks, its end.
    events: Vec<Event>,
}

impl KeptTalk {
    /// What is kept of these turns; of an answer that is being written, what is finished.
    pub fn of(id: u64, turns: &[Turn]) -> KeptTalk {
        let has_begun =
            |turn: &&Turn| turn.answer.stage != AnswerStage::Live || !turn.answer.text().is_empty();
        KeptTalk { id, turns: turns.iter().filter(has_begun).map(KeptTurn::of).collect() }
    }

    /// True if there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }
}

impl KeptTurn {
    fn of(turn: &Turn) -> KeptTurn {
        let is_step = |event: &Event| matches!(event, Event::Step(_) | Event::Steer(_));
        let events = turn.answer.recording.events().iter();
        KeptTurn {
            said: turn.said.clone(),
            is_stopped: turn.answer.stage != AnswerStage::Done,
            events: events.map(|event| (**event).clone()).filter(|event| !is_step(event)).collect(),
        }
    }
}

impl From<KeptTalk> for Talk {
    fn from(kept: KeptTalk) -> Talk {
        let turn = |KeptTurn { said, is_stopped, events }| {
            let stage = if is_stopped { AnswerStage::Stopped } else { AnswerStage::Done };
            Turn { said, answer: Answer::kept(Recording::of(events), stage), unfolded: None }
        };
        Talk { id: kept.id, turns: kept.turns.into_iter().map(turn).collect() }
    }
}
