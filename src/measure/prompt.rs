//! A prompt, from the request to the first step behind it.

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::clock::Stopwatch;
use crate::event::Event;
use crate::measure::spread::Spread;
use crate::sample::{Engine, Prompt, Request, Watch};

/// Tokens of the prompt, where the window has room for them.
const PROMPT_TOKENS: usize = 512;
/// Prompts that are timed, after one that is not.
const PROMPTS: usize = 3;

/// The time until a prompt is stored and the first step behind it is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PromptTime {
    /// Tokens of a block.
    pub block_size: usize,
    /// Tokens of the prompt.
    pub tokens: usize,
    /// From the request to the first step.
    pub first_step_ms: Spread,
    /// Tokens of the prompt in a second, that step included.
    pub tokens_per_sec: f64,
}

impl PromptTime {
    /// Times prompts of a batch of one.
    ///
    /// # Errors
    /// As [`Engine::run`] and [`crate::sample::Run::next_async`].
    pub async fn measure(engine: &Engine, block_size: usize) -> Result<PromptTime> {
        let spec = engine.network().spec();
        let tokens = PROMPT_TOKENS.min(spec.window.saturating_sub(block_size)).max(1);
        let ids = (0..tokens as u32).map(|i| i * 31 % spec.n_drawable() as u32).collect();
        let request = Request {
            prompt: Prompt::Ids(ids),
            length: tokens + 2 * block_size,
            block_size: Some(block_size),
            watch: Watch::Steps { candidates: 0 },
            ..Request::of_model(spec)
        };
        let mut times = Vec::new();
        for i in 0..=PROMPTS {
            let begun = Stopwatch::start();
            let mut run = engine.run(request.clone())?;
            while let Some(event) = run.next_async().await? {
                if matches!(event, Event::Step(step) if step.step > 0) {
                    break;
                }
            }
            if i > 0 {
                times.push(begun.secs() * 1e3);
            }
        }
        let first_step_ms = Spread::of(&times);
        let tokens_per_sec = tokens as f64 * 1e3 / first_step_ms.median;
        Ok(PromptTime { block_size, tokens, first_step_ms, tokens_per_sec })
    }
}
