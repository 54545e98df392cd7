//! What the tests share fails where it should.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use bdlm::gpu::{KernelFamily, Memory};
use common::fixtures::Fixture;
use common::{check, chi_square, chi_square_tail, gpu, gpu_with_limit, gpus, skip};

/// True if it fails, as a test would.
fn fails<T>(action: impl FnOnce() -> T) -> bool {
    catch_unwind(AssertUnwindSafe(action)).is_err()
}

#[test]
fn wrong_numbers_are_rejected() {
    let wanted = [1.0, -2.0, 3.0];
    assert_eq!(check(&wanted, &wanted, 0.0), Ok(0.0));
    assert_eq!(check(&[1.0, -2.5, 3.0], &wanted, 0.5), Ok(0.5));
    assert!(check(&[1.0, -2.5, 3.0], &wanted, 0.4).is_err());
    assert!(check(&[1.0, f32::NAN, 3.0], &wanted, f32::MAX).is_err());
    assert!(check(&wanted, &[1.0, f32::NAN, 3.0], f32::MAX).is_err());
    assert!(check(&[1.0, f32::INFINITY, 3.0], &wanted, f32::MAX).is_err());
    assert!(check(&wanted[..2], &wanted, 1.0).is_err());
    assert!(check(&wanted, &wanted[..2], 1.0).is_err());
    assert!(check(&[], &[], 1.0).is_err(), "nothing is no evidence");
}

#[test]
fn a_chi_square_test_knows_its_table() {
    assert!((chi_square_tail(18.307, 10.0) - 0.05).abs() < 1e-3);
    assert!((chi_square_tail(103.442, 63.0) - 0.001).abs() < 1e-4);
}

#[test]
fn a_loaded_die_is_noticed_and_a_fair_one_is_not() {
    let fair = [1.0 / 6.0; 6];
    assert!(chi_square(&[995, 1010, 988, 1003, 1012, 992], &fair) > 0.5);
    assert!(chi_square(&[1150, 970, 970, 970, 970, 970], &fair) < 0.001);
    assert!(chi_square(&[1000, 1000, 1000, 1000, 1000, 0], &fair) < 1e-6);
    // What must not come at all, though too seldom to count.
    let one_face_less = [0.2, 0.2, 0.2, 0.2, 0.2, 0.0];
    assert!(chi_square(&[200, 200, 200, 200, 200, 0], &one_face_less) > 0.99);
    assert_eq!(chi_square(&[200, 200, 200, 200, 200, 1], &one_face_less), 0.0);
    assert!(fails(|| chi_square(&[0; 6], &fair)), "nothing was counted");
    assert!(fails(|| chi_square(&[10; 5], &fair)), "a face is not counted");
    assert!(fails(|| chi_square(&[10; 6], &[0.2; 6])), "no probabilities");
}

#[test]
fn fixtures_that_are_not_there_or_of_another_type_fail() {
    let f = Fixture::open("bd3lm-block4");
    assert_eq!(f.f32("plain.logits").len(), f.shape("plain.logits").iter().product::<usize>());
    assert_eq!(f.ids("plain.ids").len(), f.shape("plain.ids").iter().product::<usize>());
    assert!(fails(|| Fixture::open("nowhere")));
    assert!(fails(|| f.f32("no.logits")));
    assert!(fails(|| f.f32("plain.ids")));
    assert!(fails(|| f.f64("plain.logits")));
    assert!(fails(|| f.ids("plain.logits")));
}

#[test]
fn a_skip_fails_where_a_gpu_is_required() {
    assert!(fails(|| skip("no GPU", true)));
}

#[test]
fn every_family_that_any_adapter_can_run_has_a_device() {
    let Some(_) = gpu(None) else { return };
    let families: Vec<KernelFamily> = gpus().map(|gpu| gpu.kernels()).collect();
    assert!(families.contains(&KernelFamily::Plain), "{families:?}");
    assert!(families.contains(&KernelFamily::Workgroup), "{families:?}");
    for family in &families {
        assert_eq!(families.iter().filter(|other| *other == family).count(), 1, "{families:?}");
    }
    let limited = gpu_with_limit(KernelFamily::Plain, 1 << 20).unwrap();
    assert_eq!(
        (limited.max_bytes(Memory::Buffer), limited.kernels()),
        (1 << 20, KernelFamily::Plain)
    );
}
