//! What the user wants of a conversation.

use std::path::PathBuf;

use bdlm::sample::SamplerKind;

use crate::state::conversation::settings::ChatSpeed;
use crate::state::conversation::transcript::ChatFormat;

/// What the window shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// A text that is being written.
    #[default]
    Text,
    /// A conversation with the model.
    Conversation,
    /// A run of training.
    Training,
}

/// Something to do with the conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum ChatAction {
    /// Show the conversation, or the text.
    View(View),
    /// Send the message.
    Say,
    /// End the answer; what is finished stays.
    Stop,
    /// Put the conversation aside and begin another.
    New,
    /// Show a conversation that was put aside.
    Reopen(usize),
    /// Delete a conversation that was put aside, by its index.
    Delete(usize),
    /// Bring back the one that was deleted last.
    Undelete,
    /// Put an answer into the clipboard.
    Copy(usize),
    /// Show the run of an answer in the text view.
    LookInside(usize),
    /// Unfold the thought of an answer, or fold it.
    Unfold(usize, bool),
    /// Write the conversation to a file.
    Export(ChatFormat, PathBuf),
    /// Change what was typed or chosen.
    Edit(ChatEdit),
}

/// A change of what was typed or chosen.
#[derive(Clone, Debug, PartialEq)]
pub enum ChatEdit {
    /// The message.
    Message(String),
    /// What the system says.
    System(String),
    /// The template; none for the model's own.
    Template(Option<String>),
    /// Whether answers may begin with a thought.
    Thinking(Option<bool>),
    /// Thoughts are shown unless folded.
    ShowThoughts(bool),
    /// Most tokens of an answer.
    Tokens(usize),
    /// How cells open; none as the model was published.
    Sampler(Option<SamplerKind>),
    /// Divides the logits; none as the model was published.
    Temperature(Option<f32>),
    /// Seed of the random numbers.
    Seed(u64),
    /// How fast steps follow each other.
    Speed(ChatSpeed),
    /// Where files are written, without their ending.
    Path(String),
}
