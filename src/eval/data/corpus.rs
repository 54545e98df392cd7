//! Documents to sequences of tokens that a model is evaluated on.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::eval::data::documents::Documents;
use crate::eval::data::options::{CorpusOptions, Wrap};
use crate::text::Tokenizer;
use crate::{Advice, Error, Fault, Result};

/// Bytes of a long document that are turned into tokens at once.
const HEAD_BYTES: usize = 1 << 16;

/// Sequences of token ids, made while one asks for them: an iterator that ends after its first
/// error. Text is read no further than the sequences need.
pub struct Corpus {
    documents: Documents,
    tokenizer: Arc<Tokenizer>,
    options: CorpusOptions,
    /// The tokens that open and close a text, if any are to be inserted.
    boundaries: Option<(u32, u32)>,
    /// The document that is being read.
    document: Option<Document>,
    /// Tokens that are in no sequence yet.
    ids: Vec<u32>,
    n_tokens: usize,
    counts: Counts,
    state: State,
}

/// What became of the documents that were read so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Documents that were read.
    pub documents: usize,
    /// Those without a token.
    pub documents_empty: usize,
    /// Those that would be sequences of one token, of which none can be predicted: they are left
    /// out.
    pub documents_short: usize,
    /// Those that were cut off at the context's length.
    pub documents_cut: usize,
    /// Tokens that are in no sequence: those cut off, and those behind the last sequence.
    pub tokens_left_out: usize,
}

struct Document {
    text: String,
    /// Tokens before it.
    begin: usize,
    /// Bytes that are tokens already.
    done_bytes: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// No sequence was given yet.
    Empty,
    Given,
    Ended,
}

impl std::fmt::Debug for Corpus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Corpus").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Corpus {
    /// Prepares to cut documents.
    ///
    /// # Errors
    /// [`Error::Request`] for a context that holds no token, [`Error::Tokenizer`] if the tokens to
    /// be inserted are not there.
    pub fn new(
        documents: Documents,
        tokenizer: Arc<Tokenizer>,
        options: CorpusOptions,
    ) -> Result<Corpus> {
        let least = if options.insert_special { 3 } else { 1 };
        if options.context < least {
            return Err(Error::request(format!(
                "a context of {} tokens holds no text, expected at least {least}",
                options.context
            )));
        }
        let inserts = options.insert_eos || options.insert_special;
        let boundaries = options.boundaries.or_else(|| tokenizer.boundaries());
        let boundaries = boundaries.filter(|_| inserts);
        if inserts && boundaries.is_none() {
            let fault = Fault::from(
                "it has neither <|endoftext|> nor [CLS] and [SEP] to put between documents",
            );
            return Err(Error::Tokenizer(fault.advise(Advice::NoSpecialTokens)));
        }
        Ok(Corpus {
            documents,
            tokenizer,
            options,
            boundaries,
            document: None,
            ids: Vec::new(),
            n_tokens: 0,
            counts: Counts::default(),
            state: State::Empty,
        })
    }

    /// What became of the documents, so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The next sequence; none at the end.
    fn sequence(&mut self) -> Result<Option<Vec<u32>>> {
        let inner = match self.options.wrap {
            Wrap::Wrapped => self.next_cut()?,
            Wrap::OnePerDocument => self.next_document()?,
        };
        let sequence = inner.map(|ids| self.enclose(ids));
        if sequence.is_none() && self.state == State::Empty {
            return Err(self.nothing());
        }
        Ok(sequence)
    }

    /// The next tokens of the joined documents, as many as a sequence needs.
    fn next_cut(&mut self) -> Result<Option<Vec<u32>>> {
        let n = self.options.n_inner();
        while self.ids.len() < n {
            if self.document.is_none() && !self.open_document()? {
                self.counts.tokens_left_out = self.ids.len();
                return Ok(None);
            }
            self.read_on()?;
        }
        Ok(Some(self.ids.drain(..n).collect()))
    }

    /// The next document of which a token can be predicted, cut off where a sequence ends.
    fn next_document(&mut self) -> Result<Option<Vec<u32>>> {
        let n = self.options.n_inner();
        while self.open_document()? {
            let before = self.n_tokens;
            // All of it, to know how much is left out.
            while self.document.is_some() {
                self.read_on()?;
            }
            let mut ids = std::mem::take(&mut self.ids);
            if self.n_tokens == before {
                continue;
            }
            if self.n_tokens - before > n {
                self.counts.documents_cut += 1;
                self.counts.tokens_left_out += self.n_tokens - before - n;
            }
            ids.truncate(n);
            let n_special = self.options.context - n;
            if ids.len() + n_special > 1 {
                return Ok(Some(ids));
            }
            self.counts.documents_short += 1;
        }
        Ok(None)
    }

    /// Goes to the next document; false if there is none.
    fn open_document(&mut self) -> Result<bool> {
        let text = self.documents.next().transpose()?;
        let text = match self.options.detokenizer {
            Some(detokenizer) => text.map(|text| detokenizer.apply(&text)),
            None => text,
        };
        self.counts.documents += usize::from(text.is_some());
        self.document = text.map(|text| Document { text, begin: self.n_tokens, done_bytes: 0 });
        Ok(self.document.is_some())
    }

    /// Turns more of the document into tokens, and closes it at its end.
    fn read_on(&mut self) -> Result<()> {
        let Some(document) = &mut self.document else { return Ok(()) };
        let rest = &document.text[document.done_bytes..];
        let head = self.tokenizer.head(rest, HEAD_BYTES);
        let ids = self.tokenizer.ids_from_text(head)?;
        self.n_tokens += ids.len();
        self.ids.extend(ids);
        document.done_bytes += head.len();
        if document.done_bytes == document.text.len() {
            self.counts.documents_empty += usize::from(self.n_tokens == document.begin);
            self.document = None;
            self.ids.extend(self.end_of_document());
        }
        Ok(())
    }

    /// The token that ends a document, unless the sequence is ended by one.
    fn end_of_document(&self) -> Option<u32> {
        let CorpusOptions { wrap, insert_eos, insert_special, .. } = self.options;
        let is_ended = wrap == Wrap::OnePerDocument && insert_special;
        self.boundaries.filter(|_| insert_eos && !is_ended).map(|(_, end)| end)
    }

    fn enclose(&self, ids: Vec<u32>) -> Vec<u32> {
        match self.boundaries {
            Some((begin, end)) if self.options.insert_special => {
                [&[begin], ids.as_slice(), &[end]].concat()
            }
            _ => ids,
        }
    }

    /// Why there is no sequence.
    fn nothing(&self) -> Error {
        if self.n_tokens == 0 {
            return Error::request("the data holds no text: there is nothing to evaluate");
        }
        if self.options.wrap == Wrap::OnePerDocument {
            let n = self.counts.documents;
            return Error::request(format!(
                "none of the {n} documents has the 2 tokens that a sequence needs"
            ));
        }
        let (got, wanted) = (self.ids.len(), self.options.n_inner());
        let fault = Fault::from(format!("the text has {got} tokens, a sequence needs {wanted}"));
        Error::Request(fault.advise(Advice::SmallerContext))
    }
}

impl Iterator for Corpus {
    type Item = Result<Vec<u32>>;

    fn next(&mut self) -> Option<Result<Vec<u32>>> {
        if self.state == State::Ended {
            return None;
        }
        let next = self.sequence().transpose();
        self.state = if matches!(next, Some(Ok(_))) { State::Given } else { State::Ended };
        next
    }
}
