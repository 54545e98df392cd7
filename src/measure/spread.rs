//! Times of one thing that was done several times.

use serde::{Deserialize, Serialize};

/// Times of one thing, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The middle one.
    pub median: f64,
    /// The fastest.
    pub min: f64,
    /// The slowest.
    pub max: f64,
    /// A quarter of the times are below the first, a quarter above the second.
    pub quartiles: [f64; 2],
    /// How many there are.
    pub count: usize,
}

impl Spread {
    /// Of times in any order, at least one.
    pub fn of(times: &[f64]) -> Spread {
        let mut sorted = times.to_vec();
        sorted.sort_by(f64::total_cmp);
        let count = sorted.len();
        let at = |share: f64| {
            let i = (share * count.saturating_sub(1) as f64).round() as usize;
            sorted.get(i).copied().unwrap_or(f64::NAN)
        };
        let (median, quartiles) = (at(0.5), [at(0.25), at(0.75)]);
        Spread { median, min: at(0.0), max: at(1.0), quartiles, count }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Spread { median, min, max, count, .. } = self;
        write!(f, "{median:.2} ms (median of {count}; {min:.2} to {max:.2})")
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn a_spread_does_not_depend_on_the_order() {
        let spread = Spread::of(&[5.0, 1.0, 4.0, 2.0, 3.0]);
        assert_eq!((spread.median, spread.min, spread.max), (3.0, 1.0, 5.0));
        assert_eq!((spread.quartiles, spread.count), ([2.0, 4.0], 5));
        assert_eq!(spread.to_string(), "3.00 ms (median of 5; 1.00 to 5.00)");
    }
}
