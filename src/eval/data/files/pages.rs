//! The texts in the pages of a parquet column. A page's claims about itself are not trusted: a
//! damaged one gives an error, where the decoders of the parquet crate may end the program.
//!
//! Source: the specification of the Parquet format, "Data Pages" and "Encodings".

use parquet::basic::Encoding;
use parquet::column::page::Page;

use crate::eval::data::files::bits::{Fault, deltas, number, runs, take};

/// More rows than any writer puts in a page: a claim of more is not allocated.
const MOST_ROWS: usize = 1 << 24;

/// What is known of a column when one of its pages is read.
pub struct Pages {
    /// Levels of a row that has a text; less where the text, or what it is in, is missing.
    pub definition: u32,
    /// 1 if a row is a list of texts, 0 if it is a text.
    pub repetition: u32,
    /// Texts that pages name by their index.
    pub dictionary: Option<Vec<Vec<u8>>>,
    /// A list that may go on in the next page.
    list: Option<Vec<u8>>,
}

impl Pages {
    /// Those of a column whose rows have so many levels.
    pub fn new(definition: u32, repetition: u32) -> Pages {
        Pages { definition, repetition, dictionary: None, list: None }
    }

    /// The texts of a page, empty for rows that lack one, paragraphs of lists joined by newlines;
    /// none if the page is the dictionary.
    pub fn read(&mut self, page: &Page) -> Result<Vec<Vec<u8>>, Fault> {
        let n = page.num_values() as usize;
        if n > MOST_ROWS {
            return Err(format!("a page claims {n} rows, expected at most {MOST_ROWS}"));
        }
        if let Page::DictionaryPage { buf, .. } = page {
            self.dictionary = Some(plain(buf, n)?);
            return Ok(Vec::new());
        }
        let [repetitions, definitions, values] = self.parts(page)?;
        let definitions = levels(definitions, self.definition, n)?;
        let n_texts = definitions.iter().filter(|level| **level == self.definition).count();
        let mut texts = self.values(values, page.encoding(), n_texts)?.into_iter();
        let mut text = |level: u32| {
            if level == self.definition { texts.next() } else { None }
        };
        if self.repetition == 0 {
            return Ok(definitions.into_iter().map(|l| text(l).unwrap_or_default()).collect());
        }
        let repetitions = levels(repetitions, self.repetition, n)?;
        let mut rows = Vec::new();
        let mut list = self.list.take();
        for (repetition, definition) in repetitions.into_iter().zip(definitions) {
            let found = text(definition);
            if repetition == 0 {
                rows.extend(list.replace(found.unwrap_or_default()));
            } else if let (Some(list), Some(found)) = (&mut list, found) {
                list.push(b'\n');
                list.extend(found);
            }
        }
        self.list = list;
        Ok(rows)
    }

    /// Ends a row group: its last list, and no dictionary for the next.
    pub fn end_group(&mut self) -> Option<Vec<u8>> {
        self.dictionary = None;
        self.list.take()
    }

    /// Levels of repetition, of definition, and the texts.
    fn parts<'p>(&self, page: &'p Page) -> Result<[&'p [u8]; 3], Fault> {
        if let Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, .. } = page {
            let (repetitions, rest) = take(buf, *rep_levels_byte_len as usize)?;
            let (definitions, values) = take(rest, *def_levels_byte_len as usize)?;
            return Ok([repetitions, definitions, values]);
        }
        let part = |bytes: &'p [u8], most: u32| {
            if most == 0 {
                return Ok((&bytes[..0], bytes));
            }
            let (length, rest) = take(bytes, 4)?;
            take(rest, number(length))
        };
        let (repetitions, rest) = part(page.buffer(), self.repetition)?;
        let (definitions, values) = part(rest, self.definition)?;
        Ok([repetitions, definitions, values])
    }

    fn values(&self, bytes: &[u8], encoding: Encoding, n: usize) -> Result<Vec<Vec<u8>>, Fault> {
        // A page of nothing but gaps may hold no byte for them.
        if n == 0 {
            return Ok(Vec::new());
        }
        match encoding {
            Encoding::PLAIN => plain(bytes, n),
            Encoding::DELTA_LENGTH_BYTE_ARRAY => joined(bytes, n),
            Encoding::DELTA_BYTE_ARRAY => prefixed(bytes, n),
            #[allow(deprecated, reason = "it is the same encoding in a data page")]
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => {
                let dictionary = self.dictionary.as_ref().ok_or("a page lacks its dictionary")?;
                let (bits, bytes) = take(bytes, 1)?;
                let indices = runs(bytes, number(bits), n)?.into_iter();
                let texts = indices.map(|idx| dictionary.get(idx as usize).cloned());
                texts
                    .collect::<Option<_>>()
                    .ok_or("a page refers to an entry that its dictionary lacks".into())
            }
            other => Err(format!("its texts are written as {other}, which no writer does")),
        }
    }
}

/// Levels of up to `most`; all 0 where no other is possible.
fn levels(bytes: &[u8], most: u32, n: usize) -> Result<Vec<u32>, Fault> {
    match most {
        0 => Ok(vec![0; n]),
        most => runs(bytes, most.ilog2() as usize + 1, n),
    }
}

/// Texts one after the other, each after its length.
fn plain(mut bytes: &[u8], n: usize) -> Result<Vec<Vec<u8>>, Fault> {
    let text = |_| {
        let (length, rest) = take(bytes, 4)?;
        let (text, rest) = take(rest, number(length))?;
        bytes = rest;
        Ok(text.to_vec())
    };
    (0..n).map(text).collect()
}

/// All lengths, then the texts one after the other.
fn joined(bytes: &[u8], n: usize) -> Result<Vec<Vec<u8>>, Fault> {
    let (lengths, mut bytes) = deltas(bytes, n)?;
    let text = |length| {
        let (text, rest) = take(bytes, length)?;
        bytes = rest;
        Ok(text.to_vec())
    };
    lengths.into_iter().map(text).collect()
}

/// Texts without what they share with the beginning of the one before.
fn prefixed(bytes: &[u8], n: usize) -> Result<Vec<Vec<u8>>, Fault> {
    let (prefixes, bytes) = deltas(bytes, n)?;
    let mut texts: Vec<Vec<u8>> = Vec::new();
    for (n_shared, rest) in prefixes.into_iter().zip(joined(bytes, n)?) {
        let before = texts.last().map(Vec::as_slice).unwrap_or_default();
        let (shared, _) = take(before, n_shared)?;
        texts.push([shared, &rest].concat());
    }
    Ok(texts)
}
