//! Block diffusion language models on any GPU: BD3-LM inference in Rust, wgpu and WGSL.
//!
//! A BD3-LM (Arriola et al., ICLR 2025) writes text block by block, left to right; inside a block
//! all tokens start masked and are revealed by discrete diffusion.
//!
//! # The map
//! `text` turns a prompt into ids, `hub` finds a model's files, `gpu` wraps wgpu (devices,
//! tensors, plans, one method per kernel), `model` is the network as a list of kernels, `sample`
//! draws, reveals and pulls the stream of `event`s, `eval` measures how likely texts are. Each
//! knows only those before it: error, event → text, hub → gpu → model → sample → eval → the
//! programs.
//!
//! # Invariants
//! - Only `gpu/device.rs` asks for a device; a host program can hand over its own with
//!   [`gpu::Gpu::adopt`]. Only `gpu/pipelines.rs` creates pipelines, and only
//!   `gpu/plan.rs` bind groups.
//! - After a run has begun no GPU object is created per step: plans are recorded once per shape.
//! - The library never prints, never panics on input, and no thread of its own outlives a call:
//!   pipelines are compiled side by side. The one thread that a host program asks for,
//!   `sample::worker`, is joined on drop.
//! - Opened cells and emitted text never change; a sample that falls into repetition is taken
//!   back by an event that says so ([`event::Event::Retract`]).
//! - The same seed gives the same text whatever the batch, and whether anyone watches. Kernels for
//!   GPUs round sums by the number of rows: there a batch can turn a draw that is as good as a tie.
//!
//! # What this crate does not provide
//! Training, models of other kinds, an async runtime, a server.
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

mod error;
pub mod eval;
pub mod event;
pub mod gpu;
pub mod hub;
pub mod model;
pub mod sample;
pub mod text;

pub use error::{Advice, Error, Fault, Result};
pub use wgpu;

/// The README's example is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
