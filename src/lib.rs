pub mod event; pub mod gpu; pub mod hub; pub mod model; pub mod sample; pub mod text; mod error; pub use error::{Error,Result}; pub use wgpu;
