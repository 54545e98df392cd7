//! A file of texts as text: decompressed, decoded, without a byte order mark. What is no text is
//! named.

use std::io::{self, BufRead, BufReader, Cursor, Read, Seek};
use std::path::Path;

use crate::eval::data::files::file::DataFile;
use crate::text::{decode, mishap};
use crate::{Error, Result};

/// Bytes by which a compressed file or an encoding is known.
const MARK_BYTES: u64 = 4;

/// What gives the bytes of a text, in UTF-8 if it is text at all.
pub type TextReader = Box<dyn BufRead + Send>;

/// Opens the text of a file. Compressed files and UTF-16 are known by how they begin.
///
/// # Errors
/// [`Error::Io`], [`Error::Data`] for what is no text.
pub fn text_reader(data: DataFile) -> Result<TextReader> {
    let DataFile { path, mut file } = data;
    file.rewind().map_err(Error::io(&path))?;
    let (head, rest) = beginning(BufReader::new(file), &path)?;
    if let Some(what) = compressed_otherwise(&head) {
        return Err(Error::data(&path, format!("is {what}, expected text: decompress it first")));
    }
    let joined = Cursor::new(head.clone()).chain(rest);
    decoded(decompressed(&head, Box::new(joined), &path)?, &path)
}

/// The first bytes, and what gives the others.
fn beginning<R: Read>(mut reader: R, path: &Path) -> Result<(Vec<u8>, R)> {
    let mut head = Vec::new();
    reader.by_ref().take(MARK_BYTES).read_to_end(&mut head).map_err(failed(path))?;
    Ok((head, reader))
}

/// The kinds of compressed files that are not read.
fn compressed_otherwise(head: &[u8]) -> Option<&'static str> {
    let begins = |mark: &[u8]| head.starts_with(mark);
    if begins(b"BZh") {
        return Some("compressed with bzip2");
    }
    if begins(b"\xfd7zX") {
        return Some("compressed with xz");
    }
    begins(b"PK\x03\x04").then_some("a zip archive")
}

#[cfg(feature = "compressed")]
fn decompressed(head: &[u8], reader: TextReader, path: &Path) -> Result<TextReader> {
    let inner: Box<dyn Read + Send> = match head {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(reader)),
        [0x28, 0xb5, 0x2f, 0xfd] => {
            Box::new(zstd::Decoder::with_buffer(reader).map_err(Error::io(path))?)
        }
        _ => return Ok(reader),
    };
    Ok(Box::new(BufReader::new(Decompressed { inner })))
}

#[cfg(not(feature = "compressed"))]
fn decompressed(head: &[u8], reader: TextReader, path: &Path) -> Result<TextReader> {
    match head {
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd] => {
            let cause = "is compressed, which this build does not read (feature `compressed`)";
            Err(Error::data(path, cause))
        }
        _ => Ok(reader),
    }
}

/// What a decompressor gives; its errors are those of a damaged file.
#[cfg(feature = "compressed")]
struct Decompressed {
    inner: Box<dyn Read + Send>,
}

#[cfg(feature = "compressed")]
impl Read for Decompressed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).map_err(|e| {
            let words = format!("cannot be decompressed, it is damaged or cut short ({e})");
            io::Error::new(io::ErrorKind::InvalidData, words)
        })
    }
}

/// Passes over the byte order mark of UTF-8; UTF-16 is decoded as a whole.
fn decoded(reader: TextReader, path: &Path) -> Result<TextReader> {
    let (head, mut rest) = beginning(reader, path)?;
    match head.as_slice() {
        [0xef, 0xbb, 0xbf, first @ ..] => Ok(Box::new(Cursor::new(first.to_vec()).chain(rest))),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            let mut bytes = head;
            rest.read_to_end(&mut bytes).map_err(failed(path))?;
            let text = decode(&bytes).map_err(|e| Error::data(path, format!("is {e}")))?;
            Ok(Box::new(Cursor::new(text.into_owned().into_bytes())))
        }
        _ => Ok(Box::new(Cursor::new(head).chain(rest))),
    }
}

/// Bytes that should be text; `start` is their place in the file.
///
/// # Errors
/// [`Error::Data`].
pub fn utf8(bytes: Vec<u8>, path: &Path, start: usize) -> Result<String> {
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        let cause = match mishap(&bytes) {
            Some(what) => format!("is {what}"),
            None => format!(
                "is no text (byte {} is NUL), or UTF-16 without a byte order mark",
                start + at
            ),
        };
        return Err(Error::data(path, cause));
    }
    String::from_utf8(bytes).map_err(|e| {
        let at = start + e.utf8_error().valid_up_to();
        Error::data(path, format!("byte {at} is not UTF-8: convert the file first"))
    })
}

/// A failure to read, in which a damaged file is told from a system's error.
pub fn failed(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_path_buf();
    move |e| match e.kind() {
        io::ErrorKind::InvalidData => Error::data(&path, e.to_string()),
        _ => Error::io(path)(e),
    }
}
