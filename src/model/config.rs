//! `config.json` of a checkpoint: read, checked, and what follows from it. Knows no tensor.

use serde::{Deserialize, Serialize};

use crate::model::gpt2;
use crate::{Error, Result};

/// The training objective that a checkpoint was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// BD3-LM: blocks left to right, diffusion inside a block.
    BlockDiffusion,
    /// MDLM: one block as long as the window.
    MaskedDiffusion,
    /// SEDD: score entropy, conditioned on the noise level.
    ScoreEntropy,
    /// AR: one token after the other.
    Autoregressive,
    /// GPT-2: as AR, with another network around the same layers. Scores samples.
    Gpt2,
}

impl Family {
    /// True if a row predicts the token behind it, not its own.
    pub fn predicts_next(self) -> bool {
        matches!(self, Family::Autoregressive | Family::Gpt2)
    }
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Family::BlockDiffusion => "block diffusion (BD3-LM)",
            Family::MaskedDiffusion => "masked diffusion (MDLM)",
            Family::ScoreEntropy => "score entropy (SEDD)",
            Family::Autoregressive => "autoregressive (AR)",
            Family::Gpt2 => "autoregressive (GPT-2)",
        })
    }
}

/// Which network a checkpoint is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// The diffusion transformer of the BD3-LM checkpoints.
    #[default]
    Dit,
    /// GPT-2: learned positions, biases, a head tied to the embedding.
    Gpt2,
}

/// A checkpoint's shape, with the published keys.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Spec {
    /// Which network it is.
    #[serde(skip_deserializing)]
    pub architecture: Architecture,
    /// Tokens in a block.
    pub block_size: usize,
    /// Tokens of the vocabulary, the mask token (the last id) included.
    pub vocab_size: usize,
    /// Positions that the network can see at once.
    pub model_length: usize,
    /// Channels.
    pub hidden_dim: usize,
    /// Width of the conditioning vector.
    pub cond_dim: usize,
    /// Transformer layers.
    pub n_blocks: usize,
    /// Attention heads.
    pub n_heads: usize,
    /// Trained on `[x_t ; x_0]`: a block diffusion model.
    #[serde(default = "yes")]
    pub cross_attn: bool,
    /// A token sees only those before it.
    #[serde(default)]
    pub causal: bool,
    /// Layers are modulated by the conditioning vector.
    #[serde(default = "yes")]
    pub adaln: bool,
    /// The conditioning vector depends on the noise level.
    #[serde(default)]
    pub time_conditioning: bool,
    /// First token of every sequence; the tokenizer's end of text if absent.
    #[serde(default)]
    pub bos_token_id: Option<u32>,
    /// Token that ends a text; the tokenizer's, or BOS, if absent.
    #[serde(default)]
    pub eos_token_id: Option<u32>,
}

fn yes() -> bool {
    true
}

/// Largest of the sizes that a config may name: guards the arithmetic that follows.
const MAX_SIZE: usize = 1 << 24;

impl Spec {
    /// Reads and checks the text of a `config.json`.
    ///
    /// # Errors
    /// [`Error::Config`] naming the key, what it is and what it can be.
    pub fn from_json(json: &[u8]) -> Result<Spec> {
        let value: serde_json::Value =
            serde_json::from_slice(json).map_err(|e| Error::config(format!("not JSON: {e}")))?;
        let model_type = value.get("model_type").and_then(|v| v.as_str()).unwrap_or("bd3lm");
        let config: Spec = match model_type {
            "bd3lm" => serde_json::from_value(value).map_err(|e| {
                Error::config(format!("{e}; compare with a published bd3lm config"))
            })?,
            "gpt2" => gpt2::config(value)?,
            other => {
                return Err(Error::config(format!(
                    "model_type is `{other}`, expected `bd3lm`, as \
                     kuleshov-group/bd3lm-owt-block_size16 has, or `gpt2`"
                )));
            }
        };
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        let sizes = [
            ("block_size", self.block_size, 1),
            ("vocab_size", self.vocab_size, 3),
            ("model_length", self.model_length, 1),
            ("hidden_dim", self.hidden_dim, 8),
            ("cond_dim", self.cond_dim, 8),
            ("n_blocks", self.n_blocks, 1),
            ("n_heads", self.n_heads, 1),
        ];
        for (key, got, least) in sizes {
            if got < least || got > MAX_SIZE {
                let words = format!("{key} is {got}, expected {least} to {MAX_SIZE}");
                return Err(Error::config(words));
            }
        }
        let multiples = [
            ("hidden_dim", self.hidden_dim, "8", 8),
            ("hidden_dim", self.hidden_dim, "8 * n_heads", 8 * self.n_heads),
            ("cond_dim", self.cond_dim, "8", 8),
        ];
        for (key, got, of, multiple) in multiples {
            if !got.is_multiple_of(multiple) {
                let words = format!("{key} is {got}, expected a multiple of {of} ({multiple})");
                return Err(Error::config(words));
            }
        }
        if self.family() == Family::BlockDiffusion {
            let fits = self.check_block_size(self.block_size);
            fits.map_err(|e| Error::config(e.to_string()))?;
        }
        for (key, id) in [("bos_token_id", self.bos_token_id), ("eos_token_id", self.eos_token_id)]
        {
            if id.is_some_and(|id| id >= self.mask_id()) {
                let (id, most) = (id.unwrap_or(0), self.mask_id().saturating_sub(1));
                return Err(Error::config(format!("{key} is {id}, expected 0 to {most}")));
            }
        }
        Ok(())
    }

    /// Fails unless blocks of this size fill the window.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub fn check_block_size(&self, block_size: usize) -> Result<()> {
        if block_size > 0 && self.model_length.is_multiple_of(block_size) {
            return Ok(());
        }
        let window = self.model_length;
        Err(Error::request(format!(
            "block size {block_size} does not divide the model's window of {window} tokens"
        )))
    }

    /// What the checkpoint was trained for, known from its switches.
    pub fn family(&self) -> Family {
        match self {
            Spec { architecture: Architecture::Gpt2, .. } => Family::Gpt2,
            Spec { causal: true, .. } => Family::Autoregressive,
            Spec { cross_attn: true, .. } => Family::BlockDiffusion,
            Spec { time_conditioning: true, .. } => Family::ScoreEntropy,
            _ => Family::MaskedDiffusion,
        }
    }

    /// The mask token: the last of the vocabulary; for GPT-2, which has none, beyond it.
    pub fn mask_id(&self) -> u32 {
        match self.architecture {
            Architecture::Dit => self.vocab_size.saturating_sub(1) as u32,
            Architecture::Gpt2 => self.vocab_size as u32,
        }
    }

    /// What the names of its tensors begin with.
    pub fn prefix(&self) -> &'static str {
        match self.architecture {
            Architecture::Dit => "backbone.",
            Architecture::Gpt2 => "transformer.",
        }
    }

    /// Channels of one head.
    pub fn head_width(&self) -> usize {
        self.hidden_dim / self.n_heads
    }

    /// Width of the MLP.
    pub fn mlp_width(&self) -> usize {
        4 * self.hidden_dim
    }

    /// True for tensors that loading makes constants of a layer of.
    pub(crate) fn is_folded(&self, name: &str) -> bool {
        match self.architecture {
            Architecture::Dit => {
                let is_live = self.adaln && self.time_conditioning;
                name.starts_with("sigma_map") || !is_live && name.contains("adaLN_modulation")
            }
            Architecture::Gpt2 => name.contains("ln_") && name.ends_with(".bias"),
        }
    }

    /// Names and shapes of the tensors that a checkpoint of this shape must have, without their
    /// prefix.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        if self.architecture == Architecture::Gpt2 {
            return gpt2::tensors(self);
        }
        let (c, v, f, cond) = (self.hidden_dim, self.vocab_size, self.mlp_width(), self.cond_dim);
        let mut list = vec![
            ("vocab_embed.embedding".to_string(), vec![v, c]),
            ("output_layer.norm_final.weight".into(), vec![c]),
            ("output_layer.linear.weight".into(), vec![v, c]),
            ("output_layer.linear.bias".into(), vec![v]),
        ];
        let mut modulation = Vec::new();
        for layer in 0..self.n_blocks {
            let mut add = |name: &str, shape: Vec<usize>| {
                list.push((format!("blocks.{layer}.{name}"), shape));
            };
            add("norm1.weight", vec![c]);
            add("attn_qkv.weight", vec![3 * c, c]);
            add("attn_out.weight", vec![c, c]);
            add("norm2.weight", vec![c]);
            add("mlp.0.weight", vec![f, c]);
            add("mlp.0.bias", vec![f]);
            add("mlp.2.weight", vec![c, f]);
            add("mlp.2.bias", vec![c]);
            modulation.push((format!("blocks.{layer}.adaLN_modulation"), 6 * c));
        }
        if !self.adaln {
            return list;
        }
        modulation.push(("output_layer.adaLN_modulation".into(), 2 * c));
        for (name, rows) in modulation {
            list.push((format!("{name}.weight"), vec![rows, cond]));
            list.push((format!("{name}.bias"), vec![rows]));
        }
        list.push(("sigma_map.mlp.0.weight".into(), vec![cond, TIMESTEP_WIDTH]));
        list.push(("sigma_map.mlp.0.bias".into(), vec![cond]));
        list.push(("sigma_map.mlp.2.weight".into(), vec![cond, cond]));
        list.push(("sigma_map.mlp.2.bias".into(), vec![cond]));
        list
    }
}

/// Width of the timestep embedding.
pub const TIMESTEP_WIDTH: usize = 256;
