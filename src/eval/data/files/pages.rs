//! The texts in the pages of a parquet column. A page's claims about itself are not trusted: a
//! damaged one gives an error, where the decoders of the parquet crate may end the program.
//!
//! Source: the specification of the Parquet format, "Data Pages" and "Encodings".

use parquet::basic::Encoding;
use parquet::column::page::Page;

/// More rows than any writer puts in a page: a claim of more is not allocated.
const MOST_ROWS: usize = 1 << 24;

/// What is wrong with a page.
type Fault = String;

/// What is known of a column when one of its pages is read.
pub struct Pages {
    /// True if a row can lack a text; a page then begins with a level per row, 1 if it has one.
    pub is_optional: bool,
    /// Texts that pages name by their index.
    pub dictionary: Option<Vec<Vec<u8>>>,
}

impl Pages {
    /// The texts of a page, empty for rows that lack one; none if the page is the dictionary.
    pub fn read(&mut self, page: &Page) -> Result<Vec<Vec<u8>>, Fault> {
        let n_rows = page.num_values() as usize;
        if n_rows > MOST_ROWS {
            return Err(format!("a page claims {n_rows} rows, expected at most {MOST_ROWS}"));
        }
        let (levels, values) = match page {
            Page::DictionaryPage { buf, .. } => {
                self.dictionary = Some(plain(buf, n_rows)?);
                return Ok(Vec::new());
            }
            Page::DataPage { buf, .. } if self.is_optional => {
                let (length, rest) = take(buf, 4)?;
                take(rest, number(length))?
            }
            Page::DataPage { buf, .. } => (&[][..], &buf[..]),
            Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, .. } => {
                let (_, rest) = take(buf, *rep_levels_byte_len as usize)?;
                take(rest, *def_levels_byte_len as usize)?
            }
        };
        if !self.is_optional {
            return self.values(values, page.encoding(), n_rows);
        }
        let levels = runs(levels, 1, n_rows)?;
        let n_texts = levels.iter().filter(|level| **level == 1).count();
        let mut texts = self.values(values, page.encoding(), n_texts)?.into_iter();
        let row = |level| if level == 1 { texts.next().unwrap_or_default() } else { Vec::new() };
        Ok(levels.into_iter().map(row).collect())
    }

    fn values(&self, bytes: &[u8], encoding: Encoding, n: usize) -> Result<Vec<Vec<u8>>, Fault> {
        match encoding {
            Encoding::PLAIN => plain(bytes, n),
            #[allow(deprecated, reason = "it is the same encoding in a data page")]
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => {
                if n == 0 {
                    return Ok(Vec::new());
                }
                let dictionary = self.dictionary.as_ref().ok_or("a page lacks its dictionary")?;
                let (bits, bytes) = take(bytes, 1)?;
                let indices = runs(bytes, number(bits), n)?.into_iter();
                let texts = indices.map(|idx| dictionary.get(idx as usize).cloned());
                texts
                    .collect::<Option<_>>()
                    .ok_or("a page refers to an entry that its dictionary lacks".into())
            }
            other => Err(format!("its texts are written as {other}, expected plain or dictionary")),
        }
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

/// Numbers of `bits` bits, in runs of one number and groups of eight. A run begins with twice its
/// length, groups with twice their count plus one.
fn runs(mut bytes: &[u8], bits: usize, n: usize) -> Result<Vec<u32>, Fault> {
    if bits > 32 {
        return Err(format!("a page has numbers of {bits} bits, expected at most 32"));
    }
    let mut numbers = Vec::new();
    while numbers.len() < n {
        let header = variable_number(&mut bytes)?;
        let (count, left) = (header / 2, n - numbers.len());
        if count == 0 {
            return Err("a page has a run of nothing".into());
        }
        if header % 2 == 0 {
            let (repeated, rest) = take(bytes, bits.div_ceil(8))?;
            numbers.extend(std::iter::repeat_n(number(repeated) as u32, count.min(left)));
            bytes = rest;
        } else {
            let (groups, rest) = take(bytes, count.saturating_mul(bits))?;
            let group_numbers = count.saturating_mul(8).min(left);
            numbers.extend((0..group_numbers).map(|i| packed(groups, i * bits, bits)));
            bytes = rest;
        }
    }
    Ok(numbers)
}

/// The number in `bits` bits from a bit on, the lowest first.
fn packed(bytes: &[u8], start: usize, bits: usize) -> u32 {
    let bit = |at: usize| u32::from(bytes[at / 8] >> (at % 8) & 1);
    (0..bits).fold(0, |number, i| number | bit(start + i) << i)
}

/// A number in groups of seven bits, the lowest first; all but the last have the eighth set.
fn variable_number(bytes: &mut &[u8]) -> Result<usize, Fault> {
    let mut number = 0u64;
    for shift in (0..35).step_by(7) {
        let (byte, rest) = take(bytes, 1)?;
        *bytes = rest;
        number |= u64::from(byte[0] & 0x7f) << shift;
        if byte[0] < 0x80 {
            return usize::try_from(number).map_err(|e| e.to_string());
        }
    }
    Err("a page has a run of endless length".into())
}

/// A number of up to four bytes, the lowest first.
fn number(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

fn take(bytes: &[u8], n: usize) -> Result<(&[u8], &[u8]), Fault> {
    bytes.split_at_checked(n).ok_or_else(|| {
        format!("a page ends too early: it needs {n} bytes where {} are left", bytes.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_groups_are_both_read() {
        // The specification's example: 0 to 7 in three bits each.
        assert_eq!(runs(&[3, 0x88, 0xc6, 0xfa], 3, 8).unwrap(), [0, 1, 2, 3, 4, 5, 6, 7]);
        // Three nines in five bits, then a group of which two are wanted.
        let mixed = [6, 9, 3, 0b0110_0010, 0, 0, 0, 0];
        assert_eq!(runs(&mixed, 5, 5).unwrap(), [9, 9, 9, 2, 3]);
        assert_eq!(runs(&[0x80 | 0x48, 1, 7], 3, 100).unwrap(), [7; 100]);
        assert_eq!(runs(&[8], 0, 4).unwrap(), [0; 4]);
        assert_eq!(runs(&[], 1, 0).unwrap(), [0u32; 0]);
    }

    #[test]
    fn runs_that_cannot_be_are_refused() {
        let refused = |bytes: &[u8], bits| runs(bytes, bits, 9).unwrap_err();
        assert!(refused(&[], 1).contains("ends too early"));
        assert!(refused(&[3, 0x88], 3).contains("ends too early"));
        assert!(refused(&[0, 0], 1).contains("run of nothing"));
        assert!(refused(&[2, 0], 33).contains("33 bits"));
        assert!(refused(&[0xff; 9], 1).contains("endless"));
    }
}
