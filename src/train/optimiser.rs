//! The optimiser: clipping by the norm of all gradients, AdamW, and the moving average of the weights.
//! A step whose gradients are not finite changes nothing; that is decided on the device, so that
//! nothing waits for it.

use serde::{Deserialize, Serialize};

use crate::gpu::layout::{OUTCOME_WORDS, RATE_WORDS, square_chunks};
use crate::gpu::{Adam, Commands, DType, Gpu, Pace, Plan, Readback, Recorder, Sent, Tensor};
use crate::train::muon::{MuonOptions, MuonRoom, MuonStep};
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
    /// Muon for the matrices of layers; AdamW for all if absent.
    pub muon: Option<MuonOptions>,
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
            muon: None,
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
            None => self.muon.map_or(Ok(()), |muon| muon.check()),
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
        let muon_rate = self.muon.map_or(0.0, |muon| muon.ratio * rate);
        let [shrink, muon_shrink] = [rate, muon_rate].map(|rate| 1.0 - rate * self.weight_decay);
        let root = second.sqrt().recip();
        let rates = [max_norm, rate / first, shrink, root, 1.0 - decay, muon_rate, muon_shrink];
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
        let moments = [&first, &second];
        let stepped =
            Stepped { parameters, moments, average: &average, rates: &rates, outcome: &outcome };
        let plan = stepped.record(options)?;
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
        // What a step costs is not measured: nobody waits for it.
        let most = Pace::new(self.gpu.is_software()).dispatches();
        commands.run_in_submits(&self.plan, most);
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

/// What the plan of a step reads and changes.
struct Stepped<'a> {
    parameters: &'a Parameters,
    /// First and second moments.
    moments: [&'a Buffers; 2],
    average: &'a Buffers,
    rates: &'a Tensor,
    outcome: &'a Tensor,
}

impl Stepped<'_> {
    fn record(&self, options: OptimiserOptions) -> Result<Plan> {
        let Stepped { rates, outcome, .. } = *self;
        let (gpu, arenas) = (self.parameters.gpu(), self.parameters.arenas());
        let mut r = Recorder::new(gpu);
        let squares = self.record_squares(&mut r)?;
        r.gradient_clip(&squares, rates, outcome)?;
        match options.muon {
            None => {
                for (i, Arena { weights, gradients }) in arenas.iter().enumerate() {
                    let moments = self.moments.map(|buffers| &buffers[i]);
                    r.adamw(self.adam([weights, gradients], moments, options))?;
                }
            }
            Some(muon) => self.record_each(&mut r, muon, options)?,
        }
        for (arena, average) in arenas.iter().zip(self.average) {
            r.moving_average(&arena.weights, rates, outcome, average)?;
        }
        r.finish()
    }

    /// Sums of squares of all gradients.
    fn record_squares(&self, r: &mut Recorder<'_>) -> Result<Tensor> {
        /// Where a binding may begin, in numbers.
        const ALIGN: usize = 64;
        let arenas = self.parameters.arenas();
        let chunks = |arena: &Arena| square_chunks(arena.gradients.dim(0));
        let all: usize = arenas.iter().map(|arena| chunks(arena).next_multiple_of(ALIGN)).sum();
        let label = "squares of gradients";
        let squares = Tensor::padded(self.parameters.gpu(), label, &[all], DType::F32, 1)?;
        let mut at = 0;
        for arena in arenas {
            r.gradient_squares(&arena.gradients, &squares.rows(at, chunks(arena))?)?;
            at += chunks(arena).next_multiple_of(ALIGN);
        }
        Ok(squares)
    }

    /// Each parameter by itself: Muon for some, AdamW for the others.
    fn record_each(
        &self,
        r: &mut Recorder<'_>,
        muon: MuonOptions,
        options: OptimiserOptions,
    ) -> Result<()> {
        let Stepped { parameters, moments: [first, second], rates, outcome, .. } = *self;
        let arenas = parameters.arenas();
        let weights: Vec<Tensor> = arenas.iter().map(|arena| arena.weights.clone()).collect();
        let gradients: Vec<Tensor> = arenas.iter().map(|arena| arena.gradients.clone()).collect();
        let mut rooms: Vec<MuonRoom> = Vec::new();
        for parameter in parameters.list() {
            if !MuonOptions::takes(parameter) {
                let [w, g] = [&weights, &gradients].map(|buffers| parameter.flat(buffers));
                let [m, v] = [first, second].map(|buffers| parameter.flat(buffers));
                r.adamw(self.adam([&w?, &g?], [&m?, &v?], options))?;
                continue;
            }
            let sides = [parameter.weight.dim(0), parameter.weight.dim(1)];
            if rooms.iter().all(|room| room.sides() != sides) {
                rooms.push(MuonRoom::new(parameters.gpu(), sides)?);
            }
            let step = MuonStep {
                gradient: &parameter.gradient,
                weight: &parameter.weight,
                momentum: &parameter.flat(first)?,
                rates,
                outcome,
            };
            if let Some(room) = rooms.iter().find(|room| room.sides() == sides) {
                room.record(r, muon, step)?;
            }
        }
        Ok(())
    }

    fn adam<'a>(
        &'a self,
        [weights, gradients]: [&'a Tensor; 2],
        moments: [&'a Tensor; 2],
        OptimiserOptions { betas, epsilon, .. }: OptimiserOptions,
    ) -> Adam<'a> {
        let Stepped { rates, outcome, .. } = *self;
        Adam { gradients, rates, outcome, weights, moments, betas, epsilon }
    }
}
