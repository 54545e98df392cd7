//! A desktop app that shows block diffusion language models write, step by step.
//!
//! # The map
//! The window has three views: a text, a conversation, and a run of training.
//! [`Recording`] takes the events of a run and knows its moments; [`BlockView`] is the widget that
//! draws one of them, for any egui program. The window goes round in one direction: `state` is what is
//! shown, as plain data; `views` draw it and push what the user wants as [`state::Action`]s; `app` does
//! the actions, takes the notices of the engine's thread (`engine`), and changes the state. `store` keeps the runs on disk, `export`
//! writes files and pictures, `headless` a picture of the whole window. Each folder knows only those
//! before it: system → recording → engine → state → store → views → export → app → headless.

// Errors belong in the window.
#![warn(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used
)]

pub mod app;
pub mod engine;
pub mod export;
#[cfg(not(target_arch = "wasm32"))]
pub mod headless;
pub mod recording;
pub mod state;
pub mod store;
mod system;
mod views;

pub use recording::Recording;
pub use views::{BlockView, ViewResponse, theme};
