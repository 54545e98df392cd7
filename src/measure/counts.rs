//! What the kernels of GPUs issue in a pass: loads and stores, multiply-adds, workgroups. Counted from the
//! sizes that each dispatch was recorded with, by the kernel's own loops; nothing is run. What caches
//! give back counts as loaded again, what a lane has in its registers does not.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::eval::Scorer;
use crate::gpu::layout::row_bytes;
use crate::gpu::{DType, Dispatched, Plan};
use crate::model::Network;
use crate::sample::MaskedBlock;

/// Bytes a second of the fastest copy, and multiplications and additions a second, that floors are by: an
/// H200's.
const COPY: f64 = 3850e9;
const FLOPS: f64 = 60e12;

/// What the kernels of a pass issue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PassCounts {
    /// The pass, for people.
    pub pass: String,
    /// Its kernels.
    pub kernels: Vec<KernelCounts>,
}

/// What all dispatches of a kernel in a pass issue together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KernelCounts {
    /// The kernel's name.
    pub kernel: String,
    /// Dispatches.
    pub dispatches: usize,
    /// Their workgroups.
    pub workgroups: f64,
    /// Invocations of a workgroup.
    pub lanes: f64,
    /// Bytes of weights that are loaded.
    pub weight_bytes: f64,
    /// Other bytes that are loaded.
    pub other_bytes: f64,
    /// Bytes that are stored.
    pub stored_bytes: f64,
    /// Multiply-adds of products.
    pub multiply_adds: f64,
    /// Microseconds at least, each byte loaded once.
    pub floor_us: f64,
}

impl PassCounts {
    /// Of a denoising pass over a block after so many cached positions.
    ///
    /// # Errors
    /// [`crate::Error::Request`] if block and context do not fit the model's window.
    pub fn of_pass(network: &Arc<Network>, block: usize, context: usize) -> Result<PassCounts> {
        let mut masked = MaskedBlock::new(network, block, context, 1)?;
        let context = context / block * block;
        let (pass, keys) = (format!("block {block}, context {context}"), context + block);
        Ok(PassCounts::new(pass, masked.plan()?, keys as f64))
    }

    /// Of a noise draw over the whole window, half of whose tokens are masked.
    ///
    /// # Errors
    /// [`crate::Error::TooLarge`], [`crate::Error::OutOfMemory`].
    pub fn of_draw(network: &Arc<Network>, block: usize) -> Result<PassCounts> {
        let length = network.spec().window;
        let mut scorer = Scorer::new(network.clone(), length, 2 * length, length)?;
        let pass = format!("likelihood of {length}, block {block}");
        // A tile of rows goes through the clean blocks before the last of them, and through their own.
        let keys = (length + block) as f64 / 2.0;
        Ok(PassCounts::new(pass, scorer.scoring_plan(length, length / 2)?, keys))
    }

    fn new(pass: String, plan: &Plan, keys: f64) -> PassCounts {
        let mut kernels: Vec<KernelCounts> = Vec::new();
        for dispatched in plan.dispatched() {
            let one = Counted { dispatched, keys }.count();
            match kernels.iter_mut().find(|sum| sum.kernel == one.kernel) {
                Some(sum) => sum.add(&one),
                None => kernels.push(one),
            }
        }
        kernels.sort_by(|a, b| b.loaded_bytes().total_cmp(&a.loaded_bytes()));
        PassCounts { pass, kernels }
    }
}

impl KernelCounts {
    fn add(&mut self, other: &KernelCounts) {
        self.dispatches += other.dispatches;
        self.workgroups += other.workgroups;
        self.lanes = self.lanes.max(other.lanes);
        self.weight_bytes += other.weight_bytes;
        self.other_bytes += other.other_bytes;
        self.stored_bytes += other.stored_bytes;
        self.multiply_adds += other.multiply_adds;
        self.floor_us += other.floor_us;
    }

    /// Bytes that are loaded.
    pub fn loaded_bytes(&self) -> f64 {
        self.weight_bytes + self.other_bytes
    }
}

/// A dispatch, and the keys that its rows see on average.
struct Counted<'a> {
    dispatched: Dispatched<'a>,
    keys: f64,
}

/// Loads of weights and of other bytes, stores, multiply-adds; and bytes, each loaded or stored once.
type Numbers = [f64; 5];

impl Counted<'_> {
    /// An override of the kernel; 0 if it has none of this name.
    fn size(&self, name: &str) -> f64 {
        let found = self.dispatched.overrides.iter().find(|(other, _)| *other == name);
        found.map_or(0.0, |(_, size)| *size)
    }

    fn count(&self) -> KernelCounts {
        let [x, y, _] = self.dispatched.workgroups.map(f64::from);
        let [weights, others, stores, products, once] = self.numbers([x, y]);
        KernelCounts {
            kernel: self.dispatched.kernel.into(),
            dispatches: 1,
            workgroups: self.dispatched.workgroups.map(f64::from).iter().product(),
            lanes: self.size("LANES"),
            weight_bytes: weights,
            other_bytes: others,
            stored_bytes: stores,
            multiply_adds: products,
            floor_us: 1e6 * (once / COPY).max(2.0 * products / FLOPS),
        }
    }

    /// What of a dispatch of so many workgroups; zeros for a kernel that moves next to nothing.
    fn numbers(&self, [x, y]: [f64; 2]) -> Numbers {
        match self.dispatched.kernel {
            "matmul_rows" => self.product([x, y], [self.size("HEIGHT"), 4.0]),
            "matmul_tiled" => self.product([x, y], [self.size("TILE_M"), self.size("TILE_N")]),
            "matmul_cooperative" => {
                let squares = 2.0 * self.size("DOWN") * self.size("ACROSS");
                let unit = (self.size("SUMS") / squares).sqrt();
                let sides = [2.0 * self.size("DOWN"), 4.0 * self.size("ACROSS")];
                self.product([x, y], sides.map(|side| side * unit))
            }
            "attention_joined" | "attention_split" => self.attention(x * y, 4.0),
            "attention_tiled" => self.attention(x * y, self.size("ROWS")),
            "attention_merge" => {
                let (vectors, shares) = (y * self.heads() / 4.0, self.size("SHARES"));
                // A vector, and twice what a share found.
                let loads = vectors * shares * 48.0;
                [0.0, loads, vectors * 16.0, 4.0 * vectors * shares, loads / 3.0 + vectors * 16.0]
            }
            // Sum, squares, and the rows again; weight, shift and scale.
            "norm" => self.rows(x, self.size("C"), [6.0, 1.0]),
            "gather" => self.rows(x, self.size("C"), [1.0, 1.0]),
            "embedding" => self.rows(x, self.size("K"), [0.5, 1.0]),
            // Twice those that turn, and their angles.
            "rotary" => {
                let queries = self.heads();
                let keys = self.size("G") * self.size("D");
                let loads = 4.0 * x * (4.0 * (queries + keys) + keys);
                let stores = x * (4.0 * queries + 2.0 * keys * self.cached());
                [0.0, loads, stores, 3.0 * x * (queries + keys), 4.0 * x * (queries + 2.0 * keys)]
            }
            "draw" => self.rows(y, self.size("COUNTED"), [1.0, 0.0]),
            "cross_entropy" => self.rows(x, self.size("COLUMNS"), [1.0, 0.0]),
            _ => [0.0; 5],
        }
    }

    /// Rows of so many numbers, each loaded and stored so many times.
    fn rows(&self, rows: f64, columns: f64, [loads, stores]: [f64; 2]) -> Numbers {
        let bytes = 4.0 * rows * columns;
        [0.0, loads * bytes, stores * bytes, 0.0, bytes * (loads.min(1.0) + stores)]
    }

    /// A product in tiles of so many rows and columns.
    fn product(&self, [across, down]: [f64; 2], [rows, columns]: [f64; 2]) -> Numbers {
        let (k, tiles) = (self.size("K"), across * down);
        let format =
            [DType::F32, DType::F16, DType::Q8, DType::Q4][self.size("FORMAT") as usize % 4];
        let row = row_bytes(k as usize, format) as f64;
        // Weight of a norm, and its shift and scale.
        let gains = match (self.size("CHANNELS") > 0.0, self.has("SHIFT_AT")) {
            (true, true) => 3.0,
            (true, false) => 1.0,
            _ => 0.0,
        };
        let sums = tiles * rows * columns;
        let added = 4.0 * sums * (self.size("RESIDUAL") + self.size("GATED"));
        let others = tiles * (4.0 * k * (rows + gains) + 4.0 * columns) + added;
        let stores = sums * self.stored();
        let once = across * columns * row + down * rows * k * 4.0 + stores;
        [tiles * columns * row, others, stores, sums * k, once]
    }

    fn has(&self, name: &str) -> bool {
        self.dispatched.overrides.iter().any(|(other, _)| *other == name)
    }

    /// Bytes that are stored of a sum: of a matrix, of gates, or of queries, keys and values.
    fn stored(&self) -> f64 {
        let (queries, keys) = (self.size("H"), self.size("G"));
        match (queries > 0.0, self.has("Y_STRIDE")) {
            (true, _) => (4.0 * queries + 2.0 * keys * self.cached()) / (queries + 2.0 * keys),
            (_, true) => 4.0,
            _ => 2.0,
        }
    }

    /// Bytes of a number of a key.
    fn cached(&self) -> f64 {
        4.0 - 2.0 * self.size("CACHE_F16")
    }

    fn heads(&self) -> f64 {
        self.size("H") * self.size("D")
    }

    /// Attention of tiles of so many rows of a head.
    fn attention(&self, tiles: f64, rows: f64) -> Numbers {
        let (d, shares) = (self.size("D"), self.size("SHARES").max(1.0));
        let keys = 2.0 * self.keys * d * self.cached();
        let queries = 4.0 * rows * d * shares;
        let is_split = self.has("SHARES");
        let stores = if is_split { 4.0 * rows * (d + 4.0) * shares } else { 4.0 * rows * d };
        let once = self.size("G") * keys + tiles * (4.0 * rows * d + stores);
        let products = tiles * 2.0 * rows * self.keys * d;
        [0.0, tiles * (keys + queries), tiles * stores, products, once]
    }
}
