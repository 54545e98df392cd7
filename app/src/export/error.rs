//! Why there is no picture, or no file.

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The device gave none.
    #[error("the picture could not be drawn: {0}; choose another adapter, or a smaller size")]
    Draw(String),
    /// The app has nothing to show.
    #[error("{0}")]
    App(String),
    /// No device.
    #[error(transparent)]
    Device(#[from] bdlm::Error),
    /// It could not be written.
    #[error("{path} cannot be written: {cause}")]
    Write {
        /// The file.
        path: String,
        /// What the system says.
        cause: String,
    },
}
