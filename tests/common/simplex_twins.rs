//! The kernels of cells that are distributions over the vocabulary on the CPU, by the names of their ops.

use bdlm::measure::twins::{pcg4d, softmax};

/// The distribution over the first `vocab_size` tokens that a state stands for, and zeros behind it.
pub fn simplex(x: &[f32], vocab_size: usize, columns: usize) -> Vec<f32> {
    let mut p = softmax(&x[..vocab_size], 1.0, vocab_size);
    p.resize(columns, 0.0);
    p.into_iter().map(|p| p as f32).collect()
}

/// The first token whose running sum of the kept tokens' probabilities, in the order of ids, is above u;
/// and how near another one was.
pub fn pick(logits: &[f32], kept: &[bool], u: f64) -> (usize, f64) {
    let p = softmax(logits, 1.0, logits.len());
    let weight = |id: usize| if kept[id] { p[id] } else { 0.0 };
    let all: f64 = (0..p.len()).map(weight).sum();
    let (mut sum, mut nearest) = (0.0, f64::INFINITY);
    let mut found = None;
    for id in (0..p.len()).filter(|&id| kept[id]) {
        sum += weight(id) / all;
        nearest = nearest.min((sum - u).abs());
        found = found.or((sum > u).then_some(id));
    }
    (found.unwrap_or(0), nearest)
}

/// `signal * P + spread * N` of one row: P is 1 where `is_one` and -1 elsewhere.
pub fn renoise(is_one: &[bool], [signal, spread]: [f32; 2], noise: &[f64]) -> Vec<f32> {
    let state = |(&is_one, &noise): (&bool, &f64)| {
        let clean = if is_one { f64::from(signal) } else { -f64::from(signal) };
        (clean + f64::from(spread) * noise) as f32
    };
    is_one.iter().zip(noise).map(state).collect()
}

/// Unit normals of the tokens of a row at a step, by Box and Muller.
pub fn normals(key: [u32; 4], step: u32, count: usize) -> Vec<f64> {
    let bits = pcg4d([key[0], key[1], key[2], 2 * step + 1]);
    let normal = |id: usize| {
        let words = pcg4d([bits[0] ^ (id / 4 * 4) as u32, bits[1], bits[2], bits[3]]);
        let u = words.map(|word| (f64::from(word) + 0.5) / 2f64.powi(32));
        let (radius, angle) =
            ((-2.0 * u[id % 2].ln()).sqrt(), std::f64::consts::TAU * u[2 + id % 2]);
        if id % 4 < 2 { radius * angle.cos() } else { radius * angle.sin() }
    };
    (0..count).map(normal).collect()
}
