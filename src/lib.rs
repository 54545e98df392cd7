pub mod gpu; mod error; pub use error::{Error,Result}; pub use wgpu;
