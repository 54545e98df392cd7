//! From a checkpoint's tensors to a network on the device: reads, folds what is constant, uploads.

use crate::Result;
use crate::gpu::{DType, Gpu, Tensor, Weight};
use crate::model::conditioning::{Linear, SigmaMap, fold_gate};
use crate::model::config::Architecture;
use crate::model::dit::{Adaln, GATE1, GATE2, LastLayer, Layer, Network};
use crate::model::{Checkpoint, gpt2};

/// What loading needs at every tensor.
pub(super) struct Loader<'a> {
    pub gpu: &'a Gpu,
    pub checkpoint: &'a Checkpoint<'a>,
    pub weights: DType,
    /// The conditioning vector, if it is constant.
    constant: Option<Vec<f32>>,
    /// The longest bias that there is not, `[3C]`.
    no_bias: Tensor,
}

impl Network {
    /// Uploads a checkpoint; `progress` hears the layers done and their number.
    ///
    /// # Errors
    /// [`crate::Error::Tensors`] for numbers that are not finite, [`crate::Error::OutOfMemory`],
    /// [`crate::Error::TooLarge`].
    pub fn load(
        gpu: &Gpu,
        checkpoint: &Checkpoint<'_>,
        weights: DType,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Network> {
        let spec = checkpoint.spec().clone();
        let sigma_map = spec.adaln.then(|| SigmaMap::load(checkpoint)).transpose()?;
        let (constant, sigma_map) = match sigma_map {
            Some(map) if !spec.time_conditioning => (Some(map.condition(0.0)), None),
            map => (None, map),
        };
        let no_bias = Tensor::padded(gpu, "no bias", &[3 * spec.hidden_dim], DType::F32, 1)?;
        let loader = Loader { gpu, checkpoint, weights, constant, no_bias: no_bias.clone() };
        let is_gpt2 = spec.architecture == Architecture::Gpt2;
        let count = spec.n_blocks + 2;
        progress(0, count);
        let table = if is_gpt2 { gpt2::EMBEDDING } else { "vocab_embed.embedding" };
        let embedding = loader.weight(table, [spec.vocab_size, spec.hidden_dim], None)?;
        let positions = is_gpt2.then(|| gpt2::positions(&loader)).transpose()?;
        let mut layers = Vec::with_capacity(spec.n_blocks);
        for i in 0..spec.n_blocks {
            progress(i + 1, count);
            layers.push(if is_gpt2 { gpt2::layer(&loader, i) } else { loader.layer(i) }?);
        }
        progress(count - 1, count);
        let last = match is_gpt2 {
            true => gpt2::last_layer(&loader, &embedding),
            false => loader.last_layer(),
        }?;
        gpu.check()?;
        progress(count, count);
        let gpu = gpu.clone();
        Ok(Network { gpu, spec, embedding, positions, layers, last, no_bias, sigma_map })
    }
}

impl Loader<'_> {
    fn layer(&self, i: usize) -> Result<Layer> {
        let spec = self.checkpoint.spec();
        let (c, f) = (spec.hidden_dim, spec.mlp_width());
        let name = |tensor: &str| format!("blocks.{i}.{tensor}");
        let (adaln, constants) = self.adaln(&name("adaLN_modulation"), 6)?;
        let gate = |chunk: usize| constants.get(chunk * c..(chunk + 1) * c);
        Ok(Layer {
            adaln,
            norm1: self.vector(&name("norm1.weight"), None)?,
            qkv: self.weight(&name("attn_qkv.weight"), [3 * c, c], None)?,
            qkv_bias: self.no_bias.clone(),
            out: self.weight(&name("attn_out.weight"), [c, c], gate(GATE1))?,
            out_bias: self.no_bias.clone(),
            norm2: self.vector(&name("norm2.weight"), None)?,
            up: self.weight(&name("mlp.0.weight"), [f, c], None)?,
            up_bias: self.vector(&name("mlp.0.bias"), None)?,
            down: self.weight(&name("mlp.2.weight"), [c, f], gate(GATE2))?,
            down_bias: self.vector(&name("mlp.2.bias"), gate(GATE2))?,
        })
    }

    fn last_layer(&self) -> Result<LastLayer> {
        let spec = self.checkpoint.spec();
        let shape = [spec.vocab_size, spec.hidden_dim];
        Ok(LastLayer {
            adaln: self.adaln("output_layer.adaLN_modulation", 2)?.0,
            norm: self.vector("output_layer.norm_final.weight", None)?,
            head: self.weight("output_layer.linear.weight", shape, None)?,
            head_bias: self.vector("output_layer.linear.bias", None)?,
        })
    }

    /// A layer's adaLN of `chunks` chunks and, if it is constant, its numbers.
    fn adaln(&self, name: &str, chunks: usize) -> Result<(Adaln, Vec<f32>)> {
        let spec = self.checkpoint.spec();
        let width = chunks * spec.hidden_dim;
        if spec.time_conditioning && spec.adaln {
            let weight = self.weight(&format!("{name}.weight"), [width, spec.cond_dim], None)?;
            let bias = self.vector(&format!("{name}.bias"), None)?;
            return Ok((Adaln::Live { weight, bias }, Vec::new()));
        }
        let constants = match &self.constant {
            Some(c) => Linear::load(self.checkpoint, name)?.apply(c),
            None => vec![0.0; width],
        };
        let adaln = self.folded(name, &constants)?;
        // Without adaLN the gates are 1: there is nothing to fold.
        Ok((adaln, if self.constant.is_some() { constants } else { Vec::new() }))
    }

    /// A modulation that is the same for all rows.
    pub fn folded(&self, name: &str, constants: &[f32]) -> Result<Adaln> {
        let shape = [1, constants.len()];
        Ok(Adaln::Folded(Tensor::from_slice(self.gpu, name, &shape, DType::F32, constants)?))
    }

    /// A matrix, its rows multiplied by the gate.
    pub fn weight(&self, name: &str, shape: [usize; 2], gate: Option<&[f32]>) -> Result<Weight> {
        let mut numbers = self.checkpoint.tensor(name)?;
        if let Some(gate) = gate {
            fold_gate(&mut numbers, gate);
        }
        self.upload(name, shape, &numbers)
    }

    /// A matrix of these numbers.
    pub fn upload(&self, name: &str, shape: [usize; 2], numbers: &[f32]) -> Result<Weight> {
        if self.weights == DType::F16 {
            self.checkpoint.check_f16(name, numbers)?;
        }
        Weight::upload(self.gpu, name, shape, self.weights, numbers)
    }

    /// A vector, multiplied by the gate.
    pub fn vector(&self, name: &str, gate: Option<&[f32]>) -> Result<Tensor> {
        let mut numbers = self.checkpoint.tensor(name)?;
        if let Some(gate) = gate {
            fold_gate(&mut numbers, gate);
        }
        Tensor::from_slice(self.gpu, name, &[numbers.len()], DType::F32, &numbers)
    }
}
