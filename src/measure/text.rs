//! A whole text, from the request to the last block.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::clock::Stopwatch;
use crate::event::Event;
use crate::sample::{Engine, Prompt, Request};

/// Tokens of the text that is timed, at least: whole blocks, two or more.
const TEXT_TOKENS: usize = 128;

/// The time that a text took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TextTime {
    /// Tokens of a block.
    pub block_size: usize,
    /// Tokens of the text.
    pub tokens: usize,
    /// From the request to the first block; the driver may have to compile kernels first.
    pub first_block_ms: f64,
    /// From the start of the program to the first block, loading included; of the first text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cold_first_block_ms: Option<f64>,
    /// Of the whole text.
    pub secs: f64,
    /// Of all tokens but the first block's.
    pub tokens_per_sec: f64,
}

impl TextTime {
    /// Generates a text of one sample, without a prompt. `start` is when the program began, if the
    /// time since then is of interest. `progress` is called with the tokens done and their number;
    /// if it breaks, there is no result.
    ///
    /// # Errors
    /// As [`Engine::run`] and [`crate::sample::Run::next_async`].
    pub async fn measure(
        engine: &Engine,
        block_size: usize,
        start: Option<Stopwatch>,
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Option<TextTime>> {
        let length = TEXT_TOKENS.next_multiple_of(block_size).max(2 * block_size);
        let block = Some(block_size);
        let request = Request {
            prompt: Prompt::Ids(Vec::new()),
            length,
            block_size: block,
            ..Request::default()
        };
        let ms_since = |start: Stopwatch| start.secs() * 1e3;
        let begun = Stopwatch::start();
        let mut run = engine.run(request)?;
        let (mut first, mut done) = (None, 0);
        while let Some(event) = run.next_async().await? {
            if let Event::Block(block) = event {
                first.get_or_insert_with(|| (ms_since(begun), start.map(ms_since)));
                done += block.ids.len();
            }
            if progress(done, length).is_break() {
                return Ok(None);
            }
        }
        let secs = begun.secs();
        let (first_block_ms, cold_first_block_ms) = first.unwrap_or_default();
        let others = length.saturating_sub(block_size);
        Ok(Some(TextTime {
            block_size,
            tokens: length,
            first_block_ms,
            cold_first_block_ms,
            secs,
            tokens_per_sec: others as f64 / (secs - first_block_ms / 1e3),
        }))
    }
}
