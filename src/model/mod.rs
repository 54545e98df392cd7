//! The network: what it is, its tensors, cache and passes. Knows nothing of sampling.

mod cache;
mod checkpoint;
pub(crate) mod chunks;
mod conditioning;
mod formats;
mod forward;
mod layers;
mod load;
mod network;
mod pass;
mod rotary;
mod spec;
mod table;
mod widths;

pub use cache::{KvCache, Ring};
pub use checkpoint::{Checkpoint, Habits, Lora};
pub use conditioning::timestep_embedding;
pub use formats::{Formats, QUANTISATION};
pub use forward::{Batch, logits_rows};
pub use network::Network;
pub use pass::{Conditioning, Pass, Row, SimplexRows, Workspace, angles};
pub use rotary::{Rotary, RotaryScaling};
pub use spec::{
    AdaLn, AttentionBiases, Backbone, Draw, Grid, Mask, Mlp, MlpKind, NormKind, NormSpec,
    Objective, Positions, Spec,
};
pub use table::{Entry, Kind};
pub use widths::{Axis, Widths};
