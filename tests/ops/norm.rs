//! The norm, in a dispatch of its own and on the way into a product.

use bdlm::gpu::{
    Attended, DType, Epilogue, Gpu, GpuOptions, KernelFamily, Modulation, Norm, Recorder, Rows,
    Sequences, Tensor, Tuning,
};

use crate::common::{check, gpu, gpu_with_limit, gpus, tolerances::OP, twins};
use crate::network::{WEIGHTS, product, weight};
use crate::{Random, read, run, upload, words};

/// A norm's numbers: rows of a mean and deviation of their own, `[T, C]`, a weight and modulations
/// of as many sequences as there are.
struct Numbers {
    x: Vec<f32>,
    weight: Vec<f32>,
    modulation: Vec<f32>,
    c: usize,
    sequences: Sequences,
}

impl Numbers {
    fn new((t, c): (usize, usize), sequences: Sequences) -> Numbers {
        let mut random = Random((t * c) as u64);
        let row =
            |(i, x): (usize, f32)| (x + [0.5, 0.5, 5.0][i / c % 3]) * [0.1, 1.0, 30.0][i / c % 3];
        let x = random.numbers(t * c).into_iter().enumerate().map(row).collect();
        let (weight, modulation) = (random.numbers(c), random.numbers(sequences.count * 6 * c));
        Numbers { x, weight, modulation, c, sequences }
    }

    /// What the norm gives.
    fn wanted(&self) -> Vec<f32> {
        let Numbers { c, sequences, .. } = *self;
        let row = |(i, x): (usize, &[f32])| {
            let m = &self.modulation[i / sequences.rows % sequences.count * 6 * c..];
            twins::norm(x, &self.weight, &m[3 * c..4 * c], &m[4 * c..5 * c])
        };
        self.x.chunks(c).enumerate().flat_map(row).collect()
    }

    /// Records with the norm on a device; its `y` is returned.
    fn record(&self, gpu: &Gpu, record: impl FnOnce(&mut Recorder<'_>, Norm<'_>)) -> Tensor {
        let Numbers { c, sequences, .. } = *self;
        let t = self.x.len() / c;
        let y = Tensor::multiplied(gpu, "y", &[t, c]).unwrap();
        let x = &upload(gpu, &[t, c], &self.x);
        let weight = &upload(gpu, &[c], &self.weight);
        let tensor = &upload(gpu, &[sequences.count, 6 * c], &self.modulation);
        let modulation = Modulation { tensor, sequences };
        run(gpu, |r| record(r, Norm { x, weight, modulation, at: [3 * c, 4 * c], y: &y }));
        y
    }
}

const SEQUENCES: [Sequences; 2] = [Sequences::SHARED, Sequences { rows: 2, count: 3 }];

#[test]
fn norm() {
    for gpu in gpus() {
        for size in [(1, 8), (7, 24), (64, 96), (5, 768)] {
            for sequences in SEQUENCES {
                let numbers = Numbers::new(size, sequences);
                let y = numbers.record(&gpu, |r, norm| r.norm(norm).unwrap());
                check(&read(&gpu, &y), &numbers.wanted(), OP).unwrap();
            }
        }
    }
}

/// Whether a product of so many rows normalises them on the way.
fn is_fused(gpu: &Gpu, t: usize, sequences: Sequences, buffers: u32) -> bool {
    let Tuning { kernels, few_rows, fused_norms, .. } = gpu.tuning();
    let has_room = gpu.device().limits().max_storage_buffers_per_shader_stage >= buffers;
    let is_possible = kernels.is_for_gpus() && sequences == Sequences::SHARED && has_room;
    is_possible && fused_norms && t <= few_rows
}

/// A product of normalised rows against the twin, and whether the norm had a dispatch of its own.
fn check_product(gpu: &Gpu, (t, n, k): (usize, usize, usize), sequences: Sequences, dtype: DType) {
    let numbers = Numbers::new((t, k), sequences);
    let mut random = Random(n as u64);
    let (w, held) = weight(gpu, [n, k], dtype, &random.numbers(n * k));
    let bias = random.numbers(n);
    let columns = n.next_multiple_of(4);
    for epilogue in [Epilogue::Store, Epilogue::Gelu] {
        let y = upload(gpu, &[t, columns], &vec![0.0f32; t * columns]);
        let own = numbers.record(gpu, |r, norm| {
            let bias = upload(gpu, &[n], &bias);
            r.matmul(Rows::Normed(norm), &w, &bias, epilogue, &y).unwrap();
        });
        let mut rows: Vec<f32> = read(gpu, &own);
        if is_fused(gpu, t, sequences, 7) {
            assert!(rows.iter().all(|&x| x == 0.0), "the norm had a dispatch");
            rows = numbers.wanted();
        }
        check(&rows, &numbers.wanted(), OP).unwrap();
        let mut wanted = product(gpu, (&rows, &held, &bias), k, dtype);
        if matches!(epilogue, Epilogue::Gelu) {
            wanted.iter_mut().for_each(|x| *x = twins::gelu_tanh(*x));
        }
        let got: Vec<f32> = read(gpu, &y);
        let got: Vec<f32> = got.chunks(columns).flat_map(|row| &row[..n]).copied().collect();
        check(&got, &wanted, OP * (k as f32).sqrt()).unwrap_or_else(|e| {
            let (size, tuning) = ((t, n, k), gpu.tuning());
            panic!("{size:?} {sequences:?} {dtype:?} {epilogue:?} {tuning}: {e}")
        });
    }
}

#[test]
fn a_product_of_normalised_rows() {
    for gpu in gpus() {
        for size in [(1, 4, 8), (5, 31, 24), (16, 64, 768), (33, 40, 96)] {
            for sequences in SEQUENCES {
                for dtype in WEIGHTS {
                    check_product(&gpu, size, sequences, dtype);
                }
            }
        }
    }
}

#[test]
fn what_else_may_be_chosen_gives_the_same_products() {
    let Some(_) = gpu(Some(KernelFamily::Workgroup)) else { return };
    let usual = Tuning::of(KernelFamily::Workgroup);
    for tuning in [
        Tuning { few_rows: 4, ..usual },
        Tuning { few_rows: 64, ..usual },
        Tuning { fused_norms: false, ..usual },
    ] {
        let options =
            GpuOptions { tuning: Some(tuning), checked_shaders: true, ..GpuOptions::default() };
        let gpu = Gpu::request(&options).unwrap();
        for size in [(4, 31, 24), (5, 64, 40), (61, 40, 96)] {
            check_product(&gpu, size, Sequences::SHARED, DType::F16);
        }
    }
}

#[test]
fn every_part_of_a_weight_is_multiplied_with_normalised_rows() {
    let Some(gpu) = gpu_with_limit(KernelFamily::Workgroup, 1 << 17) else { return };
    let size = (5, 420, 80);
    let (w, _) = weight(&gpu, [size.1, size.2], DType::F32, &vec![0.0; size.1 * size.2]);
    assert!(w.parts().len() > 1);
    check_product(&gpu, size, Sequences::SHARED, DType::F32);
}

#[test]
fn queries_keys_and_values_of_normalised_rows() {
    let (heads, d, slots) = (2, 64, 20);
    let c = heads * d;
    for gpu in gpus() {
        for (t, sequences) in [(1, SEQUENCES[0]), (16, SEQUENCES[0]), (6, SEQUENCES[1])] {
            let numbers = Numbers::new((t, c), sequences);
            let mut random = Random(t as u64);
            let (w, _) = weight(&gpu, [3 * c, c], DType::F16, &random.numbers(3 * c * c));
            let bias = upload(&gpu, &[3 * c], &random.numbers(3 * c));
            let angles = upload(&gpu, &[t, d], &random.numbers(t * d));
            let at =
                words(&gpu, &[t], &(0..t as u32).map(|i| slots as u32 - 1 - i).collect::<Vec<_>>());
            let found = |is_normed: bool| {
                let attended =
                    |rows| Tensor::attended(&gpu, "q", &[rows, c], DType::F32, d).unwrap();
                let (q, k, v) = (attended(t), attended(slots), attended(slots));
                let qkv = Tensor::activation(&gpu, "qkv", &[t, 3 * c]).unwrap();
                let to = Attended { angles: &angles, slots: &at, q: &q, cache: [&k, &v] };
                let own = numbers.record(&gpu, |r, norm| {
                    if is_normed {
                        return r.qkv(Rows::Normed(norm), (&w, &bias), &qkv, to).unwrap();
                    }
                    r.norm(norm).unwrap();
                    r.qkv(norm.y, (&w, &bias), &qkv, to).unwrap();
                });
                let is_apart = read::<f32>(&gpu, &own).iter().any(|&x| x != 0.0);
                assert_eq!(is_apart, !(is_normed && is_fused(&gpu, t, sequences, 10)));
                [&q, &k, &v].map(|tensor| read::<f32>(&gpu, tensor)).concat()
            };
            let wanted = found(false);
            assert!(wanted.iter().filter(|&&x| x != 0.0).count() >= 3 * t * c - 3);
            check(&found(true), &wanted, OP * (c as f32).sqrt())
                .unwrap_or_else(|e| panic!("{t} rows, {sequences:?}, {:?}: {e}", gpu.kernels()));
        }
    }
}

#[test]
fn a_norm_that_all_rows_share_needs_no_dispatch_on_gpus() {
    for gpu in gpus() {
        let dispatches = |sequences| {
            let mut count = 0;
            Numbers::new((16, 64), sequences).record(&gpu, |r, norm| {
                let (w, _) = weight(&gpu, [64, 64], DType::F16, &vec![0.0; 64 * 64]);
                let bias = upload(&gpu, &[64], &[0.0f32; 64]);
                let y = Tensor::activation(&gpu, "y", &[16, 64]).unwrap();
                let mut own = Recorder::new(&gpu);
                own.matmul(Rows::Normed(norm), &w, &bias, Epilogue::Store, &y).unwrap();
                count = own.finish().unwrap().len();
                r.norm(norm).unwrap();
            });
            count
        };
        let fused = if gpu.kernels().is_for_gpus() { 1 } else { 2 };
        assert_eq!(SEQUENCES.map(dispatches), [fused, 2], "{:?}", gpu.kernels());
    }
}

#[test]
fn a_row_that_is_no_number_stays_none_through_a_norm_on_the_way() {
    for gpu in gpus() {
        let mut numbers = Numbers::new((9, 64), Sequences::SHARED);
        numbers.x[3 * 64 + 5] = f32::NAN;
        let (w, _) = weight(&gpu, [8, 64], DType::F16, &vec![0.5; 8 * 64]);
        let y = Tensor::activation(&gpu, "y", &[9, 8]).unwrap();
        numbers.record(&gpu, |r, norm| {
            let bias = upload(&gpu, &[8], &[0.0f32; 8]);
            r.matmul(Rows::Normed(norm), &w, &bias, Epilogue::Store, &y).unwrap();
        });
        let rows: Vec<f32> = read(&gpu, &y);
        for (i, row) in rows.chunks(8).enumerate() {
            assert!(row.iter().all(|x| x.is_nan() == (i == 3)), "{i} {:?}: {row:?}", gpu.kernels());
        }
    }
}
