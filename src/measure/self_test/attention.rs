//! Checks of attention, and of what puts queries where it reads them. One key head lies alike in all
//! memory layouts of the cache.

use half::f16;

use crate::Result;
use crate::gpu::{Attended, Attention, DType, HeadNorm, Recorder, Tensor, partial_attention};
use crate::measure::self_test::case::{Case, ROUNDING, Wanted};
use crate::measure::self_test::numbers::{Random, halves, upload, words};
use crate::measure::twins;

/// Queries that are rotated on their way.
pub(super) fn rotary(r: &mut Recorder<'_>, d: usize) -> Result<Case> {
    let (t, queries, gpu) = (9, 3, r.gpu());
    let all = (queries + 2) * d;
    let mut random = Random::new(t * d);
    let (angles, qkv) = (random.numbers(t * d), random.numbers(t * all));
    let slots: Vec<u32> = (0..t as u32).map(|i| 2 * i).collect();
    let y = Tensor::attended(gpu, "q", &[t, queries * d], DType::F32, d)?;
    let cached = || Tensor::attended(gpu, "cache", &[2 * t, d], DType::F16, d);
    let (angles_tensor, slots) = (upload(gpu, &[t, d], &angles)?, words(gpu, &[t], &slots)?);
    let cache = [&cached()?, &cached()?];
    let to = Attended { angles: &angles_tensor, slots: &slots, q: &y, cache };
    r.rotary(&upload(gpu, &[t, all], &qkv)?, to)?;
    let row = |(row, angles): (&[f32], &[f32])| twins::rotary(&row[..queries * d], angles, d);
    let wanted = qkv.chunks(all).zip(angles.chunks(d)).flat_map(row).collect();
    let shape = format!("{t} rows, {queries} heads of {d}");
    let wanted = Wanted::Rows(wanted, queries * d);
    Ok(Case { op: "rotary", shape, y, wanted, allowed: f64::from(ROUNDING) })
}

/// Queries whose heads are normalised before that. Four channels of each head are padding.
pub(super) fn normed_rotary(r: &mut Recorder<'_>) -> Result<Case> {
    let (t, heads, channels, d, gpu) = (9, [3, 1], 60, 64, r.gpu());
    let (epsilon, columns) = (1e-5, heads[0] * d);
    let all = columns + 2 * heads[1] * d;
    let mut random = Random::new(t * d);
    let angles = random.numbers(t * d);
    let (w, qkv) = (random.padded(2, (channels, d)), random.padded(t * all / d, (channels, d)));
    let slots: Vec<u32> = (0..t as u32).map(|i| 2 * i).collect();
    let y = Tensor::attended(gpu, "q", &[t, columns], DType::F32, d)?;
    let cached = || Tensor::attended(gpu, "cache", &[2 * t, d], DType::F16, d);
    let (angles_tensor, slots) = (upload(gpu, &[t, d], &angles)?, words(gpu, &[t], &slots)?);
    let cache = [&cached()?, &cached()?];
    let to = Attended { angles: &angles_tensor, slots: &slots, q: &y, cache };
    let norm = HeadNorm { weight: &upload(gpu, &[2, d], &w)?, heads, channels, epsilon };
    r.normed_rotary(&upload(gpu, &[t, all], &qkv)?, norm, to)?;
    let row = |(row, angles): (&[f32], &[f32])| {
        let mut row = twins::normed_rotary(row, heads, (channels, epsilon), &w, angles);
        row.truncate(columns);
        row
    };
    let wanted = qkv.chunks(all).zip(angles.chunks(d)).flat_map(row).collect();
    let shape = format!("{t} rows, {} heads of {channels}", heads[0]);
    let (wanted, allowed) = (Wanted::Rows(wanted, columns), 3.0 * f64::from(ROUNDING));
    Ok(Case { op: "normed_rotary", shape, y, wanted, allowed })
}

/// Two groups of rows over a cache of f16, each row with a span that ends with its group. If rows might see
/// `window` keys they may be split into shares.
pub(super) fn attention(
    r: &mut Recorder<'_>,
    (heads, d): (usize, usize),
    (group, window): (usize, usize),
) -> Result<Case> {
    let (t, s, c, gpu) = (2 * group, 300, heads * d, r.gpu());
    let mut random = Random::new(d + group);
    let [q, k, v] = [t * c, s * d, s * d].map(|count| random.numbers(count));
    let spans: Vec<[u32; 4]> = (0..t)
        .map(|i| {
            let (end, start) = (s as u32 - 70 * (1 - (i / group) as u32), i as u32 % 3);
            [start, end, 0, 0]
        })
        .collect();
    let cached = |x: &[f32]| {
        let tensor = Tensor::attended(gpu, "cache", &[s, d], DType::F16, d)?;
        let x: Vec<f16> = x.iter().map(|&x| f16::from_f32(x)).collect();
        tensor.write(gpu, &x).map(|()| tensor)
    };
    let q_tensor = Tensor::attended(gpu, "q", &[t, c], DType::F32, d)?;
    q_tensor.write(gpu, &q)?;
    let (y, scale) = (Tensor::multiplied(gpu, "y", &[t, c])?, 1.0 / (d as f32).sqrt());
    let (room, spans_tensor) =
        (partial_attention(gpu, t, (heads, d))?, words(gpu, &[t, 4], spans.as_flattened())?);
    let rows = Attention {
        q: &q_tensor,
        cache: [&cached(&k)?, &cached(&v)?],
        spans: &spans_tensor,
        heads,
        scale,
        group,
        window,
        partials: room.as_ref(),
    };
    r.attention(rows, &y)?;
    let (k, v) = (halves(&k), halves(&v));
    let row = |(q, spans): (&[f32], &[u32; 4])| {
        twins::attention(q, [&k, &v], *spans, (1, d), f64::from(scale))
    };
    let wanted = Wanted::Rows(q.chunks(c).zip(&spans).flat_map(row).collect(), c);
    let shape = format!("2 groups of {group} rows, {heads} heads of {d}, {s} slots");
    Ok(Case { op: "attention", shape, y, wanted, allowed: f64::from(ROUNDING) })
}
