//! What all samples of a run share. Knows no GPU object.

use std::sync::Arc;

use crate::model::Spec;
use crate::sample::run::request::Request;
use crate::sample::steps::Geometry;
use crate::text::Tokenizer;

/// What all samples of a run share.
pub struct Task {
    /// What to generate.
    pub request: Request,
    /// BOS and the prompt.
    pub prompt: Vec<u32>,
    /// How a sequence is cut.
    pub geometry: Geometry,
    /// The network.
    pub spec: Spec,
    /// The end-of-text token.
    pub eos: Option<u32>,
    /// From tokens to text, if there is a tokenizer.
    pub tokenizer: Option<Arc<Tokenizer>>,
}
