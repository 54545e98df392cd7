//! `config.json`: which reader it is for. A new family of checkpoints is a row of each match.

use serde_json::Value;

use crate::model::checkpoint::{bd3lm, gpt2};
use crate::model::table::Entry;
use crate::model::{Backbone, Spec};
use crate::{Error, Result};

impl Spec {
    /// Reads and checks the text of a `config.json`.
    ///
    /// # Errors
    /// [`Error::Config`] naming the key, what it is and what it can be.
    pub fn from_json(json: &[u8]) -> Result<Spec> {
        let value: Value =
            serde_json::from_slice(json).map_err(|e| Error::config(format!("not JSON: {e}")))?;
        match value.get("model_type").and_then(Value::as_str).unwrap_or("bd3lm") {
            "bd3lm" => bd3lm::spec(value),
            "gpt2" => gpt2::spec(value),
            other => Err(Error::config(format!(
                "model_type is `{other}`, expected `bd3lm`, as \
                 kuleshov-group/bd3lm-owt-block_size16 has, or `gpt2`"
            ))),
        }
    }

    /// Every tensor of the network.
    pub fn table(&self) -> Vec<Entry> {
        match self.backbone {
            Backbone::Dit => bd3lm::table(self),
            Backbone::Gpt2 => gpt2::table(self),
        }
    }

    /// Names and shapes of the tensors that a checkpoint must have, without their prefix.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let stored = |entry: Entry| Some((entry.stored_shape()?, entry.name));
        self.table().into_iter().filter_map(stored).map(|(shape, name)| (name, shape)).collect()
    }

    /// What the names of its tensors begin with.
    pub fn prefix(&self) -> &'static str {
        match self.backbone {
            Backbone::Dit => bd3lm::PREFIX,
            Backbone::Gpt2 => gpt2::PREFIX,
        }
    }
}
