//! What the tests share: devices, fixtures, tolerances, a hub.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod chat_model;
pub mod damage;
pub mod fixtures;
pub mod hub;
pub mod optimiser_twins;
pub mod simplex_twins;
pub mod tolerances;
pub mod twins;

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Mutex, OnceLock};

use bdlm::event::{Done, Event};
use bdlm::gpu::{DType, Gpu, GpuOptions, KernelFamily, MatrixUnits};
use bdlm::hub::ModelFiles;
use bdlm::sample::{Engine, Request};

pub const FAMILIES: [KernelFamily; 4] =
    [KernelFamily::Outer, KernelFamily::Workgroup, KernelFamily::Cooperative, KernelFamily::Plain];

/// A device with bounds-checked shaders and the kernels that suit it, or those given. None where
/// there is no adapter, or it cannot run them: said loudly, and a failure where
/// `BDLM_TEST_GPU=required`.
pub fn gpu(kernels: Option<KernelFamily>) -> Option<Gpu> {
    static DEVICES: OnceLock<Mutex<HashMap<Option<KernelFamily>, Gpu>>> = OnceLock::new();
    let mut devices = DEVICES.get_or_init(Mutex::default).lock().unwrap();
    if let Some(gpu) = devices.get(&kernels) {
        return Some(gpu.clone());
    }
    match Gpu::request(&checked(kernels)) {
        Ok(gpu) => {
            devices.insert(kernels, gpu.clone());
            Some(gpu)
        }
        Err(e) => {
            // Few adapters have matrix units; lavapipe has them since Mesa 25.2.
            let may_be_required = kernels != Some(KernelFamily::Cooperative) || has_units();
            let required = may_be_required && gpu_is_required();
            skip(&format!("no GPU for {kernels:?}: {e}"), required);
            None
        }
    }
}

/// Every device of the tests checks the bounds of what its shaders read and write.
fn checked(kernels: Option<KernelFamily>) -> GpuOptions {
    GpuOptions { kernels, checked_shaders: true, ..GpuOptions::default() }
}

fn gpu_is_required() -> bool {
    std::env::var("BDLM_TEST_GPU").is_ok_and(|v| v == "required")
}

/// Says that a test is skipped, or fails if what it needs is required. It writes to stderr itself,
/// since cargo hides what tests that pass print.
pub fn skip(why: &str, required: bool) {
    assert!(!required, "BDLM_TEST_GPU=required, but: {why}");
    std::io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes()).unwrap();
}

fn has_units() -> bool {
    Gpu::adapters().first().is_some_and(|adapter| MatrixUnits::of(adapter).is_some())
}

/// A device that binds no more than so many bytes.
pub fn gpu_with_limit(kernels: KernelFamily, bytes: u64) -> Option<Gpu> {
    gpu(Some(kernels))?;
    let max_binding_bytes = Some(bytes);
    Some(Gpu::request(&GpuOptions { max_binding_bytes, ..checked(Some(kernels)) }).unwrap())
}

/// The devices of all kernel families that this machine can run.
pub fn gpus() -> impl Iterator<Item = Gpu> {
    FAMILIES.into_iter().filter_map(|family| gpu(Some(family)))
}

/// The embedded default model.
pub fn tales(gpu: &Gpu) -> Engine {
    Engine::load(gpu, &ModelFiles::embedded(), DType::F16, &mut |_, _| {}).unwrap()
}

/// All events of a run.
pub fn events(engine: &Engine, request: Request) -> Vec<Event> {
    let mut run = engine.run(request).unwrap();
    std::iter::from_fn(|| run.next().unwrap()).collect()
}

/// The finished samples of a run, in order.
pub fn done(engine: &Engine, request: Request) -> Vec<Done> {
    let finished = |event| if let Event::Done(done) = event { Some(done) } else { None };
    let mut done: Vec<Done> = events(engine, request).into_iter().filter_map(finished).collect();
    done.sort_by_key(|done| done.sample);
    done
}

/// The largest absolute difference, if it is within the tolerance.
pub fn check(got: &[f32], wanted: &[f32], tolerance: f32) -> Result<f32, String> {
    if got.len() != wanted.len() {
        return Err(format!("has {} numbers, expected {}", got.len(), wanted.len()));
    }
    if wanted.is_empty() {
        return Err("compares no numbers".into());
    }
    // NaN is not smaller than anything: it must not pass.
    let worst = got
        .iter()
        .zip(wanted)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0f32, |worst, d| if d.is_nan() { f32::INFINITY } else { worst.max(d) });
    if worst <= tolerance { Ok(worst) } else { Err(format!("differs by {worst}, not {tolerance}")) }
}

/// p-value of Pearson's chi-square test of counts against probabilities; cells with an expected
/// count below 5 are put together. 0 if something was counted whose probability is 0.
pub fn chi_square(counts: &[usize], probabilities: &[f64]) -> f64 {
    assert_eq!(counts.len(), probabilities.len());
    let sum: f64 = probabilities.iter().sum();
    assert!((sum - 1.0).abs() < 1e-3, "the probabilities sum to {sum}");
    if counts.iter().zip(probabilities).any(|(&count, &p)| count > 0 && p == 0.0) {
        return 0.0;
    }
    let n: usize = counts.iter().sum();
    let (mut statistic, mut cells) = (0.0, 0);
    let (mut rare_count, mut rare_expected) = (0.0, 0.0);
    for (&count, p) in counts.iter().zip(probabilities) {
        let expected = p * n as f64;
        if expected < 5.0 {
            rare_count += count as f64;
            rare_expected += expected;
            continue;
        }
        statistic += (count as f64 - expected).powi(2) / expected;
        cells += 1;
    }
    if rare_expected >= 5.0 {
        statistic += (rare_count - rare_expected).powi(2) / rare_expected;
        cells += 1;
    }
    assert!(cells > 1, "{n} counts are too few for a test");
    chi_square_tail(statistic, f64::from(cells - 1))
}

/// P(X > x) for a chi-square variable of k degrees of freedom, by integrating its density.
pub fn chi_square_tail(x: f64, k: f64) -> f64 {
    let half = k / 2.0;
    let log_density = |t: f64| (half - 1.0) * t.ln() - t / 2.0;
    let peak = log_density((k - 2.0).max(1e-3));
    let density = |t: f64| (log_density(t) - peak).exp();
    let integral = |from: f64, to: f64| {
        let n = 20_000;
        let step = (to - from) / f64::from(n);
        (0..n).map(|i| density(from + (f64::from(i) + 0.5) * step) * step).sum::<f64>()
    };
    let end = x.max(k) + 40.0 * k.sqrt() + 200.0;
    integral(x, end) / (integral(0.0, x) + integral(x, end))
}
