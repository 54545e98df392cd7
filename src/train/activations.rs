//! The tensors of a pass: what layers keep for the pass backward, and what they share.

use crate::Result;
use crate::gpu::{
    DType, Gpu, KernelFamily, Planned, Tensor, column_sums_room, partial_attention,
    weight_gradient_room,
};
use crate::model::{Spec, Widths};

/// What a layer's pass backward needs beside its input.
#[derive(Debug)]
pub struct Kept {
    pub y1: Tensor,     // [T, C]: the first norm
    pub q: Tensor,      // [T, H D]: rotated
    pub k: Tensor,      // [T, G D]: rotated
    pub v: Tensor,      // [T, G D]
    pub found: Tensor,  // [T, H D]: what attention finds
    pub o1: Tensor,     // [T, C]: its product, before the gate
    pub middle: Tensor, // [T, C]: between the halves
    pub y2: Tensor,     // [T, C]: the second norm
    pub u: Tensor,      // [T, F]: before the activation
    pub hidden: Tensor, // [T, F]: after it
    pub o2: Tensor,     // [T, C]: the MLP's product, before the gate
}

impl Kept {
    fn table(spec: &Spec, t: usize) -> [Planned<'static>; 11] {
        let Widths { channels, head, queries, keys, mlp, .. } = Widths::of(spec);
        let (c, f, d) = (channels.held(), mlp.held(), head.held());
        let attended = |label, columns| Planned::attended(label, &[t, columns], DType::F32, d);
        [
            Planned::multiplied("y1", &[t, c]),
            attended("q", queries.held()),
            attended("k", keys.held()),
            attended("v", keys.held()),
            Planned::multiplied("found", &[t, queries.held()]),
            Planned::activation("o1", &[t, c]),
            Planned::activation("middle", &[t, c]),
            Planned::multiplied("y2", &[t, c]),
            Planned::activation("u", &[t, f]),
            Planned::multiplied("hidden", &[t, f]),
            Planned::activation("o2", &[t, c]),
        ]
    }

    /// For `t` rows.
    ///
    /// # Errors
    /// [`crate::Error::TooLarge`], [`crate::Error::OutOfMemory`].
    pub fn new(gpu: &Gpu, spec: &Spec, t: usize) -> Result<Kept> {
        let [y1, q, k, v, found, o1, middle, y2, u, hidden, o2] =
            Kept::table(spec, t).map(|planned| planned.make(gpu));
        let (y1, q, k, v, found, o1) = (y1?, q?, k?, v?, found?, o1?);
        let (middle, y2, u, hidden, o2) = (middle?, y2?, u?, hidden?, o2?);
        Ok(Kept { y1, q, k, v, found, o1, middle, y2, u, hidden, o2 })
    }

    /// Bytes of [`Kept::new`].
    pub fn size_bytes(spec: &Spec, t: usize, kernels: KernelFamily) -> u64 {
        Kept::table(spec, t).iter().map(|planned| planned.bytes(kernels)).sum()
    }
}

/// What layers share, one after the other.
#[derive(Debug)]
pub struct Room {
    pub qkv: Tensor,             // [T, (H + 2G) D]
    pub dx: Tensor,              // [T, C]: gradient of the residual stream
    pub dz: Tensor,              // [T, C]: of a product, before the gate
    pub dy: Tensor,              // [T, C]: of a norm's result
    pub dhidden: Tensor,         // [T, F]
    pub du: Tensor,              // [T, F]
    pub dfound: Tensor,          // [T, H D]
    pub dq: Tensor,              // [T, H D]
    pub dk: Tensor,              // [T, G D]
    pub dv: Tensor,              // [T, G D]
    pub dqkv: Tensor,            // [T, (H + 2G) D]
    pub attention_stats: Tensor, // [T, 2H]
    pub stats: Tensor,           // [T, 2]: of norms
    pub partials: Tensor,        // shares of sums over rows
    pub attention_partials: Option<Tensor>,
}

impl Room {
    /// For `t` rows, and sums for products with weights of these shapes `[N, K]`.
    ///
    /// # Errors
    /// [`crate::Error::TooLarge`], [`crate::Error::OutOfMemory`].
    pub fn new(
        gpu: &Gpu,
        spec: &Spec,
        t: usize,
        shapes: impl Iterator<Item = (usize, [usize; 2])>,
    ) -> Result<Room> {
        let Widths { channels, head, queries, keys, qkv, mlp, .. } = Widths::of(spec);
        let (c, f, hd, gd) = (channels.held(), mlp.held(), queries.held(), keys.held());
        let plain = |label: &str, columns: usize| Tensor::activation(gpu, label, &[t, columns]);
        let multiplied =
            |label: &str, columns: usize| Tensor::multiplied(gpu, label, &[t, columns]);
        // Of a norm there are two sums of each column, of a modulation six chunks.
        let of_shape = |(rows, [n, k]): (usize, [usize; 2])| {
            weight_gradient_room(gpu, rows, [n, k]).max(column_sums_room(n + 7))
        };
        let room = shapes.map(of_shape).max().unwrap_or(0).max(column_sums_room(6 * c));
        Ok(Room {
            qkv: plain("qkv", qkv.held())?,
            dx: plain("dx", c)?,
            dz: multiplied("dz", c)?,
            dy: plain("dy", c)?,
            dhidden: plain("dhidden", f)?,
            du: multiplied("du", f)?,
            dfound: Tensor::attended(gpu, "dfound", &[t, hd], DType::F32, head.held())?,
            dq: plain("dq", hd)?,
            dk: plain("dk", gd)?,
            dv: plain("dv", gd)?,
            dqkv: multiplied("dqkv", qkv.held())?,
            attention_stats: plain("stats of attention", 2 * spec.n_heads)?,
            stats: plain("stats", 2)?,
            partials: Tensor::activation(gpu, "shares of sums", &[room])?,
            attention_partials: partial_attention(gpu, t, (spec.n_heads, head.held()))?,
        })
    }
}
