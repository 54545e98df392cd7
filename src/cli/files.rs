//! Files of the command line: tensors to read, and results that are written beside their place and
//! renamed when they are whole.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use safetensors::tensor::{Dtype, SafeTensors};
use tempfile::NamedTempFile;

/// A path for messages.
pub fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// A file's bytes.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("{} cannot be read", shown(path)))
}

/// A result that is not there yet: an unnamed file in the folder of its path.
pub struct Output {
    path: PathBuf,
    file: NamedTempFile,
}

impl Output {
    /// Fails where nothing can be written.
    pub fn create(path: &Path) -> Result<Output> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        if path.is_dir() {
            bail!("{} is a folder, expected a file to write", shown(path));
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(".bdlm-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
        let file = builder.tempfile_in(folder);
        let file = file.with_context(|| format!("{} cannot be written", shown(path)))?;
        Ok(Output { path: path.into(), file })
    }

    /// Writes all of it, then gives it its name.
    pub fn write(mut self, bytes: &[u8]) -> Result<()> {
        let failed = || format!("{} cannot be written", shown(&self.path));
        self.file.write_all(bytes).with_context(failed)?;
        self.file.as_file().sync_all().with_context(failed)?;
        self.file.persist(&self.path).map_err(|e| e.error).with_context(failed)?;
        Ok(())
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
        let (&[b, n], Dtype::I64) = (view.shape(), view.dtype()) else {
            let (dtype, shape) = (view.dtype(), view.shape());
            bail!("{}: {name} is {dtype:?} {shape:?}, expected I64 [B, n]", shown(self.path));
        };
        let id = |bytes: &[u8; 8]| u32::try_from(i64::from_le_bytes(*bytes));
        let ids = view.data().as_chunks::<8>().0.iter().map(id).collect::<Result<_, _>>();
        let ids = ids.with_context(|| {
            format!("{}: {name} holds a number that is not a token", shown(self.path))
        })?;
        Ok(Some((ids, [b, n])))
    }

    /// Noise levels, one for each of `count` sequences.
    pub fn sigma(&self, count: usize) -> Result<Option<Vec<f32>>> {
        let Ok(view) = self.tensors.tensor("sigma") else { return Ok(None) };
        if view.dtype() != Dtype::F32 || view.shape() != [count] {
            let (dtype, shape) = (view.dtype(), view.shape());
            bail!("{}: sigma is {dtype:?} {shape:?}, expected F32 [{count}]", shown(self.path));
        }
        let numbers = view.data().as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b));
        Ok(Some(numbers.collect()))
    }
}
