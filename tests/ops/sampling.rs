//! Threshold, draw, reveal.

use bdlm::gpu::layout::{CELL_WORDS, PARTIAL_WORDS, STEP_WORDS, draw_chunks};
use bdlm::gpu::{BlockCells, DType, DrawRows, Gpu, Recorder, Tensor, Vocabulary};
use bdlm::sample::{BlockSize, Nucleus, Sampler, Sampling, StepUniform};

use crate::common::{chi_square, gpu, gpus, tolerances::PROBABILITY, twins};
use crate::rules::{expected_of_rule, rules};
use crate::{Random, all_kernels_ran, read, run, upload, words};

const NO_CELL: u32 = u32::MAX;
/// A block of which all cells are masked.
pub(crate) const EIGHT: BlockSize = BlockSize { cells: 8, masked: 8 };

/// Rows of logits with their tokens and keys, on the device.
pub(crate) struct Rows {
    pub(crate) logits: Vec<f32>,
    pub(crate) vocabulary: Vocabulary,
    ids: Vec<u32>,
    keys: Vec<[u32; 4]>,
}

impl Rows {
    /// `t` rows of a vocabulary of `v`, the last token being the mask; all are masked.
    pub(crate) fn new(t: usize, v: usize, spread: f32) -> Rows {
        let mut random = Random((t * v) as u64);
        let logits = random.numbers(t * v).iter().map(|x| x * spread).collect();
        let vocabulary = Vocabulary { size: v, mask_id: v as u32 - 1, counted: None };
        let keys = (0..t as u32).map(|i| [7, 11, i, 0]).collect();
        Rows { logits, vocabulary, ids: vec![v as u32 - 1; t], keys }
    }

    pub(crate) fn row(&self, t: usize) -> &[f32] {
        &self.logits[t * self.vocabulary.size..(t + 1) * self.vocabulary.size]
    }

    pub(crate) fn mask(&self) -> usize {
        self.vocabulary.mask_id as usize
    }

    pub(crate) fn upload_logits(&self, gpu: &Gpu) -> Tensor {
        let v = self.vocabulary.size;
        // Numbers in the padding must not matter.
        let padded = |row: &[f32]| {
            let mut row = row.to_vec();
            row.resize(v.next_multiple_of(4), 1e9);
            row
        };
        let numbers: Vec<f32> = self.logits.chunks(v).flat_map(padded).collect();
        upload(gpu, &[self.ids.len(), v.next_multiple_of(4)], &numbers)
    }

    /// Each row of logits belongs to its own cell, where this is masked.
    pub(crate) fn upload_masked(&self, gpu: &Gpu) -> Tensor {
        let cell = |(t, &id): (u32, &u32)| if id as usize == self.mask() { t } else { NO_CELL };
        let masked: Vec<u32> = (0..).zip(&self.ids).map(cell).collect();
        words(gpu, &[self.ids.len()], &masked)
    }

    /// Draws and reveals once. Returns cells and tokens.
    pub(crate) fn step(
        &self,
        gpu: &Gpu,
        uniform: StepUniform,
        block: usize,
        filtered: bool,
    ) -> Outcome {
        self.step_in(gpu, uniform, BlockCells::whole(block), filtered)
    }

    fn step_in(
        &self,
        gpu: &Gpu,
        uniform: StepUniform,
        block: BlockCells,
        filtered: bool,
    ) -> Outcome {
        let t = self.ids.len();
        let logits = self.upload_logits(gpu);
        let ids = words(gpu, &[t], &self.ids);
        let keys = words(gpu, &[t, 4], self.keys.as_flattened());
        let step = Tensor::from_slice(gpu, "step", &[STEP_WORDS], DType::U32, &[uniform]).unwrap();
        let limits = words(gpu, &[t, 2], &vec![0; 2 * t]);
        let masked = self.upload_masked(gpu);
        let chunks = draw_chunks(gpu.kernels(), logits.dim(1));
        let partials =
            Tensor::padded(gpu, "partials", &[t, chunks, PARTIAL_WORDS], DType::U32, 64).unwrap();
        let cells = words(gpu, &[t, CELL_WORDS], &vec![0; t * CELL_WORDS]);
        run(gpu, |r| {
            r.threshold(&logits, &masked, &step, self.vocabulary, &limits).unwrap();
            let rows = DrawRows { masked: &masked, keys: &keys, limits: &limits, filtered };
            r.draw(&logits, rows, &step, self.vocabulary, &partials).unwrap();
            r.reveal(&partials, &keys, &step, (block, self.vocabulary), [&ids, &cells]).unwrap();
        });
        let cells: Vec<u32> = read(gpu, &cells);
        Outcome {
            ids: read(gpu, &ids),
            cells: cells.chunks(4).map(|cell| cell.try_into().unwrap()).collect(),
            limits: read(gpu, &limits),
        }
    }
}

pub(crate) struct Outcome {
    ids: Vec<u32>,
    pub(crate) cells: Vec<[u32; 4]>,
    limits: Vec<u32>,
}

impl Outcome {
    pub(crate) fn keeps(&self, t: usize, id: usize, logit: f32) -> bool {
        let bits = logit.to_bits();
        let key = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
        let (limit, upto) = (self.limits[2 * t], self.limits[2 * t + 1]);
        key > limit || (key == limit && (id as u32) < upto)
    }
}

/// The kept tokens are the first in order, and as many as the twin allows.
fn check_threshold(rows: &Rows, found: &Outcome, s: Sampling, t: usize) -> Result<(), String> {
    let row = rows.row(t);
    let order = twins::candidates(row, rows.mask());
    let kept = order.iter().take_while(|&&id| found.keeps(t, id, row[id])).count();
    let all = order.iter().filter(|&&id| found.keeps(t, id, row[id])).count();
    let filter = twins::Filter {
        top_k: s.top_k,
        top_p: f64::from(s.top_p),
        keeps_crossing: s.nucleus == Nucleus::Crossing,
    };
    let (least, most) = twins::threshold(row, rows.mask(), f64::from(s.temperature), filter, 1e-5);
    if kept == all && (least..=most).contains(&kept) {
        return Ok(());
    }
    Err(format!("row {t}: keeps {kept} ({all}), expected {least} to {most}; {s:?}"))
}

#[test]
fn masked() {
    for gpu in gpus() {
        let whole = BlockCells::whole;
        for (t, c, r, block) in [
            (1, 8, 1, whole(1)),
            (5, 24, 5, whole(5)),
            (16, 64, 4, whole(8)),
            (70, 8, 32, whole(70)),
            (16, 8, 9, BlockCells { size: 8, first: 0, window: 4, shift: 0 }),
            (20, 24, 20, BlockCells { size: 10, first: 0, window: 4, shift: 1 }),
            (8, 8, 4, BlockCells { size: 8, first: 0, window: 8, shift: 1 }),
            (20, 24, 20, BlockCells { size: 20, first: 7, window: 4, shift: 0 }),
        ] {
            let mut random = Random((t * c) as u64);
            let (x, y) = (random.numbers((t + 3) * c), random.numbers(r * c));
            let ids: Vec<u32> = (0..t).map(|_| 8 + random.below(3) as u32).collect();
            let found = twins::masked(&ids, 9, block);
            let chosen = words(&gpu, &[r], &vec![0; r]);
            let rows = upload(&gpu, &[r, c], &y);
            run(&gpu, |rec| {
                let (x, ids) = (upload(&gpu, &[t + 3, c], &x), words(&gpu, &[t], &ids));
                rec.masked(&x, (&ids, 9, block), &chosen, &rows).unwrap();
            });
            let (chosen, rows) = (read::<u32>(&gpu, &chosen), read::<f32>(&gpu, &rows));
            for i in 0..r {
                let row = &rows[i * c..(i + 1) * c];
                match found.get(i) {
                    Some(&[cell, from]) => {
                        assert_eq!((chosen[i], row), (cell as u32, &x[from * c..(from + 1) * c]));
                    }
                    None => assert_eq!((chosen[i], row), (NO_CELL, &y[i * c..(i + 1) * c])),
                }
            }
        }
    }
    all_kernels_ran("masked");
}

#[test]
fn a_row_of_logits_is_drawn_for_the_cell_it_belongs_to() {
    for gpu in gpus() {
        let rows = Rows::new(3, 98, 4.0);
        let sampling = Sampling::default();
        let straight = rows.step(&gpu, sampling.uniform(1, EIGHT), 1, false);
        let turned = Rows { logits: rows.logits.rchunks(98).flatten().copied().collect(), ..rows };
        let logits = turned.upload_logits(&gpu);
        let (keys, limits) = (words(&gpu, &[3, 4], turned.keys.as_flattened()), [0; 6]);
        let limits = words(&gpu, &[3, 2], &limits);
        let step = &[sampling.uniform(1, EIGHT)];
        let step = Tensor::from_slice(&gpu, "step", &[STEP_WORDS], DType::U32, step).unwrap();
        let chunks = draw_chunks(gpu.kernels(), logits.dim(1));
        let partials =
            words(&gpu, &[3, chunks, PARTIAL_WORDS], &vec![0; 3 * chunks * PARTIAL_WORDS]);
        let cells = words(&gpu, &[3, CELL_WORDS], &[0; 3 * CELL_WORDS]);
        let ids = words(&gpu, &[3], &turned.ids);
        run(&gpu, |r| {
            let masked = words(&gpu, &[3], &[2, 1, 0]);
            let rows = DrawRows { masked: &masked, keys: &keys, limits: &limits, filtered: false };
            r.draw(&logits, rows, &step, turned.vocabulary, &partials).unwrap();
            let block = (BlockCells::whole(1), turned.vocabulary);
            r.reveal(&partials, &keys, &step, block, [&ids, &cells]).unwrap();
        });
        let found: Vec<u32> = read(&gpu, &cells);
        assert_eq!(found, straight.cells.as_flattened(), "{:?}", gpu.kernels());
    }
}

#[test]
fn threshold() {
    let sampling =
        |top_k, top_p, temperature| Sampling { top_k, top_p, temperature, ..Sampling::default() };
    for gpu in gpus() {
        for (v, spread) in [(5, 2.0), (98, 4.0), (4099, 8.0), (50_258, 9.0)] {
            let mut rows = Rows::new(3, v, spread);
            // Ties: equal logits are ordered by id.
            let tied = rows.row(0).iter().map(|x| (x * 2.0).round()).collect::<Vec<_>>();
            rows.logits[..v].copy_from_slice(&tied);
            rows.logits[v..2 * v].fill(0.25);
            for s in [
                sampling(0, 1.0, 1.0),
                sampling(1, 1.0, 1.0),
                sampling(3, 1.0, 1.0),
                sampling(10_000, 1.0, 1.0),
                sampling(0, 1e-6, 1.0),
                sampling(0, 0.3, 1.0),
                sampling(0, 0.9, 0.7),
                sampling(0, 0.99, 1.5),
                sampling(4, 0.8, 1.0),
            ] {
                let found = rows.step(&gpu, s.uniform(0, EIGHT), 1, true);
                (0..3).for_each(|t| check_threshold(&rows, &found, s, t).unwrap());
                let kept = Sampling { nucleus: Nucleus::Crossing, ..s };
                let found_kept = rows.step(&gpu, kept.uniform(0, EIGHT), 1, true);
                (0..3).for_each(|t| check_threshold(&rows, &found_kept, kept, t).unwrap());
                // Of a nucleus of one token both rules keep that; of 50,000 tokens the one at the edge is
                // less likely than sums can be told apart.
                let is_cut = (0.1..1.0).contains(&s.top_p) && (6..50_000).contains(&v);
                assert!(
                    !is_cut || (0..3).any(|t| check_threshold(&rows, &found, kept, t).is_err()),
                    "the other nucleus is rejected: {v} tokens, {s:?}, {:?}",
                    gpu.kernels()
                );
                let seven = sampling(7, 1.0, 1.0);
                assert!(
                    v == 5 || (0..3).any(|t| check_threshold(&rows, &found, seven, t).is_err()),
                    "another filter is rejected"
                );
            }
        }
    }
    all_kernels_ran("threshold");
}

/// Every drawn token has the highest score of the twin, within what f32 can tell.
fn check_draw(rows: &Rows, found: &Outcome, temperature: f64, step: u32) -> Result<(), String> {
    for (t, cell) in found.cells.iter().enumerate() {
        let scores = twins::draw(rows.row(t), rows.mask(), temperature, rows.keys[t], step);
        let best = scores.iter().copied().fold(f64::MIN, f64::max);
        let got = scores[cell[0] as usize];
        if best - got > 1e-4 {
            return Err(format!("row {t}: token {} scores {got}, not {best}", cell[0]));
        }
        let p = twins::softmax(rows.row(t), 1.0, rows.mask());
        let entropy: f64 = p.iter().filter(|&&p| p > 0.0).map(|p| -p * p.ln()).sum();
        let confidence = p[cell[0] as usize];
        let found = [1, 2].map(|i| f64::from(f32::from_bits(cell[i])));
        if (found[0] - confidence).abs() > f64::from(PROBABILITY)
            || (found[1] - entropy).abs() > f64::from(PROBABILITY) * entropy.max(1.0)
        {
            return Err(format!("row {t}: {found:?}, expected [{confidence}, {entropy}]"));
        }
    }
    Ok(())
}

#[test]
fn draw() {
    for gpu in gpus() {
        // The largest needs several chunks in every family.
        for (t, v, temperature) in [(1, 3, 1.0f32), (64, 7, 0.8), (5, 98, 1.3), (2, 50_258, 1.0)] {
            let rows = Rows::new(t, v, 5.0);
            let sampling = Sampling { temperature, ..Sampling::default() };
            for step in [0, 3] {
                let found = rows.step(&gpu, sampling.uniform(step, EIGHT), 1, false);
                check_draw(&rows, &found, f64::from(temperature), step as u32).unwrap();
                if t > 1 {
                    let wrong = check_draw(&rows, &found, f64::from(temperature), 9);
                    assert!(wrong.is_err(), "another step draws other tokens");
                }
            }
            let greedy = Sampling { temperature: 0.0, ..sampling };
            let found = rows.step(&gpu, greedy.uniform(0, EIGHT), 1, false);
            for (t, cell) in found.cells.iter().enumerate() {
                let best = twins::candidates(rows.row(t), rows.mask())[0];
                assert_eq!(cell[0] as usize, best, "without noise the likeliest token");
            }
        }
    }
    all_kernels_ran("draw");
}

#[test]
fn draws_follow_the_softmax_and_other_temperatures_are_noticed() {
    let Some(gpu) = gpu(None) else { return };
    let one = Rows::new(1, 7, 1.5);
    let mut rows = Rows::new(4096, 7, 0.0);
    rows.logits = one.logits.repeat(4096);
    let p_value = |temperature: f32| {
        let sampling = Sampling { temperature, ..Sampling::default() };
        let mut counts = [0; 7];
        for step in 0..25 {
            let found = rows.step(&gpu, sampling.uniform(step, EIGHT), 1, false);
            found.cells.iter().for_each(|cell| counts[cell[0] as usize] += 1);
        }
        assert_eq!(counts[6], 0, "the mask token is never drawn");
        chi_square(&counts[..6], &twins::softmax(&one.logits, 1.0, 6)[..6])
    };
    assert!(p_value(1.0) > 0.001);
    assert!(p_value(0.95) < 0.001 && p_value(1.05) < 0.001);
}

#[test]
fn a_tail_of_small_probabilities_is_not_cut_off() {
    let Some(gpu) = gpu(None) else { return };
    // One token at logit 18 against 50,000 at 0: the tail has 7.6e-4 of the mass, a token of it
    // 1.5e-8, which noise made of one 32-bit number would reach far too seldom.
    let mut rows = Rows::new(64, 50_002, 0.0);
    for row in rows.logits.chunks_mut(50_002) {
        row[17] = 18.0;
    }
    let (mut tail, mut draws) = (0usize, 0usize);
    for step in 0..400 {
        let found = rows.step(&gpu, Sampling::default().uniform(step, EIGHT), 1, false);
        tail += found.cells.iter().filter(|cell| cell[0] != 17).count();
        draws += found.cells.len();
    }
    let expected = draws as f64 * 50_000.0 / (50_000.0 + 18f64.exp());
    let deviation = (tail as f64 - expected) / expected.sqrt();
    assert!(deviation.abs() < 3.5, "{tail} draws of the tail, expected {expected:.1}");
}

/// Reveals once with random rows, some of them open, and compares what opens with the twin.
fn check_reveal(gpu: &Gpu, (block, first): (usize, usize), sampler: Sampler) -> Result<(), String> {
    let t = 4 * block;
    let mut rows = Rows::new(t, 9, 3.0);
    // Cells with the same logits: ties are ordered by index.
    let tied = rows.row(0).to_vec();
    rows.logits[(block - 1) * 9..block * 9].copy_from_slice(&tied);
    let mut random = Random(block as u64);
    let masked: Vec<bool> = (0..t).map(|_| random.number() > -0.4).collect();
    for (id, masked) in rows.ids.iter_mut().zip(&masked) {
        *id = if *masked { 8 } else { 3 };
    }
    // Without noise tied cells have the same candidate too.
    let sampling = Sampling { sampler, temperature: 0.0, ..Sampling::default() };
    let window = sampler.rule().map_or(block, |rule| rule.window_of(block));
    let cells = BlockCells { size: block, first, window, shift: 0 };
    let size = BlockSize { cells: block, masked: block };
    let found = rows.step_in(gpu, sampling.uniform(2, size), cells, false);
    // Masked cells of the first window that has any.
    let may_open: Vec<bool> = (0..t)
        .map(|i| {
            let at = i / block * block;
            let open = (0..block).find(|&i| masked[at + i]).map(|i| cells.window_of(i));
            masked[i] && open == Some(cells.window_of(i - at))
        })
        .collect();
    let opens = (0..t)
        .step_by(block)
        .flat_map(|at| expected_reveal(&rows, at, &may_open[at..at + block], sampler));
    for (i, opens) in opens.enumerate() {
        if is_near_tie(&rows, i, sampler) {
            continue;
        }
        let likeliest = twins::candidates(rows.row(i), rows.mask())[0] as u32;
        // Id, candidate and state: nothing is written of open cells.
        let wanted = match (masked[i], opens) {
            (false, _) => (3, 0, 0),
            (true, false) if !may_open[i] => (8, 0, 0),
            (true, false) => (8, likeliest, 0),
            (true, true) => (likeliest, likeliest, 3),
        };
        let [token, _, _, state] = found.cells[i];
        if (found.ids[i], token, state) != wanted {
            return Err(format!("cell {i} of {block}: {:?}, expected {wanted:?}", found.cells[i]));
        }
    }
    Ok(())
}

/// True if a logarithm of a GPU, right to some 4 digits, may fall on either side of a bound.
fn is_near_tie(rows: &Rows, i: usize, sampler: Sampler) -> bool {
    let Sampler::Analytic { steps } = sampler else { return false };
    let p = twins::opening_probability(&rows.row(i)[..rows.mask()], 2, steps);
    let uniform = twins::order_bits(rows.keys[i], 2) / 2f64.powi(32);
    (uniform / p - 1.0).abs() < 1e-3
}

/// Which cells of the block at row `at` open, by the twin.
fn expected_reveal(rows: &Rows, at: usize, masked: &[bool], sampler: Sampler) -> Vec<bool> {
    let p = |i: usize| twins::softmax(rows.row(at + i), 1.0, rows.mask());
    let confidence = |i: usize| p(i).into_iter().fold(0.0, f64::max);
    let entropy = |i: usize| p(i).iter().filter(|&&p| p > 0.0).map(|p| -p * p.ln()).sum::<f64>();
    let bits = |i: usize| twins::order_bits(rows.keys[at + i], 2);
    let never = |_: usize, _: &[usize]| false;
    match sampler {
        Sampler::FirstHitting => twins::reveal(masked, bits, 1, never),
        Sampler::Random { per_pass } => twins::reveal(masked, bits, per_pass, never),
        Sampler::Ancestral { steps } => {
            let below = 2f64.powi(32) / (steps - 2) as f64;
            twins::reveal(masked, bits, 0, |i, _| bits(i) < below)
        }
        Sampler::Analytic { steps } => {
            let logits = |i: usize| &rows.row(at + i)[..rows.mask()];
            let likely = |i: usize| twins::opening_probability(logits(i), 2, steps);
            twins::reveal(masked, bits, 0, |i, _| (bits(i) + 0.5) / 2f64.powi(32) < likely(i))
        }
        Sampler::Simplex(simplex) => {
            let count = if simplex.steps == 3 { usize::MAX } else { 0 };
            twins::reveal(masked, |i| i as f64, count, never)
        }
        Sampler::LeftToRight { per_pass } => twins::reveal(masked, |i| i as f64, per_pass, never),
        Sampler::Confidence { per_pass } => {
            twins::reveal(masked, |i| -confidence(i), per_pass, never)
        }
        Sampler::Entropy { per_pass } => twins::reveal(masked, entropy, per_pass, never),
        Sampler::Margin { per_pass } => {
            let margin = |i: usize| -twins::margin(rows.row(at + i), rows.mask());
            twins::reveal(masked, margin, per_pass, never)
        }
        Sampler::Threshold { confidence: least } => {
            let likely = |i: usize, _: &[usize]| confidence(i) >= f64::from(least);
            twins::reveal(masked, |i| -confidence(i), 1, likely)
        }
        Sampler::EntropyBounded { bound } => {
            let below = |_: usize, before: &[usize]| {
                before.iter().map(|&j| entropy(j)).sum::<f64>() <= f64::from(bound)
            };
            twins::reveal(masked, entropy, 1, below)
        }
        Sampler::Rule(rule) => expected_of_rule(rule, masked, confidence, entropy),
    }
}

#[test]
fn reveal() {
    let samplers = [
        Sampler::FirstHitting,
        Sampler::Ancestral { steps: 6 },
        Sampler::Analytic { steps: 6 },
        Sampler::Random { per_pass: 3 },
        Sampler::LeftToRight { per_pass: 2 },
        Sampler::Confidence { per_pass: 1 },
        Sampler::Confidence { per_pass: 4 },
        Sampler::Entropy { per_pass: 2 },
        Sampler::Margin { per_pass: 3 },
        Sampler::Threshold { confidence: 0.6 },
        Sampler::Threshold { confidence: 1.0 },
        Sampler::EntropyBounded { bound: 2.0 },
        Sampler::EntropyBounded { bound: 0.0 },
    ];
    let samplers = samplers.into_iter().chain(rules().map(Sampler::Rule)).collect::<Vec<_>>();
    for gpu in gpus() {
        for (block, first) in [(1, 0), (5, 0), (8, 0), (16, 0), (16, 3), (5, 5)] {
            for &sampler in &samplers {
                check_reveal(&gpu, (block, first), sampler)
                    .unwrap_or_else(|e| panic!("{sampler:?}, {:?}: {e}", gpu.kernels()));
            }
        }
    }
    all_kernels_ran("reveal");
}

#[test]
fn a_block_as_long_as_the_published_window_opens_too() {
    for gpu in gpus() {
        for sampler in [Sampler::Analytic { steps: 6 }, Sampler::EntropyBounded { bound: 9.0 }] {
            check_reveal(&gpu, (1024, 0), sampler).unwrap_or_else(|e| panic!("{sampler:?}: {e}"));
        }
    }
}

#[test]
fn orders_differ_from_each_other() {
    let rows = Rows::new(16, 9, 3.0);
    let masked = [true; 16];
    let opens = |sampler| expected_reveal(&rows, 0, &masked, sampler);
    let orders = [
        opens(Sampler::Random { per_pass: 3 }),
        opens(Sampler::LeftToRight { per_pass: 3 }),
        opens(Sampler::Confidence { per_pass: 3 }),
        opens(Sampler::EntropyBounded { bound: 2.0 }),
        opens(Sampler::Threshold { confidence: 0.7 }),
    ];
    for (i, a) in orders.iter().enumerate() {
        assert!(orders[..i].iter().all(|b| a != b), "order {i} is another's");
    }
}

#[test]
fn logits_that_are_no_numbers_are_reported_and_not_opened() {
    for gpu in gpus() {
        for bad in [f32::NAN, f32::INFINITY] {
            let mut rows = Rows::new(2, 98, 2.0);
            rows.logits[98 + 40] = bad;
            for sampler in [
                Sampler::FirstHitting,
                Sampler::LeftToRight { per_pass: 1 },
                Sampler::Confidence { per_pass: 1 },
                Sampler::Entropy { per_pass: 1 },
                Sampler::Margin { per_pass: 1 },
                Sampler::Threshold { confidence: 0.9 },
                Sampler::EntropyBounded { bound: 0.1 },
            ] {
                let sampling = Sampling { sampler, ..Sampling::default() };
                let found = rows.step(&gpu, sampling.uniform(0, EIGHT), 2, false);
                let name = format!("{bad} {sampler:?} {:?}", gpu.kernels());
                assert_eq!(found.cells[1][3], u32::MAX, "{name}");
                assert_eq!(found.ids[1], 97, "{name}");
                assert_eq!(found.cells[0][3], 1, "the other cell opens: {name}");
            }
        }
    }
}

#[test]
fn cells_that_are_no_whole_blocks_are_refused() {
    for gpu in gpus() {
        let tensor = |shape: &[usize]| words(&gpu, shape, &vec![0; shape.iter().product()]);
        let [partials, keys, step] = [&[4, 1, 7][..], &[4, 4], &[16]].map(tensor);
        let (ids, cells) = (tensor(&[4]), tensor(&[4, 4]));
        let refused = |block| {
            let block =
                (BlockCells::whole(block), Vocabulary { size: 9, mask_id: 8, counted: None });
            let mut r = Recorder::new(&gpu);
            let refused = r.reveal(&partials, &keys, &step, block, [&ids, &cells]);
            refused.err().map(|e| e.to_string())
        };
        assert_eq!(refused(2), None);
        assert_eq!(refused(3).unwrap(), "test has shape [4], expected [6]");
        assert_eq!(refused(0).unwrap(), "a group of rows has shape [0], expected [4]");
    }
}
