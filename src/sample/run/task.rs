//! What all samples of a run share. Knows no GPU object.

use std::sync::Arc;

use crate::model::Spec;
use crate::sample::run::given_noise::GivenNoise;
use crate::sample::run::request::Request;
use crate::sample::steps::{Ends, Geometry};
use crate::text::Tokenizer;

/// What all samples of a run share.
pub struct Task {
    /// What to generate.
    pub request: Request,
    /// What every sequence begins with, and the prompt.
    pub prompt: Vec<u32>,
    /// Tokens of it that are no text, such as BOS.
    pub n_opening: usize,
    /// How a sequence is cut.
    pub geometry: Geometry,
    /// The network.
    pub spec: Spec,
    /// Tokens that a cell may become.
    pub n_drawable: usize,
    /// The end-of-text token.
    pub eos: Option<u32>,
    /// Tokens that end an answer.
    pub stop_ids: Vec<u32>,
    /// When they do.
    pub ends: Ends,
    /// The noise, if it is given.
    pub noise: Option<GivenNoise>,
    /// From tokens to text, if there is a tokenizer.
    pub tokenizer: Option<Arc<Tokenizer>>,
}

impl Task {
    /// The prompt's tokens that are text.
    pub fn prompt_text(&self) -> &[u32] {
        self.prompt.get(self.n_opening..).unwrap_or_default()
    }
}
