//! The decoder of Llama, Qwen2 and Qwen3, whatever its rows see: RMS norms, rotary positions, grouped
//! heads whose queries and keys may be normalised, gated MLPs. Source: Touvron et al., 2023.

use crate::gpu::{Attended, Epilogue, HeadNorm, Input, Onto, Recorder, RmsNorm, Tensor, Weight};
use crate::model::checkpoint::NO_BIAS;
use crate::model::load::Loader;
use crate::model::pass::Pass;
use crate::model::{AdaLn, AttentionBiases, MlpKind, NormKind, NormSpec, Positions, Spec, Widths};
use crate::{Error, Result};

/// The network on the device.
#[derive(Debug)]
pub struct Llama {
    widths: Widths,
    norm: NormSpec,
    heads: [usize; 2],
    head_width: usize,
    embedding: Weight,    // [V, C]
    layers: Vec<Layer>,   // L
    last_norm: Tensor,    // [C]
    head: Option<Weight>, // [V, C]; none if it is the embedding
    no_bias: Tensor,      // zeros, as long as the longest product without a bias
}

#[derive(Debug)]
struct Layer {
    norm1: Tensor,              // [C]
    qkv: Weight,                // [(H + 2G) D, C]
    qkv_bias: Option<Tensor>,   // [(H + 2G) D]
    head_norms: Option<Tensor>, // [2, D]: of queries, of keys
    out: Weight,                // [C, H D]
    out_bias: Option<Tensor>,   // [C]
    norm2: Tensor,              // [C]
    gate_up: Weight,            // [2F, C]
    down: Weight,               // [C, F]
}

impl Llama {
    /// Uploads a checkpoint; `progress` is called with the number of layers done.
    ///
    /// # Errors
    /// As [`Loader::matrix`].
    pub async fn load(loader: &Loader<'_>, progress: &mut dyn FnMut(usize)) -> Result<Llama> {
        let spec = loader.spec();
        let Spec { positions, adaln, norm, mlp, .. } = *spec;
        let is_learned = matches!(positions, Positions::Learned { .. });
        let is_plain = !is_learned && adaln == AdaLn::Absent;
        if !(is_plain && norm.kind == NormKind::Rms && mlp.kind == MlpKind::SwiGlu) {
            let words = "these layers have RMS norms, rotary positions, gated MLPs, no adaLN";
            return Err(Error::internal(words));
        }
        let no_bias = loader.zeros(NO_BIAS)?;
        let embedding = loader.matrix("embed_tokens.weight", None)?;
        let layers = loader.layers(progress, |i| Layer::load(loader, i)).await?;
        let head = match spec.tied_head {
            true => None,
            false => Some(loader.matrix("lm_head.weight", None)?),
        };
        Ok(Llama {
            widths: loader.widths,
            norm,
            heads: [spec.n_heads, spec.n_key_heads],
            head_width: spec.head_width,
            embedding,
            layers,
            last_norm: loader.vector("norm.weight", None)?,
            head,
            no_bias,
        })
    }

    /// Weight `[V, C]` and bias, zeros, `[V]` of the head.
    pub fn head(&self) -> (&Weight, &Tensor) {
        (self.head.as_ref().unwrap_or(&self.embedding), &self.no_bias)
    }

    /// The matrices that every row of a pass is multiplied with, the head aside.
    pub fn matrices(&self) -> impl Iterator<Item = &Weight> {
        self.layers.iter().flat_map(|layer| {
            let Layer { qkv, out, gate_up, down, .. } = layer;
            [qkv, out, gate_up, down]
        })
    }

    /// Records a pass up to the last layer.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Kernel`].
    pub fn record_layers(&self, r: &mut Recorder<'_>, pass: &Pass<'_>) -> Result<()> {
        let Pass { ids, slots, angles, x, y, qkv, q, found, gated, hidden, .. } = pass;
        let gated = gated.as_ref().ok_or_else(|| hidden.misfit(&[0]))?;
        r.embedding(ids, &self.embedding, Onto::Nothing, x)?;
        for (layer, kv) in self.layers.iter().zip(pass.cache.layers()) {
            let to = Attended { angles, slots, q, cache: kv };
            let rows = Input::RmsNormed(self.norm([x, y], &layer.norm1));
            let qkv_bias = layer.qkv_bias.as_ref().unwrap_or(&self.no_bias).rows(0, qkv.dim(1))?;
            match &layer.head_norms {
                None => r.qkv(rows, (&layer.qkv, &qkv_bias), qkv, to)?,
                Some(weight) => {
                    r.matmul(rows, &layer.qkv, &qkv_bias, Epilogue::Store, qkv)?;
                    r.normed_rotary(qkv, self.head_norm(weight), to)?;
                }
            }
            r.attention(pass.attention(kv), found)?;
            let out_bias = layer.out_bias.as_ref().unwrap_or(&self.no_bias);
            r.matmul(found, &layer.out, out_bias, Epilogue::Residual, x)?;
            let rows = Input::RmsNormed(self.norm([x, y], &layer.norm2));
            r.matmul_swiglu(rows, (&layer.gate_up, &self.no_bias), gated, hidden)?;
            r.matmul(hidden, &layer.down, &self.no_bias, Epilogue::Residual, x)?;
        }
        Ok(())
    }

    /// The final norm from x to y, both `[rows, C]`.
    pub fn final_norm<'a>(&'a self, rows: [&'a Tensor; 2]) -> RmsNorm<'a> {
        self.norm(rows, &self.last_norm)
    }

    fn norm<'a>(&self, [x, y]: [&'a Tensor; 2], weight: &'a Tensor) -> RmsNorm<'a> {
        let (channels, epsilon) = (self.widths.channels.count(), self.norm.epsilon);
        RmsNorm { x, channels, epsilon, weight, y }
    }

    fn head_norm<'a>(&self, weight: &'a Tensor) -> HeadNorm<'a> {
        let (heads, channels) = (self.heads, self.head_width);
        HeadNorm { weight, heads, channels, epsilon: self.norm.epsilon }
    }
}

impl Layer {
    fn load(loader: &Loader<'_>, i: usize) -> Result<Layer> {
        let Spec { attention_biases: biases, head_norms, .. } = *loader.spec();
        let name = |tensor: &str| format!("layers.{i}.{tensor}");
        let attention = |tensor: &str| name(&format!("self_attn.{tensor}"));
        let inputs = |end: &str| ["q", "k", "v"].map(|x| attention(&format!("{x}_proj.{end}")));
        Ok(Layer {
            norm1: loader.vector(&name("input_layernorm.weight"), None)?,
            qkv: loader.joined(&attention("qkv"), &inputs("weight"))?,
            qkv_bias: match biases {
                AttentionBiases::None => None,
                _ => Some(loader.stacked(&attention("qkv bias"), &inputs("bias"), 1)?),
            },
            head_norms: match head_norms {
                false => None,
                true => {
                    let parts = ["q_norm.weight", "k_norm.weight"].map(attention);
                    Some(loader.stacked(&attention("head norms"), &parts, 2)?)
                }
            },
            out: loader.matrix(&attention("o_proj.weight"), None)?,
            out_bias: match biases {
                AttentionBiases::All => Some(loader.vector(&attention("o_proj.bias"), None)?),
                _ => None,
            },
            norm2: loader.vector(&name("post_attention_layernorm.weight"), None)?,
            gate_up: loader.joined(
                &name("mlp.gate_up"),
                &["mlp.gate_proj.weight", "mlp.up_proj.weight"].map(name),
            )?,
            down: loader.matrix(&name("mlp.down_proj.weight"), None)?,
        })
    }
}
