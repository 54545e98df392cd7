//! The assistant's turns of a chat, as sequences of which all but the turn is given. Knows no network.

use crate::text::{ChatTemplate, Conversation, Tokenizer};
use crate::{Error, Result};

/// A turn of the assistant behind all that was said before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Its index among the messages.
    pub message: usize,
    /// The prompt's tokens, then the turn's, the one that ends it included.
    pub ids: Vec<u32>,
    /// Tokens of the prompt.
    pub given: usize,
}

/// Every turn of the assistant, each behind the prompt that a program would have made of the messages
/// before it. `stop_ids` are the tokens that end a turn: what the template writes behind them is left
/// out. `now` is what the template may read, see [`ChatTemplate::render`].
///
/// # Errors
/// [`Error::Chat`] if the template refuses the messages, or writes a turn in another way once it is
/// there; [`Error::Tokenizer`].
pub fn turns(
    template: &ChatTemplate,
    tokenizer: &Tokenizer,
    chat: &Conversation,
    (stop_ids, now): (&[u32], i64),
) -> Result<Vec<Turn>> {
    let mut found = Vec::new();
    for (message, _) in chat.messages.iter().enumerate().filter(|(_, m)| m.role == "assistant") {
        let until = |end: usize, add_generation_prompt: bool| Conversation {
            messages: chat.messages[..end].to_vec(),
            add_generation_prompt,
            ..chat.clone()
        };
        let prompt = template.render(&until(message, true), now)?;
        let whole = template.render(&until(message + 1, false), now)?;
        let Some(turn) = whole.strip_prefix(&prompt) else {
            return Err(Error::Chat(
                format!("it does not write message {message} behind the prompt for it").into(),
            ));
        };
        let mut ids = tokenizer.ids_from_text(&prompt)?;
        let given = ids.len();
        let mut answer = tokenizer.ids_from_text(turn)?;
        if let Some(last) = answer.iter().rposition(|id| stop_ids.contains(id)) {
            answer.truncate(last + 1);
        }
        ids.extend(answer);
        found.push(Turn { message, ids, given });
    }
    Ok(found)
}
