//! A conversation: turns, what is being typed, and conversations that were put aside.

mod action;
mod answer;
mod settings;
mod talk;
mod thought;
mod transcript;
mod turn;

use std::time::Duration;

use bdlm::text::Message;

use crate::engine::{Ask, Loaded};

pub use action::{ChatAction, ChatEdit, View};
pub use answer::{Answer, AnswerStage, Cost};
pub use settings::{ChatSettings, ChatSpeed, template_name};
pub use talk::{KeptTalk, Talk};
pub use thought::Thought;
pub use transcript::ChatFormat;
pub use turn::Turn;

/// Conversations that are kept; beyond that the oldest goes.
pub const MAX_TALKS: usize = 50;

/// The conversation in the window.
#[derive(Debug)]
pub struct Conversation {
    /// Its number; 0 before its first turn.
    pub id: u64,
    /// The turns so far.
    pub turns: Vec<Turn>,
    /// The message as it is typed.
    pub message: String,
    /// Another template than the model's.
    pub template: Option<String>,
    /// Conversations that were put aside, the newest last.
    pub earlier: Vec<Talk>,
    /// The one that was deleted last.
    pub deleted: Option<Talk>,
    /// Where files are written, without their ending.
    pub path: String,
    /// What became of the last file.
    pub outcome: String,
}

impl Default for Conversation {
    fn default() -> Conversation {
        Conversation {
            id: 0,
            turns: Vec::new(),
            message: String::new(),
            template: None,
            earlier: Vec::new(),
            deleted: None,
            path: "conversation".into(),
            outcome: String::new(),
        }
    }
}

impl Conversation {
    /// The answer that is being written.
    pub fn live(&mut self) -> Option<&mut Answer> {
        let last = self.turns.last_mut().map(|turn| &mut turn.answer);
        last.filter(|answer| answer.stage == AnswerStage::Live)
    }

    /// True while an answer is being written.
    pub fn is_live(&self) -> bool {
        self.turns.last().is_some_and(|turn| turn.answer.stage == AnswerStage::Live)
    }

    /// True if the message can be sent to a model.
    pub fn can_say(&self, loaded: Option<&Loaded>) -> bool {
        let chats = loaded.is_some_and(|model| model.chat.is_some());
        chats && !self.is_live() && !self.message.trim().is_empty()
    }

    /// The turns as messages, what the system says before them.
    pub fn messages(&self, system: &str) -> Vec<Message> {
        let system = Some(system).filter(|words| !words.trim().is_empty());
        let mut messages: Vec<Message> =
            system.map(|words| Message::new("system", words)).into_iter().collect();
        for turn in &self.turns {
            messages.push(Message::new("user", turn.said.as_str()));
            if turn.answer.stage != AnswerStage::Live {
                messages.push(Message::new("assistant", turn.answer.text()));
            }
        }
        messages
    }

    /// Makes a turn of the message, answered by the run of this number; what to ask the engine. `now` is
    /// counted from 1970.
    pub fn say(&mut self, run: u64, settings: &ChatSettings, now: Duration) -> Ask {
        if self.turns.is_empty() {
            let last = self.earlier.iter().chain(&self.deleted).map(|talk| talk.id).max();
            self.id = (now.as_millis() as u64).max(last.unwrap_or(0) + 1);
        }
        let said = std::mem::take(&mut self.message).trim().to_string();
        self.turns.push(Turn { said, answer: Answer::of(run), unfolded: None });
        Ask {
            messages: self.messages(&settings.system),
            template: self.template.clone(),
            thinking: settings.thinking,
            tokens: settings.tokens,
            sampler: settings.sampler,
            temperature: settings.temperature,
            seed: settings.seed,
            now: now.as_secs() as i64,
        }
    }

    /// Takes the last turn back: its message can be sent again.
    pub fn take_back(&mut self) {
        if let Some(turn) = self.turns.pop()
            && self.message.is_empty()
        {
            self.message = turn.said;
        }
    }

    /// Puts the turns aside, and shows others instead. Returns the numbers of those that are too many.
    pub fn put_aside(&mut self, others: Talk) -> Vec<u64> {
        let turns = std::mem::replace(&mut self.turns, others.turns);
        let id = std::mem::replace(&mut self.id, others.id);
        if !turns.is_empty() {
            self.insert(Talk { id, turns });
        }
        let beyond = self.earlier.len().saturating_sub(MAX_TALKS);
        self.earlier.drain(..beyond).map(|talk| talk.id).collect()
    }

    /// Deletes a conversation that was put aside; it can be brought back until the next is deleted.
    pub fn delete(&mut self, at: usize) -> Option<u64> {
        let talk = (at < self.earlier.len()).then(|| self.earlier.remove(at))?;
        let id = talk.id;
        self.deleted = Some(talk);
        Some(id)
    }

    /// Brings back the conversation that was deleted last; what to keep again.
    pub fn undelete(&mut self) -> Option<KeptTalk> {
        let talk = self.deleted.take()?;
        let kept = KeptTalk::of(talk.id, &talk.turns);
        self.insert(talk);
        Some(kept)
    }

    fn insert(&mut self, talk: Talk) {
        let at = self.earlier.partition_point(|other| other.id < talk.id);
        self.earlier.insert(at, talk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk(id: u64) -> Talk {
        Talk { id, turns: vec![Turn { said: format!("{id}"), ..Turn::default() }] }
    }

    #[test]
    fn the_oldest_conversation_goes_and_the_deleted_one_comes_back_to_its_place() {
        let mut chat = Conversation::default();
        let gone: Vec<u64> =
            (1..=MAX_TALKS as u64 + 2).flat_map(|id| chat.put_aside(talk(id))).collect();
        assert_eq!(gone, [1], "{} are put aside, and one is shown", MAX_TALKS + 1);
        assert_eq!(chat.delete(1), Some(3));
        assert_eq!(chat.undelete().unwrap().id, 3);
        assert_eq!(chat.earlier[1].id, 3);
        assert_eq!(chat.delete(MAX_TALKS), None);
        chat.put_aside(Talk::default());
        chat.message = "New".into();
        chat.say(1, &ChatSettings::default(), Duration::from_millis(7));
        assert_eq!(chat.id, MAX_TALKS as u64 + 3, "numbers are never given twice");
    }
}
