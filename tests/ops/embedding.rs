//! The embedding.

use bdlm::gpu::{DType, Onto, Tensor};

use crate::common::{gpus, twins};
use crate::matmul::weight;
use crate::{Random, all_kernels_ran, read, run, words};

#[test]
fn embedding() {
    for gpu in gpus() {
        for (v, c, format) in [
            (1, 8, DType::Q8),
            (5, 8, DType::F32),
            (7, 104, DType::F16),
            (98, 64, DType::F16),
            (300, 768, DType::F16),
            (98, 72, DType::Q8),
            (3, 136, DType::Q8),
            (9, 136, DType::Q4),
            (130, 104, DType::Q4),
        ] {
            let mut random = Random(v as u64);
            let (table, held) = weight(&gpu, [v, c], format, &random.numbers(v * c));
            let ids: Vec<u32> = (0..19).map(|_| random.below(v) as u32).collect();
            let x = Tensor::activation(&gpu, "x", &[19, c]).unwrap();
            run(&gpu, |r| {
                r.embedding(&words(&gpu, &[19], &ids), &table, Onto::Nothing, &x).unwrap();
            });
            let wanted = twins::embedding(&ids, &held, c);
            assert_eq!(read::<f32>(&gpu, &x), wanted, "{format:?}");
            run(&gpu, |r| r.embedding(&words(&gpu, &[19], &ids), &table, Onto::Rows, &x).unwrap());
            let twice: Vec<f32> = wanted.iter().map(|x| 2.0 * x).collect();
            assert_eq!(read::<f32>(&gpu, &x), twice, "added to what is there");
        }
    }
    all_kernels_ran("embedding");
}
