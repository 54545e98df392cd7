//! The kernels on the CPU, in f64, by the names of their ops. Plain loops: they are read, not timed.

#[allow(unused_imports, reason = "each test file uses a part of it")]
pub use bdlm::measure::twins::*;

#[allow(unused_imports, reason = "each test file uses a part of it")]
pub use crate::common::optimiser_twins::*;

#[allow(unused_imports, reason = "each test file uses a part of it")]
pub use crate::common::simplex_twins::*;

/// `dw + dy^T x`, dy of rows of `stride` numbers.
pub fn weight_gradient(
    (dy, stride): (&[f32], usize),
    x: &[f32],
    [n, k]: [usize; 2],
    dw: &[f32],
) -> Vec<f32> {
    let sum = |i: usize| -> f64 {
        let (row, column) = (i / k, i % k);
        let rows = dy.chunks(stride).zip(x.chunks(k));
        rows.map(|(dy, x)| f64::from(dy[row]) * f64::from(x[column])).sum()
    };
    (0..n * k).map(|i| (f64::from(dw[i]) + sum(i)) as f32).collect()
}

/// `y + sum of the rows of x`.
pub fn column_sums(x: &[f32], c: usize, y: &[f32]) -> Vec<f32> {
    let column = |i: usize| x.chunks(c).map(|row| f64::from(row[i])).sum::<f64>();
    y.iter().enumerate().map(|(i, &y)| (f64::from(y) + column(i)) as f32).collect()
}

/// Sums of listed rows: of `[begin, end, row of y, 0]` in `order`.
pub fn sum_rows(x: &[f32], c: usize, order: &[u32], targets: &[[u32; 4]], y: &[f32]) -> Vec<f32> {
    let mut y: Vec<f64> = y.iter().copied().map(f64::from).collect();
    for &[begin, end, row, _] in targets {
        for &from in &order[begin as usize..end as usize] {
            for i in 0..c {
                y[row as usize * c + i] += f64::from(x[from as usize * c + i]);
            }
        }
    }
    y.into_iter().map(|y| y as f32).collect()
}

/// The rows at their places; zeros where there is none.
pub fn scatter(x: &[f32], c: usize, places: &[u32]) -> Vec<f32> {
    let row = |&place: &u32| {
        x.chunks(c).nth(place as usize).map_or_else(|| vec![0.0; c], <[f32]>::to_vec)
    };
    places.iter().flat_map(row).collect()
}

/// `x * sigmoid(x)`.
pub fn silu(x: f32) -> f32 {
    let x = f64::from(x);
    (x / (1.0 + (-x).exp())) as f32
}

/// The activation of an MLP.
pub fn activation(is_silu: bool, x: f32) -> f32 {
    if is_silu { silu(x) } else { gelu_tanh(x) }
}

/// Its derivative times `dy`.
pub fn backward_activation(is_silu: bool, x: f32, dy: f32) -> f32 {
    let x = f64::from(x);
    let slope = if is_silu {
        let s = 1.0 / (1.0 + (-x).exp());
        s * (1.0 + x * (1.0 - s))
    } else {
        let root = (2.0 / std::f64::consts::PI).sqrt();
        let t = (root * (x + 0.044_715 * x.powi(3))).tanh();
        0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * root * (1.0 + 3.0 * 0.044_715 * x * x)
    };
    (slope * f64::from(dy)) as f32
}

/// What dropout multiplies number i with: 0, or the scale.
pub fn dropout(i: usize, site: u32, [low, high]: [u32; 2], (below, scale): (u32, f32)) -> f32 {
    let bits = pcg4d([i as u32 / 4, site, low, high])[i % 4];
    if bits < below { 0.0 } else { scale }
}

/// `x + gate * dropout(z)`, with what dropout multiplies each number with.
pub fn gated(x: &[f32], z: &[f32], gate: &[f32], kept: &[f32]) -> Vec<f32> {
    (0..x.len()).map(|i| x[i] + gate[i % gate.len()] * kept[i] * z[i]).collect()
}

/// The gradients of z and of the gate.
pub fn backward_gated(dy: &[f32], z: &[f32], gate: &[f32], kept: &[f32]) -> [Vec<f32>; 2] {
    let c = gate.len();
    let dz = (0..dy.len()).map(|i| gate[i % c] * kept[i] * dy[i]).collect();
    let products: Vec<f32> = (0..dy.len()).map(|i| kept[i] * dy[i] * z[i]).collect();
    [dz, column_sums(&products, c, &vec![0.0; c])]
}

/// Of rows of a norm, see [`norm`]: the gradients of x, weight, shift and scale.
pub fn backward_norm(
    x: &[f32],
    dy: &[f32],
    (channels, epsilon): (usize, f32),
    weight: &[f32],
    scale: &[f32],
) -> [Vec<f32>; 4] {
    let (c, n) = (weight.len(), channels as f64);
    let gain = |i: usize| f64::from(weight[i]) * (1.0 + f64::from(scale[i]));
    let mut dx = vec![0.0; x.len()];
    let (mut plain, mut weighed) = (vec![0.0; c], vec![0.0; c]);
    for (row, dx) in dx.chunks_mut(c).enumerate() {
        let [x, dy] = [x, dy].map(|all| &all[row * c..(row + 1) * c]);
        let real = || x[..channels].iter().map(|&x| f64::from(x));
        let mean = real().sum::<f64>() / n;
        let variance = real().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        let deviation = (variance + f64::from(epsilon)).sqrt();
        let normal = |i: usize| (f64::from(x[i]) - mean) / deviation;
        let g = |i: usize| f64::from(dy[i]) * gain(i);
        let mean_g = (0..channels).map(g).sum::<f64>() / n;
        let mean_gn = (0..channels).map(|i| g(i) * normal(i)).sum::<f64>() / n;
        for i in 0..channels {
            dx[i] = ((g(i) - mean_g - normal(i) * mean_gn) / deviation) as f32;
            plain[i] += f64::from(dy[i]);
            weighed[i] += f64::from(dy[i]) * normal(i);
        }
    }
    let each = |f: &dyn Fn(usize) -> f64| (0..c).map(|i| f(i) as f32).collect();
    let dweight = each(&|i| (1.0 + f64::from(scale[i])) * weighed[i]);
    [dx, dweight, each(&|i| plain[i]), each(&|i| f64::from(weight[i]) * weighed[i])]
}

/// The gradient of rotated heads turns back.
pub fn backward_rotary(dy: &[f32], angles: &[f32], d: usize) -> Vec<f32> {
    let back = |(i, &x): (usize, &f32)| if i < d / 2 { x } else { -x };
    rotary(dy, &angles.iter().enumerate().map(back).collect::<Vec<f32>>(), d)
}

/// Of attention of rows, see [`attention`]: the gradients of queries, keys and values.
pub fn backward_attention(
    (q, dy): (&[f32], &[f32]),
    [k, v]: [&[f32]; 2],
    spans: &[[u32; 4]],
    (keys, d): (usize, usize),
    scale: f64,
) -> [Vec<f32>; 3] {
    let c = q.len() / spans.len();
    let heads = c / d;
    let (mut dq, mut dk, mut dv) = (vec![0.0; q.len()], vec![0.0; k.len()], vec![0.0; v.len()]);
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    for (row, [a, b, e, f]) in spans.iter().enumerate() {
        for head in 0..heads {
            let own = row * c + head * d;
            let at = |slot: u32| (slot as usize * keys + head * keys / heads) * d;
            let (q, dy) = (&q[own..own + d], &dy[own..own + d]);
            let slots: Vec<usize> = (*a..*b).chain(*e..*f).map(at).collect();
            let scores: Vec<f64> = slots.iter().map(|&at| scale * dot(q, &k[at..at + d])).collect();
            let top = scores.iter().copied().fold(f64::MIN, f64::max);
            let total: f64 = scores.iter().map(|s| (s - top).exp()).sum();
            let p: Vec<f64> = scores.iter().map(|s| (s - top).exp() / total).collect();
            let gains: Vec<f64> = slots.iter().map(|&at| dot(dy, &v[at..at + d])).collect();
            let delta: f64 = p.iter().zip(&gains).map(|(p, gain)| p * gain).sum();
            for ((&at, p), gain) in slots.iter().zip(&p).zip(&gains) {
                let ds = scale * p * (gain - delta);
                for i in 0..d {
                    dq[own + i] += ds * f64::from(k[at + i]);
                    dk[at + i] += ds * f64::from(q[i]);
                    dv[at + i] += p * f64::from(dy[i]);
                }
            }
        }
    }
    [dq, dk, dv].map(|all| all.into_iter().map(|x| x as f32).collect())
}

/// The gradient of `weight * -log p` of each row's target by its logits.
pub fn backward_cross_entropy(
    logits: &[f32],
    v: usize,
    mask: usize,
    targets: &[u32],
    weights: &[f32],
) -> Vec<f32> {
    let row = |((row, &target), &weight): ((&[f32], &u32), &f32)| -> Vec<f32> {
        let hit = |i| if i == target as usize { 1.0 } else { 0.0 };
        let p = softmax(row, 1.0, mask).into_iter().enumerate();
        p.map(|(i, p)| (f64::from(weight) * (p - hit(i))) as f32).collect()
    };
    logits.chunks(v).zip(targets).zip(weights).flat_map(row).collect()
}
