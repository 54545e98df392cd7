//! The number formats that a network's matrices are held in.

use crate::gpu::DType;
use crate::model::{Entry, Kind};

/// How matrices are held on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// The format of a tensor; vectors are held in f32.
    pub fn of(self, entry: &Entry) -> DType {
        match entry.kind {
            Kind::Table => self.tables,
            Kind::Matrix | Kind::Transposed | Kind::Joined => self.layers,
            Kind::Vector | Kind::Folded | Kind::Constant => DType::F32,
        }
    }
}
