//! The last norm, the head and the loss, over the rows that are predicted alone: chunk by chunk of rows, so
//! that the logits of all of them are never in memory.

use crate::Result;
use crate::gpu::layout::{EIGHT, ROW_PAD};
use crate::gpu::{Epilogue, Gpu, Plan, Recorder, Tensor, Vocabulary};
use crate::model::{Spec, Widths};
use crate::train::TrainShape;
use crate::train::conditioning::Modulated;
use crate::train::layer::{Context, NormWeight};
use crate::train::linear::{Held, Linear};

/// Bytes of the logits of a chunk.
const MAX_LOGITS_BYTES: usize = 64 << 20;
/// Chunks for all rows, if that many are not too long: rows are predicted in whole chunks.
const CHUNKS: usize = 8;

/// The head with what its passes compute.
#[derive(Debug)]
pub struct Head {
    modulated: Modulated, // [2C]
    norm: NormWeight,     // [C]
    linear: Linear,       // [V, C]
    vocabulary: Vocabulary,
    chunk: usize,    // rows of a chunk
    x: Tensor,       // [B n, C]: the rows that are predicted
    y: Tensor,       // [B n, C]
    logits: Tensor,  // [chunk, V padded]
    dlogits: Tensor, // [chunk, V padded]
    losses: Tensor,  // [B n]
    dy: Tensor,      // [B n, C]
    dx: Tensor,      // [B n, C]
    stats: Tensor,   // [B n, 2]
}

impl Head {
    /// The head's parameters, and room for its passes.
    ///
    /// # Errors
    /// [`crate::Error::TooLarge`], [`crate::Error::OutOfMemory`].
    pub fn new(
        gpu: &Gpu,
        spec: &Spec,
        held: &Held<'_>,
        shape: TrainShape,
        has_map: bool,
    ) -> Result<Head> {
        let (c, columns, n) = (Widths::of(spec).channels.held(), columns(spec), shape.tokens());
        let chunk = chunk_rows(spec, n);
        let name = |tensor: &str| format!("output_layer.{tensor}");
        let plain = |label: &str, columns: usize| Tensor::activation(gpu, label, &[n, columns]);
        let adaln = name("adaLN_modulation");
        Ok(Head {
            modulated: Modulated::new(gpu, held, &adaln, &vec![0.0; 2 * c], has_map)?,
            norm: NormWeight::new(held, spec, &name("norm_final.weight"))?,
            linear: held.linear(&name("linear.weight"), Some(&name("linear.bias")))?,
            vocabulary: Vocabulary {
                size: spec.vocab_size,
                mask_id: spec.masked_id(),
                counted: None,
            },
            chunk,
            x: plain("predicted x", c)?,
            y: Tensor::multiplied(gpu, "predicted y", &[n, c])?,
            logits: Tensor::activation(gpu, "logits", &[chunk, columns])?,
            dlogits: Tensor::multiplied(gpu, "gradient of logits", &[chunk, columns])?,
            losses: Tensor::activation(gpu, "losses", &[n])?,
            dy: plain("predicted dy", c)?,
            dx: plain("predicted dx", c)?,
            stats: plain("stats", 2)?,
        })
    }

    /// Shape of the weight `[V, C]`, and the rows of a chunk.
    pub fn shape(&self) -> (usize, [usize; 2]) {
        (self.chunk, self.linear.shape())
    }

    /// Rows of a chunk.
    pub fn chunk(&self) -> usize {
        self.chunk
    }

    /// `-log p` of the predicted rows.
    pub fn losses(&self) -> &Tensor {
        &self.losses
    }

    /// What is to be zero before chunks are run: rows without a chunk count for nothing.
    pub fn cleared(&self) -> &Tensor {
        &self.dy
    }

    /// Records what comes before the chunks: the modulation, the predicted rows of x `[T, C]` and their
    /// norm.
    ///
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn begin(&self, r: &mut Recorder<'_>, context: Context<'_>, x: &Tensor) -> Result<()> {
        self.modulated.forward(r, context.map)?;
        r.gather(x, &context.inputs.picked, &self.x)?;
        r.norm(self.norm.of([&self.x, &self.y], &self.modulated, [0, 1]))
    }

    /// The plans of the chunks, forward alone or both ways.
    ///
    /// # Errors
    /// [`crate::Error::Shape`], [`crate::Error::Kernel`].
    pub fn chunks(&self, gpu: &Gpu, context: Context<'_>, is_backward: bool) -> Result<Vec<Plan>> {
        let (n, inputs) = (self.x.dim(0), context.inputs);
        let plan = |from: usize| {
            let count = self.chunk.min(n - from);
            let (y, dy) = (&self.y.rows(from, count)?, &self.dy.rows(from, count)?);
            let (logits, dlogits) = (&self.logits.rows(0, count)?, &self.dlogits.rows(0, count)?);
            let losses = &self.losses.rows(from, count)?;
            let targets = &inputs.targets.rows(from, count)?;
            let weights = &inputs.weights.rows(from, count)?;
            let mut r = Recorder::new(gpu);
            self.linear.forward(&mut r, y, logits)?;
            let to = [losses, dlogits];
            r.backward_cross_entropy(logits, [targets, weights], self.vocabulary, to)?;
            if is_backward {
                let to = Some((Epilogue::Store, dy));
                self.linear.backward(&mut r, [y, dlogits], &context.room.partials, to)?;
            }
            r.finish()
        };
        (0..n).step_by(self.chunk).map(plan).collect()
    }

    /// Records what comes after the chunks: the gradient of x, in `room.dx`.
    ///
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn end(&self, r: &mut Recorder<'_>, context: Context<'_>) -> Result<()> {
        let (m, room) = (&self.modulated, context.room);
        let norm = self.norm.of([&self.x, &self.y], m, [0, 1]);
        let partials = &room.partials;
        self.norm.backward(r, norm, [&self.dy, &self.dx], (m, false), [&self.stats, partials])?;
        r.scatter(&self.dx, &context.inputs.places, &room.dx)?;
        m.backward(r, context.map, Epilogue::Store, partials)
    }
}

/// Columns of logits: the vocabulary, padded as products read it.
fn columns(spec: &Spec) -> usize {
    spec.vocab_size.next_multiple_of(EIGHT)
}

fn chunk_rows(spec: &Spec, rows: usize) -> usize {
    let most = (MAX_LOGITS_BYTES / (4 * columns(spec)) / ROW_PAD * ROW_PAD).max(ROW_PAD);
    rows.div_ceil(CHUNKS).max(2 * ROW_PAD).next_multiple_of(ROW_PAD).min(most)
}
