//! What a model is evaluated on: files of text, or the data sets of the paper, as sequences of
//! tokens.
//!
//! [`Documents`] reads texts from a file or the hub, [`Corpus`] cuts them into sequences, and a
//! [`Preset`] says how the paper does both. Its defaults, all for a `context` of 1024 tokens:
//!
//! | preset | detokenizer | wrap | insert EOS | insert special | on the hub: id, configuration, split, column |
//! |---|---|---|---|---|---|
//! | `wikitext2` | WikiText | yes | no | yes | Salesforce/wikitext, wikitext-2-raw-v1, validation, `text` |
//! | `wikitext103` | WikiText | yes | no | yes | Salesforce/wikitext, wikitext-103-raw-v1, validation, `text` |
//! | `ptb` | PTB | yes | no | yes | ptb-text-only/ptb_text_only, penn_treebank, validation, `sentence` |
//! | `lambada` | LAMBADA | yes | no | yes | EleutherAI/lambada_openai, default, test, `text` |
//! | `lm1b` | LM1B | yes | no | yes | billion-word-benchmark/lm1b, plain_text, test, `text` |
//! | `ag_news` | none | yes | no | yes | fancyzhx/ag_news, default, test, `text` |
//! | `pubmed` | WikiText, then LM1B | yes | no | yes | armanc/scientific_papers, pubmed, validation, `article` |
//! | `arxiv` | WikiText, then LM1B | yes | no | yes | armanc/scientific_papers, arxiv, validation, `article` |
//! | `openwebtext` | none | yes | yes | no | Skylion007/openwebtext, plain_text, the last 100,000 documents of train, `text` |
//! | any other file | none | yes | yes | no | |
//!
//! "Insert EOS" ends each document with the end-of-text token; "insert special" puts one token of
//! the beginning and one of the end around each sequence, which then holds `context − 2` tokens of
//! text. The paper's baselines (AR, MDLM, SEDD) are evaluated on OpenWebText with both, and models
//! trained on LM1B with both, BERT's tokenizer and a context of 128: set the fields of
//! [`CorpusOptions`].
//!
//! A file is text in UTF-8 or, with a byte order mark, UTF-16, compressed by gzip or zstd or not; its
//! line ends become newlines. See [`Format`] for what is in it.
//!
//! A local file is read as its set is distributed: WikiText by lines that keep their newline, PTB,
//! LM1B and LAMBADA's plain text by lines without the space around them, AG News' CSV as title and
//! description, PubMed's and arXiv's JSON lines by `article_text`, whose paragraphs are joined by
//! newlines. See [`Format::of`].
//!
//! One thing differs from the published code on purpose: there, documents are joined by groups of
//! a thousand on each of the machine's cores, and the rest of every group is dropped. Here all are
//! joined, so that what is evaluated does not depend on the machine.
//!
//! ```
//! use std::sync::Arc;
//!
//! use bdlm::eval::data::{Corpus, CorpusOptions, Documents};
//! use bdlm::hub::ModelFiles;
//! use bdlm::text::Tokenizer;
//!
//! # fn main() -> bdlm::Result<()> {
//! let Some(file) = ModelFiles::embedded().tokenizer else { return Ok(()) };
//! let tokenizer = Arc::new(Tokenizer::from_bytes(&file, file.path())?);
//! let story = "Once upon a time there was a fox who lived under a tree.".to_string();
//! let documents = Documents::new([Ok(story)].into_iter());
//! for ids in Corpus::new(documents, tokenizer.clone(), CorpusOptions::new(4))?.take(3) {
//!     let ids = ids?;
//!     // The first token is not counted, so its bytes are not either.
//!     assert!(ids.len() == 4 && tokenizer.text_bytes(&ids[1..]) > Some(0));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Source: the published code of Arriola et al., ICLR 2025: its data loader, data configurations
//! and evaluation scripts.

mod corpus;
mod documents;
#[cfg(not(target_arch = "wasm32"))]
mod files;
mod format;
mod options;
mod preset;

pub use corpus::{Corpus, Counts};
pub use documents::Documents;
#[cfg(not(target_arch = "wasm32"))]
pub use files::{DataFile, ReadOptions};
pub use format::Format;
pub use options::{CorpusOptions, Wrap};
pub use preset::Preset;
