//! The first half of a gated MLP: a product whose sums go through its own gates.

use bdlm::gpu::{DType, Gpu, GpuOptions, Input, KernelFamily, Recorder, Tensor, Tile, Tuning};

use crate::common::{check, gpu, gpu_with_limit, gpus, tolerances::OP, twins};
use crate::matmul::{WEIGHTS, product, weight};
use crate::rms_norm::{EPSILON, Numbers};
use crate::{Random, multiplied, read, run, upload};

/// A product `[T, 2F]` of rows, given as they are or with an RMS norm, that goes through its gates.
/// Returns whether the gates had a dispatch of their own.
fn check_gates(gpu: &Gpu, (t, f, channels): (usize, usize, usize), dtype: DType) -> bool {
    let numbers = Numbers::new(t, channels);
    let k = numbers.c;
    let mut random = Random((t * f * k) as u64);
    let (w, held) = weight(gpu, [2 * f, k], dtype, &random.numbers(2 * f * k));
    let bias = random.numbers(2 * f);
    let mut apart = Vec::new();
    for is_normed in [false, true] {
        let y = Tensor::multiplied(gpu, "y", &[t, f]).unwrap();
        let gated = Tensor::activation(gpu, "gated", &[t, 2 * f]).unwrap();
        let bias_tensor = upload(gpu, &[2 * f], &bias);
        let x = match is_normed {
            true => numbers.wanted(EPSILON),
            false => numbers.x.iter().map(|x| x / 30.0).collect(),
        };
        if is_normed {
            numbers.record(gpu, |r, norm| {
                let rows = Input::RmsNormed(norm);
                r.matmul_swiglu(rows, (&w, &bias_tensor), &gated, &y).unwrap();
            });
        } else {
            run(gpu, |r| {
                let x = multiplied(gpu, &[t, k], &x);
                r.matmul_swiglu(&x, (&w, &bias_tensor), &gated, &y).unwrap();
            });
        }
        let sums = product(gpu, (&x, &held, &bias), k, dtype);
        let wanted: Vec<f32> = sums.chunks(2 * f).flat_map(twins::swiglu).collect();
        let most = sums.iter().fold(1.0f32, |most, x| most.max(x.abs()));
        let tolerance = 3.0 * OP * (k as f32).sqrt() * most;
        let (got, size) = (read::<f32>(gpu, &y), (t, f, k));
        check(&got, &wanted, tolerance)
            .unwrap_or_else(|e| panic!("{size:?} {dtype:?} {is_normed} {}: {e}", gpu.tuning()));
        let turned = |row: &[f32]| twins::swiglu(&[&row[f..], &row[..f]].concat());
        let swapped: Vec<f32> = sums.chunks(2 * f).flat_map(turned).collect();
        assert!(check(&got, &swapped, tolerance).is_err(), "{size:?}: gates come first");
        apart.push(read::<f32>(gpu, &gated).iter().any(|&x| x != 0.0));
    }
    assert_eq!(apart[0], apart[1]);
    apart[0]
}

#[test]
fn a_product_goes_through_its_gates_in_one_dispatch_on_gpus() {
    let sizes = [
        (1, 4, 8),
        (4, 24, 72),
        (9, 40, 61),
        (13, 520, 128),
        (17, 24, 96),
        (33, 72, 40),
        (66, 136, 35),
        (130, 40, 64),
    ];
    for gpu in gpus() {
        for size in sizes {
            for dtype in WEIGHTS {
                assert_eq!(check_gates(&gpu, size, dtype), !gpu.kernels().is_for_gpus());
            }
        }
    }
}

#[test]
fn gates_open_alike_in_every_tile() {
    for kernels in [KernelFamily::Workgroup, KernelFamily::Cooperative] {
        let Some(_) = gpu(Some(kernels)) else { continue };
        for tile in Tile::ALL {
            let tuning = Some(Tuning { tile: Some(tile), few_rows: 4, ..Tuning::of(kernels) });
            let options = GpuOptions { tuning, checked_shaders: true, ..GpuOptions::default() };
            let gpu = Gpu::request(&options).unwrap();
            for (size, dtype) in [(5, 72, 40), (70, 100, 72)].into_iter().zip(WEIGHTS) {
                assert!(!check_gates(&gpu, size, dtype));
            }
            assert!(!check_gates(&gpu, (66, 136, 64), DType::F16));
        }
    }
}

#[test]
fn gates_in_another_part_of_a_weight_are_opened_apart() {
    let Some(gpu) = gpu_with_limit(KernelFamily::Workgroup, 1 << 18) else { return };
    for t in [5, 70] {
        assert!(check_gates(&gpu, (t, 256, 200), DType::F32));
    }
}

#[test]
fn a_row_that_is_no_number_stays_none_behind_its_gates() {
    for (gpu, t) in gpus().flat_map(|gpu| [(gpu.clone(), 9), (gpu, 70)]) {
        let mut x = vec![0.25; t * 64];
        x[3 * 64 + 5] = f32::NAN;
        let (w, _) = weight(&gpu, [16, 64], DType::F16, &vec![0.5; 16 * 64]);
        let y = Tensor::multiplied(&gpu, "y", &[t, 8]).unwrap();
        run(&gpu, |r| {
            let gated = Tensor::activation(&gpu, "gated", &[t, 16]).unwrap();
            let bias = upload(&gpu, &[16], &[0.0f32; 16]);
            let x = multiplied(&gpu, &[t, 64], &x);
            r.matmul_swiglu(&x, (&w, &bias), &gated, &y).unwrap();
        });
        for (i, row) in read::<f32>(&gpu, &y).chunks(8).enumerate() {
            assert!(row.iter().all(|x| x.is_nan() == (i == 3)), "{i} {:?}: {row:?}", gpu.kernels());
        }
    }
}

#[test]
fn gates_of_another_number_than_what_they_let_through_are_refused() {
    let Some(gpu) = gpu(None) else { return };
    let (w, _) = weight(&gpu, [24, 8], DType::F32, &[0.0; 192]);
    let (x, bias) = (multiplied(&gpu, &[2, 8], &[0.0; 16]), upload(&gpu, &[24], &[0.0f32; 24]));
    let refused = |gated: usize, f: usize| {
        let gated = upload(&gpu, &[2, gated], &vec![0.0f32; 2 * gated]);
        let y = Tensor::multiplied(&gpu, "y", &[2, f]).unwrap();
        let recorded = Recorder::new(&gpu).matmul_swiglu(&x, (&w, &bias), &gated, &y);
        recorded.unwrap_err().to_string()
    };
    assert_eq!(refused(16, 8), "test has shape [2, 16], expected [2, 24]");
    assert_eq!(refused(24, 8), "test has shape [2, 24], expected [2, 16]");
}
