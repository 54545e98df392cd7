//! Kernels alone, at the shapes of a network: plans to time, and the least work that each is.

use crate::Result;
use crate::gpu::layout::{PARTIAL_WORDS, ROW_PAD, STEP_WORDS, draw_chunks, row_bytes};
use crate::gpu::{
    DType, DrawRows, Epilogue, Gpu, Modulation, Norm, Onto, Plan, Recorder, Sequences, Tensor,
    Vocabulary, Weight,
};
use crate::model::{Network, Widths};

/// A product of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// Queries, keys and values.
    Qkv,
    /// Out of attention.
    Out,
    /// Into the MLP.
    Up,
    /// Out of the MLP.
    Down,
    /// Logits.
    Head,
}

impl Product {
    /// All of them.
    pub const ALL: [Product; 5] =
        [Product::Qkv, Product::Out, Product::Up, Product::Down, Product::Head];

    fn name(self) -> &'static str {
        match self {
            Product::Qkv => "qkv",
            Product::Out => "out",
            Product::Up => "up",
            Product::Down => "down",
            Product::Head => "head",
        }
    }
}

/// The sizes of a network that its kernels depend on.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// C, padded like F and D.
    pub channels: usize,
    /// H, query heads.
    pub heads: usize,
    /// G, key heads.
    pub key_heads: usize,
    /// D.
    pub head_width: usize,
    /// F.
    pub mlp: usize,
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
    /// Its input, for people: `qkv, 4 rows`.
    pub shape: String,
    /// Multiplications and additions of one call.
    pub flops: f64,
    /// Bytes that one call reads and writes at least, each once.
    pub bytes: f64,
    /// Calls in the plan.
    pub count: usize,
    /// The calls to time, each with a copy of the weights: caches cannot hold them all.
    pub plan: Plan,
}

/// Least bytes of weights that a plan reads: more than caches hold.
const WEIGHTS_BYTES: usize = 64 << 20;
/// Calls in a plan that reads no weights.
pub(super) const DISPATCHES: usize = 32;

impl Sizes {
    /// The sizes of a loaded network.
    pub fn of(network: &Network) -> Sizes {
        let (spec, widths) = (network.spec(), Widths::of(network.spec()));
        Sizes {
            channels: widths.channels.held(),
            heads: spec.n_heads,
            key_heads: spec.n_key_heads,
            head_width: widths.head.held(),
            mlp: widths.mlp.held(),
            vocabulary: spec.vocab_size,
            weights: network.weights_dtype(),
            cache: network.cache_dtype(),
        }
    }

    /// Columns of queries.
    pub(super) fn query_width(&self) -> usize {
        self.heads * self.head_width
    }

    /// Columns of keys, and of values.
    pub(super) fn key_width(&self) -> usize {
        self.key_heads * self.head_width
    }

    /// A product of `rows` rows with a weight.
    ///
    /// # Errors
    /// [`crate::Error::TooLarge`], [`crate::Error::OutOfMemory`], [`crate::Error::Kernel`].
    pub fn matmul(&self, gpu: &Gpu, product: Product, rows: usize) -> Result<Case> {
        let (c, name) = (self.channels, product.name());
        let [n, k] = match product {
            Product::Qkv => [self.query_width() + 2 * self.key_width(), c],
            Product::Out => [c, self.query_width()],
            Product::Up => [self.mlp, c],
            Product::Down => [c, self.mlp],
            Product::Head => [self.vocabulary, c],
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
            let w = Weight::upload(gpu, name, [n, k], self.weights, &numbers)?;
            r.matmul(&x, &w, &bias, Epilogue::Store, &y)?;
        }
        let bytes = weight_bytes + 4 * rows * (k + n);
        Case::new(format!("{name}, {}", counted(rows)), 2 * rows * n * k, bytes, count, r)
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
        let vocabulary = Vocabulary { size: v, mask_id: v as u32 - 1, counted: None };
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
    pub(super) fn new(
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

pub(super) fn counted(rows: usize) -> String {
    if rows == 1 { "1 row".into() } else { format!("{rows} rows") }
}

/// Numbers of the size of weights.
pub(super) fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|i| (i * 31 % 251) as f32 / 2510.0 - 0.05).collect()
}
