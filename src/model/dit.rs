//! The network: a diffusion transformer over rows of tokens. Loads its weights, records its
//! passes. Knows neither blocks nor samples: which row sees what is written in the rows.

use crate::gpu::{DType, Epilogue, Gpu, Modulation, Recorder, Sequences, Tensor, Weight};
use crate::model::conditioning::{Linear, SigmaMap, fold_gate};
use crate::model::pass::Pass;
use crate::model::{Checkpoint, Config};
use crate::{Error, Result};

/// First columns, in units of C, of the chunks of a layer's modulation.
const SHIFT1: usize = 0;
const SCALE1: usize = 1;
const GATE1: usize = 2;
const SHIFT2: usize = 3;
const SCALE2: usize = 4;
const GATE2: usize = 5;

/// A loaded network.
#[derive(Debug)]
pub struct Dit {
    gpu: Gpu,
    config: Config,
    embedding: Weight,  // [V, C]
    layers: Vec<Layer>, // L
    last: LastLayer,
    no_bias: Tensor, // [3C], zeros
    sigma_map: Option<SigmaMap>,
}

#[derive(Debug)]
struct Layer {
    adaln: Adaln,      // [6C]
    norm1: Tensor,     // [C]
    qkv: Weight,       // [3C, C]
    out: Weight,       // [C, C]
    norm2: Tensor,     // [C]
    up: Weight,        // [F, C]
    up_bias: Tensor,   // [F]
    down: Weight,      // [C, F]
    down_bias: Tensor, // [C]
}

#[derive(Debug)]
struct LastLayer {
    adaln: Adaln,      // [2C]
    norm: Tensor,      // [C]
    head: Weight,      // [V, C]
    head_bias: Tensor, // [V]
}

/// Where a layer's shifts, scales and gates come from.
#[derive(Debug)]
enum Adaln {
    /// Constants of the checkpoint, one row; the gates are folded into the weights.
    Folded(Tensor),
    /// Computed in each pass from the sequences' conditioning vectors.
    Live { weight: Weight, bias: Tensor },
}

impl Dit {
    /// Uploads a checkpoint; `progress` hears the layers done and their number.
    ///
    /// # Errors
    /// [`Error::Tensors`] for numbers that are not finite, [`Error::OutOfMemory`],
    /// [`Error::TooLarge`].
    pub fn load(
        gpu: &Gpu,
        checkpoint: &Checkpoint<'_>,
        weights: DType,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Dit> {
        let config = checkpoint.config().clone();
        let (c, v) = (config.hidden_dim, config.vocab_size);
        let sigma_map = config.adaln.then(|| SigmaMap::load(checkpoint)).transpose()?;
        let constant = match &sigma_map {
            Some(map) if !config.time_conditioning => Some(map.condition(0.0)),
            _ => None,
        };
        let loader = Loader { gpu, checkpoint, weights, constant };
        let count = config.n_blocks + 2;
        progress(0, count);
        let embedding = loader.weight("vocab_embed.embedding", [v, c], None)?;
        let mut layers = Vec::with_capacity(config.n_blocks);
        for i in 0..config.n_blocks {
            progress(i + 1, count);
            layers.push(loader.layer(i)?);
        }
        progress(count - 1, count);
        let last = loader.last_layer()?;
        let no_bias = Tensor::padded(gpu, "no bias", &[3 * c], DType::F32, 1)?;
        gpu.check()?;
        progress(count, count);
        let sigma_map = sigma_map.filter(|_| config.time_conditioning);
        Ok(Dit { gpu: gpu.clone(), config, embedding, layers, last, no_bias, sigma_map })
    }

    /// The device that the weights are on.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// The checkpoint's shape.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How matrices are held.
    pub fn weights_dtype(&self) -> DType {
        self.embedding.dtype()
    }

    /// Bytes of matrices that a pass with logits reads; the embedding counts by its rows only.
    pub fn bytes_per_pass(&self) -> u64 {
        let layer = |l: &Layer| -> u64 {
            [&l.qkv, &l.out, &l.up, &l.down].into_iter().map(Weight::size_bytes).sum()
        };
        self.layers.iter().map(layer).sum::<u64>() + self.last.head.size_bytes()
    }

    /// Bytes on the device.
    pub fn size_bytes(&self) -> u64 {
        let adaln = |adaln: &Adaln| match adaln {
            Adaln::Folded(tensor) => tensor.size_bytes(),
            Adaln::Live { weight, bias } => weight.size_bytes() + bias.size_bytes(),
        };
        let layer = |l: &Layer| {
            let vectors = [&l.norm1, &l.norm2, &l.up_bias, &l.down_bias];
            vectors.map(Tensor::size_bytes).iter().sum::<u64>() + adaln(&l.adaln)
        };
        let last = [&self.last.norm, &self.last.head_bias, &self.no_bias];
        self.layers.iter().map(layer).sum::<u64>()
            + last.map(Tensor::size_bytes).iter().sum::<u64>()
            + adaln(&self.last.adaln)
            + self.embedding.size_bytes()
            + self.bytes_per_pass()
    }

    /// The conditioning vectors `[B, cond]` of noise levels, where the network takes them.
    ///
    /// # Errors
    /// [`Error::Request`] if it takes them and there are none.
    pub fn condition(&self, sigma: Option<&[f32]>) -> Result<Option<Vec<f32>>> {
        match (&self.sigma_map, sigma) {
            (None, _) => Ok(None),
            (Some(map), Some(sigma)) => {
                Ok(Some(sigma.iter().flat_map(|&sigma| map.condition(sigma)).collect()))
            }
            (Some(_), None) => Err(Error::Request(
                "this checkpoint is conditioned on the noise level: give `sigma`, one per sequence"
                    .into(),
            )),
        }
    }

    /// Records a pass up to the last layer: embeds the rows' tokens, appends their keys and
    /// values to the cache, leaves the residual stream in `pass.x`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Kernel`].
    pub fn record_layers(&self, r: &mut Recorder<'_>, pass: &Pass<'_>) -> Result<()> {
        let Pass { ids, slots, spans, angles, x, y, qkv, q, hidden, .. } = pass;
        let c = self.config.hidden_dim;
        r.embedding(ids, &self.embedding, x)?;
        for (i, (layer, kv)) in self.layers.iter().zip(pass.cache.layers()).enumerate() {
            let m = self.modulation(r, &layer.adaln, pass, i)?;
            r.norm(x, &layer.norm1, m, [SHIFT1 * c, SCALE1 * c], y)?;
            r.matmul(y, &layer.qkv, &self.no_bias, Epilogue::Store, qkv)?;
            r.rotary(qkv, angles, slots, q, kv)?;
            r.attention(q, kv, spans, self.config.n_heads, pass.group, y)?;
            r.matmul(y, &layer.out, &self.no_bias, self.residual(m, GATE1), x)?;
            r.norm(x, &layer.norm2, m, [SHIFT2 * c, SCALE2 * c], y)?;
            r.matmul(y, &layer.up, &layer.up_bias, Epilogue::Gelu, hidden)?;
            r.matmul(hidden, &layer.down, &layer.down_bias, self.residual(m, GATE2), x)?;
        }
        Ok(())
    }

    /// Records the final norm of the first `rows` rows, from `pass.x` to `pass.y`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Kernel`].
    pub fn record_final_norm(
        &self,
        r: &mut Recorder<'_>,
        pass: &Pass<'_>,
        rows: usize,
    ) -> Result<()> {
        let m = self.modulation(r, &self.last.adaln, pass, self.layers.len())?;
        let (x, y) = (pass.x.rows(0, rows)?, pass.y.rows(0, rows)?);
        r.norm(&x, &self.last.norm, m, [0, self.config.hidden_dim], &y)
    }

    /// Records the head: logits of rows `from ..` of the final norm's output.
    ///
    /// # Shapes
    /// logits `[rows, V or wider]`.
    /// # Errors
    /// [`Error::Shape`], [`Error::Kernel`].
    pub fn record_head(
        &self,
        r: &mut Recorder<'_>,
        pass: &Pass<'_>,
        from: usize,
        logits: &Tensor,
    ) -> Result<()> {
        let y = pass.y.rows(from, logits.dim(0))?;
        r.matmul(&y, &self.last.head, &self.last.head_bias, Epilogue::Store, logits)
    }

    /// The head cut into chunks of at most `columns` tokens, a multiple of 64: weights and biases.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn head_chunks(&self, columns: usize) -> Result<Vec<(Weight, Tensor)>> {
        let bias = |(first, weight): (usize, Weight)| {
            let bias = self.last.head_bias.rows(first, weight.shape()[0])?;
            Ok((weight, bias))
        };
        self.last.head.chunks(columns)?.into_iter().map(bias).collect()
    }

    /// A layer's modulation; a live one is computed first.
    fn modulation<'a>(
        &self,
        r: &mut Recorder<'_>,
        adaln: &'a Adaln,
        pass: &Pass<'a>,
        layer: usize,
    ) -> Result<Modulation<'a>> {
        match (adaln, pass.conditioning) {
            (Adaln::Folded(tensor), _) => Ok(Modulation { tensor, sequences: Sequences::SHARED }),
            (Adaln::Live { weight, bias }, Some(conditioning)) => {
                let tensor = conditioning.modulation(layer)?;
                r.matmul(&conditioning.vectors, weight, bias, Epilogue::Store, tensor)?;
                Ok(Modulation { tensor, sequences: conditioning.sequences })
            }
            (Adaln::Live { .. }, None) => {
                Err(Error::Request("this checkpoint needs a noise level for each pass".into()))
            }
        }
    }

    fn residual<'a>(&self, modulation: Modulation<'a>, gate: usize) -> Epilogue<'a> {
        match self.sigma_map {
            Some(_) => Epilogue::GatedResidual(modulation, gate * self.config.hidden_dim),
            None => Epilogue::Residual,
        }
    }
}

/// Reads tensors, folds what is constant, uploads.
struct Loader<'a> {
    gpu: &'a Gpu,
    checkpoint: &'a Checkpoint<'a>,
    weights: DType,
    /// The conditioning vector, if it is constant.
    constant: Option<Vec<f32>>,
}

impl Loader<'_> {
    fn layer(&self, i: usize) -> Result<Layer> {
        let config = self.checkpoint.config();
        let (c, f) = (config.hidden_dim, config.mlp_width());
        let name = |tensor: &str| format!("blocks.{i}.{tensor}");
        let (adaln, constants) = self.adaln(&name("adaLN_modulation"), 6)?;
        let gate = |chunk: usize| constants.get(chunk * c..(chunk + 1) * c);
        Ok(Layer {
            adaln,
            norm1: self.vector(&name("norm1.weight"), None)?,
            qkv: self.weight(&name("attn_qkv.weight"), [3 * c, c], None)?,
            out: self.weight(&name("attn_out.weight"), [c, c], gate(GATE1))?,
            norm2: self.vector(&name("norm2.weight"), None)?,
            up: self.weight(&name("mlp.0.weight"), [f, c], None)?,
            up_bias: self.vector(&name("mlp.0.bias"), None)?,
            down: self.weight(&name("mlp.2.weight"), [c, f], gate(GATE2))?,
            down_bias: self.vector(&name("mlp.2.bias"), gate(GATE2))?,
        })
    }

    fn last_layer(&self) -> Result<LastLayer> {
        let config = self.checkpoint.config();
        let shape = [config.vocab_size, config.hidden_dim];
        Ok(LastLayer {
            adaln: self.adaln("output_layer.adaLN_modulation", 2)?.0,
            norm: self.vector("output_layer.norm_final.weight", None)?,
            head: self.weight("output_layer.linear.weight", shape, None)?,
            head_bias: self.vector("output_layer.linear.bias", None)?,
        })
    }

    /// A layer's adaLN of `chunks` chunks and, if it is constant, its numbers.
    fn adaln(&self, name: &str, chunks: usize) -> Result<(Adaln, Vec<f32>)> {
        let config = self.checkpoint.config();
        let width = chunks * config.hidden_dim;
        if config.time_conditioning && config.adaln {
            let weight = self.weight(&format!("{name}.weight"), [width, config.cond_dim], None)?;
            let bias = self.vector(&format!("{name}.bias"), None)?;
            return Ok((Adaln::Live { weight, bias }, Vec::new()));
        }
        let constants = match &self.constant {
            Some(c) => Linear::load(self.checkpoint, name)?.apply(c),
            None => vec![0.0; width],
        };
        let tensor = Tensor::from_slice(self.gpu, name, &[1, width], DType::F32, &constants)?;
        // Without adaLN the gates are 1: there is nothing to fold.
        let gates = if self.constant.is_some() { constants } else { Vec::new() };
        Ok((Adaln::Folded(tensor), gates))
    }

    fn weight(&self, name: &str, shape: [usize; 2], gate: Option<&[f32]>) -> Result<Weight> {
        let mut numbers = self.checkpoint.tensor(name)?;
        if let Some(gate) = gate {
            fold_gate(&mut numbers, gate);
        }
        if self.weights == DType::F16 {
            self.checkpoint.check_f16(name, &numbers)?;
        }
        Weight::upload(self.gpu, name, shape, self.weights, &numbers)
    }

    fn vector(&self, name: &str, gate: Option<&[f32]>) -> Result<Tensor> {
        let mut numbers = self.checkpoint.tensor(name)?;
        if let Some(gate) = gate {
            fold_gate(&mut numbers, gate);
        }
        Tensor::from_slice(self.gpu, name, &[numbers.len()], DType::F32, &numbers)
    }
}
