//! The one table of a network's tensors: name, shape, and how each is held. Checkpoints are checked
//! against it, loading allocates by it, and memory plans add it up.

use crate::gpu::{DType, KernelFamily, Planned};
use crate::model::{Axis, Formats};

/// A tensor of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name in the checkpoint, without the prefix of all names.
    pub name: String,
    /// Its sides.
    pub axes: Vec<Axis>,
    /// Where it comes from, and how it is held.
    pub kind: Kind,
}

/// Where a tensor comes from, and how it is held on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A matrix `[N, K]`, held in the layers' format.
    Matrix,
    /// A matrix with a row for each token, held in the tables' format.
    Table,
    /// A matrix that the checkpoint stores as `[K, N]`, held as `[N, K]`.
    Transposed,
    /// A matrix whose rows are those of several [`Kind::Part`].
    Joined,
    /// Rows of a joined matrix.
    Part,
    /// A vector, held in f32.
    Vector,
    /// Read at load and not held: others are computed from it.
    Folded,
    /// Computed at load, held in f32; the checkpoint has none.
    Constant,
}

impl Entry {
    /// A matrix `[N, K]`.
    pub fn matrix(name: impl Into<String>, [n, k]: [Axis; 2]) -> Entry {
        Entry { name: name.into(), axes: vec![n, k], kind: Kind::Matrix }
    }

    /// A matrix with a row for each token.
    pub fn table(name: impl Into<String>, axes: [Axis; 2]) -> Entry {
        Entry::matrix(name, axes).kind(Kind::Table)
    }

    /// A vector.
    pub fn vector(name: impl Into<String>, axis: Axis) -> Entry {
        Entry { name: name.into(), axes: vec![axis], kind: Kind::Vector }
    }

    /// Numbers that are computed at load.
    pub fn constant(name: impl Into<String>, axis: Axis) -> Entry {
        Entry { name: name.into(), axes: vec![axis], kind: Kind::Constant }
    }

    /// The same tensor, held in another way.
    #[must_use]
    pub fn kind(self, kind: Kind) -> Entry {
        Entry { kind, ..self }
    }

    /// How it is held on the device: vectors in f32.
    pub fn dtype(&self, formats: Formats) -> DType {
        match self.kind {
            Kind::Table => formats.tables,
            Kind::Matrix | Kind::Transposed | Kind::Joined | Kind::Part => formats.layers,
            Kind::Vector | Kind::Folded | Kind::Constant => DType::F32,
        }
    }

    /// Its shape in the checkpoint; none if that has no such tensor.
    pub fn stored_shape(&self) -> Option<Vec<usize>> {
        let lengths = self.axes.iter().map(|axis| axis.count());
        match self.kind {
            Kind::Matrix | Kind::Table | Kind::Part | Kind::Vector | Kind::Folded => {
                Some(lengths.collect())
            }
            Kind::Transposed => Some(lengths.rev().collect()),
            Kind::Joined | Kind::Constant => None,
        }
    }

    /// Its shape on the device.
    pub fn held_shape(&self) -> Vec<usize> {
        self.axes.iter().map(|axis| axis.held()).collect()
    }

    /// Bytes on the device.
    pub fn held_bytes(&self, formats: Formats, kernels: KernelFamily) -> u64 {
        let shape = self.held_shape();
        match (self.kind, &shape[..]) {
            (Kind::Folded | Kind::Part, _) => 0,
            (_, &[n, k]) => Planned::weight(&self.name, [n, k], self.dtype(formats)).bytes(kernels),
            _ => Planned::plain(&self.name, &shape, DType::F32, 1).bytes(kernels),
        }
    }
}
