//! Training, its lowest part: the parameters with their gradients, and the pass that adds to these.
//! Inside, each knows only those before it: arena →
//! parameters, batch → backward.

mod arena;
mod backward;
mod batch;
mod parameters;

pub use arena::Arena;
pub use backward::{Backward, BackwardOptions};
pub use batch::{TrainBatch, TrainShape};
pub use parameters::{Parameter, Parameters};
