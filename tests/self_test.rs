//! The check of a device's kernels: that it passes where they are right, and what follows if not.

mod common;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use bdlm::gpu::{GpuOptions, KernelFamily, Tuning};
use bdlm::measure::{Trusted, Verdict, check_kernels, checked, trusted_for_draws};
use common::{gpu, gpus};

#[test]
fn every_family_passes_its_own_check() {
    for gpu in gpus() {
        let mut steps = Vec::new();
        let mut go_on = |done, all| {
            steps.push((done, all));
            ControlFlow::Continue(())
        };
        let checks = pollster::block_on(check_kernels(&gpu, &mut go_on)).unwrap();
        let failed: Vec<_> = checks.iter().filter(|check| !check.passes()).collect();
        assert!(failed.is_empty(), "{:?}: {failed:?}", gpu.kernels());
        assert_eq!(steps, (0..checks.len()).map(|i| (i, checks.len())).collect::<Vec<_>>());
        let ops: BTreeSet<&str> = checks.iter().map(|check| check.op).collect();
        let wanted = [
            "attention",
            "cross_entropy",
            "draw",
            "embedding",
            "gather",
            "head_norm",
            "matmul",
            "matmul_swiglu",
            "norm",
            "normed_rotary",
            "rms_norm",
            "rotary",
            "swiglu",
        ];
        assert_eq!(ops.into_iter().collect::<Vec<_>>(), wanted);
        assert!(checks.iter().all(|check| !check.kernels.is_empty()));
        // A check that compares nothing would find no difference anywhere.
        assert!(checks.iter().filter(|check| check.error > 0.0).count() > checks.len() / 2);
    }
}

#[test]
fn a_check_ends_where_its_caller_says() {
    let Some(gpu) = gpu(None) else { return };
    let mut go_on = |done, _| match done < 3 {
        true => ControlFlow::Continue(()),
        false => ControlFlow::Break(()),
    };
    assert_eq!(pollster::block_on(check_kernels(&gpu, &mut go_on)).unwrap().len(), 3);
}

#[test]
fn kernels_that_were_found_wrong_give_way_to_the_plain_ones() {
    let Some(gpu) = gpu(None) else { return };
    if gpu.kernels() == KernelFamily::Plain {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let cache = Some(folder.path().to_path_buf());
    let options = GpuOptions { cache, ..GpuOptions::default() };
    let request = |options: &GpuOptions| {
        let Trusted { gpu, mistrusted } = pollster::block_on(checked(options)).unwrap();
        (gpu.kernels(), mistrusted)
    };
    // The first use checks, and keeps what it found.
    assert_eq!(Verdict::kept(folder.path(), &gpu), None);
    assert_eq!(request(&options), (gpu.kernels(), None));
    let found = Verdict::kept(folder.path(), &gpu).unwrap();
    assert_eq!(found, Verdict::new(gpu.kernels(), &[]));
    // What is kept counts, without another check.
    let wrong = Verdict { wrong: vec!["matmul_rows".into()], ..found.clone() };
    wrong.keep(folder.path(), &gpu).unwrap();
    assert_eq!(request(&options), (KernelFamily::Plain, Some(wrong.clone())));
    // Kernels that are asked for are taken as they are.
    let forced = GpuOptions { kernels: Some(gpu.kernels()), ..options.clone() };
    assert_eq!(request(&forced), (gpu.kernels(), None));
    // A verdict on other kernels says nothing of these, and one of another version nothing at all.
    let other = Verdict { kernels: KernelFamily::Cooperative, ..wrong.clone() };
    found.keep(folder.path(), &gpu).unwrap();
    other.keep(folder.path(), &gpu).unwrap();
    assert_eq!(Verdict::kept(folder.path(), &gpu), Some(found.clone()));
    assert_eq!(request(&options), (gpu.kernels(), None));
    Verdict { version: "0.0.0".into(), ..wrong }.keep(folder.path(), &gpu).unwrap();
    assert_eq!(Verdict::kept(folder.path(), &gpu), None);
    assert_eq!(request(&options), (gpu.kernels(), None));
    assert_eq!(Verdict::kept(folder.path(), &gpu), Some(found));
}

#[test]
fn draws_take_matrix_units_where_they_are_right_and_nothing_else_is_asked_for() {
    let Some(usual) = gpu(None) else { return };
    let kernels = |options: &GpuOptions| {
        pollster::block_on(trusted_for_draws(options)).unwrap().gpu.kernels()
    };
    // A software adapter keeps what it has, whatever Mesa offers it.
    assert_eq!(kernels(&GpuOptions::default()), usual.kernels());
    let forced = GpuOptions { kernels: Some(KernelFamily::Workgroup), ..GpuOptions::default() };
    assert_eq!(kernels(&forced), KernelFamily::Workgroup);
    // As on a GPU, whose kernels are these by the rules.
    let tuning = Some(Tuning::of(KernelFamily::Workgroup));
    let wanted = match gpu(Some(KernelFamily::Cooperative)) {
        Some(_) => KernelFamily::Cooperative,
        None => KernelFamily::Workgroup,
    };
    assert_eq!(kernels(&GpuOptions { tuning, ..GpuOptions::default() }), wanted);
}
