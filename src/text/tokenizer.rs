//! Text to tokens and back, by a `tokenizer.json`; and text that grows token by token. Knows no model.

use std::path::Path;
use std::sync::Arc;

use tokenizers::decoders::DecoderWrapper;

use crate::text::decode::{decode, mishap};
use crate::{Error, Result};

/// Stands for bytes that are no whole character.
const REPLACEMENT: char = '\u{fffd}';

/// A tokenizer in the Hugging Face format.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// Behind the largest id.
    id_bound: usize,
}

/// The parts of a `tokenizer.json` that must be whole JSON to be looked at; the others are passed over.
#[derive(serde::Deserialize)]
struct Parts {
    #[serde(rename = "decoder", default)]
    _decoder: serde_json::Value,
    #[serde(rename = "normalizer", default)]
    _normalizer: serde_json::Value,
    #[serde(default)]
    model: Merging,
}

/// What byte pairs are merged by.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Merging {
    vocab: serde_json::Value,
    merges: Vec<Merge>,
    continuing_subword_prefix: Option<String>,
}

/// Two tokens, as newer and older files write them, or what is none.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Merge {
    Pair(String, String),
    Line(String),
    Other(serde::de::IgnoredAny),
}

impl Merging {
    /// The first merge that makes a longer token than there is: the crate's reader panics there.
    fn too_long(&self) -> Option<String> {
        let vocabulary = self.vocab.as_object()?;
        let longest = vocabulary.keys().map(String::len).max().unwrap_or(0);
        let prefix = self.continuing_subword_prefix.as_ref().map_or(0, String::len);
        let pair = |merge: &Merge| match merge {
            Merge::Pair(a, b) => Some((a.clone(), b.clone())),
            // The line of the version is passed over there too.
            Merge::Line(line) if line.starts_with("#version") => None,
            Merge::Line(line) => line.split_once(' ').map(|(a, b)| (a.into(), b.into())),
            Merge::Other(_) => None,
        };
        let is_too_long = |(a, b): &(String, String)| {
            b.len().checked_sub(prefix).is_none_or(|rest| a.len() + rest > longest)
        };
        let found = self.merges.iter().filter_map(pair).find(is_too_long);
        found.map(|(a, b)| format!("{a} {b}"))
    }
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer").field("n_ids", &self.n_ids()).finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// Reads a `tokenizer.json`; `path` is for messages.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Tokenizer> {
        let path = path.display();
        if let Some(what) = mishap(bytes) {
            return Err(Error::tokenizer(format!("{path} is {what}")));
        }
        let text = decode(bytes).map_err(|e| Error::tokenizer(format!("{path} is {e}")))?;
        let damaged = |e: tokenizers::Error| {
            Error::tokenizer(format!("{path} is not a whole tokenizer.json: {e}"))
        };
        // The crate's reader panics where a decoder is no JSON.
        let parts = serde_json::from_str::<Parts>(&text).map_err(|e| damaged(e.into()))?;
        if let Some(merge) = parts.model.too_long() {
            let words = format!("its merge `{merge}` makes no token of its vocabulary");
            return Err(damaged(words.into()));
        }
        let inner = tokenizers::Tokenizer::from_bytes(text.as_bytes()).map_err(damaged)?;
        let largest = inner.get_vocab(true).into_values().max();
        Ok(Tokenizer { inner, id_bound: largest.map_or(0, |id| id as usize + 1) })
    }

    /// The tokens of a text, without special ones before or after them.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn ids_from_text(&self, text: &str) -> Result<Vec<u32>> {
        let failed = |e: tokenizers::Error| Error::tokenizer(format!("cannot encode: {e}"));
        Ok(self.inner.encode_fast(text, false).map_err(failed)?.get_ids().to_vec())
    }

    /// The special tokens that the tokenizer puts before a text, none for most models that chat.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn opening(&self) -> Result<Vec<u32>> {
        const TEXT: &str = "a";
        let failed = |e: tokenizers::Error| Error::tokenizer(format!("cannot encode: {e}"));
        let with = self.inner.encode_fast(TEXT, true).map_err(failed)?.get_ids().to_vec();
        let bare = self.ids_from_text(TEXT)?;
        let at = with.windows(bare.len().max(1)).position(|ids| ids == bare);
        Ok(with[..at.unwrap_or(0)].to_vec())
    }

    /// The text of tokens, special ones included.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] for a token that the tokenizer does not know.
    pub fn text_from_ids(&self, ids: &[u32]) -> Result<String> {
        if let Some(id) = ids.iter().find(|&&id| self.inner.id_to_token(id).is_none()) {
            let count = self.n_ids();
            return Err(Error::tokenizer(format!(
                "it has no token {id}, its {count} end at {}: it belongs to another model",
                count.saturating_sub(1)
            )));
        }
        let failed = |e: tokenizers::Error| Error::tokenizer(format!("cannot decode: {e}"));
        self.inner.decode(ids, false).map_err(failed)
    }

    /// The text of tokens, with U+FFFD for each that the tokenizer does not know.
    fn text_of_known(&self, ids: &[u32]) -> Result<String> {
        let parts = ids.split(|id| !self.has_token(*id)).map(|known| self.text_from_ids(known));
        Ok(parts.collect::<Result<Vec<String>>>()?.join(&REPLACEMENT.to_string()))
    }

    /// True if there is a token of this id.
    pub fn has_token(&self, id: u32) -> bool {
        self.inner.id_to_token(id).is_some()
    }

    /// A token as the tokenizer writes it, such as `Ġthe`.
    pub fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// How many ids below `vocab_size` have no token, but for the mask's.
    pub fn n_tokenless(&self, vocab_size: usize, mask_id: Option<u32>) -> usize {
        let ids = 0..u32::try_from(vocab_size).unwrap_or(u32::MAX);
        ids.filter(|id| Some(*id) != mask_id && !self.has_token(*id)).count()
    }

    /// Behind the largest id of a token.
    pub fn id_bound(&self) -> usize {
        self.id_bound
    }

    /// The text of one token by itself. Bytes that are only part of a character give U+FFFD.
    pub fn piece(&self, id: u32) -> String {
        self.text_from_ids(&[id]).unwrap_or_else(|_| REPLACEMENT.into())
    }

    /// Number of tokens.
    pub fn n_ids(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// The token `<|endoftext|>`, if there is one.
    pub fn end_of_text(&self) -> Option<u32> {
        self.inner.token_to_id("<|endoftext|>")
    }

    /// The tokens that open and close a text: `<|endoftext|>` twice, or BERT's `[CLS]` and `[SEP]`.
    pub fn boundaries(&self) -> Option<(u32, u32)> {
        let id = |token| self.inner.token_to_id(token);
        let gpt2 = self.end_of_text().map(|end| (end, end));
        gpt2.or_else(|| Some((id("[CLS]")?, id("[SEP]")?)))
    }

    /// Bytes of text that these tokens stand for; special tokens stand for none. None if the tokenizer
    /// lacks one of them, or does not keep every byte of a text (BERT's drops case and spaces).
    pub fn text_bytes(&self, ids: &[u32]) -> Option<u64> {
        let special = self.inner.get_added_vocabulary().get_added_tokens_decoder();
        let bytes = |id: &u32| match special.get(id) {
            Some(token) if token.special => Some(0),
            Some(token) => Some(token.content.len() as u64),
            // Every byte is written as one character.
            None => Some(self.inner.id_to_token(*id)?.chars().count() as u64),
        };
        if self.is_byte_level() { ids.iter().map(bytes).sum() } else { None }
    }

    /// The beginning of a text, cut where no token crosses the cut: its tokens, followed by those of
    /// the rest, are the tokens of the whole text. It has at least `bytes` bytes, and is the whole text
    /// if it cannot be cut after them.
    pub fn head<'t>(&self, text: &'t str, bytes: usize) -> &'t str {
        // Byte-level tokenizers split a text into words first, each with the space before it. Other
        // tokenizers may join words.
        if !self.is_byte_level() {
            return text;
        }
        let is_solid = |c: Option<char>| c.is_some_and(|c| !c.is_whitespace());
        let cuts = text.bytes().enumerate().skip(bytes.max(1)).filter(|(_, byte)| *byte == b' ');
        let mut cuts = cuts.map(|(at, _)| at).filter(|&at| {
            is_solid(text[..at].chars().next_back()) && is_solid(text[at + 1..].chars().next())
        });
        cuts.next().map_or(text, |at| &text[..at])
    }

    /// True if tokens stand for bytes: then the text of a sequence is that of its parts, joined.
    fn is_byte_level(&self) -> bool {
        matches!(self.inner.get_decoder(), Some(DecoderWrapper::ByteLevel(_)))
    }
}

/// Text that grows token by token. A character may need several tokens: it is given when it is
/// complete, so that text that was given never changes.
pub struct TextStream {
    tokenizer: Arc<Tokenizer>,
    /// Tokens whose text may still change: all of them, unless the tokenizer is byte-level.
    pending: Vec<u32>,
    /// Bytes of the pending tokens' text that were given.
    given_bytes: usize,
}

impl TextStream {
    /// An empty text.
    pub fn new(tokenizer: Arc<Tokenizer>) -> TextStream {
        TextStream { tokenizer, pending: Vec::new(), given_bytes: 0 }
    }

    /// Appends tokens; returns the text that is complete now. A token that the tokenizer does not
    /// know gives U+FFFD: a network may have more tokens than have a text.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn push(&mut self, ids: &[u32]) -> Result<String> {
        self.pending.extend(ids);
        let text = self.tokenizer.text_of_known(&self.pending)?;
        let complete = text.trim_end_matches(REPLACEMENT).len();
        let news = text.get(self.given_bytes..complete).unwrap_or_default().to_string();
        if complete == text.len() && self.tokenizer.is_byte_level() {
            self.pending.clear();
            self.given_bytes = 0;
        } else {
            self.given_bytes = self.given_bytes.max(complete);
        }
        Ok(news)
    }

    /// Ends the text. A character that is still incomplete gives U+FFFD.
    pub fn finish(&mut self) -> String {
        let text = self.tokenizer.text_of_known(&self.pending).unwrap_or_default();
        let rest = text.get(self.given_bytes..).unwrap_or_default().to_string();
        self.pending.clear();
        self.given_bytes = 0;
        rest
    }
}
