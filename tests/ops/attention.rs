//! Attention, in one piece and in shares.

use bdlm::gpu::{
    Attention, DType, Gpu, GpuOptions, KernelFamily, Recorder, Tensor, Tuning, partial_attention,
};
use half::f16;

use crate::common::{check, gpu, gpus, tolerances::OP, twins};
use crate::network::{CACHES, as_cached};
use crate::{Random, read, run, words};

/// Attention of two groups of rows with random spans of at most 300 slots.
pub fn check_attention(
    gpu: &Gpu,
    (heads, d): (usize, usize),
    group: usize,
    dtype: DType,
    size: f32,
) {
    let (c, t, s) = (heads * d, 2 * group, 300);
    let mut random = Random((d + group) as u64);
    let mut scaled = |count| random.numbers(count).iter().map(|x| x * size).collect::<Vec<f32>>();
    let (q, k, v) = (scaled(t * c), scaled(s * c), scaled(s * c));
    let spans: Vec<[u32; 4]> = (0..t)
        .map(|i| {
            let mut cuts = [0; 4].map(|_| random.below(s) as u32);
            cuts.sort_unstable();
            match i % 4 {
                0 => [cuts[0], cuts[1] + 1, cuts[2] + 1, cuts[3] + 1],
                1 => [cuts[0], cuts[0] + 1, cuts[0], cuts[0]],
                2 => [cuts[1], cuts[1], cuts[2], cuts[3] + 1],
                // A ring that has wrapped: the older part lies behind.
                _ => [cuts[2] + 1, s as u32, 0, cuts[1]],
            }
        })
        .collect();
    let held = |x: &[f32]| -> Vec<f32> {
        if dtype == DType::F32 {
            return x.to_vec();
        }
        x.iter().map(|&x| f32::from(f16::from_f32(x))).collect()
    };
    let attended = |rows, dtype, x: &[f32]| {
        let tensor = Tensor::attended(gpu, "test", &[rows, c], dtype, d).unwrap();
        match dtype {
            DType::F32 => tensor.write(gpu, x).unwrap(),
            _ => {
                let halves: Vec<f16> = x.iter().map(|&x| f16::from_f32(x)).collect();
                tensor.write(gpu, &halves).unwrap();
            }
        }
        tensor
    };
    let room = partial_attention(gpu, t, (heads, d)).unwrap();
    let (held_k, held_v) = (held(&k), held(&v));
    let row = |i: usize| twins::attention(&q[i * c..(i + 1) * c], &held_k, &held_v, spans[i], d);
    let wanted: Vec<f32> = (0..t).flat_map(row).collect();
    // In one piece, and in shares where there are any.
    for partials in [None, room.as_ref()].into_iter().take(1 + usize::from(room.is_some())) {
        let y = Tensor::multiplied(gpu, "y", &[t, c]).unwrap();
        run(gpu, |r| {
            let spans = &words(gpu, &[t, 4], spans.as_flattened());
            let q = &attended(t, DType::F32, &q);
            let cached = |x: &[f32]| as_cached(q.memory(), x, d, c);
            let cache = [&attended(s, dtype, &cached(&k)), &attended(s, dtype, &cached(&v))];
            r.attention(Attention { q, cache, spans, heads, group, partials }, &y).unwrap();
        });
        check(&read(gpu, &y), &wanted, OP * size * size.max(1.0)).unwrap_or_else(|e| {
            let (kernels, split) = (gpu.kernels(), partials.is_some());
            panic!("{heads} heads of {d}, groups of {group}, {dtype:?}, {kernels:?}, {split}: {e}")
        });
    }
}

#[test]
fn attention() {
    for gpu in gpus() {
        for dtype in CACHES {
            for (heads, d) in
                [(2, 8), (3, 16), (1, 24), (2, 32), (3, 64), (2, 96), (1, 128), (1, 256)]
            {
                [1, 3, 4, 8, 16].iter().for_each(|&group| {
                    check_attention(&gpu, (heads, d), group, dtype, 1.0);
                });
            }
            // Whole sequences, which GPUs take tile by tile.
            for (heads, d) in [(2, 16), (1, 24), (2, 32), (3, 64), (1, 128)] {
                check_attention(&gpu, (heads, d), if d == 16 { 150 } else { 70 }, dtype, 1.0);
            }
            // Scores of some hundreds: the softmax must not overflow.
            check_attention(&gpu, (2, 32), 13, dtype, 8.0);
            check_attention(&gpu, (2, 32), 77, dtype, 8.0);
        }
    }
}

#[test]
fn attention_over_a_long_window_sees_all_of_it() {
    let (d, s, t) = (64, 8192, 8);
    let mut random = Random(3);
    let (q, k, v) = (random.numbers(t * d), random.numbers(s * d), random.numbers(s * d));
    let spans = [[0, s as u32, 0, 0]; 8];
    for gpu in gpus() {
        let y = Tensor::multiplied(&gpu, "y", &[t, d]).unwrap();
        run(&gpu, |r| {
            let attended = |rows, x: &[f32]| {
                let tensor = Tensor::attended(&gpu, "test", &[rows, d], DType::F32, d).unwrap();
                tensor.write(&gpu, x).unwrap();
                tensor
            };
            let cache = [&attended(s, &k), &attended(s, &v)];
            let spans = &words(&gpu, &[t, 4], spans.as_flattened());
            let (q, heads, group) = (&attended(t, &q), 1, t);
            let room = partial_attention(&gpu, t, (heads, d)).unwrap();
            let partials = room.as_ref();
            r.attention(Attention { q, cache, spans, heads, group, partials }, &y).unwrap();
        });
        let row = |i: usize| twins::attention(&q[i * d..(i + 1) * d], &k, &v, spans[i], d);
        let wanted: Vec<f32> = (0..t).flat_map(row).collect();
        check(&read(&gpu, &y), &wanted, OP)
            .unwrap_or_else(|e| panic!("{:?} kernels: {e}", gpu.kernels()));
    }
}

#[test]
fn as_many_shares_as_were_chosen_give_the_same() {
    for shares in [2, 4] {
        let Some(_) = gpu(Some(KernelFamily::Workgroup)) else { return };
        let tuning = Some(Tuning { shares, ..Tuning::of(KernelFamily::Workgroup) });
        let options = GpuOptions { tuning, checked_shaders: true, ..GpuOptions::default() };
        let gpu = Gpu::request(&options).unwrap();
        assert_eq!(gpu.tuning().shares, shares);
        check_attention(&gpu, (3, 64), 6, DType::F16, 1.0);
    }
}

/// Kernels of the attention of 16 rows, in groups of 16.
fn kernels(gpu: &Gpu, (heads, d): (usize, usize), partials: Option<&Tensor>) -> Vec<&'static str> {
    let attended = || Tensor::attended(gpu, "q", &[16, heads * d], DType::F32, d).unwrap();
    let (q, k, v) = (attended(), attended(), attended());
    let (spans, group) = (&words(gpu, &[16, 4], &[0; 64]), 16);
    let y = Tensor::multiplied(gpu, "y", &[16, heads * d]).unwrap();
    let mut r = Recorder::new(gpu);
    r.attention(Attention { q: &q, cache: [&k, &v], spans, heads, group, partials }, &y).unwrap();
    r.finish().unwrap().kernels().collect()
}

#[test]
fn gpus_split_the_keys_of_few_rows_where_there_is_room() {
    for gpu in gpus() {
        let room = |rows, heads| partial_attention(&gpu, rows, heads).unwrap();
        let small = (2, 64);
        if !gpu.kernels().is_for_gpus() {
            assert!(room(16, small).is_none(), "{:?}", gpu.kernels());
            continue;
        }
        let split = ["attention_split", "attention_merge"];
        assert_eq!(kernels(&gpu, small, room(16, small).as_ref()), split);
        assert_eq!(kernels(&gpu, small, room(15, small).as_ref()), ["attention_split"]);
        assert_eq!(kernels(&gpu, small, None), ["attention_split"]);
        // Workgroups have no memory for such queries.
        let memory = gpu.device().limits().max_compute_workgroup_storage_size as usize;
        let wide = (1, (memory / 16).next_multiple_of(8));
        assert_eq!(kernels(&gpu, wide, room(16, wide).as_ref()), ["attention_workgroup"]);
    }
}

#[test]
fn a_key_that_is_no_number_spoils_its_head_in_whichever_share_it_is() {
    let (t, s, heads, d) = (70, 300, 2, 32);
    let c = heads * d;
    // All rows together, which GPUs take tile by tile, and few.
    for (gpu, group) in gpus().flat_map(|gpu| [(gpu.clone(), t), (gpu, 14)]) {
        for spoiled in [5, 200, 299] {
            let attended = |rows: usize, x: &[f32]| {
                let tensor = Tensor::attended(&gpu, "test", &[rows, c], DType::F32, d).unwrap();
                tensor.write(&gpu, x).unwrap();
                tensor
            };
            let mut k = vec![0.25; s * c];
            k[spoiled * c + 5] = f32::NAN;
            let y = Tensor::multiplied(&gpu, "y", &[t, c]).unwrap();
            run(&gpu, |r| {
                let q = &attended(t, &vec![0.25; t * c]);
                let k = attended(s, &as_cached(q.memory(), &k, d, c));
                let cache = [&k, &attended(s, &vec![1.0; s * c])];
                let spans = &words(&gpu, &[t, 4], &[0, s as u32, 0, 0].repeat(t));
                let room = partial_attention(&gpu, t, (heads, d)).unwrap();
                let partials = room.as_ref();
                r.attention(Attention { q, cache, spans, heads, group, partials }, &y).unwrap();
            });
            for row in read::<f32>(&gpu, &y).chunks(c) {
                let (first, second) = row.split_at(d);
                assert!(first.iter().all(|x| x.is_nan()), "{spoiled} {:?}", gpu.kernels());
                let is_one = second.iter().all(|&x| (x - 1.0).abs() < OP);
                assert!(is_one, "{spoiled} {:?}", gpu.kernels());
            }
        }
    }
}
