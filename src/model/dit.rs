//! The network: a diffusion transformer over rows of tokens, or a GPT-2. Records its passes. Knows neither blocks nor samples: which row sees what is written in the rows.

use crate::gpu::{
    Attended, DType, Epilogue, Gpu, Input, Modulation, Norm, Onto, Recorder, Sequences, Tensor,
    Weight,
};
use crate::model::Spec;
use crate::model::conditioning::SigmaMap;
use crate::model::pass::Pass;
use crate::{Error, Result};

/// First columns, in units of C, of the chunks of a layer's modulation.
const SHIFT1: usize = 0;
const SCALE1: usize = 1;
pub(super) const GATE1: usize = 2;
const SHIFT2: usize = 3;
const SCALE2: usize = 4;
pub(super) const GATE2: usize = 5;
/// Added to the variance of norms.
const EPSILON: f32 = 1e-5;

/// A loaded network.
#[derive(Debug)]
pub struct Network {
    pub(super) gpu: Gpu,
    pub(super) spec: Spec,
    pub(super) embedding: Weight,         // [V, C]
    pub(super) positions: Option<Weight>, // [n, C]: where they are learned
    pub(super) layers: Vec<Layer>,        // L
    pub(super) last: LastLayer,
    pub(super) no_bias: Tensor, // [3C], zeros
    pub(super) sigma_map: Option<SigmaMap>,
}

/// A transformer layer.
#[derive(Debug)]
pub(super) struct Layer {
    pub adaln: Adaln,      // [6C]
    pub norm1: Tensor,     // [C]
    pub qkv: Weight,       // [3C, C]
    pub qkv_bias: Tensor,  // [3C]
    pub out: Weight,       // [C, C]
    pub out_bias: Tensor,  // [C]
    pub norm2: Tensor,     // [C]
    pub up: Weight,        // [F, C]
    pub up_bias: Tensor,   // [F]
    pub down: Weight,      // [C, F]
    pub down_bias: Tensor, // [C]
}

/// The final norm and the head.
#[derive(Debug)]
pub(super) struct LastLayer {
    pub adaln: Adaln,      // [2C]
    pub norm: Tensor,      // [C]
    pub head: Weight,      // [V, C]
    pub head_bias: Tensor, // [V]
}

/// Where a layer's shifts, scales and gates come from.
#[derive(Debug)]
pub(super) enum Adaln {
    /// Constants of the checkpoint, one row; the gates are folded into the weights.
    Folded(Tensor),
    /// Computed in each pass from the sequences' conditioning vectors.
    Live { weight: Weight, bias: Tensor },
}

impl Network {
    /// The device that the weights are on.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// The checkpoint's shape.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// How matrices are held.
    pub fn weights_dtype(&self) -> DType {
        self.embedding.dtype()
    }

    /// How keys and values are held.
    pub fn cache_dtype(&self) -> DType {
        self.weights_dtype().cached()
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
        let has_biases = self.positions.is_some();
        let adaln = |adaln: &Adaln| match adaln {
            Adaln::Folded(tensor) => tensor.size_bytes(),
            Adaln::Live { weight, bias } => weight.size_bytes() + bias.size_bytes(),
        };
        let layer = |l: &Layer| {
            let vectors = [&l.norm1, &l.norm2, &l.up_bias, &l.down_bias];
            let biases = [&l.qkv_bias, &l.out_bias].into_iter().filter(|_| has_biases);
            let vectors = vectors.into_iter().chain(biases);
            vectors.map(Tensor::size_bytes).sum::<u64>() + adaln(&l.adaln)
        };
        let last = [&self.last.norm, &self.last.head_bias, &self.no_bias];
        // A tied head is the embedding.
        let table = self.positions.as_ref().unwrap_or(&self.embedding);
        self.layers.iter().map(layer).sum::<u64>()
            + last.map(Tensor::size_bytes).iter().sum::<u64>()
            + adaln(&self.last.adaln)
            + table.size_bytes()
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
            (Some(_), None) => Err(Error::request(
                "this checkpoint is conditioned on the noise level: give `sigma`, one per sequence",
            )),
        }
    }

    /// Records a pass up to the last layer: embeds the rows' tokens, appends their keys and
    /// values to the cache, leaves the residual stream in `pass.x`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Kernel`].
    pub fn record_layers(&self, r: &mut Recorder<'_>, pass: &Pass<'_>) -> Result<()> {
        let Pass { ids, positions, slots, angles, x, y, qkv, q, hidden, .. } = pass;
        let c = self.spec.hidden_dim;
        r.embedding(ids, &self.embedding, Onto::Nothing, x)?;
        if let Some(table) = &self.positions {
            r.embedding(positions, table, Onto::Rows, x)?;
        }
        for (i, (layer, kv)) in self.layers.iter().zip(pass.cache.layers()).enumerate() {
            let m = self.modulation(r, &layer.adaln, pass, i)?;
            let norm = |weight, at: [usize; 2]| {
                let at = at.map(|at| at * c);
                Input::Normed(Norm {
                    x,
                    channels: c,
                    epsilon: EPSILON,
                    weight,
                    modulation: m,
                    at,
                    y,
                })
            };
            let to = Attended { angles, slots, q, cache: kv };
            r.qkv(norm(&layer.norm1, [SHIFT1, SCALE1]), (&layer.qkv, &layer.qkv_bias), qkv, to)?;
            r.attention(pass.attention(kv), y)?;
            r.matmul(y, &layer.out, &layer.out_bias, self.residual(m, GATE1), x)?;
            let rows = norm(&layer.norm2, [SHIFT2, SCALE2]);
            r.matmul(rows, &layer.up, &layer.up_bias, Epilogue::Gelu, hidden)?;
            r.matmul(hidden, &layer.down, &layer.down_bias, self.residual(m, GATE2), x)?;
        }
        Ok(())
    }

    /// Records the final norm of rows of the residual stream, to `pass.y`.
    ///
    /// # Shapes
    /// x `[rows, C]`: of the first rows of the pass, unless all share one modulation.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Kernel`].
    pub fn record_final_norm(
        &self,
        r: &mut Recorder<'_>,
        pass: &Pass<'_>,
        x: &Tensor,
    ) -> Result<()> {
        let m = self.modulation(r, &self.last.adaln, pass, self.layers.len())?;
        let y = pass.y.rows(0, x.dim(0))?;
        let (weight, channels) = (&self.last.norm, self.spec.hidden_dim);
        let at = [0, channels];
        r.norm(Norm { x, channels, epsilon: EPSILON, weight, modulation: m, at, y: &y })
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

    /// The head cut into chunks of at most `columns` tokens, a multiple of
    /// [`crate::gpu::COLUMN_PAD`]: weights and biases.
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
                Err(Error::request("this checkpoint needs a noise level for each pass"))
            }
        }
    }

    fn residual<'a>(&self, modulation: Modulation<'a>, gate: usize) -> Epilogue<'a> {
        match self.sigma_map {
            Some(_) => Epilogue::GatedResidual(modulation, gate * self.spec.hidden_dim),
            None => Epilogue::Residual,
        }
    }
}
