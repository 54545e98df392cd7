//! Block diffusion language models on any GPU: BD3-LM inference and training in Rust, wgpu and WGSL.
//!
//! A BD3-LM (Arriola et al., ICLR 2025) writes text block by block, left to right; inside a block
//! all tokens start masked and are revealed by discrete diffusion.
//!
//! # The map
//! Rooms, from the bottom up; each knows only those before it.
//!
//! | room | what it does |
//! |---|---|
//! | `error`, [`clock`] | one error type, whose advice each program words itself; one clock |
//! | [`event`] | the events of a run, as plain data |
//! | [`text`] | text to tokens and back |
//! | [`hub`] | a model's name, or a host program's bytes → its files |
//! | [`gpu`] | devices, tensors, plans, one method per kernel; knows nothing of models |
//! | [`model`] | a checkpoint → a network as a list of kernels |
//! | [`sample`] | a request → the stream of events: draws and opens cells, block by block |
//! | [`eval`] | how likely a network finds texts |
//! | [`train`] | texts → a network: batches, gradients, optimiser, a run as a stream of events |
//! | [`measure`] | how long kernels, passes, texts and likelihoods take |
//!
//! The programs `bdlm` and `bdlm-app` use only what this crate exports.
//!
//! # Invariants
//! - Only `gpu/device` asks for a device; a host program can hand over its own with
//!   [`gpu::Gpu::adopt`]. Only `gpu/plan` creates pipelines and bind groups, and only `gpu/wait.rs`
//!   waits for the GPU; in a browser it never blocks.
//! - After a run has begun no GPU object is created per step: plans are recorded once per shape.
//! - The library never prints, reads no environment, names no flag or button, and never panics on
//!   input. It spawns no thread that outlives a call; the one that a host program asks for,
//!   `sample::worker`, is joined on drop (in a browser it is a task of the page).
//! - Only `hub/native`, `eval/data/files` and `train/files` use files, and only `hub/native` the network. In a
//!   browser only `hub/web` fetches and keeps files; host programs can hand over bytes of their own, see
//!   [`hub::ModelFiles::from_files`].
//! - Opened cells and emitted text never change; a sample that repeats itself is taken back by an
//!   event that says so ([`event::Event::Retract`]).
//! - The same seed gives the same text whatever the batch, and whether anyone watches. One
//!   exception: on GPUs the order of sums depends on the number of rows, so that a batch can decide
//!   a near-tie between two tokens differently.
//!
//! # What this crate does not provide
//! Training on several devices, models of other kinds, an async runtime, a server.
//!
//! # Example
//! A host program's own device; the README shows a run.
//! ```
//! use bdlm::gpu::{DType, Gpu, GpuOptions};
//! use bdlm::hub::ModelFiles;
//! use bdlm::sample::Engine;
//! use bdlm::wgpu;
//!
//! fn engine(device: wgpu::Device, queue: wgpu::Queue) -> bdlm::Result<Engine> {
//!     let gpu = Gpu::adopt(device, queue, &GpuOptions::default())?;
//!     Engine::load(&gpu, &ModelFiles::embedded(), DType::F16, &mut |_, _| {})
//! }
//! ```

// What a library must not do to its host; tests may.
#![warn(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used
)]

pub mod clock;
mod error;
pub mod eval;
pub mod event;
pub mod gpu;
pub mod hub;
pub mod measure;
pub mod model;
#[cfg(feature = "plots")]
pub mod plot;
pub mod sample;
pub mod text;
pub mod train;

pub use error::{Advice, Error, Fault, Result};
pub use wgpu;

/// The README's example is a test, and that of training.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../docs/train.md")]
struct Readme;
