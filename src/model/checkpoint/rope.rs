//! The keys of rotary positions: `rope_theta` and `rope_scaling`, or both in `rope_parameters`, as
//! transformers 5 writes them.

use serde::Deserialize;

use crate::model::{Rotary, RotaryScaling};
use crate::{Error, Result};

/// The keys.
#[derive(Default, Deserialize)]
pub struct RopeKeys {
    #[serde(default)]
    rope_theta: Option<f64>,
    #[serde(default)]
    rope_scaling: Option<Scaling>,
    #[serde(default)]
    rope_parameters: Option<Scaling>,
    #[serde(default)]
    partial_rotary_factor: Option<f64>,
}

#[derive(Default, Deserialize)]
struct Scaling {
    #[serde(default)]
    rope_theta: Option<f64>,
    #[serde(default)]
    rope_type: Option<String>,
    /// The older name of `rope_type`.
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    factor: Option<f64>,
    #[serde(default)]
    low_freq_factor: Option<f64>,
    #[serde(default)]
    high_freq_factor: Option<f64>,
    #[serde(default)]
    original_max_position_embeddings: Option<f64>,
    #[serde(default)]
    beta_fast: Option<f64>,
    #[serde(default)]
    beta_slow: Option<f64>,
    #[serde(default)]
    attention_factor: Option<f64>,
    #[serde(default)]
    mscale: Option<f64>,
    #[serde(default)]
    mscale_all_dim: Option<f64>,
    #[serde(default)]
    truncate: Option<bool>,
    #[serde(default)]
    partial_rotary_factor: Option<f64>,
}

impl RopeKeys {
    /// The positions of a network with this window.
    ///
    /// # Errors
    /// [`Error::Config`] naming a type of scaling that is not run, or the key that is wrong.
    pub fn rotary(&self, window: usize) -> Result<Rotary> {
        let none = Scaling::default();
        let scaling = self.rope_parameters.as_ref().or(self.rope_scaling.as_ref());
        let scaling = scaling.unwrap_or(&none);
        let partial = scaling.partial_rotary_factor.or(self.partial_rotary_factor).unwrap_or(1.0);
        if partial != 1.0 {
            return Err(Error::config(format!(
                "partial_rotary_factor is {partial}, expected 1: whole heads are rotated"
            )));
        }
        let base = scaling.rope_theta.or(self.rope_theta).unwrap_or(10_000.0);
        within("rope_theta", base, 1.0, 1e12)?;
        Ok(Rotary { base, scaling: scaling.read(window as f64)? })
    }
}

impl Scaling {
    fn read(&self, window: f64) -> Result<RotaryScaling> {
        let name = self.rope_type.as_deref().or(self.kind.as_deref()).unwrap_or("default");
        match name {
            "default" | "none" => Ok(RotaryScaling::None),
            "linear" => Ok(RotaryScaling::Linear { factor: self.factor(window)? }),
            "llama3" => {
                let low = needed("low_freq_factor", self.low_freq_factor, 0.0, 1e6)?;
                let high = needed("high_freq_factor", self.high_freq_factor, 0.0, 1e6)?;
                if low >= high {
                    return Err(Error::config(format!(
                        "low_freq_factor is {low}, expected less than high_freq_factor, {high}"
                    )));
                }
                let factor = self.factor(window)?;
                Ok(RotaryScaling::Llama3 { factor, low, high, original: self.original(window)? })
            }
            "yarn" => self.yarn(window),
            other => Err(Error::config(format!(
                "rope_type is `{other}`, expected none, `default`, `linear`, `llama3` or `yarn`"
            ))),
        }
    }

    fn yarn(&self, window: f64) -> Result<RotaryScaling> {
        let factor = self.factor(window)?;
        let scale = |m: f64| 0.1 * m * factor.ln().max(0.0) + 1.0;
        let gain = match (self.attention_factor, self.mscale, self.mscale_all_dim) {
            (Some(gain), ..) => gain,
            (None, Some(m), Some(all)) if m != 0.0 && all != 0.0 => scale(m) / scale(all),
            _ => scale(1.0),
        };
        Ok(RotaryScaling::Yarn {
            factor,
            fast: needed("beta_fast", self.beta_fast.or(Some(32.0)), 1e-3, 1e6)?,
            slow: needed("beta_slow", self.beta_slow.or(Some(1.0)), 1e-3, 1e6)?,
            original: self.original(window)?,
            truncates: self.truncate.unwrap_or(true),
            gain: needed("attention_factor", Some(gain), 1e-3, 1e3)?,
        })
    }

    /// By how much the window was stretched, unless it is given.
    fn factor(&self, window: f64) -> Result<f64> {
        let stretched = self.original_max_position_embeddings.map(|original| window / original);
        needed("factor", self.factor.or(stretched), 1e-3, 1e6)
    }

    fn original(&self, window: f64) -> Result<f64> {
        let original = self.original_max_position_embeddings.or(Some(window));
        needed("original_max_position_embeddings", original, 1.0, 1e9)
    }
}

fn needed(key: &str, value: Option<f64>, least: f64, most: f64) -> Result<f64> {
    let missing = || Error::config(format!("rope_scaling lacks `{key}`"));
    let value = value.ok_or_else(missing)?;
    within(key, value, least, most)?;
    Ok(value)
}

fn within(key: &str, value: f64, least: f64, most: f64) -> Result<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Error::config(format!("{key} is {value}, expected {least} to {most}")))
}
