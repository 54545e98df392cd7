//! A page cannot train.

use std::io;
use std::sync::Arc;

use bdlm::{Error, Result};

use crate::engine::train::notice::TrainNotice;
use crate::engine::train::order::{Begin, Prepare, TrainOrder, TrainStream};

impl TrainOrder {
    /// Fails.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub fn begin(self, _progress: Prepare<'_>) -> Result<Option<Box<dyn TrainStream>>> {
        Err(Error::request("a page cannot train: use the program for computers"))
    }
}

/// There is none.
pub enum TrainThread {}

impl TrainThread {
    /// Fails.
    ///
    /// # Errors
    /// Always.
    pub fn spawn(
        _order: TrainOrder,
        _begin: Arc<Begin>,
        _wake: impl Fn() + Send + Sync + 'static,
    ) -> io::Result<TrainThread> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Never called.
    pub fn pause(&self) {
        match *self {}
    }

    /// Never called.
    pub fn go_on(&self) {
        match *self {}
    }

    /// Never called.
    pub fn stop(&self) {
        match *self {}
    }

    /// Never called.
    pub fn try_recv(&self) -> Option<TrainNotice> {
        match *self {}
    }

    /// Never called.
    pub fn has_ended(&self) -> bool {
        match *self {}
    }
}
