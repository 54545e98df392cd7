//! Cells that are distributions over the vocabulary: simplex, pick, renoise.

use bdlm::gpu::layout::STEP_WORDS;
use bdlm::gpu::{Choice, DType, Gpu, SimplexCells, Tensor, Vocabulary};
use bdlm::sample::{BlockSize, Nucleus, Sampling, StepUniform};

use crate::common::fixtures::Cases;
use crate::common::tolerances::{OP, PROBABILITY};
use crate::common::{check, chi_square, gpus, twins};
use crate::{Random, all_kernels_ran, multiplied, read, run, upload, words};

/// Rows of logits, as they are held: behind the vocabulary are numbers that must not matter.
fn padded(rows: &[f32], v: usize) -> Vec<f32> {
    let row = |row: &[f32]| {
        let mut row = row.to_vec();
        row.resize(v.next_multiple_of(4), 1e9);
        row
    };
    rows.chunks(v).flat_map(row).collect()
}

#[test]
fn simplex() {
    for gpu in gpus() {
        for (t, v) in [(1, 1), (3, 7), (5, 300), (2, 1001)] {
            let mut random = Random((t * v) as u64);
            let rows: Vec<f32> = random.numbers(t * v).iter().map(|x| 20.0 * x).collect();
            let (columns, held) = (v.next_multiple_of(4), v.next_multiple_of(8));
            let x = upload(&gpu, &[t, columns], &padded(&rows, v));
            let y = multiplied(&gpu, &[t, held], &vec![7.0; t * held]);
            run(&gpu, |r| r.simplex(&x, v, &y).unwrap());
            let wanted: Vec<f32> =
                rows.chunks(v).flat_map(|row| twins::simplex(row, v, held)).collect();
            check(&read(&gpu, &y), &wanted, OP)
                .unwrap_or_else(|e| panic!("{t} x {v} {:?}: {e}", gpu.kernels()));
        }
    }
    all_kernels_ran("simplex");
}

/// Cells and what their kernels read.
struct Cells {
    of: SimplexCells,
    logits: Tensor,
    state: Tensor,
    uniforms: Tensor,
}

impl Cells {
    /// `t` cells whose rows of logits begin with the one of cell `first`.
    fn new(gpu: &Gpu, (rows, v): (&[f32], usize), first: usize, uniform: StepUniform) -> Cells {
        let t = first + rows.len() / v;
        let columns = v.next_multiple_of(4);
        let keys: Vec<u32> = (0..t as u32).flat_map(|i| [3, 5, i, 0]).collect();
        let step = Tensor::from_slice(gpu, "step", &[STEP_WORDS], DType::U32, &[uniform]).unwrap();
        let of = SimplexCells {
            keys: words(gpu, &[t, 4], &keys),
            limits: words(gpu, &[t, 2], &vec![0; 2 * t]),
            chosen: words(gpu, &[t], &vec![0; t]),
            step,
            choice: Choice::Drawn,
            filtered: false,
            given: true,
            drawn_ids: v,
        };
        Cells {
            of,
            logits: upload(gpu, &[t - first, columns], &padded(rows, v)),
            state: upload(gpu, &[t, columns], &vec![0.5f32; t * columns]),
            uniforms: upload(gpu, &[t], &vec![0.5f32; t]),
        }
    }

    /// The tokens that a nucleus keeps, cell by cell.
    fn kept(&self, gpu: &Gpu, rows: &[f32], v: usize) -> Vec<Vec<bool>> {
        let limits: Vec<u32> = read(gpu, &self.of.limits);
        let passes = |t: usize, id: usize, logit: f32| {
            let bits = logit.to_bits();
            let key = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
            let (limit, upto) = (limits[2 * t], limits[2 * t + 1]);
            key > limit || key == limit && (id as u32) < upto
        };
        let row = |(t, row): (usize, &[f32])| {
            row.iter().enumerate().map(|(id, &logit)| passes(t, id, logit)).collect()
        };
        rows.chunks(v).enumerate().map(row).collect()
    }
}

fn uniform(top_p: f32) -> StepUniform {
    let sampling = Sampling { top_p, nucleus: Nucleus::Crossing, ..Sampling::default() };
    let uniform = sampling.uniform(4, BlockSize { cells: 1, masked: 1 });
    StepUniform { signal: 3.0, spread: 4.0, ..uniform }
}

/// The nucleus of each row into the cells' limits.
fn filter(gpu: &Gpu, cells: &Cells, v: usize) {
    let t = cells.of.chosen.dim(0);
    let masked = words(gpu, &[t], &(0..t as u32).collect::<Vec<_>>());
    let vocabulary = Vocabulary { size: v, mask_id: v as u32, counted: None };
    let Cells { of, logits, .. } = cells;
    run(gpu, |r| r.threshold(logits, &masked, &of.step, vocabulary, &of.limits).unwrap());
}

#[test]
fn pick() {
    for gpu in gpus() {
        for (t, v, first) in [(1, 1, 0), (4, 7, 0), (6, 300, 0), (2, 40_000, 0), (3, 98, 2)] {
            let mut random = Random((t * v) as u64);
            let rows: Vec<f32> = random.numbers(t * v).iter().map(|x| 9.0 * x).collect();
            let drawn: Vec<f32> =
                random.numbers(t + first).iter().map(|x| 0.5 + 0.499 * x).collect();
            for filtered in [false, true] {
                let top_p = if filtered && first == 0 { 0.8 } else { 1.0 };
                let mut cells = Cells::new(&gpu, (&rows, v), first, uniform(top_p));
                cells.of.filtered = filtered && first == 0;
                cells.uniforms.write(&gpu, &drawn).unwrap();
                let mut kept = vec![vec![true; v]; t];
                if cells.of.filtered {
                    filter(&gpu, &cells, v);
                    kept = cells.kept(&gpu, &rows, v);
                }
                let Cells { of, logits, uniforms, .. } = &cells;
                run(&gpu, |r| r.pick(logits, first, of, uniforms).unwrap());
                let got: Vec<u32> = read(&gpu, &of.chosen);
                for (i, row) in rows.chunks(v).enumerate() {
                    let u = f64::from(drawn[first + i]);
                    let (wanted, near) = twins::pick(row, &kept[i], u);
                    let is_tie = near < f64::from(PROBABILITY) / 10.0;
                    let found = got[first + i] as usize;
                    assert!(
                        found == wanted || is_tie,
                        "{t} x {v}, row {i}: {found}, not {wanted}, {:?}",
                        gpu.kernels()
                    );
                }
                cells.of.choice = Choice::Likeliest;
                run(&gpu, |r| r.pick(&cells.logits, first, &cells.of, &cells.uniforms).unwrap());
                let got: Vec<u32> = read(&gpu, &cells.of.chosen);
                let likeliest = |row: &[f32]| twins::candidates(row, v)[0] as u32;
                let wanted: Vec<u32> = rows.chunks(v).map(likeliest).collect();
                assert_eq!(got[first..], wanted, "{t} x {v} {:?}", gpu.kernels());
            }
        }
    }
    all_kernels_ran("pick");
}

#[test]
fn renoise() {
    for gpu in gpus() {
        for (t, v, first) in [(1, 1, 0), (4, 7, 0), (6, 300, 0), (3, 98, 2)] {
            let mut random = Random((t * v) as u64);
            let rows: Vec<f32> = random.numbers(t * v).iter().map(|x| 9.0 * x).collect();
            for (choice, given) in [
                (Choice::Drawn, true),
                (Choice::Drawn, false),
                (Choice::Kept, true),
                (Choice::Kept, false),
            ] {
                let filtered = first == 0;
                let mut cells = Cells::new(&gpu, (&rows, v), first, uniform(0.7));
                cells.of = SimplexCells { choice, given, filtered, ..cells.of };
                let mut kept = vec![vec![true; v]; t];
                if filtered {
                    filter(&gpu, &cells, v);
                    kept = cells.kept(&gpu, &rows, v);
                }
                let chosen: Vec<u32> = (0..first + t).map(|i| (i * 5 % v) as u32).collect();
                cells.of.chosen.write(&gpu, &chosen).unwrap();
                let Cells { of, logits, state, .. } = &cells;
                run(&gpu, |r| r.renoise(logits, first, of, state).unwrap());
                let columns = v.next_multiple_of(4);
                let got: Vec<f32> = read(&gpu, state);
                for i in 0..t {
                    let key = [3, 5, (first + i) as u32, 0];
                    let noise = match given {
                        true => vec![0.5; v],
                        false => twins::normals(key, 4, v),
                    };
                    let is_one: Vec<bool> = match choice {
                        Choice::Kept => kept[i].clone(),
                        _ => (0..v).map(|id| id as u32 == chosen[first + i]).collect(),
                    };
                    let wanted = twins::renoise(&is_one, [3.0, 4.0], &noise);
                    let at = (first + i) * columns;
                    // Logarithms, roots and sines of a GPU, times the deviation.
                    check(&got[at..at + v], &wanted, 1e-3)
                        .unwrap_or_else(|e| panic!("{choice:?} {given} {:?}: {e}", gpu.kernels()));
                }
                assert!(got[..first * columns].iter().all(|&x| x == 0.5), "others stay");
            }
        }
    }
    all_kernels_ran("renoise");
}

#[test]
fn noise_is_normal_and_of_no_two_cells_or_steps_the_same() {
    let (t, v) = (40, 2000);
    for gpu in gpus() {
        let noise = |step: u32| -> Vec<f32> {
            let uniform = StepUniform { step, signal: 0.0, spread: 1.0, ..uniform(1.0) };
            let mut cells = Cells::new(&gpu, (&vec![0.0; t * v], v), 0, uniform);
            cells.of.given = false;
            let Cells { of, logits, state, .. } = &cells;
            run(&gpu, |r| r.renoise(logits, 0, of, state).unwrap());
            read(&gpu, &cells.state)
        };
        let numbers = noise(4);
        let n = numbers.len() as f64;
        let moment =
            |power: i32| numbers.iter().map(|&x| f64::from(x).powi(power)).sum::<f64>() / n;
        let deviations = [moment(1), moment(2) - 1.0, moment(3), moment(4) - 3.0];
        // Four deviations of each moment's mean.
        for (got, variance) in deviations.into_iter().zip([1.0f64, 2.0, 15.0, 96.0]) {
            assert!(got.abs() < 4.0 * (variance / n).sqrt(), "{deviations:?} {:?}", gpu.kernels());
        }
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>() / (a.len() as f64).sqrt()
        };
        let other = noise(5);
        assert!(dot(&numbers, &other).abs() < 4.0, "of two steps");
        let neighbours = dot(&numbers[..(t - 1) * v], &numbers[v..]);
        assert!(neighbours.abs() < 4.0, "of two cells");
        let pairs: (Vec<f32>, Vec<f32>) = numbers.chunks(2).map(|x| (x[0], x[1])).unzip();
        assert!(dot(&pairs.0, &pairs.1).abs() < 4.0, "of two tokens");
    }
}

#[test]
fn tokens_that_are_drawn_have_the_distribution_of_the_kept_ones() {
    let (t, v) = (6000, 12);
    let mut random = Random(3);
    let row: Vec<f32> = random.numbers(v).iter().map(|x| 2.0 * x).collect();
    let rows = row.repeat(t);
    for gpu in gpus() {
        let mut cells = Cells::new(&gpu, (&rows, v), 0, uniform(0.9));
        cells.of = SimplexCells { given: false, filtered: true, ..cells.of };
        filter(&gpu, &cells, v);
        let kept = cells.kept(&gpu, &row, v).remove(0);
        assert!(kept.contains(&false) && kept.iter().filter(|kept| **kept).count() > 3);
        let Cells { of, logits, uniforms, .. } = &cells;
        run(&gpu, |r| r.pick(logits, 0, of, uniforms).unwrap());
        let mut counts = vec![0; v];
        read::<u32>(&gpu, &of.chosen).iter().for_each(|&id| counts[id as usize] += 1);
        let mut p = twins::softmax(&row, 1.0, v);
        p.iter_mut().zip(&kept).filter(|(_, kept)| !**kept).for_each(|(p, _)| *p = 0.0);
        let sum: f64 = p.iter().sum();
        p.iter_mut().for_each(|p| *p /= sum);
        let likelihood = chi_square(&counts, &p);
        assert!(likelihood > 1e-4, "{counts:?} for {p:?}, {:?}", gpu.kernels());
        p.swap(0, 1);
        assert!(chi_square(&counts, &p) < 1e-6, "another distribution is noticed");
    }
}

#[test]
fn projections_are_those_of_the_authors() {
    let f = Cases::open("ssdlm");
    let [samples, n, v] = f.shape("projection/logits")[..] else { panic!("unexpected shape") };
    let (rows, t) = (f.f32("projection/logits"), samples * n);
    let uniforms = f.f32("projection/uniforms");
    for gpu in gpus() {
        let mut cells = Cells::new(&gpu, (&rows, v), 0, uniform(1.0));
        cells.of.choice = Choice::Likeliest;
        run(&gpu, |r| r.pick(&cells.logits, 0, &cells.of, &cells.uniforms).unwrap());
        let got: Vec<u32> = read(&gpu, &cells.of.chosen);
        assert_eq!(got, f.ids_of_i32("projection/greedy_ids"));
        for p in ["0.0", "0.2", "0.5", "0.9", "0.95", "0.99"] {
            let mut cells = Cells::new(&gpu, (&rows, v), 0, uniform(p.parse().unwrap()));
            cells.of.filtered = true;
            cells.uniforms.write(&gpu, &uniforms).unwrap();
            filter(&gpu, &cells, v);
            let Cells { of, logits, .. } = &cells;
            run(&gpu, |r| r.pick(logits, 0, of, &cells.uniforms).unwrap());
            let sampled = f.ids_of_i32(&format!("projection/p{p}/sampled_ids"));
            assert_eq!(read::<u32>(&gpu, &of.chosen), sampled, "{p} {:?}", gpu.kernels());
            let kept: Vec<u8> =
                cells.kept(&gpu, &rows, v).into_iter().flatten().map(u8::from).collect();
            let nucleus = f.tensor(&format!("projection/p{p}/nucleus"));
            assert_eq!(kept, nucleus.data(), "{p} {:?}", gpu.kernels());
            // Other uniforms give other tokens.
            let moved: Vec<f32> = uniforms.iter().map(|u| (u + 0.4) % 1.0).collect();
            cells.uniforms.write(&gpu, &moved).unwrap();
            run(&gpu, |r| r.pick(logits, 0, of, &cells.uniforms).unwrap());
            let is_one = kept.iter().filter(|&&kept| kept == 1).count() == t;
            assert_eq!(read::<u32>(&gpu, &of.chosen) == sampled, is_one, "{p}");
        }
    }
}
