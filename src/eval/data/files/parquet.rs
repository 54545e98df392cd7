//! A column of texts in a parquet file, read page by page.

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::basic::Type;
use parquet::column::page::PageReader;
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::eval::data::files::lines::{self, listed};
use crate::eval::data::files::pages::Pages;
use crate::{Error, Result};

/// The texts of one column; a row without one gives an empty text.
pub struct Column {
    path: PathBuf,
    file: SerializedFileReader<File>,
    column_idx: usize,
    next_group_idx: usize,
    /// The pages of a row group.
    group: Option<Box<dyn PageReader>>,
    pages: Pages,
    texts: VecDeque<Vec<u8>>,
    /// Rows that were given.
    n_given: usize,
}

impl Column {
    /// Opens the first of the columns that the file has.
    pub fn open(path: &Path, names: &[&str]) -> Result<Column> {
        let file = SerializedFileReader::new(lines::open(path)?).map_err(damaged(path))?;
        let columns = file.metadata().file_metadata().schema_descr_ptr();
        let place = |name: &&str| {
            columns.columns().iter().position(|column| {
                let is_text = column.physical_type() == Type::BYTE_ARRAY;
                is_text && column.max_rep_level() == 0 && column.path().string() == *name
            })
        };
        let Some(column_idx) = names.iter().find_map(place) else {
            let found: Vec<&str> = columns.columns().iter().map(|c| c.name()).collect();
            let (wanted, found) = (listed(names), listed(&found));
            let cause = format!("has the columns {found}, expected one of texts called {wanted}");
            return Err(Error::data(path, cause));
        };
        let is_optional = columns.column(column_idx).max_def_level() > 0;
        Ok(Column {
            path: path.into(),
            file,
            column_idx,
            next_group_idx: 0,
            group: None,
            pages: Pages { is_optional, dictionary: None },
            texts: VecDeque::new(),
            n_given: 0,
        })
    }

    /// Rows of the whole file.
    #[cfg(feature = "hub")]
    pub fn n_rows(&self) -> usize {
        self.file.metadata().file_metadata().num_rows().try_into().unwrap_or(0)
    }

    /// Reads pages until there is a text, or no page is left.
    fn read(&mut self) -> Result<()> {
        while self.texts.is_empty() {
            let page = match &mut self.group {
                Some(group) => group.get_next_page().map_err(damaged(&self.path))?,
                None => None,
            };
            match page {
                Some(page) => {
                    let texts = self.pages.read(&page);
                    self.texts.extend(texts.map_err(damaged(&self.path))?);
                }
                None if self.next_group_idx < self.file.num_row_groups() => self.open_group()?,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn open_group(&mut self) -> Result<()> {
        let group = self.file.get_row_group(self.next_group_idx).map_err(damaged(&self.path))?;
        let column = group.metadata().column(self.column_idx);
        let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
        if start < 0 || column.compressed_size() < 0 {
            return Err(damaged(&self.path)("a column begins or ends before the file"));
        }
        let pages = group.get_column_page_reader(self.column_idx);
        self.group = Some(pages.map_err(damaged(&self.path))?);
        self.pages.dictionary = None;
        self.next_group_idx += 1;
        Ok(())
    }
}

impl Iterator for Column {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Result<String>> {
        if let Err(e) = self.read() {
            return Some(Err(e));
        }
        let text = String::from_utf8(self.texts.pop_front()?);
        let row = self.n_given;
        self.n_given += 1;
        Some(text.map_err(|e| {
            let at = e.utf8_error().valid_up_to();
            Error::data(&self.path, format!("row {row} is not UTF-8 at byte {at} of its text"))
        }))
    }
}

fn damaged<E: ToString>(path: &Path) -> impl Fn(E) -> Error {
    let path = path.to_path_buf();
    move |e| {
        let cause = e.to_string();
        Error::data(&path, format!("cannot be read as parquet (uncompressed or snappy): {cause}"))
    }
}
