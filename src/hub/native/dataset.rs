//! The parquet files of a data set on the Hugging Face hub, through its cache.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hf_hub::api::sync::ApiRepo;
use hf_hub::{Repo, RepoType};

use crate::hub::native::remote::{Connection, Progress, cache, not_fetched, refused, status};
use crate::hub::{DatasetSplit, Download, HubOptions};
use crate::{Advice, Error, Fault, Result};

/// Where a data set's parquet files are: its own, else those that the hub made of it.
const REVISIONS: [&str; 2] = ["main", "refs/convert/parquet"];

/// The files of a split, in order; each is fetched when it is asked for.
pub struct DatasetFiles<'a> {
    split: DatasetSplit,
    names: Vec<String>,
    found: Connection,
    progress: &'a mut dyn FnMut(&Download),
}

impl<'a> DatasetFiles<'a> {
    /// Lists the files of a split.
    ///
    /// # Errors
    /// [`Error::Hub`].
    pub fn list(
        split: &DatasetSplit,
        options: &HubOptions,
        progress: &'a mut dyn FnMut(&Download),
    ) -> Result<DatasetFiles<'a>> {
        let (mut is_partial, mut failure) = (false, None);
        for revision in REVISIONS {
            let repo = Repo::with_revision(split.id.clone(), RepoType::Dataset, revision.into());
            let found = Connection::new(repo.clone(), options)?;
            let listed =
                found.remote.as_ref().map(|remote| names_on_hub(remote, split)).transpose();
            let all = match listed {
                Ok(Some(names)) => names,
                Ok(None) => cached_names(&repo, options),
                Err(e) => {
                    failure.get_or_insert(e);
                    cached_names(&repo, options)
                }
            };
            let names: Vec<String> = all.iter().filter(|name| split.holds(name)).cloned().collect();
            if !names.is_empty() {
                return Ok(DatasetFiles { split: split.clone(), names, found, progress });
            }
            let partial = split.partial();
            is_partial |= all.iter().any(|name| partial.holds(name));
        }
        Err(failure.unwrap_or_else(|| split.missing(is_partial, options)))
    }

    /// Number of files.
    pub fn n_files(&self) -> usize {
        self.names.len()
    }

    /// The path of a file, downloaded if it is not cached. Where there are several, begin with the
    /// last: a cache that lacks the first ones is seen to be incomplete.
    ///
    /// # Errors
    /// [`Error::Hub`].
    pub fn fetch(&mut self, file_idx: usize) -> Result<PathBuf> {
        let id = &self.split.id;
        let Some(name) = self.names.get(file_idx) else {
            let count = self.n_files();
            return Err(Error::hub(format!("the data set {id} has {count} files, not {file_idx}")));
        };
        if let Some(path) = self.found.cached.get(name) {
            return Ok(path);
        }
        let Some(remote) = &self.found.remote else {
            let fault = Fault::from(format!("{name} of the data set {id} is not cached"));
            return Err(Error::Hub(fault.advise(Advice::GoOnline)));
        };
        remote.download_with_progress(name, Progress::new(name, self.progress)).map_err(|e| {
            let fault = Fault::from(not_fetched(&format!("{name} of the data set {id}"), &e));
            Error::Hub(fault.advise(Advice::CheckNetwork))
        })
    }
}

impl DatasetSplit {
    /// True for the name of one of its files: `config/split-00000-of-00001.parquet`, `data/…` for
    /// a set of one configuration, or `config/split/0000.parquet` as the hub converts it.
    fn holds(&self, name: &str) -> bool {
        let DatasetSplit { config, split, .. } = self;
        let Some((folder, file)) = name.rsplit_once('/') else { return false };
        let is_own = folder == config || folder == "data" && config == "default";
        let is_part = file.strip_prefix(split.as_str()).is_some_and(|rest| rest.starts_with('-'));
        let is_converted = folder == format!("{config}/{split}");
        file.ends_with(".parquet") && (is_own && is_part || is_converted)
    }

    /// Where the hub puts a split that it converted the first gigabytes of.
    fn partial(&self) -> DatasetSplit {
        DatasetSplit { split: format!("partial-{}", self.split), ..self.clone() }
    }

    fn missing(&self, is_partial: bool, options: &HubOptions) -> Error {
        let DatasetSplit { id, config, split } = self;
        let what = format!("the split {split} of {id} ({config})");
        let (cause, advice) = if options.offline {
            (format!("{what} is not cached"), Advice::GoOnline)
        } else if is_partial {
            (format!("the hub has only the first part of {what} as parquet"), Advice::GiveLocalFile)
        } else {
            (format!("the hub has no parquet files of {what}"), Advice::GiveLocalFile)
        };
        Error::Hub(Fault::from(cause).advise(advice))
    }
}

/// The names of all files; none if the revision does not exist.
fn names_on_hub(remote: &ApiRepo, split: &DatasetSplit) -> Result<BTreeSet<String>> {
    let id = &split.id;
    match remote.info() {
        Ok(info) => Ok(info.siblings.into_iter().map(|file| file.rfilename).collect()),
        Err(e) => match status(&e) {
            Some(404) => Ok(BTreeSet::new()),
            Some(status @ (401 | 403)) => {
                let fault = Fault::from(refused(&format!("the data set {id}"), status));
                Err(Error::Hub(fault.advise(Advice::GiveToken)))
            }
            _ => {
                let fault = Fault::from(format!("the data set {id} cannot be listed ({e})"));
                Err(Error::Hub(fault.advise(Advice::CheckNetwork)))
            }
        },
    }
}

/// The names of the files that were fetched before, and of those that must be beside them.
fn cached_names(repo: &Repo, options: &HubOptions) -> BTreeSet<String> {
    let cache = cache(options);
    let reference = cache.path().join(repo.folder_name()).join("refs").join(repo.revision());
    let commit = std::fs::read_to_string(reference).unwrap_or_default();
    let mut names = BTreeSet::new();
    if !commit.is_empty() {
        collect(&cache.repo(repo.clone()).pointer_path(&commit), "", &mut names);
    }
    names.iter().flat_map(|name| siblings(name)).collect()
}

fn collect(folder: &Path, prefix: &str, names: &mut BTreeSet<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let path = entry.path();
        if path.is_dir() {
            collect(&path, &format!("{name}/"), names);
        } else {
            names.insert(name);
        }
    }
}

/// All files of the numbering that a name is part of, of which not every one may be cached:
/// `train-00000-of-00002.parquet` says how many there are, `train/0001.parquet` at least two.
fn siblings(name: &str) -> Vec<String> {
    numbered(name).unwrap_or_else(|| vec![name.into()])
}

fn numbered(name: &str) -> Option<Vec<String>> {
    let stem = name.strip_suffix(".parquet")?;
    if let Some((rest, digits)) = stem.rsplit_once("-of-") {
        let (stem, _) = rest.rsplit_once('-')?;
        let count: u32 = digits.parse().ok()?;
        return Some((0..count).map(|i| format!("{stem}-{i:05}-of-{digits}.parquet")).collect());
    }
    let (folder, digits) = stem.rsplit_once('/')?;
    let last: u32 = digits.parse().ok()?;
    Some((0..=last).map(|i| format!("{folder}/{i:04}.parquet")).collect())
}
