//! A check: an op that was recorded, what it should have written, and how far off it was.

use serde::Serialize;

use crate::gpu::Tensor;

/// Numbers of size 1: f32 sums of some dozens, a GPU's exponentials and roots.
pub(super) const ROUNDING: f32 = 1e-5;
/// Exponentials of differences, and a sum over the vocabulary.
pub(super) const PROBABILITY: f64 = 2e-4;

/// What an op gave on a device, beside its twin.
#[derive(Clone, Debug, Serialize)]
pub struct KernelCheck {
    /// The op.
    pub op: &'static str,
    /// The kernels that ran for it, in order.
    pub kernels: Vec<&'static str>,
    /// Its input, for people: `5 rows, 24 channels`.
    pub shape: String,
    /// Largest difference from the twin; infinite where a number is none.
    pub error: f64,
    /// Largest difference that rounding explains.
    pub allowed: f64,
}

impl KernelCheck {
    /// Whether the kernels compute what they should.
    pub fn passes(&self) -> bool {
        self.error <= self.allowed
    }
}

/// An op that was recorded: what it wrote, and what it should have written.
pub(super) struct Case {
    pub(super) op: &'static str,
    pub(super) shape: String,
    pub(super) y: Tensor,
    pub(super) wanted: Wanted,
    pub(super) allowed: f64,
}

/// The difference from a twin, from the words of a tensor.
pub(super) type Difference = Box<dyn Fn(&[u32]) -> f64>;

/// What an op should have written.
pub(super) enum Wanted {
    /// The first numbers of each row of this many.
    Rows(Vec<f32>, usize),
    /// Whatever this finds close enough.
    Close(Difference),
}

impl Wanted {
    pub(super) fn difference(&self, words: &[u32], row: usize) -> f64 {
        match self {
            Wanted::Rows(wanted, columns) => {
                let got = words.chunks(row).flat_map(|row| row.iter().take(*columns));
                let pairs = got.map(|&bits| f32::from_bits(bits)).zip(wanted);
                let differences = pairs.map(|(a, b)| f64::from((a - b).abs()));
                // NaN is not larger than anything: it must not pass.
                let larger =
                    |most: f64, d: f64| if d.is_nan() { f64::INFINITY } else { most.max(d) };
                differences.fold(0.0, larger)
            }
            Wanted::Close(difference) => difference(words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(wanted: &[f32], got: &[f32]) -> f64 {
        let words: Vec<u32> = got.iter().map(|x| x.to_bits()).collect();
        Wanted::Rows(wanted.to_vec(), 2).difference(&words, 3)
    }

    #[test]
    fn a_row_s_padding_is_left_out_and_a_number_that_is_none_is_far() {
        assert_eq!(rows(&[1.0, 2.0, 3.0, 4.0], &[1.0, 2.0, 9.0, 3.0, 4.0, 9.0]), 0.0);
        assert_eq!(rows(&[1.0, 2.0, 3.0, 4.0], &[1.0, 2.5, 9.0, 3.0, 4.25, 9.0]), 0.5);
        assert_eq!(rows(&[1.0, 2.0], &[f32::NAN, 2.0, 0.0]), f64::INFINITY);
    }
}
