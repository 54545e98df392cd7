//! Training: batches with masks, gradients, an optimiser, and a run as a stream of events.

mod block_sizes;
mod interval;
mod objective;
mod random;
mod rate;

pub use block_sizes::BlockSizes;
pub use interval::{Interval, antithetic, lowest, total_variance};
pub use objective::{Batch, BatchKey, Loss, Objective};
pub use rate::{Decay, Length, Rate};
