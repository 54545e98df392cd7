//! Number formats of tensors.

/// The format of a tensor's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DType {
    /// 32-bit floats.
    F32,
    /// 16-bit floats, two to a 32-bit word.
    F16,
    /// 8-bit integers with scales, weights only: see [`crate::gpu::Weight`].
    Q8,
    /// 4-bit integers with scales, weights only.
    Q4,
    /// 32-bit unsigned integers.
    U32,
}

impl std::fmt::Display for DType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            DType::F32 => "f32",
            DType::F16 => "f16",
            DType::Q8 => "q8",
            DType::Q4 => "q4",
            DType::U32 => "u32",
        })
    }
}

impl DType {
    /// The format of keys and values beside weights of this format.
    pub fn cached(self) -> DType {
        match self {
            DType::F32 => DType::F32,
            DType::F16 | DType::Q8 | DType::Q4 | DType::U32 => DType::F16,
        }
    }

    /// Bytes of one number. Tensors of weights count in bytes where a format has scales.
    pub fn bytes(self) -> usize {
        match self {
            DType::F32 | DType::U32 => 4,
            DType::F16 => 2,
            DType::Q8 | DType::Q4 => 1,
        }
    }

    /// The format of tables with a row for each token, beside layers in this format: those of four
    /// bits lose more in tables than they save.
    pub fn of_tables(self) -> DType {
        if self == DType::Q4 { DType::Q8 } else { self }
    }
}
