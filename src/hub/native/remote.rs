//! A model's repository on the Hugging Face hub, through its cache. Downloads that were cut go on
//! where they ended.

use std::path::PathBuf;

use hf_hub::api::sync::{ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, CacheRepo, Repo};

use crate::hub::model::PICKLE;
use crate::hub::{Download, FileBytes, HubOptions};
use crate::{Advice, Error, Fault, Result};

/// Files that a model may lack.
const OPTIONAL: [&str; 6] = [
    "chat_template.jinja",
    "generation_config.json",
    "merges.txt",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
];
/// Times that a cut download is taken up again at once.
const RETRIES: usize = 2;

/// One repository.
pub struct Repository<'a> {
    id: String,
    found: Connection,
    progress: &'a mut dyn FnMut(&Download),
}

/// Where the files of a repository are.
pub struct Connection {
    /// Those that were fetched before.
    pub cached: CacheRepo,
    /// All of them; none when offline.
    pub remote: Option<ApiRepo>,
}

impl<'a> Repository<'a> {
    /// A repository by its id; nothing is asked yet.
    pub fn new(
        id: &str,
        options: &HubOptions,
        progress: &'a mut dyn FnMut(&Download),
    ) -> Result<Repository<'a>> {
        let found = Connection::new(Repo::model(id.into()), options)?;
        Ok(Repository { id: id.into(), found, progress })
    }

    /// A file, downloaded if it is not cached; none if the repository lacks it.
    ///
    /// # Errors
    /// [`Error::Hub`], [`Error::Io`].
    pub fn open(&mut self, file: &str) -> Result<Option<FileBytes>> {
        self.find(file)?.map(|path| FileBytes::open(&path)).transpose()
    }

    /// The path of a file, downloaded if it is not cached; none if the repository lacks it.
    fn find(&mut self, file: &str) -> Result<Option<PathBuf>> {
        if let Some(path) = self.found.cached.get(file) {
            return Ok(Some(path));
        }
        // A repository that was fetched before has its config: what is not beside it may not
        // exist, and without the hub that is as far as one can know.
        let fetched_before = self.found.cached.get("config.json").is_some();
        let has = |name: &str| self.found.cached.get(name).is_some();
        let elsewhere = has("model.safetensors.index.json") || has(PICKLE);
        let Some(remote) = &self.found.remote else {
            let is_optional = fetched_before && OPTIONAL.contains(&file);
            if is_optional || elsewhere && file == "model.safetensors" {
                return Ok(None);
            }
            let fault = Fault::from(format!("{file} of {} is not cached", self.id));
            return Err(Error::Hub(fault.advise(Advice::GoOnline)));
        };
        match remote.download_with_progress(file, Progress::new(file, self.progress)) {
            Ok(path) => Ok(Some(path)),
            Err(e) => match status(&e) {
                Some(404) if file != "config.json" => Ok(None),
                None if fetched_before && OPTIONAL.contains(&file) => Ok(None),
                status => Err(self.explain(file, status, &e)),
            },
        }
    }

    fn explain(&self, file: &str, status: Option<u16>, error: &ApiError) -> Error {
        let id = &self.id;
        let (cause, advice) = match status {
            Some(404) => {
                (format!("the hub has no model {id}, or no config.json in it"), Advice::CheckName)
            }
            Some(status @ (401 | 403)) => (refused(id, status), Advice::GiveToken),
            Some(status) => {
                (format!("the hub answers {status} for {file} of {id}"), Advice::CheckNetwork)
            }
            None => (not_fetched(&format!("{file} of {id}"), error), Advice::CheckNetwork),
        };
        Error::Hub(Fault::from(cause).advise(advice))
    }
}

impl Connection {
    /// To a repository's cache and, unless one is offline, the hub; nothing is asked yet.
    ///
    /// # Errors
    /// [`Error::Hub`].
    pub fn new(repo: Repo, options: &HubOptions) -> Result<Connection> {
        let cache = cache(options);
        let cached = cache.repo(repo.clone());
        if options.offline {
            return Ok(Connection { cached, remote: None });
        }
        let mut builder = ApiBuilder::from_cache(cache).with_progress(false).with_retries(RETRIES);
        if let Some(endpoint) = &options.endpoint {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/').into());
        }
        if options.token.is_some() {
            builder = builder.with_token(options.token.clone());
        }
        let api = builder.build().map_err(|e| Error::hub(format!("hub access: {e}")))?;
        Ok(Connection { cached, remote: Some(api.repo(repo)) })
    }
}

/// That the hub does not give a repository to everyone.
pub fn refused(what: &str, status: u16) -> String {
    format!("the hub refuses {what} (status {status}): it does not exist, or needs a token")
}

/// That a download failed; the next one begins where it ended.
pub fn not_fetched(what: &str, error: &ApiError) -> String {
    format!(
        "{what} cannot be fetched ({error}); what has arrived is kept, the next try goes on from it"
    )
}

/// The folder that all hub clients share.
pub fn cache(options: &HubOptions) -> Cache {
    match &options.home {
        Some(home) => Cache::new(home.join("hub")),
        None => Cache::default(),
    }
}

/// The HTTP status that an error is about. The client's own error type is not re-exported.
pub fn status(error: &ApiError) -> Option<u16> {
    match error {
        ApiError::TooManyRetries(inner) => status(inner),
        ApiError::RequestError(inner) => {
            inner.to_string().strip_prefix("http status: ")?.trim().parse().ok()
        }
        _ => None,
    }
}

/// Reports a download.
pub struct Progress<'a> {
    download: Download,
    report: &'a mut dyn FnMut(&Download),
}

impl<'a> Progress<'a> {
    /// For a file of which nothing is here yet.
    pub fn new(file: &str, report: &'a mut dyn FnMut(&Download)) -> Progress<'a> {
        Progress { download: Download { file: file.into(), done_bytes: 0, total_bytes: 0 }, report }
    }
}

impl hf_hub::api::Progress for Progress<'_> {
    fn init(&mut self, size: usize, _: &str) {
        self.download.total_bytes = size as u64;
        (self.report)(&self.download);
    }

    fn update(&mut self, size: usize) {
        self.download.done_bytes += size as u64;
        (self.report)(&self.download);
    }

    fn finish(&mut self) {
        self.download.done_bytes = self.download.total_bytes;
        (self.report)(&self.download);
    }
}
