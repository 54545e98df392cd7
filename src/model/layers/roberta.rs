//! RoBERTa's encoder as SSD-LM runs it: norms after each half of a layer, learned positions, biases
//! everywhere, a head of its own before the tied one. Rows are tokens, or distributions over the
//! vocabulary with a table and a time of their own. Sources: Liu et al., 2019; Han et al., SSD-LM, 2023.

use crate::gpu::{Attended, Epilogue, Memory, Onto, Recorder, Tensor, Weight};
use crate::model::layers::biased::{BiasedNorm, Linear};
use crate::model::load::Loader;
use crate::model::pass::Pass;
use crate::model::{AttentionBiases, Positions, Spec};
use crate::{Error, Result};

/// The network on the device.
#[derive(Debug)]
pub struct Roberta {
    embedding: Weight,      // [V, C]
    diffusion: Weight,      // [C, V]: the table of rows that are distributions
    positions: Weight,      // [n, C], the one token type added
    time: [Vec<f32>; 2],    // weight and bias of the time vector, C each
    first_norm: BiasedNorm, // of the embeddings
    layers: Vec<Layer>,     // L
    head_dense: Linear,     // [C, C]
    head_norm: BiasedNorm,
    head_bias: Tensor, // [V]
}

#[derive(Debug)]
struct Layer {
    qkv: Weight,      // [(H + 2G) D, C]
    qkv_bias: Tensor, // [(H + 2G) D]
    out: Linear,      // [C, H D]
    norm1: BiasedNorm,
    up: Linear,   // [F, C]
    down: Linear, // [C, F]
    norm2: BiasedNorm,
}

impl Roberta {
    /// Uploads a checkpoint; `progress` is called with the number of layers done.
    ///
    /// # Errors
    /// As [`Loader::matrix`].
    pub async fn load(loader: &Loader<'_>, progress: &mut dyn FnMut(usize)) -> Result<Roberta> {
        let Spec { positions, attention_biases, tied_head, .. } = loader.spec();
        let (Positions::Learned { first }, AttentionBiases::All, true) =
            (*positions, *attention_biases, *tied_head)
        else {
            let words = "these layers have learned positions, biases and a tied head";
            return Err(Error::internal(words));
        };
        let embedding = loader.matrix("roberta.embeddings.word_embeddings.weight", None)?;
        let positions = position_table(loader, first)?;
        let diffusion = loader.matrix("embed_sum_layer.weight", None)?;
        let time = ["weight", "bias"].map(|end| format!("timestep_layer.{end}"));
        let [weight, bias] = time.map(|name| loader.checkpoint.tensor(&name));
        let first_norm = BiasedNorm::load(loader, "roberta.embeddings.LayerNorm")?;
        let layers = loader.layers(progress, |i| Layer::load(loader, i)).await?;
        Ok(Roberta {
            embedding,
            diffusion,
            positions,
            time: [weight?, bias?],
            first_norm,
            layers,
            head_dense: Linear::load(loader, "lm_head.dense")?,
            head_norm: BiasedNorm::load(loader, "lm_head.layer_norm")?,
            head_bias: loader.vector("lm_head.bias", None)?,
        })
    }

    /// Weight `[V, C]`, the embedding, and bias `[V]` of the head.
    pub fn head(&self) -> (&Weight, &Tensor) {
        (&self.embedding, &self.head_bias)
    }

    /// The matrices that every row of a pass is multiplied with, the head aside; the table of
    /// distributions counts, of which a pass reads all.
    pub fn matrices(&self) -> impl Iterator<Item = &Weight> {
        let of_layers = self.layers.iter().flat_map(|layer| {
            let Layer { qkv, out, up, down, .. } = layer;
            [qkv, &out.weight, &up.weight, &down.weight]
        });
        of_layers.chain([&self.head_dense.weight, &self.diffusion])
    }

    /// The vector that a noise level, 0 to 1, adds to rows that are distributions, `[C]` as stored.
    pub fn time(&self, level: f32) -> impl Iterator<Item = f32> {
        let [weight, bias] = &self.time;
        weight.iter().zip(bias).map(move |(weight, bias)| weight * level + bias)
    }

    /// Records a pass up to the last layer, whose norm is part of [`Roberta::record_final_norm`].
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Kernel`].
    pub fn record_layers(&self, r: &mut Recorder<'_>, pass: &Pass<'_>) -> Result<()> {
        let Pass { ids, positions, slots, angles, x, y, qkv, q, found, hidden, .. } = pass;
        let normed = pass.normed()?;
        if let Some(simplex) = &pass.simplex {
            let rows = x.rows(0, simplex.probabilities.dim(0))?;
            let (p, time) = (&simplex.probabilities, &simplex.time);
            // Whole tiles of rows are written: tokens come after.
            r.matmul(p, &self.diffusion, time, Epilogue::Store, &rows)?;
        }
        r.embedding(ids, &self.embedding, Onto::Nothing, x)?;
        r.embedding(positions, &self.positions, Onto::Rows, x)?;
        let mut norm = &self.first_norm;
        for (layer, kv) in self.layers.iter().zip(pass.cache.layers()) {
            let Layer { out, up, down, .. } = layer;
            let to = Attended { angles, slots, q, cache: kv };
            let rows = record_norm(r, norm, [x, normed, y])?;
            r.qkv(rows, (&layer.qkv, &layer.qkv_bias), qkv, to)?;
            r.attention(pass.attention(kv), found)?;
            r.matmul(found, &out.weight, &out.bias, Epilogue::Residual, normed)?;
            let rows = record_norm(r, &layer.norm1, [normed, x, y])?;
            r.matmul(rows, &up.weight, &up.bias, Epilogue::GeluErf, hidden)?;
            r.matmul(hidden, &down.weight, &down.bias, Epilogue::Residual, x)?;
            norm = &layer.norm2;
        }
        Ok(())
    }

    /// Records what comes between the last layer and the head, from x to y, both `[rows, C]`: the norm
    /// of the last layer, and the head's own layer.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Kernel`].
    pub fn record_final_norm(
        &self,
        r: &mut Recorder<'_>,
        pass: &Pass<'_>,
        [x, y]: [&Tensor; 2],
    ) -> Result<()> {
        let between = pass.normed()?.rows(0, x.dim(0))?;
        let norm = self.layers.last().map_or(&self.first_norm, |layer| &layer.norm2);
        let Linear { weight, bias } = &self.head_dense;
        r.norm(norm.of([x, y]))?;
        r.matmul(y, weight, bias, Epilogue::GeluErf, &between)?;
        r.norm(self.head_norm.of([&between, y]))
    }
}

/// Records the norm of x, which is both what a product reads and what its outputs are added to: into
/// `normed`, and where products read other memory also into y. Returns the rows of the product.
fn record_norm<'a>(
    r: &mut Recorder<'_>,
    norm: &BiasedNorm,
    [x, normed, y]: [&'a Tensor; 3],
) -> Result<&'a Tensor> {
    r.norm(norm.of([x, normed]))?;
    if y.memory() == Memory::Buffer {
        return Ok(normed);
    }
    r.norm(norm.of([x, y]))?;
    Ok(y)
}

/// The positions' table from its first used row on, with the token type, the same for all rows, added.
fn position_table(loader: &Loader<'_>, first: usize) -> Result<Weight> {
    let name = |table: &str| format!("roberta.embeddings.{table}_embeddings.weight");
    let token_type = loader.checkpoint.tensor(&name("token_type"))?;
    let mut table = loader.checkpoint.tensor(&name("position"))?;
    table.drain(..first * token_type.len());
    for row in table.chunks_mut(token_type.len()) {
        row.iter_mut().zip(&token_type).for_each(|(x, added)| *x += added);
    }
    loader.computed("positions", &table)
}

impl Layer {
    fn load(loader: &Loader<'_>, i: usize) -> Result<Layer> {
        let name = |tensor: &str| format!("roberta.encoder.layer.{i}.{tensor}");
        let inputs = |end: &str| {
            ["query", "key", "value"].map(|x| name(&format!("attention.self.{x}.{end}")))
        };
        let norm = |tensor: &str| BiasedNorm::load(loader, &name(tensor));
        let linear = |tensor: &str| Linear::load(loader, &name(tensor));
        Ok(Layer {
            qkv: loader.joined(&name("attention.self.qkv"), &inputs("weight"))?,
            qkv_bias: loader.stacked(&name("attention.self.qkv bias"), &inputs("bias"), 1)?,
            out: linear("attention.output.dense")?,
            norm1: norm("attention.output.LayerNorm")?,
            up: linear("intermediate.dense")?,
            down: linear("output.dense")?,
            norm2: norm("output.LayerNorm")?,
        })
    }
}
