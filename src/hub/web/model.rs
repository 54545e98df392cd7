//! Models by their ids, and by their addresses beside the page.

use std::collections::BTreeMap;

use crate::hub::model::{INDEX, LAYERS, PICKLE, SINGLE, is_hub_id, is_roberta, shard_names};
use crate::hub::web::{HUB, fetch, store};
use crate::hub::{DEFAULT_MODEL, Download, FileBytes, HubOptions, ModelFiles};
use crate::{Advice, Error, Fault, Result};

impl ModelFiles {
    /// A model of the hub by its id, `owner/name`. What was fetched is kept in the browser, and not
    /// fetched again. Dropping the future ends the download.
    ///
    /// # Errors
    /// [`Error::Hub`], [`Error::UnknownModel`], [`Error::Checkpoint`].
    pub async fn fetch(
        id: &str,
        options: &HubOptions,
        progress: &mut dyn FnMut(&Download),
    ) -> Result<ModelFiles> {
        if !is_hub_id(id) {
            return Err(Error::unknown_model(format!(
                "there is no model `{id}`: expected `{DEFAULT_MODEL}`, or a hub id such as \
                 kuleshov-group/bd3lm-owt-block_size16"
            )));
        }
        let hub = Repository::of_hub(id, options);
        let missing = |file: &str| {
            Error::hub(format!(
                "the hub has no {file} in {id}: it is not a model that bdlm can run"
            ))
        };
        hub.model(&missing, progress).await
    }

    /// The default model, whose files are at this address, which ends with a slash; relative to the page.
    /// They are not kept, but by the browser's own cache.
    ///
    /// # Errors
    /// [`Error::Hub`].
    pub async fn fetch_default(
        address: &str,
        progress: &mut dyn FnMut(&Download),
    ) -> Result<ModelFiles> {
        let name = DEFAULT_MODEL;
        let beside = Repository { name: name.into(), address: address.into(), is_kept: false };
        let mut named = Named::new();
        for file in DEFAULT_FILES {
            named.insert(file.into(), beside.file(file, progress).await?);
        }
        let missing = |file: &str| Error::hub(format!("there is no {file} at {address}"));
        ModelFiles::assemble(name, &missing, &mut |file| Ok(named.remove(file).flatten()))
    }
}

/// The files of the default model.
const DEFAULT_FILES: [&str; 4] =
    ["config.json", "tokenizer.json", "generation_config.json", "model.safetensors"];

/// GPT-2's tokenizer from the hub, for checkpoints without one.
///
/// # Errors
/// [`Error::Hub`].
pub async fn gpt2_tokenizer(
    options: &HubOptions,
    progress: &mut dyn FnMut(&Download),
) -> Result<FileBytes> {
    let id = "openai-community/gpt2";
    let fault = |e: Error| {
        let why = "this checkpoint has no tokenizer.json, so GPT-2's is needed";
        Error::Hub(Fault::from(format!("{e} ({why})")).advise(Advice::NameTokenizer))
    };
    let file = Repository::of_hub(id, options).file("tokenizer.json", progress).await;
    let found = file.map_err(fault)?;
    found.ok_or_else(|| fault(Error::hub(format!("the hub has no tokenizer.json in {id}"))))
}

/// Files beside each other.
struct Repository {
    name: String,
    /// Ends with a slash.
    address: String,
    /// Whether what was fetched stays in the browser.
    is_kept: bool,
}

impl Repository {
    fn of_hub(id: &str, options: &HubOptions) -> Repository {
        let hub = options.endpoint.as_deref().unwrap_or(HUB).trim_end_matches('/');
        Repository { name: id.into(), address: format!("{hub}/{id}/resolve/main/"), is_kept: true }
    }

    async fn model(
        &self,
        missing: &dyn Fn(&str) -> Error,
        progress: &mut dyn FnMut(&Download),
    ) -> Result<ModelFiles> {
        let mut named = Named::new();
        while let Some(file) = names(&named)?.into_iter().find(|file| !named.contains_key(file)) {
            let found = self.file(&file, progress).await?;
            if found.is_none() && file == "config.json" {
                return Err(missing(&file));
            }
            named.insert(file, found);
        }
        ModelFiles::assemble(&self.name, missing, &mut |file| Ok(named.remove(file).flatten()))
    }

    /// A file; none if there is no such file.
    async fn file(
        &self,
        file: &str,
        progress: &mut dyn FnMut(&Download),
    ) -> Result<Option<FileBytes>> {
        let address = self.address.clone() + file;
        if self.is_kept
            && let Some(bytes) = store::read(&address).await
        {
            // Nothing is kept of a file that is not there: it is not asked for again.
            let found = (!bytes.is_empty()).then_some(bytes);
            return Ok(found.map(|bytes| FileBytes::new(format!("{}/{file}", self.name), bytes)));
        }
        let report = &mut |done_bytes, total_bytes| {
            progress(&Download { file: file.into(), done_bytes, total_bytes });
        };
        let Some(bytes) = fetch::bytes(&address, report).await.map_err(|cause| {
            Error::Hub(Fault::from(format!("{address}: {cause}")).advise(Advice::CheckNetwork))
        })?
        else {
            if self.is_kept && file != "config.json" {
                let _ = store::write(&address, &[]).await;
            }
            return Ok(None);
        };
        if self.is_kept {
            // A page that may not keep it has it all the same.
            let _ = store::write(&address, &bytes).await;
        }
        Ok(Some(FileBytes::new(format!("{}/{file}", self.name), bytes)))
    }
}

/// Files that were asked for, and those that are there.
type Named = BTreeMap<String, Option<FileBytes>>;

/// Names of the files that a model may have, as far as those say that are here: the small ones first.
fn names(here: &Named) -> Result<Vec<String>> {
    let config = here.get("config.json").and_then(Option::as_ref);
    let is_roberta = config.is_some_and(|config| is_roberta(config));
    let is_missing = |name: &str| here.get(name).is_some_and(Option::is_none);
    let mut names = vec![
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "generation_config.json",
        "chat_template.jinja",
        SINGLE,
    ];
    if is_roberta {
        names.extend(LAYERS);
    }
    match (is_missing(SINGLE), is_roberta) {
        (true, true) => names.push(PICKLE),
        (true, false) => names.push(INDEX),
        (false, _) => {}
    }
    if is_roberta && is_missing("tokenizer.json") {
        names.extend(["vocab.json", "merges.txt"]);
    }
    let mut names: Vec<String> = names.into_iter().map(String::from).collect();
    if let Some(index) = here.get(INDEX).and_then(Option::as_ref) {
        names.extend(shard_names(index)?);
    }
    Ok(names)
}
