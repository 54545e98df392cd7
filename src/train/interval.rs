//! Clipped noise schedules: the interval that noise levels are drawn from, and the search for the one
//! whose block losses vary least. Source: Arriola et al., ICLR 2025, section 5.3.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Smallest noise level that is drawn; below it nothing would be masked.
const MIN_NOISE: f64 = 1e-3;
/// Widths of the intervals that the search tries.
const WIDTHS: [f64; 5] = [0.5, 0.6, 0.7, 0.8, 0.9];
/// Between the beginnings of two intervals of the same width.
const STEP: f64 = 0.05;

/// An interval of noise levels, β to ω.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// β, the lowest.
    pub low: f64,
    /// ω, the highest.
    pub high: f64,
}

impl Default for Interval {
    /// All noise levels.
    fn default() -> Interval {
        Interval { low: MIN_NOISE, high: 1.0 }
    }
}

impl Interval {
    /// Fails for an interval that no noise level can be drawn from.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub fn check(&self) -> Result<()> {
        let Interval { low, high } = *self;
        if low > 0.0 && low < high && high <= 1.0 {
            return Ok(());
        }
        Err(Error::request(format!(
            "noise levels from {low} to {high} are no interval between 0 and 1"
        )))
    }

    /// The noise level of a uniform number from 0 to 1.
    pub fn at(&self, uniform: f64) -> f64 {
        self.low + (self.high - self.low) * uniform
    }

    /// Numbers of masked cells, of `k`, that lie in the interval; all where it has no end of its own
    /// on that side, or none would do.
    pub fn masked_counts(&self, k: usize) -> std::ops::RangeInclusive<usize> {
        let clipped = |count: f64| (count.max(0.0) as usize).min(k);
        // Sums such as 0.1 + 0.2 end a little beside a whole number.
        let low = clipped((self.low * k as f64 - 1e-9).ceil());
        let high = clipped((self.high * k as f64 + 1e-9).floor());
        match low <= high {
            true => (if self.low > MIN_NOISE { low } else { 0 })..=high,
            false => 0..=k,
        }
    }

    /// The intervals that the search tries.
    pub fn candidates() -> Vec<Interval> {
        let of_width = |width: f64| {
            let count = ((1.0 - width) / STEP).round() as usize + 1;
            (0..count).map(move |i| {
                let low = i as f64 * STEP;
                Interval { low: low.max(MIN_NOISE), high: (low + width).min(1.0) }
            })
        };
        WIDTHS.into_iter().flat_map(of_width).collect()
    }
}

/// Noise levels of consecutive blocks, spread evenly: block k of K has `(u + k) / K mod 1` of its own
/// uniform number u. Together they cover all of time, each by itself is uniform.
pub fn antithetic(uniform: &[f64]) -> Vec<f64> {
    let count = uniform.len() as f64;
    uniform.iter().enumerate().map(|(k, u)| ((u + k as f64) / count).fract()).collect()
}

/// The sum over batches of the unbiased variance over blocks, from the losses of the blocks of each
/// batch.
pub fn total_variance<'a>(batches: impl IntoIterator<Item = &'a [f64]>) -> f64 {
    let variance = |losses: &[f64]| {
        let count = losses.len() as f64;
        let mean = losses.iter().sum::<f64>() / count;
        let squares: f64 = losses.iter().map(|loss| (loss - mean).powi(2)).sum();
        if losses.len() > 1 { squares / (count - 1.0) } else { 0.0 }
    };
    batches.into_iter().map(variance).sum()
}

/// The index of the lowest total variance, the first of equals; none if there is no number.
pub fn lowest(variances: &[f64]) -> Option<usize> {
    let numbers = variances.iter().enumerate().filter(|(_, variance)| variance.is_finite());
    numbers.min_by(|a, b| a.1.total_cmp(b.1)).map(|(i, _)| i)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_tries_all_intervals_of_its_grid() {
        let candidates = Interval::candidates();
        assert_eq!(candidates.len(), 11 + 9 + 7 + 5 + 3);
        assert_eq!(candidates[0], Interval { low: MIN_NOISE, high: 0.5 });
        assert_eq!(candidates[34], Interval { low: 2.0 * STEP, high: 1.0 });
        assert!(candidates.iter().all(|interval| interval.check().is_ok()));
    }

    #[test]
    fn counts_of_masked_cells_follow_the_interval() {
        let counts = |low, high, k| Interval { low, high }.masked_counts(k);
        assert_eq!(counts(0.3, 0.8, 4), 2..=3);
        assert_eq!(counts(0.25, 0.75, 4), 1..=3);
        assert_eq!(counts(MIN_NOISE, 0.5, 4), 0..=2);
        assert_eq!(counts(MIN_NOISE, 1.0, 4), 0..=4);
        assert_eq!(counts(0.3, 0.4, 4), 0..=4, "no count would do");
        assert_eq!(counts(0.45, 0.95, 1), 0..=1);
    }

    #[test]
    fn intervals_that_are_none_are_refused() {
        for (low, high) in [(0.5, 0.5), (0.0, 1.0), (0.8, 0.3), (0.5, 1.1), (f64::NAN, 1.0)] {
            assert!(Interval { low, high }.check().is_err(), "{low} to {high}");
        }
    }

    #[test]
    fn no_number_is_never_the_lowest() {
        assert_eq!(lowest(&[f64::NAN, 3.0, 2.0, 2.0]), Some(2));
        assert_eq!(lowest(&[f64::NAN]), None);
    }
}
