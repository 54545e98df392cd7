//! `config.json`: which reader it is for. A new family of checkpoints is a row of each match.

use serde_json::Value;

use crate::hub::ModelFiles;
use crate::model::checkpoint::habits::{Habits, Sources};
use crate::model::checkpoint::{bd3lm, gpt2, llama, roberta};
use crate::model::table::Entry;
use crate::model::{Backbone, Spec};
use crate::{Error, Result};

impl Spec {
    /// Reads and checks the text of a `config.json` that says all of it.
    ///
    /// # Errors
    /// [`Error::Config`] naming the key, what it is and what it can be.
    pub fn from_json(json: &[u8]) -> Result<Spec> {
        Spec::of_config(json, Habits::default())
    }

    /// Reads and checks the text of a `config.json`, and what the caller says beside it.
    ///
    /// # Errors
    /// As [`Spec::from_json`]; [`Error::Request`] for habits that this model does not have.
    pub fn of_config(json: &[u8], asked: Habits) -> Result<Spec> {
        Spec::read(Sources::of_config(json)?, asked)
    }

    /// Reads and checks what a model's files say, and what the caller does.
    ///
    /// # Errors
    /// As [`Spec::from_json`]; [`Error::Checkpoint`] for another file that is damaged,
    /// [`Error::Request`] for habits that this model does not have.
    pub fn of_files(files: &ModelFiles, asked: Habits) -> Result<Spec> {
        Spec::read(Sources::of_files(files)?, asked)
    }

    /// True for a checkpoint that does not say which token is BOS: without a tokenizer it could not begin
    /// a text, and GPT-2's is needed where it brings none.
    pub fn needs_tokenizer(&self) -> bool {
        self.always_bos && self.bos_token_id.is_none()
    }

    fn read(sources: Sources<'_>, asked: Habits) -> Result<Spec> {
        let draw = sources.draw()?;
        let spec = Spec::of_kind(sources, asked)?;
        Ok(Spec { draw, ..spec })
    }

    fn of_kind(sources: Sources<'_>, asked: Habits) -> Result<Spec> {
        check_plain(&sources.config)?;
        let kind = sources.config.get("model_type").and_then(Value::as_str).unwrap_or("bd3lm");
        if let Some(spec) = llama::spec(kind, &sources, asked) {
            return spec;
        }
        let spec = match kind {
            "bd3lm" => bd3lm::spec(sources.config)?,
            "gpt2" => gpt2::spec(sources.config)?,
            "roberta" => roberta::spec(sources.config, asked)?,
            other => {
                let known: Vec<_> =
                    ["bd3lm", "gpt2", "roberta"].into_iter().chain(llama::model_types()).collect();
                let known = known.join("`, `");
                return Err(Error::config(format!(
                    "model_type is `{other}`, expected one of `{known}`"
                )));
            }
        };
        asked.check_fixed(&spec)?;
        Ok(spec)
    }

    /// Every tensor of the network.
    pub fn table(&self) -> Vec<Entry> {
        match self.backbone {
            Backbone::Dit => bd3lm::table(self),
            Backbone::Gpt2 => gpt2::table(self),
            Backbone::Llama => llama::table(self),
            Backbone::Roberta => roberta::table(self),
        }
    }

    /// Names and shapes of the tensors that a checkpoint must have, without their prefix.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let stored = |entry: Entry| Some((entry.stored_shape()?, entry.name));
        self.table().into_iter().filter_map(stored).map(|(shape, name)| (name, shape)).collect()
    }

    /// True for tensors that checkpoints carry and inference does not need: constants that training
    /// code registers, such as tables of rotary angles.
    pub(super) fn ignores(&self, name: &str) -> bool {
        /// Of any training code.
        const CONSTANTS: [&str; 4] = ["inv_freq", "cos_cached", "sin_cached", "block_diff_mask"];
        let last = name.rsplit('.').next().unwrap_or(name);
        let own = match self.backbone {
            Backbone::Dit => bd3lm::IGNORED.contains(&name),
            Backbone::Gpt2 => gpt2::IGNORED_ENDS.iter().any(|end| name.ends_with(end)),
            Backbone::Llama => self.tied_head && name == llama::HEAD,
            Backbone::Roberta => roberta::IGNORED_ENDS.iter().any(|end| name.ends_with(end)),
        };
        own || CONSTANTS.contains(&last)
    }

    /// A tensor's name with what checkpoints put before it.
    pub fn stored_name(&self, name: &str) -> String {
        let prefix = match self.backbone {
            Backbone::Dit => bd3lm::PREFIX,
            Backbone::Gpt2 => gpt2::PREFIX,
            Backbone::Llama if name == llama::HEAD => "",
            Backbone::Llama => llama::PREFIX,
            Backbone::Roberta => "",
        };
        format!("{prefix}{name}")
    }
}

/// Fails for weights that were quantised by other programs.
fn check_plain(config: &Value) -> Result<()> {
    let found = ["quantization_config", "quantization"]
        .into_iter()
        .find_map(|key| config.get(key).filter(|value| !value.is_null()).map(|value| (key, value)));
    match found {
        None => Ok(()),
        Some((key, value)) => {
            let method = value.get("quant_method").and_then(Value::as_str).unwrap_or("unnamed");
            Err(Error::config(format!(
                "{key} says that the weights are quantised (method {method}), expected F32, F16 \
                 or BF16: take the checkpoint that it was made from"
            )))
        }
    }
}
