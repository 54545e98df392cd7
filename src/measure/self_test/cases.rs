//! Checks of the kernels that rows go through one by one, and of products.

use crate::Result;
use crate::gpu::layout::SUM_WORDS;
use crate::gpu::{
    DType, Epilogue, Gpu, HeadNorm, Modulation, Norm, Onto, Recorder, RmsNorm, Sequences, Tensor,
    Vocabulary,
};
use crate::measure::self_test::case::{Case, PROBABILITY, ROUNDING, Wanted};
use crate::measure::self_test::numbers::{Random, halves, multiplied, upload, weight, words};
use crate::measure::self_test::{attention, sampling};
use crate::measure::twins;

const EPSILON: f32 = 1e-5;

/// Records a check.
type Check = fn(&mut Recorder<'_>) -> Result<Case>;

/// All checks. Sizes are odd where a kernel takes odd ones, and on both sides of what counts as few.
pub(super) const CASES: [Check; 31] = [
    |r| embedding(r, DType::F16),
    |r| embedding(r, DType::Q8),
    |r| embedding(r, DType::Q4),
    |r| norm(r, (7, 21)),
    |r| norm(r, (5, 765)),
    |r| rms_norm(r, (3, 9)),
    |r| rms_norm(r, (5, 765)),
    head_norm,
    swiglu,
    |r| matmul(r, (1, 33, 24), DType::F32),
    |r| matmul(r, (5, 31, 72), DType::F16),
    |r| matmul(r, (9, 64, 72), DType::Q8),
    |r| matmul(r, (3, 98, 96), DType::Q4),
    |r| matmul(r, (33, 131, 40), DType::F16),
    |r| matmul(r, (70, 131, 40), DType::F32),
    |r| matmul(r, (130, 70, 32), DType::F16),
    |r| matmul(r, (130, 70, 64), DType::Q8),
    |r| matmul(r, (130, 70, 64), DType::Q4),
    |r| gates(r, 5),
    |r| gates(r, 70),
    |r| attention::rotary(r, 64),
    attention::normed_rotary,
    |r| attention::attention(r, (3, 64), (4, 300)),
    |r| attention::attention(r, (3, 64), (4, 1 << 20)),
    |r| attention::attention(r, (3, 64), (70, 300)),
    |r| attention::attention(r, (2, 24), (5, 300)),
    gather,
    |r| cross_entropy(r, 98),
    |r| cross_entropy(r, 4097),
    |r| sampling::draw(r, 98),
    |r| sampling::draw(r, 4099),
];

fn embedding(r: &mut Recorder<'_>, format: DType) -> Result<Case> {
    let (v, c, gpu) = (98, 104, r.gpu());
    let mut random = Random::new(v);
    let (table, held) = weight(gpu, [v, c], format, &random.numbers(v * c))?;
    let ids: Vec<u32> = (0..19).map(|i| i * 37 % v as u32).collect();
    let y = Tensor::activation(gpu, "y", &[ids.len(), c])?;
    r.embedding(&words(gpu, &[ids.len()], &ids)?, &table, Onto::Nothing, &y)?;
    let wanted = Wanted::Rows(twins::embedding(&ids, &held, c), c);
    let shape = format!("19 of {v} tokens, {c} channels, {}", name(format));
    // Eight and four bits are unpacked with a multiplication or two.
    Ok(Case { op: "embedding", shape, y, wanted, allowed: 1e-6 })
}

fn norm(r: &mut Recorder<'_>, (t, channels): (usize, usize)) -> Result<Case> {
    let (c, gpu) = (channels.next_multiple_of(8), r.gpu());
    let mut random = Random::new(t * c);
    let sequences = Sequences { rows: 2, count: 3 };
    let x = random.padded(t, (channels, c));
    let (w, m) = (random.padded(1, (channels, c)), random.padded(6 * 3, (channels, c)));
    let y = Tensor::multiplied(gpu, "y", &[t, c])?;
    let (x_tensor, weight) = (&upload(gpu, &[t, c], &x)?, &upload(gpu, &[c], &w)?);
    let modulation = Modulation { tensor: &upload(gpu, &[3, 6 * c], &m)?, sequences };
    let at = [3 * c, 4 * c];
    r.norm(Norm { x: x_tensor, channels, epsilon: EPSILON, weight, modulation, at, y: &y })?;
    let row = |(i, x): (usize, &[f32])| {
        let m = &m[i / sequences.rows % sequences.count * 6 * c..];
        twins::norm(x, (channels, EPSILON), &w, [&m[3 * c..4 * c], &m[4 * c..5 * c]])
    };
    let wanted = Wanted::Rows(x.chunks(c).enumerate().flat_map(row).collect(), c);
    let shape = format!("{t} rows, {channels} channels");
    Ok(Case { op: "norm", shape, y, wanted, allowed: f64::from(ROUNDING) })
}

fn rms_norm(r: &mut Recorder<'_>, (t, channels): (usize, usize)) -> Result<Case> {
    let (c, gpu) = (channels.next_multiple_of(8), r.gpu());
    let mut random = Random::new(t * c);
    let (x, w) = (random.padded(t, (channels, c)), random.padded(1, (channels, c)));
    let y = Tensor::multiplied(gpu, "y", &[t, c])?;
    let (x_tensor, weight) = (&upload(gpu, &[t, c], &x)?, &upload(gpu, &[c], &w)?);
    r.rms_norm(RmsNorm { x: x_tensor, channels, epsilon: EPSILON, weight, y: &y })?;
    let row = |x: &[f32]| twins::rms_norm(x, (channels, EPSILON), &w);
    let wanted = Wanted::Rows(x.chunks(c).flat_map(row).collect(), c);
    let shape = format!("{t} rows, {channels} channels");
    Ok(Case { op: "rms_norm", shape, y, wanted, allowed: f64::from(3.0 * ROUNDING) })
}

fn head_norm(r: &mut Recorder<'_>) -> Result<Case> {
    let (t, heads, channels, d, gpu) = (5, [6, 2], 12, 16, r.gpu());
    let columns = (heads[0] + 2 * heads[1]) * d;
    let mut random = Random::new(t * columns);
    let (x, w) = (random.padded(t * columns / d, (channels, d)), random.padded(2, (channels, d)));
    let (y, weight) = (upload(gpu, &[t, columns], &x)?, &upload(gpu, &[2, d], &w)?);
    r.head_norm(&y, HeadNorm { weight, heads, channels, epsilon: EPSILON })?;
    let row = |row| twins::head_norm(row, heads, (channels, EPSILON), &w);
    let wanted = Wanted::Rows(x.chunks(columns).flat_map(row).collect(), columns);
    let shape = format!("{t} rows, 6 query and 2 key heads of {channels}");
    Ok(Case { op: "head_norm", shape, y, wanted, allowed: f64::from(3.0 * ROUNDING) })
}

fn swiglu(r: &mut Recorder<'_>) -> Result<Case> {
    let (t, f, gpu) = (5, 24, r.gpu());
    let x = Random::new(t * f).numbers(2 * t * f);
    let y = Tensor::multiplied(gpu, "y", &[t, f])?;
    r.swiglu(&upload(gpu, &[t, 2 * f], &x)?, &y)?;
    let wanted = Wanted::Rows(x.chunks(2 * f).flat_map(twins::swiglu).collect(), f);
    let shape = format!("{t} rows, {f} channels");
    Ok(Case { op: "swiglu", shape, y, wanted, allowed: f64::from(ROUNDING) })
}

/// A product with a bias and GELU.
fn matmul(r: &mut Recorder<'_>, (t, n, k): (usize, usize, usize), format: DType) -> Result<Case> {
    let gpu = r.gpu();
    let mut random = Random::new(t * n * k);
    let (w, held) = weight(gpu, [n, k], format, &random.numbers(n * k))?;
    let (x, bias, columns) = (random.numbers(t * k), random.numbers(n), n.next_multiple_of(4));
    let y = upload(gpu, &[t, columns], &vec![0.0; t * columns])?;
    let (x_tensor, bias_tensor) = (multiplied(gpu, &[t, k], &x)?, upload(gpu, &[n], &bias)?);
    r.matmul(&x_tensor, &w, &bias_tensor, Epilogue::Gelu, &y)?;
    let (x, held) = if on_units(gpu, t, format) { (halves(&x), halves(&held)) } else { (x, held) };
    let product = twins::matmul(&x, &held, &bias, k);
    let wanted = Wanted::Rows(product.into_iter().map(twins::gelu_tanh).collect(), n);
    let shape = format!("{t} x {n} x {k}, {}", name(format));
    let allowed = f64::from(ROUNDING) * (k as f64).sqrt();
    Ok(Case { op: "matmul", shape, y, wanted, allowed })
}

/// A product that goes through its own gates.
fn gates(r: &mut Recorder<'_>, t: usize) -> Result<Case> {
    let (f, k, gpu) = (24, 72, r.gpu());
    let mut random = Random::new(t * k);
    let (w, held) = weight(gpu, [2 * f, k], DType::F16, &random.numbers(2 * f * k))?;
    let (x, bias) = (random.numbers(t * k), random.numbers(2 * f));
    let y = Tensor::multiplied(gpu, "y", &[t, f])?;
    let gated = Tensor::activation(gpu, "gated", &[t, 2 * f])?;
    let (x_tensor, bias_tensor) = (multiplied(gpu, &[t, k], &x)?, upload(gpu, &[2 * f], &bias)?);
    r.matmul_swiglu(&x_tensor, (&w, &bias_tensor), &gated, &y)?;
    let x = if on_units(gpu, t, DType::F16) { halves(&x) } else { x };
    let sums = twins::matmul(&x, &held, &bias, k);
    let wanted = Wanted::Rows(sums.chunks(2 * f).flat_map(twins::swiglu).collect(), f);
    let shape = format!("{t} x 2 * {f} x {k}, f16");
    // Sums of up to ten are multiplied with one another.
    let allowed = 10.0 * f64::from(ROUNDING) * (k as f64).sqrt();
    Ok(Case { op: "matmul_swiglu", shape, y, wanted, allowed })
}

/// Whether matrix units, which round to f16 what they multiply, take a product.
fn on_units(gpu: &Gpu, t: usize, format: DType) -> bool {
    gpu.units().is_some() && t > gpu.tuning().few_rows && format != DType::F32
}

fn gather(r: &mut Recorder<'_>) -> Result<Case> {
    let (t, c, gpu) = (9, 24, r.gpu());
    let (x, rows) = (Random::new(c).numbers(t * c), [8, 0, 4, 4]);
    let y = Tensor::multiplied(gpu, "y", &[rows.len(), c])?;
    let picked: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
    r.gather(&multiplied(gpu, &[t, c], &x)?, &words(gpu, &[rows.len()], &picked)?, &y)?;
    let wanted = Wanted::Rows(twins::gather(&x, &rows, c), c);
    Ok(Case { op: "gather", shape: format!("4 of {t} rows"), y, wanted, allowed: 0.0 })
}

fn cross_entropy(r: &mut Recorder<'_>, v: usize) -> Result<Case> {
    let (t, columns, gpu) = (3, v.next_multiple_of(4), r.gpu());
    let logits: Vec<f32> = Random::new(v).numbers(t * v).iter().map(|x| x * 8.0).collect();
    let targets = [0, v as u32 - 2, v as u32 / 2];
    let start: [u32; SUM_WORDS] = [(-1e30f32).to_bits(), 0, (-1e30f32).to_bits(), 0];
    let y = words(gpu, &[t, SUM_WORDS], &start.repeat(t))?;
    // What lies beyond the vocabulary must not matter.
    let mut padded = vec![1e9; t * columns];
    for (row, logits) in padded.chunks_mut(columns).zip(logits.chunks(v)) {
        row[..v].copy_from_slice(logits);
    }
    let tensor = Tensor::from_slice(gpu, "logits", &[t, columns], DType::F32, &padded)?;
    let vocabulary = Vocabulary { size: v, mask_id: v as u32 - 1, counted: None };
    r.cross_entropy(&tensor, v, &words(gpu, &[t], &targets)?, vocabulary, &y)?;
    let twin = twins::cross_entropy(&logits, v, v - 1, &targets);
    let wanted = Wanted::Close(Box::new(move |words| {
        let rows = words.chunks(SUM_WORDS).zip(&twin);
        let differences = rows.map(|(row, wanted)| {
            let [highest, sum, target] = [0, 1, 2].map(|i| f32::from_bits(row[i]));
            f64::from((highest + sum.ln() - target - wanted).abs())
        });
        differences.fold(0.0, |most, d| if d.is_nan() { f64::INFINITY } else { most.max(d) })
    }));
    let shape = format!("{t} rows, {v} tokens");
    Ok(Case { op: "cross_entropy", shape, y, wanted, allowed: PROBABILITY })
}

fn name(format: DType) -> String {
    format!("{format:?}").to_lowercase()
}
