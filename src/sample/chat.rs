//! A chat: turns, the template that makes a prompt of them, and what earlier turns left in the cache.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::model::Grid;
use crate::sample::{Engine, Kept, Prompt, Request, Run};
use crate::text::{ChatTemplate, Conversation, Message, Tokenizer};
use crate::{Advice, Error, Fault, Result};

/// A chat with a model.
pub struct Chat {
    engine: Engine,
    template: Arc<ChatTemplate>,
    tokenizer: Arc<Tokenizer>,
    conversation: Conversation,
    kept: Option<Kept>,
}

impl Chat {
    /// A chat without turns. What models are known to expect of a template is set: dLLM's answer
    /// behind an empty thought.
    ///
    /// # Errors
    /// [`Error::Chat`] if the model has no template or a broken one, [`Error::Tokenizer`] if it has no
    /// tokenizer.
    pub fn new(engine: &Engine) -> Result<Chat> {
        let missing = || Fault::from("the model has none").advise(Advice::NameTemplate);
        let template = engine.chat_template()?.ok_or_else(|| Error::Chat(missing()))?;
        let tokenizer = engine.tokenizer().cloned().ok_or_else(|| {
            let fault = Fault::from("this checkpoint has no tokenizer.json: it cannot read a chat");
            Error::Tokenizer(fault.advise(Advice::NameTokenizer))
        })?;
        let mut options = Map::new();
        if engine.network().spec().grid == Grid::Prompt {
            options.insert("enable_thinking".into(), Value::Bool(false));
        }
        let conversation =
            Conversation { add_generation_prompt: true, options, ..Conversation::default() };
        Ok(Chat { engine: engine.clone(), template, tokenizer, conversation, kept: None })
    }

    /// The turns so far.
    pub fn messages(&self) -> &[Message] {
        &self.conversation.messages
    }

    /// The template's text.
    pub fn template(&self) -> &ChatTemplate {
        &self.template
    }

    /// Another chat with this one's options where it has none, and its system's words.
    pub fn with_options(&self, mut other: Conversation) -> Conversation {
        for (key, value) in &self.conversation.options {
            other.options.entry(key.clone()).or_insert_with(|| value.clone());
        }
        if other.messages.iter().all(|message| message.role != "system") {
            let system = self.messages().iter().filter(|message| message.role == "system");
            other.messages.splice(0..0, system.cloned());
        }
        other
    }

    /// Sets what the template reads beside the turns, such as `enable_thinking`.
    pub fn set_option(&mut self, key: &str, value: Value) {
        self.conversation.options.insert(key.into(), value);
    }

    /// Sets what the system says, before all turns; with nothing, removes it.
    pub fn set_system(&mut self, text: &str) {
        let turns = &mut self.conversation.messages;
        turns.retain(|message| message.role != "system");
        if !text.is_empty() {
            turns.insert(0, Message::new("system", text));
        }
    }

    /// Forgets all turns but what the system says.
    pub fn reset(&mut self) {
        self.conversation.messages.retain(|message| message.role == "system");
    }

    /// Adds a turn.
    pub fn push(&mut self, message: Message) {
        self.conversation.messages.push(message);
    }

    /// Takes back the last turn.
    pub fn pop(&mut self) -> Option<Message> {
        self.conversation.messages.pop()
    }

    /// The prompt: the turns by the template, and the beginning of the assistant's.
    ///
    /// # Errors
    /// [`Error::Chat`] if the template refuses the turns.
    pub fn prompt(&self, now: i64) -> Result<String> {
        self.template.render(&self.conversation, now)
    }

    /// The prompt's tokens.
    ///
    /// # Errors
    /// As [`Chat::prompt`].
    pub fn prompt_tokens(&self, now: i64) -> Result<Prompt> {
        Ok(Prompt::Exact(self.tokenizer.ids_from_text(&self.prompt(now)?)?))
    }

    /// Begins to answer the turns: `request` says all but the prompt. Blocks that earlier answers
    /// stored are not run again as far as their tokens are the same. `now` is what the template may
    /// read: seconds since 1970, of the user's clock.
    ///
    /// # Errors
    /// [`Error::Chat`] if the template refuses the turns, or as [`Engine::run`].
    pub fn answer(&mut self, request: Request, now: i64) -> Result<Run> {
        let prompt = self.prompt_tokens(now)?;
        let request = Request { prompt, samples: 1, batch: 1, ..request };
        self.engine.run_on(request, self.kept.take())
    }

    /// Takes what the assistant said, and what the run stored.
    pub fn answered(&mut self, run: Run, text: &str) {
        self.keep(run);
        self.push(Message::new("assistant", text));
    }

    /// Takes what a run of [`Chat::answer`] stored, for host programs that hold the turns themselves.
    pub fn keep(&mut self, run: Run) {
        self.kept = run.keep();
    }
}
