//! The kernels of the backward pass, and the twins of gradients against finite differences.

use bdlm::gpu::{
    Activation, Attention, BackwardAttention, DType, Dropout, Epilogue, Gate, Gpu, Modulation,
    Norm, NormGradients, Sequences, Tensor, Vocabulary, Weight, column_sums_room,
    weight_gradient_room,
};

use crate::common::tolerances::{FINITE_DIFFERENCE, OP, PROBABILITY};
use crate::common::{check, gpus, twins};
use crate::rotary::{Heads, as_cached};
use crate::{Random, all_kernels_ran, multiplied, read, run, upload, words};

fn room(gpu: &Gpu, numbers: usize) -> Tensor {
    Tensor::padded(gpu, "partials", &[numbers.max(1)], DType::F32, 1).unwrap()
}

/// Rows of f32 that are no product's input.
fn rows(gpu: &Gpu, t: usize, numbers: &[f32]) -> Tensor {
    upload(gpu, &[t, numbers.len() / t], numbers)
}

/// The gradient of a sum by each of its numbers.
fn differences(x: &[f32], sum: impl Fn(&[f32]) -> f64) -> Vec<f32> {
    const STEP: f32 = 1e-2;
    let at = |i: usize, step: f32| {
        let mut moved = x.to_vec();
        moved[i] += step;
        sum(&moved)
    };
    (0..x.len()).map(|i| ((at(i, STEP) - at(i, -STEP)) / (2.0 * f64::from(STEP))) as f32).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// Products with weights that are stored the other way round, and with weights that were not packed.
pub fn check_transposed() {
    for gpu in gpus() {
        for (t, n, k) in [(1, 8, 8), (5, 24, 98), (17, 64, 33), (70, 136, 72), (18, 256, 200)] {
            let mut random = Random((t * n) as u64);
            let stride = usize::next_multiple_of(k, 8);
            let (w, y0) = (random.numbers(k * n), random.numbers(t * n));
            let mut x = random.numbers(t * stride);
            x.chunks_mut(stride).for_each(|row| row[k..].fill(0.0));
            let table = Tensor::multiplied(&gpu, "w", &[k.next_multiple_of(128), n]).unwrap();
            table.write(&gpu, &w).unwrap();
            let weight = Weight::of(&table.rows(0, k).unwrap()).unwrap();
            let y = upload(&gpu, &[t, n], &y0);
            run(&gpu, |r| {
                let (x, bias) =
                    (multiplied(&gpu, &[t, stride], &x), upload(&gpu, &[n], &vec![0.0f32; n]));
                let w = weight.transposed().unwrap();
                r.matmul(&x, &w, &bias, Epilogue::Residual, &y).unwrap();
            });
            let turned: Vec<f32> = (0..n)
                .flat_map(|n_at| (0..stride).map(move |k_at| (k_at, n_at)))
                .map(|(i, j)| if i < k { w[i * n + j] } else { 0.0 })
                .collect();
            let product = twins::matmul(&x, &turned, &vec![0.0; n], stride);
            let wanted: Vec<f32> = product.iter().zip(&y0).map(|(a, b)| a + b).collect();
            check(&read(&gpu, &y), &wanted, OP * (k as f32).sqrt())
                .unwrap_or_else(|e| panic!("{t} {n} {k} {:?}: {e}", gpu.kernels()));
            // The same table, the right way round.
            let y = upload(&gpu, &[t, stride], &vec![0.0f32; t * stride]);
            let (back, zeros) = (random.numbers(t * n), vec![0.0; stride]);
            run(&gpu, |r| {
                let (x, bias) = (multiplied(&gpu, &[t, n], &back), upload(&gpu, &[stride], &zeros));
                r.matmul(&x, &weight, &bias, Epilogue::Store, &y).unwrap();
            });
            let got: Vec<f32> = read(&gpu, &y);
            let got: Vec<f32> = got.chunks(stride).flat_map(|row| &row[..k]).copied().collect();
            check(&got, &twins::matmul(&back, &w, &zeros[..k], n), OP * (n as f32).sqrt())
                .unwrap_or_else(|e| panic!("{t} {n} {k} {:?}: {e}", gpu.kernels()));
        }
    }
}

#[test]
fn weight_gradient() {
    for gpu in gpus() {
        for (t, n, k) in
            [(1, 8, 8), (5, 98, 24), (64, 33, 64), (70, 16, 136), (333, 40, 72), (35, 130, 256)]
        {
            let mut random = Random((t * n) as u64);
            let stride = usize::next_multiple_of(n, 8);
            let (dy, x) = (random.numbers(t * stride), random.numbers(t * k));
            let dw0 = random.numbers(n * k);
            let dw = upload(&gpu, &[n, k], &dw0);
            run(&gpu, |r| {
                let (dy, x) = (multiplied(&gpu, &[t, stride], &dy), multiplied(&gpu, &[t, k], &x));
                let partials = room(&gpu, weight_gradient_room(&gpu, t, [n, k]));
                r.weight_gradient(&dy, &x, &partials, &dw).unwrap();
            });
            let wanted = twins::weight_gradient((&dy, stride), &x, [n, k], &dw0);
            let got = read::<f32>(&gpu, &dw);
            check(&got, &wanted, OP * (t as f32).sqrt())
                .unwrap_or_else(|e| panic!("{t} {n} {k} {:?}: {e}", gpu.kernels()));
            let other = twins::weight_gradient((&dy, stride), &x, [n, k], &wanted);
            assert!(check(&got, &other, OP * (t as f32).sqrt()).is_err(), "added once");
        }
    }
    all_kernels_ran("weight_gradient");
}

#[test]
fn column_sums() {
    for gpu in gpus() {
        for (t, c, n) in [(1, 8, 8), (7, 104, 98), (300, 40, 40), (2500, 8, 5)] {
            let mut random = Random((t * c) as u64);
            let (x, y0) = (random.numbers(t * c), random.numbers(n));
            let x: Vec<f32> = // Nothing is in the padding.
                x.iter().enumerate().map(|(i, &x)| if i % c < n { x } else { 0.0 }).collect();
            for x_tensor in [multiplied(&gpu, &[t, c], &x), rows(&gpu, t, &x)] {
                let y = upload(&gpu, &[n], &y0);
                let partials = room(&gpu, column_sums_room(c));
                run(&gpu, |r| r.column_sums(&x_tensor, &partials, &y).unwrap());
                check(&read(&gpu, &y), &twins::column_sums(&x, c, &y0), OP * (t as f32).sqrt())
                    .unwrap_or_else(|e| panic!("{t} {c} {n} {:?}: {e}", gpu.kernels()));
            }
        }
    }
    all_kernels_ran("column_sums");
}

#[test]
fn sum_rows() {
    for gpu in gpus() {
        for (t, c) in [(1, 8), (9, 72), (40, 256)] {
            let mut random = Random(c as u64);
            let (x, y0) = (random.numbers(t * c), random.numbers(4 * c));
            let order: Vec<u32> = (0..t as u32).rev().collect();
            let half = t as u32 / 2;
            let targets = [[0, half, 2, 0], [half, t as u32, 0, 0], [0, 0, 3, 0]];
            for add in [true, false] {
                let y = upload(&gpu, &[4, c], &y0);
                run(&gpu, |r| {
                    let order = words(&gpu, &[t], &order);
                    let targets = words(&gpu, &[3, 4], targets.as_flattened());
                    r.sum_rows(&rows(&gpu, t, &x), (&order, &targets), add, &y).unwrap();
                });
                let mut before = y0.clone();
                for target in targets.iter().filter(|target| !add && target[0] < target[1]) {
                    before[target[2] as usize * c..][..c].fill(0.0);
                }
                let wanted = twins::sum_rows(&x, c, &order, &targets, &before);
                check(&read(&gpu, &y), &wanted, OP).unwrap();
            }
        }
    }
    all_kernels_ran("sum_rows");
}

#[test]
fn scatter() {
    for gpu in gpus() {
        for (t, r, c) in [(1, 1, 8), (9, 4, 72), (6, 6, 256)] {
            let x = Random(c as u64).numbers(r * c);
            let places: Vec<u32> = (0..t as u32)
                .map(|i| if i % 3 == 1 { u32::MAX } else { (7 * i + 1) % 6 })
                .collect();
            let y = rows(&gpu, t, &vec![9.0; t * c]);
            run(&gpu, |r_| {
                r_.scatter(&rows(&gpu, r, &x), &words(&gpu, &[t], &places), &y).unwrap();
            });
            assert_eq!(read::<f32>(&gpu, &y), twins::scatter(&x, c, &places));
        }
    }
    all_kernels_ran("scatter");
}

const ACTIVATIONS: [Activation; 2] = [Activation::GeluTanh, Activation::Silu];

/// Numbers near 0 and far from it.
fn wide(random: &mut Random, count: usize) -> Vec<f32> {
    let size = |i: usize| [1.0, 5.0, 60.0][i % 3];
    random.numbers(count).into_iter().enumerate().map(|(i, x)| x * size(i)).collect()
}

#[test]
fn activation() {
    for (gpu, f) in gpus().flat_map(|gpu| ACTIVATIONS.map(|f| (gpu.clone(), f))) {
        for (t, c) in [(1, 8), (7, 104)] {
            let x = wide(&mut Random(c as u64), t * c);
            for y in [multiplied(&gpu, &[t, c], &x), rows(&gpu, t, &x)] {
                run(&gpu, |r| r.activation(f, &rows(&gpu, t, &x), &y).unwrap());
                let is_silu = f == Activation::Silu;
                let wanted: Vec<f32> = x.iter().map(|&x| twins::activation(is_silu, x)).collect();
                check(&read(&gpu, &y), &wanted, 10.0 * OP).unwrap();
            }
        }
    }
    all_kernels_ran("activation");
}

#[test]
fn backward_activation() {
    for (gpu, f) in gpus().flat_map(|gpu| ACTIVATIONS.map(|f| (gpu.clone(), f))) {
        for (t, c) in [(1, 8), (7, 104)] {
            let mut random = Random(c as u64);
            let (x, dy) = (wide(&mut random, t * c), random.numbers(t * c));
            for dx in [multiplied(&gpu, &[t, c], &x), rows(&gpu, t, &x)] {
                run(&gpu, |r| {
                    r.backward_activation(f, &rows(&gpu, t, &x), &rows(&gpu, t, &dy), &dx).unwrap();
                });
                let silu = f == Activation::Silu;
                let one = |(&x, &dy)| twins::backward_activation(silu, x, dy);
                let wanted: Vec<f32> = x.iter().zip(&dy).map(one).collect();
                check(&read(&gpu, &dx), &wanted, OP).unwrap();
            }
        }
    }
    all_kernels_ran("backward_activation");
}

/// A gate in the middle of a modulation, and a draw of dropout with what it keeps.
struct Halves {
    x: Vec<f32>,
    z: Vec<f32>,
    modulation: Vec<f32>,
    draw: [u32; 4],
    kept: Vec<f32>,
}

const SITE: u32 = 3;

impl Halves {
    fn new(t: usize, c: usize, drops: bool) -> Halves {
        let mut random = Random((t + c) as u64);
        let draw = [5, 6, if drops { 1 << 30 } else { 0 }, (4f32 / 3.0).to_bits()];
        let kept = |i| match drops {
            true => twins::dropout(i, SITE, [draw[0], draw[1]], (draw[2], 4.0 / 3.0)),
            false => 1.0,
        };
        Halves {
            x: random.numbers(t * c),
            z: random.numbers(t * c),
            modulation: random.numbers(3 * c),
            draw,
            kept: (0..t * c).map(kept).collect(),
        }
    }
}

#[test]
fn gated() {
    for gpu in gpus() {
        for (t, c, drops) in [(1, 8, false), (9, 72, true), (40, 256, true)] {
            let h = Halves::new(t, c, drops);
            let y = rows(&gpu, t, &h.x);
            run(&gpu, |r| {
                let (x, z) = (rows(&gpu, t, &h.x), rows(&gpu, t, &h.z));
                let gate = Gate { tensor: &rows(&gpu, 1, &h.modulation), at: c };
                let dropout =
                    Dropout { draw: &words(&gpu, &[4], &h.draw), site: drops.then_some(SITE) };
                r.gated([&x, &z], gate, dropout, &y).unwrap();
            });
            let wanted = twins::gated(&h.x, &h.z, &h.modulation[c..2 * c], &h.kept);
            check(&read(&gpu, &y), &wanted, OP).unwrap();
            let dropped = h.kept.iter().filter(|&&kept| kept == 0.0).count() as f64;
            assert!(t * c < 1000 || (dropped / (t * c) as f64 - 0.25).abs() < 0.02, "{dropped}");
        }
    }
    all_kernels_ran("gated");
}

#[test]
fn backward_gated() {
    for gpu in gpus() {
        for (t, c, drops) in [(1, 8, false), (9, 72, true), (400, 40, true)] {
            let h = Halves::new(t, c, drops);
            let [dz, dgate] = twins::backward_gated(&h.x, &h.z, &h.modulation[c..2 * c], &h.kept);
            for multiplies in [false, true] {
                let made = |shape: [usize; 2], numbers: &[f32]| match multiplies {
                    true => multiplied(&gpu, &shape, numbers),
                    false => upload(&gpu, &shape, numbers),
                };
                let to = [made([t, c], &h.x), made([1, 3 * c], &h.modulation)];
                run(&gpu, |r| {
                    let (dy, z) = (rows(&gpu, t, &h.x), rows(&gpu, t, &h.z));
                    let gate = Gate { tensor: &rows(&gpu, 1, &h.modulation), at: c };
                    let draw = &words(&gpu, &[4], &h.draw);
                    let dropout = Dropout { draw, site: drops.then_some(SITE) };
                    let partials = room(&gpu, column_sums_room(c));
                    r.backward_gated([&dy, &z], gate, dropout, &partials, [&to[0], &to[1]])
                        .unwrap();
                });
                check(&read(&gpu, &to[0]), &dz, OP).unwrap();
                let got: Vec<f32> = read(&gpu, &to[1]);
                check(&got[c..2 * c], &dgate, OP * (t as f32).sqrt()).unwrap();
                assert_eq!(got[..c], h.modulation[..c], "the other chunks stay");
            }
        }
    }
    all_kernels_ran("backward_gated");
}

#[test]
fn backward_norm() {
    for gpu in gpus() {
        for (t, channels) in [(1, 8), (9, 71), (70, 104), (400, 40)] {
            let (c, mut random) = (usize::next_multiple_of(channels, 8), Random(t as u64));
            let mut padded = |rows: usize| -> Vec<f32> {
                let kept = |(i, x)| if i % c < channels { x } else { 0.0 };
                random.numbers(rows * c).into_iter().enumerate().map(kept).collect()
            };
            let (x, dy, weight, dx0) = (padded(t), padded(t), padded(1), padded(t));
            let (modulation, dweight0) = (padded(3), padded(1));
            let (shift_at, scale_at) = (2 * c, c);
            let scale = &modulation[scale_at..scale_at + c];
            let [dx, dweight, dshift, dscale] =
                twins::backward_norm(&x, &dy, (channels, 1e-5), &weight, scale);
            for (adds, multiplies) in [(true, true), (false, false)] {
                let got_dx = rows(&gpu, t, &dx0);
                let got_dweight = upload(&gpu, &[c], &dweight0);
                let dmodulation = match multiplies {
                    true => multiplied(&gpu, &[1, 3 * c], &modulation),
                    false => rows(&gpu, 1, &modulation),
                };
                run(&gpu, |r| {
                    let (x, y) = (&rows(&gpu, t, &x), &rows(&gpu, t, &x));
                    let (tensor, sequences) = (&rows(&gpu, 1, &modulation), Sequences::SHARED);
                    let modulation = Modulation { tensor, sequences };
                    let (weight, at) = (&upload(&gpu, &[c], &weight), [shift_at, scale_at]);
                    let norm = Norm { x, channels, epsilon: 1e-5, weight, modulation, at, y };
                    let stats = &rows(&gpu, t, &vec![0.0; 2 * t]);
                    let partials = &room(&gpu, column_sums_room(2 * c));
                    let (dx, dweight, dmodulation) = (&got_dx, &got_dweight, &dmodulation);
                    let to = NormGradients { dx, adds, dweight, dmodulation, stats, partials };
                    r.backward_norm(norm, &rows(&gpu, t, &dy), to).unwrap();
                });
                let sums = OP * (t as f32).sqrt();
                let before = |x: f32| if adds { x } else { 0.0 };
                let dx: Vec<f32> = dx.iter().zip(&dx0).map(|(dx, &x)| dx + before(x)).collect();
                check(&read(&gpu, &got_dx), &dx, 10.0 * OP).unwrap();
                let dweight: Vec<f32> = dweight.iter().zip(&dweight0).map(|(a, b)| a + b).collect();
                check(&read(&gpu, &got_dweight), &dweight, 10.0 * sums).unwrap();
                let got: Vec<f32> = read(&gpu, &dmodulation);
                check(&got[shift_at..shift_at + c], &dshift, sums).unwrap();
                check(&got[scale_at..scale_at + c], &dscale, 10.0 * sums).unwrap();
                assert_eq!(got[..c], modulation[..c], "the other chunks stay");
            }
        }
    }
    all_kernels_ran("backward_norm");
}

#[test]
fn backward_rotary() {
    for gpu in gpus() {
        for (t, heads) in
            [(1, Heads::alike(1, 8)), (5, Heads::alike(3, 24)), (3, Heads::grouped(4, 2, 64))]
        {
            let ([c, keys, _], d) = (heads.columns(), heads.width);
            let mut random = Random(t as u64);
            let [dq, dk, dv] = [c, keys, keys].map(|columns| random.numbers(t * columns));
            let angles = random.numbers(t * d);
            for dqkv in [true, false].map(|multiplies| {
                let shape = [t, c + 2 * keys];
                match multiplies {
                    true => multiplied(&gpu, &shape, &[]),
                    false => upload::<f32>(&gpu, &shape, &[]),
                }
            }) {
                run(&gpu, |r| {
                    let [dq, dk, dv] = [&dq, &dk, &dv].map(|x| rows(&gpu, t, x));
                    r.backward_rotary([&dq, &dk, &dv], &rows(&gpu, t, &angles), &dqkv).unwrap();
                });
                let row = |i: usize| -> Vec<f32> {
                    let cut = |x: &[f32], n: usize| x[i * n..(i + 1) * n].to_vec();
                    let turned = |x: &[f32], n| {
                        twins::backward_rotary(&cut(x, n), &angles[i * d..(i + 1) * d], d)
                    };
                    [turned(&dq, c), turned(&dk, keys), cut(&dv, keys)].concat()
                };
                let wanted: Vec<f32> = (0..t).flat_map(row).collect();
                check(&read(&gpu, &dqkv), &wanted, OP).unwrap();
            }
        }
    }
    all_kernels_ran("backward_rotary");
}

/// Two groups of rows, each of which sees its own keys: blocks of three, and all keys before.
fn spans(group: usize) -> (Vec<[u32; 4]>, Vec<[u32; 4]>) {
    let place = |i: usize| {
        let (first, at) = (i / group * group, i % group);
        let (own, end) = (at / 3 * 3, (at / 3 * 3 + 3).min(group));
        [first, first + own, first + end, first + group].map(|x| x as u32)
    };
    let rows = (0..2 * group).map(place);
    let sees = rows.clone().map(|[first, own, end, _]| [first, own, own, end]);
    let seen = rows.map(|[_, own, end, last]| [own, end, end, last]);
    (sees.collect(), seen.collect())
}

fn check_backward_attention(gpu: &Gpu, heads: Heads, group: usize) {
    let (t, d, [c, keys, _]) = (2 * group, heads.width, heads.columns());
    let mut random = Random((d + group) as u64);
    let [q, dy, k, v] = [c, c, keys, keys].map(|columns| random.numbers(t * columns));
    let (spans, seen) = spans(group);
    let scale = 1.0 / (d as f32).sqrt();
    let wanted =
        twins::backward_attention((&q, &dy), [&k, &v], &spans, (heads.keys, d), f64::from(scale));
    let attended = |columns: usize, x: &[f32]| {
        let tensor = Tensor::attended(gpu, "test", &[t, columns], DType::F32, d).unwrap();
        tensor.write(gpu, x).unwrap();
        tensor
    };
    let got = [c, keys, keys].map(|columns| upload::<f32>(gpu, &[t, columns], &[]));
    run(gpu, |r| {
        let (q, dy) = (&attended(c, &q), &attended(c, &dy));
        let cached = |x: &[f32]| attended(keys, &as_cached(q.memory(), x, d, keys));
        let (k, v) = (&cached(&k), &cached(&v));
        let [spans, seen] = [&spans, &seen].map(|spans| words(gpu, &[t, 4], spans.as_flattened()));
        let (cache, spans, window, partials) = ([k, v], &spans, t, None);
        let rows =
            Attention { q, cache, spans, heads: heads.queries, scale, group, window, partials };
        let y = &Tensor::multiplied(gpu, "y", &[t, c]).unwrap();
        r.attention(rows, y).unwrap();
        let stats = &upload::<f32>(gpu, &[t, 2 * heads.queries], &[]);
        let [dq, dk, dv] = &got;
        let to = BackwardAttention { seen: &seen, y, dy, stats, dq, dk, dv };
        r.backward_attention(rows, to).unwrap();
    });
    for (what, (got, wanted)) in ["dq", "dk", "dv"].into_iter().zip(got.iter().zip(&wanted)) {
        let got: Vec<f32> = read(gpu, got);
        check(&got, wanted, OP * (d as f32).sqrt())
            .unwrap_or_else(|e| panic!("{what}, {heads:?}, {group}, {:?}: {e}", gpu.kernels()));
        let turned: Vec<f32> = wanted.chunks(d).rev().flatten().copied().collect();
        assert!(check(&got, &turned, OP * (d as f32).sqrt()).is_err() || t * heads.keys < 3);
    }
}

#[test]
fn backward_attention() {
    for gpu in gpus() {
        for (heads, group) in [
            (Heads::alike(1, 8), 1),
            (Heads::alike(2, 16), 5),
            (Heads::alike(3, 64), 40),
            (Heads::alike(1, 48), 100),
            (Heads::grouped(4, 2, 24), 17),
            (Heads::grouped(2, 1, 128), 9),
            (Heads::alike(1, 256), 12),
        ] {
            check_backward_attention(&gpu, heads, group);
        }
    }
    all_kernels_ran("backward_attention");
}

#[test]
fn backward_cross_entropy() {
    for gpu in gpus() {
        for (v, spread) in [(5, 2.0), (98, 5.0), (4097, 20.0)] {
            let (t, stride, mut random) = (3, usize::next_multiple_of(v, 8), Random(v as u64));
            let logits: Vec<f32> = random.numbers(t * v).iter().map(|x| x * spread).collect();
            let mut held = vec![1e9; t * stride];
            for (row, held) in logits.chunks(v).zip(held.chunks_mut(stride)) {
                held[..v].copy_from_slice(row);
            }
            let (targets, weights) = ([0, v as u32 - 2, v as u32 / 2], [1.0, 0.0, 2.5]);
            // With a mask token and without one.
            for (mask_id, multiplies) in [(v as u32 - 1, true), (v as u32, false)] {
                let losses = upload::<f32>(&gpu, &[t], &[]);
                let dlogits = match multiplies {
                    true => multiplied(&gpu, &[t, stride], &[]),
                    false => upload::<f32>(&gpu, &[t, stride], &[]),
                };
                run(&gpu, |r| {
                    let rows = [words(&gpu, &[t], &targets), upload(&gpu, &[t], &weights)];
                    let vocabulary = Vocabulary { size: v, mask_id, counted: None };
                    let (logits, to) = (rows_of(&gpu, t, &held), [&losses, &dlogits]);
                    r.backward_cross_entropy(&logits, [&rows[0], &rows[1]], vocabulary, to)
                        .unwrap();
                });
                let mask = mask_id as usize;
                let wanted = twins::cross_entropy(&logits, v, mask, &targets);
                check(&read(&gpu, &losses), &wanted, PROBABILITY).unwrap();
                let wanted = twins::backward_cross_entropy(&logits, v, mask, &targets, &weights);
                let got: Vec<f32> = read(&gpu, &dlogits);
                assert!(got.chunks(stride).all(|row| row[v..].iter().all(|&x| x == 0.0)));
                let got: Vec<f32> = got.chunks(stride).flat_map(|row| &row[..v]).copied().collect();
                check(&got, &wanted, PROBABILITY).unwrap();
            }
        }
    }
    all_kernels_ran("backward_cross_entropy");
}

fn rows_of(gpu: &Gpu, t: usize, numbers: &[f32]) -> Tensor {
    rows(gpu, t, numbers)
}

#[test]
fn the_twins_of_gradients_agree_with_finite_differences() {
    let mut random = Random(11);
    let near = |got: &[f32], wanted: &[f32]| check(got, wanted, FINITE_DIFFERENCE);
    let (c, weight, scale) = (8, random.numbers(8), random.numbers(8));
    let (x, dy, shift) = (random.numbers(2 * c), random.numbers(2 * c), random.numbers(c));
    let norm = |x: &[f32], weight: &[f32], shift: &[f32], scale: &[f32]| -> f64 {
        let rows = x.chunks(c).flat_map(|row| twins::norm(row, (7, 1e-5), weight, [shift, scale]));
        let kept = rows.enumerate().map(|(i, y)| if i % c < 7 { y } else { 0.0 });
        dot(&kept.collect::<Vec<f32>>(), &dy)
    };
    let zero = |numbers: &[f32]| -> Vec<f32> {
        numbers.iter().enumerate().map(|(i, &x)| if i % c < 7 { x } else { 0.0 }).collect()
    };
    let found = twins::backward_norm(&x, &zero(&dy), (7, 1e-5), &weight, &scale);
    near(&found[0], &zero(&differences(&x, |x| norm(x, &weight, &shift, &scale)))).unwrap();
    near(&zero(&found[1]), &differences(&weight, |w| norm(&x, w, &shift, &scale))).unwrap();
    near(&found[2], &differences(&shift, |s| norm(&x, &weight, s, &scale))).unwrap();
    near(&zero(&found[3]), &differences(&scale, |s| norm(&x, &weight, &shift, s))).unwrap();

    for is_silu in [false, true] {
        let all = |x: &[f32]| x.iter().map(|&x| twins::activation(is_silu, x)).collect::<Vec<_>>();
        let one = |(&x, &dy)| twins::backward_activation(is_silu, x, dy);
        let found: Vec<f32> = x.iter().zip(&dy).map(one).collect();
        near(&found, &differences(&x, |x| dot(&all(x), &dy))).unwrap();
        assert!(near(&dy, &differences(&x, |x| dot(&all(x), &dy))).is_err());
    }

    let (d, (spans, _)) = (4, spans(4));
    let [q, dy, k, v] = [16, 16, 8, 8].map(|columns| random.numbers(8 * columns));
    let attended = |q: &[f32], k: &[f32], v: &[f32]| -> f64 {
        let row =
            |i: usize| twins::attention(&q[16 * i..16 * (i + 1)], [k, v], spans[i], (2, d), 0.5);
        dot(&(0..8).flat_map(row).collect::<Vec<f32>>(), &dy)
    };
    let found = twins::backward_attention((&q, &dy), [&k, &v], &spans, (2, d), 0.5);
    near(&found[0], &differences(&q, |q| attended(q, &k, &v))).unwrap();
    near(&found[1], &differences(&k, |k| attended(&q, k, &v))).unwrap();
    near(&found[2], &differences(&v, |v| attended(&q, &k, v))).unwrap();

    let (logits, targets, weights) = (random.numbers(10), [1, 3], [0.5, 2.0]);
    let loss = |l: &[f32]| dot(&twins::cross_entropy(l, 5, 4, &targets), &weights);
    let found = twins::backward_cross_entropy(&logits, 5, 4, &targets, &weights);
    near(&found, &differences(&logits, loss)).unwrap();
}
