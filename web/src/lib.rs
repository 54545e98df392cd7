//! bdlm in a browser. Without features the engine for other pages: `load`, then `generate` as a stream of
//! events. With the feature `page`, the window of the desktop on a canvas. On other targets there is
//! nothing in it.
#![cfg(target_arch = "wasm32")]

#[cfg(not(feature = "page"))]
mod engine;
#[cfg(feature = "page")]
mod page;
#[cfg(not(feature = "page"))]
mod request;
