//! The kernels of the forward pass on the CPU, in f64, by the names of their ops. Plain loops: they are
//! read, not timed. [`super::check_kernels`] and the tests hold the kernels to them.

use half::f16;

use crate::gpu::BlockCells;

/// `x[t] = table[ids[t]]`.
pub fn embedding(ids: &[u32], table: &[f32], c: usize) -> Vec<f32> {
    ids.iter().flat_map(|&id| table[id as usize * c..(id as usize + 1) * c].to_vec()).collect()
}

/// Rows of k numbers as integers of eight bits give them back: a scale for each 64.
pub fn q8(rows: &[f32], k: usize) -> Vec<f32> {
    let group = |x: &[f32]| -> Vec<f32> {
        let scale = x.iter().fold(0.0f32, |most, x| most.max(x.abs())) / 127.0;
        x.iter().map(|x| if scale > 0.0 { (x / scale).round() * scale } else { 0.0 }).collect()
    };
    rows.chunks(k).flat_map(|row| row.chunks(64)).flat_map(group).collect()
}

/// Rows of k numbers as integers of four bits give them back, `scale * (integer + offset)` with both in
/// f16 for each 32: of some ranges, and the lines that fit their integers, the one of least error. In f32
/// like the format, with its sums in eight parts, since it is a choice.
pub fn q4(rows: &[f32], k: usize) -> Vec<f32> {
    let half = |x: f32| f16::from_f32(x).to_f32();
    let sum = |count: usize, term: &dyn Fn(usize) -> f32| -> f32 {
        let part = |first: usize| (first..count).step_by(8).fold(0.0, |sum, i| sum + term(i));
        (0..8).map(part).sum()
    };
    let line = |x: &[f32], scale: f32, least: f32| -> (Vec<f32>, Vec<f32>) {
        let (offset, scale) = (half(least / scale), half(scale));
        let integer = |x: &f32| (x * (1.0 / scale) - offset).clamp(0.0, 15.0).round_ties_even();
        let q: Vec<f32> = x.iter().map(integer).collect();
        let y = q.iter().map(|q| scale * (q + offset)).collect();
        (q, y)
    };
    let fit = |x: &[f32], q: &[f32]| -> (f32, f32) {
        let n = x.len();
        let (x_sum, q_sum) = (sum(n, &|i| x[i]), sum(n, &|i| q[i]));
        let (product, square) = (sum(n, &|i| x[i] * q[i]), sum(n, &|i| q[i] * q[i]));
        let n = n as f32;
        let scale = (n * product - q_sum * x_sum) / (n * square - q_sum * q_sum);
        (scale, (x_sum - scale * q_sum) / n)
    };
    let error = |x: &[f32], y: &[f32]| sum(x.len(), &|i| (x[i] - y[i]).powi(2));
    let group = |x: &[f32]| -> Vec<f32> {
        let least = x.iter().copied().fold(f32::INFINITY, f32::min);
        let most = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if least == most {
            return vec![half(least); x.len()];
        }
        let (centre, radius) = ((least + most) / 2.0, (most - least) / 2.0);
        let mut best = line(x, (most - least) / 15.0, least).1;
        for share in [1.0, 0.95, 0.9] {
            let first = line(x, 2.0 * share * radius / 15.0, centre - share * radius);
            let (scale, least) = fit(x, &first.0);
            for (q, y) in [first, line(x, scale, least)] {
                let is_whole = q.contains(&0.0) && q.contains(&15.0);
                if is_whole && error(x, &y) < error(x, &best) {
                    best = y;
                }
            }
        }
        best
    };
    rows.chunks(k).flat_map(|row| row.chunks(32)).flat_map(group).collect()
}

/// `LN(x) * weight * (1 + scale) + shift` of one row; mean and variance are those of its first
/// `channels` numbers.
pub fn norm(
    x: &[f32],
    (channels, epsilon): (usize, f32),
    weight: &[f32],
    [shift, scale]: [&[f32]; 2],
) -> Vec<f32> {
    let n = channels as f64;
    let real = || x[..channels].iter().map(|&x| f64::from(x));
    let mean = real().sum::<f64>() / n;
    let variance = real().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    let deviation = (variance + f64::from(epsilon)).sqrt();
    let modulated = |i: usize| {
        let y = (f64::from(x[i]) - mean) / deviation * f64::from(weight[i]);
        (y * (1.0 + f64::from(scale[i])) + f64::from(shift[i])) as f32
    };
    (0..x.len()).map(modulated).collect()
}

/// `x / sqrt(mean(x^2) + epsilon) * weight` of one row; the mean is that of its first `channels`
/// numbers.
pub fn rms_norm(x: &[f32], (channels, epsilon): (usize, f32), weight: &[f32]) -> Vec<f32> {
    let squares: f64 = x[..channels].iter().map(|&x| f64::from(x).powi(2)).sum();
    let root = (squares / channels as f64 + f64::from(epsilon)).sqrt();
    x.iter().zip(weight).map(|(&x, &w)| (f64::from(x) / root * f64::from(w)) as f32).collect()
}

/// The RMS norm of each query head, then each key head, of one row of queries, keys and values; a
/// head has `d` numbers, the first of which are channels. Values stay.
pub fn head_norm(
    qkv: &[f32],
    [queries, keys]: [usize; 2],
    (channels, epsilon): (usize, f32),
    weight: &[f32],
) -> Vec<f32> {
    let d = weight.len() / 2;
    let head = |(i, x): (usize, &[f32])| match i {
        i if i < queries => rms_norm(x, (channels, epsilon), &weight[..d]),
        i if i < queries + keys => rms_norm(x, (channels, epsilon), &weight[d..]),
        _ => x.to_vec(),
    };
    qkv.chunks(d).enumerate().flat_map(head).collect()
}

/// `silu(gate) * up` of one row of gates, then what they let through.
pub fn swiglu(x: &[f32]) -> Vec<f32> {
    let (gates, up) = x.split_at(x.len() / 2);
    let silu = |x: f32| f64::from(x) / (1.0 + f64::from(-x).exp());
    gates.iter().zip(up).map(|(&gate, &up)| (silu(gate) * f64::from(up)) as f32).collect()
}

/// A row `[(H + 2G) D]` with its query and key heads normalised, then rotated.
pub fn normed_rotary(
    row: &[f32],
    heads: [usize; 2],
    norm: (usize, f32),
    weight: &[f32],
    angles: &[f32],
) -> Vec<f32> {
    let mut normed = head_norm(row, heads, norm, weight);
    let rotated = (heads[0] + heads[1]) * angles.len();
    let turned = rotary(&normed[..rotated], angles, angles.len());
    normed[..rotated].copy_from_slice(&turned);
    normed
}

/// `x w^T + bias`, rows of `w` are outputs.
pub fn matmul(x: &[f32], w: &[f32], bias: &[f32], k: usize) -> Vec<f32> {
    let dot = |x: &[f32], w: &[f32]| -> f64 {
        x.iter().zip(w).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    let row = |x: &[f32]| -> Vec<f32> {
        let outputs = w.chunks(k).zip(bias);
        outputs.map(|(w, &bias)| (dot(x, w) + f64::from(bias)) as f32).collect()
    };
    x.chunks(k).flat_map(row).collect()
}

/// GELU, tanh approximation.
pub fn gelu_tanh(x: f32) -> f32 {
    let x = f64::from(x);
    let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
    (0.5 * x * (1.0 + inner.tanh())) as f32
}

/// GELU as it is: the error function by its series, or by its continued fraction far out.
pub fn gelu_erf(x: f32) -> f32 {
    let x = f64::from(x);
    let z = x.abs() / std::f64::consts::SQRT_2;
    let root = std::f64::consts::PI.sqrt();
    let erf = if z < 3.0 {
        let (mut term, mut sum) = (z, z);
        for n in 1..60 {
            term *= -z * z / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        2.0 / root * sum
    } else {
        let fraction = (1..40).rev().fold(z, |below, n| z + f64::from(n) / 2.0 / below);
        1.0 - (-z * z).exp() / root / fraction
    };
    (0.5 * x * (1.0 + erf.copysign(x))) as f32
}

/// Rotates one row of heads of width `d` by the angles' cosines and sines.
pub fn rotary(x: &[f32], angles: &[f32], d: usize) -> Vec<f32> {
    let half = d / 2;
    let mut y = x.to_vec();
    for (x, y) in x.chunks(d).zip(y.chunks_mut(d)) {
        for j in 0..half {
            let (cos, sin) = (angles[j], angles[half + j]);
            y[j] = x[j] * cos - x[j + half] * sin;
            y[j + half] = x[j + half] * cos + x[j] * sin;
        }
    }
    y
}

/// Softmax attention of one row of query heads of width `d` over the cache slots of its spans; each of
/// the `keys` key heads serves as many neighbouring query heads.
pub fn attention(
    q: &[f32],
    [k, v]: [&[f32]; 2],
    spans: [u32; 4],
    (keys, d): (usize, usize),
    scale: f64,
) -> Vec<f32> {
    let heads = q.len() / d;
    let slots: Vec<usize> =
        (spans[0]..spans[1]).chain(spans[2]..spans[3]).map(|slot| slot as usize).collect();
    let mut y = vec![0.0; q.len()];
    for head in 0..heads {
        let query = &q[head * d..(head + 1) * d];
        let at = |slot: usize| (slot * keys + head * keys / heads) * d;
        let score = |&slot: &usize| -> f64 {
            let key = &k[at(slot)..at(slot) + d];
            query.iter().zip(key).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum::<f64>() * scale
        };
        let scores: Vec<f64> = slots.iter().map(score).collect();
        let top = scores.iter().copied().fold(f64::MIN, f64::max);
        let total: f64 = scores.iter().map(|s| (s - top).exp()).sum();
        for i in 0..d {
            let value = |(s, slot): (&f64, &usize)| (s - top).exp() * f64::from(v[at(*slot) + i]);
            y[head * d + i] = (scores.iter().zip(&slots).map(value).sum::<f64>() / total) as f32;
        }
    }
    y
}

/// The masked cells that may open, in order, each with the row that speaks of it.
pub fn masked(ids: &[u32], mask: u32, block: BlockCells) -> Vec<[usize; 2]> {
    let first = |cell: usize| {
        let start = cell / block.size * block.size;
        (start..start + block.size).find(|&i| ids[i] == mask).map(|i| block.window_of(i - start))
    };
    let may_open = |&cell: &usize| {
        ids[cell] == mask && first(cell) == Some(block.window_of(cell % block.size))
    };
    let row = |cell: usize| cell - block.shift.min(cell % block.size);
    (0..ids.len()).filter(may_open).map(|cell| [cell, row(cell)]).collect()
}

/// Softmax in f64 without the mask token.
pub fn softmax(logits: &[f32], temperature: f64, mask: usize) -> Vec<f64> {
    let scaled = |(id, &l): (usize, &f32)| {
        if id == mask { f64::NEG_INFINITY } else { f64::from(l) / temperature }
    };
    let scaled: Vec<f64> = logits.iter().enumerate().map(scaled).collect();
    let top = scaled.iter().copied().fold(f64::MIN, f64::max);
    let weights: Vec<f64> = scaled.iter().map(|l| (l - top).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.iter().map(|w| w / total).collect()
}

/// Tokens in falling order of logit, ties by id, without the mask token.
pub fn candidates(logits: &[f32], mask: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..logits.len()).filter(|&id| id != mask).collect();
    order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]).then(a.cmp(&b)));
    order
}

/// Which tokens are drawn from.
#[derive(Clone, Copy)]
pub struct Filter {
    /// The likeliest, 0 = all.
    pub top_k: usize,
    /// Those of this mass, 1 = all.
    pub top_p: f64,
    /// And the one at which their sum crosses it.
    pub keeps_crossing: bool,
}

/// How many of the candidates top-k, then nucleus, keep. A running sum this near to `top_p` may
/// fall on either side of it: the least and the most that may be kept.
pub fn threshold(
    logits: &[f32],
    mask: usize,
    temperature: f64,
    Filter { top_k, top_p, keeps_crossing }: Filter,
    near: f64,
) -> (usize, usize) {
    let order = candidates(logits, mask);
    let k = if top_k == 0 { order.len() } else { top_k.min(order.len()) };
    if top_p >= 1.0 {
        return (k, k);
    }
    let probability = softmax(logits, temperature, mask);
    let total: f64 = order[..k].iter().map(|&id| probability[id]).sum();
    let keep = |p: f64| {
        let mut sum = 0.0;
        let within = |&&id: &&usize| {
            sum += probability[id] / total;
            sum <= p
        };
        let below = order[..k].iter().take_while(within).count();
        (below + usize::from(keeps_crossing)).clamp(1, k)
    };
    (keep(top_p - near), keep(top_p + near))
}

/// Counter-based random bits. Source: Jarzynski and Olano, 2020.
pub fn pcg4d(counter: [u32; 4]) -> [u32; 4] {
    let mut v = counter.map(|x| x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    let mix = |v: &mut [u32; 4]| {
        for (to, (a, b)) in [(0, (1, 3)), (1, (2, 0)), (2, (0, 1)), (3, (1, 2))] {
            v[to] = v[to].wrapping_add(v[a].wrapping_mul(v[b]));
        }
    };
    mix(&mut v);
    v.iter_mut().for_each(|x| *x ^= *x >> 16);
    mix(&mut v);
    v
}

/// Gumbel scores of the tokens of a row, as the draw kernel defines them: `l / T - log(E)`, E
/// exponential from the bits of the row's key, the step and the token.
pub fn draw(logits: &[f32], mask: usize, temperature: f64, key: [u32; 4], step: u32) -> Vec<f64> {
    let bits = pcg4d([key[0], key[1], key[2], 2 * step]);
    let score = |(id, &l): (usize, &f32)| {
        if id == mask {
            return f64::NEG_INFINITY;
        }
        // The kernel draws for four tokens at a time.
        let (group, at) = (id as u32 / 4 * 4, id % 4);
        let coarse = pcg4d([bits[0] ^ group, bits[1], bits[2], bits[3]])[at];
        let fine = pcg4d([bits[0] ^ group, bits[1] ^ 1, bits[2], bits[3]])[at];
        let unit = 2f64.powi(-32);
        let u = if coarse < 65536 {
            f64::from(coarse) * unit + (f64::from(fine) + 0.5) * unit * unit
        } else {
            (f64::from(coarse) + 0.5) * unit
        };
        f64::from(l) / temperature - (-(-u).ln_1p()).ln()
    };
    logits.iter().enumerate().map(score).collect()
}

/// The masked cells of a block that open: the first `count` in rising order of their ranks, ties by
/// index, and those that `more` lets through, given the cell and the cells before it.
pub fn reveal(
    masked: &[bool],
    rank: impl Fn(usize) -> f64,
    count: usize,
    more: impl Fn(usize, &[usize]) -> bool,
) -> Vec<bool> {
    let mut order: Vec<usize> = (0..masked.len()).filter(|&i| masked[i]).collect();
    order.sort_by(|&a, &b| rank(a).total_cmp(&rank(b)).then(a.cmp(&b)));
    let place = |i: usize| order.iter().position(|&j| j == i);
    let opens = |i: usize| place(i).is_some_and(|at| at < count || more(i, &order[..at]));
    (0..masked.len()).map(opens).collect()
}

/// The random bits that rank a cell at a step.
pub fn order_bits(key: [u32; 4], step: u32) -> f64 {
    f64::from(pcg4d([key[0], key[1], key[2], 2 * step + 1])[0])
}

/// Probability that a cell opens at a step of the analytic sampler, from its logits without the
/// mask token's: `(e^ds - 1) sum exp(l) / ((e^s - 1) (V - 1))`.
pub fn opening_probability(logits: &[f32], step: usize, steps: usize) -> f64 {
    let time = |step: usize| 1.0 - (1.0 - 1e-5) * step as f64 / steps as f64;
    let noise = |step: usize| -(1.0 - time(step)).max(1e-3).ln();
    let (now, next) = (noise(step), noise(step + 1));
    let sum: f64 = logits.iter().map(|&l| f64::from(l).exp()).sum();
    (now - next).exp_m1() * sum / (now.exp_m1() * logits.len() as f64)
}

/// Difference between the two highest probabilities of a row.
pub fn margin(logits: &[f32], mask: usize) -> f64 {
    let mut p = softmax(logits, 1.0, mask);
    p.sort_by(|a, b| b.total_cmp(a));
    p[0] - p.get(1).copied().unwrap_or(0.0)
}

/// The picked rows.
pub fn gather(x: &[f32], rows: &[usize], c: usize) -> Vec<f32> {
    rows.iter().flat_map(|&row| x[row * c..(row + 1) * c].to_vec()).collect()
}

/// -log p of each row's target; the mask token has probability 0.
pub fn cross_entropy(logits: &[f32], v: usize, mask: usize, targets: &[u32]) -> Vec<f32> {
    let nll =
        |(row, &target): (&[f32], &u32)| -softmax(row, 1.0, mask)[target as usize].ln() as f32;
    logits.chunks(v).zip(targets).map(nll).collect()
}
