//! Which samplers a model takes: the one place where samplers meet objectives.

use crate::model::{Draw, Grid, Objective, Spec};
use crate::sample::steps::kind::SamplerKind;
use crate::sample::steps::numbers::SamplerNumbers;
use crate::sample::steps::rule::Rule;
use crate::sample::steps::sampler::{Nucleus, Sampler, Sampling};
use crate::sample::steps::simplex::Simplex;
use crate::{Error, Result};

impl SamplerKind {
    /// The sampler that a model is published with.
    pub fn of_model(spec: &Spec) -> SamplerKind {
        match (spec.objective, spec.grid, spec.logit_shift) {
            (Objective::Simplex { .. }, ..) => SamplerKind::Simplex,
            _ if !spec.mask_counts() => SamplerKind::FirstHitting,
            (Objective::Block { .. }, _, 1..) => SamplerKind::FastDllmV2,
            (Objective::Block { .. } | Objective::Masked, Grid::Prompt, 0) => {
                SamplerKind::Bd3lmSteps
            }
            (Objective::Block { .. }, _, 0) => SamplerKind::SdarDynamic,
            _ => SamplerKind::FirstHitting,
        }
    }
}

impl SamplerNumbers {
    /// These numbers of a sampler, with those that a model is published with where none is given.
    #[must_use]
    pub fn of_model(self, kind: SamplerKind, spec: &Spec) -> SamplerNumbers {
        /// Of dLLM's script for models of whole answers.
        const SUB_BLOCK: usize = 32;
        let is_whole = (kind, spec.objective) == (SamplerKind::Bd3lmSteps, Objective::Masked);
        let sub_block = self.sub_block.or(is_whole.then_some(SUB_BLOCK));
        SamplerNumbers { sub_block, ..self }
    }
}

impl Sampling {
    /// How a model is published to be sampled.
    pub fn of_model(spec: &Spec) -> Sampling {
        let kind = SamplerKind::of_model(spec);
        let whole = Draw::default();
        // Published samplers have defaults of their own, whatever the model's files say.
        let Draw { temperature, top_k, top_p } = match kind {
            SamplerKind::FastDllmV2 => Draw { temperature: 0.0, top_p: 0.95, ..whole },
            SamplerKind::Bd3lmSteps => Draw { temperature: 0.0, ..whole },
            SamplerKind::SdarDynamic => whole,
            SamplerKind::Simplex => Draw { top_p: 0.95, ..whole },
            _ => spec.draw,
        };
        let keeps = spec.mask_counts() || spec.has_simplex();
        let nucleus = if keeps { Nucleus::Crossing } else { Nucleus::Below };
        let numbers = SamplerNumbers::default().of_model(kind, spec);
        let sampler = kind.sampler(numbers, spec.block_size().unwrap_or(1));
        Sampling { sampler, temperature, top_k, top_p, nucleus }
    }

    /// The sampling that a model does: score entropy models are sampled analytically, in as many
    /// steps as there are cells unless their number is given; simplex models as they are published.
    #[must_use]
    pub fn for_model(self, spec: &Spec, n_cells: usize) -> Sampling {
        match (spec.objective, self.sampler) {
            (Objective::Score, Sampler::FirstHitting) => {
                Sampling { sampler: Sampler::Analytic { steps: n_cells }, ..self }
            }
            (Objective::Simplex { .. }, Sampler::FirstHitting) => {
                let sampler = Sampler::Simplex(Simplex::default());
                Sampling { sampler, nucleus: Nucleus::Crossing, ..self }
            }
            _ => self,
        }
    }

    /// The sampling of an answer of so many blocks, where steps are counted for all of it.
    #[must_use]
    pub fn of_answer(self, n_blocks: usize) -> Sampling {
        let sampler = match self.sampler {
            Sampler::Rule(rule) => {
                Sampler::Rule(Rule { quota: rule.quota.of_answer(n_blocks), ..rule })
            }
            other => other,
        };
        Sampling { sampler, ..self }
    }

    /// Fails for a sampler that the model does not take.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub fn check_model(&self, spec: &Spec) -> Result<()> {
        let (family, sampler) = (spec.family(), self.sampler);
        let refuse = |words: String| Err(Error::request(words));
        let is_analytic = matches!(sampler, Sampler::Analytic { .. });
        let is_simplex = matches!(sampler, Sampler::Simplex(_));
        match spec.objective {
            Objective::Autoregressive if sampler != Sampler::FirstHitting => refuse(format!(
                "this checkpoint is {family}: tokens come one by one, without a sampler"
            )),
            Objective::Score if sampler != Sampler::FirstHitting && !is_analytic => {
                refuse(format!("this checkpoint is {family}, expected the sampler `analytic`"))
            }
            Objective::Simplex { .. } if !is_simplex => {
                refuse(format!("this checkpoint is {family}, expected the sampler `simplex`"))
            }
            Objective::Simplex { .. } if self.temperature != 1.0 || self.top_k > 0 => {
                let (temperature, top_k) = (self.temperature, self.top_k);
                refuse(format!(
                    "temperature is {temperature} and top-k {top_k}, expected 1 and 0: the simplex \
                     sampler has neither; its greedy projection takes the likeliest tokens"
                ))
            }
            Objective::Block { .. } | Objective::Masked if is_simplex => refuse(format!(
                "this checkpoint is {family}; the simplex sampler is for simplex diffusion (SSD-LM)"
            )),
            Objective::Block { .. } | Objective::Masked if is_analytic => refuse(format!(
                "this checkpoint is {family}; the analytic sampler is for score entropy (SEDD)"
            )),
            _ => Ok(()),
        }
    }
}
