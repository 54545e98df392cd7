//! Which samplers a model takes: the one place where samplers meet objectives.

use crate::model::{Objective, Spec};
use crate::sample::steps::rule::Rule;
use crate::sample::steps::sampler::{Sampler, Sampling};
use crate::{Error, Result};

impl Sampling {
    /// The sampling that a model does: score entropy models are sampled analytically, in as many
    /// steps as there are cells unless their number is given.
    #[must_use]
    pub fn for_model(self, spec: &Spec, n_cells: usize) -> Sampling {
        match (spec.objective, self.sampler) {
            (Objective::Score, Sampler::FirstHitting) => {
                Sampling { sampler: Sampler::Analytic { steps: n_cells }, ..self }
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
        match spec.objective {
            Objective::Autoregressive if sampler != Sampler::FirstHitting => refuse(format!(
                "this checkpoint is {family}: tokens come one by one, without a sampler"
            )),
            Objective::Score if sampler != Sampler::FirstHitting && !is_analytic => {
                refuse(format!("this checkpoint is {family}, expected the sampler `analytic`"))
            }
            Objective::Block { .. } | Objective::Masked if is_analytic => refuse(format!(
                "this checkpoint is {family}; the analytic sampler is for score entropy (SEDD)"
            )),
            _ => Ok(()),
        }
    }
}
