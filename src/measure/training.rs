//! A step of training, up to its gradients.

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::clock::Stopwatch;
use crate::gpu::Gpu;
use crate::measure::spread::Spread;
use crate::model::{Axis, Checkpoint, Mask, Spec, Widths};
use crate::train::{Backward, BackwardOptions, Parameters, TrainBatch, TrainShape};

/// Most tokens of a timed sequence.
const MAX_LENGTH: usize = 256;
/// Passes that are timed.
const PASSES: usize = 5;

/// The time of passes of training over `[x_t ; x_0]`, half of whose tokens are masked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainTime {
    /// Tokens of a block.
    pub block_size: usize,
    /// Sequences of a pass.
    pub sequences: usize,
    /// Tokens of a sequence.
    pub length: usize,
    /// The pass forward, with the loss.
    pub forward_ms: Spread,
    /// Both passes.
    pub both_ms: Spread,
    /// Multiplications and additions of the pass forward: those of products and attention.
    pub forward_flops_per_sec: f64,
    /// Of the pass backward, which has twice as many.
    pub backward_flops_per_sec: f64,
    /// Of the sequences, by both passes.
    pub tokens_per_sec: f64,
}

impl TrainTime {
    /// Times a network of this shape with random weights.
    ///
    /// # Errors
    /// As [`Backward::new`] and [`Backward::forward_backward`].
    pub async fn measure(
        gpu: &Gpu,
        spec: &Spec,
        block_size: usize,
        sequences: usize,
    ) -> Result<TrainTime> {
        let length = spec.window.min(MAX_LENGTH) / block_size * block_size;
        let shape = TrainShape { sequences, length, has_clean: true };
        let parameters = Parameters::new(gpu, &Checkpoint::random(spec, 1))?;
        let backward = Backward::new(&parameters, shape, BackwardOptions::default())?;
        let batch = batch(spec, shape, block_size);
        let (mut forward, mut both) = (Vec::new(), Vec::new());
        for i in 0..=PASSES {
            let begun = Stopwatch::start();
            backward.forward(&batch).await?;
            let forward_ms = begun.secs() * 1e3;
            let begun = Stopwatch::start();
            backward.forward_backward(&batch, 1).await?;
            // The last dispatches are behind what was read.
            parameters.finish().await?;
            if i > 0 {
                forward.push(forward_ms);
                both.push(begun.secs() * 1e3);
            }
        }
        let (forward_ms, both_ms) = (Spread::of(&forward), Spread::of(&both));
        let flops = flops(spec, shape, block_size);
        let tokens_per_sec = shape.tokens() as f64 * 1e3 / both_ms.median;
        Ok(TrainTime {
            block_size,
            sequences,
            length,
            forward_ms,
            both_ms,
            forward_flops_per_sec: flops * 1e3 / forward_ms.median,
            backward_flops_per_sec: 2.0 * flops * 1e3 / (both_ms.median - forward_ms.median),
            tokens_per_sec,
        })
    }
}

/// Every other token masked.
fn batch(spec: &Spec, shape: TrainShape, block_size: usize) -> TrainBatch {
    let text: Vec<u32> =
        (0..shape.tokens() as u32).map(|i| i * 31 % spec.n_drawable() as u32).collect();
    let masked = |i: usize| i.is_multiple_of(2);
    let noised = |(i, &id): (usize, &u32)| if masked(i) { spec.masked_id() } else { id };
    let weight = |i| if masked(i) { 2.0 / shape.tokens() as f32 } else { 0.0 };
    TrainBatch {
        inputs: text.iter().enumerate().map(noised).collect(),
        clean: Some(text.clone()),
        weights: (0..text.len()).map(weight).collect(),
        targets: text,
        mask: Mask::blocks(block_size),
    }
}

/// Of the pass forward.
fn flops(spec: &Spec, shape: TrainShape, block_size: usize) -> f64 {
    let Widths { channels, queries, qkv, mlp, .. } = Widths::of(spec);
    let [c, hd, f] = [channels, queries, mlp].map(Axis::count);
    let weights = qkv.count() * c + hd * c + 2 * f * c;
    let n = shape.length;
    // Of a clean row: half of the others, and its block; of a noised one as many.
    let keys = (n + block_size) / 2;
    let layers = spec.n_layers * shape.rows() * (weights + 2 * keys * hd);
    let head = shape.tokens() / 2 * spec.vocab_size * c;
    2.0 * (layers + head) as f64
}
