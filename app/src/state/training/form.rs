//! What is filled in before a run of training, kept from one start of the app to the next.

use std::path::PathBuf;

use bdlm::train::{BlockSizes, Length};
use serde::{Deserialize, Serialize};

use crate::engine::TrainOrder;

/// What is filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainForm {
    /// The file or folder of texts to train on.
    pub data: String,
    /// The one to evaluate on; empty for none.
    pub valid: String,
    /// Begin with the loaded model, not with a new network.
    pub from_model: bool,
    /// Layers of a new network.
    pub layers: usize,
    /// Its channels.
    pub channels: usize,
    /// Its heads.
    pub heads: usize,
    /// Tokens of its vocabulary.
    pub vocabulary: usize,
    /// Tokens of a sequence.
    pub window: usize,
    /// Tokens of a block, or sizes with weights.
    pub block_sizes: String,
    /// Steps of the run.
    pub steps: usize,
    /// Minutes of the run; 0 for no limit.
    pub minutes: f64,
    /// Sequences of a step.
    pub batch: usize,
    /// The highest learning rate.
    pub rate: f64,
    /// Seed of the run.
    pub seed: u64,
    /// Steps from one validation, sample and save to the next.
    pub check_every: usize,
    /// Beginning of the samples.
    pub prompt: String,
    /// The folder of the run.
    pub out: String,
}

impl Default for TrainForm {
    fn default() -> TrainForm {
        TrainForm {
            data: String::new(),
            valid: String::new(),
            from_model: false,
            layers: 4,
            channels: 128,
            heads: 4,
            vocabulary: 1024,
            window: 128,
            block_sizes: "8".into(),
            steps: 500,
            minutes: 0.0,
            batch: 8,
            rate: 1e-3,
            seed: 1,
            check_every: 50,
            prompt: "Once upon a time".into(),
            out: "my-model".into(),
        }
    }
}

impl TrainForm {
    /// Why no run can begin; none if one can.
    pub fn wants(&self, model: Option<&str>) -> Option<String> {
        let wanted = match () {
            () if self.data.trim().is_empty() => "Choose a text to train on",
            () if self.out.trim().is_empty() => "Name a folder for the result",
            () if self.from_model && model.is_none() => "The model is not ready yet",
            () if self.steps == 0 && self.minutes <= 0.0 => "Set steps or minutes: a run must end",
            () => {
                let sizes = self.block_sizes.trim().parse::<BlockSizes>();
                return sizes.err().map(|e| format!("Block sizes: {e}"));
            }
        };
        Some(wanted.into())
    }

    /// The order; `model` is what the loaded model was loaded from.
    pub fn order(&self, model: Option<String>, resumes: bool) -> TrainOrder {
        let path = |text: &str| {
            let text = text.trim();
            (!text.is_empty()).then(|| PathBuf::from(text))
        };
        let is_new = !self.from_model;
        TrainOrder {
            data: path(&self.data).into_iter().collect(),
            valid: path(&self.valid).into_iter().collect(),
            from: model.filter(|_| self.from_model),
            layers: self.layers,
            channels: self.channels,
            heads: self.heads,
            vocabulary: self.vocabulary,
            window: is_new.then_some(self.window),
            block_sizes: self.block_sizes.trim().parse().ok().filter(|_| is_new),
            length: Length {
                steps: (self.steps > 0).then_some(self.steps),
                epochs: None,
                minutes: (self.minutes > 0.0).then_some(self.minutes),
            },
            batch: self.batch,
            rate: self.rate,
            seed: self.seed,
            check_every: self.check_every.max(1),
            prompt: self.prompt.clone(),
            out: PathBuf::from(self.out.trim()),
            resumes,
            adapter: None,
            cache: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_first() {
        let mut form = TrainForm::default();
        assert_eq!(form.wants(None).as_deref(), Some("Choose a text to train on"));
        form.data = "stories.txt".into();
        assert_eq!(form.wants(None), None);
        form.from_model = true;
        assert!(form.wants(None).is_some() && form.wants(Some("tales")).is_none());
        form.block_sizes = "four".into();
        assert!(form.wants(Some("tales")).is_some_and(|words| words.contains("four")));
    }

    #[test]
    fn a_loaded_model_keeps_its_window_and_blocks() {
        let form = TrainForm { from_model: true, data: " a.txt ".into(), ..TrainForm::default() };
        let order = form.order(Some("tales".into()), false);
        assert_eq!((order.from.as_deref(), order.window), (Some("tales"), None));
        assert_eq!((order.block_sizes, order.data), (None, vec![PathBuf::from("a.txt")]));
        let order = TrainForm::default().order(Some("tales".into()), true);
        assert_eq!((order.from, order.window, order.resumes), (None, Some(128), true));
    }
}
