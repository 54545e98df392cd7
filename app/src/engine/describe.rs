//! A model and what is wrong with its kernels, in words.

use bdlm::measure::Verdict;
use bdlm::model::{Formats, Spec};

/// What a check has found wrong.
pub(super) fn sentence(verdict: &Verdict) -> String {
    let (kernels, wrong) = (verdict.kernels, verdict.wrong.join(", "));
    format!(
        "The {kernels} kernels compute wrong results here ({wrong}): plain ones are used, which are slower."
    )
}

/// How weights are held.
pub(super) fn weights(formats: Formats) -> String {
    match formats.layers == formats.tables {
        true => formats.layers.to_string(),
        false => format!("{}, embedding and head {}", formats.layers, formats.tables),
    }
}

/// The family and its size.
pub(super) fn shape(spec: &Spec) -> String {
    let (layers, width) = (spec.n_layers, spec.channels);
    let tensors = spec.tensors();
    let parameters: usize = tensors.iter().map(|(_, s)| s.iter().product::<usize>()).sum();
    let millions = parameters as f64 / 1e6;
    format!("{}, {layers} layers of {width}, {millions:.1} M parameters", spec.family())
}

/// The family, the objective, and what is exact.
pub(super) fn about(spec: &Spec) -> String {
    let objective = match (spec.is_diffusion(), spec.block_size(), spec.gives_scores()) {
        (false, ..) => {
            "An autoregressive model: trained to predict the next token. It writes token by token; \
             nothing is masked."
                .to_string()
        }
        (true, _, true) => {
            "A diffusion model trained by score entropy: it tells how much likelier each token is \
             than the mask. Its analytic sampler takes many small steps."
                .to_string()
        }
        (true, Some(size), _) => format!(
            "A block diffusion model: trained to guess the masked tokens of a block of {size}, given \
             all blocks before it."
        ),
        (true, None, _) => {
            "A masked diffusion model: trained to guess masked tokens anywhere in its window; it has \
             no blocks."
                .to_string()
        }
    };
    let exact = match spec.is_diffusion() && !spec.gives_scores() {
        true => {
            " Samplers that open one cell at a step, at random, draw exactly from its distribution; \
             the others are faster and change it."
        }
        false => " Its own sampler is the only one.",
    };
    objective + exact
}
