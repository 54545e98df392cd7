//! A desktop app that shows block diffusion language models write, step by step.
//!
//! # The map
//! A [`recording::Recording`] takes the events of a run and knows its moments; [`view::BlockView`] is
//! the widget that draws one of them, for any egui program. `worker` is the thread that talks to the
//! engine, over bounded channels; `pane` is one run in the window, `app` is the window, and each
//! `*_ui` file is a part of it. Parts do not change the app's runs: they say what is wanted as an
//! [`action::Action`].

// An error belongs into the window.
#![warn(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used
)]

mod act;
pub mod action;
pub mod app;
pub mod backend;
pub mod export;
mod files_ui;
mod flow;
pub mod headless;
mod inspector_ui;
mod keys;
mod model_ui;
mod moment;
pub mod offscreen;
mod page_ui;
pub mod pane;
mod plots_ui;
mod prompt_ui;
pub mod recording;
pub mod reports;
pub mod settings;
mod settings_ui;
pub mod theme;
mod timeline_ui;
pub mod view;
pub mod worker;

pub use recording::Recording;
pub use view::BlockView;
