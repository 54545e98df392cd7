//! Times work on a device that is awake: GPUs idle at a sixth of their clock, and take some tenths of
//! a second of load to leave it.

use crate::Result;
use crate::clock::Stopwatch;
use crate::gpu::{Commands, DType, Epilogue, Gpu, Plan, Readback, Recorder, Tensor, Weight};
use crate::measure::cases::numbers;
use crate::measure::spread::Spread;

/// How often a plan is timed.
const SAMPLES: usize = 7;
/// A GPU's work is repeated for as long in one submit, so that the submit itself counts for little.
const SUBMIT_MS: f64 = 5.0;
const MAX_REPEATS: f64 = 100.0;
/// Rows, inputs and outputs of the product that wakes a GPU.
const LOAD: usize = 1024;

/// What appends the work to time.
type Encode<'a> = &'a dyn Fn(&mut Commands) -> Result<()>;

/// Times plans, each after one run that is not timed.
pub(super) struct Timer<'g> {
    gpu: &'g Gpu,
    tensor: Tensor,
    staging: Readback,
    /// What wakes a GPU; software adapters do not sleep.
    load: Option<Plan>,
}

impl Timer<'_> {
    pub(super) fn new(gpu: &Gpu) -> Result<Timer<'_>> {
        let tensor = Tensor::padded(gpu, "timer", &[4], DType::F32, 1)?;
        let load = (!gpu.is_software()).then(|| load(gpu)).transpose()?;
        Ok(Timer { gpu, tensor, staging: Readback::new(gpu, 16), load })
    }

    /// Keeps a GPU busy for so long.
    ///
    /// # Errors
    /// [`crate::Error::DeviceLost`].
    pub(super) async fn wake(&self, secs: f64) -> Result<()> {
        let Some(load) = &self.load else { return Ok(()) };
        let begun = Stopwatch::start();
        while begun.secs() < secs {
            let mut commands = Commands::new(self.gpu);
            commands.run(load);
            self.wait(commands).await?;
        }
        Ok(())
    }

    /// Milliseconds of one of the `count` calls of a plan.
    ///
    /// # Errors
    /// [`crate::Error::DeviceLost`].
    pub(super) async fn time(&self, plan: &Plan, count: usize) -> Result<Spread> {
        let encode = |commands: &mut Commands| {
            commands.run(plan);
            Ok(())
        };
        self.time_encoded(count, &encode).await
    }

    /// Milliseconds of one of the `count` calls that `encode` appends.
    ///
    /// # Errors
    /// Those of `encode`, [`crate::Error::DeviceLost`].
    pub(super) async fn time_encoded(&self, count: usize, encode: Encode<'_>) -> Result<Spread> {
        self.wake(0.1).await?;
        let first_ms = self.run(1, encode).await?;
        let repeats = match self.load {
            Some(_) => (SUBMIT_MS / first_ms).clamp(1.0, MAX_REPEATS) as usize,
            None => 1,
        };
        let mut times = Vec::with_capacity(SAMPLES);
        for _ in 0..SAMPLES {
            times.push(self.run(repeats, encode).await? / (repeats * count) as f64);
        }
        Ok(Spread::of(&times))
    }

    async fn run(&self, repeats: usize, encode: Encode<'_>) -> Result<f64> {
        let mut commands = Commands::new(self.gpu);
        (0..repeats).try_for_each(|_| encode(&mut commands))?;
        self.wait(commands).await
    }

    /// Milliseconds from the submit to its end.
    async fn wait(&self, mut commands: Commands) -> Result<f64> {
        commands.seal();
        let begun = Stopwatch::start();
        commands.read::<f32>(&self.tensor, 4, &self.staging).await?;
        Ok(begun.secs() * 1e3)
    }
}

fn load(gpu: &Gpu) -> Result<Plan> {
    let x = Tensor::multiplied(gpu, "load", &[LOAD, LOAD])?;
    let w = Weight::upload(gpu, "load", [LOAD; 2], DType::F16, &numbers(LOAD * LOAD))?;
    let bias = Tensor::padded(gpu, "load", &[LOAD], DType::F32, 1)?;
    let y = Tensor::activation(gpu, "load", &[LOAD, LOAD])?;
    let mut r = Recorder::new(gpu);
    for _ in 0..16 {
        r.matmul(&x, &w, &bias, Epilogue::Store, &y)?;
    }
    r.finish()
}
