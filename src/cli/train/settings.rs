//! The settings of a run, each a key of a TOML file and a flag. Flags win.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use bdlm::train::{BlockSizes, Cut, Decay, Loss};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::cli::files::{read_text, shown};

/// What a network is trained to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Block diffusion (BD3-LM)
    Block,
    /// Masked diffusion of the whole window (MDLM)
    Masked,
    /// One token after the other (AR)
    Autoregressive,
}

/// Settings of a run. Those that are absent have defaults, see the flags' help.
#[derive(Args, Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    // Data.
    /// Texts to train on: a file or a folder of files, more than one if given again. In plain text a
    /// line `<|endoftext|>` separates documents; JSON lines and parquet have a `text`
    #[arg(long, value_name = "PATH", help_heading = "Data")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<PathBuf>,
    /// Texts to evaluate on, as for --data [default: no validation]
    #[arg(long, value_name = "PATH", help_heading = "Data")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub valid: Vec<PathBuf>,
    /// Where sequences begin: `wrapped` cuts the joined documents, `documents` begins with each
    /// document [default: wrapped]
    #[arg(long, value_name = "CUT", value_parser = named::<Cut>, help_heading = "Data")]
    pub cut: Option<Cut>,
    /// Tokenizer file [default: that of --from, else a new one]
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    pub tokenizer: Option<PathBuf>,
    /// Tokens of a new tokenizer, learnt from the data: byte-level BPE [default: 4095]
    #[arg(long, value_name = "N", help_heading = "Data")]
    pub vocabulary: Option<usize>,

    // Network.
    /// What to begin with: `random`, or a model to go on from (name, folder or hub id)
    /// [default: random]
    #[arg(long, value_name = "random|MODEL", help_heading = "Network")]
    pub from: Option<String>,
    /// What a new network is trained to do [default: block]
    #[arg(long, value_enum, help_heading = "Network")]
    pub kind: Option<Kind>,
    /// Layers of a new network [default: 6]
    #[arg(long, value_name = "N", help_heading = "Network")]
    pub layers: Option<usize>,
    /// Channels of a new network [default: 256]
    #[arg(long, value_name = "N", help_heading = "Network")]
    pub channels: Option<usize>,
    /// Heads of a new network [default: 4]
    #[arg(long, value_name = "N", help_heading = "Network")]
    pub heads: Option<usize>,
    /// Tokens of a sequence [default: 256, or the window of --from]
    #[arg(long, value_name = "N", help_heading = "Network")]
    pub window: Option<usize>,
    /// Tokens of a block: one size, or sizes with weights, of which each step draws one
    /// [default: 8, or that of --from]
    #[arg(long, value_name = "K|K:W,..", help_heading = "Network")]
    pub block_size: Option<BlockSizes>,

    // Run.
    /// Folder of the run: the model, and what --resume goes on from
    #[arg(long, value_name = "DIR", help_heading = "Run")]
    pub out: Option<PathBuf>,
    /// Go on with the run in --out, if there is one
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", help_heading = "Run")]
    pub resume: Option<bool>,
    /// End after so many steps
    #[arg(long, value_name = "N", help_heading = "Run")]
    pub steps: Option<usize>,
    /// End after so many times through the data
    #[arg(long, value_name = "X", help_heading = "Run")]
    pub epochs: Option<f64>,
    /// End after so many minutes of training; the learning rate follows the clock
    #[arg(long, value_name = "X", help_heading = "Run")]
    pub minutes: Option<f64>,
    /// Sequences of a pass [default: 16]
    #[arg(long, value_name = "B", help_heading = "Run")]
    pub batch: Option<usize>,
    /// Passes of a step, whose gradients are added [default: 1]
    #[arg(long, value_name = "N", help_heading = "Run")]
    pub accumulate: Option<usize>,
    /// GiB of activations that are kept from the pass forward; layers are run again, which takes a third
    /// longer, if they need more [default: 2]
    #[arg(long, value_name = "GIB", help_heading = "Run")]
    pub keep: Option<f64>,
    /// The same seed gives the same run [default: 1]
    #[arg(long, value_name = "S", help_heading = "Run")]
    pub seed: Option<u64>,
    /// Steps from one save to the next [default: 500]
    #[arg(long, value_name = "N", help_heading = "Run")]
    pub save_every: Option<usize>,

    // Objective.
    /// How cells are masked: `low-variance`, `nelbo` (the paper's), or `resampled` inside the interval
    /// of noise [default: low-variance]
    #[arg(long, value_name = "LOSS", value_parser = named::<Loss>, help_heading = "Objective")]
    pub loss: Option<Loss>,
    /// Lowest noise level of nelbo and resampled, 0 to 1 [default: 0.001]
    #[arg(long, value_name = "T", help_heading = "Objective")]
    pub noise_low: Option<f64>,
    /// Highest noise level of nelbo and resampled, 0 to 1 [default: 1]
    #[arg(long, value_name = "T", help_heading = "Objective")]
    pub noise_high: Option<f64>,
    /// Choose the interval of noise at each validation: the one whose block losses vary least
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", help_heading = "Objective")]
    pub search_noise: Option<bool>,
    /// Mask and count the first token of a sequence too
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", help_heading = "Objective")]
    pub count_first: Option<bool>,
    /// Probability with which dropout zeroes a number [default: 0]
    #[arg(long, value_name = "P", help_heading = "Objective")]
    pub dropout: Option<f32>,

    // Optimiser.
    /// Highest learning rate [default: 0.001]
    #[arg(long, value_name = "RATE", help_heading = "Optimiser")]
    pub lr: Option<f64>,
    /// Steps over which the learning rate rises [default: 100]
    #[arg(long, value_name = "STEPS", help_heading = "Optimiser")]
    pub warmup: Option<usize>,
    /// What the learning rate does then: constant, linear or cosine (to 0) [default: constant]
    #[arg(long, value_name = "FORM", value_parser = named::<Decay>, help_heading = "Optimiser")]
    pub decay: Option<Decay>,
    /// Part of the run after which it begins to fall, 0 to 1 [default: 0]
    #[arg(long, value_name = "X", help_heading = "Optimiser")]
    pub decay_from: Option<f64>,
    /// Learning rate of Muon for the matrices of layers, such as 0.02; 0: AdamW for all [default: 0]
    #[arg(long, value_name = "RATE", help_heading = "Optimiser")]
    pub muon_lr: Option<f64>,
    /// Decay of Muon's momentum [default: 0.95]
    #[arg(long, value_name = "X", help_heading = "Optimiser")]
    pub muon_momentum: Option<f64>,
    /// Decay of the gradients' moving average [default: 0.9]
    #[arg(long, value_name = "X", help_heading = "Optimiser")]
    pub beta1: Option<f64>,
    /// Decay of the moving average of their squares [default: 0.999]
    #[arg(long, value_name = "X", help_heading = "Optimiser")]
    pub beta2: Option<f64>,
    /// Added to the root of the latter [default: 1e-8]
    #[arg(long, value_name = "X", help_heading = "Optimiser")]
    pub epsilon: Option<f64>,
    /// Part of each weight that a step of rate 1 takes away [default: 0]
    #[arg(long, value_name = "X", help_heading = "Optimiser")]
    pub weight_decay: Option<f64>,
    /// Largest norm of all gradients; 0 for none [default: 1]
    #[arg(long, value_name = "NORM", help_heading = "Optimiser")]
    pub clip: Option<f64>,
    /// Decay of the weights' moving average, which is the model [default: 0.9999]
    #[arg(long, value_name = "X", help_heading = "Optimiser")]
    pub ema: Option<f64>,

    // Validation.
    /// Steps from one validation and sample to the next; 0: only at the end [default: 500]
    #[arg(long, value_name = "N", help_heading = "Validation")]
    pub validate_every: Option<usize>,
    /// Sequences of a validation [default: 32]
    #[arg(long, value_name = "N", help_heading = "Validation")]
    pub validate_sequences: Option<usize>,
    /// Noise draws per sequence and block size [default: 2]
    #[arg(long, value_name = "N", help_heading = "Validation")]
    pub validate_draws: Option<usize>,
    /// Beginning of the samples [default: Once upon a time]
    #[arg(long, value_name = "TEXT", help_heading = "Validation")]
    pub prompt: Option<String>,
    /// Tokens of a sample; 0 for none [default: 100]
    #[arg(long, value_name = "N", help_heading = "Validation")]
    pub sample_length: Option<usize>,
}

/// A value that is written in the command line as in a file.
fn named<T: serde::de::DeserializeOwned>(word: &str) -> Result<T, String> {
    serde_json::from_value(Value::String(word.into())).map_err(|e| e.to_string())
}

impl Settings {
    /// These settings, and those of a file where there are none.
    pub fn over(self, file: &Path) -> Result<Settings> {
        let text = read_text(file)?;
        let below: Settings = toml::from_str(&text)
            .map_err(|e| anyhow!("{}: {}", shown(file), e.to_string().trim()))?;
        // Paths of a file are meant from its folder.
        let below = below.in_folder(file.parent().unwrap_or(Path::new("")));
        let mut merged = given(&below)?;
        merged.extend(given(&self)?);
        serde_json::from_value(Value::Object(merged)).context("settings")
    }

    fn in_folder(mut self, folder: &Path) -> Settings {
        let paths = self.data.iter_mut().chain(&mut self.valid).chain(&mut self.tokenizer);
        paths.chain(&mut self.out).for_each(|path| *path = folder.join(&*path));
        self
    }
}

/// Settings that are there.
fn given(settings: &Settings) -> Result<Map<String, Value>> {
    let Value::Object(all) = serde_json::to_value(settings)? else {
        return Ok(Map::new());
    };
    Ok(all.into_iter().filter(|(_, value)| !value.is_null()).collect())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    #[test]
    fn flags_win_over_the_file() {
        let file = file("layers = 8\nlr = 2e-3\nblock-size = 4\ndata = [\"a.txt\"]\n");
        let flags = Settings { layers: Some(2), ..Settings::default() };
        let merged = flags.over(file.path()).unwrap();
        assert_eq!((merged.layers, merged.lr, merged.batch), (Some(2), Some(2e-3), None));
        assert_eq!(merged.block_size, Some(BlockSizes::fixed(4)));
        assert_eq!(merged.data, [file.path().parent().unwrap().join("a.txt")]);
    }

    #[test]
    fn what_is_no_setting_is_refused_by_name() {
        for (text, word) in [
            ("layres = 8", "layres"),
            ("layers = \"many\"", "layers"),
            ("block-size = \"4;8\"", "4;8"),
            ("layers 8", "layers"),
        ] {
            let error = Settings::default().over(file(text).path()).unwrap_err();
            assert!(format!("{error:#}").contains(word), "{error:#}");
        }
    }
}
