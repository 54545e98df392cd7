//! Training: schedules, masks, texts, the optimiser, whole runs.

#[path = "../common/mod.rs"]
mod common;
mod data;
mod objective;
mod optimiser;
mod run;
mod schedules;
mod steps;
