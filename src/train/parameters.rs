//! The parameters in training: every tensor of the checkpoint, nothing folded, each with its gradient.
//! They lie one behind the other in a few large buffers, so that what is done to each number alone, as
//! by an optimiser, is one dispatch for a buffer instead of one for a tensor.

use crate::gpu::{Commands, Gpu, Readback, Tensor};
use crate::model::{Axis, Checkpoint, Entry, Spec};
use crate::train::arena::{self, Arena};
use crate::{Error, Result};

/// A tensor of the checkpoint.
#[derive(Clone, Debug)]
pub struct Parameter {
    name: String,
    axes: Vec<Axis>,
    /// Index of its arena, and of its first number there.
    pub(super) place: (usize, usize),
    /// The numbers, padded: `[n]` or `[N, K]`.
    pub weight: Tensor,
    /// Their gradient, of the same shape.
    pub gradient: Tensor,
}

/// All tensors of a checkpoint, in its table's order.
#[derive(Debug)]
pub struct Parameters {
    gpu: Gpu,
    spec: Spec,
    list: Vec<Parameter>,
    arenas: Vec<Arena>,
}

impl Parameters {
    /// Uploads a checkpoint; gradients are zero.
    ///
    /// # Errors
    /// [`Error::Tensors`] for numbers that are not finite, [`Error::TooLarge`] for a tensor that the
    /// adapter cannot bind whole, [`Error::OutOfMemory`].
    pub fn new(gpu: &Gpu, checkpoint: &Checkpoint<'_>) -> Result<Parameters> {
        let spec = checkpoint.spec().clone();
        let entries = spec.table().into_iter().filter(|entry| entry.stored_shape().is_some());
        let entries: Vec<Entry> = entries.collect();
        let (arenas, places) = arena::make(gpu, &entries)?;
        let mut list = Vec::with_capacity(entries.len());
        for (entry, place) in entries.into_iter().zip(places) {
            let (arena, shape) = (&arenas[place.0], entry.held_shape());
            let part = |numbers: &Tensor| numbers.part(&entry.name, place.1, &shape);
            let (weight, gradient) = (part(&arena.weights)?, part(&arena.gradients)?);
            let Entry { name, axes, .. } = entry;
            let parameter = Parameter { name, axes, place, weight, gradient };
            parameter.write(gpu, &checkpoint.tensor(&parameter.name)?)?;
            list.push(parameter);
        }
        gpu.check()?;
        Ok(Parameters { gpu: gpu.clone(), spec, list, arenas })
    }

    /// The device that they are on.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// The network.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// All of them, in the table's order.
    pub fn list(&self) -> &[Parameter] {
        &self.list
    }

    /// The buffers that they lie in.
    pub fn arenas(&self) -> &[Arena] {
        &self.arenas
    }

    /// Numbers in all, without padding.
    pub fn count(&self) -> usize {
        self.list.iter().map(|parameter| parameter.shape().iter().product::<usize>()).sum()
    }

    /// One of them, by its name without prefixes.
    ///
    /// # Errors
    /// [`Error::Internal`] if there is none.
    pub fn get(&self, name: &str) -> Result<&Parameter> {
        let missing = || Error::internal(format!("{name} is no parameter"));
        self.list.iter().find(|parameter| parameter.name == name).ok_or_else(missing)
    }

    /// Appends commands that set all gradients to zero.
    ///
    /// # Errors
    /// [`Error::Shape`] never: gradients are in buffers.
    pub fn zero_gradients(&self, commands: &mut Commands) -> Result<()> {
        self.arenas.iter().try_for_each(|arena| commands.clear(&arena.gradients))
    }

    /// Waits until everything that was sent to the device is done.
    ///
    /// # Errors
    /// [`Error::DeviceLost`].
    pub async fn finish(&self) -> Result<()> {
        let Some(arena) = self.arenas.first() else { return Ok(()) };
        let (commands, staging) = (Commands::new(&self.gpu), Readback::new(&self.gpu, 16));
        commands.read::<f32>(&arena.gradients, 4, &staging).await.map(drop)
    }

    /// The weights of every parameter as a checkpoint has them, in the order of [`Parameters::list`].
    ///
    /// # Errors
    /// [`Error::DeviceLost`].
    pub async fn read_weights(&self) -> Result<Vec<Vec<f32>>> {
        self.read(self.arenas.iter().map(|arena| &arena.weights)).await
    }

    /// The gradient of every parameter as a checkpoint would have it, in the order of
    /// [`Parameters::list`].
    ///
    /// # Errors
    /// [`Error::DeviceLost`].
    pub async fn read_gradients(&self) -> Result<Vec<Vec<f32>>> {
        self.read(self.arenas.iter().map(|arena| &arena.gradients)).await
    }

    /// As [`Parameters::read_weights`], from buffers that are laid out like the arenas, such as those of
    /// an optimiser.
    ///
    /// # Errors
    /// [`Error::DeviceLost`]; [`Error::Shape`] if a buffer is missing or too short.
    pub async fn read(&self, buffers: impl Iterator<Item = &Tensor>) -> Result<Vec<Vec<f32>>> {
        let mut held = Vec::with_capacity(self.arenas.len());
        for buffer in buffers {
            let count = buffer.shape().iter().product::<usize>();
            let staging = Readback::new(&self.gpu, buffer.size_bytes());
            held.push(Commands::new(&self.gpu).read::<f32>(buffer, count, &staging).await?);
        }
        let numbers = |parameter: &Parameter| {
            let (arena, at) = parameter.place;
            let held = held.get(arena).and_then(|held| held.get(at..at + parameter.held_count()));
            held.map(|held| stored(&parameter.axes, held)).ok_or_else(|| parameter.misfit(0))
        };
        self.list.iter().map(numbers).collect()
    }

    /// Overwrites buffers that are laid out like the arenas with the numbers of every parameter, as
    /// [`Parameters::read`] gives them.
    ///
    /// # Errors
    /// [`Error::Shape`] for another count of numbers, or if a buffer is missing or too short.
    pub fn write(&self, buffers: &[&Tensor], numbers: &[Vec<f32>]) -> Result<()> {
        if numbers.len() != self.list.len() {
            let (what, wanted) = ("parameters".into(), vec![self.list.len()]);
            return Err(Error::Shape { what, got: vec![numbers.len()], wanted });
        }
        for (parameter, numbers) in self.list.iter().zip(numbers) {
            let (arena, at) = parameter.place;
            let buffer = buffers.get(arena).ok_or_else(|| parameter.misfit(0))?;
            let part = buffer.part(&parameter.name, at, parameter.weight.shape())?;
            part.write(&self.gpu, &parameter.held(numbers)?)?;
        }
        Ok(())
    }
}

impl Parameter {
    /// Its name in the checkpoint, without the prefix of all names.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its shape in the checkpoint.
    pub fn shape(&self) -> Vec<usize> {
        self.axes.iter().map(|axis| axis.count()).collect()
    }

    /// Its numbers in buffers that are laid out like the arenas, with zeros up to a multiple of 4.
    ///
    /// # Errors
    /// [`Error::Shape`] if a buffer is missing or too short.
    pub fn flat(&self, buffers: &[Tensor]) -> Result<Tensor> {
        let (arena, at) = self.place;
        let buffer = buffers.get(arena).ok_or_else(|| self.misfit(0))?;
        buffer.part(&self.name, at, &[self.held_count().next_multiple_of(4)])
    }

    /// Overwrites its weights with a checkpoint's numbers.
    ///
    /// # Errors
    /// [`Error::Shape`] for another count of numbers.
    pub fn write(&self, gpu: &Gpu, numbers: &[f32]) -> Result<()> {
        self.weight.write(gpu, &self.held(numbers)?)
    }

    fn held(&self, numbers: &[f32]) -> Result<Vec<f32>> {
        if numbers.len() != self.shape().iter().product::<usize>() {
            return Err(self.misfit(numbers.len()));
        }
        let mut held = vec![0.0; self.held_count()];
        match self.axes[..] {
            [n, k] => {
                let mut rows = vec![0.0; n.count() * k.held()];
                for (row, held) in numbers.chunks(k.count()).zip(rows.chunks_mut(k.held())) {
                    k.spread(row, held);
                }
                for (i, held) in held.chunks_mut(k.held()).enumerate() {
                    if let Some(row) = n.stored(i) {
                        held.copy_from_slice(&rows[row * k.held()..(row + 1) * k.held()]);
                    }
                }
            }
            [n] => n.spread(numbers, &mut held),
            _ => {}
        }
        Ok(held)
    }

    fn misfit(&self, got: usize) -> Error {
        Error::Shape { what: self.name.clone(), got: vec![got], wanted: self.shape() }
    }

    fn held_count(&self) -> usize {
        self.axes.iter().map(|axis| axis.held()).product()
    }
}

/// Numbers without their padding.
fn stored(axes: &[Axis], held: &[f32]) -> Vec<f32> {
    let kept = |axis: Axis, held: &[f32]| -> Vec<f32> {
        let is_kept = |&(i, _): &(usize, &f32)| axis.stored(i).is_some();
        held.iter().enumerate().filter(is_kept).map(|(_, &x)| x).collect()
    };
    match *axes {
        [n, k] => {
            let rows = held.chunks(k.held()).enumerate().filter(|&(i, _)| n.stored(i).is_some());
            rows.flat_map(|(_, row)| kept(k, row)).collect()
        }
        [n] => kept(n, held),
        _ => Vec::new(),
    }
}
