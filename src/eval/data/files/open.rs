//! From a file to its documents: which format it has, and what reads it.

use std::io::{Read, Seek};
use std::path::Path;

use crate::eval::data::documents::Documents;
use crate::eval::data::files::file::DataFile;
use crate::eval::data::files::keys::Keys;
use crate::eval::data::files::lines::Lines;
use crate::eval::data::files::reader::text_reader;
use crate::eval::data::files::{csv, json};
use crate::eval::data::format::Format;
use crate::eval::data::preset::Preset;
use crate::{Error, Result};

/// How the documents of a file are found, where its name does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// The data set that it is of.
    pub preset: Option<Preset>,
    /// Its format, if not the one that [`Format::of`] gives.
    pub format: Option<Format>,
    /// The key or column that its texts are under, or a path to it such as `page.text`.
    pub text_key: Option<String>,
}

impl Documents {
    /// Opens a file of a data set, or any other. What its format is, [`Format::of`] says; the text
    /// of an object or row is under the set's own key or column, else under `text`.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Data`]; the documents give the same for what is found later.
    pub fn open(path: &Path, preset: Option<Preset>) -> Result<Documents> {
        DataFile::open(path)?.documents(&ReadOptions { preset, ..ReadOptions::default() })
    }
}

impl DataFile {
    /// Its documents. Line ends of other systems become newlines.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Data`]; the documents give the same for what is found later.
    pub fn documents(mut self, options: &ReadOptions) -> Result<Documents> {
        let keys = Keys::new(options.preset, options.text_key.as_deref());
        let named = options.format.unwrap_or_else(|| Format::of(&self.path, options.preset));
        let is_known = options.format.is_some() || options.preset.is_some();
        let format = match named {
            Format::Text if !is_known && self.path.extension().is_none() => self.guessed()?,
            named => named,
        };
        let is_text = matches!(format, Format::Text | Format::Lines | Format::TrimmedLines);
        if let (true, Some(key)) = (is_text, &options.text_key) {
            let cause = format!("is read as plain text, which has no key or column `{key}`");
            return Err(Error::data(&self.path, cause));
        }
        let is_news = options.preset == Some(Preset::AgNews) && options.text_key.is_none();
        let documents = match format {
            Format::Text => Documents::new(std::iter::once_with(move || self.text())),
            Format::Lines => Documents::new(self.lines()?.map(|line| {
                let line = line?;
                Ok(if line.trim().is_empty() { String::new() } else { line })
            })),
            Format::TrimmedLines => {
                Documents::new(self.lines()?.map(|line| Ok(line?.trim().to_string())))
            }
            Format::JsonLines => Documents::new(json::documents(self.lines()?, keys)?),
            Format::Csv if is_news => Documents::new(csv::news(self.lines()?)),
            Format::Csv | Format::Tsv => Documents::new(csv::column(self.lines()?, &keys, format)?),
            Format::Parquet => rows(self, &keys)?,
        };
        Ok(documents.with_newlines())
    }

    /// All of it as text, line ends as they are: decompressed, decoded, without a byte order mark.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Data`] for what is no text.
    pub fn text(self) -> Result<String> {
        self.lines()?.rest()
    }

    pub(super) fn lines(self) -> Result<Lines> {
        let path = self.path.clone();
        Ok(Lines::new(&path, text_reader(self)?))
    }

    /// The format of a file whose name says nothing, such as a pipe's, from how it begins.
    fn guessed(&mut self) -> Result<Format> {
        let path = &self.path;
        let mut head = Vec::new();
        self.file.rewind().map_err(Error::io(path))?;
        (&self.file).take(4).read_to_end(&mut head).map_err(Error::io(path))?;
        if head == b"PAR1" {
            return Ok(Format::Parquet);
        }
        let mut text = Vec::new();
        let reader = text_reader(self.again()?)?;
        // What cannot be read is reported when it is read.
        let _ = reader.take(4096).read_to_end(&mut text);
        let begins_object = text.trim_ascii_start().strip_prefix(b"[").unwrap_or(&text);
        let key = begins_object.trim_ascii_start().strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
        let is_json = key.is_some_and(|key| key.starts_with(b"\""));
        Ok(if is_json { Format::JsonLines } else { Format::Text })
    }
}

#[cfg(feature = "parquet")]
fn rows(data: DataFile, keys: &Keys) -> Result<Documents> {
    Ok(Documents::new(crate::eval::data::files::parquet::Column::open(data, keys)?))
}

#[cfg(not(feature = "parquet"))]
fn rows(data: DataFile, _: &Keys) -> Result<Documents> {
    Err(Error::data(&data.path, "this build does not read parquet (feature `parquet`)"))
}
