//! Numbers as parquet packs them: runs, groups of bits, deltas. No length is trusted.
//!
//! Source: the specification of the Parquet format, "Encodings".

/// What is wrong with a page.
pub type Fault = String;

/// Numbers of `bits` bits, in runs of one number and groups of eight. A run begins with twice its
/// length, groups with twice their count plus one.
pub fn runs(mut bytes: &[u8], bits: usize, n: usize) -> Result<Vec<u32>, Fault> {
    check_width(bits)?;
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

/// Lengths as differences, in blocks of a least difference and groups of what it lacks; and what
/// follows them. There must be `n`.
pub fn deltas(mut bytes: &[u8], n: usize) -> Result<(Vec<usize>, &[u8]), Fault> {
    let block = variable_number(&mut bytes)?;
    let groups = variable_number(&mut bytes)?;
    let count = variable_number(&mut bytes)?;
    let mut last = zigzag(&mut bytes)?;
    if count != n {
        return Err(format!("a page has {count} lengths, expected {n}"));
    }
    if groups == 0 || block % groups != 0 || block / groups % 8 != 0 || block == 0 {
        return Err(format!("a page has blocks of {block} numbers in {groups} groups"));
    }
    let mut lengths = Vec::new();
    lengths.extend((n > 0).then_some(last));
    while lengths.len() < n {
        let least = zigzag(&mut bytes)?;
        let (widths, rest) = take(bytes, groups)?;
        bytes = rest;
        for &bits in widths {
            let bits = usize::from(bits);
            // The last block may end in groups that nothing is read from, of any width.
            if lengths.len() >= n {
                break;
            }
            check_width(bits)?;
            let (group, rest) = take(bytes, block / groups / 8 * bits)?;
            bytes = rest;
            for i in 0..(block / groups).min(n - lengths.len()) {
                let delta = least.wrapping_add(packed(group, i * bits, bits).cast_signed());
                last = last.wrapping_add(delta);
                lengths.push(last);
            }
        }
    }
    let length = |x: i32| usize::try_from(x).map_err(|_| format!("a page has a text of {x} bytes"));
    Ok((lengths.into_iter().map(length).collect::<Result<_, _>>()?, bytes))
}

fn check_width(bits: usize) -> Result<(), Fault> {
    match bits {
        ..=32 => Ok(()),
        _ => Err(format!("a page has numbers of {bits} bits, expected at most 32")),
    }
}

/// The number in `bits` bits from a bit on, the lowest first.
fn packed(bytes: &[u8], start: usize, bits: usize) -> u32 {
    let bit = |at: usize| u32::from(bytes[at / 8] >> (at % 8) & 1);
    (0..bits).fold(0, |number, i| number | bit(start + i) << i)
}

/// A number whose sign is its lowest bit.
fn zigzag(bytes: &mut &[u8]) -> Result<i32, Fault> {
    let number = variable_number(bytes)? as u32;
    Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
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
pub fn number(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// The first `n` bytes, and the others.
pub fn take(bytes: &[u8], n: usize) -> Result<(&[u8], &[u8]), Fault> {
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
        assert_eq!(runs(&[3, 0x88, 0xc6, 0xfa], 3, 8), Ok(vec![0, 1, 2, 3, 4, 5, 6, 7]));
        // Three nines in five bits, then a group of which two are wanted.
        let mixed = [6, 9, 3, 0b0110_0010, 0, 0, 0, 0];
        assert_eq!(runs(&mixed, 5, 5), Ok(vec![9, 9, 9, 2, 3]));
        assert_eq!(runs(&[0x80 | 0x48, 1, 7], 3, 100), Ok(vec![7; 100]));
        assert_eq!(runs(&[8], 0, 4), Ok(vec![0; 4]));
        assert_eq!(runs(&[], 1, 0), Ok(vec![0u32; 0]));
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

    #[test]
    fn differences_are_added_up() {
        // The specification's examples, blocks of 128 numbers in 4 groups: 1, 2, 3, 4, 5 has the
        // least difference 1 and nothing more; 7, 5, 3, 1, 2, 3, 4, 5 the least one of -2.
        let rising = [0x80, 1, 4, 5, 2, 2, 0, 0, 0, 0, 9];
        assert_eq!(deltas(&rising, 5), Ok((vec![1, 2, 3, 4, 5], &[9][..])));
        let mut falling = vec![0x80, 1, 4, 8, 14, 3, 2, 0, 0, 0, 0b1100_0000, 0b11_1111];
        falling.resize(10 + 8, 0);
        assert_eq!(
            deltas(&falling, 8).map(|(lengths, _)| lengths),
            Ok(vec![7, 5, 3, 1, 2, 3, 4, 5])
        );
        assert_eq!(deltas(&[0x80, 1, 4, 0, 0], 0), Ok((vec![], &[][..])));
    }

    #[test]
    fn differences_that_cannot_be_are_refused() {
        let refused = |bytes: &[u8], n| deltas(bytes, n).unwrap_err();
        assert!(refused(&[0x80, 1, 4, 5, 2], 4).contains("5 lengths, expected 4"));
        assert!(refused(&[0x80, 1, 0, 5, 2], 5).contains("0 groups"));
        assert!(refused(&[0x80, 1, 4, 5, 2, 2, 33, 0, 0, 0], 5).contains("33 bits"));
        assert!(refused(&[0x80, 1, 4, 5, 2, 2, 9, 0, 0, 0], 5).contains("ends too early"));
        assert!(refused(&[0x80, 1, 4, 1, 1], 1).contains("text of -1 bytes"));
    }
}
