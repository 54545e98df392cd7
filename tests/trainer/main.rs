//! Training: schedules, masks, the optimiser, whole runs.

#[path = "../common/mod.rs"]
mod common;
mod objective;
mod schedules;
