//! What an optimiser does beside the steps of the fixture.

use bdlm::gpu::block_on;
use bdlm::model::Checkpoint;
use bdlm::train::{MuonOptions, Optimiser, OptimiserOptions, Parameters};

use crate::common::fixtures::Fixture;
use crate::common::{check, gpus, twins};

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

#[test]
fn muon_moves_the_matrices_of_layers_alone() {
    let f = Fixture::open("bd3lm-block4");
    for gpu in gpus() {
        let parameters = Parameters::new(&gpu, &Checkpoint::random(&f.spec, 1)).unwrap();
        let muon = MuonOptions { ratio: 20.0, momentum: 0.9 };
        let options = OptimiserOptions { muon: Some(muon), ..OptimiserOptions::default() };
        let optimiser = Optimiser::new(&parameters, options).unwrap();
        let before = block_on(parameters.read_weights()).unwrap();
        let mut rng = fastrand::Rng::with_seed(1);
        let gradients: Vec<Vec<f32>> = (0..parameters.list().len())
            .map(|i| (0..before[i].len()).map(|_| rng.f32() - 0.5).collect())
            .collect();
        let arenas: Vec<_> = parameters.arenas().iter().map(|arena| &arena.gradients).collect();
        parameters.write(&arenas, &gradients).unwrap();
        let sent = optimiser.step(&parameters, 1, 1e-3).unwrap();
        assert!(block_on(sent.outcome()).unwrap().is_taken);
        let after = block_on(parameters.read_weights()).unwrap();
        let mut n_matrices = 0;
        for (i, parameter) in parameters.list().iter().enumerate() {
            let moved: Vec<f32> = before[i].iter().zip(&after[i]).map(|(b, a)| b - a).collect();
            if !MuonOptions::takes(parameter) {
                // The first step of AdamW is as long as its rate for every number.
                let off = moved.iter().filter(|x| (x.abs() - 1e-3).abs() > 1e-5).count();
                assert!(off * 100 < moved.len(), "{}: {off}", parameter.name());
                continue;
            }
            n_matrices += 1;
            let [n, k] = parameter.shape()[..] else { panic!("shape") };
            let scale = 0.02 * (n as f32 / k as f32).max(1.0).sqrt();
            let moved: Vec<f32> = moved.iter().map(|x| x / scale).collect();
            let wanted = twins::orthogonalised(&gradients[i], k);
            check(&moved, &wanted, 2e-3).unwrap_or_else(|e| {
                panic!("{}, {:?}: {e}", parameter.name(), gpu.kernels());
            });
            // Rows of a wide matrix, or columns of a high one, are nearly of length 1.
            let mean = moved.iter().map(|x| x * x).sum::<f32>() / n.min(k) as f32;
            assert!((0.6..1.3).contains(&mean), "{mean}");
        }
        assert_eq!(n_matrices, 4 * f.spec.n_layers);
    }
}
