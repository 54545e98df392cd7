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

pub mod event; pub mod gpu; pub mod hub; pub mod model; pub mod sample; pub mod text; mod error; pub use error::{Error,Result}; pub use wgpu;
