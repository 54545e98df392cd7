//! GPT-2 in the Hugging Face format. Source: Radford et al., 2019.

use serde::Deserialize;
use serde_json::Value;

use crate::model::checkpoint::checks::{
    EPSILON, biased_norm, check_layers, check_sizes, check_tokens, head_width,
};
use crate::model::checkpoint::json;
use crate::model::spec::{
    AdaLn, AttentionBiases, Backbone, Draw, Grid, Mlp, MlpKind, NormKind, NormSpec, Objective,
    Positions,
};
use crate::model::table::{Entry, Kind};
use crate::model::{Axis, Spec, Widths};
use crate::{Error, Result};

/// What the names of all tensors begin with.
pub const PREFIX: &str = "transformer.";

/// Ends of the names of tensors that checkpoints carry and inference does not need: constant masks,
/// and a copy of the embedding.
pub const IGNORED_ENDS: [&str; 3] = [".attn.bias", ".attn.masked_bias", "lm_head.weight"];

/// The keys of a `config.json` that matter.
#[derive(Deserialize)]
struct Keys {
    vocab_size: usize,
    n_positions: usize,
    n_embd: usize,
    n_layer: usize,
    n_head: usize,
    #[serde(default)]
    n_inner: Option<usize>,
    #[serde(default)]
    layer_norm_epsilon: Option<f64>,
    #[serde(default)]
    activation_function: Option<String>,
    #[serde(default)]
    tie_word_embeddings: Option<bool>,
    #[serde(default)]
    scale_attn_by_inverse_layer_idx: Option<bool>,
    #[serde(default)]
    bos_token_id: Option<u32>,
    #[serde(default)]
    eos_token_id: Option<u32>,
}

/// The network of a `config.json`.
///
/// # Errors
/// [`Error::Config`] naming what is not run.
pub fn spec(json: Value) -> Result<Spec> {
    let json = json::with_one_token(json, "eos_token_id");
    let keys: Keys = json::keys(json, "GPT-2's config")?;
    keys.check()?;
    check_sizes(&[
        (("vocab_size", keys.vocab_size), 3),
        (("n_positions", keys.n_positions), 1),
        (("n_embd", keys.n_embd), 4),
        (("n_head", keys.n_head), 1),
    ])?;
    check_layers(("n_layer", keys.n_layer))?;
    let width = keys.n_inner.unwrap_or(4 * keys.n_embd);
    check_sizes(&[(("n_inner", width), 1)])?;
    let spec = Spec {
        backbone: Backbone::Gpt2,
        objective: Objective::Autoregressive,
        n_layers: keys.n_layer,
        channels: keys.n_embd,
        n_heads: keys.n_head,
        n_key_heads: keys.n_head,
        head_width: head_width(("n_embd", keys.n_embd), ("n_head", keys.n_head))?,
        mlp: Mlp { width, kind: MlpKind::GeluTanh },
        norm: NormSpec {
            kind: NormKind::Layer,
            epsilon: keys.layer_norm_epsilon.unwrap_or(EPSILON) as f32,
        },
        attention_biases: AttentionBiases::All,
        head_norms: false,
        positions: Positions::Learned { first: 0 },
        adaln: AdaLn::Absent,
        tied_head: true,
        logit_shift: 1,
        grid: Grid::Sequence,
        window: keys.n_positions,
        vocab_size: keys.vocab_size,
        mask_id: None,
        bos_token_id: keys.bos_token_id,
        eos_token_id: keys.eos_token_id,
        always_bos: true,
        stop_ids: Vec::new(),
        draw: Draw::default(),
    };
    check_tokens(&spec)?;
    Ok(spec)
}

impl Keys {
    /// Fails for what the layers do not do.
    fn check(&self) -> Result<()> {
        let refuse = |words: String| Err(Error::config(words));
        let epsilon = self.layer_norm_epsilon.unwrap_or(EPSILON);
        if !(epsilon > 0.0 && epsilon <= 0.1) {
            return refuse(format!(
                "layer_norm_epsilon is {epsilon}, expected above 0, at most 0.1"
            ));
        }
        let activation = self.activation_function.as_deref().unwrap_or("gelu_new");
        if !["gelu_new", "gelu_pytorch_tanh"].contains(&activation) {
            return refuse(format!("activation_function is `{activation}`, expected `gelu_new`"));
        }
        if self.tie_word_embeddings == Some(false) {
            return refuse(
                "tie_word_embeddings is false, expected a head tied to the embedding".into(),
            );
        }
        if self.scale_attn_by_inverse_layer_idx == Some(true) {
            return refuse("scale_attn_by_inverse_layer_idx is true, expected false".into());
        }
        Ok(())
    }
}

/// Every tensor of the network. The biases of its norms are shifts, which end in one row of
/// constants; linear layers are stored `[in, out]`.
pub fn table(spec: &Spec) -> Vec<Entry> {
    let (widths, vocabulary) = (Widths::of(spec), Axis::exact(spec.vocab_size));
    let Widths { channels: c, queries, qkv, mlp: f, .. } = widths;
    let mut table = vec![
        Entry::table("wte.weight", [vocabulary, c]),
        Entry::matrix("wpe.weight", [Axis::exact(spec.window), c]),
        Entry::constant("no head bias", vocabulary),
    ];
    table.extend(biased_norm(spec, "ln_f"));
    for layer in 0..spec.n_layers {
        let name = |tensor: &str| format!("h.{layer}.{tensor}");
        let linear = [
            ("attn.c_attn", qkv, c),
            ("attn.c_proj", c, queries),
            ("mlp.c_fc", f, c),
            ("mlp.c_proj", c, f),
        ];
        for (tensor, outputs, inputs) in linear {
            let weight = Entry::matrix(name(&format!("{tensor}.weight")), [outputs, inputs]);
            table.push(weight.kind(Kind::Transposed));
            table.push(Entry::vector(name(&format!("{tensor}.bias")), outputs));
        }
        table.extend(
            ["ln_1", "ln_2"].into_iter().flat_map(|tensor| biased_norm(spec, &name(tensor))),
        );
    }
    table
}
