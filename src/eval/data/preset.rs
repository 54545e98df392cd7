//! The data sets of the paper: where each is, what a document of it is, and how it is cut.

use std::fmt;
use std::str::FromStr;

use crate::eval::data::format::Format;
use crate::eval::data::options::{CorpusOptions, Wrap};
use crate::hub::DatasetSplit;
use crate::text::Detokenizer;
use crate::{Error, Result};

/// A data set that the paper evaluates on. The table of [`crate::eval::data`] says what each sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// WikiText-2, raw: lines of good articles of Wikipedia.
    Wikitext2,
    /// WikiText-103, raw: the same, more of it.
    Wikitext103,
    /// Penn Treebank: sentences of the Wall Street Journal, with rare words taken out.
    Ptb,
    /// LAMBADA: passages of novels, as OpenAI has them.
    Lambada,
    /// One Billion Words: shuffled sentences of news.
    Lm1b,
    /// AG News: titles and descriptions of news.
    AgNews,
    /// Articles of PubMed.
    Pubmed,
    /// Articles of arXiv.
    Arxiv,
    /// OpenWebText: web pages, the last 100,000 of them.
    Openwebtext,
}

impl Preset {
    /// All of them.
    pub const ALL: [Preset; 9] = [
        Preset::Wikitext2,
        Preset::Wikitext103,
        Preset::Ptb,
        Preset::Lambada,
        Preset::Lm1b,
        Preset::AgNews,
        Preset::Pubmed,
        Preset::Arxiv,
        Preset::Openwebtext,
    ];

    /// The name it is asked for by.
    pub fn name(self) -> &'static str {
        match self {
            Preset::Wikitext2 => "wikitext2",
            Preset::Wikitext103 => "wikitext103",
            Preset::Ptb => "ptb",
            Preset::Lambada => "lambada",
            Preset::Lm1b => "lm1b",
            Preset::AgNews => "ag_news",
            Preset::Pubmed => "pubmed",
            Preset::Arxiv => "arxiv",
            Preset::Openwebtext => "openwebtext",
        }
    }

    /// How the paper cuts it into sequences of `context` tokens.
    pub fn options(self, context: usize) -> CorpusOptions {
        let is_in_domain = self == Preset::Openwebtext;
        CorpusOptions {
            context,
            wrap: Wrap::Wrapped,
            insert_eos: is_in_domain,
            insert_special: !is_in_domain,
            boundaries: None,
            detokenizer: self.detokenizer(),
        }
    }

    /// What makes its documents text as it was written.
    pub fn detokenizer(self) -> Option<Detokenizer> {
        match self {
            Preset::Wikitext2 | Preset::Wikitext103 => Some(Detokenizer::Wikitext),
            Preset::Ptb => Some(Detokenizer::Ptb),
            Preset::Lambada => Some(Detokenizer::Lambada),
            Preset::Lm1b => Some(Detokenizer::Lm1b),
            Preset::Pubmed | Preset::Arxiv => Some(Detokenizer::ScientificPapers),
            Preset::AgNews | Preset::Openwebtext => None,
        }
    }

    /// How its files are distributed, where the extension does not say.
    pub fn format(self) -> Format {
        match self {
            Preset::Wikitext2 | Preset::Wikitext103 => Format::Lines,
            Preset::Ptb | Preset::Lambada | Preset::Lm1b => Format::TrimmedLines,
            Preset::AgNews => Format::Csv,
            Preset::Pubmed | Preset::Arxiv => Format::JsonLines,
            Preset::Openwebtext => Format::Text,
        }
    }

    /// The keys or columns that its texts can be under, the set's own first.
    pub fn keys(self) -> &'static [&'static str] {
        match self {
            Preset::Ptb => &["sentence", "text"],
            Preset::Pubmed | Preset::Arxiv => &["article", "article_text", "text"],
            _ => &["text"],
        }
    }

    /// Its place on the hub.
    pub fn split(self) -> DatasetSplit {
        let (id, config, split) = match self {
            Preset::Wikitext2 => ("Salesforce/wikitext", "wikitext-2-raw-v1", "validation"),
            Preset::Wikitext103 => ("Salesforce/wikitext", "wikitext-103-raw-v1", "validation"),
            Preset::Ptb => ("ptb-text-only/ptb_text_only", "penn_treebank", "validation"),
            Preset::Lambada => ("EleutherAI/lambada_openai", "default", "test"),
            Preset::Lm1b => ("billion-word-benchmark/lm1b", "plain_text", "test"),
            Preset::AgNews => ("fancyzhx/ag_news", "default", "test"),
            Preset::Pubmed => ("armanc/scientific_papers", "pubmed", "validation"),
            Preset::Arxiv => ("armanc/scientific_papers", "arxiv", "validation"),
            Preset::Openwebtext => ("Skylion007/openwebtext", "plain_text", "train"),
        };
        DatasetSplit { id: id.into(), config: config.into(), split: split.into() }
    }

    /// How many of the last documents of the hub's split are meant; all where none is given.
    pub fn last_documents(self) -> Option<usize> {
        (self == Preset::Openwebtext).then_some(100_000)
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Preset {
    type Err = Error;

    fn from_str(name: &str) -> Result<Preset> {
        let known = Preset::ALL.into_iter().find(|preset| preset.name() == name);
        known.ok_or_else(|| {
            let names: Vec<&str> = Preset::ALL.iter().map(|preset| preset.name()).collect();
            Error::request(format!(
                "there is no file or data set `{name}`; the data sets are {}",
                names.join(", ")
            ))
        })
    }
}
