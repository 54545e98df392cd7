//! Queries, keys and values: rotated and stored, alone and fused with their product.

use bdlm::gpu::{Attended, DType, Gpu, HeadNorm, KernelFamily, Memory, Recorder, Tensor};
use half::f16;

use crate::common::{check, gpus, tolerances::OP, twins};
use crate::matmul::{rounded, weight};
use crate::{Random, all_kernels_ran, multiplied, read, run, upload, words};

pub const CACHES: [DType; 2] = [DType::F32, DType::F16];

/// Query heads, key heads and their width.
#[derive(Clone, Copy, Debug)]
pub struct Heads {
    pub queries: usize,
    pub keys: usize,
    pub width: usize,
}

impl Heads {
    /// Each query head has a key head of its own.
    pub fn alike(count: usize, width: usize) -> Heads {
        Heads { queries: count, keys: count, width }
    }

    pub fn grouped(queries: usize, keys: usize, width: usize) -> Heads {
        Heads { queries, keys, width }
    }

    /// Columns of queries, of keys, and of queries, keys and values side by side.
    pub fn columns(self) -> [usize; 3] {
        let Heads { queries, keys, width } = self;
        [queries * width, keys * width, (queries + 2 * keys) * width]
    }
}

/// Angles and slots of rows, and tensors for their queries, keys and values.
struct Places {
    heads: Heads,
    angles: Vec<f32>,
    slots: Vec<u32>,
    q: Tensor,
    cache: [Tensor; 2],
}

impl Places {
    fn new(gpu: &Gpu, t: usize, heads: Heads, cached: DType) -> Places {
        let [q, keys, _] = heads.columns();
        let tensor = |shape: &[usize], dtype| {
            Tensor::attended(gpu, "test", shape, dtype, heads.width).unwrap()
        };
        Places {
            heads,
            angles: Random(t as u64).numbers(t * heads.width),
            slots: (0..t).map(|i| (t - 1 - i) as u32 * 2).collect(),
            q: tensor(&[t, q], DType::F32),
            cache: [(); 2].map(|()| tensor(&[2 * t, keys], cached)),
        }
    }

    /// Records with them.
    fn record(&self, gpu: &Gpu, record: impl FnOnce(&mut Recorder<'_>, Attended<'_>)) {
        let (t, [k, v]) = (self.slots.len(), &self.cache);
        let angles = upload(gpu, &[t, self.heads.width], &self.angles);
        let slots = words(gpu, &[t], &self.slots);
        let to = Attended { angles: &angles, slots: &slots, q: &self.q, cache: [k, v] };
        run(gpu, |r| record(r, to));
    }

    /// Queries, keys and values are where they belong, rotated; the slots of no row are zero.
    fn check(&self, gpu: &Gpu, qkv: &[f32]) -> Result<(), String> {
        let (d, [q, keys, all]) = (self.heads.width, self.heads.columns());
        let turned = |(row, angles): (&[f32], &[f32])| {
            let mut turned = twins::rotary(&row[..q + keys], angles, d);
            turned.extend(&row[q + keys..]);
            turned
        };
        let turned: Vec<f32> =
            qkv.chunks(all).zip(self.angles.chunks(d)).flat_map(turned).collect();
        let most = qkv.iter().fold(1.0f32, |most, x| most.max(x.abs()));
        self.check_turned(gpu, &turned, most)
    }

    /// The same of rows that are rotated, of numbers up to some size.
    fn check_turned(&self, gpu: &Gpu, turned: &[f32], most: f32) -> Result<(), String> {
        let (d, [q, keys, all]) = (self.heads.width, self.heads.columns());
        let got_q: Vec<f32> = read(gpu, &self.q);
        let [k, v] = &self.cache;
        let [got_k, got_v] =
            [k, v].map(|cache| slot_by_slot(cache.memory(), &numbers(gpu, cache), d, keys));
        let tolerance = if k.dtype() == DType::F16 { 1e-3 * most } else { OP * most };
        for (i, row) in turned.chunks(all).enumerate() {
            let slot = self.slots[i] as usize * keys..(self.slots[i] as usize + 1) * keys;
            check(&got_q[i * q..(i + 1) * q], &row[..q], OP * most)?;
            check(&got_k[slot.clone()], &row[q..q + keys], tolerance)?;
            check(&got_v[slot], &row[q + keys..], tolerance)?;
        }
        for cache in [&got_k, &got_v] {
            let others = cache.chunks(keys).skip(1).step_by(2);
            check(
                &others.flatten().copied().collect::<Vec<_>>(),
                &vec![0.0; cache.len() / 2],
                0.0,
            )?;
        }
        Ok(())
    }
}

#[test]
fn rotary() {
    let sizes = [
        (1, Heads::alike(1, 8)),
        (9, Heads::alike(3, 32)),
        (5, Heads::grouped(6, 2, 64)),
        (3, Heads::grouped(4, 1, 24)),
        (2, Heads::grouped(3, 1, 72)),
        (2, Heads::grouped(2, 1, 256)),
    ];
    for (gpu, dtype) in gpus().flat_map(|gpu| CACHES.map(|dtype| (gpu.clone(), dtype))) {
        for (t, heads) in sizes {
            let places = Places::new(&gpu, t, heads, dtype);
            let all = heads.columns()[2];
            let qkv = Random(heads.width as u64).numbers(t * all);
            places.record(&gpu, |r, to| {
                r.rotary(&upload(&gpu, &[t, all], &qkv), to).unwrap();
            });
            places.check(&gpu, &qkv).unwrap_or_else(|e| panic!("{heads:?} {dtype:?}: {e}"));
            let turned: Vec<f32> = qkv.iter().rev().copied().collect();
            assert!(places.check(&gpu, &turned).is_err(), "other rows are rejected");
        }
    }
    all_kernels_ran("rotary");
}

#[test]
fn normed_rotary() {
    const EPSILON: f32 = 1e-3;
    // The last channels of some heads are padding.
    let sizes = [
        (1, Heads::alike(1, 8), 8),
        (9, Heads::alike(3, 32), 30),
        (5, Heads::grouped(6, 2, 64), 64),
        (3, Heads::grouped(4, 1, 24), 20),
        (2, Heads::grouped(2, 1, 128), 128),
        (2, Heads::grouped(2, 1, 256), 249),
    ];
    for (gpu, dtype) in gpus().flat_map(|gpu| CACHES.map(|dtype| (gpu.clone(), dtype))) {
        for (t, heads, channels) in sizes {
            let (d, all, counts) = (heads.width, heads.columns()[2], [heads.queries, heads.keys]);
            let places = Places::new(&gpu, t, heads, dtype);
            let mut random = Random((d + t) as u64);
            let mut padded = |count: usize| -> Vec<f32> {
                let numbers = random.numbers(count).into_iter().enumerate();
                numbers.map(|(i, x)| if i % d < channels { x } else { 0.0 }).collect()
            };
            let (qkv, weights) = (padded(t * all), padded(2 * d));
            let tensor = upload(&gpu, &[t, all], &qkv);
            let weight = &upload(&gpu, &[2, d], &weights);
            let norm = HeadNorm { weight, heads: counts, channels, epsilon: EPSILON };
            places.record(&gpu, |r, to| {
                let other = HeadNorm { heads: [heads.queries + 2, heads.keys - 1], ..norm };
                assert!(r.normed_rotary(&tensor, other, to).is_err());
                r.normed_rotary(&tensor, norm, to).unwrap();
            });
            assert_eq!(read::<f32>(&gpu, &tensor) == qkv, gpu.kernels().is_for_gpus());
            let wanted = |epsilon| -> Vec<f32> {
                let rows = qkv.chunks(all).zip(places.angles.chunks(d));
                let turned = |(row, angles)| {
                    twins::normed_rotary(row, counts, (channels, epsilon), &weights, angles)
                };
                rows.flat_map(turned).collect()
            };
            places.check_turned(&gpu, &wanted(EPSILON), 3.0).unwrap_or_else(|e| {
                panic!("{heads:?} {dtype:?} {:?}: {e}", gpu.kernels());
            });
            assert!(places.check_turned(&gpu, &wanted(1.0), 3.0).is_err(), "another norm");
        }
    }
    all_kernels_ran("normed_rotary");
}

/// Queries, keys and values of t rows of c channels.
pub fn check_qkv(gpu: &Gpu, (t, c): (usize, usize), heads: Heads, [format, cached]: [DType; 2]) {
    let mut random = Random((heads.width + t) as u64);
    let all = heads.columns()[2];
    let (w, held) = weight(gpu, [all, c], format, &random.numbers(all * c));
    let (x, bias) = (random.numbers(t * c), random.numbers(all));
    let places = Places::new(gpu, t, heads, cached);
    places.record(gpu, |r, to| {
        let (x, bias) = (multiplied(gpu, &[t, c], &x), upload(gpu, &[all], &bias));
        let scratch = Tensor::activation(gpu, "qkv", &[t, all]).unwrap();
        r.qkv(&x, (&w, &bias), &scratch, to).unwrap();
    });
    let units = gpu.units().is_some() && t > gpu.tuning().few_rows && format != DType::F32;
    let (x, held) = if units { (rounded(&x), rounded(&held)) } else { (x, held) };
    places.check(gpu, &twins::matmul(&x, &held, &bias, c)).unwrap_or_else(|e| {
        panic!("{t} rows, {heads:?}, {format:?}, {cached:?}, {:?}: {e}", gpu.kernels())
    });
}

#[test]
fn queries_keys_and_values_go_where_attention_reads_them() {
    let sizes = [1, 3, 4, 5, 8, 13, 16, 32, 40, 70];
    for (gpu, t) in gpus().flat_map(|gpu| sizes.map(|t| (gpu.clone(), t))) {
        let eight = Heads::alike(8, 64);
        check_qkv(&gpu, (t, 512), eight, [DType::F16; 2]);
        check_qkv(&gpu, (t, 512), eight, [DType::F32; 2]);
        check_qkv(&gpu, (t, 512), eight, [DType::Q8, DType::F16]);
        check_qkv(&gpu, (t, 72), Heads::alike(3, 24), [DType::F16; 2]);
    }
}

#[test]
fn query_heads_that_share_key_heads_need_no_more_of_them() {
    for (gpu, t) in gpus().flat_map(|gpu| [1, 4, 16, 40].map(|t| (gpu.clone(), t))) {
        // As many channels as queries, fewer and more; an odd number of rotated heads, and of all.
        check_qkv(&gpu, (t, 512), Heads::grouped(8, 2, 64), [DType::F16; 2]);
        check_qkv(&gpu, (t, 640), Heads::grouped(6, 1, 64), [DType::F32; 2]);
        check_qkv(&gpu, (t, 520), Heads::grouped(9, 3, 64), [DType::F16, DType::F32]);
        check_qkv(&gpu, (t, 40), Heads::grouped(4, 1, 24), [DType::F16; 2]);
        check_qkv(&gpu, (t, 136), Heads::grouped(6, 2, 8), [DType::Q8, DType::F16]);
        check_qkv(&gpu, (t, 8), Heads::grouped(2, 1, 136), [DType::F32; 2]);
    }
}

#[test]
fn few_rows_need_one_dispatch_for_queries_keys_and_values() {
    let dispatches = |gpu: &Gpu, t: usize, heads: Heads| {
        let all = heads.columns()[2];
        let (w, _) = weight(gpu, [all, 512], DType::F16, &vec![0.0; all * 512]);
        let places = Places::new(gpu, t, heads, DType::F16);
        let mut count = 0;
        places.record(gpu, |_, to| {
            let tensor = |shape: &[usize]| Tensor::activation(gpu, "x", shape).unwrap();
            let x = multiplied(gpu, &[t, 512], &vec![0.0; t * 512]);
            let mut r = Recorder::new(gpu);
            r.qkv(&x, (&w, &tensor(&[all])), &tensor(&[t, all]), to).unwrap();
            count = r.finish().unwrap().len();
        });
        count
    };
    for gpu in gpus() {
        let one_for_few = usize::from(gpu.kernels() == KernelFamily::Plain) + 1;
        for heads in [Heads::alike(8, 64), Heads::grouped(8, 2, 64)] {
            let counts = [4, 8, 16].map(|t| dispatches(&gpu, t, heads));
            assert_eq!(counts, [one_for_few; 3], "{heads:?} {:?}", gpu.kernels());
        }
    }
}

#[test]
fn heads_that_do_not_fit_are_refused() {
    for gpu in gpus() {
        let tensor = |shape: &[usize]| Tensor::activation(&gpu, "x", shape).unwrap();
        let cached = |columns| Tensor::attended(&gpu, "x", &[4, columns], DType::F32, 8).unwrap();
        let (angles, slots, q) = (tensor(&[4, 8]), words(&gpu, &[4], &[0; 4]), cached(48));
        let is_recorded = |keys: usize, values: usize, all: usize| {
            let cache = [&cached(keys), &cached(values)];
            let to = Attended { angles: &angles, slots: &slots, q: &q, cache };
            Recorder::new(&gpu).rotary(&tensor(&[4, all]), to).is_ok()
        };
        assert!(is_recorded(16, 16, 80));
        assert!(!is_recorded(32, 32, 112), "six query heads, four key heads");
        assert!(!is_recorded(20, 20, 88), "two key heads and a half");
        assert!(!is_recorded(16, 24, 88), "three value heads");
        assert!(!is_recorded(16, 16, 144), "no room between queries and keys");
    }
}

/// Keys or values `[S, c]` of a cache, which texels store head by head.
fn slot_by_slot(memory: Memory, cache: &[f32], d: usize, c: usize) -> Vec<f32> {
    let (slots, heads) = (cache.len() / c, c / d);
    let row = |(slot, head): (usize, usize)| &cache[(head * slots + slot) * d..][..d];
    let places = (0..slots).flat_map(|slot| (0..heads).map(move |head| (slot, head)));
    match memory {
        Memory::Buffer => cache.to_vec(),
        Memory::Texels => places.flat_map(row).copied().collect(),
    }
}

/// The other way round.
pub fn as_cached(memory: Memory, rows: &[f32], d: usize, c: usize) -> Vec<f32> {
    let (slots, heads) = (rows.len() / c, c / d);
    let places = (0..heads).flat_map(|head| (0..slots).map(move |slot| (slot, head)));
    let part = |(slot, head): (usize, usize)| &rows[slot * c + head * d..][..d];
    match memory {
        Memory::Buffer => rows.to_vec(),
        Memory::Texels => places.flat_map(part).copied().collect(),
    }
}

/// A tensor's numbers in either format.
fn numbers(gpu: &Gpu, tensor: &Tensor) -> Vec<f32> {
    match tensor.dtype() {
        DType::F16 => read::<f16>(gpu, tensor).into_iter().map(f32::from).collect(),
        _ => read(gpu, tensor),
    }
}
