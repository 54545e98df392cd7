//! The kernels of attention alone: itself, and the rotation that fills its cache.

use half::f16;

use crate::Result;
use crate::gpu::layout::ROW_PAD;
use crate::gpu::{Attended, Attention, DType, Gpu, Recorder, Tensor, partial_attention};
use crate::measure::cases::{Case, DISPATCHES, Sizes, counted, numbers};

impl Sizes {
    /// Attention of a block of `rows` rows over `context` cached positions and itself.
    ///
    /// # Errors
    /// As [`Sizes::matmul`].
    pub fn attention(&self, gpu: &Gpu, rows: usize, context: usize) -> Result<Case> {
        let slots = context + rows;
        let spans = vec![[0, slots as u32, 0, 0]; rows];
        let work = (rows * slots, self.key_bytes(slots));
        self.attend(
            gpu,
            format!("{}, context {context}", counted(rows)),
            (slots, rows),
            &spans,
            work,
        )
    }

    /// Attention of the noisy half of a likelihood's pass over `[x_t ; x_0]`: every row sees its own
    /// block and the clean blocks before it.
    ///
    /// # Errors
    /// As [`Sizes::matmul`].
    pub fn likelihood_attention(&self, gpu: &Gpu, length: usize, block: usize) -> Result<Case> {
        let span = |i: usize| {
            let own = i / block * block;
            [length, length + own, own, (own + block).min(length)].map(|slot| slot as u32)
        };
        let spans: Vec<[u32; 4]> = (0..length).map(span).collect();
        let seen = (0..length).map(|i| (i / block * block + block).min(length)).sum();
        let work = (seen, self.key_bytes(2 * length));
        self.attend(
            gpu,
            format!("likelihood of {length}, block {block}"),
            (2 * length, length),
            &spans,
            work,
        )
    }

    fn key_bytes(&self, slots: usize) -> usize {
        2 * slots * self.key_width() * self.cache.bytes()
    }

    fn attend(
        &self,
        gpu: &Gpu,
        shape: String,
        (slots, group): (usize, usize),
        spans: &[[u32; 4]],
        (pairs, key_bytes): (usize, usize),
    ) -> Result<Case> {
        let (t, c, d) = (spans.len(), self.query_width(), self.head_width);
        let keys = self.key_width();
        let cached = |label| Tensor::attended(gpu, label, &[slots, keys], self.cache, d);
        let kv = [&cached("keys")?, &cached("values")?];
        let q = Tensor::attended(gpu, "q", &[t, c], DType::F32, d)?;
        match self.cache {
            DType::F32 => kv.iter().try_for_each(|kv| kv.write(gpu, &numbers(slots * keys)))?,
            _ => kv.iter().try_for_each(|kv| kv.write(gpu, &halves(slots * keys)))?,
        }
        q.write(gpu, &numbers(t * c))?;
        let table = Tensor::padded(gpu, "spans", &[t, 4], DType::U32, ROW_PAD)?;
        table.write(gpu, spans)?;
        let y = Tensor::multiplied(gpu, "y", &[t, c])?;
        let partials = partial_attention(gpu, t, (self.heads, d))?;
        let (spans, heads, window, partials) = (&table, self.heads, slots, partials.as_ref());
        let scale = (1.0 / (d as f64).sqrt()) as f32;
        let rows = Attention { q: &q, cache: kv, spans, heads, scale, group, window, partials };
        let count = if t > ROW_PAD { 1 } else { DISPATCHES };
        let mut r = Recorder::new(gpu);
        for _ in 0..count {
            r.attention(rows, &y)?;
        }
        // A product with the key and one with the value for each channel.
        Case::new(shape, 4 * pairs * c, key_bytes + 8 * t * c, count, r)
    }

    /// The rotation of `rows` rows, and their keys and values to the cache.
    ///
    /// # Errors
    /// As [`Sizes::matmul`].
    pub fn rotary(&self, gpu: &Gpu, rows: usize) -> Result<Case> {
        let (c, keys, d) = (self.query_width(), self.key_width(), self.head_width);
        let qkv = Tensor::activation(gpu, "qkv", &[rows, c + 2 * keys])?;
        qkv.write(gpu, &numbers(rows * (c + 2 * keys)))?;
        let angles = Tensor::activation(gpu, "angles", &[rows, d])?;
        let slots = Tensor::padded(gpu, "slots", &[rows], DType::U32, ROW_PAD)?;
        slots.write(gpu, &(0..rows as u32).collect::<Vec<_>>())?;
        let q = Tensor::attended(gpu, "q", &[rows, c], DType::F32, d)?;
        let cached = |label| Tensor::attended(gpu, label, &[rows, keys], self.cache, d);
        let kv = [&cached("keys")?, &cached("values")?];
        let mut r = Recorder::new(gpu);
        for _ in 0..DISPATCHES {
            r.rotary(&qkv, Attended { angles: &angles, slots: &slots, q: &q, cache: kv })?;
        }
        let bytes = 4 * rows * (2 * c + 2 * keys) + self.key_bytes(rows);
        Case::new(counted(rows), 3 * rows * (c + keys), bytes, DISPATCHES, r)
    }
}

fn halves(count: usize) -> Vec<f16> {
    numbers(count).into_iter().map(f16::from_f32).collect()
}
