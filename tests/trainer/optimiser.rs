//! What an optimiser does beside the steps of the fixture.

use bdlm::gpu::block_on;
use bdlm::model::Checkpoint;
use bdlm::train::{Optimiser, OptimiserOptions, Parameters};

use crate::common::fixtures::Fixture;
use crate::common::gpus;

#[test]
fn a_step_whose_gradients_are_not_finite_changes_nothing() {
    let f = Fixture::open("bd3lm-block4");
    for gpu in gpus() {
        let parameters = Parameters::new(&gpu, &Checkpoint::random(&f.spec, 1)).unwrap();
        let optimiser = Optimiser::new(&parameters, OptimiserOptions::default()).unwrap();
        let before = block_on(parameters.read_weights()).unwrap();
        let step = |k: usize, gradient: f32| {
            let first = &parameters.list()[0].gradient;
            first.write(&gpu, &[gradient; 4]).unwrap();
            block_on(optimiser.step(&parameters, k, 1e-3).unwrap().outcome()).unwrap()
        };
        for (k, bad) in [f32::NAN, f32::INFINITY].into_iter().enumerate() {
            let outcome = step(k + 1, bad);
            assert!(!outcome.is_taken && !outcome.norm.is_finite());
            assert_eq!(block_on(parameters.read_weights()).unwrap(), before);
        }
        let outcome = step(3, 0.5);
        assert!(outcome.is_taken && (outcome.norm - 1.0).abs() < 1e-5, "{outcome:?}");
        assert_ne!(block_on(parameters.read_weights()).unwrap(), before);
        let gradients = block_on(parameters.read_gradients()).unwrap();
        assert!(gradients.iter().flatten().all(|&x| x == 0.0), "zeroed for the next step");
    }
}

#[test]
fn options_out_of_range_are_refused() {
    let good = OptimiserOptions::default();
    assert!(good.check().is_ok());
    for bad in [
        OptimiserOptions { betas: [1.0, 0.9], ..good },
        OptimiserOptions { average_decay: -0.1, ..good },
        OptimiserOptions { epsilon: 0.0, ..good },
        OptimiserOptions { weight_decay: f64::NAN, ..good },
        OptimiserOptions { max_norm: Some(0.0), ..good },
    ] {
        assert!(bad.check().is_err(), "{bad:?}");
    }
}
