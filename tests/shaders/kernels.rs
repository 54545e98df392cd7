//! One kernel, one name. A kernel's op is the method of `Recorder` with its name or, for the variants of an
//! op, with the first words of it: `matmul` of `matmul_tiled`. The op's name is also that of its twin on the
//! CPU, and of its test, which states that all its kernels ran.

use bdlm::gpu::KERNELS;

use crate::text::{self, KERNEL_FOLDERS};

/// How the test of an op states that all its kernels ran.
const STATEMENT: &str = "all_kernels_ran(\"{op}\")";

/// Texts of the folders where the names must be.
struct House {
    kernels: Vec<String>,
    ops: String,
    twins: String,
    tests: String,
}

/// Whether there is a file for a kernel.
fn is_in(files: &[String], kernel: &str) -> bool {
    KERNEL_FOLDERS.iter().any(|folder| files.contains(&format!("{folder}/{kernel}.wgsl")))
}

impl House {
    fn new() -> House {
        let joined = |folder: &str| -> String {
            text::files(folder).iter().map(|path| text::read(path)).collect()
        };
        House {
            kernels: KERNEL_FOLDERS.into_iter().flat_map(text::files).collect(),
            ops: joined("src/gpu/ops"),
            twins: [
                "src/measure/twins.rs",
                "tests/common/twins.rs",
                "tests/common/optimiser_twins.rs",
                "tests/common/simplex_twins.rs",
            ]
            .map(text::read)
            .concat(),
            tests: joined("tests/ops"),
        }
    }

    /// What a kernel lacks.
    fn lacks(&self, kernel: &str) -> Vec<&'static str> {
        let has_method = |op: &str| {
            let method = format!("    pub fn {op}");
            self.ops.contains(&format!("{method}(")) || self.ops.contains(&format!("{method}<"))
        };
        let ends = kernel.match_indices('_').map(|(at, _)| at).rev();
        let mut names = std::iter::once(kernel).chain(ends.map(|end| &kernel[..end]));
        let op = names.find(|name| has_method(name)).unwrap_or(kernel);
        let test = self.tests.split(&format!("#[test]\nfn {op}() {{")).nth(1);
        let test = test.and_then(|rest| rest.split("\n}\n").next()).unwrap_or_default();
        let named = [
            ("file", is_in(&self.kernels, kernel)),
            ("method", has_method(op)),
            ("twin", self.twins.contains(&format!("\npub fn {op}("))),
            ("test", test.contains(&STATEMENT.replace("{op}", op))),
        ];
        named.into_iter().filter(|(_, is_there)| !is_there).map(|(what, _)| what).collect()
    }
}

#[test]
fn every_kernel_has_a_file_a_method_a_twin_and_a_test() {
    let house = House::new();
    for kernel in KERNELS {
        assert_eq!(house.lacks(kernel.name), [""; 0], "{}", kernel.name);
    }
}

#[test]
fn a_kernel_without_a_name_is_noticed() {
    let house = House::new();
    assert_eq!(house.lacks("convolution"), ["file", "method", "twin", "test"]);
    assert_eq!(house.lacks("matmul_sparse"), ["file"]);
    // A twin and a method that no test calls a kernel's own.
    assert_eq!(House { tests: String::new(), ..House::new() }.lacks("norm"), ["test"]);
    assert_eq!(House { twins: String::new(), ..House::new() }.lacks("norm"), ["twin"]);
    assert_eq!(House { ops: String::new(), ..House::new() }.lacks("norm"), ["method"]);
    assert_eq!(House { kernels: Vec::new(), ..house }.lacks("norm"), ["file"]);
}
