//! What a network is, as data: a row that a reader of configs fills, and that layers, passes and
//! samplers follow. Knows no JSON, no tensor and no device.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::rotary::Rotary;
use crate::{Error, Result};

/// A network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spec {
    /// Which list of layers runs it.
    pub backbone: Backbone,
    /// What it was trained to do.
    pub objective: Objective,
    /// Transformer layers, L.
    pub n_layers: usize,
    /// Channels, C.
    pub channels: usize,
    /// Query heads, H.
    pub n_heads: usize,
    /// Key and value heads, G: H is a multiple of it.
    pub n_key_heads: usize,
    /// Channels of one head, D.
    pub head_width: usize,
    /// The MLP of a layer.
    pub mlp: Mlp,
    /// The norms.
    pub norm: NormSpec,
    /// Which linear layers of attention have biases.
    pub attention_biases: AttentionBiases,
    /// Whether each head's query and key are normalised before they are rotated, as an RMS norm does.
    pub head_norms: bool,
    /// How a row's position reaches the network.
    pub positions: Positions,
    /// How the noise level reaches the layers.
    pub adaln: AdaLn,
    /// Whether the head is the embedding.
    pub tied_head: bool,
    /// Positions between a token and the one that its logits speak of: 1 for models that predict
    /// the next token.
    pub logit_shift: usize,
    /// Where the grid of blocks begins.
    pub grid: Grid,
    /// Positions that the network sees at once.
    pub window: usize,
    /// Tokens of the vocabulary, the mask token included, V.
    pub vocab_size: usize,
    /// The mask token, for models that have one.
    pub mask_id: Option<u32>,
    /// First token of every sequence; the tokenizer's end of text if absent.
    pub bos_token_id: Option<u32>,
    /// Token that ends a text; the tokenizer's, or BOS, if absent.
    pub eos_token_id: Option<u32>,
    /// Whether every sequence begins with BOS; else with what the tokenizer puts before a text.
    pub always_bos: bool,
    /// Tokens that end an answer, for models that answer.
    pub stop_ids: Vec<u32>,
    /// How its files ask that tokens are drawn.
    pub draw: Draw,
}

/// How a model's files ask that tokens are drawn, where nobody says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Draw {
    /// Divides the logits; 0 takes the likeliest token.
    pub temperature: f32,
    /// Draw from the k likeliest tokens; 0 = from all.
    pub top_k: usize,
    /// Draw from the likeliest tokens whose probabilities sum to this; 1 = from all.
    pub top_p: f32,
}

impl Default for Draw {
    /// The network's own distribution.
    fn default() -> Draw {
        Draw { temperature: 1.0, top_k: 0, top_p: 1.0 }
    }
}

/// A list of layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Backbone {
    /// The diffusion transformer of the BD3-LM checkpoints.
    Dit,
    /// GPT-2.
    Gpt2,
    /// The decoder of Llama, Qwen2 and Qwen3: RMS norms, gated MLPs, grouped heads.
    Llama,
    /// RoBERTa's encoder, with rows that are distributions over the vocabulary.
    Roberta,
}

/// A training objective, and with it what a row sees and how texts are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// BD3-LM: blocks left to right, masked diffusion inside a block.
    Block {
        /// Tokens of a block.
        size: usize,
    },
    /// SSD-LM: blocks left to right, Gaussian diffusion of distributions over the vocabulary in a block.
    Simplex {
        /// Tokens of a block.
        size: usize,
    },
    /// MDLM: masked diffusion of the whole window.
    Masked,
    /// SEDD: score entropy of the whole window.
    Score,
    /// AR: one token after the other.
    Autoregressive,
}

/// What a row sees of its sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    /// Its own block and those before it.
    Blocks {
        /// Tokens of a block.
        size: usize,
        /// Tokens by which the first block is shorter, less than a block.
        offset: usize,
    },
    /// The whole sequence.
    All,
    /// Itself and the tokens before it.
    Before,
}

impl Mask {
    /// Blocks on the grid of the sequence.
    pub fn blocks(size: usize) -> Mask {
        Mask::Blocks { size, offset: 0 }
    }

    /// First position of the block of a position; 0 where there are no blocks.
    pub fn own_start(self, position: usize) -> usize {
        match self {
            Mask::Blocks { size, offset } => {
                ((position + offset) / size * size).saturating_sub(offset)
            }
            Mask::All | Mask::Before => 0,
        }
    }

    /// Behind the last position that a position sees of a sequence of so many tokens.
    pub fn end(self, position: usize, length: usize) -> usize {
        match self {
            Mask::Blocks { size, offset } => {
                (((position + offset) / size + 1) * size - offset).min(length)
            }
            Mask::All => length,
            Mask::Before => position + 1,
        }
    }
}

/// The MLP of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Mlp {
    /// Its width, F.
    pub width: usize,
    /// What happens between its two linear layers.
    pub kind: MlpKind,
}

/// What happens between the linear layers of an MLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MlpKind {
    /// GELU, tanh approximation.
    GeluTanh,
    /// GELU as it is, by the error function.
    GeluErf,
    /// A third linear layer's outputs, times SiLU of the first one's.
    SwiGlu,
}

/// The norms of a network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct NormSpec {
    /// What is normalised.
    pub kind: NormKind,
    /// Added to the variance.
    pub epsilon: f32,
}

/// What a norm does to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NormKind {
    /// Mean 0 and variance 1.
    Layer,
    /// Mean square 1.
    Rms,
}

/// How a row's position reaches the network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Positions {
    /// Queries and keys are rotated, half-split over the whole head. Source: Su et al., 2021.
    Rotary(Rotary),
    /// A learned vector is added to the embedding.
    Learned {
        /// Row of the table that belongs to the first position.
        first: usize,
    },
}

/// How the noise level reaches the layers. Source: Peebles and Xie, DiT, 2023.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AdaLn {
    /// Not at all.
    Absent,
    /// Shifts, scales and gates of a constant noise level.
    Constant {
        /// Width of the conditioning vector.
        width: usize,
    },
    /// Shifts, scales and gates of the noise level.
    Noise {
        /// Width of the conditioning vector.
        width: usize,
    },
}

/// Where the grid of blocks begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Grid {
    /// At the first token of the sequence: the last block of a prompt may be open.
    Sequence,
    /// Where a block ends with the prompt: the first block may be shorter.
    Prompt,
}

/// Which linear layers of attention have biases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AttentionBiases {
    /// None.
    None,
    /// Those of queries, keys and values.
    Inputs,
    /// Those and the one of the outputs.
    All,
}

impl Spec {
    /// Tokens of a block, for models that have blocks.
    pub fn block_size(&self) -> Option<usize> {
        match self.objective {
            Objective::Block { size } | Objective::Simplex { size } => Some(size),
            _ => None,
        }
    }

    /// What a row sees, with blocks of this size instead of the checkpoint's.
    pub fn mask(&self, block_size: Option<usize>) -> Mask {
        match self.objective {
            Objective::Block { size } => Mask::blocks(block_size.unwrap_or(size)),
            Objective::Masked | Objective::Score | Objective::Simplex { .. } => Mask::All,
            Objective::Autoregressive => Mask::Before,
        }
    }

    /// True if texts may be longer than the window, which then slides: positions are relative, the
    /// noise level is not that of a whole window, and the model was trained on cut texts, where
    /// nothing leans on the first tokens.
    pub fn slides(&self) -> bool {
        self.backbone == Backbone::Dit && !self.gives_scores()
    }

    /// True if cells are masked and opened: all but autoregressive models.
    pub fn is_diffusion(&self) -> bool {
        self.objective != Objective::Autoregressive
    }

    /// True if cells are distributions over the vocabulary, which are decided anew at every step.
    pub fn has_simplex(&self) -> bool {
        matches!(self.objective, Objective::Simplex { .. })
    }

    /// True if logits are log scores, as SEDD's are, instead of log probabilities.
    pub fn gives_scores(&self) -> bool {
        self.objective == Objective::Score
    }

    /// True if the mask token has a share of the distribution, as in models that were trained on a
    /// plain softmax; in the others its logit counts as minus infinity.
    pub fn mask_counts(&self) -> bool {
        self.backbone == Backbone::Llama
    }

    /// What kind of model this is, for people.
    pub fn family(&self) -> &'static str {
        match (self.objective, self.backbone) {
            (Objective::Block { .. }, Backbone::Llama) => "block diffusion (Llama-shaped)",
            (Objective::Block { .. }, _) => "block diffusion (BD3-LM)",
            (Objective::Simplex { .. }, _) => "simplex diffusion (SSD-LM)",
            (Objective::Masked, _) => "masked diffusion (MDLM)",
            (Objective::Score, _) => "score entropy (SEDD)",
            (Objective::Autoregressive, Backbone::Dit) => "autoregressive (AR)",
            (Objective::Autoregressive, Backbone::Gpt2) => "autoregressive (GPT-2)",
            (Objective::Autoregressive, Backbone::Llama) => "autoregressive (Llama-shaped)",
            (Objective::Autoregressive, Backbone::Roberta) => "autoregressive (RoBERTa)",
        }
    }

    /// The token that stands in a masked cell: the mask token, or one beyond the vocabulary for
    /// models that mark masked cells without reading them.
    pub fn masked_id(&self) -> u32 {
        self.mask_id.unwrap_or(self.vocab_size as u32)
    }

    /// Columns of logits: the vocabulary, padded to whole vectors.
    pub fn logits_columns(&self) -> usize {
        self.vocab_size.next_multiple_of(4)
    }

    /// True if the network takes a noise level with each pass.
    pub fn takes_noise(&self) -> bool {
        matches!(self.adaln, AdaLn::Noise { .. })
    }

    /// Tokens that can be drawn: all but the mask token.
    pub fn n_drawable(&self) -> usize {
        self.vocab_size - usize::from(self.mask_id.is_some())
    }

    /// Whether a token can stand in a text.
    pub fn is_drawable(&self, id: u32) -> bool {
        (id as usize) < self.vocab_size && Some(id) != self.mask_id
    }

    /// Fails unless blocks of this size fill the window, or one fits where cells are distributions.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub fn check_block_size(&self, block_size: usize) -> Result<()> {
        let window = self.window;
        let fills = window.is_multiple_of(block_size) || self.has_simplex();
        if (1..=window).contains(&block_size) && fills {
            return Ok(());
        }
        let divides = if self.has_simplex() { "fit into" } else { "divide" };
        Err(Error::request(format!(
            "block size {block_size} does not {divides} the model's window of {window} tokens"
        )))
    }

    /// Fails if a token is not of the vocabulary.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub fn check_ids(&self, ids: &[u32]) -> Result<()> {
        match ids.iter().find(|&&id| id as usize >= self.vocab_size) {
            None => Ok(()),
            Some(id) => {
                let most = self.vocab_size - 1;
                let words = format!("token id {id} is not of the vocabulary, 0 to {most}");
                Err(Error::request(words))
            }
        }
    }
}

impl AdaLn {
    /// Width of the conditioning vector, where there is one.
    pub fn width(self) -> Option<usize> {
        match self {
            AdaLn::Absent => None,
            AdaLn::Constant { width } | AdaLn::Noise { width } => Some(width),
        }
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Objective::Block { .. } => "block diffusion",
            Objective::Simplex { .. } => "simplex diffusion",
            Objective::Masked => "masked diffusion",
            Objective::Score => "score entropy",
            Objective::Autoregressive => "autoregressive",
        })
    }
}
