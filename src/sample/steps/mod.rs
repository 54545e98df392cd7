//! What opens at each step of a block, and when a sample ends. Knows no GPU object and no request.

mod fit;
mod geometry;
mod kind;
mod numbers;
mod random;
mod rule;
mod sampler;
mod simplex;
mod stop;
mod uniform;

pub use geometry::{Geometry, Sight};
pub use kind::{SamplerKind, SamplerNumber};
pub use numbers::SamplerNumbers;
pub use random::SampleKey;
pub use rule::{Ends, Fallback, Measure, Quota, Rule, Score, Steps, Test};
pub use sampler::{Nucleus, Sampler, Sampling};
pub use simplex::{ContextPolicy, Projection, Simplex};
pub use stop::{ENTROPY_WINDOW, end_of_text, entropy, find_stop, held_back, tail_entropy};
pub use uniform::{BlockSize, StepUniform};
