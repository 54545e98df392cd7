//! Which data is evaluated: the arguments.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Result, bail};
use bdlm::eval::Cut;
use bdlm::eval::data::{CorpusOptions, Format, Preset, ReadOptions, Wrap};
use clap::{Args, ValueEnum};

use crate::cli::eval::source::{Place, Selection, Source};

/// How the documents of a file are separated.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum DataFormat {
    /// The whole file is one document
    Text,
    /// Each line is one
    Lines,
    /// Objects, one a line or over several, or arrays of them
    Json,
    /// A table with a header, separated by commas or semicolons
    Csv,
    /// A table with a header, separated by tabs
    Tsv,
    /// A column of texts
    Parquet,
}

impl From<DataFormat> for Format {
    fn from(format: DataFormat) -> Format {
        match format {
            DataFormat::Text => Format::Text,
            DataFormat::Lines => Format::TrimmedLines,
            DataFormat::Json => Format::JsonLines,
            DataFormat::Csv => Format::Csv,
            DataFormat::Tsv => Format::Tsv,
            DataFormat::Parquet => Format::Parquet,
        }
    }
}

/// Which data.
#[derive(Args)]
#[command(next_help_heading = "Data")]
pub struct DataArgs {
    /// Text: a file (plain text, JSON, CSV, TSV, parquet), `-` for stdin, or a data set of the paper
    /// from the hub: wikitext2, wikitext103, ptb, lambada, lm1b, ag_news, pubmed, arxiv, openwebtext
    #[arg(long, value_name = "FILE|SET", required_unless_present = "ids", conflicts_with = "ids")]
    data: Option<String>,
    /// Read and cut the file like this data set
    #[arg(long, value_name = "SET", requires = "data", value_parser = preset)]
    preset: Option<Preset>,
    /// How the file's documents are separated [default: by its name]
    #[arg(long, value_name = "FORMAT", value_enum, requires = "data")]
    data_format: Option<DataFormat>,
    /// The key or column that holds the text, or a path to it such as `page.text` [default: text]
    #[arg(long, value_name = "KEY", requires = "data")]
    text_key: Option<String>,
    /// Tokens: a safetensors file with `ids` [B, n] int64; nothing is inserted, every token counts
    #[arg(long, value_name = "FILE")]
    ids: Option<PathBuf>,
    /// Tokens of a sequence [default: the model's window]
    #[arg(long, value_name = "N", conflicts_with = "ids")]
    context: Option<usize>,
    /// Evaluate only the first N sequences
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Evaluate one part of N: every N-th sequence, from number I on
    #[arg(long, value_name = "I/N", default_value = "0/1", hide_default_value = true)]
    shard: Shard,
    #[command(flatten)]
    cut: CutArgs,
}

/// How text is cut, where it differs from the paper.
#[derive(Args)]
struct CutArgs {
    /// Join the documents and cut them into sequences of the same length (the default)
    #[arg(long, overrides_with = "no_wrap", conflicts_with = "ids")]
    wrap: bool,
    /// Make each document a sequence of its own
    #[arg(long, conflicts_with = "ids")]
    no_wrap: bool,
    /// End each document with the end-of-text token (the default for plain files and openwebtext)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", conflicts_with = "ids")]
    insert_eos: Option<bool>,
    /// Put the beginning-of-text token before and the end-of-text token after each sequence (the
    /// default for the other sets)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", conflicts_with = "ids")]
    insert_special: Option<bool>,
}

fn preset(name: &str) -> Result<Preset, String> {
    name.parse().map_err(|e: bdlm::Error| e.to_string())
}

/// A part of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    count: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let parts =
            text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match parts {
            Some((index, count)) if index < count => Ok(Shard { index, count }),
            _ => Err("expected I/N with I from 0 to N - 1, such as 0/4".into()),
        }
    }
}

impl DataArgs {
    /// True if the data is text, which needs the model's tokenizer.
    pub fn is_text(&self) -> bool {
        self.data.is_some()
    }

    /// Opens the data.
    pub fn open(&self) -> Result<Source> {
        let place = match (&self.data, &self.ids) {
            (Some(name), _) => Place::Text(name),
            (None, Some(path)) => Place::Ids(path),
            (None, None) => bail!("there is no data, expected --data or --ids"),
        };
        let read = ReadOptions {
            preset: self.preset,
            format: self.data_format.map(Format::from),
            text_key: self.text_key.clone(),
        };
        if self.limit == Some(0) {
            bail!("limit is 0, expected at least 1");
        }
        Source::open(&place, read)
    }

    /// How a corpus of a data set, or of none, is cut.
    pub fn cut(&self, preset: Option<Preset>, context: usize) -> CorpusOptions {
        self.cut.applied_to(match preset {
            Some(preset) => preset.options(context),
            None => CorpusOptions::new(context),
        })
    }

    /// The same for a report; none for tokens.
    pub fn cut_report(&self, preset: Option<Preset>, options: &CorpusOptions) -> Option<Cut> {
        let format = |format: DataFormat| Some(format.to_possible_value()?.get_name().to_string());
        self.data.as_ref().map(|_| Cut {
            preset: preset.map(|preset| preset.name().into()),
            data_format: self.data_format.and_then(format),
            text_key: self.text_key.clone(),
            wrap: options.wrap,
            insert_eos: options.insert_eos,
            insert_special: options.insert_special,
        })
    }

    /// Tokens of a sequence, if not the model's window.
    pub fn context(&self) -> Option<usize> {
        self.context
    }

    /// The data's name.
    pub fn name(&self) -> String {
        if self.data.as_deref() == Some("-") {
            return "stdin".into();
        }
        let path = self.ids.as_deref().or(self.data.as_deref().map(Path::new));
        let name = path.map(|path| path.file_name().unwrap_or(path.as_os_str()));
        name.unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Which of its sequences are evaluated.
    pub fn selection(&self) -> Selection {
        let Shard { index, count } = self.shard;
        Selection { shard: [index, count], limit: self.limit }
    }
}

impl CutArgs {
    fn applied_to(&self, paper: CorpusOptions) -> CorpusOptions {
        let wrap = match (self.wrap, self.no_wrap) {
            (_, true) => Wrap::OnePerDocument,
            (true, false) => Wrap::Wrapped,
            (false, false) => paper.wrap,
        };
        CorpusOptions {
            wrap,
            insert_eos: self.insert_eos.unwrap_or(paper.insert_eos),
            insert_special: self.insert_special.unwrap_or(paper.insert_special),
            ..paper
        }
    }
}
