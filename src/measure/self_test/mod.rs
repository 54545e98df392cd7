//! Whether a device computes what it should: each kernel of the forward pass, as chosen for the device,
//! against its twin on the CPU, on odd sizes. Drivers with wrong kernels exist, and a text of random
//! words does not say whose fault it is.

mod attention;
mod case;
mod cases;
mod numbers;
mod run;
mod sampling;
mod trust;

pub use case::KernelCheck;
pub use run::check_kernels;
pub use trust::{Trusted, Verdict, checked, trusted, trusted_for_draws};
