//! How text is prepared and cut into sequences.

use serde::{Deserialize, Serialize};

use crate::text::Detokenizer;

/// How documents become sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrap {
    /// All documents, joined, are cut into sequences of the same length; the rest is left out.
    Wrapped,
    /// Each document is a sequence of its own, cut off at the context's length; documents of which no
    /// token can be predicted are left out. Lengths differ: nothing is padded.
    OnePerDocument,
}

/// How text is prepared and cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CorpusOptions {
    /// Tokens of a sequence, special ones included; at most that many if documents stay apart.
    pub context: usize,
    /// How documents become sequences.
    pub wrap: Wrap,
    /// Ends each document with the end-of-text token. A document that stays by itself gets no
    /// second one from `insert_special`.
    pub insert_eos: bool,
    /// Puts the beginning-of-text token before, and the end-of-text token after each sequence;
    /// they count in `context`.
    pub insert_special: bool,
    /// The tokens that open and close a text, if not the tokenizer's own.
    pub boundaries: Option<(u32, u32)>,
    /// What is done to each document first.
    pub detokenizer: Option<Detokenizer>,
}

impl CorpusOptions {
    /// For text of no known set, as the paper cuts its training text: wrapped, each document ended by
    /// the end-of-text token.
    pub fn new(context: usize) -> CorpusOptions {
        CorpusOptions {
            context,
            wrap: Wrap::Wrapped,
            insert_eos: true,
            insert_special: false,
            boundaries: None,
            detokenizer: None,
        }
    }

    /// Tokens of a sequence between the special ones.
    pub(crate) fn n_inner(&self) -> usize {
        self.context - if self.insert_special { 2 } else { 0 }
    }
}
