//! Files that the commands read: text, and tensors of tokens.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use bdlm::text::decode;
use safetensors::tensor::{Dtype, SafeTensors};

/// A path for messages.
pub fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// A file's bytes.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("{} cannot be read", shown(path)))
}

/// A file's text: UTF-8, or UTF-16 with a byte order mark.
pub fn read_text(path: &Path) -> Result<String> {
    let bytes = read(path)?;
    match decode(&bytes) {
        Ok(text) => Ok(text.into_owned()),
        Err(e) => bail!("{} is {e}", shown(path)),
    }
}

/// A safetensors file with tokens.
pub struct Input<'a> {
    path: &'a Path,
    tensors: SafeTensors<'a>,
}

impl<'a> Input<'a> {
    /// The tensors in a file's bytes; the path is for messages.
    pub fn new(path: &'a Path, bytes: &'a [u8]) -> Result<Input<'a>> {
        let tensors = SafeTensors::deserialize(bytes)
            .with_context(|| format!("{} is not a whole safetensors file", shown(path)))?;
        Ok(Input { path, tensors })
    }

    /// The tensor `ids`, which must be there.
    pub fn expect_ids(&self) -> Result<(Vec<u32>, [usize; 2])> {
        let ids = self.ids("ids")?;
        ids.with_context(|| format!("{} holds no `ids` [B, n] int64", shown(self.path)))
    }

    /// Tokens `[B, n]` and their shape.
    pub fn ids(&self, name: &str) -> Result<Option<(Vec<u32>, [usize; 2])>> {
        let Ok(view) = self.tensors.tensor(name) else { return Ok(None) };
        let (dtype, shape) = (view.dtype(), view.shape());
        let long = || view.data().as_chunks::<8>().0.iter().map(|&b| i64::from_le_bytes(b));
        let short = || view.data().as_chunks::<4>().0.iter().map(|&b| i32::from_le_bytes(b));
        let (&[b, n], numbers) = (match dtype {
            Dtype::I64 => (shape, long().collect::<Vec<i64>>()),
            Dtype::I32 => (shape, short().map(i64::from).collect()),
            _ => (&[][..], Vec::new()),
        }) else {
            bail!("{}: {name} is {dtype:?} {shape:?}, expected I64 [B, n]", shown(self.path));
        };
        let ids = numbers.into_iter().map(u32::try_from).collect::<Result<_, _>>();
        let ids = ids.with_context(|| {
            format!("{}: {name} holds a number that is not a token", shown(self.path))
        })?;
        Ok(Some((ids, [b, n])))
    }

    /// Noise levels, one for each of `count` sequences.
    pub fn sigma(&self, count: usize) -> Result<Option<Vec<f32>>> {
        self.numbers("sigma", &[count])
    }

    /// Numbers of a shape.
    pub fn numbers(&self, name: &str, wanted: &[usize]) -> Result<Option<Vec<f32>>> {
        let Ok(view) = self.tensors.tensor(name) else { return Ok(None) };
        if view.dtype() != Dtype::F32 || view.shape() != wanted {
            let (dtype, shape, path) = (view.dtype(), view.shape(), shown(self.path));
            bail!("{path}: {name} is {dtype:?} {shape:?}, expected F32 {wanted:?}");
        }
        let numbers = view.data().as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b));
        Ok(Some(numbers.collect()))
    }
}
