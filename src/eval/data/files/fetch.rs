//! The documents of a data set that is on the hub. Needs the features `hub` and `parquet`.

use crate::Result;
use crate::eval::data::documents::Documents;
use crate::eval::data::files::parquet::Column;
use crate::eval::data::preset::Preset;
use crate::hub::{DatasetFiles, Download, HubOptions};

impl Documents {
    /// The documents of a data set, from the hub or its cache. Of a set of which only the last
    /// documents are meant, only the files that hold them are fetched.
    ///
    /// # Errors
    /// [`crate::Error::Hub`], [`crate::Error::Io`], [`crate::Error::Data`].
    pub fn fetch(
        preset: Preset,
        options: &HubOptions,
        progress: &mut dyn FnMut(&Download),
    ) -> Result<Documents> {
        let mut files = DatasetFiles::list(&preset.split(), options, progress)?;
        let wanted = preset.last_documents().unwrap_or(usize::MAX);
        let (mut columns, mut n_rows) = (Vec::new(), 0usize);
        for file_idx in (0..files.n_files()).rev() {
            let column = Column::open(&files.fetch(file_idx)?, preset.keys())?;
            n_rows = n_rows.saturating_add(column.n_rows());
            columns.push(column);
            if n_rows >= wanted {
                break;
            }
        }
        let before = n_rows.saturating_sub(wanted);
        Ok(Documents::new(columns.into_iter().rev().flatten().skip(before)))
    }
}
