//! All checks, one after the other.

use std::ops::ControlFlow;

use crate::Result;
use crate::gpu::{Commands, Gpu, Readback, Recorder};
use crate::measure::self_test::case::{Case, KernelCheck};
use crate::measure::self_test::cases::CASES;

/// Checks the kernels of a device, until all were checked or `go_on` breaks. `go_on` is given how many
/// checks are done, and how many there are.
///
/// # Errors
/// [`crate::Error::DeviceLost`].
pub async fn check_kernels(
    gpu: &Gpu,
    go_on: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Vec<KernelCheck>> {
    let mut checks = Vec::new();
    for record in CASES {
        if go_on(checks.len(), CASES.len()).is_break() {
            break;
        }
        let mut recorder = Recorder::new(gpu);
        let case = record(&mut recorder)?;
        let plan = recorder.finish_async().await?;
        let mut commands = Commands::new(gpu);
        commands.run(&plan);
        let count = case.y.shape().iter().product();
        let staging = Readback::new(gpu, 4 * count as u64);
        let words: Vec<u32> = commands.read(&case.y, count, &staging).await?;
        let row = case.y.shape().last().copied().unwrap_or(1);
        let error = case.wanted.difference(&words, row);
        let Case { op, shape, allowed, .. } = case;
        checks.push(KernelCheck { op, kernels: plan.kernels().collect(), shape, error, allowed });
    }
    Ok(checks)
}
