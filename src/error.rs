//! The one error type of the library. Messages are lower case and say what, what was found,
//! what was wanted and what to try; they never contain a backtrace or a Rust type name.

use std::path::PathBuf;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong in the library.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No adapter can run compute shaders.
    #[error(
        "no GPU adapter found: install a Vulkan, Metal or DX12 driver (on Debian without a GPU: `apt-get install mesa-vulkan-drivers`)"
    )]
    NoAdapter,

    /// The adapter asked for is not there.
    #[error("no adapter matches `{wanted}`; there are: {found}")]
    UnknownAdapter {
        /// Name or index that was asked for.
        wanted: String,
        /// The adapters of this machine, by index and name.
        found: String,
    },

    /// The adapter refused to give a device.
    #[error("adapter `{adapter}` gave no device: {cause}; try another one with --adapter")]
    NoDevice {
        /// Adapter's name.
        adapter: String,
        /// The driver's words.
        cause: String,
    },

    /// The device went away, or reported an error of its own, during work.
    #[error("the GPU device was lost: {0}; results so far are kept, load the model again to go on")]
    DeviceLost(String),

    /// A kernel's pipeline could not be built.
    #[error("kernel `{kernel}` does not build on this adapter: {cause}")]
    Kernel {
        /// The kernel's name.
        kernel: &'static str,
        /// Message of the shader compiler or validator.
        cause: String,
    },

    /// A buffer is larger than this adapter can hold or bind.
    #[error("{what} needs {got} bytes, this adapter's limit is {limit}; {advice}")]
    TooLarge {
        /// What the buffer is for.
        what: String,
        /// Bytes needed.
        got: u64,
        /// Bytes allowed.
        limit: u64,
        /// What to try.
        advice: &'static str,
    },

    /// The device has no memory left.
    #[error("out of GPU memory: {0}; try a smaller --batch, --length or --weights f16")]
    OutOfMemory(String),

    /// A tensor has the wrong shape.
    #[error("{what} has shape {got:?}, expected {wanted:?}")]
    Shape {
        /// The tensor.
        what: String,
        /// Its shape.
        got: Vec<usize>,
        /// The shape that fits.
        wanted: Vec<usize>,
    },

    /// `config.json` is missing a key or has a value that cannot be.
    #[error("config.json: {0}")]
    Config(String),

    /// A checkpoint file is damaged or is not what it says.
    #[error("{}: {cause}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },

    /// Tensors of a checkpoint that are missing, unexpected, misshapen or not finite.
    #[error("{} does not fit its config.json:{list}", path.display())]
    Tensors {
        /// The checkpoint.
        path: PathBuf,
        /// One line per tensor.
        list: String,
    },

    /// A file of texts is not what it should be.
    #[error("{}: {cause}", path.display())]
    Data {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },

    /// The tokenizer could not be read or used.
    #[error("tokenizer: {0}")]
    Tokenizer(String),

    /// A model's name leads nowhere.
    #[error("{0}")]
    UnknownModel(String),

    /// The hub could not give a file.
    #[error("{0}")]
    Hub(String),

    /// A request that cannot be met, such as a prompt longer than the length.
    #[error("{0}")]
    Request(String),

    /// The network gave a number that is not one.
    #[error(
        "the network's logits are not finite at position {position} of sample {sample}: the checkpoint is damaged, or f16 weights overflow (try --weights f32)"
    )]
    NotFinite {
        /// Sample's index.
        sample: usize,
        /// Position in the sequence.
        position: usize,
    },

    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
}

impl Error {
    /// Wraps an I/O error with the path it happened at.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        move |source| Error::Io { path, source }
    }

    /// Wraps a message about a damaged file with its path.
    pub fn checkpoint(path: impl Into<PathBuf>, cause: impl ToString) -> Error {
        Error::Checkpoint { path: path.into(), cause: cause.to_string() }
    }

    /// Wraps a message about a file of texts with its path.
    pub fn data(path: impl Into<PathBuf>, cause: impl ToString) -> Error {
        Error::Data { path: path.into(), cause: cause.to_string() }
    }
}
