//! The app: it reads notices and actions, changes the state, and commands the engine's thread.

mod act;
mod base;
mod branch;
mod conversation;
mod files;
mod history;
mod models;
mod open;
mod play;
mod reports;
mod runs;
mod tour;
mod training;
mod window;

pub use base::App;
