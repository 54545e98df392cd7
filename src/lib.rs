pub mod gpu; pub mod model; mod error; pub use error::{Error,Result}; pub use wgpu;
