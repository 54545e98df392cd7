//! Damage to the bytes of a file, drawn by proptest.

use std::path::Path;

use bdlm::eval::data::{DataFile, ReadOptions};
use proptest::prelude::*;

/// What may happen to bytes, at a part of their length.
#[derive(Clone, Debug)]
pub enum Damage {
    Set(u8),
    Cut,
    Remove(usize),
    Repeat(usize),
    Insert(&'static str),
}

/// What means something to a parser.
const TELLING: [&str; 20] = [
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "-1",
    "1e999",
    "null",
    "\n",
    "\r\n",
    "\u{feff}",
    "\0",
    "99999999999999999999",
    "NaN",
    "\\u",
    "\u{1f98a}",
    ";",
    "\t",
];

pub fn damages() -> impl Strategy<Value = Vec<(f64, Damage)>> {
    let damage = prop_oneof![
        4 => any::<u8>().prop_map(Damage::Set),
        1 => Just(Damage::Cut),
        2 => (1..40usize).prop_map(Damage::Remove),
        2 => (1..40usize).prop_map(Damage::Repeat),
        4 => prop::sample::select(TELLING.to_vec()).prop_map(Damage::Insert),
    ];
    prop::collection::vec((0.0..1.0, damage), 1..6)
}

/// The bytes with all damage done to the first `most` of them.
pub fn damaged(mut bytes: Vec<u8>, damages: &[(f64, Damage)], most: usize) -> Vec<u8> {
    for (place, damage) in damages {
        let at = (bytes.len().min(most) as f64 * place) as usize;
        let end = |count: usize| (at + count).min(bytes.len());
        match damage {
            Damage::Set(byte) => bytes.iter_mut().skip(at).take(1).for_each(|b| *b = *byte),
            Damage::Cut => bytes.truncate(at),
            Damage::Remove(count) => drop(bytes.drain(at..end(*count))),
            Damage::Repeat(count) => {
                let part = bytes[at..end(*count)].to_vec();
                bytes.splice(at..at, part);
            }
            Damage::Insert(text) => drop(bytes.splice(at..at, text.bytes())),
        }
    }
    bytes
}

/// Reads all documents of a file of this name.
pub fn read(name: &str, bytes: &[u8], options: &ReadOptions) -> bdlm::Result<Vec<String>> {
    let mut reader = bytes;
    DataFile::copied(Path::new(name), &mut reader)?.documents(options)?.collect()
}
