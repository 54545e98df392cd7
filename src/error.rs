//! The one error type of the library. Messages are lower case and say what, what was found and
//! what was wanted; they contain no backtrace and no Rust type name. What to try is data, an
//! [`Advice`]: a command line names a flag, a window a button.

use std::path::PathBuf;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong in the library.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No adapter can run compute shaders.
    #[error("no GPU adapter found")]
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
    #[error("adapter `{adapter}` gave no device: {cause}")]
    NoDevice {
        /// Adapter's name.
        adapter: String,
        /// The driver's words, or what the adapter lacks.
        cause: Fault,
    },

    /// The device went away, or reported an error of its own, during work.
    #[error("the GPU device was lost: {0}; results so far are kept")]
    DeviceLost(String),

    /// A kernel's pipeline could not be built.
    #[error("kernel `{kernel}` does not build on this adapter: {cause}")]
    Kernel {
        /// The kernel's name.
        kernel: &'static str,
        /// Message of the shader compiler or validator.
        cause: String,
    },

    /// A buffer, in bytes, or a dispatch, in workgroups, is larger than this adapter allows.
    #[error("{what} needs {got} {unit}, this adapter's limit is {limit}")]
    TooLarge {
        /// What it is for.
        what: String,
        /// What is needed.
        got: u64,
        /// What it is counted in, such as bytes.
        unit: &'static str,
        /// What is allowed.
        limit: u64,
    },

    /// The device has no memory left.
    #[error("out of GPU memory: {0}")]
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

    /// `config.json` lacks a key, or has an impossible value.
    #[error("config.json: {0}")]
    Config(Fault),

    /// A checkpoint file is damaged or is not what it says.
    #[error("{}: {cause}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: Fault,
    },

    /// Tensors of a checkpoint that are missing, unexpected, misshapen or not finite.
    #[error("{} does not fit its config.json:{list}", path.display())]
    Tensors {
        /// The checkpoint.
        path: PathBuf,
        /// One line per tensor.
        list: String,
        /// What to do about it.
        advice: Option<Advice>,
    },

    /// A file of texts is not what it should be.
    #[error("{}: {cause}", path.display())]
    Data {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: Fault,
    },

    /// The tokenizer could not be read or used.
    #[error("tokenizer: {0}")]
    Tokenizer(Fault),

    /// A chat template that cannot be read, or refuses a chat.
    #[error("chat template: {0}")]
    Chat(Fault),

    /// There is no model of this name.
    #[error("{0}")]
    UnknownModel(Fault),

    /// The hub could not give a file.
    #[error("{0}")]
    Hub(Fault),

    /// A request that cannot be met, such as a prompt longer than the length.
    #[error("{0}")]
    Request(Fault),

    /// The network computed a NaN or an infinity.
    #[error(
        "the network's logits are not finite at position {position} of sample {sample}: the checkpoint is damaged, or f16 weights overflow"
    )]
    NotFinite {
        /// Sample's index.
        sample: usize,
        /// Position in the sequence.
        position: usize,
    },

    /// Something that cannot happen, and did: a fault of this library.
    #[error("internal error: {0}; please report it")]
    Internal(String),

    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
}

/// What is wrong, and what to do about it where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong: what was found, what was wanted.
    pub cause: String,
    /// What to do about it.
    pub advice: Option<Advice>,
}

/// What to do about an error, for the program to say in its own terms: a flag, a button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advice {
    // The device.
    /// Install a driver.
    InstallDriver,
    /// Choose another adapter.
    ChooseAdapter,
    /// Choose other kernels.
    ChooseKernels,
    /// Load the model again.
    LoadAgain,
    /// Do without the times of kernels.
    DoNotProfile,

    // The model's files.
    /// Check the model's name.
    CheckName,
    /// Allow access to the hub, or download the files where it can be reached.
    GoOnline,
    /// Check the network and the hub's address.
    CheckNetwork,
    /// Give a token that may read the files.
    GiveToken,
    /// Give a file or folder on this machine.
    GiveLocalFile,
    /// Download the files again.
    DownloadAgain,
    /// Give a tokenizer's file.
    NameTokenizer,
    /// Give a chat template's file, or generate from a plain text.
    NameTemplate,
    /// Hold the weights in f32.
    HoldF32,
    /// Say which token masks.
    NameMask,
    /// Say how many tokens a block has.
    NameBlockSize,

    // A request.
    /// Ask for less at once: a smaller batch, a shorter text, weights of fewer bits.
    AskForLess,
    /// Ask for a longer text.
    LongerText,
    /// Compare logits: this checkpoint can be run, not sampled.
    ReadLogits,

    // An evaluation.
    /// Take smaller blocks, or reveal orders.
    SmallerBlocksOrOrders,
    /// Take a larger context, or smaller blocks.
    LargerContextOrSmallerBlocks,
    /// Take a smaller context.
    SmallerContext,
    /// Take noise draws.
    NoiseDraws,
    /// Insert no special tokens.
    NoSpecialTokens,
    /// Name the key or column that holds the text.
    NameTextKey,
}

impl Fault {
    /// Adds what to do.
    #[must_use]
    pub fn advise(self, advice: Advice) -> Fault {
        Fault { advice: Some(advice), ..self }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.cause)
    }
}

impl<T: Into<String>> From<T> for Fault {
    fn from(cause: T) -> Fault {
        Fault { cause: cause.into(), advice: None }
    }
}

impl Error {
    /// What to do about it, where that is known.
    pub fn advice(&self) -> Option<Advice> {
        match self {
            Error::NoAdapter => Some(Advice::InstallDriver),
            Error::NoDevice { cause, .. } => cause.advice.or(Some(Advice::ChooseAdapter)),
            Error::DeviceLost(_) => Some(Advice::LoadAgain),
            Error::Kernel { .. } => Some(Advice::ChooseKernels),
            Error::TooLarge { .. } | Error::OutOfMemory(_) => Some(Advice::AskForLess),
            Error::NotFinite { .. } => Some(Advice::HoldF32),
            Error::Tensors { advice, .. } => *advice,
            Error::Config(fault)
            | Error::Tokenizer(fault)
            | Error::Chat(fault)
            | Error::UnknownModel(fault)
            | Error::Hub(fault)
            | Error::Request(fault)
            | Error::Checkpoint { cause: fault, .. }
            | Error::Data { cause: fault, .. } => fault.advice,
            _ => None,
        }
    }

    /// A request that cannot be met.
    pub fn request(fault: impl Into<Fault>) -> Error {
        Error::Request(fault.into())
    }

    /// An impossible `config.json`.
    pub fn config(fault: impl Into<Fault>) -> Error {
        Error::Config(fault.into())
    }

    /// A tokenizer that cannot be read or used.
    pub fn tokenizer(fault: impl Into<Fault>) -> Error {
        Error::Tokenizer(fault.into())
    }

    /// A name of no model.
    pub fn unknown_model(fault: impl Into<Fault>) -> Error {
        Error::UnknownModel(fault.into())
    }

    /// A file that the hub could not give.
    pub fn hub(fault: impl Into<Fault>) -> Error {
        Error::Hub(fault.into())
    }

    /// Something that cannot happen, and did.
    pub fn internal(what: impl Into<String>) -> Error {
        Error::Internal(what.into())
    }

    /// Wraps an I/O error with the path it happened at.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        move |source| Error::Io { path, source }
    }

    /// Wraps a message about a damaged file with its path.
    pub fn checkpoint(path: impl Into<PathBuf>, cause: impl Into<Fault>) -> Error {
        Error::Checkpoint { path: path.into(), cause: cause.into() }
    }

    /// Wraps a message about a file of texts with its path.
    pub fn data(path: impl Into<PathBuf>, cause: impl Into<Fault>) -> Error {
        Error::Data { path: path.into(), cause: cause.into() }
    }
}
