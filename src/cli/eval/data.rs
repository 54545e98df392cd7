//! Where sequences come from, and which of them are ours.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Result;
use clap::Args;

use crate::cli::files::{Input, read};

/// A sequence with its index in the corpus.
pub struct Item {
    /// Counted before shards are dealt out.
    pub index: usize,
    /// Its tokens.
    pub ids: Vec<u32>,
}

/// Sequences, and their number where it is known.
pub struct Items {
    /// One after the other, as they are needed.
    pub items: Box<dyn Iterator<Item = Result<Item>>>,
    /// How many there are.
    pub count: Option<usize>,
    /// Tokens of the longest.
    pub context: usize,
}

/// Which data.
#[derive(Args)]
#[command(next_help_heading = "Data")]
pub struct DataArgs {
    /// Tokens as they are, a safetensors file with `ids` [B, n] int64: nothing is inserted, every
    /// token is counted
    #[arg(long, value_name = "FILE")]
    pub ids: PathBuf,
    /// Tokens of a sequence [default: the model's window]
    #[arg(long, value_name = "N")]
    pub context: Option<usize>,
    /// Only the first sequences
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Only every n-th sequence, beginning with number I: a part of the evaluation
    #[arg(long, value_name = "I/N", default_value = "0/1", hide_default_value = true)]
    pub shard: Shard,
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
    /// The sequences of this part.
    pub fn items(&self) -> Result<Items> {
        let (ids, [count, context]) = read_ids(&self.ids)?;
        let count = self.limit.unwrap_or(count).min(count);
        let shard = self.shard;
        let ours = move |index: &usize| shard.holds(*index);
        let item = move |index: usize| {
            Ok(Item { index, ids: ids[index * context..(index + 1) * context].to_vec() })
        };
        let items = Box::new((0..count).filter(ours).map(item));
        Ok(Items { items, count: Some((0..count).filter(ours).count()), context })
    }

    /// The data's name.
    pub fn name(&self) -> String {
        let name = self.ids.file_name().unwrap_or(self.ids.as_os_str());
        name.to_string_lossy().into_owned()
    }
}

fn read_ids(path: &Path) -> Result<(Vec<u32>, [usize; 2])> {
    let bytes = read(path)?;
    Input::new(path, &bytes)?.expect_ids()
}
