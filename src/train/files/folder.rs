//! The folder of a run: the model that it makes, in the published format, and the state that it goes on
//! from. Each file is written beside its place and renamed, so that one that is there is whole.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::hub::kept;
use crate::train::files::state::{STATE, SavedState, save};
use crate::train::trainer::Trainer;
use crate::{Advice, Error, Fault, Result};

/// The file that a running process holds, and that says whose the folder is.
const LOCK: &str = ".bdlm-run";
const MODEL: &str = "model.safetensors";
const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
/// The log of a run, which programs may keep beside them.
pub(super) const STEPS: &str = "steps.csv";
pub(super) const VALIDATIONS: &str = "validation.csv";
pub(super) const VARIANCES: &str = "variances.csv";
pub(super) const CURVES: &str = "curves.png";

/// The folder of a run, held by this process.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    _lock: File,
}

/// What to do with a run that a folder holds already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// Go on with it; begin if there is none.
    Resume,
    /// Refuse the folder.
    Refuse,
}

impl RunFolder {
    /// Makes a folder, or takes one that is empty or holds a run.
    ///
    /// # Errors
    /// [`Error::Request`] for a folder that holds something else, a run that is not to be gone on with,
    /// or one that another process is at; [`Error::Io`].
    pub fn open(path: &Path, earlier: Earlier) -> Result<RunFolder> {
        let refuse = |cause: &str, advice| {
            let fault = Fault::from(format!("{} {cause}", path.display()));
            Err(Error::Request(fault.advise(advice)))
        };
        if path.exists() && !path.is_dir() {
            return refuse("is a file, expected a folder for the run", Advice::OtherFolder);
        }
        fs::create_dir_all(path).map_err(Error::io(path))?;
        let is_begun = path.join(STATE).exists();
        if is_begun && earlier == Earlier::Refuse {
            return refuse("holds a run already", Advice::ResumeOrOtherFolder);
        }
        if !is_begun && let Some(name) = stranger(path)? {
            let cause = format!("holds {name}, which is of no run: expected an empty folder");
            return refuse(&cause, Advice::OtherFolder);
        }
        let lock_path = path.join(LOCK);
        let options = File::options().create(true).truncate(false).write(true).open(&lock_path);
        let lock = options.map_err(Error::io(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => Ok(RunFolder { path: path.into(), _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                refuse("is in use by another process", Advice::OtherFolder)
            }
            Err(TryLockError::Error(e)) => Err(Error::io(&lock_path)(e)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The state of the run that it holds, if any.
    ///
    /// # Errors
    /// As [`SavedState::open`].
    pub fn state(&self) -> Result<Option<SavedState>> {
        SavedState::open(&self.path.join(STATE))
    }

    /// The `tokenizer.json` that it holds, if any.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn tokenizer(&self) -> Result<Option<Vec<u8>>> {
        let path = self.path.join(TOKENIZER);
        kept::read(&path).map_err(Error::io(&path))
    }

    /// Writes the `config.json`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_config(&self, config: &[u8]) -> Result<()> {
        self.write(CONFIG, config)
    }

    /// Writes the `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_tokenizer(&self, tokenizer: &[u8]) -> Result<()> {
        self.write(TOKENIZER, tokenizer)
    }

    /// Writes the model and the state of the run, with the settings that it was begun with.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::Io`].
    pub async fn save(&self, trainer: &Trainer, settings: &Value) -> Result<()> {
        self.write(MODEL, &trainer.model().await?)?;
        save(&self.path.join(STATE), trainer, settings).await
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path.join(name);
        kept::replace(&path, bytes).map_err(Error::io(&path))
    }
}

/// Something in a folder that no run has put there before its first save.
fn stranger(folder: &Path) -> Result<Option<String>> {
    let is_of_run = folder.join(LOCK).exists();
    let is_own = |name: &str| {
        let is_known =
            [CONFIG, TOKENIZER, MODEL, STEPS, VALIDATIONS, VARIANCES, CURVES].contains(&name);
        name.starts_with('.') || is_of_run && (is_known || name.starts_with("tokens-"))
    };
    let entries = fs::read_dir(folder).map_err(Error::io(folder))?;
    let names = entries.map(|entry| {
        let name = entry.map_err(Error::io(folder))?.file_name();
        Ok(name.to_string_lossy().into_owned())
    });
    let names: Vec<String> = names.collect::<Result<_>>()?;
    Ok(names.into_iter().find(|name| !is_own(name)))
}
