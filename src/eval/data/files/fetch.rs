//! The documents of a data set that is on the hub. Needs the features `hub` and `parquet`.

use crate::Result;
use crate::eval::data::documents::Documents;
use crate::eval::data::files::file::DataFile;
use crate::eval::data::files::keys::Keys;
use crate::eval::data::files::parquet::Column;
use crate::eval::data::preset::Preset;
use crate::hub::{DatasetFiles, Download, HubOptions, Sha256};

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
        Ok(Documents::fetch_with_digest(preset, options, progress)?.0)
    }

    /// As [`Documents::fetch`], with a digest of the files that hold them: of the digests of each,
    /// the last first.
    ///
    /// # Errors
    /// As [`Documents::fetch`].
    pub fn fetch_with_digest(
        preset: Preset,
        options: &HubOptions,
        progress: &mut dyn FnMut(&Download),
    ) -> Result<(Documents, String)> {
        let mut files = DatasetFiles::list(&preset.split(), options, progress)?;
        let wanted = preset.last_documents().unwrap_or(usize::MAX);
        let (mut columns, mut n_rows, mut digest) = (Vec::new(), 0usize, Sha256::new());
        for file_idx in (0..files.n_files()).rev() {
            let mut file = DataFile::open(&files.fetch(file_idx)?)?;
            digest.add(file.sha256()?.as_bytes());
            let column = Column::open(file, &Keys::new(Some(preset), None))?;
            n_rows = n_rows.saturating_add(column.n_rows());
            columns.push(column);
            if n_rows >= wanted {
                break;
            }
        }
        let before = n_rows.saturating_sub(wanted);
        let documents = Documents::new(columns.into_iter().rev().flatten().skip(before));
        Ok((documents, digest.hex()))
    }
}
