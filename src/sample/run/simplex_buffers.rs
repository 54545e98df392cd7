//! The tensors of cells that are distributions over the vocabulary.

use crate::Result;
use crate::gpu::layout::EIGHT;
use crate::gpu::{Commands, DType, KernelFamily, Planned, Tensor};
use crate::model::{Network, SimplexRows, Spec, Widths};
use crate::sample::run::capacity::Capacity;
use crate::sample::run::given_noise::GivenNoise;

/// Buffers of the current blocks' distributions.
pub struct SimplexBuffers {
    pub state: Tensor,     // [cells, V padded]: distributions before their softmax
    pub chosen: Tensor,    // [cells]: their tokens
    pub uniforms: Tensor,  // [cells]: where given
    probabilities: Tensor, // [cells, V padded]
    time: Tensor,          // [C]: of the pass
    times: Tensor,         // [steps, C]
    given: Option<Given>,
    /// Index of what makes the state that blocks begin with, among the steps.
    pub start: usize,
}

/// Noise of a block that is given.
struct Given {
    normals: Tensor,  // [steps, cells * V padded]
    uniforms: Tensor, // [steps, cells]
}

impl SimplexBuffers {
    /// Room for the given sizes, where cells are distributions.
    ///
    /// # Errors
    /// [`crate::Error::TooLarge`], [`crate::Error::OutOfMemory`].
    pub fn new(network: &Network, capacity: &Capacity) -> Result<Option<SimplexBuffers>> {
        let Some([all @ .., normals, given]) = table(network.spec(), capacity) else {
            return Ok(None);
        };
        let make = |planned: Planned<'_>| planned.make(network.gpu());
        let is_given = capacity.simplex.is_some_and(|of| of.given);
        let [state, chosen, uniforms, probabilities, time, times] = all.map(make);
        Ok(Some(SimplexBuffers {
            state: state?,
            chosen: chosen?,
            uniforms: uniforms?,
            probabilities: probabilities?,
            time: time?,
            times: times?,
            given: match is_given {
                true => Some(Given { normals: make(normals)?, uniforms: make(given)? }),
                false => None,
            },
            start: 0,
        }))
    }

    /// Bytes that [`SimplexBuffers::new`] takes.
    pub fn size_bytes(spec: &Spec, capacity: &Capacity, kernels: KernelFamily) -> u64 {
        let is_given = capacity.simplex.is_some_and(|of| of.given);
        let all = table(spec, capacity).map(Vec::from).unwrap_or_default();
        let held = all.iter().take(if is_given { 8 } else { 6 });
        held.map(|planned| planned.bytes(kernels)).sum()
    }

    /// Every tensor.
    pub fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        let SimplexBuffers { state, chosen, uniforms, probabilities, time, times, .. } = self;
        let given = self.given.iter().flat_map(|given| [&given.normals, &given.uniforms]);
        [state, chosen, uniforms, probabilities, time, times].into_iter().chain(given)
    }

    /// What the network reads of the first cells.
    ///
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn rows(&self, cells: usize) -> Result<SimplexRows> {
        let probabilities = self.probabilities.rows(0, cells)?;
        Ok(SimplexRows { probabilities, time: self.time.clone() })
    }

    /// Writes the noise levels of the steps to come, the last of which is that of the beginning.
    ///
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn write(&mut self, network: &Network, levels: &[f32]) -> Result<()> {
        self.start = levels.len().saturating_sub(1);
        match network.times(levels) {
            Some(vectors) => self.times.write(network.gpu(), &vectors),
            None => Ok(()),
        }
    }

    /// Writes the noise of a block.
    ///
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn give(&self, network: &Network, noise: &GivenNoise, block: usize) -> Result<()> {
        let Some(given) = &self.given else { return Ok(()) };
        let (cells, v) = (self.state.dim(0), network.spec().vocab_size);
        let steps = self.times.dim(0);
        let (normals, uniforms) = noise.of_block(block, steps, cells * v);
        let mut held = Vec::with_capacity(steps * cells * self.state.dim(1));
        for row in normals.chunks(v) {
            held.extend_from_slice(row);
            held.resize(held.len().next_multiple_of(self.state.dim(1)), 0.0);
        }
        given.normals.write(network.gpu(), &held)?;
        given.uniforms.write(network.gpu(), uniforms)
    }

    /// Makes a step's time that of the pass, and its noise that of the cells where it is given.
    ///
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn encode(&self, commands: &mut Commands, step: usize, cells: usize) -> Result<()> {
        let row = |tensor: &Tensor| (step * 4 * tensor.dim(1)) as u64;
        let bytes = (4 * self.times.dim(1)) as u64;
        commands.copy((&self.times, row(&self.times)), &self.time, bytes)?;
        let Some(Given { normals, uniforms }) = &self.given else { return Ok(()) };
        let bytes = (4 * cells * self.state.dim(1)) as u64;
        commands.copy((normals, row(normals)), &self.state, bytes)?;
        commands.copy((uniforms, row(uniforms)), &self.uniforms, (4 * cells) as u64)
    }
}

/// The tensors, in the order of [`SimplexBuffers`]; the last two where noise is given.
fn table(spec: &Spec, capacity: &Capacity) -> Option<[Planned<'static>; 8]> {
    capacity.simplex?;
    let (cells, columns, steps) = (capacity.cells(), spec.logits_columns(), capacity.steps);
    let (channels, held) =
        (Widths::of(spec).channels.held(), spec.vocab_size.next_multiple_of(EIGHT));
    let plain = |label, shape: &[usize]| Planned::plain(label, shape, DType::F32, 1);
    Some([
        Planned::activation("state", &[cells, columns]),
        Planned::words("chosen", &[cells]),
        Planned::activation("uniforms", &[cells]),
        Planned::multiplied("probabilities", &[cells, held]),
        plain("time", &[channels]),
        plain("times", &[steps, channels]),
        plain("given noise", &[steps, cells.saturating_mul(columns)]),
        plain("given uniforms", &[steps, cells]),
    ])
}
