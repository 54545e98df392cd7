//! A model's habits: which token masks, how long blocks are, where their grid begins. Many published
//! configs do not say; then the caller does, or another file, or the table of the kinds.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::hub::ModelFiles;
use crate::model::checkpoint::json;
use crate::model::spec::Draw;
use crate::model::{Grid, Spec};
use crate::{Advice, Error, Fault, Result};

/// Names of mask tokens, as tokenizers of published models spell them.
const MASK_TOKENS: [&str; 5] = ["<|MASK|>", "<MASK>", "|<MASK>|", "<|mask|>", "<|mdm_mask|>"];
/// Keys of a mask token's number, and of a block's size.
const MASK_KEYS: [&str; 2] = ["mask_token_id", "mask_id"];
const BLOCK_KEYS: [&str; 3] = ["block_size", "bd_size", "block_length"];

/// What the caller says of a model, before anything that its files say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Habits {
    /// The mask token.
    pub mask_id: Option<u32>,
    /// Tokens of a block.
    pub block_size: Option<usize>,
    /// Where the grid of blocks begins.
    pub grid: Option<Grid>,
}

/// What a model's files and its name say of it.
pub struct Sources<'a> {
    /// Its name: a folder's path or a hub id.
    pub name: &'a str,
    /// `config.json`.
    pub config: Value,
    /// `generation_config.json`; null if there is none.
    pub generation: Value,
    /// `tokenizer_config.json`; null if there is none.
    pub tokenizer_config: Value,
    /// `tokenizer.json`, not parsed yet.
    pub tokenizer: Option<&'a [u8]>,
}

/// Block diffusion of a kind of model, where the files do not say.
pub struct Diffusion {
    /// The mask token.
    pub mask_id: Option<u32>,
    /// Tokens of a block.
    pub block_size: Option<usize>,
    /// Positions between a row and the token that its logits speak of.
    pub logit_shift: usize,
    /// Where the grid of blocks begins.
    pub grid: Grid,
}

impl<'a> Sources<'a> {
    /// Of a config alone.
    ///
    /// # Errors
    /// [`Error::Config`] if it is not JSON.
    pub fn of_config(config: &[u8]) -> Result<Sources<'a>> {
        let config = json::parse(config)?;
        let (generation, tokenizer_config) = (Value::Null, Value::Null);
        Ok(Sources { name: "", config, generation, tokenizer_config, tokenizer: None })
    }

    /// Of a model's files.
    ///
    /// # Errors
    /// [`Error::Config`] if the config is not JSON, [`Error::Checkpoint`] if another file is not.
    pub fn of_files(files: &'a ModelFiles) -> Result<Sources<'a>> {
        let parsed = |file: &Option<crate::hub::FileBytes>| match file {
            None => Ok(Value::Null),
            Some(file) => json::parse(file).map_err(|e| match e {
                Error::Config(fault) => Error::checkpoint(file.path(), fault),
                other => other,
            }),
        };
        Ok(Sources {
            name: &files.name,
            generation: parsed(&files.generation_config)?,
            tokenizer_config: parsed(&files.tokenizer_config)?,
            tokenizer: files.tokenizer.as_deref(),
            ..Sources::of_config(&files.config)?
        })
    }

    /// The mask token: asked for, of the config, the generation config, the tokenizer, the kind.
    pub fn mask_id(&self, asked: Habits, kind: Option<u32>) -> Option<u32> {
        let number = |json: &Value| {
            let id = MASK_KEYS.iter().find_map(|key| json.get(key)?.as_u64())?;
            u32::try_from(id).ok()
        };
        let files = || number(&self.config).or_else(|| number(&self.generation));
        asked.mask_id.or_else(files).or_else(|| self.mask_of_tokenizer()).or(kind)
    }

    /// Tokens of a block: asked for, of the config, the generation config, the name's `-b8`, the kind.
    pub fn block_size(&self, asked: Habits, kind: Option<usize>) -> Option<usize> {
        let number = |json: &Value| {
            let size = BLOCK_KEYS.iter().find_map(|key| json.get(key)?.as_u64())?;
            usize::try_from(size).ok()
        };
        let files = || number(&self.config).or_else(|| number(&self.generation));
        asked.block_size.or_else(files).or_else(|| self.block_of_name()).or(kind)
    }

    /// `eos_token_id` of the generation config: a token or several.
    pub fn stops(&self) -> Option<Ids> {
        let ids = self.generation.get("eos_token_id").filter(|ids| !ids.is_null())?;
        Ids::deserialize(ids).ok()
    }

    /// How the generation config asks that tokens are drawn, if it asks that they are drawn at all.
    ///
    /// # Errors
    /// [`Error::Config`] naming the key.
    pub fn draw(&self) -> Result<Draw> {
        #[derive(Deserialize)]
        struct Keys {
            temperature: Option<f32>,
            top_k: Option<usize>,
            top_p: Option<f32>,
        }
        if self.generation.get("do_sample").and_then(Value::as_bool) != Some(true) {
            return Ok(Draw::default());
        }
        let keys: Keys = json::keys(self.generation.clone(), "a published generation_config.json")?;
        let whole = Draw::default();
        Ok(Draw {
            temperature: keys.temperature.unwrap_or(whole.temperature),
            top_k: keys.top_k.unwrap_or(whole.top_k),
            top_p: keys.top_p.unwrap_or(whole.top_p),
        })
    }

    /// True if the last part of the name has this word in it.
    pub fn is_named(&self, word: &str) -> bool {
        self.last_name().to_lowercase().contains(word)
    }

    fn last_name(&self) -> &str {
        let name = self.name.trim_end_matches(['/', '\\']);
        name.rsplit(['/', '\\']).next().unwrap_or(name)
    }

    /// N of a name with `-bN`.
    fn block_of_name(&self) -> Option<usize> {
        let mut parts = self.last_name().split('-');
        parts.find_map(|part| part.strip_prefix('b')?.parse().ok())
    }

    /// The token that the tokenizer's config calls its mask, or one with the name of a mask.
    fn mask_of_tokenizer(&self) -> Option<u32> {
        #[derive(Deserialize)]
        struct Tokens {
            #[serde(default)]
            added_tokens: Vec<Token>,
        }
        #[derive(Deserialize)]
        struct Token {
            id: u32,
            content: String,
        }
        let named = self
            .tokenizer_config
            .get("mask_token")
            .and_then(|mask| mask.as_str().or_else(|| mask.get("content").and_then(Value::as_str)));
        let tokens: Tokens = serde_json::from_slice(self.tokenizer?).ok()?;
        let id_of = |name: &str| {
            tokens.added_tokens.iter().find(|token| token.content == name).map(|token| token.id)
        };
        named.and_then(id_of).or_else(|| MASK_TOKENS.into_iter().find_map(id_of))
    }
}

/// A token's number, or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Ids {
    /// One.
    One(u32),
    /// Several.
    Many(Vec<u32>),
}

impl Ids {
    /// All of them.
    pub fn all(&self) -> Vec<u32> {
        match self {
            Ids::One(id) => vec![*id],
            Ids::Many(ids) => ids.clone(),
        }
    }

    /// The first.
    pub fn first(&self) -> Option<u32> {
        self.all().first().copied()
    }
}

impl Habits {
    /// Fails for habits that a checkpoint of fixed ones does not have.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub fn check_fixed(self, spec: &Spec) -> Result<()> {
        let family = spec.family();
        if let Some(asked) = self.mask_id.filter(|_| self.mask_id != spec.mask_id) {
            let own =
                spec.mask_id.map_or("it has none".to_string(), |id| format!("its own is {id}"));
            return Err(Error::request(format!(
                "the mask token of this checkpoint ({family}) cannot be {asked}: {own}"
            )));
        }
        match self.grid {
            Some(Grid::Prompt) => Err(Error::request(format!(
                "this checkpoint is {family}: its grid of blocks begins with the sequence"
            ))),
            _ => Ok(()),
        }
    }
}

/// What a model without a mask token, or without a size of blocks, is refused with.
pub fn unsaid(what: &str, advice: Advice) -> Error {
    let fault = Fault::from(format!(
        "neither it nor generation_config.json, the tokenizer or the kind of model says {what}"
    ));
    Error::Config(fault.advise(advice))
}
