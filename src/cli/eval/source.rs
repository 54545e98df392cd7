//! Where sequences come from: data that is opened once, and read as often as need be.

use std::io;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use bdlm::eval::FirstToken;
use bdlm::eval::data::{Corpus, CorpusOptions, Counts, DataFile, Documents, Preset, ReadOptions};
use bdlm::hub::{Download, Sha256};
use bdlm::sample::Engine;
use serde::{Deserialize, Serialize};

use crate::cli::files::{Input, read};
use crate::cli::print::DownloadBar;
use crate::cli::process::hub_options;

/// Which part of the sequences is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Number of the shard, and of all.
    pub shard: [usize; 2],
    /// The first so many of the corpus only.
    pub limit: Option<usize>,
}

impl Selection {
    /// True for sequences of this part.
    pub fn holds(&self, index: usize) -> bool {
        let [shard_idx, n_shards] = self.shard;
        index % n_shards.max(1) == shard_idx
    }
}

/// What names the data.
pub enum Place<'a> {
    /// A file, `-` for stdin, or a data set.
    Text(&'a str),
    /// A file of tokens.
    Ids(&'a Path),
}

/// Data that was opened.
pub struct Source {
    kind: Kind,
    read: ReadOptions,
    /// Digest of its bytes.
    pub sha256: String,
}

enum Kind {
    File(DataFile),
    Hub(Preset),
    Ids { ids: Vec<u32>, shape: [usize; 2] },
}

/// A sequence with its index in the corpus.
pub struct Item {
    /// Counted over all shards.
    pub index: usize,
    /// Its tokens.
    pub ids: Vec<u32>,
}

impl Source {
    /// Opens data; the text of a data set is downloaded if it is not cached.
    pub fn open(place: &Place, mut read_as: ReadOptions) -> Result<Source> {
        let (kind, sha256) = match place {
            Place::Ids(path) => {
                let bytes = read(path)?;
                let (ids, shape) = Input::new(path, &bytes)?.expect_ids()?;
                (Kind::Ids { ids, shape }, Sha256::of(&bytes))
            }
            Place::Text(name) => {
                let path = Path::new(name);
                let file = match *name {
                    "-" => Some(DataFile::copied(Path::new("stdin"), &mut io::stdin().lock())?),
                    _ if path.exists() => Some(DataFile::open(path)?),
                    _ => None,
                };
                match file {
                    Some(mut file) => {
                        let sha256 = file.sha256()?;
                        (Kind::File(file), sha256)
                    }
                    None => {
                        let preset: Preset = name.parse()?;
                        ensure!(
                            read_as == ReadOptions::default(),
                            "{name} is a data set of the hub: what says how to read a file does \
                             not apply to it"
                        );
                        read_as.preset = Some(preset);
                        let (_, sha256) = fetch(preset)?;
                        (Kind::Hub(preset), sha256)
                    }
                }
            }
        };
        Ok(Source { kind, read: read_as, sha256 })
    }

    /// The data set that it is of.
    pub fn preset(&self) -> Option<Preset> {
        self.read.preset
    }

    /// Tokens of its sequences, where it says so itself.
    pub fn context(&self) -> Option<usize> {
        match self.kind {
            Kind::Ids { shape: [_, context], .. } => Some(context),
            _ => None,
        }
    }

    /// What happens to the first token of each sequence.
    pub fn first(&self) -> FirstToken {
        match self.kind {
            Kind::Ids { .. } => FirstToken::Counted,
            _ => FirstToken::Given,
        }
    }

    /// The selected sequences, from the beginning.
    pub fn items(
        &self,
        engine: &Engine,
        options: CorpusOptions,
        selection: Selection,
    ) -> Result<Items> {
        let documents = match &self.kind {
            Kind::Ids { ids, shape: [count, context] } => {
                let rows = ids.chunks((*context).max(1)).take(*count).map(<[u32]>::to_vec);
                let rows: Vec<Vec<u32>> = rows.collect();
                let sequences = Sequences::Ids(rows.into_iter());
                return Ok(Items { sequences, selection, n_seen: 0, n_known: Some(*count) });
            }
            Kind::File(file) => file.again()?.documents(&self.read)?,
            Kind::Hub(preset) => fetch(*preset)?.0,
        };
        let tokenizer = engine
            .tokenizer()
            .context("this model has no tokenizer, which text needs; try --tokenizer FILE")?;
        let corpus = Corpus::new(documents, tokenizer.clone(), options)?;
        let sequences = Sequences::Text(Box::new(corpus), engine.clone());
        Ok(Items { sequences, selection, n_seen: 0, n_known: None })
    }
}

fn fetch(preset: Preset) -> Result<(Documents, String)> {
    let mut bar = DownloadBar::default();
    let progress = &mut |d: &Download| bar.update(d);
    Ok(Documents::fetch_with_digest(preset, &hub_options(), progress)?)
}

/// Sequences to evaluate, one after the other, as they are needed.
pub struct Items {
    sequences: Sequences,
    selection: Selection,
    /// Sequences of all shards that were gone through.
    n_seen: usize,
    /// Sequences of the corpus, if that is known before its end.
    n_known: Option<usize>,
}

enum Sequences {
    /// With the model that they are for.
    Text(Box<Corpus>, Engine),
    Ids(std::vec::IntoIter<Vec<u32>>),
}

impl Items {
    /// How many there are at most, where it is known.
    pub fn n_expected(&self) -> Option<usize> {
        let all = self.n_known.or(self.selection.limit)?;
        let all = all.min(self.selection.limit.unwrap_or(all));
        let [shard_idx, n_shards] = self.selection.shard;
        Some(all.saturating_sub(shard_idx).div_ceil(n_shards.max(1)))
    }

    /// Sequences of all shards, after the last was given.
    pub fn n_sequences(&self) -> usize {
        self.n_seen
    }

    /// What became of the documents, after the last was given; none for tokens.
    pub fn counts(&self) -> Option<Counts> {
        match &self.sequences {
            Sequences::Text(corpus, _) => Some(corpus.counts()),
            Sequences::Ids(_) => None,
        }
    }
}

impl Iterator for Items {
    type Item = Result<Item>;

    fn next(&mut self) -> Option<Result<Item>> {
        loop {
            let index = self.n_seen;
            if self.selection.limit.is_some_and(|limit| index >= limit) {
                return None;
            }
            let ids = match &mut self.sequences {
                Sequences::Text(corpus, engine) => corpus.next()?.and_then(|ids| {
                    engine.check_tokens(&ids)?;
                    Ok(ids)
                }),
                Sequences::Ids(rows) => Ok(rows.next()?),
            };
            self.n_seen += 1;
            match ids {
                Ok(_) if !self.selection.holds(index) => {}
                ids => return Some(ids.map(|ids| Item { index, ids }).map_err(Into::into)),
            }
        }
    }
}
