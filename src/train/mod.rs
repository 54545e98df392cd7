//! Training, its lowest part: the parameters with their gradients, and the pass that adds to these.
//! Inside, each knows only those before it: arena → parameters → linear → conditioning → layer → head →
//! backward; batch → inputs.

mod activations;
mod arena;
mod backward;
mod batch;
mod conditioning;
mod head;
mod index;
mod inputs;
mod layer;
mod linear;
mod parameters;

pub use arena::Arena;
pub use backward::{Backward, BackwardOptions};
pub use batch::{TrainBatch, TrainShape};
pub use parameters::{Parameter, Parameters};
