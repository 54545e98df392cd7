//! Matrix units (cooperative matrices): which an adapter has, and whether they compute right.

use crate::gpu::{Commands, DType, Epilogue, Gpu, Readback, Recorder, Tensor, Weight};
use crate::{Error, Result};

/// What devices must be able to do for them.
pub(crate) const FEATURES: wgpu::Features =
    wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX.union(wgpu::Features::SHADER_F16);

/// Matrix units of an adapter: they multiply squares of f16, and sum in f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatrixUnits {
    /// Rows and columns of a square.
    pub size: u32,
    /// Lanes of a subgroup, which has one unit.
    pub lanes: u32,
}

impl MatrixUnits {
    /// Those of an adapter that the kernels can use.
    pub fn of(adapter: &wgpu::Adapter) -> Option<MatrixUnits> {
        let (info, limits) = (adapter.get_info(), adapter.limits());
        if !adapter.features().contains(FEATURES | wgpu::Features::SUBGROUP) {
            return None;
        }
        // Subgroups that Metal computes with have 32 lanes, whatever it says of others.
        let lanes = match (info.backend, info.subgroup_min_size, info.subgroup_max_size) {
            (wgpu::Backend::Metal, ..) => 32,
            (_, least, most) if least == most => least,
            _ => return None,
        };
        let listed = adapter.cooperative_matrix_properties();
        let is_listed = |size: u32| {
            listed.iter().any(|p| {
                [p.m_size, p.n_size, p.k_size] == [size; 3]
                    && p.ab_type == wgpu::CooperativeScalarType::F16
                    && p.cr_type == wgpu::CooperativeScalarType::F32
            })
        };
        let units = [16, 8].into_iter().map(|size| MatrixUnits { size, lanes });
        units.filter(|units| is_listed(units.size)).find(|units| {
            limits.max_compute_workgroup_storage_size >= units.workgroup_bytes()
                && limits.max_compute_invocations_per_workgroup >= 4 * units.lanes
        })
    }

    /// Memory of a workgroup of `matmul_cooperative`: two staged tiles and the sums.
    fn workgroup_bytes(self) -> u32 {
        let tile = 4 * self.size;
        2 * 2 * tile * (2 * self.size) + 4 * tile * tile
    }
}

/// Multiplies numbers whose products are exact, and compares: some drivers are known to list units
/// whose results are wrong.
///
/// # Errors
/// [`Error::NoDevice`] if a sum differs, [`Error::DeviceLost`], [`Error::Kernel`].
pub(crate) async fn check(gpu: &Gpu) -> Result<()> {
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
    commands.run(&r.finish()?);
    let staging = Readback::new(gpu, (m * n * size_of::<f32>()) as u64);
    let got = commands.read::<f32>(&y, m * n, &staging).await?;
    let dot = |i: usize| -> f32 {
        let (x, w) = (&x[i / n * k..][..k], &w[i % n * k..][..k]);
        x.iter().zip(w).map(|(x, w)| x * w).sum()
    };
    match got.iter().enumerate().find(|&(i, got)| *got != dot(i)) {
        None => Ok(()),
        Some((i, got)) => Err(Error::NoDevice {
            adapter: gpu.info().name.clone(),
            cause: format!(
                "its matrix units compute wrongly ({got} where {} is right): use other kernels",
                dot(i)
            ),
        }),
    }
}
