//! The text of a sample: what there is, and how much of it was reported.

use std::sync::Arc;

use crate::Result;
use crate::sample::steps::{find_stop, held_back};
use crate::text::{TextStream, Tokenizer};

/// The text of a sample.
pub struct Transcript {
    stream: TextStream,
    text: String,
    /// Bytes that were reported.
    reported: usize,
}

impl Transcript {
    /// The text of a prompt, reported, and of tokens behind it, reported too.
    ///
    /// # Errors
    /// [`crate::Error::Tokenizer`].
    pub fn new(tokenizer: &Arc<Tokenizer>, prompt: &[u32], ids: &[u32]) -> Result<Transcript> {
        let mut stream = TextStream::new(tokenizer.clone());
        // Of a prompt's tokens each has a text.
        tokenizer.text_from_ids(prompt)?;
        let mut text = stream.push(prompt)?;
        text += &stream.push(ids)?;
        Ok(Transcript { stream, reported: text.len(), text })
    }

    /// All of it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Appends the text of tokens, one token at a time where a stop string could end between them.
    /// If one comes the text is cut before it: returns the number of tokens taken.
    ///
    /// # Errors
    /// [`crate::Error::Tokenizer`].
    pub fn push(&mut self, ids: &[u32], stops: &[String]) -> Result<Option<usize>> {
        let longest = stops.iter().map(String::len).max().unwrap_or(0);
        for at in 0..ids.len() {
            // A stop string may have begun before this token, but not before what was reported.
            let mut from = self.text.len().saturating_sub(longest).max(self.reported);
            while !self.text.is_char_boundary(from) {
                from -= 1;
            }
            self.text += &self.stream.push(&ids[at..=at])?;
            if let Some(cut) = find_stop(&self.text, stops, from) {
                self.text.truncate(cut);
                return Ok(Some(at + 1));
            }
        }
        Ok(None)
    }

    /// Text that can be reported now: a stop string may begin in what comes last.
    pub fn news(&mut self, stops: &[String]) -> String {
        let held = held_back(&self.text[self.reported..], stops);
        self.report(self.text.len() - held)
    }

    /// All text that was not reported.
    pub fn rest(&mut self) -> String {
        self.report(self.text.len())
    }

    /// All text that was not reported, and U+FFFD for a character that will not be complete: nothing
    /// comes after it.
    pub fn last(&mut self) -> String {
        self.text += &self.stream.finish();
        self.rest()
    }

    /// The text, with what was held back for want of a complete character.
    pub fn finished(mut self) -> String {
        self.text += &self.stream.finish();
        self.text
    }

    fn report(&mut self, end: usize) -> String {
        let news = self.text[self.reported..end].to_string();
        self.reported = end;
        news
    }
}
