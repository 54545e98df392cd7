//! A layer of the diffusion transformer in training: its pass forward, and backward beside it.

use crate::Result;
use crate::gpu::{
    Activation, Attended, Attention, BackwardAttention, Dropout, Epilogue, Gate, Gpu, Modulation,
    Norm, NormGradients, Recorder, Sequences, Tensor,
};
use crate::model::chunks::{GATE1, GATE2, SCALE1, SCALE2, SHIFT1, SHIFT2};
use crate::model::{NormSpec, Spec, Widths};
use crate::train::activations::{Kept, Room};
use crate::train::conditioning::{Modulated, SigmaMap};
use crate::train::inputs::Inputs;
use crate::train::linear::{Held, Linear};

/// The parameters of a layer.
#[derive(Debug)]
pub struct Layer {
    index: usize,
    modulated: Modulated, // [6C]
    norm1: NormWeight,    // [C]
    qkv: Linear,          // [(H + 2G) D, C]
    out: Linear,          // [C, H D]
    norm2: NormWeight,    // [C]
    up: Linear,           // [F, C]
    down: Linear,         // [C, F]
}

/// The weight of a norm with its gradient, and what else the norm is.
#[derive(Debug)]
pub struct NormWeight {
    weight: Tensor,
    gradient: Tensor,
    channels: usize,
    spec: NormSpec,
}

/// What all layers share in a pass.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The network.
    pub spec: &'a Spec,
    /// The batch.
    pub inputs: &'a Inputs,
    /// The conditioning vector, where there is one.
    pub map: Option<&'a SigmaMap>,
    /// Tensors that a layer does not keep.
    pub room: &'a Room,
    /// Rows of a sequence.
    pub group: usize,
    /// Whether there is dropout.
    pub has_dropout: bool,
}

impl NormWeight {
    /// A norm by the name of its weight.
    ///
    /// # Errors
    /// [`crate::Error::Internal`] if there is none of the name.
    pub fn new(held: &Held<'_>, spec: &Spec, name: &str) -> Result<NormWeight> {
        let (weight, gradient) = held.vector(name)?;
        Ok(NormWeight { weight, gradient, channels: spec.channels, spec: spec.norm })
    }

    /// The norm of x, to y, with the shift and scale of these chunks of a modulation.
    pub fn of<'a>(
        &'a self,
        [x, y]: [&'a Tensor; 2],
        modulated: &'a Modulated,
        chunks: [usize; 2],
    ) -> Norm<'a> {
        let (tensor, sequences) = (&modulated.row, Sequences::SHARED);
        let at = chunks.map(|chunk| chunk * x.dim(1));
        let (channels, epsilon) = (self.channels, self.spec.epsilon);
        let modulation = Modulation { tensor, sequences };
        Norm { x, channels, epsilon, weight: &self.weight, modulation, at, y }
    }

    /// Records the gradients, from that of the norm's result.
    ///
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn backward(
        &self,
        r: &mut Recorder<'_>,
        norm: Norm<'_>,
        [dy, dx]: [&Tensor; 2],
        (modulated, adds): (&Modulated, bool),
        [stats, partials]: [&Tensor; 2],
    ) -> Result<()> {
        let (dweight, dmodulation) = (&self.gradient, &modulated.gradient);
        r.backward_norm(norm, dy, NormGradients { dx, adds, dweight, dmodulation, stats, partials })
    }
}

impl Layer {
    /// A layer's parameters.
    ///
    /// # Errors
    /// [`crate::Error::OutOfMemory`].
    pub fn new(
        gpu: &Gpu,
        spec: &Spec,
        held: &Held<'_>,
        index: usize,
        has_map: bool,
    ) -> Result<Layer> {
        let name = |tensor: &str| format!("blocks.{index}.{tensor}");
        let c = Widths::of(spec).channels.held();
        // Shifts and scales of 0, gates of 1.
        let is_gate = |i: usize| i / c == GATE1 || i / c == GATE2;
        let constants: Vec<f32> = (0..6 * c).map(|i| f32::from(u8::from(is_gate(i)))).collect();
        let adaln = name("adaLN_modulation");
        let linear = |weight: &str, bias: Option<&str>| {
            held.linear(&name(weight), bias.map(name).as_deref())
        };
        Ok(Layer {
            index,
            modulated: Modulated::new(gpu, held, &adaln, &constants, has_map)?,
            norm1: NormWeight::new(held, spec, &name("norm1.weight"))?,
            qkv: linear("attn_qkv.weight", None)?,
            out: linear("attn_out.weight", None)?,
            norm2: NormWeight::new(held, spec, &name("norm2.weight"))?,
            up: linear("mlp.0.weight", Some("mlp.0.bias"))?,
            down: linear("mlp.2.weight", Some("mlp.2.bias"))?,
        })
    }

    /// Shapes of the weights, `[N, K]`.
    pub fn shapes(&self) -> impl Iterator<Item = [usize; 2]> {
        [&self.qkv, &self.out, &self.up, &self.down].map(Linear::shape).into_iter()
    }

    /// Records the modulation.
    ///
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn modulate(&self, r: &mut Recorder<'_>, map: Option<&SigmaMap>) -> Result<()> {
        self.modulated.forward(r, map)
    }

    /// Records the pass forward from x to y, both `[T, C]`, and keeps what the other pass needs.
    ///
    /// # Errors
    /// [`crate::Error::Shape`], [`crate::Error::Kernel`].
    pub fn forward(
        &self,
        r: &mut Recorder<'_>,
        context: Context<'_>,
        [x, y]: [&Tensor; 2],
        kept: &Kept,
    ) -> Result<()> {
        let Context { inputs, room, .. } = context;
        let m = &self.modulated;
        r.norm(self.norm1.of([x, &kept.y1], m, [SHIFT1, SCALE1]))?;
        self.qkv.forward(r, &kept.y1, &room.qkv)?;
        let (angles, slots, cache) = (&inputs.angles, &inputs.slots, [&kept.k, &kept.v]);
        r.rotary(&room.qkv, Attended { angles, slots, q: &kept.q, cache })?;
        r.attention(context.attention(kept), &kept.found)?;
        self.out.forward(r, &kept.found, &kept.o1)?;
        let (gate, dropout) = self.end(context, GATE1, x.dim(1));
        r.gated([x, &kept.o1], gate, dropout, &kept.middle)?;
        r.norm(self.norm2.of([&kept.middle, &kept.y2], m, [SHIFT2, SCALE2]))?;
        self.up.forward(r, &kept.y2, &kept.u)?;
        r.activation(Activation::GeluTanh, &kept.u, &kept.hidden)?;
        self.down.forward(r, &kept.hidden, &kept.o2)?;
        let (gate, dropout) = self.end(context, GATE2, x.dim(1));
        r.gated([&kept.middle, &kept.o2], gate, dropout, y)
    }

    /// Records the pass backward: the gradient of the layer's result in `room.dx` becomes that of x.
    ///
    /// # Errors
    /// [`crate::Error::Shape`], [`crate::Error::Kernel`].
    pub fn backward(
        &self,
        r: &mut Recorder<'_>,
        context: Context<'_>,
        x: &Tensor,
        kept: &Kept,
    ) -> Result<()> {
        let Room { dx, dz, dy, dhidden, du, stats, partials, .. } = context.room;
        let m = &self.modulated;
        let room = [stats, partials];
        let store = |to| Some((Epilogue::Store, to));
        let (gate, dropout) = self.end(context, GATE2, x.dim(1));
        r.backward_gated([dx, &kept.o2], gate, dropout, partials, [dz, &m.gradient])?;
        self.down.backward(r, [&kept.hidden, dz], partials, store(dhidden))?;
        r.backward_activation(Activation::GeluTanh, &kept.u, dhidden, du)?;
        self.up.backward(r, [&kept.y2, du], partials, store(dy))?;
        let norm = self.norm2.of([&kept.middle, &kept.y2], m, [SHIFT2, SCALE2]);
        self.norm2.backward(r, norm, [dy, dx], (m, true), room)?;
        let (gate, dropout) = self.end(context, GATE1, x.dim(1));
        r.backward_gated([dx, &kept.o1], gate, dropout, partials, [dz, &m.gradient])?;
        self.backward_attention(r, context, kept)?;
        let norm = self.norm1.of([x, &kept.y1], m, [SHIFT1, SCALE1]);
        self.norm1.backward(r, norm, [dy, dx], (m, true), room)?;
        m.backward(r, context.map, Epilogue::Residual, partials)
    }

    /// From the gradient of attention's product in `dz` to that of the norm before it in `dy`.
    fn backward_attention(
        &self,
        r: &mut Recorder<'_>,
        context: Context<'_>,
        kept: &Kept,
    ) -> Result<()> {
        let Room { dz, dy, dfound, attention_stats, dq, dk, dv, dqkv, partials, .. } = context.room;
        let store = |to| Some((Epilogue::Store, to));
        self.out.backward(r, [&kept.found, dz], partials, store(dfound))?;
        let inputs = context.inputs;
        let (seen, y, stats) = (&inputs.seen, &kept.found, attention_stats);
        let to = BackwardAttention { seen, y, dy: dfound, stats, dq, dk, dv };
        r.backward_attention(context.attention(kept), to)?;
        r.backward_rotary([dq, dk, dv], &inputs.angles, dqkv)?;
        self.qkv.backward(r, [&kept.y1, dqkv], partials, store(dy))
    }

    /// The gate and the dropout at the end of a half.
    fn end<'a>(&'a self, context: Context<'a>, chunk: usize, c: usize) -> (Gate<'a>, Dropout<'a>) {
        let site = (2 * self.index + usize::from(chunk == GATE2)) as u32;
        let site = context.has_dropout.then_some(site);
        let gate = Gate { tensor: &self.modulated.row, at: chunk * c };
        (gate, Dropout { draw: &context.inputs.draw, site })
    }
}

impl<'a> Context<'a> {
    fn attention(self, kept: &'a Kept) -> Attention<'a> {
        let Context { spec, inputs, room, group, .. } = self;
        let (q, cache, spans) = (&kept.q, [&kept.k, &kept.v], &inputs.spans);
        let scale = (1.0 / (spec.head_width as f64).sqrt()) as f32;
        let (heads, partials) = (spec.n_heads, room.attention_partials.as_ref());
        Attention { q, cache, spans, heads, scale, group, window: spec.window, partials }
    }
}
