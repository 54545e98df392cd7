//! Tensors as files hold them: floats, or integers with scales, as this program writes them.

use std::ops::Range;
use std::path::Path;

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};

use crate::gpu::DType;
use crate::gpu::layout::{PackedRow, packed_row};
use crate::model::Axis;
use crate::model::checkpoint::{pickle, zip};
use crate::text::mishap;
use crate::{Advice, Error, Fault, Result};

/// What the name of a matrix's scales ends with.
pub const SCALES: &str = ".scales";
/// What wrappers put before the names of a network's tensors.
const WRAPPERS: [&str; 6] =
    ["module.", "model.", "_orig_mod.", "backbone.", "transformer.", "network."];

/// A tensor in a file.
pub struct View<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    data: &'a [u8],
    /// Of integers: their scales.
    scales: Option<&'a [u8]>,
}

impl<'a> View<'a> {
    /// The format of its integers, if it is a matrix of integers with scales.
    pub fn packed(&self) -> Option<DType> {
        self.scales?;
        match self.dtype {
            Dtype::I8 => Some(DType::Q8),
            Dtype::U8 => Some(DType::Q4),
            _ => None,
        }
    }

    /// Takes the tensor of its scales.
    pub fn with_scales(&mut self, scales: &View<'a>) {
        self.scales = Some(scales.data);
    }

    /// Why it is not a tensor of floats of this shape, or of integers of these sides, if it is neither.
    pub fn misfit(&self, wanted: &[usize], sides: &[Axis]) -> Option<String> {
        let View { dtype, shape, scales, .. } = self;
        if let (Some(format), [n, k]) = (self.packed(), sides) {
            let row = packed_row(k.held(), format);
            let held = [n.count(), row.integer_bytes];
            if shape[..] != held {
                return Some(format!("has shape {shape:?}, expected {held:?} of integers"));
            }
            let bytes = scales.map_or(0, <[u8]>::len);
            let wanted = n.count() * row.scale_bytes;
            return (bytes != wanted)
                .then(|| format!("has {bytes} bytes of scales, expected {wanted}"));
        }
        if shape != wanted {
            return Some(format!("has shape {shape:?}, expected {wanted:?}"));
        }
        let is_float = matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16);
        (!is_float).then(|| format!("is {dtype:?}, expected F32, F16 or BF16"))
    }

    /// Appends some of its numbers; None if it has not so many.
    pub fn extend(&self, range: Range<usize>, to: &mut Vec<f32>) -> Option<()> {
        let size = if self.dtype == Dtype::F32 { 4 } else { 2 };
        let bytes = self.data.get(range.start * size..range.end * size)?;
        let halves = || bytes.as_chunks::<2>().0.iter();
        match self.dtype {
            Dtype::F16 => to.extend(halves().map(|&b| f16::from_le_bytes(b).to_f32())),
            Dtype::BF16 => to.extend(halves().map(|&b| bf16::from_le_bytes(b).to_f32())),
            _ => to.extend(bytes.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b))),
        }
        Some(())
    }

    /// Appends some numbers of a matrix of integers, counted without the padding of its rows; None if
    /// it has not so many.
    pub fn extend_packed(&self, range: Range<usize>, side: Axis, to: &mut Vec<f32>) -> Option<()> {
        let (format, scales) = (self.packed()?, self.scales?);
        let row = packed_row(side.held(), format);
        let PackedRow { integer_bytes, scale_bytes } = row;
        let (k, mut at) = (side.count(), range.start);
        let mut held = vec![0.0; side.held()];
        while at < range.end {
            let (n, from) = (at / k, at % k);
            let end = k.min(from + range.end - at);
            let integers = self.data.get(n * integer_bytes..(n + 1) * integer_bytes)?;
            let scales = scales.get(n * scale_bytes..(n + 1) * scale_bytes)?;
            row.unpack(format, integers, scales, &mut held);
            if side.is_whole() {
                to.extend_from_slice(&held[from..end]);
            } else {
                let stored = (0..held.len()).filter(|&i| side.stored(i).is_some());
                to.extend(stored.map(|i| held[i]).skip(from).take(end - from));
            }
            at += end - from;
        }
        Some(())
    }

    /// Shape and numbers of a matrix of floats.
    pub fn matrix(&self) -> Option<([usize; 2], Vec<f32>)> {
        let &[n, k] = &self.shape[..] else { return None };
        if self.misfit(&[n, k], &[]).is_some() {
            return None;
        }
        let mut numbers = Vec::with_capacity(n * k);
        self.extend(0..n * k, &mut numbers)?;
        Some(([n, k], numbers))
    }
}

/// The tensors of a file, by name: a safetensors file, or a pickle of PyTorch in its archive.
pub fn views<'a>(path: &Path, bytes: &'a [u8]) -> Result<Vec<(String, View<'a>)>> {
    if bytes.starts_with(b"PK\x03\x04") {
        return pickled(path, bytes).map_err(|words| Error::checkpoint(path, words));
    }
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| {
        let size = bytes.len();
        let cause = match mishap(bytes) {
            Some(what) => format!("it is {what}"),
            None => format!("not a whole safetensors file ({e}; {size} bytes)"),
        };
        Error::checkpoint(path, Fault::from(cause).advise(Advice::DownloadAgain))
    })?;
    let view = |(name, view): (String, safetensors::tensor::TensorView<'a>)| {
        let shape = view.shape().to_vec();
        (name, View { dtype: view.dtype(), shape, data: view.data(), scales: None })
    };
    Ok(tensors.tensors().into_iter().map(view).collect())
}

/// The tensors of a pickle. A file `layer.pt` holds those of that layer.
fn pickled<'a>(path: &Path, bytes: &'a [u8]) -> Result<Vec<(String, View<'a>)>, String> {
    let files = zip::files(bytes)?;
    let find = |end: &str| files.iter().find(|(name, _)| inner_name(name) == Some(end));
    if find("byteorder").is_some_and(|(_, order)| *order != b"little") {
        return Err("its numbers are not little-endian".into());
    }
    let (_, pickle) = find("data.pkl").ok_or("it is an archive, but none of PyTorch's")?;
    let is_layer = path.extension().is_some_and(|extension| extension == "pt");
    let layer = path.file_stem().filter(|_| is_layer).map(|stem| stem.to_string_lossy());
    let view = |stored: pickle::Stored| {
        let pickle::Stored { name, dtype, file, offset, shape } = stored;
        let lost = || format!("its tensor {name} reaches beyond its numbers");
        let (_, data) = find(&format!("data/{file}")).ok_or_else(lost)?;
        let count = shape.iter().try_fold(1usize, |all, &side| all.checked_mul(side));
        let size = dtype.bitsize() / 8;
        let end = count.and_then(|count| count.checked_add(offset)?.checked_mul(size));
        let data = data.get(offset.saturating_mul(size)..end.ok_or_else(lost)?).ok_or_else(lost)?;
        let name = match &layer {
            Some(layer) => format!("{layer}.{}", canonical(&name)),
            None => name,
        };
        Ok((name, View { dtype, shape, data, scales: None }))
    };
    pickle::tensors(pickle)?.into_iter().map(view).collect()
}

/// A file's name in an archive without the folder that all are in.
fn inner_name(name: &str) -> Option<&str> {
    name.split_once('/').map(|(_, inner)| inner)
}

/// The name without the prefixes that wrappers add, in any order.
pub fn canonical(name: &str) -> String {
    let name = name.replace("_orig_mod.", "");
    let mut bare = name.as_str();
    while let Some(rest) = WRAPPERS.iter().find_map(|wrapper| bare.strip_prefix(wrapper)) {
        bare = rest;
    }
    bare.to_string()
}
