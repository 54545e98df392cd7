//! From a checkpoint's tensors to the device: read part by part, padded, folded, uploaded.

use std::cell::Cell;
use std::ops::Range;

use half::f16;

use crate::gpu::{DType, Gpu, Tensor, Weight, breathe};
use crate::model::{Axis, Checkpoint, Entry, Formats, Kind, Spec, Widths};
use crate::{Advice, Error, Result};

/// What loading needs at every tensor.
pub struct Loader<'a> {
    /// Where the tensors go.
    pub gpu: &'a Gpu,
    /// Where they come from.
    pub checkpoint: &'a Checkpoint<'a>,
    /// How matrices are held.
    pub formats: Formats,
    /// Sizes on the device.
    pub widths: Widths,
    held_bytes: Cell<u64>,
}

impl<'a> Loader<'a> {
    /// Nothing is loaded yet.
    pub fn new(gpu: &'a Gpu, checkpoint: &'a Checkpoint<'a>, formats: Formats) -> Loader<'a> {
        let widths = Widths::of(checkpoint.spec());
        Loader { gpu, checkpoint, formats, widths, held_bytes: Cell::new(0) }
    }

    /// The network.
    pub fn spec(&self) -> &Spec {
        self.checkpoint.spec()
    }

    /// Bytes that the device was asked for so far.
    pub fn held_bytes(&self) -> u64 {
        self.held_bytes.get()
    }

    /// A matrix of the table; row n is multiplied by `gate[n]`.
    ///
    /// # Errors
    /// [`Error::Tensors`] for numbers that are not finite or do not fit the format,
    /// [`Error::TooLarge`], [`Error::OutOfMemory`].
    pub fn matrix(&self, name: &str, gate: Option<&[f32]>) -> Result<Weight> {
        let rows = MatrixRows::new(self, name, gate)?;
        let shape = rows.sides.map(Axis::held);
        let dtype = rows.entry.dtype(self.formats);
        let weight =
            Weight::stream(self.gpu, name, shape, dtype, |range, to| rows.append(range, to))?;
        self.count(weight.size_bytes());
        Ok(weight)
    }

    /// A matrix of the table that holds the rows of several others, one after the other.
    ///
    /// # Errors
    /// As [`Loader::matrix`].
    pub fn joined(&self, name: &str, parts: &[String]) -> Result<Weight> {
        let parts: Vec<MatrixRows<'_>> =
            parts.iter().map(|part| MatrixRows::new(self, part, None)).collect::<Result<_>>()?;
        let [n, k] = MatrixRows::new(self, name, None)?.sides;
        let shape = [n.held(), k.held()];
        let dtype = self.checkpoint.entry(name)?.dtype(self.formats);
        let weight = Weight::stream(self.gpu, name, shape, dtype, |range, to| {
            let mut first = 0;
            for part in &parts {
                let count = part.sides[0].held();
                let from = range.start.max(first);
                let end = range.end.min(first + count);
                if from < end {
                    part.append(from - first..end - first, to)?;
                }
                first += count;
            }
            Ok(())
        })?;
        self.count(weight.size_bytes());
        Ok(weight)
    }

    /// A vector of the table, multiplied by the gate.
    ///
    /// # Errors
    /// As [`Loader::matrix`].
    pub fn vector(&self, name: &str, gate: Option<&[f32]>) -> Result<Tensor> {
        let mut numbers = self.checkpoint.tensor(name)?;
        if let Some(gate) = gate {
            numbers.iter_mut().zip(gate).for_each(|(x, gate)| *x *= gate);
        }
        let axis = self.axis(name)?;
        self.upload(name, &[axis.held()], axis, &numbers)
    }

    /// The numbers of several vectors, one after the other, as a tensor of the table: a vector, or
    /// `rows` of equal length.
    ///
    /// # Errors
    /// As [`Loader::matrix`].
    pub fn stacked(&self, name: &str, parts: &[String], rows: usize) -> Result<Tensor> {
        let mut numbers = Vec::new();
        for part in parts {
            numbers.extend(self.checkpoint.tensor(part)?);
        }
        let axis = self.axis(name)?;
        let held = axis.held();
        let shape = if rows == 1 { vec![held] } else { vec![rows, held / rows] };
        self.upload(name, &shape, axis, &numbers)
    }

    /// A row of computed numbers of the table, `[1, n]`.
    ///
    /// # Errors
    /// As [`Loader::matrix`].
    pub fn constants(&self, name: &str, numbers: &[f32]) -> Result<Tensor> {
        let axis = self.axis(name)?;
        self.upload(name, &[1, axis.held()], axis, numbers)
    }

    /// A matrix of the table that is computed: row by row, without padding.
    ///
    /// # Errors
    /// As [`Loader::matrix`].
    pub fn computed(&self, name: &str, numbers: &[f32]) -> Result<Weight> {
        let rows = MatrixRows::new(self, name, None)?;
        let [n, k] = rows.sides;
        let mut held = vec![0.0; n.held() * k.held()];
        for (row, held) in numbers.chunks(k.count()).zip(held.chunks_mut(k.held())) {
            k.spread(row, held);
        }
        let (shape, dtype) = ([n.held(), k.held()], rows.entry.dtype(self.formats));
        let weight = Weight::upload(self.gpu, name, shape, dtype, &held)?;
        self.count(weight.size_bytes());
        Ok(weight)
    }

    /// A vector of the table that is zeros.
    ///
    /// # Errors
    /// As [`Loader::matrix`].
    pub fn zeros(&self, name: &str) -> Result<Tensor> {
        let axis = self.axis(name)?;
        self.upload(name, &[axis.held()], axis, &[])
    }

    /// Loads every layer; `progress` is called with the number of layers done. Others have their turn
    /// between two layers.
    ///
    /// # Errors
    /// As `load`.
    pub async fn layers<L>(
        &self,
        progress: &mut dyn FnMut(usize),
        load: impl Fn(usize) -> Result<L>,
    ) -> Result<Vec<L>> {
        let count = self.spec().n_layers;
        let mut layers = Vec::with_capacity(count);
        for i in 0..count {
            progress(i);
            breathe().await;
            layers.push(load(i)?);
        }
        progress(count);
        Ok(layers)
    }

    fn upload(&self, name: &str, shape: &[usize], axis: Axis, numbers: &[f32]) -> Result<Tensor> {
        let mut held = vec![0.0; axis.held()];
        axis.spread(numbers, &mut held);
        let tensor = Tensor::from_slice(self.gpu, name, shape, DType::F32, &held)?;
        self.count(tensor.size_bytes());
        Ok(tensor)
    }

    fn axis(&self, name: &str) -> Result<Axis> {
        match self.checkpoint.entry(name)?.axes[..] {
            [axis] => Ok(axis),
            _ => Err(Error::internal(format!("{name} is not a vector"))),
        }
    }

    fn count(&self, bytes: u64) {
        self.held_bytes.set(self.held_bytes.get() + bytes);
    }

    /// Fails for a number that is infinite in the weights' format, after gating too.
    fn check_format(&self, entry: &Entry, numbers: &[f32]) -> Result<()> {
        let (most, format) = match entry.dtype(self.formats) {
            DType::F16 => (f32::from(f16::MAX), "f16"),
            DType::Q4 => (f32::from(f16::MAX), "q4"),
            _ => (f32::MAX, "f32"),
        };
        match numbers.iter().find(|x| x.abs() > most) {
            Some(x) => {
                let words = format!("holds {x}, too large for {format}");
                Err(self.checkpoint.fault(&entry.name, &words, Advice::HoldF32))
            }
            None => Ok(()),
        }
    }
}

/// Rows of a matrix as the device holds them.
struct MatrixRows<'a> {
    loader: &'a Loader<'a>,
    entry: &'a Entry,
    sides: [Axis; 2],
    gate: Option<&'a [f32]>,
}

impl<'a> MatrixRows<'a> {
    fn new(loader: &'a Loader<'a>, name: &str, gate: Option<&'a [f32]>) -> Result<MatrixRows<'a>> {
        let entry = loader.checkpoint.entry(name)?;
        let [n, k] = entry.axes[..] else {
            return Err(Error::internal(format!("{name} is not a matrix")));
        };
        Ok(MatrixRows { loader, entry, sides: [n, k], gate })
    }

    /// Appends some rows.
    fn append(&self, rows: Range<usize>, to: &mut Vec<f32>) -> Result<()> {
        let from = to.len();
        match self.entry.kind {
            Kind::Transposed if !self.loader.checkpoint.is_packed(&self.entry.name) => {
                self.append_columns(rows.clone(), to)?;
            }
            _ => self.append_stored(rows.clone(), to)?,
        }
        let [n, k] = self.sides;
        if let Some(gate) = self.gate {
            for (row, numbers) in rows.zip(to[from..].chunks_mut(k.held())) {
                let gate = n.stored(row).map_or(0.0, |n| gate[n]);
                numbers.iter_mut().for_each(|x| *x *= gate);
            }
        }
        self.loader.check_format(self.entry, &to[from..])
    }

    /// Rows that are stored as rows.
    fn append_stored(&self, rows: Range<usize>, to: &mut Vec<f32>) -> Result<()> {
        let ([n, k], name) = (self.sides, &self.entry.name);
        let checkpoint = self.loader.checkpoint;
        if n.is_whole() && k.is_whole() {
            return checkpoint.read(name, rows.start * k.count()..rows.end * k.count(), to);
        }
        let mut stored = Vec::with_capacity(k.count());
        for row in rows {
            let from = to.len();
            to.resize(from + k.held(), 0.0);
            if let Some(n) = n.stored(row) {
                stored.clear();
                checkpoint.read(name, n * k.count()..(n + 1) * k.count(), &mut stored)?;
                k.spread(&stored, &mut to[from..]);
            }
        }
        Ok(())
    }

    /// Rows that are stored as columns.
    fn append_columns(&self, rows: Range<usize>, to: &mut Vec<f32>) -> Result<()> {
        let [n, k] = self.sides;
        let from = to.len();
        to.resize(from + rows.len() * k.held(), 0.0);
        let places: Vec<(usize, usize)> =
            rows.clone().enumerate().filter_map(|(i, row)| Some((i, n.stored(row)?))).collect();
        let (Some(&(_, first)), Some(&(_, last))) = (places.first(), places.last()) else {
            return Ok(());
        };
        let mut stored = Vec::with_capacity(last + 1 - first);
        for column in 0..k.held() {
            let Some(at) = k.stored(column) else { continue };
            let at = at * n.count();
            stored.clear();
            let range = at + first..at + last + 1;
            self.loader.checkpoint.read(&self.entry.name, range, &mut stored)?;
            for &(row, n) in &places {
                to[from + row * k.held() + column] = stored[n - first];
            }
        }
        Ok(())
    }
}
