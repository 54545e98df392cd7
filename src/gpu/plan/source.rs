//! A kernel's source, as data.

/// The WGSL sources, by kernel name; tests validate each of them.
pub struct KernelSource {
    /// File stem, entry point and profiler label.
    pub name: &'static str,
    /// Tells variants of one name apart.
    pub variant: &'static str,
    /// Parts that are joined to one module, the kernel itself first.
    pub parts: &'static [&'static str],
}

impl KernelSource {
    /// The whole module.
    pub fn wgsl(&self) -> String {
        self.parts.join("\n")
    }
}
