//! The `config.json` of a new network, in the published format.

use serde_json::{Value, json};

use crate::model::Objective;

/// Width of the conditioning vector. New networks do not depend on the noise level: their adaLN is
/// constant, and folded into the weights when the model runs.
const CONDITION: usize = 32;

/// A new network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NewNetwork {
    /// What it is trained to do.
    pub objective: Objective,
    /// Layers.
    pub layers: usize,
    /// Channels.
    pub channels: usize,
    /// Heads.
    pub heads: usize,
    /// Tokens that it sees at once.
    pub window: usize,
    /// Tokens of the tokenizer; the mask token comes behind them.
    pub n_ids: usize,
    /// The token that begins and ends a text.
    pub end: u32,
    /// Probability with which dropout zeroes a number in training.
    pub dropout: f32,
}

impl NewNetwork {
    /// Its `config.json`.
    pub fn config(&self) -> Value {
        let block_size = match self.objective {
            Objective::Block { size } | Objective::Simplex { size } => size,
            Objective::Autoregressive => 1,
            Objective::Masked | Objective::Score => self.window,
        };
        let is_block = matches!(self.objective, Objective::Block { .. });
        json!({
            "model_type": "bd3lm",
            "architectures": ["BD3LM"],
            "block_size": block_size,
            "vocab_size": self.n_ids + 1,
            "model_length": self.window,
            "cross_attn": is_block,
            "adaln": true,
            "attn_backend": "sdpa",
            "causal": self.objective == Objective::Autoregressive,
            "hidden_dim": self.channels,
            "cond_dim": CONDITION,
            "n_blocks": self.layers,
            "n_heads": self.heads,
            "dropout": self.dropout,
            "time_conditioning": false,
            "var_min": false,
            "sampling_eps_min": 1e-3,
            "sampling_eps_max": 1.0,
            "bos_token_id": self.end,
            "eos_token_id": self.end,
            "torch_dtype": "float32"
        })
    }
}

/// A model's `config.json` with blocks of another size, if it has blocks.
#[must_use]
pub fn with_block_size(mut config: Value, size: usize) -> Value {
    if let Some(old) = config.get_mut("block_size") {
        *old = size.into();
    }
    config
}
