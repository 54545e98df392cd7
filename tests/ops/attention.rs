//! Attention, in one piece and in shares.

use bdlm::gpu::{
    Attention, Commands, DType, Gpu, GpuOptions, KernelFamily, Readback, Recorder, Tensor, Tuning,
    partial_attention,
};
use half::f16;

use crate::common::{check, gpu, gpus, tolerances::OP, twins};
use crate::rotary::{CACHES, Heads, as_cached};
use crate::{Random, all_kernels_ran, read, run, words};

/// So many keys that GPUs split them.
const MANY: usize = 1 << 20;

/// Attention of two groups of rows with random spans of at most 300 slots.
pub fn check_attention(gpu: &Gpu, heads: Heads, group: usize, dtype: DType, size: f32) {
    let (t, s, d, [c, keys, _]) = (2 * group, 300, heads.width, heads.columns());
    let mut random = Random((d + group) as u64);
    let mut scaled = |count| random.numbers(count).iter().map(|x| x * size).collect::<Vec<f32>>();
    let (q, k, v) = (scaled(t * c), scaled(s * keys), scaled(s * keys));
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
    let attended = |shape: [usize; 2], dtype, x: &[f32]| {
        let tensor = Tensor::attended(gpu, "test", &shape, dtype, d).unwrap();
        match dtype {
            DType::F32 => tensor.write(gpu, x).unwrap(),
            _ => {
                let halves: Vec<f16> = x.iter().map(|&x| f16::from_f32(x)).collect();
                tensor.write(gpu, &halves).unwrap();
            }
        }
        tensor
    };
    let room = partial_attention(gpu, t, (heads.queries, d)).unwrap();
    // As if three numbers of each head were padding.
    let scale = 1.0 / ((d - 3) as f32).sqrt();
    let (held_k, held_v) = (held(&k), held(&v));
    let row = |i: usize| {
        let (q, held) = (&q[i * c..(i + 1) * c], [held_k.as_slice(), &held_v]);
        twins::attention(q, held, spans[i], (heads.keys, d), f64::from(scale))
    };
    let wanted: Vec<f32> = (0..t).flat_map(row).collect();
    // In one piece, and in shares where there are any.
    let pieces = [(s, None), (MANY, room.as_ref())];
    for (window, partials) in pieces.into_iter().take(1 + usize::from(room.is_some())) {
        let y = Tensor::multiplied(gpu, "y", &[t, c]).unwrap();
        run(gpu, |r| {
            let spans = &words(gpu, &[t, 4], spans.as_flattened());
            let q = &attended([t, c], DType::F32, &q);
            let cached = |x: &[f32]| attended([s, keys], dtype, &as_cached(q.memory(), x, d, keys));
            let (k, v, heads) = (&cached(&k), &cached(&v), heads.queries);
            let rows = Attention { q, cache: [k, v], spans, heads, scale, group, window, partials };
            r.attention(rows, &y).unwrap();
        });
        let (got, tolerance) = (read::<f32>(gpu, &y), OP * size * size.max(1.0));
        check(&got, &wanted, tolerance).unwrap_or_else(|e| {
            panic!("{heads:?}, groups of {group}, {dtype:?}, {:?}, {window}: {e}", gpu.kernels())
        });
        let turned: Vec<f32> = wanted.chunks(d).rev().flatten().copied().collect();
        let is_one = heads.queries * t == 1;
        assert!(is_one || check(&got, &turned, tolerance).is_err(), "other heads are rejected");
    }
}

#[test]
fn attention() {
    for (gpu, dtype) in gpus().flat_map(|gpu| CACHES.map(|dtype| (gpu.clone(), dtype))) {
        for (count, d) in [(2, 8), (3, 16), (1, 24), (2, 32), (3, 64), (2, 96), (1, 128), (1, 256)]
        {
            [1, 3, 4, 8, 16].iter().for_each(|&group| {
                check_attention(&gpu, Heads::alike(count, d), group, dtype, 1.0);
            });
        }
        // Whole sequences, which GPUs take tile by tile.
        for (count, d) in [(2, 16), (1, 24), (2, 32), (3, 64), (1, 128)] {
            let group = if d == 16 { 150 } else { 70 };
            check_attention(&gpu, Heads::alike(count, d), group, dtype, 1.0);
        }
        // Scores of some hundreds: the softmax must not overflow.
        check_attention(&gpu, Heads::alike(2, 32), 13, dtype, 8.0);
        check_attention(&gpu, Heads::alike(2, 32), 77, dtype, 8.0);
    }
    all_kernels_ran("attention");
}

#[test]
fn query_heads_share_key_heads_of_any_width() {
    for (gpu, dtype) in gpus().flat_map(|gpu| CACHES.map(|dtype| (gpu.clone(), dtype))) {
        for (queries, keys, d) in [
            (4, 1, 8),
            (6, 2, 16),
            (4, 2, 24),
            (6, 2, 40),
            (4, 1, 48),
            (6, 3, 64),
            (2, 1, 72),
            (3, 1, 136),
            (4, 2, 200),
            (2, 1, 256),
        ] {
            for group in [1, 5, 16] {
                check_attention(&gpu, Heads::grouped(queries, keys, d), group, dtype, 1.0);
            }
        }
        for (queries, keys, d) in [(6, 2, 16), (4, 1, 64), (2, 1, 40), (4, 2, 128)] {
            check_attention(&gpu, Heads::grouped(queries, keys, d), 70, dtype, 1.0);
        }
    }
}

#[test]
fn attention_over_a_long_window_sees_all_of_it() {
    let (d, s, t) = (64, 8192, 8);
    let mut random = Random(3);
    let (q, k, v) = (random.numbers(t * d), random.numbers(s * d), random.numbers(s * d));
    let spans = [[0, s as u32, 0, 0]; 8];
    // In one piece, and in shares where there are any.
    for (gpu, window) in gpus().flat_map(|gpu| [(gpu.clone(), 1), (gpu, s)]) {
        let y = Tensor::multiplied(&gpu, "y", &[t, d]).unwrap();
        run(&gpu, |r| {
            let attended = |rows, x: &[f32]| {
                let tensor = Tensor::attended(&gpu, "test", &[rows, d], DType::F32, d).unwrap();
                tensor.write(&gpu, x).unwrap();
                tensor
            };
            let cache = [&attended(s, &k), &attended(s, &v)];
            let spans = &words(&gpu, &[t, 4], spans.as_flattened());
            let (q, heads, scale, group) = (&attended(t, &q), 1, 0.125, t);
            let room = partial_attention(&gpu, t, (heads, d)).unwrap();
            let partials = room.as_ref();
            let rows = Attention { q, cache, spans, heads, scale, group, window, partials };
            r.attention(rows, &y).unwrap();
        });
        let row =
            |i: usize| twins::attention(&q[i * d..(i + 1) * d], [&k, &v], spans[i], (1, d), 0.125);
        let wanted: Vec<f32> = (0..t).flat_map(row).collect();
        check(&read(&gpu, &y), &wanted, OP)
            .unwrap_or_else(|e| panic!("{:?} kernels: {e}", gpu.kernels()));
    }
}

#[test]
fn as_many_shares_as_were_chosen_give_the_same() {
    for shares in [1, 2, 4].map(Some) {
        let Some(_) = gpu(Some(KernelFamily::Workgroup)) else { return };
        let tuning = Some(Tuning { shares, ..Tuning::of(KernelFamily::Workgroup) });
        let options = GpuOptions { tuning, checked_shaders: true, ..GpuOptions::default() };
        let gpu = Gpu::request(&options).unwrap();
        assert_eq!(gpu.tuning().shares, shares);
        check_attention(&gpu, Heads::alike(3, 64), 6, DType::F16, 1.0);
    }
}

/// Kernels of the attention of 16 rows, in groups of 16, which see as many as `window` keys.
fn kernels(
    gpu: &Gpu,
    (heads, d): (usize, usize),
    (window, partials): (usize, Option<&Tensor>),
) -> Vec<&'static str> {
    let attended = || Tensor::attended(gpu, "q", &[16, heads * d], DType::F32, d).unwrap();
    let (q, k, v) = (attended(), attended(), attended());
    let (spans, group) = (&words(gpu, &[16, 4], &[0; 64]), 16);
    let y = Tensor::multiplied(gpu, "y", &[16, heads * d]).unwrap();
    let mut r = Recorder::new(gpu);
    let (q, cache, scale) = (&q, [&k, &v], 1.0);
    let rows = Attention { q, cache, spans, heads, scale, group, window, partials };
    r.attention(rows, &y).unwrap();
    r.finish().unwrap().kernels().collect()
}

#[test]
fn gpus_split_many_keys_of_few_rows_where_there_is_room() {
    for gpu in gpus() {
        let room = |rows, heads| partial_attention(&gpu, rows, heads).unwrap();
        let small = (2, 64);
        if !gpu.kernels().is_for_gpus() {
            assert!(room(16, small).is_none(), "{:?}", gpu.kernels());
            continue;
        }
        let split = ["attention_split", "attention_merge"];
        assert_eq!(kernels(&gpu, small, (MANY, room(16, small).as_ref())), split);
        assert_eq!(kernels(&gpu, small, (MANY, room(15, small).as_ref())), ["attention_joined"]);
        assert_eq!(kernels(&gpu, small, (1024, room(16, small).as_ref())), ["attention_joined"]);
        assert_eq!(kernels(&gpu, small, (1024, None)), ["attention_joined"]);
        // Workgroups have no memory for such queries.
        let memory = gpu.device().limits().max_compute_workgroup_storage_size as usize;
        let wide = (1, (memory / 16).next_multiple_of(8));
        for window in [1024, MANY] {
            let room = room(16, wide);
            assert_eq!(kernels(&gpu, wide, (window, room.as_ref())), ["attention_workgroup"]);
        }
    }
}

#[test]
fn a_key_that_is_no_number_spoils_its_head_in_whichever_share_it_is() {
    let (t, s, heads, d) = (70, 300, 2, 32);
    let c = heads * d;
    // All rows together, which GPUs take tile by tile, and few.
    for (gpu, (group, window)) in
        gpus().flat_map(|gpu| [(t, s), (14, s), (14, MANY)].map(|sizes| (gpu.clone(), sizes)))
    {
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
                let (partials, scale) = (room.as_ref(), 1.0);
                let rows = Attention { q, cache, spans, heads, scale, group, window, partials };
                r.attention(rows, &y).unwrap();
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

#[test]
fn a_view_of_a_cache_is_refused_where_it_would_be_read_from_its_beginning() {
    let Some(gpu) = gpu(Some(KernelFamily::Outer)) else { return };
    let cache = Tensor::attended(&gpu, "cache", &[128, 16], DType::F32, 16).unwrap();
    let (q, spans) = (&cache.rows(0, 1).unwrap(), &words(&gpu, &[1, 4], &[0, 1, 0, 0]));
    let later = cache.rows(64, 64).unwrap();
    let y = Tensor::multiplied(&gpu, "y", &[1, 16]).unwrap();
    let is_recorded = |keys: &Tensor| {
        let (cache, window, partials) = ([keys, keys], 1, None);
        let rows = Attention { q, cache, spans, heads: 1, scale: 1.0, group: 1, window, partials };
        Recorder::new(&gpu).attention(rows, &y).is_ok()
    };
    assert!(is_recorded(&cache));
    assert!(!is_recorded(&later));
    let staging = Readback::new(&gpu, 4);
    let read = Commands::new(&gpu);
    assert!(pollster::block_on(read.read::<f32>(&later, 1, &staging)).is_err());
}

#[test]
fn rows_that_are_no_whole_groups_and_heads_that_are_no_eights_are_refused() {
    for gpu in gpus() {
        let attended = |shape: &[usize]| Tensor::attended(&gpu, "q", shape, DType::F32, 8).unwrap();
        let (spans, y) = (&words(&gpu, &[6, 4], &[0; 24]), &attended(&[6, 24]));
        let (q, kv) = (&attended(&[6, 24]), attended(&[4, 24]));
        let refused = |heads, group| {
            let (cache, scale, window, partials) = ([&kv, &kv], 1.0, 4, None);
            let rows = Attention { q, cache, spans, heads, scale, group, window, partials };
            let refused = Recorder::new(&gpu).attention(rows, y);
            refused.err().map(|e| e.to_string())
        };
        assert_eq!(refused(3, 3), None);
        assert_eq!(refused(3, 0).unwrap(), "a group of rows has shape [0], expected [6]");
        assert_eq!(refused(3, 4).unwrap(), "q has shape [6, 24], expected [8, 24]");
        assert_eq!(refused(2, 3).unwrap(), "q has shape [6, 24], expected [6, 32]");
    }
}
