//! Matrix products.

use bdlm::gpu::{
    DType, Epilogue, Gpu, GpuOptions, KernelFamily, Memory, Modulation, Onto, Recorder, Sequences,
    Tensor, Tile, Tuning, Weight,
};
use half::f16;

use crate::backward::check_transposed;
use crate::common::{check, gpu, gpus, tolerances::OP, twins};
use crate::{Random, all_kernels_ran, multiplied, read, run, upload, words};

/// A weight on the device, and its numbers as they are held there.
pub fn weight(gpu: &Gpu, shape: [usize; 2], dtype: DType, data: &[f32]) -> (Weight, Vec<f32>) {
    let held = match dtype {
        DType::F16 => data.iter().map(|&x| f16::from_f32(x).into()).collect(),
        DType::Q8 => twins::q8(data, shape[1]),
        DType::Q4 => twins::q4(data, shape[1]),
        _ => data.to_vec(),
    };
    (Weight::upload(gpu, "w", shape, dtype, data).unwrap(), held)
}

/// The twin of a product on a device: its matrix units round what they multiply.
pub fn product(
    gpu: &Gpu,
    (x, held, bias): (&[f32], &[f32], &[f32]),
    k: usize,
    dtype: DType,
) -> Vec<f32> {
    let is_few = x.len() / k <= gpu.tuning().few_rows;
    match gpu.units().is_some() && !is_few && dtype != DType::F32 {
        true => twins::matmul(&rounded(x), &rounded(held), bias, k),
        false => twins::matmul(x, held, bias, k),
    }
}

pub fn rounded(numbers: &[f32]) -> Vec<f32> {
    numbers.iter().map(|&x| f16::from_f32(x).into()).collect()
}

pub const WEIGHTS: [DType; 4] = [DType::F32, DType::F16, DType::Q8, DType::Q4];

/// A product with each epilogue, against the twin.
pub fn check_matmul(gpu: &Gpu, (m, n, k): (usize, usize, usize), dtype: DType) {
    let mut random = Random((m * n * k) as u64);
    let (w, held) = weight(gpu, [n, k], dtype, &random.numbers(n * k));
    // Rows of y and of the gates are whole vectors.
    let columns = n.next_multiple_of(4);
    let (x, bias, y0) = (random.numbers(m * k), random.numbers(n), random.numbers(m * columns));
    let gates = random.numbers(2 * (columns + 8));
    let product = product(gpu, (&x, &held, &bias), k, dtype);
    let gate_tensor = upload(gpu, &[2, columns + 8], &gates);
    let sequences = Sequences { rows: 3, count: 2 };
    let modulation = Modulation { tensor: &gate_tensor, sequences };
    for epilogue in [
        Epilogue::Store,
        Epilogue::Gelu,
        Epilogue::GeluErf,
        Epilogue::Residual,
        Epilogue::GatedResidual(modulation, 8),
    ] {
        let y = upload(gpu, &[m, columns], &y0);
        run(gpu, |r| {
            let (x, bias) = (multiplied(gpu, &[m, k], &x), upload(gpu, &[n], &bias));
            r.matmul(&x, &w, &bias, epilogue, &y).unwrap();
        });
        let end = |i: usize| match epilogue {
            Epilogue::Store => product[i],
            Epilogue::Gelu => twins::gelu_tanh(product[i]),
            Epilogue::GeluErf => twins::gelu_erf(product[i]),
            Epilogue::Residual => product[i] + y0[i / n * columns + i % n],
            Epilogue::GatedResidual(..) => {
                let gate = gates[i / n / 3 % 2 * (columns + 8) + 8 + i % n];
                product[i] * gate + y0[i / n * columns + i % n]
            }
        };
        let wanted: Vec<f32> = (0..m * n).map(end).collect();
        let got: Vec<f32> = read(gpu, &y);
        let got: Vec<f32> = got.chunks(columns).flat_map(|row| &row[..n]).copied().collect();
        let size = (m, n, k);
        check(&got, &wanted, OP * (k as f32).sqrt())
            .unwrap_or_else(|e| panic!("{size:?} {dtype:?} {epilogue:?} {:?}: {e}", gpu.kernels()));
    }
}

#[test]
fn matmul() {
    let sizes = [
        (1, 1, 8),
        (2, 64, 72),
        (4, 98, 64),
        (5, 31, 24),
        (9, 64, 72),
        (17, 33, 8),
        (33, 131, 40),
        (69, 131, 40),
        (130, 70, 32),
        (3, 520, 512),
        (18, 520, 512),
    ];
    for gpu in gpus() {
        for size in sizes {
            WEIGHTS.into_iter().for_each(|dtype| check_matmul(&gpu, size, dtype));
        }
    }
    check_transposed();
    all_kernels_ran("matmul");
}

#[test]
fn every_tile_and_number_of_lanes_gives_the_product() {
    for kernels in [KernelFamily::Workgroup, KernelFamily::Cooperative] {
        let Some(_) = gpu(Some(kernels)) else { continue };
        for (tile, lanes) in Tile::ALL.into_iter().zip([32, 96, 256]) {
            let tuning = Some(Tuning { tile: Some(tile), lanes, ..Tuning::of(kernels) });
            let options = GpuOptions { tuning, checked_shaders: true, ..GpuOptions::default() };
            let gpu = Gpu::request(&options).unwrap();
            assert_eq!((gpu.tuning().tile, gpu.tuning().lanes), (Some(tile), lanes));
            let sizes = [(66, 140, 200), (67, 140, 72), (3, 36, 2056), (13, 40, 1032)];
            let formats = [DType::F32, DType::F16, DType::F16, DType::Q8];
            for (size, dtype) in sizes.into_iter().zip(formats) {
                check_matmul(&gpu, size, dtype);
            }
        }
    }
}

#[test]
fn a_product_has_any_number_of_outputs_and_any_eights_of_inputs() {
    let sizes =
        [(1, 3, 8), (3, 2, 40), (7, 5, 104), (10, 7, 136), (35, 1, 104), (80, 3, 136), (65, 9, 8)];
    for (gpu, (i, (m, n, k))) in
        gpus().flat_map(|gpu| sizes.into_iter().enumerate().map(move |at| (gpu.clone(), at)))
    {
        for dtype in [WEIGHTS[i % 4], WEIGHTS[(i + 1) % 4]] {
            let mut random = Random((m * n * k) as u64);
            let (w, held) = weight(&gpu, [n, k], dtype, &random.numbers(n * k));
            let (x, bias, columns) =
                (random.numbers(m * k), random.numbers(n), n.next_multiple_of(4));
            let y = Tensor::activation(&gpu, "y", &[m, columns]).unwrap();
            run(&gpu, |r| {
                let (x, bias) = (multiplied(&gpu, &[m, k], &x), upload(&gpu, &[n], &bias));
                r.matmul(&x, &w, &bias, Epilogue::Store, &y).unwrap();
            });
            let got: Vec<f32> = read(&gpu, &y);
            let got: Vec<f32> = got.chunks(columns).flat_map(|row| &row[..n]).copied().collect();
            let wanted = product(&gpu, (&x, &held, &bias), k, dtype);
            check(&got, &wanted, OP * (k as f32).sqrt())
                .unwrap_or_else(|e| panic!("{:?} {dtype:?} {:?}: {e}", (m, n, k), gpu.kernels()));
        }
    }
}

#[test]
fn matrix_units_multiply_many_rows_unless_their_weights_are_f32() {
    let Some(gpu) = gpu(Some(KernelFamily::Cooperative)) else { return };
    let kernel = |rows: usize, dtype: DType| {
        let (w, _) = weight(&gpu, [64, 64], dtype, &Random(5).numbers(64 * 64));
        let x = multiplied(&gpu, &[rows, 64], &Random(6).numbers(rows * 64));
        let y = Tensor::activation(&gpu, "y", &[rows, 64]).unwrap();
        let mut r = Recorder::new(&gpu);
        r.matmul(&x, &w, &upload(&gpu, &[64], &[0.0f32; 64]), Epilogue::Store, &y).unwrap();
        r.finish().unwrap().kernels().next().unwrap()
    };
    assert_eq!(kernel(72, DType::F16), "matmul_cooperative");
    assert_eq!(kernel(72, DType::Q8), "matmul_cooperative");
    assert_eq!(kernel(72, DType::F32), "matmul_tiled");
    assert_eq!(kernel(16, DType::F16), "matmul_rows");
}

#[test]
fn a_product_goes_where_the_next_one_reads_it() {
    for gpu in gpus() {
        let (m, n, k) = (18, 96, 64);
        let (w, held) = weight(&gpu, [n, k], DType::F16, &Random(6).numbers(n * k));
        let (x, bias) = (Random(7).numbers(m * k), Random(8).numbers(n));
        let y = Tensor::multiplied(&gpu, "y", &[m, n]).unwrap();
        let (x_tensor, b) = (multiplied(&gpu, &[m, k], &x), upload(&gpu, &[n], &bias));
        run(&gpu, |r| r.matmul(&x_tensor, &w, &b, Epilogue::Gelu, &y).unwrap());
        let wanted: Vec<f32> =
            twins::matmul(&x, &held, &bias, k).into_iter().map(twins::gelu_tanh).collect();
        check(&read(&gpu, &y), &wanted, 10.0 * OP).unwrap();
        let mut recorder = Recorder::new(&gpu);
        let added = recorder.matmul(&x_tensor, &w, &b, Epilogue::Residual, &y);
        match y.memory() {
            Memory::Buffer => added.unwrap(),
            Memory::Texels => {
                let words = "y is in texels: nothing can be added to it";
                assert!(added.unwrap_err().to_string().contains(words));
            }
        }
    }
}

#[test]
fn rows_in_another_memory_than_the_product_reads_are_refused() {
    let Some(gpu) = gpu(Some(KernelFamily::Outer)) else { return };
    let mut recorder = Recorder::new(&gpu);
    let (w, _) = weight(&gpu, [16, 8], DType::F32, &[0.0; 128]);
    let x = Tensor::activation(&gpu, "x", &[2, 8]).unwrap();
    let (bias, y) = (upload(&gpu, &[16], &[0.0; 16]), upload(&gpu, &[2, 16], &[0.0; 32]));
    let error = recorder.matmul(&x, &w, &bias, Epilogue::Store, &y).unwrap_err().to_string();
    assert!(error.contains("x is in Buffer, expected Texels"), "{error}");
}

#[test]
fn a_view_of_rows_begins_with_its_first_row() {
    for gpu in gpus() {
        let (w, held) = weight(&gpu, [32, 16], DType::F32, &Random(9).numbers(32 * 16));
        let (x, bias) = (Random(10).numbers(130 * 16), vec![0.0; 32]);
        let (rows, b) = (multiplied(&gpu, &[130, 16], &x), upload(&gpu, &[32], &bias));
        let y = Tensor::multiplied(&gpu, "y", &[130, 32]).unwrap();
        run(&gpu, |r| {
            let (x, y) = (rows.rows(64, 66).unwrap(), y.rows(64, 66).unwrap());
            r.matmul(&x, &w, &b, Epilogue::Store, &y).unwrap();
        });
        let got: Vec<f32> = read(&gpu, &y);
        assert!(got[..64 * 32].iter().all(|&x| x == 0.0), "rows before the view stay");
        let wanted = twins::matmul(&x[64 * 16..], &held, &bias, 16);
        check(&got[64 * 32..], &wanted, OP * 4.0).unwrap();
    }
}

#[test]
fn a_weight_over_the_binding_limit_is_cut_into_parts() {
    for family in crate::common::FAMILIES {
        let Some(gpu) = crate::common::gpu_with_limit(family, 256 * 64 * 4) else { continue };
        let (table, held) = weight(&gpu, [600, 64], DType::F32, &Random(1).numbers(600 * 64));
        assert_eq!(table.parts().len(), 3);
        let x = Tensor::activation(&gpu, "x", &[3, 64]).unwrap();
        let ids = [0, 256, 599];
        run(&gpu, |r| r.embedding(&words(&gpu, &[3], &ids), &table, Onto::Nothing, &x).unwrap());
        assert_eq!(read::<f32>(&gpu, &x), twins::embedding(&ids, &held, 64));
        let (rows, bias) = (Random(2).numbers(3 * 64), Random(3).numbers(600));
        let (x, b) = (multiplied(&gpu, &[3, 64], &rows), upload(&gpu, &[600], &bias));
        let y = Tensor::padded(&gpu, "y", &[3, 600], DType::F32, 8).unwrap();
        run(&gpu, |r| r.matmul(&x, &table, &b, Epilogue::Store, &y).unwrap());
        let wanted = twins::matmul(&rows, &held, &bias, 64);
        check(&read(&gpu, &y), &wanted, 10.0 * OP).unwrap();
    }
}

#[test]
fn a_chunk_of_a_weight_begins_where_it_is_cut() {
    for (gpu, dtype) in gpus().flat_map(|gpu| WEIGHTS.map(|dtype| (gpu.clone(), dtype))) {
        let (table, held) = weight(&gpu, [300, 64], dtype, &Random(4).numbers(300 * 64));
        let (rows, bias) = (Random(5).numbers(3 * 64), vec![0.0; 300]);
        let wanted = twins::matmul(&rows, &held, &bias, 64);
        let (x, b) = (multiplied(&gpu, &[3, 64], &rows), upload(&gpu, &[300], &bias));
        assert!(table.chunks(64).is_err(), "a panel cannot be cut");
        assert!(table.chunks(0).is_err(), "no rows at a time");
        for (first, chunk) in table.chunks(128).unwrap() {
            let n = chunk.shape()[0];
            let y = Tensor::activation(&gpu, "y", &[3, n]).unwrap();
            run(&gpu, |r| r.matmul(&x, &chunk, &b, Epilogue::Store, &y).unwrap());
            let got: Vec<f32> = read(&gpu, &y);
            for (got, wanted) in got.chunks(n).zip(wanted.chunks(300)) {
                check(got, &wanted[first..first + n], 10.0 * OP).unwrap();
            }
        }
    }
}

#[test]
fn what_is_no_number_stays_none_in_products() {
    let (t, c) = (70, 128);
    for gpu in gpus() {
        let (w, _) = weight(&gpu, [64, c], DType::F16, &vec![0.5; 64 * c]);
        let mut x = vec![0.25; t * c];
        x[3 * c + 5] = f32::NAN;
        let y = Tensor::activation(&gpu, "y", &[t, 64]).unwrap();
        run(&gpu, |r| {
            let bias = upload(&gpu, &[64], &[0.0f32; 64]);
            r.matmul(&multiplied(&gpu, &[t, c], &x), &w, &bias, Epilogue::Store, &y).unwrap();
        });
        let rows: Vec<f32> = read(&gpu, &y);
        assert!(rows[3 * 64..4 * 64].iter().all(|x| x.is_nan()), "{:?}", gpu.kernels());
        assert!(rows[..3 * 64].iter().all(|x| x.is_finite()), "{:?}", gpu.kernels());
    }
}

#[test]
fn a_wrong_answer_is_rejected() {
    let wanted = [1.0, 2.0, 3.0];
    assert!(check(&[1.0, 2.0, 3.0], &wanted, OP).is_ok());
    assert!(check(&[1.0, 2.0, 3.001], &wanted, OP).is_err());
    assert!(check(&[1.0, f32::NAN, 3.0], &wanted, OP).is_err());
    assert!(check(&[1.0, 2.0], &wanted, OP).is_err());
}

#[test]
fn shapes_that_do_not_fit_are_refused_with_both_shapes() {
    let Some(gpu) = gpu(Some(KernelFamily::Plain)) else { return };
    let (w, _) = weight(&gpu, [16, 8], DType::F32, &[0.0; 128]);
    let tensor = |shape: &[usize]| Tensor::activation(&gpu, "x", shape).unwrap();
    let mut recorder = Recorder::new(&gpu);
    let (x, bias, y) = (tensor(&[2, 16]), tensor(&[16]), tensor(&[2, 16]));
    let error = recorder.matmul(&x, &w, &bias, Epilogue::Store, &y).unwrap_err().to_string();
    assert_eq!(error, "x has shape [2, 16], expected [2, 8]");
    let refused = |k: usize, dtype| {
        Weight::upload(&gpu, "w", [2, k], dtype, &vec![0.0; 2 * k]).unwrap_err().to_string()
    };
    assert_eq!(refused(12, DType::F32), "w has shape [2, 12], expected [2, 16]");
    assert_eq!(refused(0, DType::F32), "w has shape [2, 0], expected [2, 8]");
    let words = "weights cannot be held in u32, expected f32, f16, q8 or q4";
    assert_eq!(refused(8, DType::U32), words);
}
