//! The frequencies by which positions turn queries and keys, and how they are scaled for texts that
//! are longer than those of training.

use std::f64::consts::TAU;

use serde::Serialize;

/// Rotary positions: channels j and j + D/2 of a head turn by position times frequency j.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rotary {
    /// Base of the frequencies, `base^(-2j/D)`.
    pub base: f64,
    /// How they are scaled.
    pub scaling: RotaryScaling,
}

/// A scaling of the frequencies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RotaryScaling {
    /// None.
    None,
    /// All divided by a factor. Source: Chen et al., 2023.
    Linear {
        /// The factor.
        factor: f64,
    },
    /// Low ones divided by a factor, high ones kept, those between mixed. Source: Llama 3.1.
    Llama3 {
        /// The factor.
        factor: f64,
        /// Turns within the original window below which a frequency is low.
        low: f64,
        /// Turns above which it is high.
        high: f64,
        /// Positions of the original window.
        original: f64,
    },
    /// By channel, from kept to divided by a factor; cosines and sines are scaled too. Source: Peng
    /// et al., YaRN, 2023.
    Yarn {
        /// The factor.
        factor: f64,
        /// Turns within the original window above which a frequency is kept.
        fast: f64,
        /// Turns below which it is divided.
        slow: f64,
        /// Positions of the original window.
        original: f64,
        /// Whether the bounds of the ramp between them are whole channels.
        truncates: bool,
        /// What cosines and sines are multiplied with.
        gain: f64,
    },
}

impl Rotary {
    /// Frequencies that are not scaled.
    pub fn plain(base: f64) -> Rotary {
        Rotary { base, scaling: RotaryScaling::None }
    }

    /// Of the halves of a head of `width` channels, in radians a position, `[D/2]`.
    pub fn frequencies(self, width: usize) -> Vec<f64> {
        let plain = |j: usize| self.base.powf(-2.0 * j as f64 / width as f64);
        (0..width / 2).map(|j| self.scaled(plain(j), j, width)).collect()
    }

    /// What cosines and sines are multiplied with.
    pub fn gain(self) -> f64 {
        match self.scaling {
            RotaryScaling::Yarn { gain, .. } => gain,
            _ => 1.0,
        }
    }

    fn scaled(self, plain: f64, j: usize, width: usize) -> f64 {
        match self.scaling {
            RotaryScaling::None => plain,
            RotaryScaling::Linear { factor } => plain / factor,
            RotaryScaling::Llama3 { factor, low, high, original } => {
                let turns = original * plain / TAU;
                let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                kept * plain + (1.0 - kept) * plain / factor
            }
            RotaryScaling::Yarn { factor, fast, slow, original, truncates, .. } => {
                let channel = |turns: f64| {
                    width as f64 * (original / (turns * TAU)).ln() / (2.0 * self.base.ln())
                };
                let (mut from, mut to) = (channel(fast), channel(slow));
                if truncates {
                    (from, to) = (from.floor(), to.ceil());
                }
                (from, to) = (from.max(0.0), to.min(width as f64 - 1.0));
                if from == to {
                    to += 0.001;
                }
                let divided = ((j as f64 - from) / (to - from)).clamp(0.0, 1.0);
                divided * plain / factor + (1.0 - divided) * plain
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(scaling: RotaryScaling, wanted: [f64; 8]) {
        let got = Rotary { base: 100_000.0, scaling }.frequencies(16);
        for (got, wanted) in got.into_iter().zip(wanted) {
            assert!((got / wanted - 1.0).abs() < 1e-6, "{scaling:?}: {got}, expected {wanted}");
        }
    }

    #[test]
    fn frequencies_are_scaled_as_transformers_scales_them() {
        check(
            RotaryScaling::None,
            [
                1.0,
                0.2371374,
                0.05623413,
                0.01333521,
                0.003162278,
                7.498942e-4,
                1.778279e-4,
                4.216965e-5,
            ],
        );
        check(
            RotaryScaling::Linear { factor: 2.5 },
            [
                0.4,
                0.09485496,
                0.02249365,
                0.005334084,
                0.001264911,
                2.999577e-4,
                7.113117e-5,
                1.686786e-5,
            ],
        );
        check(
            RotaryScaling::Llama3 { factor: 8.0, low: 1.0, high: 4.0, original: 64.0 },
            [
                1.0,
                0.1275426,
                0.007029266,
                0.001666902,
                3.952847e-4,
                9.373677e-5,
                2.222849e-5,
                5.271207e-6,
            ],
        );
        let yarn = RotaryScaling::Yarn {
            factor: 4.0,
            fast: 32.0,
            slow: 1.0,
            original: 32.0,
            truncates: true,
            gain: 1.0,
        };
        check(
            yarn,
            [
                1.0,
                0.1482109,
                0.01405853,
                0.003333804,
                7.905695e-4,
                1.874735e-4,
                4.445699e-5,
                1.054241e-5,
            ],
        );
    }
}
