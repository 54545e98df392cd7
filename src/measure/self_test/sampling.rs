//! A check of the kernels that draw tokens and open cells.

use crate::Result;
use crate::gpu::layout::{CELL_WORDS, PARTIAL_WORDS, STEP_WORDS, draw_chunks};
use crate::gpu::{BlockCells, DType, DrawRows, Recorder, Tensor, Vocabulary};
use crate::measure::self_test::case::{Case, Wanted};
use crate::measure::self_test::numbers::{Random, upload, words};
use crate::measure::twins;
use crate::sample::{BlockSize, Nucleus, Sampling};

/// One step of a block of masked cells with a nucleus: each cell gets the token of the highest score
/// among those that are kept. The difference is that of the scores of the token that was drawn and of
/// the twin's.
pub(super) fn draw(r: &mut Recorder<'_>, v: usize) -> Result<Case> {
    let (t, mask, columns, gpu) = (3, v - 1, v.next_multiple_of(4), r.gpu());
    let sampling = Sampling { temperature: 0.8, top_p: 0.9, ..Sampling::default() };
    let uniform = sampling.uniform(1, BlockSize { cells: 8, masked: 8 });
    let logits: Vec<f32> = Random::new(t * v).numbers(t * v).iter().map(|x| x * 6.0).collect();
    let mut padded = vec![1e9; t * columns];
    for (row, logits) in padded.chunks_mut(columns).zip(logits.chunks(v)) {
        row[..v].copy_from_slice(logits);
    }
    let logits_tensor = upload(gpu, &[t, columns], &padded)?;
    let keys: Vec<[u32; 4]> = (0..t as u32).map(|i| [7, 11, i, 0]).collect();
    let keys_tensor = words(gpu, &[t, 4], keys.as_flattened())?;
    let step = Tensor::from_slice(gpu, "step", &[STEP_WORDS], DType::U32, &[uniform])?;
    let (masked, limits) = (words(gpu, &[t], &[0, 1, 2])?, words(gpu, &[t, 2], &vec![0; 2 * t])?);
    let chunks = draw_chunks(gpu.kernels(), columns);
    let partials = Tensor::padded(gpu, "partials", &[t, chunks, PARTIAL_WORDS], DType::U32, 64)?;
    let (ids, y) = (
        words(gpu, &[t], &vec![mask as u32; t])?,
        words(gpu, &[t, CELL_WORDS], &vec![0; t * CELL_WORDS])?,
    );
    let vocabulary = Vocabulary { size: v, mask_id: mask as u32, counted: None };
    r.threshold(&logits_tensor, &masked, &step, vocabulary, &limits)?;
    let rows = DrawRows { masked: &masked, keys: &keys_tensor, limits: &limits, filtered: true };
    r.draw(&logits_tensor, rows, &step, vocabulary, &partials)?;
    let block = (BlockCells::whole(1), vocabulary);
    r.reveal(&partials, &keys_tensor, &step, block, [&ids, &y])?;
    let wanted = Wanted::Close(Box::new(move |words| {
        let cells = words.chunks(CELL_WORDS).zip(logits.chunks(v)).zip(&keys);
        let row = |((cell, logits), key): ((&[u32], &[f32]), &[u32; 4])| {
            behind(logits, cell[0] as usize, sampling, *key)
        };
        cells.map(row).fold(0.0, f64::max)
    }));
    let shape = format!("{t} cells, {v} tokens, top-p {}", sampling.top_p);
    Ok(Case { op: "draw", shape, y, wanted, allowed: 1e-4 })
}

/// How far a token's score is behind the highest of those that the nucleus keeps; infinite for a token
/// that it does not keep.
fn behind(logits: &[f32], token: usize, sampling: Sampling, key: [u32; 4]) -> f64 {
    let (mask, temperature) = (logits.len() - 1, f64::from(sampling.temperature));
    let filter = twins::Filter {
        top_k: sampling.top_k,
        top_p: f64::from(sampling.top_p),
        keeps_crossing: sampling.nucleus == Nucleus::Crossing,
    };
    let (least, most) = twins::threshold(logits, mask, temperature, filter, 1e-5);
    let order = twins::candidates(logits, mask);
    if !order[..most].contains(&token) {
        return f64::INFINITY;
    }
    let scores = twins::draw(logits, mask, temperature, key, 1);
    let best = order[..least].iter().map(|&id| scores[id]).fold(f64::MIN, f64::max);
    (best - scores[token]).max(0.0)
}
