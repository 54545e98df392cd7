//! An answer: the run that writes it, as far as it has come.

use bdlm::event::Event;
use bdlm::sample::worker::Command;

use crate::recording::Recording;
use crate::state::conversation::thought::Thought;

/// Where an answer stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnswerStage {
    /// It is being written.
    #[default]
    Live,
    /// It is finished.
    Done,
    /// The user has stopped it, or the engine was lost; what was finished stays.
    Stopped,
}

/// Moments that are pulled together at full speed.
const AHEAD: usize = 4;

/// An answer.
#[derive(Debug, Default)]
pub struct Answer {
    /// What happened.
    pub recording: Recording,
    /// Where it stands.
    pub stage: AnswerStage,
    /// When the newest moment came, in the window's seconds.
    pub shown_at: f64,
    run: u64,
    /// The engine's thread computes for it.
    is_pulling: bool,
    /// When the next step is due, in the window's seconds.
    due: f64,
}

/// What an answer has cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Tokens of the answer.
    pub tokens: usize,
    /// Runs of the network.
    pub passes: usize,
    /// Seconds of computing.
    pub secs: f64,
}

impl Answer {
    /// The answer of a run with this number, which was begun.
    pub fn of(run: u64) -> Answer {
        Answer { run, ..Answer::default() }
    }

    /// An answer that is not being written.
    pub fn kept(recording: Recording, stage: AnswerStage) -> Answer {
        Answer { recording, stage, ..Answer::default() }
    }

    /// True if it is being written by this run.
    pub fn is_of(&self, run: u64) -> bool {
        self.stage == AnswerStage::Live && self.run == run
    }

    /// The finished text.
    pub fn text(&self) -> String {
        self.recording.finished_blocks().map(|block| block.text.as_str()).collect()
    }

    /// True if its steps are there: on disk they are not kept.
    pub fn has_steps(&self) -> bool {
        self.recording.events().iter().any(|event| matches!(**event, Event::Step(_)))
    }

    /// What is read of it once it is finished: without its thought, and without blanks around it. Empty
    /// until then.
    pub fn finished(&self) -> String {
        let text = self.text();
        match self.stage {
            AnswerStage::Live => String::new(),
            _ => text[Thought::behind(&text)..].trim_end().to_string(),
        }
    }

    /// The newest moment.
    pub fn moment(&self) -> usize {
        self.recording.moments().len().saturating_sub(1)
    }

    /// Takes an event.
    pub fn push(&mut self, event: Event, now: f64) {
        if matches!(event, Event::Done(_)) {
            self.stage = AnswerStage::Done;
        }
        self.recording.push(event);
        self.shown_at = now;
    }

    /// What was pulled is done.
    pub fn pulled(&mut self, is_over: bool) {
        self.is_pulling = false;
        if is_over && self.stage == AnswerStage::Live {
            self.stage = AnswerStage::Done;
        }
    }

    /// Pulls what follows, if it is time for it; `secs` is the time from one step to the next, none at
    /// full speed.
    pub fn go_on(&mut self, secs: Option<f64>, now: f64) -> Option<Command> {
        if self.stage != AnswerStage::Live || self.is_pulling || now < self.due {
            return None;
        }
        self.due = now + secs.unwrap_or(0.0);
        self.is_pulling = true;
        Some(Command::Pull { run: self.run, steps: if secs.is_some() { 1 } else { AHEAD } })
    }

    /// Seconds until the next step is due.
    pub fn wait(&self, now: f64) -> Option<f64> {
        let waits = self.stage == AnswerStage::Live && !self.is_pulling;
        waits.then_some((self.due - now).max(0.0))
    }

    /// A command did not reach the engine's thread.
    pub fn unsent(&mut self) {
        self.is_pulling = false;
    }

    /// Ends it; what is finished stays. None if it is not being written.
    pub fn stop(&mut self) -> Option<Command> {
        let run = (self.stage == AnswerStage::Live).then_some(self.run)?;
        (self.stage, self.is_pulling) = (AnswerStage::Stopped, false);
        Some(Command::End { run })
    }

    /// What it has cost so far; none before its first block.
    pub fn cost(&self) -> Option<Cost> {
        let prompt = self.recording.start()?.ids.len();
        if let Some(done) = self.recording.done() {
            let tokens = done.n_tokens.saturating_sub(prompt);
            return Some(Cost { tokens, passes: done.passes, secs: done.secs });
        }
        self.recording.events().iter().rev().find_map(|event| match &**event {
            Event::Block(block) => {
                let end = self.recording.finished_blocks().last().map_or(0, |block| block.end);
                let (passes, secs) = (block.passes, block.secs);
                Some(Cost { tokens: end.saturating_sub(prompt), passes, secs })
            }
            _ => None,
        })
    }
}

impl Cost {
    /// The cost in words.
    pub fn words(&self) -> String {
        let Cost { tokens, passes, secs } = *self;
        let (rate, per_pass) =
            (tokens as f64 / secs.max(1e-9), tokens as f64 / passes.max(1) as f64);
        let s = if tokens == 1 { "" } else { "s" };
        format!("{tokens} token{s} in {secs:.1} s · {rate:.1} tokens/s · {per_pass:.2} tokens/pass")
    }
}
