//! GPT-2 in the Hugging Face format, as layers of the same runner: the biases of its norms are
//! shifts of a constant modulation, its learned positions take the place of rotary angles, its
//! head is the embedding. Source: Radford et al., 2019.

use serde::Deserialize;

use crate::gpu::{DType, Tensor, Weight};
use crate::model::Spec;
use crate::model::config::Architecture;
use crate::model::dit::{LastLayer, Layer};
use crate::model::load::Loader;
use crate::{Error, Result};

/// Name of the embedding, and so of the head.
pub(super) const EMBEDDING: &str = "wte.weight";

/// The keys of a GPT-2's `config.json` that matter.
#[derive(Deserialize)]
struct Gpt2Config {
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

/// A GPT-2's config as the runner's.
///
/// # Errors
/// [`Error::Config`] naming what is not run.
pub(super) fn config(value: serde_json::Value) -> Result<Spec> {
    let gpt2: Gpt2Config = serde_json::from_value(value)
        .map_err(|e| Error::config(format!("{e}; compare with GPT-2's config")))?;
    let refuse = |words: String| Err(Error::config(words));
    let epsilon = gpt2.layer_norm_epsilon.unwrap_or(1e-5);
    if (epsilon - 1e-5).abs() > 1e-9 {
        return refuse(format!("layer_norm_epsilon is {epsilon}, expected 1e-5"));
    }
    if let Some(inner) = gpt2.n_inner.filter(|&inner| inner != 4 * gpt2.n_embd) {
        return refuse(format!("n_inner is {inner}, expected 4 * n_embd ({})", 4 * gpt2.n_embd));
    }
    let activation = gpt2.activation_function.unwrap_or("gelu_new".into());
    if !["gelu_new", "gelu_pytorch_tanh"].contains(&activation.as_str()) {
        return refuse(format!("activation_function is `{activation}`, expected `gelu_new`"));
    }
    if gpt2.tie_word_embeddings == Some(false) {
        return refuse(
            "tie_word_embeddings is false, expected a head tied to the embedding".into(),
        );
    }
    if gpt2.scale_attn_by_inverse_layer_idx == Some(true) {
        return refuse("scale_attn_by_inverse_layer_idx is true, expected false".into());
    }
    Ok(Spec {
        architecture: Architecture::Gpt2,
        block_size: 1,
        vocab_size: gpt2.vocab_size,
        model_length: gpt2.n_positions,
        hidden_dim: gpt2.n_embd,
        cond_dim: 8,
        n_blocks: gpt2.n_layer,
        n_heads: gpt2.n_head,
        cross_attn: false,
        causal: true,
        adaln: false,
        time_conditioning: false,
        bos_token_id: gpt2.bos_token_id,
        eos_token_id: gpt2.eos_token_id,
    })
}

/// Names and shapes of its tensors; linear layers are stored `[in, out]`.
pub(super) fn tensors(config: &Spec) -> Vec<(String, Vec<usize>)> {
    let (c, f) = (config.hidden_dim, config.mlp_width());
    let mut list = vec![
        (EMBEDDING.to_string(), vec![config.vocab_size, c]),
        ("wpe.weight".into(), vec![config.model_length, c]),
        ("ln_f.weight".into(), vec![c]),
        ("ln_f.bias".into(), vec![c]),
    ];
    for layer in 0..config.n_blocks {
        for norm in ["ln_1", "ln_2"] {
            list.push((format!("h.{layer}.{norm}.weight"), vec![c]));
            list.push((format!("h.{layer}.{norm}.bias"), vec![c]));
        }
        let linear = [
            ("attn.c_attn", c, 3 * c),
            ("attn.c_proj", c, c),
            ("mlp.c_fc", c, f),
            ("mlp.c_proj", f, c),
        ];
        for (name, inputs, outputs) in linear {
            list.push((format!("h.{layer}.{name}.weight"), vec![inputs, outputs]));
            list.push((format!("h.{layer}.{name}.bias"), vec![outputs]));
        }
    }
    list
}

/// The learned positions.
pub(super) fn positions(loader: &Loader<'_>) -> Result<Weight> {
    let config = loader.checkpoint.spec();
    loader.weight("wpe.weight", [config.model_length, config.hidden_dim], None)
}

/// Layer number `i`.
pub(super) fn layer(loader: &Loader<'_>, i: usize) -> Result<Layer> {
    let config = loader.checkpoint.spec();
    let (c, f) = (config.hidden_dim, config.mlp_width());
    let name = |tensor: &str| format!("h.{i}.{tensor}");
    let shifts = [
        loader.checkpoint.tensor(&name("ln_1.bias"))?,
        vec![0.0; 2 * c],
        loader.checkpoint.tensor(&name("ln_2.bias"))?,
        vec![0.0; 2 * c],
    ];
    let bias = |tensor: &str| loader.vector(&name(&format!("{tensor}.bias")), None);
    Ok(Layer {
        adaln: loader.folded(&name("ln"), &shifts.concat())?,
        norm1: loader.vector(&name("ln_1.weight"), None)?,
        qkv: linear(loader, &name("attn.c_attn.weight"), [3 * c, c])?,
        qkv_bias: bias("attn.c_attn")?,
        out: linear(loader, &name("attn.c_proj.weight"), [c, c])?,
        out_bias: bias("attn.c_proj")?,
        norm2: loader.vector(&name("ln_2.weight"), None)?,
        up: linear(loader, &name("mlp.c_fc.weight"), [f, c])?,
        up_bias: bias("mlp.c_fc")?,
        down: linear(loader, &name("mlp.c_proj.weight"), [c, f])?,
        down_bias: bias("mlp.c_proj")?,
    })
}

/// The final norm, and the embedding as the head.
pub(super) fn last_layer(loader: &Loader<'_>, embedding: &Weight) -> Result<LastLayer> {
    let config = loader.checkpoint.spec();
    let bias = loader.checkpoint.tensor("ln_f.bias")?;
    let zeros = [config.vocab_size];
    Ok(LastLayer {
        adaln: loader.folded("ln_f", &[bias, vec![0.0; config.hidden_dim]].concat())?,
        norm: loader.vector("ln_f.weight", None)?,
        head: embedding.clone(),
        head_bias: Tensor::padded(loader.gpu, "no head bias", &zeros, DType::F32, 1)?,
    })
}

/// A linear layer `[outputs, inputs]` that is stored the other way round.
fn linear(loader: &Loader<'_>, name: &str, [outputs, inputs]: [usize; 2]) -> Result<Weight> {
    let stored = loader.checkpoint.tensor(name)?;
    let column = |output: usize| stored.iter().skip(output).step_by(outputs);
    let numbers: Vec<f32> = (0..outputs).flat_map(column).copied().collect();
    loader.upload(name, [outputs, inputs], &numbers)
}
