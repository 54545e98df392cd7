//! What watched runs tell of a cell beside its words: the rank of its drawn token, and the likeliest
//! tokens.

use crate::Result;
use crate::gpu::layout::likely_words;
use crate::gpu::{Commands, Recorder, Tensor};
use crate::sample::run::denoiser::Denoiser;
use crate::sample::run::stream::{Current, Run};

/// What a pass says of a cell beside its words, as the GPU left it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Likely<'a> {
    /// Rank of the drawn token, from 1; 0 where nothing was drawn.
    pub rank: u32,
    /// The likeliest tokens.
    pub top: &'a [CandidateWords],
}

impl Likely<'_> {
    /// Of a cell's words.
    pub fn of(words: &[u32]) -> Likely<'_> {
        match words.split_first() {
            Some((&rank, top)) if rank > 0 => {
                Likely { rank, top: bytemuck::try_cast_slice(top).unwrap_or_default() }
            }
            _ => Likely::default(),
        }
    }
}

/// A likely token as the GPU left it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct CandidateWords {
    /// The token.
    pub token: u32,
    /// Its probability.
    pub probability: f32,
}

impl Denoiser {
    /// Forgets those of the block before: a pass does not look at cells behind its window.
    pub(super) fn clear_likely(&self, cells: usize) -> Result<()> {
        match self.capacity.candidates {
            0 => Ok(()),
            count => {
                let none = vec![0u32; cells * likely_words(count)];
                self.buffers.likely.write(self.network.gpu(), &none)
            }
        }
    }

    /// Records what finds those of rows that were drawn, if they are asked for.
    pub(super) fn record_likely(
        &self,
        r: &mut Recorder<'_>,
        rows: (&Tensor, &Tensor),
        partials: &Tensor,
    ) -> Result<()> {
        match self.capacity.candidates {
            0 => Ok(()),
            count => {
                let likely = self.buffers.likely.rows(0, partials.dim(0))?;
                r.candidates(rows, partials, (self.vocabulary(), count), &likely)
            }
        }
    }

    /// Ranks and likeliest tokens of cells that were masked at the last step, `[cells, likely_words]`;
    /// zeros if none are asked for.
    ///
    /// # Errors
    /// [`crate::Error::DeviceLost`].
    pub async fn read_likely(&self, cells: usize) -> Result<Vec<u32>> {
        let count = cells * likely_words(self.capacity.candidates);
        if self.capacity.candidates == 0 {
            return Ok(vec![0; count]);
        }
        Commands::new(self.network.gpu()).read(&self.buffers.likely, count, &self.staging).await
    }
}

impl Run {
    /// Ranks and likeliest tokens of all current cells; none of those that the last pass left out.
    pub(super) async fn read_likely(&self, current: &Current, cells: usize) -> Result<Vec<u32>> {
        let Some(passed) = current.passed.clone() else {
            return self.denoiser.read_likely(cells).await;
        };
        let found = self.denoiser.read_likely(passed.len()).await?;
        let per_cell = likely_words(self.capacity.candidates);
        let mut all = vec![0; cells * per_cell];
        all[passed.start * per_cell..passed.end * per_cell].copy_from_slice(&found);
        Ok(all)
    }
}
