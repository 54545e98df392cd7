//! A column of texts in a parquet file, read page by page.

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::basic::Type;
use parquet::column::page::PageReader;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::SchemaDescriptor;

use crate::eval::data::files::file::DataFile;
use crate::eval::data::files::keys::Keys;
use crate::eval::data::files::pages::Pages;
use crate::{Advice, Error, Fault, Result};

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
    pub fn open(data: DataFile, keys: &Keys) -> Result<Column> {
        let DataFile { path, file } = data;
        let file = SerializedFileReader::new(file).map_err(damaged(&path))?;
        let columns = file.metadata().file_metadata().schema_descr_ptr();
        let column_idx = chosen(&columns, keys).map_err(|fault| Error::data(&path, fault))?;
        let column = columns.column(column_idx);
        let level = |level: i16| u32::try_from(level).map_err(damaged(&path));
        let pages = Pages::new(level(column.max_def_level())?, level(column.max_rep_level())?);
        let (texts, group) = (VecDeque::new(), None);
        Ok(Column { path, file, column_idx, next_group_idx: 0, group, pages, texts, n_given: 0 })
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
                None => {
                    self.texts.extend(self.pages.end_group());
                    if self.next_group_idx == self.file.num_row_groups() {
                        self.group = None;
                        return Ok(());
                    }
                    self.open_group()?;
                }
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
        self.next_group_idx += 1;
        Ok(())
    }
}

/// Index of the column that is called as a key says. Columns inside others have paths for names,
/// such as `page.text` and, of a list, `texts.list.element`.
fn chosen(columns: &SchemaDescriptor, keys: &Keys) -> Result<usize, Fault> {
    let paths: Vec<String> = columns.columns().iter().map(|c| c.path().string()).collect();
    let place = |key: &str| paths.iter().position(|path| path == key);
    let is_inside =
        |path: &&str, key: &str| path.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'));
    let all: Vec<&str> = paths.iter().map(String::as_str).collect();
    let Some(column_idx) = keys.names().find_map(place) else {
        for key in keys.names() {
            let inside: Vec<&str> = all.iter().copied().filter(|p| is_inside(p, key)).collect();
            if !inside.is_empty() {
                let missing = keys.missing("nested columns", &inside);
                return Err(Fault { cause: format!("{} itself", missing.cause), ..missing });
            }
        }
        return Err(keys.missing("columns", &all));
    };
    let column = columns.column(column_idx);
    let (name, kind) = (&all[column_idx], column.physical_type());
    let wrong = |what: String| {
        Err(Fault::from(format!("has {what} in the column `{name}`, expected texts"))
            .advise(Advice::NameTextKey))
    };
    match (kind, column.max_rep_level()) {
        (Type::BYTE_ARRAY, ..=1) => Ok(column_idx),
        (Type::BYTE_ARRAY, _) => wrong("lists of lists".into()),
        (kind, _) => wrong(format!("{kind}")),
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
    move |e| Error::data(&path, format!("cannot be read as parquet: {}", e.to_string()))
}
