//! What a pass works on: its rows (token, position, cache slot, what it sees) and its
//! activations. Made once for the longest pass; shorter ones are views.

use crate::Result;
use crate::gpu::{
    Attention, DType, Gpu, KernelFamily, Planned, Sequences, Tensor, partial_attention,
    partial_attention_bytes,
};
use crate::model::{Backbone, KvCache, MlpKind, Positions, Rotary, Spec, Widths};

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
    ids: Tensor,            // [T]
    positions: Tensor,      // [T]: where they are learned
    slots: Tensor,          // [T]
    spans: Tensor,          // [T, 4]
    angles: Tensor,         // [T, D]: cosines, then sines
    x: Tensor,              // [T, C]: the residual stream
    y: Tensor,              // [T, C]: a normed x
    qkv: Tensor,            // [T, (H + 2G) D]
    q: Tensor,              // [T, H D]
    found: Option<Tensor>,  // [T, H D]: what attention finds; y where that is as wide
    gated: Option<Tensor>,  // [T, 2F]: gates, and what they let through
    normed: Option<Tensor>, // [T, C]: a normed x that is added to
    hidden: Tensor,         // [T, F]
    partials: Option<Tensor>,
    spec: Spec,
}

/// The tensors of one pass, cut to its rows.
#[derive(Clone, Debug)]
pub struct Pass<'a> {
    /// Tokens, `[T]`.
    pub ids: Tensor,
    /// Positions, where they are learned, `[T]`.
    pub positions: Tensor,
    /// Cache slots, `[T]`.
    pub slots: Tensor,
    /// Two spans of cache slots that a row sees, `[T, 4]`.
    pub spans: Tensor,
    /// Cosines, then sines, `[T, D]`.
    pub angles: Tensor,
    /// The residual stream, `[T, C]`.
    pub x: Tensor,
    /// A normed x, `[T, C]`.
    pub y: Tensor,
    /// Queries, keys and values, `[T, (H + 2G) D]`.
    pub qkv: Tensor,
    /// Rotated queries, `[T, H D]`.
    pub q: Tensor,
    /// What attention finds, `[T, H D]`.
    pub found: Tensor,
    /// Gates of the MLP, then what they let through, where it has gates, `[T, 2F]`.
    pub gated: Option<Tensor>,
    /// A normed x that outputs are added to, for networks that norm after each half of a layer, `[T, C]`.
    pub normed: Option<Tensor>,
    /// Between the linear layers of the MLP, `[T, F]`.
    pub hidden: Tensor,
    /// Keys and values.
    pub cache: &'a KvCache,
    /// Room for shares of attention where the keys are split, see
    /// [`crate::gpu::partial_attention`].
    pub partials: Option<Tensor>,
    /// Query heads, H.
    pub heads: usize,
    /// What scores are multiplied with: 1 / sqrt(D).
    pub scale: f32,
    /// Consecutive rows of one sequence that attention may treat together.
    pub group: usize,
    /// Keys that a row sees at most, whatever the pass.
    pub window: usize,
    /// Conditioning vectors, for checkpoints that take them.
    pub conditioning: Option<&'a Conditioning>,
    /// What the first rows are, where they are distributions.
    pub simplex: Option<SimplexRows>,
}

/// Rows that are distributions over the vocabulary: the first ones of a pass. Their ids are none of the
/// vocabulary.
#[derive(Clone, Debug)]
pub struct SimplexRows {
    /// `[cells, V]`, V padded with zeros to a multiple of 8, in memory that products read.
    pub probabilities: Tensor,
    /// What the noise level adds to each of them, `[C]`.
    pub time: Tensor,
}

/// A workspace's tensors, but for the shares of attention.
fn table(spec: &Spec, rows: usize) -> ([Option<Planned<'static>>; 3], [Planned<'static>; 10]) {
    let Widths { channels, head, queries, qkv, mlp, gated, .. } = Widths::of(spec);
    let (c, d, hd) = (channels.held(), head.held(), queries.held());
    let words = Planned::words;
    let found = (hd != c).then(|| Planned::multiplied("found", &[rows, hd]));
    let has_gates = spec.mlp.kind == MlpKind::SwiGlu;
    let gated = has_gates.then(|| Planned::activation("gated", &[rows, gated.held()]));
    let norms_after = spec.backbone == Backbone::Roberta;
    let normed = norms_after.then(|| Planned::activation("normed", &[rows, c]));
    let others = [
        words("ids", &[rows]),
        words("positions", &[rows]),
        words("slots", &[rows]),
        words("spans", &[rows, 4]),
        Planned::activation("angles", &[rows, d]),
        Planned::activation("x", &[rows, c]),
        Planned::multiplied("y", &[rows, c]),
        Planned::activation("qkv", &[rows, qkv.held()]),
        Planned::attended("q", &[rows, hd], DType::F32, d),
        Planned::multiplied("hidden", &[rows, mlp.held()]),
    ];
    ([found, gated, normed], others)
}

impl Workspace {
    /// Room for passes of up to `rows` rows.
    ///
    /// # Errors
    /// [`crate::Error::TooLarge`], [`crate::Error::OutOfMemory`].
    pub fn new(gpu: &Gpu, spec: &Spec, rows: usize) -> Result<Workspace> {
        let ([found, gated, normed], others) = table(spec, rows);
        let [ids, positions, slots, spans, angles, x, y, qkv, q, hidden] =
            others.map(|planned| planned.make(gpu));
        Ok(Workspace {
            ids: ids?,
            positions: positions?,
            slots: slots?,
            spans: spans?,
            angles: angles?,
            x: x?,
            y: y?,
            qkv: qkv?,
            q: q?,
            found: found.map(|planned| planned.make(gpu)).transpose()?,
            gated: gated.map(|planned| planned.make(gpu)).transpose()?,
            normed: normed.map(|planned| planned.make(gpu)).transpose()?,
            hidden: hidden?,
            partials: partial_attention(gpu, rows, heads(spec))?,
            spec: spec.clone(),
        })
    }

    /// Bytes that [`Workspace::new`] takes for a number of rows.
    pub fn size_bytes(spec: &Spec, rows: usize, kernels: KernelFamily) -> u64 {
        let (optional, others) = table(spec, rows);
        let bytes = optional.iter().flatten().chain(&others).map(|planned| planned.bytes(kernels));
        bytes.sum::<u64>() + partial_attention_bytes(kernels, rows, heads(spec))
    }

    /// Every tensor.
    pub fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        let Workspace { ids, positions, slots, spans, angles, x, y, qkv, q, hidden, .. } = self;
        let all = [ids, positions, slots, spans, angles, x, y, qkv, q, hidden];
        let optional = [&self.found, &self.gated, &self.normed, &self.partials];
        all.into_iter().chain(optional.into_iter().flatten())
    }

    /// The tokens, `[T]`: the sampler opens them in place.
    pub fn ids(&self) -> &Tensor {
        &self.ids
    }

    /// Describes the rows of the next passes over a cache.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if there are more rows than room, or a row's slots are not the
    /// cache's.
    pub fn write(&self, gpu: &Gpu, rows: &[Row], cache: &KvCache) -> Result<()> {
        if rows.len() > self.ids.dim(0) {
            return Err(self.ids.misfit(&[rows.len()]));
        }
        // Shaders do not check their indices.
        if let Some(row) = rows.iter().find(|row| !row.fits(cache.slots())) {
            let [_, end, _, other] = row.spans;
            return Err(self.slots.misfit(&[end.max(other).max(row.slot + 1)]));
        }
        let ids: Vec<u32> = rows.iter().map(|row| row.id).collect();
        let slots: Vec<u32> = rows.iter().map(|row| row.slot as u32).collect();
        let spans: Vec<u32> = rows.iter().flat_map(|row| row.spans.map(|s| s as u32)).collect();
        let positions = rows.iter().map(|row| row.position);
        let angles = angles(&self.spec, positions);
        let positions: Vec<u32> = rows.iter().map(|row| row.position as u32).collect();
        self.ids.write(gpu, &ids)?;
        self.positions.write(gpu, &positions)?;
        self.slots.write(gpu, &slots)?;
        self.spans.write(gpu, &spans)?;
        self.angles.write(gpu, &angles)
    }

    /// A pass over the first `rows` rows.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if there is no room for them.
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
            found: self.found.as_ref().unwrap_or(&self.y).rows(0, rows)?,
            gated: self.gated.as_ref().map(|gated| gated.rows(0, rows)).transpose()?,
            normed: self.normed.as_ref().map(|normed| normed.rows(0, rows)).transpose()?,
            hidden: self.hidden.rows(0, rows)?,
            partials: self.partials.clone(),
            heads: self.spec.n_heads,
            scale: (1.0 / (self.spec.head_width as f64).sqrt()) as f32,
            cache,
            group,
            window: self.spec.window,
            conditioning,
            simplex: None,
        })
    }
}

impl Pass<'_> {
    /// The room for a normed x, where the network needs it.
    pub(crate) fn normed(&self) -> Result<&Tensor> {
        self.normed.as_ref().ok_or_else(|| self.x.misfit(&[0]))
    }

    /// What the rows attend to in a layer's cache.
    pub(crate) fn attention<'a>(&'a self, cache: [&'a Tensor; 2]) -> Attention<'a> {
        let &Pass { ref q, ref spans, ref partials, heads, scale, group, window, .. } = self;
        Attention { q, cache, spans, heads, scale, group, window, partials: partials.as_ref() }
    }
}

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
    /// Room for the sequences' vectors `[B, condition]` and modulations, the vectors written.
    ///
    /// # Errors
    /// [`crate::Error::TooLarge`], [`crate::Error::OutOfMemory`].
    pub fn new(
        gpu: &Gpu,
        spec: &Spec,
        vectors: &[f32],
        sequences: Sequences,
    ) -> Result<Conditioning> {
        let (planned, modulations) = conditioning_table(spec, sequences.count);
        let tensor = planned.make(gpu)?;
        tensor.write(gpu, vectors)?;
        let modulations = modulations.map(|planned| planned.make(gpu)).collect::<Result<_>>()?;
        Ok(Conditioning { vectors: tensor, sequences, modulations })
    }

    /// Every tensor.
    pub fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        std::iter::once(&self.vectors).chain(&self.modulations)
    }

    /// Bytes that [`Conditioning::new`] takes for so many sequences.
    pub fn size_bytes(spec: &Spec, count: usize, kernels: KernelFamily) -> u64 {
        let (vectors, modulations) = conditioning_table(spec, count);
        vectors.bytes(kernels) + modulations.map(|planned| planned.bytes(kernels)).sum::<u64>()
    }

    pub(crate) fn modulation(&self, layer: usize) -> Result<&Tensor> {
        self.modulations.get(layer).ok_or_else(|| self.vectors.misfit(&[layer]))
    }
}

/// Conditioning vectors, and the modulations of all layers and of the last norm.
fn conditioning_table(
    spec: &Spec,
    count: usize,
) -> (Planned<'static>, impl Iterator<Item = Planned<'static>> + use<>) {
    let Widths { channels, condition, .. } = Widths::of(spec);
    let chunks = std::iter::repeat_n(6, spec.n_layers).chain([2]);
    let modulation =
        move |chunks| Planned::activation("modulation", &[count, chunks * channels.held()]);
    (Planned::multiplied("conditioning", &[count, condition.held()]), chunks.map(modulation))
}

/// Cosines and sines of positions, in f64 until the end; padded like both halves of a head. Where
/// positions do not turn, those of angle 0.
pub fn angles(spec: &Spec, positions: impl Iterator<Item = usize>) -> Vec<f32> {
    let rotary = match spec.positions {
        Positions::Rotary(rotary) => Some(rotary),
        Positions::Learned { .. } => None,
    };
    let frequencies = rotary.map(|rotary| rotary.frequencies(spec.head_width));
    let mut frequencies = frequencies.unwrap_or_default();
    frequencies.resize(Widths::of(spec).head.held() / 2, 0.0);
    let (gain, frequencies) = (rotary.map_or(1.0, Rotary::gain), &frequencies);
    let of_position = |position: usize| {
        let angles = move || frequencies.iter().map(move |f| position as f64 * f);
        let cosines = angles().map(move |angle| (gain * angle.cos()) as f32);
        cosines.chain(angles().map(move |angle| (gain * angle.sin()) as f32))
    };
    positions.flat_map(of_position).collect()
}

/// Query heads, and channels of one of them on the device.
fn heads(spec: &Spec) -> (usize, usize) {
    (spec.n_heads, Widths::of(spec).head.held())
}

impl Row {
    /// Whether all its slots are among the first `slots`.
    fn fits(&self, slots: usize) -> bool {
        let [a, b, c, d] = self.spans;
        self.slot < slots && a <= b && b <= slots && c <= d && d <= slots
    }

    /// A row that belongs to no sequence: it sees itself alone and nothing sees it.
    pub fn idle(slot: usize) -> Row {
        Row { id: 0, position: 0, slot, spans: [slot, slot + 1, slot, slot] }
    }
}
