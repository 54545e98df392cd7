//! How far results may be from the fixtures', and why.

/// Logits with f32 weights: another order of summation, over some hundred numbers and layers.
pub const LOGITS_F32: f32 = 2e-4;
/// Logits with f16 weights, keys and values: 11 bits each.
pub const LOGITS_F16: f32 = 3e-2;
