//! What the user chose, kept from one start of the app to the next.

use bdlm::sample::SamplerKind;
use serde::{Deserialize, Serialize};

use crate::state::conversation::ChatSettings;
use crate::state::settings::SampleSettings;
use crate::state::training::TrainForm;

/// How fast steps follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Speed {
    /// A quarter.
    Quarter,
    /// Half.
    Half,
    /// Eight steps a second.
    #[default]
    Normal,
    /// Double.
    Double,
    /// Four times.
    Fourfold,
    /// As fast as the model can.
    Full,
}

impl Speed {
    /// All of them, rising.
    pub const ALL: [Speed; 6] =
        [Speed::Quarter, Speed::Half, Speed::Normal, Speed::Double, Speed::Fourfold, Speed::Full];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Speed::Quarter => "×¼",
            Speed::Half => "×½",
            Speed::Normal => "×1",
            Speed::Double => "×2",
            Speed::Fourfold => "×4",
            Speed::Full => "max",
        }
    }

    /// The next faster or slower one.
    pub fn changed(self, by: isize) -> Speed {
        let at = Speed::ALL.iter().position(|&speed| speed == self).unwrap_or(2);
        Speed::ALL[at.saturating_add_signed(by).min(Speed::ALL.len() - 1)]
    }

    /// Seconds between two steps; none at full speed.
    pub fn secs(self) -> Option<f64> {
        let factor = match self {
            Speed::Quarter => 0.25,
            Speed::Half => 0.5,
            Speed::Normal => 1.0,
            Speed::Double => 2.0,
            Speed::Fourfold => 4.0,
            Speed::Full => return None,
        };
        Some(1.0 / (8.0 * factor))
    }
}

/// What the colour of a cell means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ColorBy {
    /// Probability of the token.
    #[default]
    Confidence,
    /// Entropy of the distribution that the token was drawn from: bright is certain.
    Entropy,
    /// Order of opening in the block: bright opened first.
    Order,
    /// Age: bright opened last.
    Age,
}

impl ColorBy {
    /// All of them.
    pub const ALL: [ColorBy; 4] =
        [ColorBy::Confidence, ColorBy::Entropy, ColorBy::Order, ColorBy::Age];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            ColorBy::Confidence => "confidence",
            ColorBy::Entropy => "entropy",
            ColorBy::Order => "order of opening",
            ColorBy::Age => "age",
        }
    }

    /// What the two ends of the ramp stand for.
    pub fn ends(self, scale: Scale) -> [&'static str; 2] {
        match (self, scale) {
            (ColorBy::Confidence, Scale::Linear) => ["0", "1"],
            (ColorBy::Confidence, Scale::Log) => ["0.0001", "1"],
            (ColorBy::Confidence, Scale::Rank) => ["least likely", "likeliest"],
            (ColorBy::Entropy, Scale::Linear | Scale::Log) => ["6+ nats", "0"],
            (ColorBy::Entropy, Scale::Rank) => ["least certain", "most certain"],
            (ColorBy::Order, _) => ["last", "first"],
            (ColorBy::Age, _) => ["old", "new"],
        }
    }
}

/// How numbers become colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scale {
    /// In proportion.
    Linear,
    /// By the logarithm: small probabilities differ.
    #[default]
    Log,
    /// By the rank among all cells that are open: the whole ramp is used.
    Rank,
}

impl Scale {
    /// All of them.
    pub const ALL: [Scale; 3] = [Scale::Linear, Scale::Log, Scale::Rank];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Scale::Linear => "linear",
            Scale::Log => "log",
            Scale::Rank => "rank",
        }
    }
}

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThemeChoice {
    /// As the system has it.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl ThemeChoice {
    /// The next one, as the button changes it.
    pub fn next(self) -> ThemeChoice {
        match self {
            ThemeChoice::System => ThemeChoice::Light,
            ThemeChoice::Light => ThemeChoice::Dark,
            ThemeChoice::Dark => ThemeChoice::System,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            ThemeChoice::System => "System theme",
            ThemeChoice::Light => "Light theme",
            ThemeChoice::Dark => "Dark theme",
        }
    }
}

/// All that is kept from one start of the app to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    /// The model's name, folder or hub id.
    pub model: String,
    /// Part of the adapter's name; the best adapter if absent.
    pub adapter: Option<String>,
    /// The prompt.
    pub prompt: String,
    /// How the left and the right pane sample.
    pub panes: [SampleSettings; 2],
    /// How fast steps follow each other.
    pub speed: Speed,
    /// What the colours of cells mean.
    pub color_by: ColorBy,
    /// How numbers become colours.
    pub scale: Scale,
    /// Finished blocks keep their colours.
    pub keep_colors: bool,
    /// Models that were loaded, the last one first.
    pub recent: Vec<String>,
    /// The tour was seen, or was closed.
    pub has_toured: bool,
    /// Nothing glows or slides.
    pub reduce_motion: bool,
    /// The window is drawn by the processor: each frame costs time that the model needs.
    #[serde(skip)]
    pub is_drawn_slowly: bool,
    /// Light or dark.
    pub theme: ThemeChoice,
    /// How answers are made.
    pub chat: ChatSettings,
    /// What is filled in for training.
    pub train: TrainForm,
    /// The runs that were shown when the app was closed, and their moments.
    pub shown: Vec<(u64, usize)>,
    /// Number of the conversation that was shown then; 0 if none.
    pub talk: u64,
}

impl Default for Preferences {
    fn default() -> Preferences {
        let right = SampleSettings { sampler: SamplerKind::Confidence, ..Default::default() };
        Preferences {
            model: bdlm::hub::DEFAULT_MODEL.into(),
            adapter: None,
            prompt: String::new(),
            panes: [SampleSettings::default(), right],
            speed: Speed::default(),
            color_by: ColorBy::default(),
            scale: Scale::default(),
            keep_colors: false,
            recent: Vec::new(),
            has_toured: false,
            reduce_motion: false,
            is_drawn_slowly: false,
            theme: ThemeChoice::default(),
            chat: ChatSettings::default(),
            train: TrainForm::default(),
            shown: Vec::new(),
            talk: 0,
        }
    }
}

impl Preferences {
    /// True if nothing moves by itself.
    pub fn is_still(&self) -> bool {
        self.reduce_motion || self.is_drawn_slowly
    }
}
