//! The conversation: what is said, and the answers.

use std::path::Path;

use bdlm::Error;
use bdlm::event::Event;
use bdlm::sample::worker::Report;
use egui::Context;

use crate::app::base::App;
use crate::export::write_beside;
use crate::state::{
    Answer, Banner, ChatAction, ChatEdit, ChatFormat, KeptTalk, Remedy, Sheet, State, Talk, Turn,
    View, remedy_of_run,
};
use crate::store::Order;
use crate::system::{self, since_1970};

impl App {
    /// Does what the user wants of the conversation.
    pub(super) fn chat(&mut self, ctx: &Context, action: ChatAction, now: f64) {
        let chat = &mut self.state.conversation;
        match action {
            ChatAction::View(view) => self.state.view = view,
            ChatAction::Say => self.say(now),
            ChatAction::Stop => self.stop_answer(),
            ChatAction::New => {
                self.stop_answer();
                self.put_aside(Talk::default());
            }
            ChatAction::Reopen(at) if at < chat.earlier.len() => {
                self.stop_answer();
                let talk = self.state.conversation.earlier.remove(at);
                self.put_aside(talk);
            }
            ChatAction::Reopen(_) => {}
            ChatAction::Delete(at) => {
                if let Some(id) = chat.delete(at) {
                    self.order(Order::Forget(id));
                }
            }
            ChatAction::Undelete => {
                if let Some(kept) = chat.undelete() {
                    self.order(Order::Keep(kept));
                }
            }
            ChatAction::Copy(at) => {
                if let Some(turn) = chat.turns.get(at) {
                    ctx.copy_text(turn.answer.text());
                    chat.outcome = "The answer is in the clipboard.".into();
                }
            }
            ChatAction::LookInside(at) => {
                if let Some(turn) = chat.turns.get(at) {
                    let recording = turn.answer.recording.clone();
                    self.open(recording);
                    (self.state.view, self.state.sheet) = (View::Text, Sheet::Inspector);
                }
            }
            ChatAction::Unfold(at, unfolded) => {
                if let Some(turn) = chat.turns.get_mut(at) {
                    turn.unfolded = Some(unfolded);
                }
            }
            ChatAction::Export(format, path) => self.export_chat(format, &path),
            ChatAction::Edit(edit) => edited(&mut self.state, edit),
        }
    }

    /// Shows another conversation.
    fn put_aside(&mut self, others: Talk) {
        let gone = self.state.conversation.put_aside(others);
        gone.into_iter().for_each(|id| self.order(Order::Forget(id)));
    }

    /// Keeps the conversation on disk as it is now.
    pub(super) fn keep_conversation(&self) {
        let chat = &self.state.conversation;
        let kept = KeptTalk::of(chat.id, &chat.turns);
        if !kept.is_empty() {
            self.order(Order::Keep(kept));
        }
    }

    /// Sends the message.
    fn say(&mut self, now: f64) {
        let state = &mut self.state;
        let loaded = state.models.loaded.as_deref().filter(|_| state.models.busy.is_none());
        if !state.conversation.can_say(loaded) {
            return;
        }
        state.banner = None;
        self.runs += 1;
        let ask = self.state.conversation.say(self.runs, &self.state.prefs.chat, since_1970());
        if self.engine.answer(self.runs, ask) {
            self.go_on_answering(now);
        } else {
            self.state.conversation.take_back();
            self.fail_engine();
        }
    }

    /// Ends the answer that is being written; what is finished stays.
    pub(super) fn stop_answer(&mut self) {
        let end = self.state.conversation.live().and_then(Answer::stop);
        if let Some(end) = end {
            self.engine.send(end);
            let chat = &mut self.state.conversation;
            if chat.turns.last().is_some_and(|turn| turn.answer.text().is_empty()) {
                chat.take_back();
            }
            self.keep_conversation();
        }
    }

    /// Pulls more of the answer that is being written. Returns the seconds until there is more to do.
    pub(super) fn go_on_answering(&mut self, now: f64) -> Option<f64> {
        let secs = self.state.prefs.chat.speed.secs();
        let answer = self.state.conversation.live()?;
        if let Some(pull) = answer.go_on(secs, now)
            && !self.engine.send(pull)
        {
            answer.unsent();
        }
        answer.wait(now)
    }

    /// Takes a report if it is of an answer; gives it back if not.
    pub(super) fn take_answer(&mut self, report: Report, now: f64) -> Option<Report> {
        let run = match &report {
            Report::Event { run, .. }
            | Report::Pulled { run, .. }
            | Report::Refused { run, .. }
            | Report::Failed { run, .. } => *run,
        };
        let answer = self.state.conversation.live().filter(|answer| answer.is_of(run));
        let Some(answer) = answer else { return Some(report) };
        match report {
            Report::Event { event, .. } => {
                let is_done = matches!(*event, Event::Done(_));
                answer.push(*event, now);
                if is_done {
                    self.keep_conversation();
                }
            }
            Report::Pulled { is_over, .. } => answer.pulled(is_over),
            Report::Refused { .. } => answer.pulled(false),
            Report::Failed { error, .. } => self.fail_answer(&error),
        }
        None
    }

    fn fail_answer(&mut self, error: &Error) {
        let chat = &mut self.state.conversation;
        chat.live().map(Answer::stop);
        let is_begun = chat.turns.last().is_some_and(|turn| !turn.answer.text().is_empty());
        let sentence = match (error, is_begun) {
            (_, true) => "The answer has failed; what was finished is kept.",
            (Error::Chat(_), false) => "The template refuses this conversation.",
            (_, false) => "This message cannot be answered.",
        };
        if !is_begun {
            chat.take_back();
        }
        if matches!(error, Error::DeviceLost(_)) {
            self.stop();
            self.state.models.loaded = None;
        }
        let remedy = match error {
            Error::Chat(_) => None,
            _ => match remedy_of_run(error, &self.state.models) {
                // There is no run to begin again, and these settings are beside the conversation.
                (_, Remedy::Generate | Remedy::ShowSettings) => None,
                remedy => Some(remedy),
            },
        };
        let (sentence, cause) = (sentence.into(), error.to_string());
        self.state.banner = Some(Banner { sentence, cause, remedy });
    }

    fn export_chat(&mut self, format: ChatFormat, path: &Path) {
        let State { conversation: chat, models, prefs, .. } = &mut self.state;
        let model = models.loaded.as_ref().map_or("Model", |model| model.name.as_str());
        let name = model.trim_end_matches('/').rsplit('/').next().unwrap_or(model);
        let text = format.write(&chat.messages(&prefs.chat.system), name);
        let path = system::free(path.into());
        match write_beside(&path, text.as_bytes()) {
            Ok(()) => chat.outcome = format!("Written: {}", shown(&path)),
            Err(e) => {
                let banner = Banner::of("The file could not be written.", e.to_string());
                self.state.banner = Some(banner);
            }
        }
    }
}

/// The whole path: a file's name alone does not say where it is.
fn shown(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.into()).display().to_string()
}

fn edited(state: &mut State, edit: ChatEdit) {
    let (chat, settings) = (&mut state.conversation, &mut state.prefs.chat);
    match edit {
        ChatEdit::Message(message) => chat.message = message,
        ChatEdit::System(system) => settings.system = system,
        ChatEdit::Template(template) => chat.template = template,
        ChatEdit::Thinking(thinking) => settings.thinking = thinking,
        ChatEdit::ShowThoughts(show) => {
            settings.show_thoughts = show;
            chat.turns.iter_mut().for_each(|turn: &mut Turn| turn.unfolded = None);
        }
        ChatEdit::Tokens(tokens) => settings.tokens = tokens,
        ChatEdit::Sampler(sampler) => settings.sampler = sampler,
        ChatEdit::Temperature(temperature) => settings.temperature = temperature,
        ChatEdit::Seed(seed) => settings.seed = seed,
        ChatEdit::Speed(speed) => settings.speed = speed,
        ChatEdit::Path(path) => chat.path = path,
    }
}
