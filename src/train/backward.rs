//! One pass forward and backward, recorded once for its shape.

use std::cell::Cell;

use crate::clock::Stopwatch;
use crate::gpu::{Commands, Gpu, Onto, Pace, Plan, Readback, Recorder, Tensor, Weight};
use crate::model::{Backbone, MlpKind, NormKind, Positions, Spec, Widths};
use crate::train::activations::{Kept, Room};
use crate::train::conditioning::SigmaMap;
use crate::train::head::Head;
use crate::train::inputs::Inputs;
use crate::train::layer::{Context, Layer};
use crate::train::linear::{Copies, Held, refused};
use crate::train::{Parameters, TrainBatch, TrainShape};
use crate::{Error, Result};

/// How passes are run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BackwardOptions {
    /// Probability with which dropout zeroes a number, 0 to below 1.
    pub dropout: f32,
    /// Bytes of activations that layers keep from the pass forward; if they needed more, each keeps its
    /// input alone, and is run again in the pass backward.
    pub max_kept_bytes: u64,
}

impl Default for BackwardOptions {
    fn default() -> BackwardOptions {
        BackwardOptions { dropout: 0.0, max_kept_bytes: 2 << 30 }
    }
}

/// The pass of training: adds to the gradients of the parameters that it was made for.
#[derive(Debug)]
pub struct Backward {
    gpu: Gpu,
    spec: Spec,
    shape: TrainShape,
    options: BackwardOptions,
    copies: Copies,
    inputs: Inputs,
    head: Head,
    plans: Plans,
    staging: Readback,
    /// Of passes: a slow device gets less than a plan at once.
    pace: Cell<Pace>,
}

/// The plans, one for each submit, or several where a device is slow.
#[derive(Debug)]
struct Plans {
    /// Everything before the chunks of the head.
    forward: Vec<Plan>,
    /// The chunks of the head, forward alone.
    losses: Vec<Plan>,
    /// The chunks of the head, both ways.
    chunks: Vec<Plan>,
    /// Everything after them.
    backward: Vec<Plan>,
}

impl Backward {
    /// Records the plans, and makes room for the activations.
    ///
    /// # Errors
    /// [`Error::Request`] for a shape or an option out of range, or a network that cannot be trained;
    /// [`Error::TooLarge`], [`Error::OutOfMemory`], [`Error::Kernel`].
    pub fn new(
        parameters: &Parameters,
        shape: TrainShape,
        options: BackwardOptions,
    ) -> Result<Backward> {
        let (gpu, spec) = (parameters.gpu(), parameters.spec());
        check(spec)?;
        shape.check(spec)?;
        if !(0.0..1.0).contains(&options.dropout) {
            let words = format!("dropout is {}, expected 0 to below 1", options.dropout);
            return Err(Error::request(words));
        }
        let Widths { channels, qkv, mlp, .. } = Widths::of(spec);
        let longest = [6 * channels.held(), qkv.held(), mlp.held(), spec.vocab_size];
        let held = Held::new(parameters, longest.into_iter().max().unwrap_or(0))?;
        let inputs = Inputs::new(gpu, spec, shape)?;
        let map = SigmaMap::new(gpu, spec, &held)?;
        let head = Head::new(gpu, spec, &held, shape, map.is_some())?;
        let layer = |i| Layer::new(gpu, spec, &held, i, map.is_some());
        let layers = (0..spec.n_layers).map(layer).collect::<Result<Vec<_>>>()?;
        let shapes = layers.iter().flat_map(|layer| layer.shapes().map(|n_k| (shape.rows(), n_k)));
        let room = Room::new(gpu, spec, shape.rows(), shapes.chain([head.shape()]))?;
        let has_dropout = options.dropout > 0.0;
        let (map, group) = (map.as_ref(), shape.length);
        let context = Context { spec, inputs: &inputs, map, room: &room, group, has_dropout };
        let (table, dtable) = held.matrix("vocab_embed.embedding")?;
        let embedding = Embedding { table, dtable };
        let plans = Plans::record(gpu, context, &embedding, (&layers, &head), options)?;
        let staging = Readback::new(gpu, head.losses().size_bytes());
        let (copies, gpu, spec) = (held.into_copies(), gpu.clone(), spec.clone());
        let pace = Cell::new(Pace::new(gpu.is_software()));
        Ok(Backward { gpu, spec, shape, options, copies, inputs, head, plans, staging, pace })
    }

    /// The shape of its batches.
    pub fn shape(&self) -> TrainShape {
        self.shape
    }

    /// Adds the gradient of `sum of weight * -log p(target)` to the parameters' gradients, and returns
    /// `-log p(target)` of every position, 0 where its weight is 0. Dropout is drawn by the seed.
    ///
    /// # Shapes
    /// `[B, n]`.
    /// # Errors
    /// [`Error::Request`] for a batch of another shape, [`Error::DeviceLost`].
    pub async fn forward_backward(&self, batch: &TrainBatch, seed: u64) -> Result<Vec<f32>> {
        let below = (f64::from(self.options.dropout) * f64::from(u32::MAX)) as u32;
        let scale = 1.0 / (1.0 - self.options.dropout);
        let draw = [seed as u32, (seed >> 32) as u32, below, scale.to_bits()];
        self.run(batch, draw, true).await
    }

    /// `-log p(target)` of every position, 0 where its weight is 0, without dropout and gradients.
    ///
    /// # Shapes
    /// `[B, n]`.
    /// # Errors
    /// As [`Backward::forward_backward`].
    pub async fn forward(&self, batch: &TrainBatch) -> Result<Vec<f32>> {
        self.run(batch, [0, 0, 0, 1f32.to_bits()], false).await
    }

    async fn run(&self, batch: &TrainBatch, draw: [u32; 4], is_backward: bool) -> Result<Vec<f32>> {
        batch.check(&self.spec, self.shape)?;
        let picked = self.inputs.write(&self.gpu, (batch, self.shape), draw)?;
        let mut nll = vec![0.0; self.shape.tokens()];
        if picked.is_empty() {
            return Ok(nll);
        }
        let mut commands = Commands::new(&self.gpu);
        self.copies.refresh(&mut commands)?;
        commands.clear(self.head.cleared())?;
        commands.submit();
        let Plans { forward, losses, chunks, backward } = &self.plans;
        let (chunks, after) = match is_backward {
            true => (chunks, &backward[..]),
            false => (losses, &[][..]),
        };
        let chunks = chunks.iter().take(picked.len().div_ceil(self.head.chunk()));
        let (mut pace, mut n_dispatches, stopwatch) = (self.pace.get(), 0, Stopwatch::start());
        for plan in forward.iter().chain(chunks).chain(after) {
            let mut commands = Commands::new(&self.gpu);
            commands.run_in_submits(plan, pace.dispatches());
            commands.submit();
            n_dispatches += plan.len();
        }
        let commands = Commands::new(&self.gpu);
        let losses = commands.read::<f32>(self.head.losses(), picked.len(), &self.staging).await?;
        pace.learn(n_dispatches, stopwatch.secs());
        self.pace.set(pace);
        picked.into_iter().zip(losses).for_each(|(row, loss)| nll[row] = loss);
        Ok(nll)
    }
}

struct Embedding {
    table: Weight,  // [V, C]
    dtable: Tensor, // [V, C]
}

impl Plans {
    fn record(
        gpu: &Gpu,
        context: Context<'_>,
        embedding: &Embedding,
        (layers, head): (&[Layer], &Head),
        options: BackwardOptions,
    ) -> Result<Plans> {
        let Context { spec, inputs, room, map, .. } = context;
        let rows = room.dx.dim(0);
        let bytes = layers.len() as u64 * Kept::size_bytes(spec, rows, gpu.kernels());
        let runs_again = bytes > options.max_kept_bytes;
        let count = if runs_again { 1 } else { layers.len() };
        let kept = (0..count).map(|_| Kept::new(gpu, spec, rows)).collect::<Result<Vec<_>>>()?;
        let x = |_| Tensor::activation(gpu, "x", room.dx.shape());
        let x = (0..=layers.len()).map(x).collect::<Result<Vec<_>>>()?;
        let (mut forward, mut backward) = (Vec::new(), Vec::new());
        let mut r = Recorder::new(gpu);
        map.map_or(Ok(()), |map| map.forward(&mut r))?;
        layers.iter().try_for_each(|layer| layer.modulate(&mut r, map))?;
        r.embedding(&inputs.ids, &embedding.table, Onto::Nothing, &x[0])?;
        forward.push(r.finish()?);
        for (i, layer) in layers.iter().enumerate() {
            let mut r = Recorder::new(gpu);
            layer.forward(&mut r, context, [&x[i], &x[i + 1]], &kept[i % count])?;
            forward.push(r.finish()?);
        }
        let mut r = Recorder::new(gpu);
        head.begin(&mut r, context, &x[layers.len()])?;
        forward.push(r.finish()?);
        let mut r = Recorder::new(gpu);
        head.end(&mut r, context)?;
        backward.push(r.finish()?);
        for (i, layer) in layers.iter().enumerate().rev() {
            let (mut r, kept) = (Recorder::new(gpu), &kept[i % count]);
            if runs_again && i + 1 < layers.len() {
                layer.forward(&mut r, context, [&x[i], &x[i + 1]], kept)?;
            }
            layer.backward(&mut r, context, &x[i], kept)?;
            backward.push(r.finish()?);
        }
        backward.push(embedding.end(gpu, context)?);
        let chunks = |is_backward| head.chunks(gpu, context, is_backward);
        Ok(Plans { forward, losses: chunks(false)?, chunks: chunks(true)?, backward })
    }
}

impl Embedding {
    /// The plan of the gradients before the first layer.
    fn end(&self, gpu: &Gpu, context: Context<'_>) -> Result<Plan> {
        let Context { inputs, room, map, .. } = context;
        let mut r = Recorder::new(gpu);
        let shape = [inputs.segments.dim(0), room.dx.dim(1)];
        let sums = Tensor::activation(gpu, "sums of segments", &shape)?;
        r.sum_rows(&room.dx, (&inputs.order, &inputs.segments), false, &sums)?;
        r.sum_rows(&sums, (&inputs.numbers, &inputs.tokens), true, &self.dtable)?;
        map.map_or(Ok(()), |map| map.backward(&mut r, &room.partials))?;
        r.finish()
    }
}

/// Fails for networks that these layers are not.
fn check(spec: &Spec) -> Result<()> {
    let is_dit = spec.backbone == Backbone::Dit
        && spec.mlp.kind == MlpKind::GeluTanh
        && spec.norm.kind == NormKind::Layer
        && matches!(spec.positions, Positions::Rotary { .. });
    match (is_dit, spec.takes_noise()) {
        (false, _) => Err(refused("only the layers of BD3-LM checkpoints have a backward pass")),
        (_, true) => Err(refused("it takes a noise level with each pass")),
        _ => Ok(()),
    }
}
