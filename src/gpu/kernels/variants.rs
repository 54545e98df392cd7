//! A kernel's source from its parts, and its variants by memory.

use crate::gpu::device::Memory;
use crate::gpu::plan::KernelSource;

/// `kernel!("stem", "variant": PART, ..)`: the kernel of that stem and its parts;
/// `kernel!(folder / "stem", ..)` where it is in another folder than `kernels`.
macro_rules! kernel {
    ($folder:ident / $stem:literal $(, $variant:literal)?: $($part:ident),*) => {
        $crate::gpu::plan::KernelSource {
            name: $stem,
            variant: concat!($($variant)?),
            parts: &[
                include_str!(concat!(
                    "../../../shaders/", stringify!($folder), "/", $stem, ".wgsl"
                )),
                $($crate::gpu::kernels::parts::$part,)*
                $crate::gpu::kernels::parts::PRELUDE,
            ],
        }
    };
    ($stem:literal $($rest:tt)*) => {
        kernel!(kernels / $stem $($rest)*)
    };
}
pub(super) use kernel;

/// A kernel in two variants, by the memory of its tensors.
pub(crate) struct Variants {
    pub(super) buffer: KernelSource,
    pub(super) texels: KernelSource,
}

impl Variants {
    /// The variant for tensors in a memory.
    pub(crate) fn of(&self, memory: Memory) -> &KernelSource {
        match memory {
            Memory::Buffer => &self.buffer,
            Memory::Texels => &self.texels,
        }
    }
}
