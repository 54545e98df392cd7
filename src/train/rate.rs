//! The learning rate of each step, and how much of a run is done. Knows no optimiser.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What happens to the learning rate after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decay {
    /// It stays: the paper's.
    #[default]
    Constant,
    /// It falls along a line to 0 at the end of the run.
    Linear,
    /// It falls along half a cosine to 0 at the end of the run.
    Cosine,
}

/// The learning rate over a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// The highest.
    pub peak: f64,
    /// Steps over which it rises from 0.
    pub warmup_steps: usize,
    /// What happens then.
    pub decay: Decay,
    /// Part of the run after which it begins to fall, 0 to 1.
    pub decay_from: f64,
}

impl Rate {
    /// The factor of a step, counted from 0, when a part `done` of the run lies behind it.
    pub fn factor(&self, step: usize, done: f64) -> f64 {
        let risen = (step as f64 + 1.0) / self.warmup_steps.max(1) as f64;
        let fallen = ((done - self.decay_from) / (1.0 - self.decay_from)).clamp(0.0, 1.0);
        let left = match self.decay {
            Decay::Constant => 1.0,
            Decay::Linear => 1.0 - fallen,
            Decay::Cosine => (1.0 + (std::f64::consts::PI * fallen).cos()) / 2.0,
        };
        risen.min(1.0) * left
    }

    /// The learning rate of a step, as [`Rate::factor`].
    pub fn at(&self, step: usize, done: f64) -> f64 {
        self.peak * self.factor(step, done)
    }

    /// Fails for numbers that make no learning rate.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub fn check(&self) -> Result<()> {
        if !(self.peak > 0.0 && self.peak.is_finite()) {
            let got = self.peak;
            return Err(Error::request(format!(
                "the learning rate is {got}, expected a number above 0"
            )));
        }
        if !(0.0..1.0).contains(&self.decay_from) {
            let got = self.decay_from;
            return Err(Error::request(format!(
                "the learning rate falls from {got} of the run on, expected 0 to below 1"
            )));
        }
        Ok(())
    }
}

/// When a run ends: at the first of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Length {
    /// Optimiser steps.
    pub steps: Option<usize>,
    /// Times through the data.
    pub epochs: Option<f64>,
    /// Minutes of training.
    pub minutes: Option<f64>,
}

impl Length {
    /// Steps until the end, where they are known: those given, or those of the epochs.
    pub fn steps(&self, steps_per_epoch: f64) -> Option<usize> {
        let of_epochs =
            self.epochs.map(|epochs| (epochs * steps_per_epoch).ceil().max(1.0) as usize);
        self.steps.into_iter().chain(of_epochs).min()
    }

    /// The part of the run that is done, 1 at its end.
    pub fn done(&self, step: usize, steps: Option<usize>, secs: f64) -> f64 {
        let by_steps = steps.map(|steps| step as f64 / steps as f64);
        let by_time = self.minutes.map(|minutes| secs / 60.0 / minutes);
        by_steps.into_iter().chain(by_time).fold(0.0, f64::max).min(1.0)
    }

    /// Fails for a run without an end.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub fn check(&self) -> Result<()> {
        let is_positive = |x: Option<f64>| x.is_none_or(|x| x > 0.0 && x.is_finite());
        if self.steps == Some(0) || !is_positive(self.epochs) || !is_positive(self.minutes) {
            let words = "steps, epochs and minutes of a run must be above 0";
            return Err(Error::request(words));
        }
        if *self == Length::default() {
            let words = "the run has no end: give its steps, its epochs or its minutes";
            return Err(Error::request(words));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_stays_and_falls() {
        let rate = |decay| Rate { peak: 1.0, warmup_steps: 4, decay, decay_from: 0.5 };
        let constant = rate(Decay::Constant);
        let rising: Vec<f64> = (0..6).map(|step| constant.at(step, 0.0)).collect();
        assert_eq!(rising, [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]);
        assert_eq!(constant.at(100, 1.0), 1.0);
        let falling = |decay| [0.5, 0.75, 1.0].map(|done| rate(decay).at(9, done));
        assert_eq!(falling(Decay::Linear), [1.0, 0.5, 0.0]);
        let cosine = falling(Decay::Cosine);
        assert!(cosine[0] == 1.0 && (cosine[1] - 0.5).abs() < 1e-12 && cosine[2].abs() < 1e-12);
        let none = Rate { warmup_steps: 0, decay_from: 0.0, ..rate(Decay::Linear) };
        assert_eq!([none.at(0, 0.0), none.at(5, 0.5)], [1.0, 0.5]);
    }

    #[test]
    fn a_run_ends_at_the_first_of_its_ends() {
        let length = Length { steps: Some(100), epochs: Some(2.0), minutes: Some(5.0) };
        assert_eq!(length.steps(30.5), Some(61));
        assert_eq!(length.steps(80.0), Some(100));
        assert_eq!(length.done(50, Some(100), 0.0), 0.5);
        assert_eq!(length.done(50, Some(100), 240.0), 0.8);
        assert_eq!(length.done(50, Some(100), 900.0), 1.0);
        assert!(length.check().is_ok());
        assert!(Length::default().check().is_err());
        assert!(Length { minutes: Some(f64::NAN), ..length }.check().is_err());
        assert!(Length { steps: Some(0), ..length }.check().is_err());
    }

    #[test]
    fn rates_that_are_none_are_refused() {
        let good = Rate { peak: 1e-3, warmup_steps: 0, decay: Decay::Linear, decay_from: 0.0 };
        assert!(good.check().is_ok());
        for peak in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Rate { peak, ..good }.check().is_err());
        }
        assert!(Rate { decay_from: 1.0, ..good }.check().is_err());
    }
}
