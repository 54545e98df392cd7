//! Kernels alone, at the shapes of a network: plans to time, and how much work they are at least.

use half::f16;

use crate::Result;
use crate::gpu::{
    Attended, Attention, DType, DrawRows, Epilogue, Gpu, Modulation, Norm, Onto, PARTIAL_WORDS,
    Plan, ROW_PAD, Recorder, STEP_WORDS, Sequences, Tensor, Vocabulary, Weight, draw_chunks,
    partial_attention, row_bytes,
};

/// The sizes of a network that its kernels depend on.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// C.
    pub channels: usize,
    /// H.
    pub heads: usize,
    /// V.
    pub vocabulary: usize,
    /// How weights are held.
    pub weights: DType,
    /// How keys and values are held.
    pub cache: DType,
}

/// A kernel with its work.
#[derive(Debug)]
pub struct Case {
    /// The kernel that was chosen.
    pub kernel: &'static str,
    /// What it works on, for people: `qkv, 4 rows`.
    pub shape: String,
    /// Multiplications and additions of one call.
    pub flops: f64,
    /// Bytes that one call reads and writes at least, each once.
    pub bytes: f64,
    /// Calls in the plan.
    pub count: usize,
    /// Calls to time: of weights as many copies as no cache holds.
    pub plan: Plan,
}

/// Weights of a plan take at least so many bytes, more than caches hold.
const WEIGHTS_BYTES: usize = 64 << 20;
/// Dispatches of plans that read no weights.
const DISPATCHES: usize = 32;

impl Sizes {
    /// A product of `rows` rows with a weight of a layer, or the head: `part` is `qkv`, `out`,
    /// `up`, `down` or `head`.
    ///
    /// # Errors
    /// [`crate::Error::TooLarge`], [`crate::Error::OutOfMemory`], [`crate::Error::Kernel`].
    pub fn matmul(&self, gpu: &Gpu, part: &str, rows: usize) -> Result<Case> {
        let c = self.channels;
        let [n, k] = match part {
            "qkv" => [3 * c, c],
            "up" => [4 * c, c],
            "down" => [c, 4 * c],
            "head" => [self.vocabulary, c],
            _ => [c, c],
        };
        let weight_bytes = n * row_bytes(k, self.weights);
        let count = WEIGHTS_BYTES.div_ceil(weight_bytes);
        let numbers = numbers(n * k);
        let x = Tensor::multiplied(gpu, "x", &[rows, k])?;
        x.write(gpu, &numbers[..k])?;
        let bias = Tensor::padded(gpu, "bias", &[n], DType::F32, 1)?;
        let y = Tensor::activation(gpu, "y", &[rows, n.next_multiple_of(4)])?;
        let mut r = Recorder::new(gpu);
        for _ in 0..count {
            let w = Weight::upload(gpu, part, [n, k], self.weights, &numbers)?;
            r.matmul(&x, &w, &bias, Epilogue::Store, &y)?;
        }
        let bytes = weight_bytes + 4 * rows * (k + n);
        Case::new(format!("{part}, {}", counted(rows)), 2 * rows * n * k, bytes, count, r)
    }

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
        2 * slots * self.channels * self.cache.bytes()
    }

    fn attend(
        &self,
        gpu: &Gpu,
        shape: String,
        (slots, group): (usize, usize),
        spans: &[[u32; 4]],
        (pairs, key_bytes): (usize, usize),
    ) -> Result<Case> {
        let (t, c) = (spans.len(), self.channels);
        let cached = |label| Tensor::attended(gpu, label, &[slots, c], self.cache, c / self.heads);
        let kv = [&cached("keys")?, &cached("values")?];
        let q = Tensor::attended(gpu, "q", &[t, c], DType::F32, c / self.heads)?;
        match self.cache {
            DType::F32 => kv.iter().try_for_each(|kv| kv.write(gpu, &numbers(slots * c)))?,
            _ => kv.iter().try_for_each(|kv| kv.write(gpu, &halves(slots * c)))?,
        }
        q.write(gpu, &numbers(t * c))?;
        let table = Tensor::padded(gpu, "spans", &[t, 4], DType::U32, ROW_PAD)?;
        table.write(gpu, spans)?;
        let y = Tensor::multiplied(gpu, "y", &[t, c])?;
        let partials = partial_attention(gpu, t, (self.heads, c / self.heads))?;
        let (spans, heads, partials) = (&table, self.heads, partials.as_ref());
        let scale = (1.0 / ((c / heads) as f64).sqrt()) as f32;
        let rows = Attention { q: &q, cache: kv, spans, heads, scale, group, partials };
        let count = if t > ROW_PAD { 1 } else { DISPATCHES };
        let mut r = Recorder::new(gpu);
        for _ in 0..count {
            r.attention(rows, &y)?;
        }
        // A product with the key and one with the value for each channel.
        Case::new(shape, 4 * pairs * c, key_bytes + 8 * t * c, count, r)
    }

    /// The norm of `rows` rows.
    ///
    /// # Errors
    /// As [`Sizes::matmul`].
    pub fn norm(&self, gpu: &Gpu, rows: usize) -> Result<Case> {
        let c = self.channels;
        let x = Tensor::activation(gpu, "x", &[rows, c])?;
        x.write(gpu, &numbers(rows * c))?;
        let weight = Tensor::padded(gpu, "weight", &[c], DType::F32, 1)?;
        let modulation = Tensor::padded(gpu, "modulation", &[1, 2 * c], DType::F32, 1)?;
        let modulation = Modulation { tensor: &modulation, sequences: Sequences::SHARED };
        let y = &Tensor::multiplied(gpu, "y", &[rows, c])?;
        let (x, weight, at) = (&x, &weight, [0, c]);
        let norm = Norm { x, channels: c, epsilon: 1e-5, weight, modulation, at, y };
        let mut r = Recorder::new(gpu);
        for _ in 0..DISPATCHES {
            r.norm(norm)?;
        }
        Case::new(counted(rows), 8 * rows * c, 8 * rows * c, DISPATCHES, r)
    }

    /// The rotation of `rows` rows, and their keys and values to the cache.
    ///
    /// # Errors
    /// As [`Sizes::matmul`].
    pub fn rotary(&self, gpu: &Gpu, rows: usize) -> Result<Case> {
        let (c, d) = (self.channels, self.channels / self.heads);
        let qkv = Tensor::activation(gpu, "qkv", &[rows, 3 * c])?;
        qkv.write(gpu, &numbers(rows * 3 * c))?;
        let angles = Tensor::activation(gpu, "angles", &[rows, d])?;
        let slots = Tensor::padded(gpu, "slots", &[rows], DType::U32, ROW_PAD)?;
        slots.write(gpu, &(0..rows as u32).collect::<Vec<_>>())?;
        let q = Tensor::attended(gpu, "q", &[rows, c], DType::F32, d)?;
        let cached = |label| Tensor::attended(gpu, label, &[rows, c], self.cache, d);
        let kv = [&cached("keys")?, &cached("values")?];
        let mut r = Recorder::new(gpu);
        for _ in 0..DISPATCHES {
            r.rotary(&qkv, Attended { angles: &angles, slots: &slots, q: &q, cache: kv })?;
        }
        let bytes = 16 * rows * c + self.key_bytes(rows);
        Case::new(counted(rows), 6 * rows * c, bytes, DISPATCHES, r)
    }

    /// The embedding of `rows` tokens.
    ///
    /// # Errors
    /// As [`Sizes::matmul`].
    pub fn embedding(&self, gpu: &Gpu, rows: usize) -> Result<Case> {
        let (v, c) = (self.vocabulary.min(4096), self.channels);
        let table = Weight::upload(gpu, "table", [v, c], self.weights, &numbers(v * c))?;
        let ids = Tensor::padded(gpu, "ids", &[rows], DType::U32, ROW_PAD)?;
        ids.write(gpu, &(0..rows as u32).collect::<Vec<_>>())?;
        let x = Tensor::activation(gpu, "x", &[rows, c])?;
        let mut r = Recorder::new(gpu);
        for _ in 0..DISPATCHES {
            r.embedding(&ids, &table, Onto::Nothing, &x)?;
        }
        let bytes = rows * (4 * c + row_bytes(c, self.weights));
        Case::new(counted(rows), 0, bytes, DISPATCHES, r)
    }

    /// The draw of `rows` masked cells from their logits.
    ///
    /// # Errors
    /// As [`Sizes::matmul`].
    pub fn draw(&self, gpu: &Gpu, rows: usize) -> Result<Case> {
        let (v, columns) = (self.vocabulary, self.vocabulary.next_multiple_of(4));
        let words = |label, shape: &[usize]| Tensor::padded(gpu, label, shape, DType::U32, ROW_PAD);
        let logits = Tensor::activation(gpu, "logits", &[rows, columns])?;
        logits.write(gpu, &numbers(rows * columns))?;
        let vocabulary = Vocabulary { size: v, mask_id: v as u32 - 1 };
        let masked = words("masked", &[rows])?;
        masked.write(gpu, &(0..rows as u32).collect::<Vec<_>>())?;
        let (keys, limits) = (words("keys", &[rows, 4])?, words("limits", &[rows, 2])?);
        let step = Tensor::padded(gpu, "step", &[STEP_WORDS], DType::U32, 1)?;
        let chunks = draw_chunks(gpu.kernels(), columns);
        let partials = words("partials", &[rows, chunks, PARTIAL_WORDS])?;
        let mut r = Recorder::new(gpu);
        for _ in 0..DISPATCHES {
            let rows = DrawRows { masked: &masked, keys: &keys, limits: &limits, filtered: false };
            r.draw(&logits, rows, &step, vocabulary, &partials)?;
        }
        Case::new(counted(rows), 4 * rows * v, 4 * rows * v, DISPATCHES, r)
    }
}

impl Case {
    fn new(
        shape: String,
        flops: usize,
        bytes: usize,
        count: usize,
        r: Recorder<'_>,
    ) -> Result<Case> {
        let plan = r.finish()?;
        let kernel = plan.kernels().next().unwrap_or_default();
        let (flops, bytes) = (flops as f64, bytes as f64);
        Ok(Case { kernel, shape, flops, bytes, count, plan })
    }
}

fn counted(rows: usize) -> String {
    if rows == 1 { "1 row".into() } else { format!("{rows} rows") }
}

/// Numbers of the size of weights.
fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|i| (i * 31 % 251) as f32 / 2510.0 - 0.05).collect()
}

fn halves(count: usize) -> Vec<f16> {
    numbers(count).into_iter().map(f16::from_f32).collect()
}
