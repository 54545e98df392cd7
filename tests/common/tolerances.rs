//! How far results may be from the fixtures', and why.

/// Logits with f32 weights: another order of summation, over some hundred numbers and layers.
pub const LOGITS_F32: f32 = 2e-4;
/// Logits with f16 weights, keys and values: 11 bits each.
pub const LOGITS_F16: f32 = 3e-2;
/// One kernel on numbers of size 1: f32 sums of some dozens, GPU exponentials and roots.
pub const OP: f32 = 1e-5;
/// Probabilities and entropies: exponentials of differences, a sum over the vocabulary.
pub const PROBABILITY: f32 = 2e-4;
/// Logits of the Llama-shaped fixtures with f32 weights, which reach 23: f32 sums of another order.
pub const LARGE_LOGITS_F32: f32 = 5e-4;
/// The same with f16 keys and values, and weights rounded to f16.
pub const LARGE_LOGITS_F16: f32 = 2e-1;
/// Losses of training with f32 weights, up to some tens: as logits, times the weight of a position.
pub const LOSS: f32 = 2e-3;
/// Gradients, largest error of a tensor over its largest value: f32 sums in another order.
pub const GRADIENT: f32 = 1e-3;
/// Gradients beside differences of sums of f32 over steps of 1e-2: their rounding, and the third derivative.
pub const FINITE_DIFFERENCE: f32 = 2e-3;
