//! GPT-2: learned positions, norms and linear layers with biases, a head tied to the embedding.
//! Source: Radford et al., 2019.

use crate::gpu::{Attended, Epilogue, Input, Norm, Onto, Recorder, Tensor, Weight};
use crate::model::layers::biased::{BiasedNorm, Linear};
use crate::model::load::Loader;
use crate::model::pass::Pass;
use crate::model::{AdaLn, AttentionBiases, Positions, Spec};
use crate::{Error, Result};

/// The network on the device.
#[derive(Debug)]
pub struct Gpt2 {
    embedding: Weight,  // [V, C]
    positions: Weight,  // [n, C]
    layers: Vec<Layer>, // L
    last: BiasedNorm,
    no_head_bias: Tensor, // [V], zeros
}

#[derive(Debug)]
struct Layer {
    norm1: BiasedNorm,
    qkv: Linear, // [(H + 2G) D, C]
    out: Linear, // [C, H D]
    norm2: BiasedNorm,
    up: Linear,   // [F, C]
    down: Linear, // [C, F]
}

impl Gpt2 {
    /// Uploads a checkpoint; `progress` is called with the number of layers done.
    ///
    /// # Errors
    /// As [`Loader::matrix`].
    pub async fn load(loader: &Loader<'_>, progress: &mut dyn FnMut(usize)) -> Result<Gpt2> {
        let spec = loader.spec();
        let Spec { positions, attention_biases, tied_head, adaln, .. } = spec;
        let is_plain = *positions == Positions::Learned { first: 0 } && *adaln == AdaLn::Absent;
        if !(is_plain && *attention_biases == AttentionBiases::All && *tied_head) {
            let words = "these layers have learned positions, biases, a tied head, no adaLN";
            return Err(Error::internal(words));
        }
        let embedding = loader.matrix("wte.weight", None)?;
        let positions = loader.matrix("wpe.weight", None)?;
        let layers = loader.layers(progress, |i| Layer::load(loader, i)).await?;
        let last = BiasedNorm::load(loader, "ln_f")?;
        let no_head_bias = loader.zeros("no head bias")?;
        Ok(Gpt2 { embedding, positions, layers, last, no_head_bias })
    }

    /// Weight `[V, C]`, the embedding, and bias `[V]` of the head.
    pub fn head(&self) -> (&Weight, &Tensor) {
        (&self.embedding, &self.no_head_bias)
    }

    /// The matrices that every row of a pass is multiplied with, the head aside.
    pub fn matrices(&self) -> impl Iterator<Item = &Weight> {
        let linear = self.layers.iter().flat_map(|layer| {
            let Layer { qkv, out, up, down, .. } = layer;
            [qkv, out, up, down]
        });
        linear.map(|linear| &linear.weight)
    }

    /// Records a pass up to the last layer.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Kernel`].
    pub fn record_layers(&self, r: &mut Recorder<'_>, pass: &Pass<'_>) -> Result<()> {
        let Pass { ids, positions, slots, angles, x, y, qkv, q, found, hidden, .. } = pass;
        r.embedding(ids, &self.embedding, Onto::Nothing, x)?;
        r.embedding(positions, &self.positions, Onto::Rows, x)?;
        for (layer, kv) in self.layers.iter().zip(pass.cache.layers()) {
            let Layer { out, up, down, .. } = layer;
            let to = Attended { angles, slots, q, cache: kv };
            let rows = Input::Normed(layer.norm1.of([x, y]));
            r.qkv(rows, (&layer.qkv.weight, &layer.qkv.bias), qkv, to)?;
            r.attention(pass.attention(kv), found)?;
            r.matmul(found, &out.weight, &out.bias, Epilogue::Residual, x)?;
            let rows = Input::Normed(layer.norm2.of([x, y]));
            r.matmul(rows, &up.weight, &up.bias, Epilogue::Gelu, hidden)?;
            r.matmul(hidden, &down.weight, &down.bias, Epilogue::Residual, x)?;
        }
        Ok(())
    }

    /// The final norm from x to y, both `[rows, C]`.
    pub fn final_norm<'a>(&'a self, rows: [&'a Tensor; 2]) -> Norm<'a> {
        self.last.of(rows)
    }
}

impl Layer {
    fn load(loader: &Loader<'_>, i: usize) -> Result<Layer> {
        let norm = |tensor: &str| BiasedNorm::load(loader, &format!("h.{i}.{tensor}"));
        let linear = |tensor: &str| Linear::load(loader, &format!("h.{i}.{tensor}"));
        Ok(Layer {
            norm1: norm("ln_1")?,
            qkv: linear("attn.c_attn")?,
            out: linear("attn.c_proj")?,
            norm2: norm("ln_2")?,
            up: linear("mlp.c_fc")?,
            down: linear("mlp.c_proj")?,
        })
    }
}
