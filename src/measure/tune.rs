//! Which kernels are the fastest on an adapter: each choice is timed on a device of its own.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use serde::Serialize;

use crate::gpu::{DType, Gpu, GpuOptions, KernelFamily, Tile, Tuning};
use crate::measure::likelihood::LikelihoodTime;
use crate::measure::passes::Bench;
use crate::model::{Checkpoint, Network, Spec};
use crate::{Error, Result};

/// Kernels this many times slower than others at the smallest pass are not measured further.
const HOPELESS: f64 = 3.0;
/// Layers of the network that is timed, at most.
const MOST_LAYERS: usize = 4;
/// A choice must be this many times faster, or it is noise.
const GAIN: f64 = 1.03;

/// What to measure with.
#[derive(Clone, Debug)]
pub struct Tuner {
    /// The device; kernels that are named there are the only ones that are tried.
    pub options: GpuOptions,
    /// Shape of the network, of generated weights: time does not depend on them.
    pub spec: Spec,
    /// How weights are held.
    pub weights: DType,
    /// Passes to time of each kind, at least 1; the fastest counts.
    pub passes: usize,
    /// Try matrix units too: they round activations to f16.
    pub matrix_units: bool,
}

/// What was measured, and chosen.
#[derive(Clone, Debug)]
pub struct Tuned {
    /// The adapter.
    pub adapter: wgpu::AdapterInfo,
    /// What was tried, in order.
    pub candidates: Vec<Candidate>,
    /// The fastest.
    pub chosen: Tuning,
}

/// One choice and its times, the fastest of each kind.
#[derive(Clone, Debug, Serialize)]
pub struct Candidate {
    /// The choice.
    #[serde(flatten)]
    pub tuning: Tuning,
    /// Of each of [`Tuner::BLOCK_SIZES`], a denoising pass, then one that stores the block before as
    /// well; of the first alone if others are far faster.
    pub pass_ms: Vec<[f64; 2]>,
    /// One noise draw over the whole window.
    pub likelihood_secs: Option<f64>,
    /// Why it was not measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Called before each measurement with what is timed; it may break off.
type Progress<'a> = &'a mut dyn FnMut(Tuning) -> ControlFlow<()>;

impl Tuner {
    /// Block sizes of the passes that are timed: passes of 4, 8, 16, 32 and 64 rows.
    pub const BLOCK_SIZES: [usize; 3] = [4, 16, 32];

    /// Searches for the fastest choice. `progress` is called before each measurement; if it breaks,
    /// there is no result.
    ///
    /// # Errors
    /// Those of [`Gpu::request_async`], and [`Error::Request`] if nothing could be timed.
    pub async fn choose(&self, progress: Progress<'_>) -> Result<Option<Tuned>> {
        // The first device names the adapter, and fails where there is none.
        let gpu = Gpu::request_async(&self.options).await?;
        let (adapter, believed) = (gpu.info().clone(), gpu.kernels());
        drop(gpu);
        let mut search = Search { tuner: self, tried: Vec::new(), best: None };
        let families = self.families(believed).into_iter().map(Tuning::of).collect();
        if search.consider(families, Work::PassesAndLikelihood, progress).await?.is_break() {
            return Ok(None);
        }
        if search.found()?.kernels.is_for_gpus() {
            let choices: [(Variants, Work); 6] = [
                (tiles, Work::PassesAndLikelihood),
                (shares, Work::Passes),
                (few_rows, Work::Passes),
                (heights, Work::Passes),
                (lanes, Work::Passes),
                (norms, Work::Passes),
            ];
            for (variants, work) in choices {
                let variants = variants(search.found()?);
                if search.consider(variants, work, progress).await?.is_break() {
                    return Ok(None);
                }
            }
        }
        let chosen = search.found()?;
        Ok(Some(Tuned { adapter, candidates: search.tried, chosen }))
    }

    /// What to try, the kernels that are in use first: others may be hopeless beside them.
    fn families(&self, believed: KernelFamily) -> Vec<KernelFamily> {
        let mut families = vec![believed];
        if self.options.kernels.is_none() {
            families.extend([KernelFamily::Outer, KernelFamily::Workgroup, KernelFamily::Plain]);
            families.retain(|&kernels| kernels != KernelFamily::Cooperative);
            families.extend(self.matrix_units.then_some(KernelFamily::Cooperative));
        }
        let mut seen = HashSet::new();
        families.retain(|&kernels| seen.insert(kernels));
        families
    }

    /// A network on a device that computes as a tuning says.
    async fn network(&self, tuning: Tuning) -> Result<Arc<Network>> {
        let (kernels, tuning) = (Some(tuning.kernels), Some(tuning));
        let options = GpuOptions { kernels, tuning, ..self.options.clone() };
        let gpu = Gpu::request_async(&options).await?;
        // All layers of a kind take the same time: a few show it.
        let n_layers = self.spec.n_layers.min(MOST_LAYERS);
        let checkpoint = Checkpoint::random(&Spec { n_layers, ..self.spec.clone() }, 1);
        let silent = &mut |_: usize, _: usize| {};
        let network = Network::load_async(&gpu, &checkpoint, self.weights, silent).await?;
        Ok(Arc::new(network))
    }
}

/// Choices to try beside those found so far.
type Variants = fn(Tuning) -> Vec<Tuning>;

fn tiles(found: Tuning) -> Vec<Tuning> {
    [Tile::Small, Tile::Wide].map(|tile| Tuning { tile: Some(tile), ..found }).to_vec()
}

fn lanes(found: Tuning) -> Vec<Tuning> {
    [64, 256].map(|lanes| Tuning { lanes, ..found }).to_vec()
}

fn shares(found: Tuning) -> Vec<Tuning> {
    [1, 4, 8].map(|shares| Tuning { shares: Some(shares), ..found }).to_vec()
}

fn few_rows(found: Tuning) -> Vec<Tuning> {
    [16, 32].map(|few_rows| Tuning { few_rows, ..found }).to_vec()
}

fn heights(found: Tuning) -> Vec<Tuning> {
    vec![Tuning { height: 8, ..found }]
}

fn norms(found: Tuning) -> Vec<Tuning> {
    vec![Tuning { fused_norms: false, ..found }]
}

/// What is timed of a choice.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    Passes,
    PassesAndLikelihood,
}

/// A search for the fastest choice.
struct Search<'a> {
    tuner: &'a Tuner,
    tried: Vec<Candidate>,
    /// Index of the fastest so far.
    best: Option<usize>,
}

impl Search<'_> {
    fn best(&self) -> Option<&Candidate> {
        self.tried.get(self.best?)
    }

    /// The fastest choice.
    fn found(&self) -> Result<Tuning> {
        let errors = || self.tried.iter().find_map(|tried| tried.error.clone());
        self.best().map(|best| best.tuning).ok_or_else(|| {
            let cause = errors().unwrap_or_default();
            Error::request(format!("no kernels could be timed: {cause}"))
        })
    }

    /// Times choices, one after the other. What fails is not chosen.
    async fn consider(
        &mut self,
        tunings: Vec<Tuning>,
        work: Work,
        progress: Progress<'_>,
    ) -> Result<ControlFlow<()>> {
        for tuning in tunings {
            let found = match self.timed(tuning, work, progress).await {
                Ok(None) => return Ok(ControlFlow::Break(())),
                Ok(Some(found)) => found,
                Err(e) => {
                    let error = Some(match e {
                        // Another adapter would be no help.
                        Error::NoDevice { cause, .. } => cause.to_string(),
                        e => e.to_string(),
                    });
                    Candidate { tuning, pass_ms: Vec::new(), likelihood_secs: None, error }
                }
            };
            if found.is_whole() && self.best().is_none_or(|best| found.gain_over(best) > GAIN) {
                self.best = Some(self.tried.len());
            }
            self.tried.push(found);
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Times a choice; none if that was broken off.
    async fn timed(
        &self,
        tuning: Tuning,
        work: Work,
        progress: Progress<'_>,
    ) -> Result<Option<Candidate>> {
        let mut found =
            Candidate { tuning, pass_ms: Vec::new(), likelihood_secs: None, error: None };
        if progress(tuning).is_break() {
            return Ok(None);
        }
        let network = self.tuner.network(tuning).await?;
        let passes = self.tuner.passes;
        // Other choices of the same kernels are never that far behind.
        let other = self.best().filter(|best| best.tuning.kernels != tuning.kernels);
        if let Some(limit) = other.and_then(|best| best.pass_ms.first()) {
            let [first, ..] = Tuner::BLOCK_SIZES;
            let probe = fastest(&network, first, passes.min(3)).await?;
            if probe[0] > HOPELESS * limit[0] {
                found.pass_ms.push(probe);
                return Ok(Some(found));
            }
        }
        for block_size in Tuner::BLOCK_SIZES {
            if progress(tuning).is_break() {
                return Ok(None);
            }
            found.pass_ms.push(fastest(&network, block_size, passes).await?);
        }
        if work == Work::PassesAndLikelihood {
            let own = &mut |_: usize, _: usize| progress(tuning);
            let size = network.spec().block_size().unwrap_or(1);
            let Some(time) = LikelihoodTime::measure(&network, size, 1, own).await? else {
                return Ok(None);
            };
            found.likelihood_secs = Some(time.secs);
        }
        Ok(Some(found))
    }
}

/// Milliseconds of a denoising pass after half a window, and of one that stores a block as well.
async fn fastest(network: &Arc<Network>, block_size: usize, passes: usize) -> Result<[f64; 2]> {
    let context = network.spec().window / 2;
    let times = Bench { block_size, context, passes }.run(network).await?;
    Ok([times.pass_ms.min, times.fused_ms.min])
}

impl Candidate {
    fn is_whole(&self) -> bool {
        self.pass_ms.len() == Tuner::BLOCK_SIZES.len()
    }

    /// How many times faster it is: the geometric mean over what was measured of both.
    fn gain_over(&self, other: &Candidate) -> f64 {
        let times = |of: &Candidate| of.pass_ms.as_flattened().to_vec();
        let passes = times(other).into_iter().zip(times(self));
        let pairs = passes.chain(other.likelihood_secs.zip(self.likelihood_secs));
        let logarithms: Vec<f64> = pairs.map(|(other, own)| (other / own).ln()).collect();
        (logarithms.iter().sum::<f64>() / logarithms.len().max(1) as f64).exp()
    }
}
