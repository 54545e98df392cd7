//! The RMS norm of rows and of heads, alone and fused with a product, and the gated activation.

use bdlm::gpu::{
    Attended, DType, Epilogue, Gpu, HeadNorm, Input, Recorder, RmsNorm, Tensor, Tuning,
};

use crate::common::{check, gpu, gpus, tolerances::OP, twins};
use crate::matmul::{WEIGHTS, product, weight};
use crate::{Random, all_kernels_ran, read, run, upload, words};

/// Rows of different sizes and a weight; padding is zero.
pub struct Numbers {
    pub x: Vec<f32>,
    weight: Vec<f32>,
    channels: usize,
    pub c: usize,
}

pub const EPSILON: f32 = 1e-3;

impl Numbers {
    pub fn new(t: usize, channels: usize) -> Numbers {
        let c = channels.next_multiple_of(8);
        let mut random = Random((t * c) as u64);
        let mut padded = |count: usize, size: &dyn Fn(usize) -> f32| -> Vec<f32> {
            let numbers = random.numbers(count * c).into_iter().enumerate();
            let kept = |(i, x)| if i % c < channels { x * size(i / c) } else { 0.0 };
            numbers.map(kept).collect()
        };
        let x = padded(t, &|row| [0.1, 1.0, 30.0][row % 3]);
        Numbers { x, weight: padded(1, &|_| 1.0), channels, c }
    }

    pub fn wanted(&self, epsilon: f32) -> Vec<f32> {
        let row = |x: &[f32]| twins::rms_norm(x, (self.channels, epsilon), &self.weight);
        self.x.chunks(self.c).flat_map(row).collect()
    }

    /// Records with the norm on a device; its `y` is returned.
    pub fn record(&self, gpu: &Gpu, record: impl FnOnce(&mut Recorder<'_>, RmsNorm<'_>)) -> Tensor {
        let t = self.x.len() / self.c;
        let y = Tensor::multiplied(gpu, "y", &[t, self.c]).unwrap();
        let (x, weight) =
            (upload(gpu, &[t, self.c], &self.x), upload(gpu, &[self.c], &self.weight));
        let (channels, epsilon) = (self.channels, EPSILON);
        let norm = RmsNorm { x: &x, channels, epsilon, weight: &weight, y: &y };
        run(gpu, |r| record(r, norm));
        y
    }
}

#[test]
fn rms_norm() {
    for gpu in gpus() {
        for (t, channels) in [(1, 8), (7, 24), (64, 96), (5, 768), (1, 1), (3, 9), (5, 765)] {
            let numbers = Numbers::new(t, channels);
            let y = numbers.record(&gpu, |r, norm| {
                assert!(r.rms_norm(RmsNorm { channels: numbers.c + 1, ..norm }).is_err());
                r.rms_norm(norm).unwrap();
            });
            let got: Vec<f32> = read(&gpu, &y);
            check(&got, &numbers.wanted(EPSILON), 3.0 * OP).unwrap_or_else(|e| {
                panic!("{t} rows of {channels}, {:?}: {e}", gpu.kernels());
            });
            assert!(check(&got, &numbers.wanted(10.0 * EPSILON), 3.0 * OP).is_err(), "{channels}");
        }
    }
    all_kernels_ran("rms_norm");
}

/// Whether a product of so many rows has the norm fused.
fn is_fused(gpu: &Gpu, t: usize, buffers: u32) -> bool {
    let Tuning { kernels, few_rows, height, fused_norms, .. } = gpu.tuning();
    let has_room = gpu.device().limits().max_storage_buffers_per_shader_stage >= buffers;
    kernels.is_for_gpus() && has_room && fused_norms && t <= few_rows.min(height)
}

#[test]
fn a_product_of_rms_normalised_rows() {
    for gpu in gpus() {
        let sizes = [(1, 4, 8), (5, 31, 24), (16, 64, 768), (33, 40, 96), (3, 8, 35), (17, 7, 763)];
        for ((t, n, channels), dtype) in
            sizes.into_iter().flat_map(|size| WEIGHTS.map(|dtype| (size, dtype)))
        {
            let numbers = Numbers::new(t, channels);
            let k = numbers.c;
            let mut random = Random(n as u64);
            let (w, held) = weight(&gpu, [n, k], dtype, &random.numbers(n * k));
            let (bias, columns) = (random.numbers(n), n.next_multiple_of(4));
            let y = upload(&gpu, &[t, columns], &vec![0.0f32; t * columns]);
            let own = numbers.record(&gpu, |r, norm| {
                let bias = upload(&gpu, &[n], &bias);
                r.matmul(Input::RmsNormed(norm), &w, &bias, Epilogue::Store, &y).unwrap();
            });
            let is_apart = read::<f32>(&gpu, &own).iter().any(|&x| x != 0.0);
            assert_eq!(is_apart, !is_fused(&gpu, t, 6), "{t} rows");
            let wanted = product(&gpu, (&numbers.wanted(EPSILON), &held, &bias), k, dtype);
            let got: Vec<f32> = read(&gpu, &y);
            let mut got: Vec<f32> =
                got.chunks(columns).flat_map(|row| &row[..n]).copied().collect();
            let tolerance = 3.0 * OP * (k as f32).sqrt();
            check(&got, &wanted, tolerance).unwrap_or_else(|e| {
                panic!("{:?} {dtype:?} {:?}: {e}", (t, n, k), gpu.kernels());
            });
            got[0] += 3.0 * tolerance;
            assert!(check(&got, &wanted, tolerance).is_err(), "another product is rejected");
        }
    }
}

#[test]
fn queries_keys_and_values_of_rms_normalised_rows() {
    let (heads, d, slots) = (2, 64, 20);
    let c = heads * d;
    for gpu in gpus() {
        for t in [1, 16] {
            let numbers = Numbers::new(t, c);
            let mut random = Random(t as u64);
            let (w, _) = weight(&gpu, [3 * c, c], DType::F16, &random.numbers(3 * c * c));
            let bias = upload(&gpu, &[3 * c], &random.numbers(3 * c));
            let angles = upload(&gpu, &[t, d], &random.numbers(t * d));
            let at = words(&gpu, &[t], &(0..t as u32).map(|i| 19 - i).collect::<Vec<_>>());
            let found = |is_normed: bool| {
                let attended =
                    |rows| Tensor::attended(&gpu, "q", &[rows, c], DType::F32, d).unwrap();
                let (q, k, v) = (attended(t), attended(slots), attended(slots));
                let qkv = Tensor::activation(&gpu, "qkv", &[t, 3 * c]).unwrap();
                let to = Attended { angles: &angles, slots: &at, q: &q, cache: [&k, &v] };
                let own = numbers.record(&gpu, |r, norm| {
                    if is_normed {
                        return r.qkv(Input::RmsNormed(norm), (&w, &bias), &qkv, to).unwrap();
                    }
                    r.rms_norm(norm).unwrap();
                    r.qkv(norm.y, (&w, &bias), &qkv, to).unwrap();
                });
                let is_apart = read::<f32>(&gpu, &own).iter().any(|&x| x != 0.0);
                assert_eq!(is_apart, !(is_normed && is_fused(&gpu, t, 9)));
                [&q, &k, &v].map(|tensor| read::<f32>(&gpu, tensor)).concat()
            };
            let wanted = found(false);
            check(&found(true), &wanted, 3.0 * OP * (c as f32).sqrt())
                .unwrap_or_else(|e| panic!("{t} rows, {:?}: {e}", gpu.kernels()));
        }
    }
}

#[test]
fn head_norm() {
    for gpu in gpus() {
        for (t, heads, channels) in [(1, [1, 1], 8), (5, [6, 2], 12), (33, [4, 2], 128)] {
            let d = usize::next_multiple_of(channels, 8);
            let columns = (heads[0] + 2 * heads[1]) * d;
            let mut random = Random((t * columns) as u64);
            let mut padded = |count: usize| -> Vec<f32> {
                let numbers = random.numbers(count * d).into_iter().enumerate();
                numbers.map(|(i, x)| if i % d < channels { x } else { 0.0 }).collect()
            };
            let (x, weights) = (padded(t * columns / d), padded(2));
            let qkv = upload(&gpu, &[t, columns], &x);
            run(&gpu, |r| {
                let weight = &upload(&gpu, &[2, d], &weights);
                let norm = HeadNorm { weight, heads, channels, epsilon: EPSILON };
                assert!(r.head_norm(&qkv, HeadNorm { heads: [9, 9], ..norm }).is_err());
                r.head_norm(&qkv, norm).unwrap();
            });
            let wanted = |heads| -> Vec<f32> {
                let row = |row| twins::head_norm(row, heads, (channels, EPSILON), &weights);
                x.chunks(columns).flat_map(row).collect()
            };
            let got: Vec<f32> = read(&gpu, &qkv);
            check(&got, &wanted(heads), OP).unwrap_or_else(|e| panic!("{heads:?} {channels}: {e}"));
            let other = wanted([heads[0], 0]);
            assert!(check(&got, &other, OP).is_err(), "keys are normalised too");
        }
    }
    all_kernels_ran("head_norm");
}

#[test]
fn swiglu() {
    for gpu in gpus() {
        for (t, f) in [(1, 4), (5, 24), (66, 1536)] {
            let mut x = Random((t * f) as u64).numbers(2 * t * f);
            // Gates that close and open all the way.
            (x[0], x[1]) = (-1e4, 1e4);
            let y = Tensor::multiplied(&gpu, "y", &[t, f]).unwrap();
            run(&gpu, |r| r.swiglu(&upload(&gpu, &[t, 2 * f], &x), &y).unwrap());
            let wanted: Vec<f32> = x.chunks(2 * f).flat_map(twins::swiglu).collect();
            let got: Vec<f32> = read(&gpu, &y);
            check(&got[2..], &wanted[2..], OP).unwrap_or_else(|e| panic!("{t} rows of {f}: {e}"));
            assert!(
                got[0].abs() < 1e-20 && (got[1] / wanted[1] - 1.0).abs() < OP,
                "{:?}",
                &got[..2]
            );
            let swapped: Vec<f32> = x
                .chunks(2 * f)
                .flat_map(|row| twins::swiglu(&[&row[f..], &row[..f]].concat()))
                .collect();
            assert!(check(&got[2..], &swapped[2..], OP).is_err(), "gates come first");
        }
    }
    all_kernels_ran("swiglu");
}

#[test]
fn an_activation_of_another_width_is_refused() {
    let Some(gpu) = gpu(None) else { return };
    let (x, y) = (upload(&gpu, &[2, 24], &[0.0; 48]), upload(&gpu, &[2, 16], &[0.0; 32]));
    let error = Recorder::new(&gpu).swiglu(&x, &y).unwrap_err().to_string();
    assert_eq!(error, "test has shape [2, 24], expected [2, 32]");
}
