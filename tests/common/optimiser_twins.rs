//! The kernels of optimisers on the CPU, in f64; part of `twins`.

use crate::common::twins::matmul;

/// Sums of squares of chunks of gradients.
pub fn gradient_squares(gradients: &[f32], chunk: usize) -> Vec<f32> {
    let squares = |x: &[f32]| x.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() as f32;
    gradients.chunks(chunk).map(squares).collect()
}

/// The norm of all gradients, and what they are multiplied with; 0 where it is not finite.
pub fn gradient_clip(squares: &[f32], max_norm: f64) -> [f32; 2] {
    let norm = squares.iter().map(|&x| f64::from(x)).sum::<f64>().sqrt();
    let scale = (max_norm / (norm + 1e-6)).min(1.0);
    [norm as f32, if norm.is_finite() { scale as f32 } else { 0.0 }]
}

/// What AdamW knows of a step: its rate, the decay of weights, its number from 1, what gradients are
/// multiplied with.
#[derive(Clone, Copy)]
pub struct AdamStep {
    pub rate: f64,
    pub decay: f64,
    pub betas: [f64; 2],
    pub epsilon: f64,
    pub k: i32,
    pub scale: f64,
}

/// A step of AdamW: weight, first and second moment of each number.
pub fn adamw(gradients: &[f32], before: &[[f32; 3]], step: AdamStep) -> Vec<[f32; 3]> {
    let [beta1, beta2] = step.betas;
    let number = |(&g, &[w, m, v]): (&f32, &[f32; 3])| {
        let g = f64::from(g) * step.scale;
        let m = beta1 * f64::from(m) + (1.0 - beta1) * g;
        let v = beta2 * f64::from(v) + (1.0 - beta2) * g * g;
        let unbiased = [m / (1.0 - beta1.powi(step.k)), v / (1.0 - beta2.powi(step.k))];
        let w = f64::from(w) * (1.0 - step.rate * step.decay);
        let w = w - step.rate * unbiased[0] / (unbiased[1].sqrt() + step.epsilon);
        [w as f32, m as f32, v as f32]
    };
    gradients.iter().zip(before).map(number).collect()
}

/// A step of the moving average of weights.
pub fn moving_average(weights: &[f32], average: &[f32], decay: f64) -> Vec<f32> {
    let mixed = |(&w, &a): (&f32, &f32)| decay * f64::from(a) + (1.0 - decay) * f64::from(w);
    weights.iter().zip(average).map(mixed).map(|x| x as f32).collect()
}

/// Momentum and the update that looks ahead, from gradients that are scaled.
pub fn muon_momentum(gradients: &[f32], momentum: &[f32], beta: f64, scale: f64) -> [Vec<f32>; 2] {
    let moved = |(&g, &m): (&f32, &f32)| beta * f64::from(m) + scale * f64::from(g);
    let momentum: Vec<f64> = gradients.iter().zip(momentum).map(moved).collect();
    let ahead = |(&g, m): (&f32, &f64)| (scale * f64::from(g) + beta * m) as f32;
    let update = gradients.iter().zip(&momentum).map(ahead).collect();
    [momentum.iter().map(|&m| m as f32).collect(), update]
}

/// The transpose of rows of k numbers.
pub fn transposed(x: &[f32], k: usize) -> Vec<f32> {
    (0..k).flat_map(|j| x.iter().skip(j).step_by(k).copied()).collect()
}

/// Rows of k numbers, or their transpose, divided by their norm.
pub fn muon_start(update: &[f32], k: usize, transpose: bool) -> Vec<f32> {
    let norm = update.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let x = if transpose { transposed(update, k) } else { update.to_vec() };
    x.iter().map(|&x| (f64::from(x) / (norm + 1e-7)) as f32).collect()
}

/// `a I + b A + c A A` of a symmetric matrix.
pub fn muon_polynomial(matrix: &[f32], squared: &[f32], side: usize) -> Vec<f32> {
    let number = |(i, (&x, &xx)): (usize, (&f32, &f32))| {
        let diagonal = if i / side == i % side { 3.4445 } else { 0.0 };
        (diagonal - 4.7750 * f64::from(x) + 2.0315 * f64::from(xx)) as f32
    };
    matrix.iter().zip(squared).enumerate().map(number).collect()
}

/// Weights after a step along an update.
pub fn muon_step(weights: &[f32], x: &[f32], shrink: f64, step: f64) -> Vec<f32> {
    let stepped = |(&w, &x): (&f32, &f32)| (shrink * f64::from(w) - step * f64::from(x)) as f32;
    weights.iter().zip(x).map(stepped).collect()
}

/// What Muon makes of an update of rows of k numbers: five steps of its iteration.
pub fn orthogonalised(update: &[f32], k: usize) -> Vec<f32> {
    let is_high = update.len() / k > k;
    let width = if is_high { update.len() / k } else { k };
    let mut x = muon_start(update, k, is_high);
    let side = x.len() / width;
    for _ in 0..5 {
        let gram = matmul(&x, &x, &vec![0.0; side], width);
        let squared = matmul(&gram, &gram, &vec![0.0; side], side);
        let polynomial = muon_polynomial(&gram, &squared, side);
        x = matmul(&polynomial, &transposed(&x, width), &vec![0.0; width], side);
    }
    if is_high { transposed(&x, width) } else { x }
}
