//! A checkpoint as one safetensors file, its matrices in integers with scales. It is written tensor by
//! tensor, so that it is never held whole.

use std::io::Write;

use serde_json::{Map, Value, json};

use crate::gpu::DType;
use crate::gpu::layout::packed_row;
use crate::model::checkpoint::read::Checkpoint;
use crate::model::checkpoint::view::SCALES;
use crate::model::{Entry, Formats, Kind};
use crate::{Error, Result};

/// Numbers that are read at a time.
const READ_NUMBERS: usize = 2 << 20;

impl Checkpoint<'_> {
    /// Writes a `model.safetensors` whose matrices are held in these formats, the other tensors in f32.
    /// `progress` is called with the tensors done and their number.
    ///
    /// # Errors
    /// [`Error::Request`] for formats without integers; [`Error::Io`] at `path`, where `to` writes; those
    /// of [`Checkpoint::read`].
    pub fn write_quantised(
        &self,
        formats: Formats,
        (path, to): (&std::path::Path, &mut dyn Write),
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<()> {
        let formats = check(formats)?;
        let stored: Vec<Entry> =
            self.spec().table().into_iter().filter(|e| e.stored_shape().is_some()).collect();
        let mut write = |bytes: &[u8]| to.write_all(bytes).map_err(Error::io(path));
        let header = self.header(&stored, formats).to_string();
        let padded = header.len().next_multiple_of(8);
        write(&(padded as u64).to_le_bytes())?;
        write(format!("{header:padded$}").as_bytes())?;
        for (i, entry) in stored.iter().enumerate() {
            progress(i, stored.len());
            match format(entry, formats) {
                Some(format) => {
                    let mut scales = Vec::new();
                    self.pack(entry, format, &mut scales, &mut write)?;
                    write(&scales)?;
                }
                None => {
                    let numbers = self.tensor(&entry.name)?;
                    write(&numbers.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())?;
                }
            }
        }
        progress(stored.len(), stored.len());
        Ok(())
    }

    /// Names, types and places of what is written.
    fn header(&self, stored: &[Entry], formats: Formats) -> Value {
        let (mut header, mut at) = (Map::new(), 0);
        header.insert("__metadata__".into(), json!({"format": "pt"}));
        let mut place = |name: String, dtype: &str, shape: &[usize], bytes: usize| {
            let place = json!({"dtype": dtype, "shape": shape, "data_offsets": [at, at + bytes]});
            header.insert(name, place);
            at += bytes;
        };
        for entry in stored {
            let name = self.spec().stored_name(&entry.name);
            match (format(entry, formats), &entry.axes[..]) {
                (Some(format), [n, k]) => {
                    let (rows, row) = (n.count(), packed_row(k.held(), format));
                    let (integers, scales, bytes) =
                        if format == DType::Q8 { ("I8", "F32", 4) } else { ("U8", "F16", 2) };
                    let shape = [rows, row.integer_bytes];
                    place(name.clone(), integers, &shape, rows * row.integer_bytes);
                    let shape = [rows, row.scale_bytes / bytes];
                    place(name + SCALES, scales, &shape, rows * row.scale_bytes);
                }
                _ => {
                    let shape = entry.stored_shape().unwrap_or_default();
                    place(name, "F32", &shape, 4 * shape.iter().product::<usize>());
                }
            }
        }
        Value::Object(header)
    }

    /// Writes the integers of a matrix, and collects its scales.
    fn pack(
        &self,
        entry: &Entry,
        format: DType,
        scales: &mut Vec<u8>,
        write: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let [n, k] = entry.axes[..] else {
            return Err(Error::internal(format!("{} is not a matrix", entry.name)));
        };
        let row = packed_row(k.held(), format);
        if entry.kind == Kind::Transposed {
            let numbers = self.tensor(&entry.name)?;
            let mut integers = Vec::new();
            for i in 0..n.count() {
                let stored: Vec<f32> = numbers.iter().skip(i).step_by(n.count()).copied().collect();
                let mut held = vec![0.0; k.held()];
                k.spread(&stored, &mut held);
                row.pack(format, &held, &mut integers, scales);
            }
            return write(&integers);
        }
        let at_once = (READ_NUMBERS / k.count()).max(1);
        let mut held = vec![0.0; k.held()];
        for first in (0..n.count()).step_by(at_once) {
            let end = n.count().min(first + at_once);
            let (mut numbers, mut integers) = (Vec::new(), Vec::new());
            self.read(&entry.name, first * k.count()..end * k.count(), &mut numbers)?;
            for stored in numbers.chunks(k.count()) {
                k.spread(stored, &mut held);
                row.pack(format, &held, &mut integers, scales);
            }
            write(&integers)?;
        }
        Ok(())
    }
}

/// The format of a tensor in integers, if it has one.
fn format(entry: &Entry, formats: Formats) -> Option<DType> {
    let is_held = !matches!(entry.kind, Kind::Vector | Kind::Folded | Kind::Constant);
    is_held.then(|| entry.dtype(formats))
}

fn check(formats: Formats) -> Result<Formats> {
    let Formats { layers, tables } = formats;
    let is_packed = |dtype| matches!(dtype, DType::Q8 | DType::Q4);
    if is_packed(layers) && is_packed(tables) {
        return Ok(formats);
    }
    Err(Error::request("a checkpoint is written in q8 or q4: other formats need no writing"))
}
