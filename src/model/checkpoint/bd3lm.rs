//! The checkpoints of Arriola et al.: BD3-LM, MDLM, SEDD and AR, one network and one set of keys.

use serde::Deserialize;
use serde_json::Value;

use crate::model::checkpoint::checks::{
    EPSILON, check_layers, check_sizes, check_tokens, head_width, no_bias,
};
use crate::model::checkpoint::json;
use crate::model::spec::{
    AdaLn, AttentionBiases, Backbone, Draw, Grid, Mlp, MlpKind, NormKind, NormSpec, Objective,
    Positions,
};
use crate::model::table::{Entry, Kind};
use crate::model::{Axis, Rotary, Spec, Widths};
use crate::{Error, Result};

/// What the names of all tensors begin with.
pub const PREFIX: &str = "backbone.";

/// Tensors that published checkpoints carry and inference does not need.
pub const IGNORED: [&str; 2] = ["sampling_eps_min", "sampling_eps_max"];

/// Width of the timestep embedding.
pub const TIMESTEP_WIDTH: usize = 256;

/// The keys of a `config.json` that matter.
#[derive(Deserialize)]
struct Keys {
    /// Of block diffusion alone.
    #[serde(default)]
    block_size: Option<usize>,
    vocab_size: usize,
    model_length: usize,
    hidden_dim: usize,
    /// Of adaLN alone.
    #[serde(default)]
    cond_dim: Option<usize>,
    n_blocks: usize,
    n_heads: usize,
    /// Trained on `[x_t ; x_0]`.
    #[serde(default = "yes")]
    cross_attn: bool,
    /// A token sees only those before it.
    #[serde(default)]
    causal: bool,
    /// Layers are modulated by the conditioning vector.
    #[serde(default = "yes")]
    adaln: bool,
    /// The conditioning vector depends on the noise level.
    #[serde(default)]
    time_conditioning: bool,
    #[serde(default)]
    bos_token_id: Option<u32>,
    #[serde(default)]
    eos_token_id: Option<u32>,
}

fn yes() -> bool {
    true
}

/// The network of a `config.json`.
///
/// # Errors
/// [`Error::Config`].
pub fn spec(json: Value) -> Result<Spec> {
    let json = json::with_one_token(json, "eos_token_id");
    let keys: Keys = json::keys(json, "a published bd3lm config")?;
    check_sizes(&[
        (("vocab_size", keys.vocab_size), 3),
        (("model_length", keys.model_length), 1),
        (("hidden_dim", keys.hidden_dim), 4),
        (("n_heads", keys.n_heads), 1),
    ])?;
    check_layers(("n_blocks", keys.n_blocks))?;
    let spec = Spec {
        backbone: Backbone::Dit,
        objective: keys.objective()?,
        n_layers: keys.n_blocks,
        channels: keys.hidden_dim,
        n_heads: keys.n_heads,
        n_key_heads: keys.n_heads,
        head_width: head_width(("hidden_dim", keys.hidden_dim), ("n_heads", keys.n_heads))?,
        mlp: Mlp { width: 4 * keys.hidden_dim, kind: MlpKind::GeluTanh },
        norm: NormSpec { kind: NormKind::Layer, epsilon: EPSILON as f32 },
        attention_biases: AttentionBiases::None,
        head_norms: false,
        positions: Positions::Rotary(Rotary::plain(10_000.0)),
        adaln: keys.adaln()?,
        tied_head: false,
        logit_shift: usize::from(keys.causal),
        grid: Grid::Sequence,
        window: keys.model_length,
        vocab_size: keys.vocab_size,
        mask_id: Some(keys.vocab_size as u32 - 1),
        bos_token_id: keys.bos_token_id,
        eos_token_id: keys.eos_token_id,
        always_bos: true,
        stop_ids: Vec::new(),
        draw: Draw::default(),
    };
    if let Some(size) = spec.block_size() {
        spec.check_block_size(size).map_err(|e| Error::config(e.to_string()))?;
    }
    check_tokens(&spec)?;
    Ok(spec)
}

impl Keys {
    /// What the checkpoint was trained for, known from its switches.
    fn objective(&self) -> Result<Objective> {
        Ok(match self {
            Keys { causal: true, .. } => Objective::Autoregressive,
            Keys { cross_attn: true, .. } => {
                Objective::Block { size: needed("block_size", self.block_size)? }
            }
            Keys { time_conditioning: true, .. } => Objective::Score,
            _ => Objective::Masked,
        })
    }

    fn adaln(&self) -> Result<AdaLn> {
        if !self.adaln {
            return Ok(AdaLn::Absent);
        }
        let width = needed("cond_dim", self.cond_dim)?;
        Ok(match self.time_conditioning {
            false => AdaLn::Constant { width },
            true => AdaLn::Noise { width },
        })
    }
}

/// A size that only some of these networks have.
fn needed(key: &'static str, size: Option<usize>) -> Result<usize> {
    let missing = || format!("missing field `{key}`; compare with a published bd3lm config");
    let size = size.ok_or_else(|| Error::config(missing()))?;
    check_sizes(&[((key, size), 1)])?;
    Ok(size)
}

/// Every tensor of the network.
pub fn table(spec: &Spec) -> Vec<Entry> {
    let (widths, vocabulary) = (Widths::of(spec), Axis::exact(spec.vocab_size));
    let Widths { channels: c, queries, qkv, mlp: f, condition, .. } = widths;
    let mut table = vec![
        Entry::table("vocab_embed.embedding", [vocabulary, c]),
        Entry::vector("output_layer.norm_final.weight", c),
        Entry::table("output_layer.linear.weight", [vocabulary, c]),
        Entry::vector("output_layer.linear.bias", vocabulary),
        no_bias(spec),
    ];
    for layer in 0..spec.n_layers {
        let name = |tensor: &str| format!("blocks.{layer}.{tensor}");
        table.extend([
            Entry::vector(name("norm1.weight"), c),
            Entry::matrix(name("attn_qkv.weight"), [qkv, c]),
            Entry::matrix(name("attn_out.weight"), [c, queries]),
            Entry::vector(name("norm2.weight"), c),
            Entry::matrix(name("mlp.0.weight"), [f, c]),
            Entry::vector(name("mlp.0.bias"), f),
            Entry::matrix(name("mlp.2.weight"), [c, f]),
            Entry::vector(name("mlp.2.bias"), c),
        ]);
        table.extend(modulation(spec, &name("adaLN_modulation"), 6));
    }
    table.extend(modulation(spec, "output_layer.adaLN_modulation", 2));
    if spec.adaln != AdaLn::Absent {
        let timestep = Axis::exact(TIMESTEP_WIDTH);
        table.extend([
            Entry::matrix("sigma_map.mlp.0.weight", [condition, timestep]).kind(Kind::Folded),
            Entry::vector("sigma_map.mlp.0.bias", condition).kind(Kind::Folded),
            Entry::matrix("sigma_map.mlp.2.weight", [condition, condition]).kind(Kind::Folded),
            Entry::vector("sigma_map.mlp.2.bias", condition).kind(Kind::Folded),
        ]);
    }
    table
}

/// A layer's adaLN, `chunks` chunks of C. Held as it is if it depends on the noise level; else folded
/// into one row of constants with the same name.
fn modulation(spec: &Spec, name: &str, chunks: usize) -> Vec<Entry> {
    let (rows, condition) = (Axis::chunks(chunks, spec.channels), Widths::of(spec).condition);
    let weight = Entry::matrix(format!("{name}.weight"), [rows, condition]);
    let bias = Entry::vector(format!("{name}.bias"), rows);
    let constants = Entry::constant(name, rows);
    match spec.adaln {
        AdaLn::Absent => vec![constants],
        AdaLn::Constant { .. } => {
            vec![weight.kind(Kind::Folded), bias.kind(Kind::Folded), constants]
        }
        AdaLn::Noise { .. } => vec![weight, bias],
    }
}
