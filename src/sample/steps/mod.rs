//! What opens at each step of a block, and when a sample ends. Knows no GPU object and no request.

mod fit;
mod geometry;
mod kind;
mod random;
mod sampler;
mod stop;
mod uniform;

pub use geometry::{Geometry, Sight};
pub use kind::{SamplerKind, SamplerNumber, SamplerNumbers};
pub use random::SampleKey;
pub use sampler::{Sampler, Sampling};
pub use stop::{ENTROPY_WINDOW, end_of_text, entropy, find_stop, held_back, tail_entropy};
pub use uniform::StepUniform;
