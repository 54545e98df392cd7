//! Texts as tokens, kept in a file: a text is turned into tokens once, and mapped from then on.

use std::fs;
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::eval::data::Documents;
use crate::hub::{FileBytes, kept};
use crate::text::Tokenizer;
use crate::train::tokens::Tokens;
use crate::{Advice, Error, Fault, Result};

/// What the file of tokens begins with; its digest follows.
const HEAD: &[u8; 16] = b"bdlm tokens 1\n\0\0";
const HEAD_BYTES: usize = HEAD.len() + 8;
/// Bytes of a document that are turned into tokens at once.
const PART_BYTES: usize = 1 << 16;

/// Tokens of texts, and the digest of what they were made from.
#[derive(Clone, Debug)]
pub struct CachedTokens {
    /// The tokens.
    pub tokens: Tokens,
    /// Of the texts and the tokenizer.
    pub digest: u64,
}

/// The tokens of the documents of files, from the cache in a folder if they are there. `progress` is
/// called with the number of tokens so far, 0 while it is looked whether they are there; none if it has
/// broken.
///
/// # Errors
/// [`Error::Io`], [`Error::Data`], [`Error::Tokenizer`].
pub fn tokens(
    paths: &[PathBuf],
    tokenizer_json: &[u8],
    folder: &Path,
    progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Option<CachedTokens>> {
    let Some(digest) = digest(paths, tokenizer_json, progress)? else { return Ok(None) };
    let path = folder.join(format!("tokens-{digest:016x}.bin"));
    if !is_whole(&path, digest) {
        let tokenizer = Tokenizer::from_bytes(tokenizer_json, Path::new("tokenizer.json"))?;
        let documents = Documents::open_parts(paths)?;
        let write = |file: &mut dyn Write| write(file, documents, &tokenizer, digest, progress);
        match kept::replace_by(&path, write) {
            Ok(()) => {}
            Err(Failure::Ours(e)) => return Err(e),
            Err(Failure::Disk(e)) => return Err(Error::io(&path)(e)),
            Err(Failure::Stopped) => return Ok(None),
        }
    }
    let tokens = Tokens::mapped(FileBytes::open(&path)?, HEAD_BYTES);
    Ok(Some(CachedTokens { tokens, digest }))
}

/// Why a file of tokens was not written.
enum Failure {
    Ours(Error),
    Disk(io::Error),
    Stopped,
}

impl From<io::Error> for Failure {
    fn from(e: io::Error) -> Failure {
        Failure::Disk(e)
    }
}

impl From<Error> for Failure {
    fn from(e: Error) -> Failure {
        Failure::Ours(e)
    }
}

fn write(
    file: &mut dyn Write,
    documents: Documents,
    tokenizer: &Tokenizer,
    digest: u64,
    progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<(), Failure> {
    let (_, end) = tokenizer.boundaries().ok_or_else(|| {
        let fault = "it has neither <|endoftext|> nor [CLS] and [SEP] to put between documents";
        Error::Tokenizer(Fault::from(fault).advise(Advice::NameTokenizer))
    })?;
    file.write_all(HEAD)?;
    file.write_all(&digest.to_le_bytes())?;
    file.write_all(&end.to_le_bytes())?;
    let mut count = 0;
    for document in documents {
        let document = document?;
        let mut rest = document.as_str();
        while !rest.is_empty() {
            let part = tokenizer.head(rest, PART_BYTES);
            let ids = tokenizer.ids_from_text(part)?;
            rest = &rest[part.len()..];
            count += ids.len();
            let bytes: Vec<u8> = ids.into_iter().flat_map(u32::to_le_bytes).collect();
            file.write_all(&bytes)?;
            if progress(count).is_break() {
                return Err(Failure::Stopped);
            }
        }
        file.write_all(&end.to_le_bytes())?;
    }
    match count {
        0 => Err(Error::request("the data holds no text: there is nothing to learn from").into()),
        _ => Ok(()),
    }
}

/// True for a file of tokens that was made from what has this digest. A file is renamed into place when
/// it is whole.
fn is_whole(path: &Path, digest: u64) -> bool {
    let mut head = [0; HEAD_BYTES];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head[..HEAD.len()] == *HEAD && head[HEAD.len()..] == digest.to_le_bytes()
}

/// A number that another text or tokenizer would hardly have: FNV-1a over words of 64 bits, with a
/// rotation so that high bits matter too. None if it was stopped.
fn digest(
    paths: &[PathBuf],
    tokenizer_json: &[u8],
    progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Option<u64>> {
    let mut hash = Digest(0xcbf2_9ce4_8422_2325);
    hash.add(tokenizer_json);
    for path in paths {
        if path.is_dir() {
            return Err(Error::data(path, "is a folder, expected a file of texts"));
        }
        let mut file = fs::File::open(path).map_err(Error::io(path))?;
        let mut part = vec![0; 1 << 20];
        loop {
            if progress(0).is_break() {
                return Ok(None);
            }
            match file.read(&mut part) {
                Ok(0) => break,
                Ok(count) => hash.add(&part[..count]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Error::io(path)(e)),
            }
        }
        hash.add(b"\0end of file");
    }
    Ok(Some(hash.0))
}

struct Digest(u64);

impl Digest {
    fn add(&mut self, bytes: &[u8]) {
        for word in bytes.chunks(8) {
            let mut padded = [0; 8];
            padded[..word.len()].copy_from_slice(word);
            let word = u64::from_le_bytes(padded) ^ word.len() as u64;
            self.0 = (self.0 ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(29);
        }
    }
}
