//! The norm, in a dispatch of its own and fused with a product.

use bdlm::gpu::{
    Attended, DType, Epilogue, Gpu, GpuOptions, Input, KernelFamily, Modulation, Norm, Recorder,
    Sequences, Tensor, Tuning,
};

use crate::common::{check, gpu, gpu_with_limit, gpus, tolerances::OP, twins};
use crate::matmul::{WEIGHTS, product, weight};
use crate::{Random, all_kernels_ran, read, run, upload, words};

/// A norm's numbers: rows of a mean and deviation of their own, `[T, C]`, a weight and modulations
/// of as many sequences as there are. Padding is zero.
#[derive(Clone)]
struct Numbers {
    x: Vec<f32>,
    weight: Vec<f32>,
    modulation: Vec<f32>,
    channels: usize,
    c: usize,
    epsilon: f32,
    sequences: Sequences,
}

impl Numbers {
    fn new((t, channels): (usize, usize), sequences: Sequences) -> Numbers {
        let c = channels.next_multiple_of(8);
        let mut random = Random((t * c) as u64);
        let row =
            |(i, x): (usize, f32)| (x + [0.5, 0.5, 5.0][i / c % 3]) * [0.1, 1.0, 30.0][i / c % 3];
        let padded = |numbers: Vec<f32>| -> Vec<f32> {
            let kept = |(i, x)| if i % c < channels { x } else { 0.0 };
            numbers.into_iter().enumerate().map(kept).collect()
        };
        let x = padded(random.numbers(t * c).into_iter().enumerate().map(row).collect());
        let (weight, modulation) = (random.numbers(c), random.numbers(sequences.count * 6 * c));
        let (weight, modulation) = (padded(weight), padded(modulation));
        Numbers { x, weight, modulation, channels, c, epsilon: 1e-5, sequences }
    }

    /// What the norm gives.
    fn wanted(&self) -> Vec<f32> {
        let Numbers { channels, c, epsilon, sequences, .. } = *self;
        let row = |(i, x): (usize, &[f32])| {
            let m = &self.modulation[i / sequences.rows % sequences.count * 6 * c..];
            let shift_and_scale = [&m[3 * c..4 * c], &m[4 * c..5 * c]];
            twins::norm(x, (channels, epsilon), &self.weight, shift_and_scale)
        };
        self.x.chunks(c).enumerate().flat_map(row).collect()
    }

    /// Records with the norm on a device; its `y` is returned.
    fn record(&self, gpu: &Gpu, record: impl FnOnce(&mut Recorder<'_>, Norm<'_>)) -> Tensor {
        let Numbers { channels, c, epsilon, sequences, .. } = *self;
        let t = self.x.len() / c;
        let y = Tensor::multiplied(gpu, "y", &[t, c]).unwrap();
        let x = &upload(gpu, &[t, c], &self.x);
        let weight = &upload(gpu, &[c], &self.weight);
        let tensor = &upload(gpu, &[sequences.count, 6 * c], &self.modulation);
        let (modulation, at) = (Modulation { tensor, sequences }, [3 * c, 4 * c]);
        let norm = Norm { x, channels, epsilon, weight, modulation, at, y: &y };
        run(gpu, |r| record(r, norm));
        y
    }
}

const SEQUENCES: [Sequences; 2] = [Sequences::SHARED, Sequences { rows: 2, count: 3 }];

#[test]
fn norm() {
    for gpu in gpus() {
        let sizes = [(1, 8), (7, 24), (64, 96), (5, 768), (1, 1), (3, 9), (7, 21), (5, 765)];
        for (size, sequences) in sizes.into_iter().flat_map(|size| SEQUENCES.map(|s| (size, s))) {
            let mut numbers = Numbers::new(size, sequences);
            for epsilon in [1e-2, 1e-5] {
                numbers.epsilon = epsilon;
                let y = numbers.record(&gpu, |r, norm| r.norm(norm).unwrap());
                let got: Vec<f32> = read(&gpu, &y);
                check(&got, &numbers.wanted(), OP).unwrap_or_else(|e| panic!("{size:?}: {e}"));
                let mut rows = got.chunks(numbers.c);
                assert!(rows.all(|row| row[size.1..].iter().all(|&x| x == 0.0)), "padding is zero");
                let other = Numbers { epsilon: 1e-3, ..numbers.clone() };
                // A single channel is its own mean.
                assert!(size.1 == 1 || check(&got, &other.wanted(), OP).is_err(), "{epsilon}");
                let other = Numbers { channels: numbers.c, ..numbers.clone() };
                assert_eq!(check(&got, &other.wanted(), OP).is_err(), size.1 < numbers.c);
            }
        }
    }
    all_kernels_ran("norm");
}

#[test]
fn rows_with_more_padding_than_kernels_leave_out_are_refused() {
    let Some(gpu) = gpu(None) else { return };
    let numbers = Numbers::new((2, 24), Sequences::SHARED);
    numbers.record(&gpu, |r, norm| {
        for (channels, is_recorded) in
            [(24, true), (17, true), (16, false), (25, false), (0, false)]
        {
            assert_eq!(r.norm(Norm { channels, ..norm }).is_ok(), is_recorded, "{channels}");
        }
        let tensor = &upload(&gpu, &[1, 16], &[0.0f32; 16]);
        let modulation = Modulation { tensor, sequences: Sequences::SHARED };
        let error = r.norm(Norm { modulation, ..norm }).unwrap_err().to_string();
        assert_eq!(error, "test has shape [1, 16], expected [1, 120]", "narrower than a row");
    });
}

/// Whether a product of so many rows has the norm fused.
fn is_fused(gpu: &Gpu, t: usize, sequences: Sequences, buffers: u32) -> bool {
    let Tuning { kernels, few_rows, height, fused_norms, .. } = gpu.tuning();
    let has_room = gpu.device().limits().max_storage_buffers_per_shader_stage >= buffers;
    let is_possible = kernels.is_for_gpus() && sequences == Sequences::SHARED && has_room;
    is_possible && fused_norms && t <= few_rows.min(height)
}

/// A product of normalised rows against the twin, and whether the norm had a dispatch of its own.
fn check_product(
    gpu: &Gpu,
    (t, n, channels): (usize, usize, usize),
    sequences: Sequences,
    dtype: DType,
) {
    let numbers = Numbers::new((t, channels), sequences);
    let k = numbers.c;
    let mut random = Random(n as u64);
    let (w, held) = weight(gpu, [n, k], dtype, &random.numbers(n * k));
    let bias = random.numbers(n);
    let columns = n.next_multiple_of(4);
    for epilogue in [Epilogue::Store, Epilogue::Gelu] {
        let y = upload(gpu, &[t, columns], &vec![0.0f32; t * columns]);
        let own = numbers.record(gpu, |r, norm| {
            let bias = upload(gpu, &[n], &bias);
            r.matmul(Input::Normed(norm), &w, &bias, epilogue, &y).unwrap();
        });
        let mut rows: Vec<f32> = read(gpu, &own);
        if is_fused(gpu, t, sequences, 7) {
            assert!(rows.iter().all(|&x| x == 0.0), "the norm had a dispatch");
            rows = numbers.wanted();
        } else {
            check(&rows, &numbers.wanted(), OP).unwrap();
        }
        let mut wanted = product(gpu, (&rows, &held, &bias), k, dtype);
        if matches!(epilogue, Epilogue::Gelu) {
            wanted.iter_mut().for_each(|x| *x = twins::gelu_tanh(*x));
        }
        let got: Vec<f32> = read(gpu, &y);
        let got: Vec<f32> = got.chunks(columns).flat_map(|row| &row[..n]).copied().collect();
        let tolerance = OP * (k as f32).sqrt();
        check(&got, &wanted, tolerance).unwrap_or_else(|e| {
            let (size, tuning) = ((t, n, k), gpu.tuning());
            panic!("{size:?} {sequences:?} {dtype:?} {epilogue:?} {tuning}: {e}")
        });
        wanted[0] += 2.0 * tolerance;
        assert!(check(&got, &wanted, tolerance).is_err(), "another product is rejected");
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
        // Channels that padding follows, in the last lane's first eight inputs and in its last.
        for (size, dtype) in [(1, 3, 1), (3, 8, 35), (9, 5, 257), (17, 7, 763)].into_iter().zip([
            DType::F32,
            DType::F16,
            DType::Q8,
            DType::F16,
        ]) {
            check_product(&gpu, size, Sequences::SHARED, dtype);
        }
    }
}

#[test]
fn what_else_may_be_chosen_gives_the_same_products() {
    let Some(_) = gpu(Some(KernelFamily::Workgroup)) else { return };
    let usual = Tuning::of(KernelFamily::Workgroup);
    for tuning in [
        Tuning { few_rows: 4, ..usual },
        Tuning { height: 8, ..usual },
        Tuning { lanes: 32, ..usual },
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
                        return r.qkv(Input::Normed(norm), (&w, &bias), &qkv, to).unwrap();
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
            Numbers::new((8, 64), sequences).record(&gpu, |r, norm| {
                let (w, _) = weight(&gpu, [64, 64], DType::F16, &vec![0.0; 64 * 64]);
                let bias = upload(&gpu, &[64], &[0.0f32; 64]);
                let y = Tensor::activation(&gpu, "y", &[8, 64]).unwrap();
                let mut own = Recorder::new(&gpu);
                own.matmul(Input::Normed(norm), &w, &bias, Epilogue::Store, &y).unwrap();
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
fn a_row_that_is_no_number_stays_none_through_a_fused_norm() {
    for gpu in gpus() {
        let mut numbers = Numbers::new((9, 64), Sequences::SHARED);
        numbers.x[3 * 64 + 5] = f32::NAN;
        let (w, _) = weight(&gpu, [8, 64], DType::F16, &vec![0.5; 8 * 64]);
        let y = Tensor::activation(&gpu, "y", &[9, 8]).unwrap();
        numbers.record(&gpu, |r, norm| {
            let bias = upload(&gpu, &[8], &[0.0f32; 8]);
            r.matmul(Input::Normed(norm), &w, &bias, Epilogue::Store, &y).unwrap();
        });
        let rows: Vec<f32> = read(&gpu, &y);
        for (i, row) in rows.chunks(8).enumerate() {
            assert!(row.iter().all(|x| x.is_nan() == (i == 3)), "{i} {:?}: {row:?}", gpu.kernels());
        }
    }
}
