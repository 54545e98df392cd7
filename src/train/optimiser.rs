//! The optimiser: clipping by the norm of all gradients, AdamW, and the moving average of the weights.
//! A step whose gradients are not finite changes nothing; that is decided on the device, so that
//! nothing waits for it.

use serde::{Deserialize, Serialize};

use crate::gpu::layout::{OUTCOME_WORDS, RATE_WORDS, square_chunks};
use crate::gpu::{Adam, Commands, DType, Gpu, Plan, Readback, Recorder, Sent, Tensor};
use crate::train::{Arena, Parameters};
use crate::{Error, Result};

/// How weights are changed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OptimiserOptions {
    /// Decay of the moving averages of the gradient and of its square.
    pub betas: [f64; 2],
    /// Added to the root of the second.
    pub epsilon: f64,
    /// Part of each weight that is taken away in a step of rate 1.
    pub weight_decay: f64,
    /// Largest norm of all gradients together; those of a larger one are scaled down. None: no limit.
    pub max_norm: Option<f64>,
    /// Decay of the moving average of the weights; in step k it is at most (1 + k) / (10 + k).
    pub average_decay: f64,
}

impl Default for OptimiserOptions {
    /// The paper's.
    fn default() -> OptimiserOptions {
        OptimiserOptions {
            betas: [0.9, 0.999],
            epsilon: 1e-8,
            weight_decay: 0.0,
            max_norm: Some(1.0),
            average_decay: 0.9999,
        }
    }
}

impl OptimiserOptions {
    /// Fails for numbers out of range.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub fn check(&self) -> Result<()> {
        let is_decay = |x: f64| (0.0..1.0).contains(&x);
        let fault = if !self.betas.into_iter().all(is_decay) {
            Some(("betas are", format!("{:?}", self.betas), "0 to below 1"))
        } else if !is_decay(self.average_decay) {
            Some(("the decay of the average is", self.average_decay.to_string(), "0 to below 1"))
        } else if !(self.epsilon > 0.0 && self.epsilon.is_finite()) {
            Some(("epsilon is", self.epsilon.to_string(), "a number above 0"))
        } else if !(self.weight_decay >= 0.0 && self.weight_decay.is_finite()) {
            Some(("weight decay is", self.weight_decay.to_string(), "0 or more"))
        } else if self.max_norm.is_some_and(|norm| !(norm > 0.0 && norm.is_finite())) {
            Some(("the largest norm is", format!("{:?}", self.max_norm), "a number above 0"))
        } else {
            None
        };
        match fault {
            None => Ok(()),
            Some((what, got, wanted)) => {
                Err(Error::request(format!("{what} {got}, expected {wanted}")))
            }
        }
    }

    /// What step k, counted from 1, hands to its kernels.
    fn rates(&self, k: usize, rate: f64) -> [f32; RATE_WORDS] {
        let power = |beta: f64| 1.0 - beta.powf(k as f64);
        let [first, second] = self.betas.map(power);
        let decay = self.average_decay.min((1.0 + k as f64) / (10.0 + k as f64));
        let max_norm = self.max_norm.unwrap_or(f64::from(f32::MAX));
        let shrink = 1.0 - rate * self.weight_decay;
        let rates = [max_norm, rate / first, shrink, second.sqrt().recip(), 1.0 - decay];
        std::array::from_fn(|i| rates.get(i).map_or(0.0, |&rate| rate as f32))
    }
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Norm of all gradients before clipping; not finite if the step was skipped.
    pub norm: f32,
    /// False if it was skipped.
    pub is_taken: bool,
}

/// Numbers that are laid out like the parameters, a buffer for each arena.
pub type Buffers = Vec<Tensor>;

/// Moments and the moving average of parameters, and the plan of a step.
#[derive(Debug)]
pub struct Optimiser {
    gpu: Gpu,
    options: OptimiserOptions,
    first: Buffers,
    second: Buffers,
    average: Buffers,
    rates: Tensor,
    outcome: Tensor,
    plan: Plan,
    /// Two, so that an outcome can be read while the next step runs.
    stagings: [Readback; 2],
}

impl Optimiser {
    /// Makes room, and starts the moving average at the weights.
    ///
    /// # Errors
    /// [`Error::Request`] for options out of range, [`Error::OutOfMemory`], [`Error::Kernel`].
    pub fn new(parameters: &Parameters, options: OptimiserOptions) -> Result<Optimiser> {
        options.check()?;
        let (gpu, arenas) = (parameters.gpu(), parameters.arenas());
        let buffers = |label: &str| -> Result<Buffers> {
            let like =
                |arena: &Arena| Tensor::padded(gpu, label, arena.weights.shape(), DType::F32, 1);
            arenas.iter().map(like).collect()
        };
        let (first, second) = (buffers("first moments")?, buffers("second moments")?);
        let average = buffers("moving average")?;
        let rates = Tensor::padded(gpu, "rates", &[RATE_WORDS], DType::F32, 1)?;
        let outcome = Tensor::padded(gpu, "outcome", &[OUTCOME_WORDS], DType::F32, 1)?;
        let plan = record(arenas, [&first, &second, &average], [&rates, &outcome], options, gpu)?;
        let stagings = std::array::from_fn(|_| Readback::new(gpu, outcome.size_bytes()));
        let optimiser = Optimiser {
            gpu: gpu.clone(),
            options,
            first,
            second,
            average,
            rates,
            outcome,
            plan,
            stagings,
        };
        let mut commands = Commands::new(gpu);
        for (arena, average) in arenas.iter().zip(&optimiser.average) {
            commands.copy((&arena.weights, 0), average, arena.weights.size_bytes())?;
        }
        commands.submit();
        Ok(optimiser)
    }

    /// Takes a step with the gradients that are there, then sets them to zero. `k` counts steps from 1.
    ///
    /// # Errors
    /// [`Error::Shape`] never: all is in buffers.
    pub fn step(&self, parameters: &Parameters, k: usize, rate: f64) -> Result<SentOutcome> {
        self.rates.write(&self.gpu, &self.options.rates(k, rate))?;
        let mut commands = Commands::new(&self.gpu);
        commands.run(&self.plan);
        parameters.zero_gradients(&mut commands)?;
        let bytes = (OUTCOME_WORDS * DType::F32.bytes()) as u64;
        Ok(SentOutcome(commands.send(&self.outcome, bytes, &self.stagings[k % 2])?))
    }

    /// First moments, second moments and the moving average of the weights: what makes the next step,
    /// beside the weights.
    pub fn buffers(&self) -> [&Buffers; 3] {
        [&self.first, &self.second, &self.average]
    }

    /// The moving average of the weights.
    pub fn average(&self) -> &Buffers {
        &self.average
    }

    /// Bytes on the device.
    pub fn size_bytes(&self) -> u64 {
        self.buffers().into_iter().flatten().map(Tensor::size_bytes).sum()
    }
}

/// A step that was sent.
pub struct SentOutcome(Sent);

impl SentOutcome {
    /// Waits for the step.
    ///
    /// # Errors
    /// [`Error::DeviceLost`].
    pub async fn outcome(self) -> Result<Outcome> {
        let words: Vec<f32> = self.0.numbers().await?;
        let word = |i: usize| words.get(i).copied().unwrap_or(f32::NAN);
        Ok(Outcome { norm: word(0), is_taken: word(1) != 0.0 })
    }
}

fn record(
    arenas: &[Arena],
    [first, second, average]: [&Buffers; 3],
    [rates, outcome]: [&Tensor; 2],
    options: OptimiserOptions,
    gpu: &Gpu,
) -> Result<Plan> {
    /// Where a binding may begin, in numbers.
    const ALIGN: usize = 64;
    let chunks = |arena: &Arena| square_chunks(arena.gradients.dim(0)).next_multiple_of(ALIGN);
    let all: usize = arenas.iter().map(chunks).sum();
    let squares = Tensor::padded(gpu, "squares of gradients", &[all], DType::F32, 1)?;
    let mut r = Recorder::new(gpu);
    let mut at = 0;
    for arena in arenas {
        let count = square_chunks(arena.gradients.dim(0));
        r.gradient_squares(&arena.gradients, &squares.rows(at, count)?)?;
        at += chunks(arena);
    }
    r.gradient_clip(&squares, rates, outcome)?;
    for (i, Arena { weights, gradients }) in arenas.iter().enumerate() {
        let moments = [&first[i], &second[i]];
        let OptimiserOptions { betas, epsilon, .. } = options;
        r.adamw(Adam { gradients, rates, outcome, weights, moments, betas, epsilon })?;
        r.moving_average(weights, rates, outcome, &average[i])?;
    }
    r.finish()
}
