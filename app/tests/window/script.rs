//! An engine for tests: it plays a recorded run, steers as the library does, and waits at a gate.

use std::collections::VecDeque;
use std::future::ready;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use bdlm::event::{CellState, Event, Step};
use bdlm::hub::KeptModel;
use bdlm::sample::worker::{LocalFuture, Stream};
use bdlm::sample::{MemoryPlan, Request, Steer};
use bdlm::{Error, Result};
use bdlm_app::engine::{
    Ask, Backend, Begin, ChatModel, Choices, Found, Loaded, Progress, Source, TrainOrder,
};
use bdlm_app::recording::read_events;

/// The run in `tests/run.jsonl`.
pub fn recorded() -> Vec<Event> {
    recorded_in("run.jsonl")
}

/// The run in a file of `tests`.
pub fn recorded_in(file: &str) -> Vec<Event> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    read_events(&folder.join(file)).unwrap()
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Trouble {
    #[default]
    None,
    /// The model cannot be loaded.
    Load,
    /// The device is lost at the fifth event.
    Device,
    /// A download that never ends by itself.
    Endless,
    /// The backend panics.
    Panic,
    /// The model has no blocks and a sampler of its own.
    Autoregressive,
    /// The chat template raises.
    Template,
    /// The kernels of the adapter compute wrong results.
    Kernels,
}

/// What a test can look at and hold on to.
#[derive(Clone, Default)]
pub struct Watched {
    /// Requests of the runs that were begun.
    pub requests: Arc<Mutex<Vec<Request>>>,
    /// Requests of the runs that were prepared.
    pub warmed: Arc<Mutex<Vec<Request>>>,
    /// What was asked of chats.
    pub asks: Arc<Mutex<Vec<Ask>>>,
    /// Set when the backend is dropped, with its thread.
    pub dropped: Arc<Mutex<bool>>,
}

/// The engine.
pub struct Script {
    trouble: Trouble,
    watched: Watched,
    gate: Option<Receiver<()>>,
    /// Its model has a chat template.
    chats: bool,
    /// The answers that it gives, one after the other.
    answers: VecDeque<Vec<Event>>,
    /// What begins runs of training.
    trainer: Option<Begin>,
    /// What a browser would keep.
    kept: Vec<KeptModel>,
}

/// A template that reads a choice of thinking.
const TEMPLATE: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n\
                        {% endfor %}{% if enable_thinking %}<think>{% endif %}";

impl Script {
    pub fn new(trouble: Trouble) -> (Script, Watched) {
        let watched = Watched::default();
        let script = Script {
            trouble,
            watched: watched.clone(),
            gate: None,
            chats: false,
            answers: VecDeque::new(),
            trainer: None,
            kept: Vec::new(),
        };
        (script, watched)
    }

    /// The engine in a browser that keeps these models.
    pub fn with_kept(mut self, kept: Vec<KeptModel>) -> Script {
        self.kept = kept;
        self
    }

    /// An engine of a model that chats, with its answers.
    pub fn of_answers(trouble: Trouble, answers: Vec<Vec<Event>>) -> (Script, Watched) {
        let (script, watched) = Script::new(trouble);
        (script.with_answers(answers), watched)
    }

    /// The engine, of a model that gives these answers in a chat.
    pub fn with_answers(mut self, answers: Vec<Vec<Event>>) -> Script {
        (self.chats, self.answers) = (true, answers.into());
        self
    }

    /// An engine of which every event waits for a message.
    pub fn gated() -> (Script, Watched, Sender<()>) {
        let (open, gate) = channel();
        let (mut script, watched) = Script::new(Trouble::None);
        script.gate = Some(gate);
        (script, watched, open)
    }
}

impl Script {
    /// The engine, with another trainer than the library's.
    pub fn with_trainer(mut self, begin: Begin) -> Script {
        self.trainer = Some(begin);
        self
    }

    fn found(&self, source: &Source, progress: &mut dyn FnMut(Progress)) -> Result<Found> {
        let is_endless = self.trouble == Trouble::Endless;
        loop {
            if !is_endless {
                break;
            }
            progress(Progress { what: "Downloading model.safetensors".into(), part: Some(0.4) });
        }
        let memory =
            MemoryPlan { weights_bytes: 250_000_000, cache_bytes: 3_000_000, activations_bytes: 5 };
        Ok(Found {
            name: source.name.clone(),
            shape: "a scripted model".into(),
            weights: "q8".into(),
            memory,
        })
    }

    fn loaded(&self, source: &Source) -> Result<Loaded> {
        if self.trouble == Trouble::Load {
            return Err(Error::unknown_model("there is no model `nowhere`"));
        }
        let has_blocks = self.trouble != Trouble::Autoregressive;
        Ok(Loaded {
            name: source.name.clone(),
            shape: "a scripted model".into(),
            about: "It plays what was recorded.".into(),
            block_size: has_blocks.then_some(4),
            window: 128,
            adapter: "none".into(),
            is_software: true,
            mistrusted: (self.trouble == Trouble::Kernels)
                .then(|| "The matrix kernels compute wrong results here.".into()),
            weights: "f16".into(),
            choices: Choices { top_p: 0.8, ..Choices::default() },
            is_steerable: has_blocks,
            has_samplers: has_blocks,
            chat: self.chats.then(|| ChatModel {
                template: TEMPLATE.into(),
                temperature: 1.0,
                ..ChatModel::default()
            }),
        })
    }
}

impl Backend for Script {
    fn find<'a>(
        &'a mut self,
        source: &'a Source,
        _request: &'a Request,
        progress: &'a mut dyn FnMut(Progress),
    ) -> LocalFuture<'a, Result<Found>> {
        Box::pin(async { self.found(source, progress) })
    }

    fn load<'a>(
        &'a mut self,
        source: &'a Source,
        _progress: &'a mut dyn FnMut(Progress),
    ) -> LocalFuture<'a, Result<Loaded>> {
        Box::pin(ready(self.loaded(source)))
    }

    fn begin(&mut self, request: Request) -> Result<Box<dyn Stream>> {
        assert_ne!(self.trouble, Trouble::Panic, "a fault for the test");
        if request.length > 4000 {
            return Err(Error::request("length is 4096, expected less of a script"));
        }
        self.watched.requests.lock().unwrap().push(request);
        let mut events = recorded();
        events.reverse();
        Ok(Box::new(Playing {
            events,
            last: None,
            trouble: self.trouble,
            count: 0,
            gate: self.gate.take(),
        }))
    }

    fn warm<'a>(
        &'a mut self,
        request: Request,
        _go_on: &'a dyn Fn() -> bool,
    ) -> LocalFuture<'a, ()> {
        self.watched.warmed.lock().unwrap().push(request);
        Box::pin(ready(()))
    }

    fn answer(&mut self, ask: Ask) -> Result<Box<dyn Stream>> {
        if self.trouble == Trouble::Template {
            return Err(Error::Chat("roles must alternate".into()));
        }
        let mut events = self.answers.pop_front().unwrap_or_default();
        self.watched.asks.lock().unwrap().push(ask);
        events.reverse();
        let (trouble, gate) = (self.trouble, self.gate.take());
        Ok(Box::new(Playing { events, last: None, trouble, count: 0, gate }))
    }

    fn trainer(&mut self) -> Begin {
        self.trainer.take().unwrap_or_else(|| Box::new(TrainOrder::begin))
    }

    fn kept(&self) -> LocalFuture<'_, Vec<KeptModel>> {
        Box::pin(ready(self.kept.clone()))
    }

    fn forget<'a>(&'a mut self, id: &'a str) -> LocalFuture<'a, ()> {
        self.kept.retain(|model| model.id != id);
        Box::pin(ready(()))
    }

    fn adapters(&self) -> Vec<String> {
        vec!["scripted".into()]
    }

    fn token(&self, text: &str) -> Result<u32> {
        match text {
            " fox" => Ok(4242),
            _ => Err(Error::request(format!("`{text}` is 3 tokens, expected 1"))),
        }
    }
}

struct Playing {
    /// The last one first.
    events: Vec<Event>,
    last: Option<Step>,
    trouble: Trouble,
    count: usize,
    gate: Option<Receiver<()>>,
}

impl Playing {
    fn pull(&mut self) -> Result<Option<Event>> {
        if let Some(gate) = &self.gate {
            // Closed for good when the test ends.
            gate.recv().map_err(|_| Error::DeviceLost("the gate is closed".into()))?;
        }
        self.count += 1;
        if self.trouble == Trouble::Device && self.count > 5 {
            return Err(Error::DeviceLost("it fell off the bus".into()));
        }
        let event = self.events.pop();
        if let Some(Event::Step(step) | Event::Steer(step)) = &event {
            self.last = Some(step.clone());
        }
        Ok(event)
    }
}

impl Stream for Playing {
    fn next(&mut self) -> LocalFuture<'_, Result<Option<Event>>> {
        Box::pin(ready(self.pull()))
    }

    fn steer(&mut self, _sample: usize, cell: usize, steer: Steer) -> Result<()> {
        let Some(mut step) = self.last.clone() else {
            return Err(Error::request("no block is being denoised"));
        };
        let own = &mut step.cells[cell];
        match steer {
            Steer::Pin(token) => {
                let known = own.candidates.iter().find(|c| c.token == token);
                own.text = known.map_or(Some(" fox".into()), |c| c.text.clone());
                (own.token, own.state) = (token, CellState::Pinned);
            }
            Steer::Mask => own.state = CellState::Masked,
        }
        // As in the library: without a pass there are no candidates.
        step.cells.iter_mut().for_each(|cell| cell.candidates = Vec::new());
        self.events.push(Event::Steer(step));
        Ok(())
    }
}

/// Reports that the thread has dropped the engine.
impl Drop for Script {
    fn drop(&mut self) {
        *self.watched.dropped.lock().unwrap() = true;
    }
}
