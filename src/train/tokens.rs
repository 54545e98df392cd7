//! The tokens of a text, and the sequences that they are cut into. Knows no files.

use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::hub::FileBytes;
use crate::train::permutation::Permutation;
use crate::{Advice, Error, Fault, Result};

/// Where sequences begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cut {
    /// One behind the other: the documents, joined, are cut where a sequence is full.
    #[default]
    Wrapped,
    /// At the end-of-text token before each document, and in longer documents again where a sequence
    /// is full. Shorter documents are followed by the next ones.
    Documents,
}

/// Tokens, one behind the other: each document follows an end-of-text token, and another one ends the
/// last.
#[derive(Clone)]
pub struct Tokens {
    source: Arc<Source>,
}

enum Source {
    Memory(Vec<u32>),
    /// Words of 32 bits, lowest byte first, from a byte on.
    #[cfg_attr(target_arch = "wasm32", allow(dead_code, reason = "a browser has no files"))]
    Mapped(FileBytes, usize),
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("len", &self.len()).finish()
    }
}

impl Tokens {
    /// Tokens that are here already.
    pub fn new(ids: Vec<u32>) -> Tokens {
        Tokens { source: Arc::new(Source::Memory(ids)) }
    }

    /// Tokens of a file, four bytes each, lowest first, from byte `at` on.
    #[cfg_attr(target_arch = "wasm32", allow(dead_code, reason = "a browser has no files"))]
    pub(in crate::train) fn mapped(file: FileBytes, at: usize) -> Tokens {
        Tokens { source: Arc::new(Source::Mapped(file, at)) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match &*self.source {
            Source::Memory(ids) => ids.len(),
            Source::Mapped(file, at) => (file.len() - at) / 4,
        }
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tokens `from .. from + count`, fewer at the end.
    pub fn range(&self, from: usize, count: usize) -> Vec<u32> {
        let end = (from + count).min(self.len());
        match &*self.source {
            Source::Memory(ids) => ids[from.min(end)..end].to_vec(),
            Source::Mapped(file, at) => {
                let bytes = &file.deref()[at + 4 * from.min(end)..at + 4 * end];
                bytes.as_chunks::<4>().0.iter().map(|&b| u32::from_le_bytes(b)).collect()
            }
        }
    }
}

/// Sequences of the same length.
#[derive(Clone, Debug)]
pub struct Sequences {
    tokens: Tokens,
    length: usize,
    /// Where sequences begin; none if one behind the other.
    starts: Option<Arc<[usize]>>,
}

impl Sequences {
    /// Cuts tokens into sequences of `length`; `end` is the end-of-text token.
    ///
    /// # Errors
    /// [`Error::Request`] if there is not one sequence.
    pub fn new(tokens: Tokens, length: usize, cut: Cut, end: u32) -> Result<Sequences> {
        let got = tokens.len();
        if length == 0 || got < length {
            let fault = format!("the text has {got} tokens, a sequence needs {}", length.max(1));
            return Err(Error::Request(Fault::from(fault).advise(Advice::SmallerContext)));
        }
        let starts = match cut {
            Cut::Wrapped => None,
            Cut::Documents => Some(starts(&tokens, length, end).into()),
        };
        Ok(Sequences { tokens, length, starts })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.starts.as_ref().map_or(self.tokens.len() / self.length, |starts| starts.len())
    }

    /// False: there is at least one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tokens of a sequence.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Sequence number `i` of the text.
    pub fn get(&self, i: usize) -> Vec<u32> {
        let start = self.starts.as_ref().map_or(i * self.length, |starts| starts[i]);
        self.tokens.range(start, self.length)
    }

    /// Sequences `from .. from + count` of a run that goes through the data epoch after epoch, each in
    /// an order of its own.
    pub fn shuffled(&self, seed: u64, from: u64, count: usize) -> Vec<Vec<u32>> {
        let all = self.len() as u64;
        let at = |i: u64| Permutation::new(all, seed, i / all).at(i % all);
        (from..from + count as u64).map(|i| self.get(at(i) as usize)).collect()
    }
}

/// Where documents begin, and what follows where they are longer than a sequence.
fn starts(tokens: &Tokens, length: usize, end: u32) -> Vec<usize> {
    let last = tokens.len() - length;
    let (mut starts, mut next) = (Vec::new(), 0);
    for (i, id) in tokens.range(0, tokens.len()).into_iter().enumerate().take(last + 1) {
        if id == end || i == next {
            starts.push(i);
            next = i + length;
        }
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: u32 = 0;

    fn cut(ids: &[u32], length: usize, cut: Cut) -> Vec<Vec<u32>> {
        let sequences = Sequences::new(Tokens::new(ids.to_vec()), length, cut, END).unwrap();
        (0..sequences.len()).map(|i| sequences.get(i)).collect()
    }

    #[test]
    fn texts_are_cut_one_behind_the_other_or_where_documents_begin() {
        let ids = [END, 1, 2, 3, 4, 5, 6, 7, END, 8, 9, END];
        assert_eq!(cut(&ids, 5, Cut::Wrapped), [vec![END, 1, 2, 3, 4], vec![5, 6, 7, END, 8]]);
        let wanted = [vec![END, 1, 2, 3], vec![4, 5, 6, 7], vec![END, 8, 9, END]];
        assert_eq!(cut(&ids, 4, Cut::Documents), wanted);
        let too_short = Sequences::new(Tokens::new(vec![1, 2]), 3, Cut::Wrapped, END).unwrap_err();
        assert!(too_short.to_string().contains("2 tokens, a sequence needs 3"));
    }

    #[test]
    fn mapped_tokens_are_those_in_memory() {
        let ids: Vec<u32> = (0..50).map(|i| i * 70_000).collect();
        let bytes: Vec<u8> =
            [7; 3].into_iter().chain(ids.iter().flat_map(|id| id.to_le_bytes())).collect();
        let mapped = Tokens::mapped(FileBytes::new("x", bytes), 3);
        let here = Tokens::new(ids);
        for (from, count) in [(0, 50), (3, 7), (45, 10), (60, 2)] {
            assert_eq!(mapped.range(from, count), here.range(from, count));
        }
        assert_eq!(mapped.len(), 50);
    }

    #[test]
    fn an_epoch_has_every_sequence_once() {
        let ids: Vec<u32> = (0..40).collect();
        let sequences = Sequences::new(Tokens::new(ids), 4, Cut::Wrapped, END).unwrap();
        let mut epoch = sequences.shuffled(1, 0, 10);
        assert_ne!(epoch, sequences.shuffled(1, 10, 10));
        let mixed = [sequences.shuffled(1, 0, 7), sequences.shuffled(1, 7, 3)].concat();
        assert_eq!(epoch, mixed, "any part of a run can be had");
        epoch.sort();
        let all: Vec<Vec<u32>> = (0..10).map(|i| sequences.get(i)).collect();
        assert_eq!(epoch, all);
    }
}
