//! The number formats that a network's matrices are held in.

use serde::{Deserialize, Serialize};

use crate::gpu::DType;

/// The key of a `config.json` that names them.
pub const QUANTISATION: &str = "bdlm_formats";

/// How matrices are held on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Formats {
    /// Matrices of layers.
    pub layers: DType,
    /// The embedding and the head, which have a row for each token.
    pub tables: DType,
}

impl From<DType> for Formats {
    fn from(layers: DType) -> Formats {
        Formats { layers, tables: layers.of_tables() }
    }
}

impl Formats {
    /// Those of a checkpoint that this program wrote in integers, by its `config.json`.
    pub fn of_config(config: &[u8]) -> Option<Formats> {
        let config: serde_json::Value = serde_json::from_slice(config).ok()?;
        serde_json::from_value(config.get(QUANTISATION)?.clone()).ok()
    }
}
