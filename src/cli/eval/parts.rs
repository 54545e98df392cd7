//! The lines of the journals of `ppl` and `blocks`, and what parts of an evaluation lack.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Result, bail};
use bdlm::eval::data::Counts;
use bdlm::eval::{SequenceResult, Settings};
use serde::{Deserialize, Serialize};

use crate::cli::eval::journal::{Contents, difference};
use crate::cli::eval::source::Selection;
use crate::cli::files::shown;

/// The command that evaluates one estimate.
pub const PPL: &str = "eval ppl";
/// The command that evaluates one for each block size.
pub const BLOCKS: &str = "eval blocks";

/// The first line.
#[derive(Clone, Serialize, Deserialize)]
pub struct Head {
    /// Which sequences.
    #[serde(flatten)]
    pub selection: Selection,
    /// What is computed of each: one of `ppl`, one for each block size of `blocks`.
    pub evaluations: Vec<Settings>,
}

/// Another line.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Line {
    /// All sequences of an evaluation are finished.
    End(End),
    /// One of them is.
    Sequence(Sequence),
}

/// The end of an evaluation of a part.
#[derive(Clone, Serialize, Deserialize)]
pub struct End {
    /// Index of the evaluation in the head.
    pub evaluation: usize,
    /// Sequences of all parts.
    pub all_sequences: usize,
    /// What became of the documents.
    pub counts: Option<Counts>,
}

/// The result of a sequence.
#[derive(Clone, Serialize, Deserialize)]
pub struct Sequence {
    /// Index of the evaluation in the head.
    pub evaluation: usize,
    /// The result.
    #[serde(flatten)]
    pub result: SequenceResult,
}

/// The results of an evaluation, each sequence once, and its end if it was reached.
pub fn of_evaluation(lines: &[Line], evaluation: usize) -> (Vec<SequenceResult>, Option<End>) {
    let (mut results, mut end, mut known) = (Vec::new(), None, BTreeSet::new());
    for line in lines {
        match line {
            Line::End(found) if found.evaluation == evaluation => end = Some(found.clone()),
            // What two processes wrote at once may be there twice: the first counts.
            Line::Sequence(found)
                if found.evaluation == evaluation && known.insert(found.result.index) =>
            {
                results.push(found.result.clone());
            }
            _ => {}
        }
    }
    (results, end)
}

/// A journal of a part.
pub struct Part {
    path: PathBuf,
    /// The command that wrote it.
    pub command: String,
    /// Its first line.
    pub head: Head,
    lines: Vec<Line>,
}

/// Reads the journals of parts of one evaluation.
pub fn read_parts(paths: &[PathBuf]) -> Result<Vec<Part>> {
    let mut parts: Vec<Part> = Vec::new();
    let mut first: Option<serde_json::Value> = None;
    for path in paths {
        let Contents { head, results } = Contents::read(path, &[PPL, BLOCKS])?;
        if let Some(first) = &first
            && let Some(differs) = difference(&head, first, &["shard"])
        {
            let (path, first) = (shown(path), shown(&paths[0]));
            bail!("{path} is the journal of another evaluation than {first}: {differs}");
        }
        let command = if head["journal"] == BLOCKS { BLOCKS } else { PPL }.to_string();
        let Ok(parsed) = serde_json::from_value::<Head>(head.clone()) else {
            bail!("{}: line 1 is of another version of bdlm", shown(path));
        };
        first.get_or_insert(head);
        parts.push(Part { path: path.clone(), command, head: parsed, lines: results });
    }
    check_split(&parts)?;
    Ok(parts)
}

/// Fails for parts of different splits, or a part that is there twice.
fn check_split(parts: &[Part]) -> Result<()> {
    for (i, part) in parts.iter().enumerate() {
        let [shard_idx, n_shards] = part.head.selection.shard;
        for before in &parts[..i] {
            let [other_idx, n_others] = before.head.selection.shard;
            let (path, other) = (shown(&part.path), shown(&before.path));
            if n_shards != n_others {
                bail!(
                    "{path} is part {shard_idx} of {n_shards}, {other} is part {other_idx} of \
                     {n_others}: parts of one split are expected"
                );
            }
            if shard_idx == other_idx {
                let (mine, theirs) = (part.first_index(), before.first_index());
                let which = mine.filter(|index| theirs == Some(*index));
                let twice = which.map(|i| format!(": sequence {i} appears twice"));
                bail!(
                    "{path} is part {shard_idx} of {n_shards}, as {other} is{}",
                    twice.unwrap_or_default()
                );
            }
        }
    }
    Ok(())
}

/// The results of one evaluation, of all parts.
pub struct Joined {
    /// In the order of the parts.
    pub results: Vec<SequenceResult>,
    /// What became of the documents, if an end was reached.
    pub counts: Option<Counts>,
    /// What is missing, in words; empty if nothing is.
    pub missing: Vec<String>,
}

/// Puts one evaluation's results together.
pub fn joined(parts: &[Part], evaluation: usize) -> Result<Joined> {
    let mut joined = Joined { results: Vec::new(), counts: None, missing: Vec::new() };
    let mut all: Option<End> = None;
    let mut unfinished = Vec::new();
    for part in parts {
        let (results, end) = of_evaluation(&part.lines, evaluation);
        if let (Some(end), Some(other)) = (&end, &all)
            && end.all_sequences != other.all_sequences
        {
            let (n, others) = (end.all_sequences, other.all_sequences);
            let path = shown(&part.path);
            bail!("{path} is of {n} sequences, the parts before it are of {others}");
        }
        if end.is_none() {
            unfinished.push((part, results.len()));
        }
        all = all.or(end);
        joined.results.extend(results);
    }
    for (part, n_done) in unfinished {
        joined.missing.push(part.what_it_lacks(n_done, all.as_ref()));
    }
    let n_shards = parts.first().map_or(1, |part| part.head.selection.shard[1]);
    let there: BTreeSet<usize> = parts.iter().map(|part| part.head.selection.shard[0]).collect();
    // A part of more than there are sequences is empty: it lacks nothing.
    let n_with_any = all.as_ref().map_or(n_shards, |end| n_shards.min(end.all_sequences));
    let absent: Vec<usize> = (0..n_with_any).filter(|idx| !there.contains(idx)).collect();
    if !absent.is_empty() {
        joined.missing.push(absent_words(&absent, n_shards));
    }
    joined.counts = all.and_then(|end| end.counts);
    Ok(joined)
}

impl Part {
    fn first_index(&self) -> Option<usize> {
        of_evaluation(&self.lines, 0).0.first().map(|result| result.index)
    }

    /// For a part that did not reach its end.
    fn what_it_lacks(&self, n_done: usize, all: Option<&End>) -> String {
        let path = shown(&self.path);
        let Some(all) = all else {
            return format!("{path} did not reach its end: it has {n_done} sequences");
        };
        let selection = self.head.selection;
        let n = (0..all.all_sequences).filter(|&index| selection.holds(index)).count();
        format!("{path} did not reach its end: it has {n_done} of {n} sequences")
    }
}

/// Parts that are not there; not all of thousands.
fn absent_words(absent: &[usize], n_shards: usize) -> String {
    const MOST: usize = 10;
    let mut words: Vec<String> = absent.iter().take(MOST).map(ToString::to_string).collect();
    if absent.len() > MOST {
        words.push(format!("and {} more", absent.len() - MOST));
    }
    match absent {
        [one] => format!("part {one} of {n_shards} is missing"),
        _ => format!("parts {} of {n_shards} are missing", words.join(", ")),
    }
}
