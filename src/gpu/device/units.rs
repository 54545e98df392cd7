//! Matrix units (cooperative matrices): which ones an adapter has.

/// Features that a device needs for them.
pub(crate) const FEATURES: wgpu::Features =
    wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX.union(wgpu::Features::SHADER_F16);

/// Most subgroups of a workgroup of `matmul_cooperative`.
const SUBGROUPS: u32 = 4;

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
                && limits.max_compute_invocations_per_workgroup >= SUBGROUPS * units.lanes
        })
    }

    /// Memory of the largest workgroup of `matmul_cooperative`: two staged tiles, of 4 and of 8 squares
    /// below one another, and two squares of sums for each subgroup.
    fn workgroup_bytes(self) -> u32 {
        let staged_row = 2 * (2 * self.size + 8);
        (4 + 8) * self.size * staged_row + SUBGROUPS * 4 * 2 * self.size * self.size
    }
}
