//! A turn of a conversation.

use crate::state::conversation::answer::Answer;

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
