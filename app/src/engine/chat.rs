//! Chats with a loaded model: what is asked, and a run that leaves its blocks to the next one.

use std::future::ready;
use std::sync::{Arc, Mutex};

use bdlm::Result;
use bdlm::event::Event;
use bdlm::model::Spec;
use bdlm::sample::worker::{LocalFuture, Stream};
use bdlm::sample::{
    Chat, Engine, Prompt, Request, Run, SamplerKind, SamplerNumbers, Sampling, Steer, Watch,
};
use bdlm::text::{ChatTemplate, Message};

/// Room of a conversation, in tokens, where the model's window is not smaller.
const ROOM: usize = 4096;
/// Candidates of a masked cell that are kept.
const CANDIDATES: usize = 8;

/// What the chats of a model begin with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChatModel {
    /// The template's text, in Jinja; empty if it is broken.
    pub template: String,
    /// Why it is broken.
    pub fault: Option<String>,
    /// The sampler that the model was published with.
    pub sampler: SamplerKind,
    /// Its temperature.
    pub temperature: f32,
}

/// A conversation that ends with what the user says, and how to answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ask {
    /// The turns, with what the system says before them.
    pub messages: Vec<Message>,
    /// Another template than the model's.
    pub template: Option<String>,
    /// Whether the answer may begin with a thought; as the template has it if absent.
    pub thinking: Option<bool>,
    /// Most tokens of the answer.
    pub tokens: usize,
    /// How cells open; as the model was published if absent.
    pub sampler: Option<SamplerKind>,
    /// Divides the logits; as the model was published if absent.
    pub temperature: Option<f32>,
    /// Seed of the random numbers.
    pub seed: u64,
    /// Seconds since 1970, which templates may read.
    pub now: i64,
}

impl ChatModel {
    /// What a model says of its chats; none if it has no template.
    pub(super) fn of(engine: &Engine) -> Option<ChatModel> {
        let spec = engine.network().spec();
        let (sampler, temperature) =
            (SamplerKind::of_model(spec), Sampling::of_model(spec).temperature);
        match engine.chat_template() {
            Ok(None) => None,
            Ok(Some(template)) => {
                let template = template.source().to_string();
                Some(ChatModel { template, fault: None, sampler, temperature })
            }
            Err(e) => {
                let (template, fault) = (String::new(), Some(e.to_string()));
                Some(ChatModel { template, fault, sampler, temperature })
            }
        }
    }
}

impl Ask {
    fn request(&self, spec: &Spec) -> Request {
        let mut request = Request {
            new_tokens: Some(self.tokens),
            room: ROOM.min(spec.window),
            seed: self.seed,
            watch: Watch::Steps { candidates: CANDIDATES },
            ..Request::of_model(spec)
        };
        let kind = self.sampler.unwrap_or(SamplerKind::of_model(spec));
        let numbers = SamplerNumbers::default().of_model(kind, spec);
        request.sampling.sampler = kind.sampler(numbers, request.n_cells(spec));
        if let Some(temperature) = self.temperature {
            request.sampling.temperature = temperature;
        }
        request
    }
}

/// Most tokens of an answer to so many, which ends where the window does unless that slides. At least
/// one: conversations that fill the window are refused in words.
fn room_behind(spec: &Spec, n_prompt: usize) -> usize {
    match spec.slides() || spec.has_simplex() {
        true => usize::MAX,
        // The last block can lead to one token more.
        false => spec.window.saturating_sub(n_prompt + 1).max(1),
    }
}

/// The template and the choice of thinking that a chat was made with, and the chat.
type OpenChat = (Option<String>, Option<bool>, Arc<Mutex<Chat>>);

/// A chat with the loaded model; its turns are the window's, what it stored is kept.
#[derive(Default)]
pub(super) struct Chats {
    open: Option<OpenChat>,
}

impl Chats {
    /// Begins to answer.
    pub(super) fn answer(&mut self, engine: &Engine, ask: &Ask) -> Result<Box<dyn Stream>> {
        let shared = match &self.open {
            Some((template, thinking, chat))
                if *template == ask.template && *thinking == ask.thinking =>
            {
                chat.clone()
            }
            _ => {
                let chat = Arc::new(Mutex::new(begun(engine, ask)?));
                self.open = Some((ask.template.clone(), ask.thinking, chat.clone()));
                chat
            }
        };
        let run = {
            let mut chat = shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            while chat.pop().is_some() {}
            ask.messages.iter().cloned().for_each(|message| chat.push(message));
            let spec = engine.network().spec();
            let mut request = ask.request(spec);
            if let Prompt::Exact(ids) = chat.prompt_tokens(ask.now)? {
                request.new_tokens = Some(ask.tokens.min(room_behind(spec, ids.len())));
            }
            chat.answer(request, ask.now)?
        };
        Ok(Box::new(Answering { run: Some(run), chat: shared }))
    }
}

fn begun(engine: &Engine, ask: &Ask) -> Result<Chat> {
    let mut chat = match &ask.template {
        Some(text) => Chat::new(&engine.clone().with_template(Ok(Some(ChatTemplate::new(text)?))))?,
        None => Chat::new(engine)?,
    };
    if let Some(thinking) = ask.thinking {
        chat.set_option("enable_thinking", thinking.into());
    }
    Ok(chat)
}

/// An answer. When it ends, also before its end, the chat keeps what it stored.
struct Answering {
    run: Option<Run>,
    chat: Arc<Mutex<Chat>>,
}

impl Stream for Answering {
    fn next(&mut self) -> LocalFuture<'_, Result<Option<Event>>> {
        match &mut self.run {
            Some(run) => Box::pin(run.next_async()),
            None => Box::pin(ready(Ok(None))),
        }
    }

    fn steer(&mut self, sample: usize, cell: usize, steer: Steer) -> Result<()> {
        self.run.as_mut().map_or(Ok(()), |run| run.steer(sample, cell, steer))
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        if let (Some(run), Ok(mut chat)) = (self.run.take(), self.chat.lock()) {
            chat.keep(run);
        }
    }
}
