//! The diffusion transformer of the BD3-LM checkpoints: rotary positions, layers modulated by adaLN
//! (shifts, scales and gates of a conditioning vector). Source: Peebles and Xie, 2023.

use crate::gpu::{
    Attended, Epilogue, Input, Modulation, Norm, Onto, Recorder, Sequences, Tensor, Weight,
};
use crate::model::checkpoint::NO_BIAS;
use crate::model::chunks::{GATE1, GATE2, SCALE1, SCALE2, SHIFT1, SHIFT2};
use crate::model::conditioning::{CpuLinear, SigmaMap};
use crate::model::load::Loader;
use crate::model::pass::Pass;
use crate::model::{AdaLn, AttentionBiases, NormSpec, Positions, Spec, Widths};
use crate::{Error, Result};

/// The network on the device.
#[derive(Debug)]
pub struct Dit {
    widths: Widths,
    norm: NormSpec,
    embedding: Weight,  // [V, C]
    layers: Vec<Layer>, // L
    last: LastLayer,
    sigma_map: Option<SigmaMap>,
}

#[derive(Debug)]
struct Layer {
    adaln: ModulationSource, // [6C]
    norm1: Tensor,           // [C]
    qkv: Weight,             // [(H + 2G) D, C]
    out: Weight,             // [C, H D]
    norm2: Tensor,           // [C]
    up: Weight,              // [F, C]
    up_bias: Tensor,         // [F]
    down: Weight,            // [C, F]
    down_bias: Tensor,       // [C]
    no_bias: Tensor,         // zeros, as long as the longest product without one
}

#[derive(Debug)]
struct LastLayer {
    adaln: ModulationSource, // [2C]
    norm: Tensor,            // [C]
    head: Weight,            // [V, C]
    head_bias: Tensor,       // [V]
}

/// Where a layer's shifts, scales and gates come from.
#[derive(Debug)]
enum ModulationSource {
    /// Constants of the checkpoint, one row; the gates are folded into the weights.
    Folded(Tensor),
    /// Computed in each pass from the sequences' conditioning vectors.
    Live { weight: Weight, bias: Tensor },
}

impl Dit {
    /// Uploads a checkpoint; `progress` is called with the number of layers done.
    ///
    /// # Errors
    /// As [`Loader::matrix`].
    pub async fn load(loader: &Loader<'_>, progress: &mut dyn FnMut(usize)) -> Result<Dit> {
        let spec = loader.spec();
        let Spec { positions, attention_biases, tied_head, .. } = spec;
        if *attention_biases != AttentionBiases::None
            || *tied_head
            || matches!(positions, Positions::Learned { .. })
        {
            let words = "these layers have rotary positions, no biases in attention, a head apart";
            return Err(Error::internal(words));
        }
        let has_map = spec.adaln != AdaLn::Absent;
        let map = has_map.then(|| SigmaMap::load(loader.checkpoint)).transpose()?;
        let (constant, sigma_map) = match map {
            Some(map) if !spec.takes_noise() => (Some(map.condition(0.0)), None),
            map => (None, map),
        };
        let reader = Reader { loader, constant, no_bias: loader.zeros(NO_BIAS)? };
        let embedding = loader.matrix("vocab_embed.embedding", None)?;
        let layers = loader.layers(progress, |i| reader.layer(i)).await?;
        let last = reader.last_layer()?;
        let (widths, norm) = (loader.widths, spec.norm);
        Ok(Dit { widths, norm, embedding, layers, last, sigma_map })
    }

    /// The network from noise levels to conditioning vectors, where there is one.
    pub fn sigma_map(&self) -> Option<&SigmaMap> {
        self.sigma_map.as_ref()
    }

    /// Weight `[V, C]` and bias `[V]` of the head.
    pub fn head(&self) -> (&Weight, &Tensor) {
        (&self.last.head, &self.last.head_bias)
    }

    /// The matrices that every row of a pass is multiplied with, the head aside.
    pub fn matrices(&self) -> impl Iterator<Item = &Weight> {
        self.layers.iter().flat_map(|layer| [&layer.qkv, &layer.out, &layer.up, &layer.down])
    }

    /// Records a pass up to the last layer.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Kernel`].
    pub fn record_layers(&self, r: &mut Recorder<'_>, pass: &Pass<'_>) -> Result<()> {
        let Pass { ids, slots, angles, x, y, qkv, q, found, hidden, .. } = pass;
        let c = self.widths.channels.held();
        r.embedding(ids, &self.embedding, Onto::Nothing, x)?;
        for (i, (layer, kv)) in self.layers.iter().zip(pass.cache.layers()).enumerate() {
            let m = modulation(r, &layer.adaln, pass, i)?;
            let norm = |weight, at: [usize; 2]| Input::Normed(self.norm(x, weight, (m, at), y));
            let to = Attended { angles, slots, q, cache: kv };
            let no_bias = |count: usize| layer.no_bias.rows(0, count);
            let no_qkv_bias = no_bias(qkv.dim(1))?;
            r.qkv(norm(&layer.norm1, [SHIFT1, SCALE1]), (&layer.qkv, &no_qkv_bias), qkv, to)?;
            r.attention(pass.attention(kv), found)?;
            r.matmul(found, &layer.out, &no_bias(c)?, self.residual(m, GATE1), x)?;
            let rows = norm(&layer.norm2, [SHIFT2, SCALE2]);
            r.matmul(rows, &layer.up, &layer.up_bias, Epilogue::Gelu, hidden)?;
            r.matmul(hidden, &layer.down, &layer.down_bias, self.residual(m, GATE2), x)?;
        }
        Ok(())
    }

    /// The final norm from x to y, both `[rows, C]`; a live modulation is computed first.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Kernel`].
    pub fn final_norm<'a>(
        &'a self,
        r: &mut Recorder<'_>,
        pass: &Pass<'a>,
        [x, y]: [&'a Tensor; 2],
    ) -> Result<Norm<'a>> {
        let m = modulation(r, &self.last.adaln, pass, self.layers.len())?;
        Ok(self.norm(x, &self.last.norm, (m, [0, 1]), y))
    }

    /// The norm of x with the shift and scale of these chunks.
    fn norm<'a>(
        &self,
        x: &'a Tensor,
        weight: &'a Tensor,
        (modulation, chunks): (Modulation<'a>, [usize; 2]),
        y: &'a Tensor,
    ) -> Norm<'a> {
        let at = chunks.map(|chunk| chunk * self.widths.channels.held());
        let (channels, epsilon) = (self.widths.channels.count(), self.norm.epsilon);
        Norm { x, weight, modulation, at, channels, epsilon, y }
    }

    fn residual<'a>(&self, modulation: Modulation<'a>, gate: usize) -> Epilogue<'a> {
        match self.sigma_map {
            Some(_) => Epilogue::GatedResidual(modulation, gate * self.widths.channels.held()),
            None => Epilogue::Residual,
        }
    }
}

/// A layer's modulation; a live one is computed first.
fn modulation<'a>(
    r: &mut Recorder<'_>,
    adaln: &'a ModulationSource,
    pass: &Pass<'a>,
    layer: usize,
) -> Result<Modulation<'a>> {
    match (adaln, pass.conditioning) {
        (ModulationSource::Folded(tensor), _) => {
            Ok(Modulation { tensor, sequences: Sequences::SHARED })
        }
        (ModulationSource::Live { weight, bias }, Some(conditioning)) => {
            let tensor = conditioning.modulation(layer)?;
            r.matmul(&conditioning.vectors, weight, bias, Epilogue::Store, tensor)?;
            Ok(Modulation { tensor, sequences: conditioning.sequences })
        }
        (ModulationSource::Live { .. }, None) => {
            Err(Error::request("this checkpoint needs a noise level for each pass"))
        }
    }
}

/// What reading needs at every layer.
struct Reader<'a> {
    loader: &'a Loader<'a>,
    /// The conditioning vector, if it is constant.
    constant: Option<Vec<f32>>,
    no_bias: Tensor,
}

impl Reader<'_> {
    fn layer(&self, i: usize) -> Result<Layer> {
        let (loader, c) = (self.loader, self.loader.spec().channels);
        let name = |tensor: &str| format!("blocks.{i}.{tensor}");
        let (adaln, constants) = self.adaln(&name("adaLN_modulation"), 6)?;
        let gate = |chunk: usize| constants.get(chunk * c..(chunk + 1) * c);
        Ok(Layer {
            adaln,
            norm1: loader.vector(&name("norm1.weight"), None)?,
            qkv: loader.matrix(&name("attn_qkv.weight"), None)?,
            out: loader.matrix(&name("attn_out.weight"), gate(GATE1))?,
            norm2: loader.vector(&name("norm2.weight"), None)?,
            up: loader.matrix(&name("mlp.0.weight"), None)?,
            up_bias: loader.vector(&name("mlp.0.bias"), None)?,
            down: loader.matrix(&name("mlp.2.weight"), gate(GATE2))?,
            down_bias: loader.vector(&name("mlp.2.bias"), gate(GATE2))?,
            no_bias: self.no_bias.clone(),
        })
    }

    fn last_layer(&self) -> Result<LastLayer> {
        let loader = self.loader;
        Ok(LastLayer {
            adaln: self.adaln("output_layer.adaLN_modulation", 2)?.0,
            norm: loader.vector("output_layer.norm_final.weight", None)?,
            head: loader.matrix("output_layer.linear.weight", None)?,
            head_bias: loader.vector("output_layer.linear.bias", None)?,
        })
    }

    /// A layer's adaLN of `chunks` chunks and, if it is constant, its numbers, as they are stored.
    fn adaln(&self, name: &str, chunks: usize) -> Result<(ModulationSource, Vec<f32>)> {
        let (loader, spec) = (self.loader, self.loader.spec());
        if spec.takes_noise() {
            let weight = loader.matrix(&format!("{name}.weight"), None)?;
            let bias = loader.vector(&format!("{name}.bias"), None)?;
            return Ok((ModulationSource::Live { weight, bias }, Vec::new()));
        }
        // Without adaLN shifts and scales are 0, and the gates 1: there is nothing to fold.
        let constants = match &self.constant {
            Some(c) => CpuLinear::load(loader.checkpoint, name)?.apply(c),
            None => Vec::new(),
        };
        let zeros = vec![0.0; chunks * spec.channels];
        let numbers = if constants.is_empty() { &zeros } else { &constants };
        Ok((ModulationSource::Folded(loader.constants(name, numbers)?), constants))
    }
}
