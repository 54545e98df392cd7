//! A conversation: turns, what is being typed, and conversations that were put aside.

mod action;
mod answer;
mod settings;
mod thought;
mod transcript;

use bdlm::text::Message;

use crate::engine::{Ask, Loaded};

pub use action::{ChatAction, ChatEdit, View};
pub use answer::{Answer, AnswerStage, Cost};
pub use settings::{ChatSettings, ChatSpeed, template_name};
pub use thought::Thought;
pub use transcript::ChatFormat;

/// What the user said, and the answer.
#[derive(Debug, Default)]
pub struct Turn {
    /// What the user said.
    pub said: String,
    /// The answer.
    pub answer: Answer,
    /// Whether its thought is shown; as the settings have it if absent.
    pub unfolded: Option<bool>,
}

/// The conversation in the window.
#[derive(Debug)]
pub struct Conversation {
    /// The turns so far.
    pub turns: Vec<Turn>,
    /// The message as it is typed.
    pub message: String,
    /// Another template than the model's.
    pub template: Option<String>,
    /// Conversations that were put aside, the newest last.
    pub earlier: Vec<Vec<Turn>>,
    /// Where files are written, without their ending.
    pub path: String,
    /// What became of the last file.
    pub outcome: String,
}

impl Default for Conversation {
    fn default() -> Conversation {
        Conversation {
            turns: Vec::new(),
            message: String::new(),
            template: None,
            earlier: Vec::new(),
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

    /// Makes a turn of the message, answered by the run of this number; what to ask the engine.
    pub fn say(&mut self, run: u64, settings: &ChatSettings, now: i64) -> Ask {
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
            now,
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

    /// Puts the turns aside, and shows others instead.
    pub fn put_aside(&mut self, others: Vec<Turn>) {
        let turns = std::mem::replace(&mut self.turns, others);
        if !turns.is_empty() {
            self.earlier.push(turns);
        }
    }
}
