//! Whole passes against the fixtures.

#[path = "common/fixtures.rs"]
mod fixtures;

use bdlm::gpu::{DType, Gpu, GpuOptions, KernelFamily};
use bdlm::model::Batch;
use fixtures::Fixture;

const F32: f32 = 2e-4;
const F16: f32 = 3e-2;

fn gpu(kernels: KernelFamily) -> Gpu {
    Gpu::request(&GpuOptions { kernels: Some(kernels), checked_shaders: true, ..Default::default() }).unwrap()
}

fn check(got: &[f32], wanted: &[f32], tolerance: f32) -> Result<f32, String> {
    assert_eq!(got.len(), wanted.len());
    let worst = got.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, |a: f32, b| if b.is_nan() {f32::INFINITY} else {a.max(b)});
    if worst <= tolerance { Ok(worst) } else { Err(format!("differs by {worst}, allowed {tolerance}")) }
}

fn check_case(name: &str, ids: &str, noisy: Option<&str>, sigma: Option<&str>, logits: &str) {
    let f = Fixture::open(name);
    let batch = Batch { ids: f.ids(ids), noisy: noisy.map(|n| f.ids(n)), sigma: sigma.map(|s| f.f32(s)), length: f.shape(ids)[1] };
    for family in [KernelFamily::Outer, KernelFamily::Workgroup, KernelFamily::Plain] {
        let gpu = gpu(family);
        for (dtype, tolerance) in [(DType::F32, F32), (DType::F16, F16)] {
            let dit = f.load(&gpu, dtype);
            let got = dit.logits(&batch, f.config.block_size).unwrap();
            let worst = check(&got, &f.f32(logits), tolerance).unwrap_or_else(|e| panic!("{name} {logits} {family:?} {dtype:?}: {e}"));
            println!("{name} {logits} {family:?} {dtype:?} {worst:e}");
        }
    }
}

#[test]
fn a() { check_case("bd3lm-block4", "train.x0", Some("train.xt"), Some("train.sigma"), "train.logits"); }
#[test]
fn b() { check_case("bd3lm-block4", "plain.ids", None, None, "plain.logits"); }
#[test]
fn c() { check_case("bd3lm-block8", "train.x0", Some("train.xt"), None, "train.logits"); check_case("bd3lm-block8", "plain.ids", None, None, "plain.logits"); }
#[test]
fn d() { check_case("mdlm", "xt", None, None, "logits"); }
#[test]
fn e() { check_case("sedd", "xt", None, Some("sigma"), "logits"); }
#[test]
fn f() { check_case("ar", "x0", None, None, "logits"); }
