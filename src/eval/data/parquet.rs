//! A column of texts in a parquet file, read a few rows at a time.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use parquet::basic::Type;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::eval::data::lines::{self, listed};
use crate::{Error, Result};

/// Rows that are read at once.
const ROWS: usize = 256;

/// The texts of one column; a row without one gives an empty text.
pub struct Column {
    path: PathBuf,
    file: SerializedFileReader<std::fs::File>,
    column_idx: usize,
    /// Level of a row that has a text.
    present: i16,
    next_group_idx: usize,
    group: Option<ColumnReaderImpl<ByteArrayType>>,
    texts: VecDeque<String>,
    n_rows_read: usize,
}

impl Column {
    /// Opens the first of the columns that the file has.
    pub fn open(path: &Path, names: &[&str]) -> Result<Column> {
        let file = SerializedFileReader::new(lines::open(path)?).map_err(damaged(path))?;
        let columns = file.metadata().file_metadata().schema_descr_ptr();
        let of_text = |column: &parquet::schema::types::ColumnDescPtr| {
            column.physical_type() == Type::BYTE_ARRAY && column.max_rep_level() == 0
        };
        let place = |name: &&str| {
            let is_it = |column| of_text(column) && column.path().string() == *name;
            columns.columns().iter().position(is_it)
        };
        let Some(column_idx) = names.iter().find_map(place) else {
            let found: Vec<&str> = columns.columns().iter().map(|c| c.name()).collect();
            let (wanted, found) = (listed(names), listed(&found));
            let cause = format!("has the columns {found}, expected one of texts called {wanted}");
            return Err(Error::data(path, cause));
        };
        Ok(Column {
            path: path.into(),
            column_idx,
            present: columns.column(column_idx).max_def_level(),
            file,
            next_group_idx: 0,
            group: None,
            texts: VecDeque::new(),
            n_rows_read: 0,
        })
    }

    /// Rows of the whole file.
    pub fn n_rows(&self) -> usize {
        self.file.metadata().file_metadata().num_rows().try_into().unwrap_or(0)
    }

    /// Reads some rows; false at the end of the file.
    fn read(&mut self) -> Result<bool> {
        loop {
            if let Some(group) = &mut self.group {
                let (mut levels, mut texts) = (Vec::new(), Vec::new());
                let read = group.read_records(ROWS, Some(&mut levels), None, &mut texts);
                let (n_rows, ..) = read.map_err(damaged(&self.path))?;
                if n_rows > 0 {
                    self.take(n_rows, &levels, texts)?;
                    return Ok(true);
                }
            }
            if self.next_group_idx == self.file.num_row_groups() {
                return Ok(false);
            }
            let group = self.file.get_row_group(self.next_group_idx);
            let column = group.and_then(|group| group.get_column_reader(self.column_idx));
            self.group = match column.map_err(damaged(&self.path))? {
                ColumnReader::ByteArrayColumnReader(reader) => Some(reader),
                _ => return Err(Error::data(&self.path, "its columns differ between row groups")),
            };
            self.next_group_idx += 1;
        }
    }

    /// Takes rows in; there are no levels where every row has a text.
    fn take(&mut self, n_rows: usize, levels: &[i16], texts: Vec<ByteArray>) -> Result<()> {
        let mut texts = texts.into_iter();
        for row in 0..n_rows {
            let has_text = levels.get(row).is_none_or(|level| *level == self.present);
            let text = if has_text { texts.next() } else { None };
            let bytes = text.as_ref().map_or(&[][..], ByteArray::data);
            let text = std::str::from_utf8(bytes).map_err(|e| {
                let (row, at) = (self.n_rows_read + row, e.valid_up_to());
                Error::data(&self.path, format!("row {row} is not UTF-8 at byte {at} of its text"))
            })?;
            self.texts.push_back(text.to_string());
        }
        self.n_rows_read += n_rows;
        Ok(())
    }
}

impl Iterator for Column {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Result<String>> {
        if self.texts.is_empty()
            && let Err(e) = self.read()
        {
            return Some(Err(e));
        }
        self.texts.pop_front().map(Ok)
    }
}

fn damaged(path: &Path) -> impl Fn(ParquetError) -> Error {
    let path = path.to_path_buf();
    move |e| {
        let cause = format!("cannot be read as parquet (uncompressed or snappy): {e}");
        Error::data(&path, cause)
    }
}
