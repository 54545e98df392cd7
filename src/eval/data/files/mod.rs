//! The documents of a file, by its format. A browser has no files: there a host program hands over
//! texts.

mod csv;
#[cfg(all(feature = "hub", feature = "parquet"))]
mod fetch;
mod json_lines;
mod lines;
#[cfg(feature = "parquet")]
mod pages;
#[cfg(feature = "parquet")]
mod parquet;
mod parts;

use std::io::Read;
use std::path::Path;

use crate::eval::data::documents::Documents;
use crate::eval::data::files::lines::Lines;
use crate::eval::data::format::Format;
use crate::eval::data::preset::Preset;
use crate::{Error, Result};

impl Documents {
    /// Opens a file of a data set, or any other. What its format is, [`Format::of`] says; the text
    /// of an object or row is under the set's own key or column, else under `text`.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Data`]; the documents give the same for what is found later.
    pub fn open(path: &Path, preset: Option<Preset>) -> Result<Documents> {
        let keys = preset.map_or(&["text"][..], Preset::keys);
        Ok(match Format::of(path, preset) {
            Format::Text => {
                let (mut file, path) = (lines::open(path)?, path.to_path_buf());
                Documents::new(std::iter::once_with(move || {
                    let mut bytes = Vec::new();
                    file.read_to_end(&mut bytes).map_err(Error::io(&path))?;
                    lines::utf8(bytes, &path, 0)
                }))
            }
            Format::Lines => Documents::new(Lines::open(path)?.map(|line| {
                let line = line?.replace("\r\n", "\n");
                Ok(if line.trim().is_empty() { String::new() } else { line })
            })),
            Format::TrimmedLines => {
                Documents::new(Lines::open(path)?.map(|line| Ok(line?.trim().to_string())))
            }
            Format::JsonLines => Documents::new(json_lines::documents(path, keys)?),
            Format::Csv => Documents::new(csv::documents(path)?),
            Format::Parquet => rows(path, keys)?,
        })
    }
}

#[cfg(feature = "parquet")]
fn rows(path: &Path, names: &[&str]) -> Result<Documents> {
    Ok(Documents::new(parquet::Column::open(path, names)?))
}

#[cfg(not(feature = "parquet"))]
fn rows(path: &Path, _: &[&str]) -> Result<Documents> {
    Err(Error::data(path, "this build does not read parquet (feature `parquet`)"))
}
