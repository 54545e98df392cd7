//! A network on the device: records its passes. Knows neither blocks nor samples: what a row sees is
//! written in the rows.

#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::block_on;
use crate::gpu::{DType, Epilogue, Gpu, Recorder, Tensor, Weight};
use crate::model::layers::{Dit, Gpt2, Llama, Roberta};
use crate::model::load::Loader;
use crate::model::pass::Pass;
use crate::model::{Backbone, Checkpoint, Formats, Spec, Widths};
use crate::{Error, Result};

/// A loaded network.
#[derive(Debug)]
pub struct Network {
    gpu: Gpu,
    spec: Spec,
    formats: Formats,
    size_bytes: u64,
    layers: Layers,
}

/// The layers of each backbone.
#[derive(Debug)]
enum Layers {
    Dit(Box<Dit>),
    Gpt2(Gpt2),
    Llama(Llama),
    Roberta(Box<Roberta>),
}

impl Network {
    /// Uploads a checkpoint; `progress` is called with the parts done and the number of all parts:
    /// the embedding, each layer, the head. Yields between layers.
    ///
    /// # Errors
    /// [`Error::Tensors`] for numbers that are not finite, [`Error::OutOfMemory`],
    /// [`Error::TooLarge`].
    pub async fn load_async(
        gpu: &Gpu,
        checkpoint: &Checkpoint<'_>,
        formats: impl Into<Formats>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Network> {
        let formats = formats.into();
        let loader = Loader::new(gpu, checkpoint, formats);
        let spec = checkpoint.spec().clone();
        let count = spec.n_layers + 2;
        progress(0, count);
        let mut layers_done = |layers: usize| progress(layers + 1, count);
        let layers = match spec.backbone {
            Backbone::Dit => Layers::Dit(Box::new(Dit::load(&loader, &mut layers_done).await?)),
            Backbone::Gpt2 => Layers::Gpt2(Gpt2::load(&loader, &mut layers_done).await?),
            Backbone::Llama => Layers::Llama(Llama::load(&loader, &mut layers_done).await?),
            Backbone::Roberta => {
                Layers::Roberta(Box::new(Roberta::load(&loader, &mut layers_done).await?))
            }
        };
        gpu.check()?;
        progress(count, count);
        let size_bytes = loader.held_bytes();
        Ok(Network { gpu: gpu.clone(), spec, formats, size_bytes, layers })
    }

    /// As [`Network::load_async`], for programs that may block.
    ///
    /// # Errors
    /// As [`Network::load_async`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn load(
        gpu: &Gpu,
        checkpoint: &Checkpoint<'_>,
        formats: impl Into<Formats>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Network> {
        block_on(Network::load_async(gpu, checkpoint, formats, progress))
    }

    /// The device that the weights are on.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// What the network is.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// How its weights are held.
    pub fn formats(&self) -> Formats {
        self.formats
    }

    /// How matrices of layers are held.
    pub fn weights_dtype(&self) -> DType {
        self.formats.layers
    }

    /// How keys and values are held.
    pub fn cache_dtype(&self) -> DType {
        self.formats.layers.cached()
    }

    /// Bytes of matrices that a pass with logits reads; the embedding counts by its rows only.
    pub fn bytes_per_pass(&self) -> u64 {
        let bytes = |matrices: &mut dyn Iterator<Item = &Weight>| -> u64 {
            matrices.map(Weight::size_bytes).sum()
        };
        let layers = match &self.layers {
            Layers::Dit(dit) => bytes(&mut dit.matrices()),
            Layers::Gpt2(gpt2) => bytes(&mut gpt2.matrices()),
            Layers::Llama(llama) => bytes(&mut llama.matrices()),
            Layers::Roberta(roberta) => bytes(&mut roberta.matrices()),
        };
        layers + self.head().0.size_bytes()
    }

    /// Bytes on the device.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The conditioning vectors `[B, condition]` of noise levels as the device holds them, where
    /// the network takes them.
    ///
    /// # Errors
    /// [`Error::Request`] if it takes them and there are none.
    pub fn condition(&self, sigma: Option<&[f32]>) -> Result<Option<Vec<f32>>> {
        let Layers::Dit(dit) = &self.layers else { return Ok(None) };
        let axis = Widths::of(&self.spec).condition;
        match (dit.sigma_map(), sigma) {
            (None, _) => Ok(None),
            (Some(map), Some(sigma)) => {
                let mut vectors = vec![0.0; sigma.len() * axis.held()];
                for (&sigma, held) in sigma.iter().zip(vectors.chunks_mut(axis.held())) {
                    axis.spread(&map.condition(sigma), held);
                }
                Ok(Some(vectors))
            }
            (Some(_), None) => Err(Error::request(
                "this checkpoint is conditioned on the noise level: give `sigma`, one per sequence",
            )),
        }
    }

    /// The vectors `[levels, C]` that noise levels, 0 to 1, add to rows that are distributions, as the
    /// device holds them; none where no rows are.
    pub fn times(&self, levels: &[f32]) -> Option<Vec<f32>> {
        let Layers::Roberta(roberta) = &self.layers else { return None };
        let axis = Widths::of(&self.spec).channels;
        let mut vectors = vec![0.0; levels.len() * axis.held()];
        for (&level, held) in levels.iter().zip(vectors.chunks_mut(axis.held())) {
            axis.spread(&roberta.time(level).collect::<Vec<f32>>(), held);
        }
        Some(vectors)
    }

    /// Records a pass up to the last layer: embeds the rows' tokens, appends their keys and
    /// values to the cache, leaves the residual stream in `pass.x`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Kernel`].
    pub fn record_layers(&self, r: &mut Recorder<'_>, pass: &Pass<'_>) -> Result<()> {
        match &self.layers {
            Layers::Dit(dit) => dit.record_layers(r, pass),
            Layers::Gpt2(gpt2) => gpt2.record_layers(r, pass),
            Layers::Llama(llama) => llama.record_layers(r, pass),
            Layers::Roberta(roberta) => roberta.record_layers(r, pass),
        }
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
        let y = pass.y.rows(0, x.dim(0))?;
        match &self.layers {
            Layers::Dit(dit) => {
                let norm = dit.final_norm(r, pass, [x, &y])?;
                r.norm(norm)
            }
            Layers::Gpt2(gpt2) => r.norm(gpt2.final_norm([x, &y])),
            Layers::Llama(llama) => r.rms_norm(llama.final_norm([x, &y])),
            Layers::Roberta(roberta) => roberta.record_final_norm(r, pass, [x, &y]),
        }
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
        let (y, (weight, bias)) = (pass.y.rows(from, logits.dim(0))?, self.head());
        r.matmul(&y, weight, bias, Epilogue::Store, logits)
    }

    /// The head cut into chunks of at most `columns` tokens, a multiple of
    /// [`crate::gpu::layout::COLUMN_PAD`]: weights and biases.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn head_chunks(&self, columns: usize) -> Result<Vec<(Weight, Tensor)>> {
        let (weight, bias) = self.head();
        let with_bias = |(first, weight): (usize, Weight)| {
            let bias = bias.rows(first, weight.shape()[0])?;
            Ok((weight, bias))
        };
        weight.chunks(columns)?.into_iter().map(with_bias).collect()
    }

    fn head(&self) -> (&Weight, &Tensor) {
        match &self.layers {
            Layers::Dit(dit) => dit.head(),
            Layers::Gpt2(gpt2) => gpt2.head(),
            Layers::Llama(llama) => llama.head(),
            Layers::Roberta(roberta) => roberta.head(),
        }
    }
}
