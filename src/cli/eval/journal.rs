//! Journals: one JSON line with the settings, then one per finished piece of work, written as they
//! are finished. An interrupted evaluation continues from its journal; journals of parts are merged.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bdlm::text::decode;
use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cli::files::{read, shown};

/// Where what is finished is kept.
#[derive(Args)]
#[command(next_help_heading = "Output")]
pub struct JournalArgs {
    /// Write each result to this file as soon as it is finished
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Continue the evaluation in the journal; refused if data, model or settings have changed
    #[arg(long, requires = "journal")]
    resume: bool,
}

impl JournalArgs {
    /// Begins the journal of a command, or takes up one of the same settings; returns what it holds.
    /// Without a file nothing is kept.
    pub fn open<R: DeserializeOwned>(
        &self,
        command: &str,
        settings: &impl Serialize,
    ) -> Result<(Journal, Vec<R>)> {
        match &self.journal {
            Some(path) => Journal::open(path, self.resume, &head(command, settings)?),
            None => Ok((Journal::none(), Vec::new())),
        }
    }

    /// What to do after an interruption.
    pub fn advice(&self) -> String {
        match &self.journal {
            Some(path) => format!("continue with --journal {} --resume", path.display()),
            None => "with --journal FILE it could be continued".into(),
        }
    }
}

/// The key of the first line that names the command.
const COMMAND: &str = "journal";

/// The first line: the command, the program's version, the settings.
fn head(command: &str, settings: &impl Serialize) -> Result<Value> {
    let mut head = serde_json::Map::new();
    head.insert(COMMAND.into(), command.into());
    head.insert("bdlm".into(), env!("CARGO_PKG_VERSION").into());
    if let Value::Object(settings) = serde_json::to_value(settings)? {
        head.extend(settings);
    }
    Ok(head.into())
}

/// What a journal holds.
pub struct Contents<R> {
    /// Its first line.
    pub head: Value,
    /// The others.
    pub results: Vec<R>,
}

impl<R: DeserializeOwned> Contents<R> {
    /// Reads the journal of one of these commands; a last line that was cut does not count.
    pub fn read(path: &Path, commands: &[&str]) -> Result<Contents<R>> {
        let bytes = read(path)?;
        let text = decode(&bytes).unwrap_or_default();
        // A copy may have another encoding, but no other lines.
        let bytes = if text.is_empty() { &bytes } else { text.as_bytes() };
        let lines = whole_lines(bytes);
        if lines.is_empty() && !bytes.is_empty() {
            bail!("{} is no journal of bdlm eval", shown(path));
        }
        let contents = Contents::parse(path, lines, commands)?;
        contents
            .with_context(|| format!("{} is empty, expected a journal of bdlm eval", shown(path)))
    }

    /// The lines of a journal; none if there is none.
    fn parse(path: &Path, lines: &[u8], commands: &[&str]) -> Result<Option<Contents<R>>> {
        let all = lines.split(|&byte| byte == b'\n').enumerate();
        let mut all = all.filter(|(_, line)| !line.trim_ascii().is_empty());
        let Some((_, first)) = all.next() else { return Ok(None) };
        let head: Value = serde_json::from_slice(first).unwrap_or_default();
        let Some(command) = head.get(COMMAND).and_then(Value::as_str) else {
            bail!("{} is no journal of bdlm eval: line 1 is not that of a journal", shown(path));
        };
        if !commands.contains(&command) {
            let (path, wanted) = (shown(path), commands.join("` or `bdlm "));
            bail!("{path} is a journal of `bdlm {command}`, expected one of `bdlm {wanted}`");
        }
        let result = |(i, line): (usize, &[u8])| {
            let wrong = || {
                let path = shown(path);
                format!("{path}: line {} is not a line of a journal of `bdlm {command}`", i + 1)
            };
            serde_json::from_slice(line).with_context(wrong)
        };
        let results = all.map(result).collect::<Result<_>>()?;
        Ok(Some(Contents { head, results }))
    }
}

/// What is before the last newline, with it.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    let n = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    &bytes[..n]
}

/// A journal that is being written; no other process writes to it meanwhile.
pub struct Journal {
    to: Option<(PathBuf, File)>,
}

impl Journal {
    /// A journal that keeps nothing.
    pub fn none() -> Journal {
        Journal { to: None }
    }

    fn open<R: DeserializeOwned>(
        path: &Path,
        resume: bool,
        head: &Value,
    ) -> Result<(Journal, Vec<R>)> {
        let failed = || format!("{} cannot be written", shown(path));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        let is_special = std::fs::metadata(path).is_ok_and(|there| !there.is_file());
        if is_special && (resume || path.is_dir()) {
            bail!("{} is not a regular file, which a journal to continue is", shown(path));
        }
        if !is_special {
            options.read(true);
        }
        let mut file = options.open(path).with_context(failed)?;
        let mut results = Vec::new();
        let mut is_new = true;
        if !is_special {
            lock(&file, path)?;
            let mut bytes = Vec::new();
            file.rewind().and_then(|()| file.read_to_end(&mut bytes)).with_context(failed)?;
            if !bytes.is_empty() && !resume {
                bail!(
                    "{} exists already; continue it with --resume, or give another name",
                    shown(path)
                );
            }
            let contents = taken_up(path, &bytes, head)?;
            is_new = contents.is_none();
            let n_bytes = whole_lines(&bytes).len();
            file.set_len(n_bytes as u64).with_context(failed)?;
            file.seek(SeekFrom::End(0)).with_context(failed)?;
            results = contents.map(|contents| contents.results).unwrap_or_default();
        }
        let mut journal = Journal { to: Some((path.into(), file)) };
        if is_new {
            journal.push(head)?;
        }
        Ok((journal, results))
    }

    /// Appends the line of something finished.
    pub fn push(&mut self, result: &impl Serialize) -> Result<()> {
        self.push_all(std::slice::from_ref(result))
    }

    /// Appends the lines of what was finished at once.
    pub fn push_all(&mut self, results: &[impl Serialize]) -> Result<()> {
        let Some((path, file)) = &mut self.to else { return Ok(()) };
        let mut lines = Vec::new();
        for result in results {
            serde_json::to_writer(&mut lines, result)?;
            lines.push(b'\n');
        }
        let failed = || format!("{} cannot be written", shown(path));
        file.write_all(&lines).and_then(|()| file.flush()).with_context(failed)
    }
}

/// Keeps other processes from the journal as long as the file is open.
fn lock(file: &File, path: &Path) -> Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => bail!(
            "{} is being written by another process; wait for its end, or give another name",
            shown(path)
        ),
        // Some file systems lock nothing.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

/// What the journal holds if it is of the same settings; none if nothing was written to it.
fn taken_up<R: DeserializeOwned>(
    path: &Path,
    bytes: &[u8],
    head: &Value,
) -> Result<Option<Contents<R>>> {
    let lines = whole_lines(bytes);
    let begin = format!("{{\"{COMMAND}\":").into_bytes();
    let n = begin.len().min(bytes.len());
    if lines.is_empty() && bytes[..n] != begin[..n] {
        bail!("{} is no journal of bdlm eval", shown(path));
    }
    let command = head.get(COMMAND).and_then(Value::as_str).unwrap_or_default();
    let Some(contents) = Contents::<R>::parse(path, lines, &[command])? else { return Ok(None) };
    if let Some(differs) = difference(&contents.head, head, &[]) {
        bail!("{} is the journal of another evaluation: {differs}", shown(path));
    }
    Ok(Some(contents))
}

/// What a file is called and which program wrote makes no other evaluation; the content does.
const NAMES: [&str; 6] = ["bdlm", "made_by", "model", "data", "scorer", "source"];

/// The first setting in which two evaluations differ, in words; names of files and the keys of
/// `others` apart.
pub fn difference(there: &Value, here: &Value, others: &[&str]) -> Option<String> {
    let empty = serde_json::Map::new();
    let object = |value: &Value| value.as_object().unwrap_or(&empty).clone();
    let (there, here) = (object(there), object(here));
    let counts = |key: &&String| !NAMES.contains(&key.as_str()) && !others.contains(&key.as_str());
    let only_here = here.keys().filter(|key| !there.contains_key(*key));
    there.keys().chain(only_here).filter(counts).find_map(|key| {
        let none = Value::Null;
        let (there, here) = (there.get(key).unwrap_or(&none), here.get(key).unwrap_or(&none));
        match (there, here) {
            _ if there == here => None,
            (Value::Object(_), Value::Object(_)) => difference(there, here, others),
            (Value::Array(a), Value::Array(b))
                if a.len() == b.len() && a.iter().all(Value::is_object) =>
            {
                a.iter().zip(b).find_map(|(there, here)| difference(there, here, others))
            }
            _ => Some(differs(key, there, here)),
        }
    })
}

fn differs(key: &str, there: &Value, here: &Value) -> String {
    let shown = |value: &Value| match value {
        Value::Null => "none".into(),
        Value::String(text) if text.len() == 64 => format!("{}…", &text[..12]),
        value => value.to_string(),
    };
    let what = match key {
        "data_sha256" => "the data has changed, its SHA-256",
        "weights_sha256" => "the model's weights have changed, their SHA-256",
        "config_sha256" => "the model's config.json has changed, its SHA-256",
        "tokenizer_sha256" => "the tokenizer has changed, its SHA-256",
        "adapters_sha256" => "the adapters have changed, their SHA-256",
        "turns_sha256" => {
            "the turns have changed (the chats, the template or its options), their SHA-256"
        }
        "samples_sha256" => "the samples have changed, their SHA-256",
        key => return format!("its {key} is {}, expected {}", shown(there), shown(here)),
    };
    format!("{what} is {}, was {}", shown(here), shown(there))
}
