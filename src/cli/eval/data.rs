//! Where sequences come from, and which of them are evaluated.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use bdlm::eval::FirstToken;
use bdlm::eval::data::{Corpus, CorpusOptions, Documents, Preset, Wrap};
use bdlm::hub::Download;
use bdlm::sample::Engine;
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::cli::files::{Input, read};
use crate::cli::print::DownloadBar;
use crate::cli::process::hub_options;

/// A sequence with its index in the corpus.
pub struct Item {
    /// Counted over all shards.
    pub index: usize,
    /// Its tokens.
    pub ids: Vec<u32>,
}

/// Sequences to evaluate.
pub struct Items {
    /// One after the other, as they are needed.
    pub items: Box<dyn Iterator<Item = Result<Item>>>,
    /// How many there are at most, where it is known.
    pub count: Option<usize>,
    /// Tokens of the longest.
    pub context: usize,
    /// What happens to the first token of each.
    pub first: FirstToken,
}

/// Which sequences of the data are evaluated.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    /// Tokens of a sequence, if not the model's window.
    context: Option<usize>,
    limit: Option<usize>,
    /// Number of the shard, and of all.
    shard: Option<[usize; 2]>,
}

/// Which data.
#[derive(Args)]
#[command(next_help_heading = "Data")]
pub struct DataArgs {
    /// Text: a file (plain text, JSON lines, CSV, parquet), or a data set of the paper from the hub:
    /// wikitext2, wikitext103, ptb, lambada, lm1b, ag_news, pubmed, arxiv, openwebtext
    #[arg(long, value_name = "FILE|SET", required_unless_present = "ids", conflicts_with = "ids")]
    data: Option<String>,
    /// Read and cut the file like this data set
    #[arg(long, value_name = "SET", requires = "data", value_parser = preset)]
    preset: Option<Preset>,
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

impl Shard {
    /// True for sequences of this part.
    pub fn holds(self, index: usize) -> bool {
        index % self.count == self.index
    }
}

impl DataArgs {
    /// True if the data is text, which needs the model's tokenizer.
    pub fn is_text(&self) -> bool {
        self.data.is_some()
    }

    /// The sequences of this part.
    pub fn items(&self, engine: &Engine) -> Result<Items> {
        let (sequences, count, context, first) = match (&self.data, &self.ids) {
            (Some(name), _) => {
                let context = self.context.unwrap_or(engine.network().spec().window);
                (self.corpus(name, context, engine)?, None, context, FirstToken::Given)
            }
            (None, Some(path)) => {
                let (ids, [count, context]) = read_ids(path)?;
                let sequences = (0..count).map(move |i| Ok(ids[i * context..][..context].to_vec()));
                (Box::new(sequences) as Sequences, Some(count), context, FirstToken::Counted)
            }
            (None, None) => bail!("there is no data, expected --data or --ids"),
        };
        let (limit, shard) = (self.limit.unwrap_or(usize::MAX), self.shard);
        let items = sequences.take(limit).enumerate().filter(move |(i, _)| shard.holds(*i));
        let items = Box::new(items.map(|(index, ids)| Ok(Item { index, ids: ids? })));
        let all = count.or(self.limit).map(|count| count.min(limit));
        let count = all.map(|all| (0..all).filter(|&i| shard.holds(i)).count());
        Ok(Items { items, count, context, first })
    }

    fn corpus(&self, name: &str, context: usize, engine: &Engine) -> Result<Sequences> {
        let path = Path::new(name);
        let (documents, preset) = if path.exists() {
            (Documents::open(path, self.preset)?, self.preset)
        } else {
            let preset: Preset = name.parse()?;
            let mut bar = DownloadBar::default();
            let progress = &mut |d: &Download| bar.update(d);
            (Documents::fetch(preset, &hub_options(), progress)?, Some(preset))
        };
        let paper = match preset {
            Some(preset) => preset.options(context),
            None => CorpusOptions::new(context),
        };
        let options = self.cut.applied_to(paper);
        let tokenizer = engine
            .tokenizer()
            .context("this model has no tokenizer, which text needs; try --tokenizer FILE")?;
        Ok(Box::new(Corpus::new(documents, tokenizer.clone(), options)?.map(|ids| Ok(ids?))))
    }

    /// The data's name, with the options of its cut.
    pub fn name(&self) -> String {
        let as_preset = self.preset.map(|preset| format!(" as {preset}"));
        let cut = &self.cut;
        let flags = [
            as_preset,
            cut.no_wrap.then(|| " --no-wrap".into()),
            cut.insert_eos.map(|on| format!(" --insert-eos {on}")),
            cut.insert_special.map(|on| format!(" --insert-special {on}")),
        ];
        self.file_name() + &flags.into_iter().flatten().collect::<String>()
    }

    /// Which of its sequences are evaluated.
    pub fn selection(&self) -> Selection {
        let Shard { index, count } = self.shard;
        Selection {
            context: self.context,
            limit: self.limit,
            shard: (count > 1).then_some([index, count]),
        }
    }

    fn file_name(&self) -> String {
        let path = self.ids.as_deref().or(self.data.as_deref().map(Path::new));
        let name = path.map(|path| path.file_name().unwrap_or(path.as_os_str()));
        name.unwrap_or_default().to_string_lossy().into_owned()
    }
}

type Sequences = Box<dyn Iterator<Item = Result<Vec<u32>>>>;

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

fn read_ids(path: &Path) -> Result<(Vec<u32>, [usize; 2])> {
    let bytes = read(path)?;
    Input::new(path, &bytes)?.expect_ids()
}
