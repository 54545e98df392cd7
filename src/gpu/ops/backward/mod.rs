//! The ops of the backward pass, and those of the forward pass that only training has. Sums over rows are
//! taken in two stages and in one order: the rows are cut into shares, and the shares are added.

mod attention;
mod layer;
mod norm;
mod product;
mod scoring;
mod sums;

pub use attention::BackwardAttention;
pub use layer::{Activation, Dropout, Gate};
pub use norm::NormGradients;
pub use product::weight_gradient_room;
pub use sums::column_sums_room;
