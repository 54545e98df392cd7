//! Requests for a device, which end with a check of its matrix units: above the kernels, since the
//! check runs one.

use crate::gpu::device::{Chosen, Gpu, GpuOptions};
use crate::gpu::memory::{DType, Readback, Tensor, Weight};
use crate::gpu::ops::Epilogue;
use crate::gpu::plan::{Commands, Recorder};
#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::wait::block_on;
use crate::{Advice, Error, Fault, Result};

impl Gpu {
    /// Requests a device, blocking until the driver answers.
    ///
    /// # Errors
    /// [`Error::NoAdapter`], [`Error::UnknownAdapter`] or [`Error::NoDevice`]; [`Error::Request`] for
    /// a tuning that is out of range.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn request(options: &GpuOptions) -> Result<Gpu> {
        block_on(Gpu::request_async(options))
    }

    /// Requests a device.
    ///
    /// # Errors
    /// As `Gpu::request`.
    pub async fn request_async(options: &GpuOptions) -> Result<Gpu> {
        let chosen = Chosen::by(options).await?;
        match open(&chosen, options).await {
            // The kept choice is of another version, or for matrix units that compute wrongly now.
            Err(e) => match chosen.without_kept(options) {
                Some(suited) => open(&suited, options).await,
                None => Err(e),
            },
            gpu => gpu,
        }
    }
}

async fn open(chosen: &Chosen, options: &GpuOptions) -> Result<Gpu> {
    let gpu = chosen.open(options).await?;
    if gpu.units().is_some() {
        check_units(&gpu).await?;
    }
    Ok(gpu)
}

/// Multiplies numbers whose products are exact, and compares: some drivers list matrix units that
/// compute wrong results.
///
/// # Errors
/// [`Error::NoDevice`] if a sum differs, [`Error::DeviceLost`], [`Error::Kernel`].
async fn check_units(gpu: &Gpu) -> Result<()> {
    let [m, n, k] = [70, 96, 72];
    let number = |i: usize| (i * 37 % 23) as f32 - 11.0;
    let numbers = |count: usize| (0..count).map(number).collect::<Vec<f32>>();
    let (x, w) = (numbers(m * k), numbers(n * k));
    let weight = Weight::upload(gpu, "check", [n, k], DType::F16, &w)?;
    let rows = Tensor::multiplied(gpu, "check", &[m, k])?;
    rows.write(gpu, &x)?;
    let bias = Tensor::padded(gpu, "check", &[n], DType::F32, 1)?;
    let y = Tensor::activation(gpu, "check", &[m, n])?;
    let mut r = Recorder::new(gpu);
    r.matmul(&rows, &weight, &bias, Epilogue::Store, &y)?;
    let mut commands = Commands::new(gpu);
    commands.run(&r.finish_async().await?);
    let staging = Readback::new(gpu, (m * n * size_of::<f32>()) as u64);
    let got = commands.read::<f32>(&y, m * n, &staging).await?;
    let dot = |i: usize| -> f32 {
        let (x, w) = (&x[i / n * k..][..k], &w[i % n * k..][..k]);
        x.iter().zip(w).map(|(x, w)| x * w).sum()
    };
    let Some((i, got)) = got.iter().enumerate().find(|&(i, got)| *got != dot(i)) else {
        return Ok(());
    };
    let cause = format!("its matrix units compute wrongly ({got} where {} is right)", dot(i));
    let cause = Fault::from(cause).advise(Advice::ChooseKernels);
    Err(Error::NoDevice { adapter: gpu.info().name.clone(), cause })
}
