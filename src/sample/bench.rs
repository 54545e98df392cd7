//! Times denoising passes at a given context, without generating a text.

use std::sync::Arc;

use serde::Serialize;

use crate::clock::Stopwatch;
use crate::gpu::{KernelTime, Profiler};
use crate::model::{Network, Row};
use crate::sample::run::{Capacity, Denoiser, PassShape, Request};
use crate::sample::steps::SampleKey;
use crate::{Error, Result};

/// What to time.
#[derive(Clone, Copy, Debug)]
pub struct Bench {
    /// Tokens of a block.
    pub block_size: usize,
    /// Cached positions that the block attends to, cut to whole blocks.
    pub context: usize,
    /// Timed passes, after one that is not.
    pub passes: usize,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PassTimes {
    /// Cached positions that the block attended to.
    pub context: usize,
    /// Milliseconds of each denoising pass, sampling step included.
    pub pass_ms: Vec<f64>,
    /// Milliseconds of each pass that stores the block before as well.
    pub fused_ms: Vec<f64>,
    /// Milliseconds of the first pass, in which the driver compiles the kernels.
    pub first_ms: f64,
    /// Dispatches of a pass.
    pub dispatches: usize,
    /// Dispatches of one layer of it.
    pub layer_dispatches: usize,
    /// Bytes of weights that a pass reads.
    pub weights_bytes: u64,
}

impl Bench {
    /// Times passes over a block whose cells stay masked until the last.
    ///
    /// # Errors
    /// [`crate::Error::Request`] if block and context do not fit the model's window.
    pub async fn run(&self, network: &Arc<Network>) -> Result<PassTimes> {
        let (mut denoiser, cells) = self.denoiser(network)?;
        let dispatches = denoiser.dispatches(cells, cells)?;
        // Without cells to draw there is the embedding, and the layers.
        let layer_dispatches = (denoiser.dispatches(cells, 0)? - 1) / network.spec().n_layers;
        let mut pass_ms = self.time(&mut denoiser, cells, cells).await?;
        let first_ms = pass_ms.remove(0);
        let mut fused_ms = self.time(&mut denoiser, cells, 2 * cells).await?;
        fused_ms.remove(0);
        let weights_bytes = network.bytes_per_pass();
        let context = self.context / self.block_size * self.block_size;
        Ok(PassTimes {
            context,
            pass_ms,
            fused_ms,
            first_ms,
            dispatches,
            layer_dispatches,
            weights_bytes,
        })
    }

    async fn time(&self, denoiser: &mut Denoiser, cells: usize, rows: usize) -> Result<Vec<f64>> {
        let mut times = Vec::with_capacity(self.passes + 1);
        for i in 0..=self.passes {
            let stopwatch = Stopwatch::start();
            denoiser.run((i, i + 1), cells, &|_| PassShape::new(rows, cells, cells)).await?;
            times.push(stopwatch.secs() * 1e3);
        }
        Ok(times)
    }

    /// Time per kernel over the passes, slowest first.
    ///
    /// # Errors
    /// As [`Bench::run`], and if the adapter has no timestamps.
    pub async fn profile(&self, network: &Arc<Network>) -> Result<Vec<KernelTime>> {
        let (mut denoiser, cells) = self.denoiser(network)?;
        let shape = |_| PassShape::new(cells, cells, cells);
        denoiser.run((0, 1), cells, &shape).await?;
        denoiser.set_profiler(Some(Profiler::new(network.gpu())?));
        denoiser.run((1, 2), cells, &shape).await?;
        denoiser.times().await
    }

    /// A denoiser whose current block lies behind the context. No cell opens: the steps all do
    /// the work of a fully masked block, the most that a step can be.
    fn denoiser(&self, network: &Arc<Network>) -> Result<(Denoiser, usize)> {
        let spec = network.spec();
        let block_size = self.block_size;
        let length = self.context + block_size;
        let request = Request { length, block_size: Some(block_size), ..Request::default() };
        spec.check_block_size(block_size)?;
        let most = spec.window - block_size;
        if self.context > most {
            let got = self.context;
            return Err(Error::request(format!(
                "a context of {got} does not fit: the model's window leaves {most} tokens before \
                 a block of {block_size}"
            )));
        }
        let context = self.context / block_size;
        let capacity = Capacity { steps: self.passes + 1, ..Capacity::new(&request, spec) };
        let (ring, key) = (capacity.ring, SampleKey::new(request.seed, 0, 0));
        let rows_of = |block: usize| {
            (block * block_size..(block + 1) * block_size).map(move |position| Row {
                id: spec.masked_id(),
                position,
                slot: ring.slot(position),
                spans: ring.spans(block),
            })
        };
        let rows: Vec<Row> = rows_of(context).chain(rows_of(context.saturating_sub(1))).collect();
        let keys: Vec<_> = rows_of(context).map(|row| key.row(row.position)).collect();
        let mut denoiser = Denoiser::new(network.clone(), capacity)?;
        let step = |i| {
            let uniform = request.sampling.uniform(i);
            (crate::sample::StepUniform { open_count: 0, ..uniform }, 0.0)
        };
        let steps: Vec<_> = (0..=self.passes).map(step).collect();
        denoiser.begin(&rows, &keys, &steps)?;
        Ok((denoiser, block_size))
    }
}
