//! What a pass works on: its rows (token, position, cache slot, what it sees) and its
//! activations. Made once for the longest pass; shorter ones are views.

use crate::gpu::{
    Attention, DType, Gpu, KernelFamily, Memory, ROW_PAD, Sequences, Tensor, attention_memory,
    memory_bytes, partial_attention, partial_attention_bytes, product_memory,
};
use crate::model::config::Architecture;
use crate::model::{KvCache, Network, Spec};
use crate::{Error, Result};

/// One row of a pass, as the host describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Token.
    pub id: u32,
    /// Position in the sequence, for rotary.
    pub position: usize,
    /// Where its key and value go.
    pub slot: usize,
    /// Cache slots that it sees: `begin .. end`, and a second `begin .. end`.
    pub spans: [usize; 4],
}

/// Rows and activations of passes up to a number of rows.
#[derive(Debug)]
pub struct Workspace {
    ids: Tensor,       // [T]
    positions: Tensor, // [T]: where they are learned
    slots: Tensor,     // [T]
    spans: Tensor,     // [T, 4]
    angles: Tensor,    // [T, D]: cosines, then sines
    x: Tensor,         // [T, C]: the residual stream
    y: Tensor,         // [T, C]: a layer's input, then what attention found
    qkv: Tensor,       // [T, 3C]
    q: Tensor,         // [T, C]
    hidden: Tensor,    // [T, F]
    partials: Option<Tensor>,
    heads: usize,
    half_head: usize,
    rotary: Rotary,
}

/// Whether queries and keys are rotated by their positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rotary {
    /// By angles of base 10,000.
    Rotates,
    /// Not at all: positions are learned, and added to the embedding.
    Stays,
}

/// The tensors of one pass, cut to its rows.
#[derive(Clone, Debug)]
pub struct Pass<'a> {
    /// `[T]`.
    pub ids: Tensor,
    /// `[T]`.
    pub positions: Tensor,
    /// `[T]`.
    pub slots: Tensor,
    /// `[T, 4]`.
    pub spans: Tensor,
    /// `[T, D]`.
    pub angles: Tensor,
    /// `[T, C]`.
    pub x: Tensor,
    /// `[T, C]`.
    pub y: Tensor,
    /// `[T, 3C]`.
    pub qkv: Tensor,
    /// `[T, C]`.
    pub q: Tensor,
    /// `[T, F]`.
    pub hidden: Tensor,
    /// Keys and values.
    pub cache: &'a KvCache,
    /// Room for shares of attention, where the keys are split.
    pub partials: Option<Tensor>,
    /// Heads of C channels in all.
    pub heads: usize,
    /// Consecutive rows of one sequence that attention may treat together.
    pub group: usize,
    /// Conditioning vectors, for checkpoints that take them.
    pub conditioning: Option<&'a Conditioning>,
}

impl Workspace {
    /// Room for passes of up to `rows` rows.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::OutOfMemory`].
    pub fn new(network: &Network, rows: usize) -> Result<Workspace> {
        let (gpu, spec) = (network.gpu(), network.spec());
        let (c, d) = (spec.hidden_dim, spec.head_width());
        let words = |label, shape: &[usize]| Tensor::padded(gpu, label, shape, DType::U32, ROW_PAD);
        Ok(Workspace {
            ids: words("ids", &[rows])?,
            positions: words("positions", &[rows])?,
            slots: words("slots", &[rows])?,
            spans: words("spans", &[rows, 4])?,
            angles: Tensor::activation(gpu, "angles", &[rows, d])?,
            x: Tensor::activation(gpu, "x", &[rows, c])?,
            y: Tensor::multiplied(gpu, "y", &[rows, c])?,
            qkv: Tensor::activation(gpu, "qkv", &[rows, 3 * c])?,
            q: Tensor::attended(gpu, "q", &[rows, c], DType::F32, d)?,
            hidden: Tensor::multiplied(gpu, "hidden", &[rows, spec.mlp_width()])?,
            partials: partial_attention(gpu, rows, (spec.n_heads, d))?,
            heads: spec.n_heads,
            half_head: d / 2,
            rotary: match spec.architecture {
                Architecture::Dit => Rotary::Rotates,
                Architecture::Gpt2 => Rotary::Stays,
            },
        })
    }

    /// Bytes that [`Workspace::new`] takes for a number of rows.
    pub fn size_bytes(spec: &Spec, rows: usize, kernels: KernelFamily) -> u64 {
        let (c, d) = (spec.hidden_dim, spec.head_width());
        let padded = rows.next_multiple_of(ROW_PAD);
        let bytes = |memory, numbers| memory_bytes(memory, numbers, DType::F32);
        let products = [c, spec.mlp_width()];
        let products = products.map(|width| bytes(product_memory(kernels), padded * width));
        bytes(Memory::Buffer, padded * (4 * c + d + 7))
            + bytes(attention_memory(kernels, d), rows * c)
            + products.iter().sum::<u64>()
            + partial_attention_bytes(kernels, rows, (spec.n_heads, d))
    }

    /// Every tensor.
    pub fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        let Workspace { ids, positions, slots, spans, angles, x, y, qkv, q, hidden, .. } = self;
        let all = [ids, positions, slots, spans, angles, x, y, qkv, q, hidden];
        all.into_iter().chain(&self.partials)
    }

    /// The tokens, `[T]`: the sampler opens them in place.
    pub fn ids(&self) -> &Tensor {
        &self.ids
    }

    /// Describes the rows of the next passes.
    ///
    /// # Errors
    /// [`Error::Shape`] if there are more rows than room.
    pub fn write(&self, gpu: &Gpu, rows: &[Row]) -> Result<()> {
        if rows.len() > self.ids.dim(0) {
            return Err(self.ids.misfit(&[rows.len()]));
        }
        let ids: Vec<u32> = rows.iter().map(|row| row.id).collect();
        let slots: Vec<u32> = rows.iter().map(|row| row.slot as u32).collect();
        let spans: Vec<u32> = rows.iter().flat_map(|row| row.spans.map(|s| s as u32)).collect();
        let angles: Vec<f32> = rows.iter().flat_map(|row| self.angles_of(row.position)).collect();
        let positions: Vec<u32> = rows.iter().map(|row| row.position as u32).collect();
        self.ids.write(gpu, &ids)?;
        self.positions.write(gpu, &positions)?;
        self.slots.write(gpu, &slots)?;
        self.spans.write(gpu, &spans)?;
        self.angles.write(gpu, &angles)
    }

    /// Cosines and sines of `position / 10000^(2j/D)`, in f64 until the end.
    fn angles_of(&self, position: usize) -> impl Iterator<Item = f32> + use<> {
        let half = self.half_head;
        let position = if self.rotary == Rotary::Rotates { position } else { 0 };
        let angle = move |j: usize| position as f64 * ROTARY_BASE.powf(-(j as f64) / half as f64);
        let cosines = (0..half).map(move |j| angle(j).cos() as f32);
        cosines.chain((0..half).map(move |j| angle(j).sin() as f32))
    }

    /// A pass over the first `rows` rows.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is no room for them.
    pub fn pass<'a>(
        &self,
        rows: usize,
        group: usize,
        cache: &'a KvCache,
        conditioning: Option<&'a Conditioning>,
    ) -> Result<Pass<'a>> {
        Ok(Pass {
            ids: self.ids.rows(0, rows)?,
            positions: self.positions.rows(0, rows)?,
            slots: self.slots.rows(0, rows)?,
            spans: self.spans.rows(0, rows)?,
            angles: self.angles.rows(0, rows)?,
            x: self.x.rows(0, rows)?,
            y: self.y.rows(0, rows)?,
            qkv: self.qkv.rows(0, rows)?,
            q: self.q.rows(0, rows)?,
            hidden: self.hidden.rows(0, rows)?,
            partials: self.partials.clone(),
            heads: self.heads,
            cache,
            group,
            conditioning,
        })
    }
}

impl Pass<'_> {
    /// What the rows attend to in a layer's cache.
    pub(crate) fn attention<'a>(&'a self, cache: [&'a Tensor; 2]) -> Attention<'a> {
        let Pass { q, spans, heads, group, .. } = self;
        let partials = self.partials.as_ref();
        let scale = (1.0 / ((q.dim(1) / heads) as f64).sqrt()) as f32;
        Attention { q, cache, spans, heads: *heads, scale, group: *group, partials }
    }
}

const ROTARY_BASE: f64 = 10_000.0;

/// Conditioning vectors of a pass and the modulations computed from them.
#[derive(Debug)]
pub struct Conditioning {
    /// `[B, cond]`.
    pub vectors: Tensor,
    /// Which sequence a row belongs to.
    pub sequences: Sequences,
    /// `[B, 6C]` for each layer, `[B, 2C]` for the last.
    modulations: Vec<Tensor>,
}

impl Conditioning {
    /// Room for the sequences' vectors and modulations, the vectors written.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::OutOfMemory`].
    pub fn new(network: &Network, vectors: &[f32], sequences: Sequences) -> Result<Conditioning> {
        let (gpu, spec) = (network.gpu(), network.spec());
        let (c, count) = (spec.hidden_dim, sequences.count);
        let mut modulations = Vec::with_capacity(spec.n_blocks + 1);
        for layer in 0..=spec.n_blocks {
            let width = if layer < spec.n_blocks { 6 * c } else { 2 * c };
            modulations.push(Tensor::activation(gpu, "modulation", &[count, width])?);
        }
        let tensor = Tensor::multiplied(gpu, "conditioning", &[count, spec.cond_dim])?;
        tensor.write(gpu, vectors)?;
        Ok(Conditioning { vectors: tensor, sequences, modulations })
    }

    /// Every tensor.
    pub fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        std::iter::once(&self.vectors).chain(&self.modulations)
    }

    /// Bytes that [`Conditioning::new`] takes for so many sequences.
    pub fn size_bytes(spec: &Spec, count: usize, kernels: KernelFamily) -> u64 {
        let rows = count.next_multiple_of(ROW_PAD);
        let widths = (6 * spec.n_blocks + 2) * spec.hidden_dim;
        memory_bytes(product_memory(kernels), rows * spec.cond_dim, DType::F32)
            + memory_bytes(Memory::Buffer, rows * widths, DType::F32)
    }

    pub(crate) fn modulation(&self, layer: usize) -> Result<&Tensor> {
        self.modulations.get(layer).ok_or_else(|| self.vectors.misfit(&[layer]))
    }
}

impl Row {
    /// A row that belongs to no sequence: it sees itself alone and nothing sees it.
    pub fn idle(slot: usize) -> Row {
        Row { id: 0, position: 0, slot, spans: [slot, slot + 1, slot, slot] }
    }
}

/// Fails if a token is not of the vocabulary.
///
/// # Errors
/// [`Error::Request`].
pub fn check_ids(spec: &Spec, ids: &[u32]) -> Result<()> {
    match ids.iter().find(|&&id| id as usize >= spec.vocab_size) {
        None => Ok(()),
        Some(id) => {
            let most = spec.vocab_size - 1;
            Err(Error::request(format!("token id {id} is not of the vocabulary, 0 to {most}")))
        }
    }
}
