//! Clipped schedules against the fixture.

use bdlm::train::{Interval, antithetic, lowest, total_variance};

use crate::common::check;
use crate::common::fixtures::Cases;

#[test]
fn noise_levels_are_spread_and_clipped_as_in_the_fixture() {
    let f = Cases::open("schedules");
    let uniform: Vec<f64> = f.f32("t.uniform").into_iter().map(f64::from).collect();
    let levels = antithetic(&uniform);
    let narrow = |numbers: &[f64]| numbers.iter().map(|&x| x as f32).collect::<Vec<f32>>();
    check(&narrow(&levels), &f.f32("t.antithetic"), 1e-7).unwrap();
    let interval = Interval { low: 0.3, high: 0.8 };
    let clipped: Vec<f64> = levels.iter().map(|&t| interval.at(t)).collect();
    check(&narrow(&clipped), &f.f32("t.clipped_0.3_0.8"), 1e-7).unwrap();
    let other = Interval { low: 0.2, high: 0.8 };
    let other: Vec<f64> = levels.iter().map(|&t| other.at(t)).collect();
    assert!(check(&narrow(&other), &f.f32("t.clipped_0.3_0.8"), 1e-7).is_err());
}

#[test]
fn the_interval_of_lowest_variance_is_the_fixture_s() {
    let f = Cases::open("schedules");
    let [candidates, batches, blocks] = f.shape("clip.block_losses")[..] else { panic!("shape") };
    let losses: Vec<f64> = f.f32("clip.block_losses").into_iter().map(f64::from).collect();
    let of_candidate = losses.chunks(batches * blocks);
    let variances: Vec<f64> =
        of_candidate.map(|losses| total_variance(losses.chunks(blocks))).collect();
    assert_eq!(variances.len(), candidates);
    for (got, wanted) in variances.iter().zip(f.f32("clip.total_variance")) {
        let wanted = f64::from(wanted);
        assert!((got / wanted - 1.0).abs() < 1e-6, "{got}, expected {wanted}");
    }
    let best = f.scalar("clip.best");
    assert_eq!(lowest(&variances), Some(best as usize));
    // The variance of all blocks together would choose by other numbers.
    let all = total_variance([&losses[..batches * blocks]]);
    assert!((all / variances[0] - 1.0).abs() > 0.01);
}
