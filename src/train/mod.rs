//! Training: parameters with their gradients, the pass that adds to these, batches with masks, an
//! optimiser, and a run as a stream of events. Inside, each knows only those before it: arena →
//! parameters → linear → conditioning → layer → head → backward; batch → inputs; random → interval →
//! objective, tokens; muon → optimiser → options → judge → trainer → files.

mod activations;
mod arena;
mod backward;
mod batch;
mod block_sizes;
mod conditioning;
mod event;
#[cfg(not(target_arch = "wasm32"))]
mod files;
mod head;
mod index;
mod initial;
mod inputs;
mod interval;
mod judge;
mod layer;
mod linear;
mod model_file;
mod muon;
mod new_network;
mod objective;
mod optimiser;
mod options;
mod parameters;
mod permutation;
mod random;
mod rate;
mod tokens;
mod trainer;

pub use arena::Arena;
pub use backward::{Backward, BackwardOptions};
pub use batch::{TrainBatch, TrainShape};
pub use block_sizes::BlockSizes;
pub use event::{BlockNelbo, IntervalVariance, TrainEvent, TrainStart, TrainStep, Validation};
#[cfg(all(not(target_arch = "wasm32"), feature = "plots"))]
pub use files::Log;
#[cfg(not(target_arch = "wasm32"))]
pub use files::{
    Beginning, CachedTokens, Earlier, Header, Preparing, RunFiles, RunFolder, RunSetup, SavedState,
    TrainRun, tokens,
};
pub use initial::initial;
pub use interval::{Interval, antithetic, lowest, total_variance};
pub use muon::MuonOptions;
pub use new_network::{NewNetwork, with_block_size};
pub use objective::{BatchKey, Loss, Objective};
pub use optimiser::{Buffers, Optimiser, OptimiserOptions, Outcome, SentOutcome};
pub use options::{ChecksOptions, SampleOptions, TrainOptions};
pub use parameters::{Parameter, Parameters};
pub use rate::{Decay, Length, Rate};
pub use tokens::{Cut, Sequences, Tokens};
pub use trainer::{Progress, TrainData, Trainer};
