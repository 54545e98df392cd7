//! Zip archives whose files are stored as they are: what PyTorch puts tensors in. Nothing is copied.

/// Bytes of the record at the end, of one in the directory and of one before a file, without names.
const END: usize = 22;
const LISTED: usize = 46;
const LOCAL: usize = 30;
/// Longest comment at the end.
const MAX_COMMENT: usize = 0xffff;

/// The files of an archive, by their names, or why it cannot be read.
pub fn files(bytes: &[u8]) -> Result<Vec<(&str, &[u8])>, String> {
    let damaged = || "the archive of its pickle is damaged or cut".to_string();
    let from = bytes.len().saturating_sub(END + MAX_COMMENT);
    let mut ends = bytes.get(from..).unwrap_or_default().windows(4);
    let end = ends.rposition(|four| four == b"PK\x05\x06").ok_or_else(damaged)? + from;
    some(bytes, end, END).ok_or_else(damaged)?;
    let count = word16(bytes, end + 10).ok_or_else(damaged)?;
    let mut at = word32(bytes, end + 16).ok_or_else(damaged)?;
    let mut files = Vec::new();
    for _ in 0..count {
        let (file, next) = listed(bytes, at).ok_or_else(damaged)??;
        files.push(file);
        at = next;
    }
    Ok(files)
}

type Listed<'a> = Result<((&'a str, &'a [u8]), usize), String>;

/// A file by its record in the directory, and where the next record is; None if it reaches beyond the
/// archive.
fn listed(bytes: &[u8], at: usize) -> Option<Listed<'_>> {
    if some(bytes, at, 4)? != b"PK\x01\x02" {
        return None;
    }
    let [name, extra, comment] = [28, 30, 32].map(|field| word16(bytes, at + field));
    let (name_bytes, next) = (name?, at + LISTED + name? + extra? + comment?);
    let name = std::str::from_utf8(some(bytes, at + LISTED, name_bytes)?).ok()?;
    let (flags, method) = (word16(bytes, at + 8)?, word16(bytes, at + 10)?);
    if method != 0 || flags & 1 != 0 {
        return Some(Err(format!("`{name}` in its archive is packed, expected it as it is")));
    }
    let (size, local) = (word32(bytes, at + 24)?, word32(bytes, at + 42)?);
    if size == u32::MAX as usize || local == u32::MAX as usize {
        return Some(Err("its archive has more than 4 GiB, expected less".into()));
    }
    if some(bytes, local, 4)? != b"PK\x03\x04" {
        return None;
    }
    let begin = local + LOCAL + word16(bytes, local + 26)? + word16(bytes, local + 28)?;
    Some(Ok(((name, some(bytes, begin, size)?), next)))
}

fn word16(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_le_bytes(some(bytes, at, 2)?.try_into().ok()?)))
}

fn word32(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(some(bytes, at, 4)?.try_into().ok()?)).ok()
}

/// So many bytes from a place on, if they are there.
fn some(bytes: &[u8], at: usize, count: usize) -> Option<&[u8]> {
    bytes.get(at..)?.get(..count)
}
