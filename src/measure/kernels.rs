//! The speed of each kernel alone, beside that of the fastest copy and the fastest product.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::gpu::Gpu;
use crate::measure::cases::{Case, Product, Sizes};
use crate::measure::ceilings::Ceilings;
use crate::measure::spread::Spread;
use crate::measure::timer::Timer;
use crate::model::Network;

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kernels {
    /// The most that the adapter can do.
    #[serde(flatten)]
    pub ceilings: Ceilings,
    /// Each kernel at each shape.
    pub kernels: Vec<KernelSpeed>,
}

/// One kernel at one shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KernelSpeed {
    /// The kernel's name.
    pub kernel: String,
    /// Its input, for people.
    pub shape: String,
    /// Of a dispatch.
    pub ms: Spread,
    /// Multiplications and additions.
    pub flops_per_sec: f64,
    /// Bytes read and written, each once.
    pub bytes_per_sec: f64,
    /// Milliseconds that it takes at least, by the fastest copy and product.
    #[serde(default)]
    pub floor_ms: f64,
    /// The floor over the time: it says how far the kernel is from what the adapter can do.
    pub share_of_ceiling: f64,
}

impl Kernels {
    /// Times each kernel at the network's shape. `progress` is called with the kernel and its
    /// input, the kernels done and their number; if it breaks, there is no result.
    ///
    /// # Errors
    /// [`crate::Error::OutOfMemory`], [`crate::Error::Kernel`], [`crate::Error::DeviceLost`].
    pub async fn measure(
        network: &Network,
        progress: &mut dyn FnMut(&str, usize, usize) -> ControlFlow<()>,
    ) -> Result<Option<Kernels>> {
        let (gpu, sizes) = (network.gpu(), Sizes::of(network));
        let timer = Timer::new(gpu)?;
        let ceilings = Ceilings::measure(gpu, sizes, &timer).await?;
        let makers = makers(sizes, network.spec().window, gpu.is_software());
        let mut kernels = Vec::with_capacity(makers.len());
        for (done, make) in makers.iter().enumerate() {
            let case = make(gpu)?;
            let what = format!("{}, {}", case.kernel, case.shape);
            if progress(&what, done, makers.len()).is_break() {
                return Ok(None);
            }
            let ms = timer.time(&case.plan, case.count).await?;
            let floor_ms = ceilings.floor_ms(case.flops, case.bytes);
            let (flops, bytes) = (case.flops * 1e3 / ms.median, case.bytes * 1e3 / ms.median);
            kernels.push(KernelSpeed {
                kernel: case.kernel.into(),
                shape: case.shape,
                ms,
                flops_per_sec: flops,
                bytes_per_sec: bytes,
                floor_ms,
                share_of_ceiling: floor_ms / ms.median,
            });
        }
        Ok(Some(Kernels { ceilings, kernels }))
    }
}

type Make = Box<dyn Fn(&Gpu) -> Result<Case>>;

/// What makes each case: one at a time, since together they would not fit into memory.
fn makers(sizes: Sizes, window: usize, is_software: bool) -> Vec<Make> {
    let mut makers: Vec<Make> = Vec::new();
    for rows in [1, 4, 8, 16, 32, 128] {
        for product in Product::ALL {
            makers.push(Box::new(move |gpu| sizes.matmul(gpu, product, rows)));
        }
    }
    for rows in [4, 16] {
        let most = window.saturating_sub(rows);
        for context in [most.min(window / 2), most] {
            makers.push(Box::new(move |gpu| sizes.attention(gpu, rows, context)));
        }
        makers.push(Box::new(move |gpu| sizes.norm(gpu, rows)));
        makers.push(Box::new(move |gpu| sizes.rotary(gpu, rows)));
        makers.push(Box::new(move |gpu| sizes.embedding(gpu, rows)));
        makers.push(Box::new(move |gpu| sizes.draw(gpu, rows)));
    }
    // Where products of many rows are bound by arithmetic; software adapters have no time for it.
    if !is_software {
        for product in [Product::Qkv, Product::Out, Product::Up, Product::Down] {
            makers.push(Box::new(move |gpu| sizes.matmul(gpu, product, window)));
        }
    }
    for block in [4, 16] {
        makers.push(Box::new(move |gpu| sizes.likelihood_attention(gpu, window, block)));
    }
    makers
}
