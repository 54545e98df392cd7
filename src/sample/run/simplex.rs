//! Steps of cells that are distributions over the vocabulary: what comes before and behind the network.

#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::block_on;
use crate::gpu::{Choice, Commands, Plan, Readback, Recorder, SimplexCells, Tensor};
use crate::sample::run::denoiser::Denoiser;
use crate::sample::run::given_noise::GivenNoise;
use crate::sample::run::pass_shape::{PassKind, PassShape};
use crate::sample::run::simplex_buffers::SimplexBuffers;
use crate::sample::run::stream::Run;
use crate::{Error, Result};

impl Run {
    /// The state of the current cells after the last step that was run, where they are distributions over
    /// the vocabulary: the logarithms of their probabilities, but for a constant each. None for others.
    ///
    /// # Shapes
    /// `[cells, V]`.
    /// # Errors
    /// [`Error::DeviceLost`].
    pub async fn simplex_async(&self) -> Result<Option<Vec<f32>>> {
        let Some(simplex) = &self.denoiser.buffers.simplex else { return Ok(None) };
        let (gpu, state) = (self.denoiser.network.gpu(), &simplex.state);
        let (columns, v) = (state.dim(1), self.task.spec.vocab_size);
        let count = state.dim(0) * columns;
        let staging = Readback::new(gpu, (4 * count) as u64);
        let numbers: Vec<f32> = Commands::new(gpu).read(state, count, &staging).await?;
        Ok(Some(numbers.chunks(columns).flat_map(|row| &row[..v]).copied().collect()))
    }

    /// As [`Run::simplex_async`], for programs that may block.
    ///
    /// # Errors
    /// As [`Run::simplex_async`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn simplex(&self) -> Result<Option<Vec<f32>>> {
        block_on(self.simplex_async())
    }
}

impl Denoiser {
    /// Gives the noise of the block that begins.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub(super) fn give(&self, noise: &GivenNoise, block: usize) -> Result<()> {
        match &self.buffers.simplex {
            Some(simplex) => simplex.give(&self.network, noise, block),
            None => Ok(()),
        }
    }

    /// Encodes what makes the state that blocks begin with, where cells are distributions.
    ///
    /// # Errors
    /// [`Error::Kernel`], [`Error::Shape`].
    pub(super) fn encode_start(&mut self, commands: &mut Commands, cells: usize) -> Result<()> {
        let Some(simplex) = &self.buffers.simplex else { return Ok(()) };
        let (step, steps) = (&self.buffers.step, &self.buffers.steps);
        let bytes = (4 * step.dim(0)) as u64;
        commands.copy((steps, simplex.start as u64 * bytes), step, bytes)?;
        simplex.encode(commands, simplex.start, cells)?;
        let shape = PassShape::start(cells);
        self.plan(shape)?;
        self.encode(commands, shape)
    }

    /// The plan of [`Denoiser::encode_start`]: noise alone.
    pub(super) fn record_start(&self, cells: usize) -> Result<Plan> {
        let mut r = Recorder::new(self.network.gpu());
        let simplex = self.simplex()?;
        // Of the logits nothing is read.
        let logits = &self.buffers.logits;
        let at_once = logits.dim(0);
        let noise = SimplexCells { choice: Choice::Drawn, ..self.simplex_cells(simplex, cells)? };
        let state = simplex.state.rows(0, cells)?;
        for from in (0..cells).step_by(at_once) {
            r.renoise(&logits.rows(0, at_once.min(cells - from))?, from, &noise, &state)?;
        }
        r.simplex(&state, self.network.spec().vocab_size, &simplex.rows(cells)?.probabilities)?;
        r.finish()
    }

    /// Records what becomes of the logits of the cells from `first` on: a clean state with new noise. At
    /// the last step the cells' tokens are theirs.
    pub(super) fn record_projection(
        &self,
        r: &mut Recorder<'_>,
        (logits, first): (&Tensor, usize),
        masked: &Tensor,
        (cells, kind): (usize, PassKind),
    ) -> Result<()> {
        let simplex = self.simplex()?;
        let of = self.simplex_cells(simplex, cells)?;
        if of.filtered {
            r.threshold(logits, masked, &self.buffers.step, self.vocabulary(), &of.limits)?;
        }
        if kind == PassKind::Last {
            self.record_draw(r, logits, (masked, cells), false)?;
        }
        r.pick(logits, first, &of, &simplex.uniforms.rows(0, cells)?)?;
        r.renoise(logits, first, &of, &simplex.state.rows(0, cells)?)
    }

    /// Records what comes behind the projection, where cells are distributions. Whether cells are then
    /// shown: always at the last step.
    pub(super) fn record_simplex(
        &self,
        r: &mut Recorder<'_>,
        cells: usize,
        kind: PassKind,
    ) -> Result<bool> {
        let Some(of) = self.capacity.simplex.filter(|_| kind != PassKind::Last) else {
            return Ok(true);
        };
        let simplex = self.simplex()?;
        let state = simplex.state.rows(0, cells)?;
        r.simplex(&state, self.network.spec().vocab_size, &simplex.rows(cells)?.probabilities)?;
        if of.watched {
            let masked = self.buffers.masked.rows(0, cells)?;
            self.record_draw(r, &state, (&masked, cells), false)?;
        }
        Ok(of.watched)
    }

    fn simplex(&self) -> Result<&SimplexBuffers> {
        let missing = || Error::internal("cells are no distributions");
        self.buffers.simplex.as_ref().ok_or_else(missing)
    }

    fn simplex_cells(&self, simplex: &SimplexBuffers, cells: usize) -> Result<SimplexCells> {
        let of =
            self.capacity.simplex.ok_or_else(|| Error::internal("cells are no distributions"))?;
        Ok(SimplexCells {
            keys: self.buffers.keys.rows(0, cells)?,
            limits: self.buffers.limits.rows(0, cells)?,
            chosen: simplex.chosen.rows(0, cells)?,
            step: self.buffers.step.clone(),
            choice: of.choice,
            filtered: self.capacity.filtered && of.choice != Choice::Likeliest,
            given: of.given,
            drawn_ids: self.capacity.drawn_ids,
        })
    }
}
