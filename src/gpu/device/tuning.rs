//! Which kernels a device uses: a choice that can be measured on its adapter and kept in a file.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::gpu::device::family::KernelFamily;
use crate::gpu::device::per_adapter::PerAdapter;
use crate::{Error, Result};

/// The kernels chosen for an adapter, and their parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuning {
    /// Kernels of the hot operations.
    pub kernels: KernelFamily,
    /// On GPUs, rows up to which a product's lanes go along the weights, 1 to
    /// [`Tuning::MAX_FEW_ROWS`]; more rows go tile by tile.
    pub few_rows: usize,
    /// On GPUs, most rows of such a product that a workgroup computes: 8 or 16.
    pub height: usize,
    /// On GPUs, most lanes of a workgroup of such a product: 32 to [`Tuning::MAX_LANES`].
    pub lanes: usize,
    /// On GPUs, the tile of products of more rows, where it fits; None for the one that suits the
    /// shape.
    pub tile: Option<Tile>,
    /// On GPUs, shares that the keys of a block's rows are split into: 1 to [`Tuning::MAX_SHARES`]. Another
    /// dispatch joins them, unless there is one; None for as many as suit the number of keys.
    pub shares: Option<usize>,
    /// On GPUs, whether products of few rows fuse the norm.
    pub fused_norms: bool,
}

/// The tile of a product of many rows that a workgroup computes, without matrix units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tile {
    /// 32 rows and columns.
    Tiny,
    /// 64 rows and columns.
    Small,
    /// 64 rows, 128 columns.
    Wide,
}

impl Tile {
    /// All of them.
    pub const ALL: [Tile; 3] = [Tile::Tiny, Tile::Small, Tile::Wide];

    /// Its rows.
    pub fn rows(self) -> usize {
        if self == Tile::Tiny { 32 } else { 64 }
    }

    /// Its columns.
    pub fn columns(self) -> usize {
        match self {
            Tile::Tiny => 32,
            Tile::Small => 64,
            Tile::Wide => 128,
        }
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {}", self.rows(), self.columns())
    }
}

impl Tuning {
    /// Most shares.
    pub const MAX_SHARES: usize = 8;
    /// Most rows of a workgroup.
    pub const MAX_HEIGHT: usize = 16;
    /// Most lanes.
    pub const MAX_LANES: usize = 256;
    /// Most rows that count as few.
    pub const MAX_FEW_ROWS: usize = 64;

    /// The choices that suit these kernels by the rules.
    pub fn of(kernels: KernelFamily) -> Tuning {
        let (few_rows, height, lanes) = (64, Tuning::MAX_HEIGHT, 128);
        let (tile, shares, fused_norms) = (None, None, true);
        Tuning { kernels, few_rows, height, lanes, tile, shares, fused_norms }
    }

    /// The tuning that a folder keeps for an adapter; None if it is out of range, or the file cannot be
    /// read.
    pub fn kept(folder: &Path, info: &wgpu::AdapterInfo) -> Option<Tuning> {
        let kept: Tuning = serde_json::from_value(file(folder).get(info)?).ok()?;
        kept.faults().is_none().then_some(kept)
    }

    /// Keeps it for an adapter, in place of the last one; the path of the file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn keep(self, folder: &Path, info: &wgpu::AdapterInfo) -> Result<PathBuf> {
        let entry = serde_json::to_value(self).map_err(|e| Error::internal(e.to_string()))?;
        file(folder).set(info, Some(entry))
    }

    /// Removes the tuning kept for an adapter; the path of the file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn forget(folder: &Path, info: &wgpu::AdapterInfo) -> Result<PathBuf> {
        file(folder).set(info, None)
    }

    /// The first number that is out of range, if any.
    pub(crate) fn faults(&self) -> Option<String> {
        let numbers = [
            ("shares", self.shares.unwrap_or(1), 1, Tuning::MAX_SHARES),
            ("few rows", self.few_rows, 1, Tuning::MAX_FEW_ROWS),
            ("rows of a workgroup", self.height, 8, Tuning::MAX_HEIGHT),
            ("lanes", self.lanes, 32, Tuning::MAX_LANES),
        ];
        let (name, got, least, most) =
            numbers.into_iter().find(|&(_, got, least, most)| got < least || got > most)?;
        Some(format!("the tuning's {name} are {got}, expected {least} to {most}"))
    }
}

impl fmt::Display for Tuning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tuning { kernels, few_rows, height, lanes, tile, shares, fused_norms } = self;
        write!(f, "{kernels}")?;
        if kernels.is_for_gpus() {
            let norms = if *fused_norms { "fused" } else { "apart" };
            let tile = tile.map_or("by shape".into(), |tile| tile.to_string());
            let shares = shares.map_or("by keys".into(), |shares| shares.to_string());
            write!(f, ", rows {few_rows} by {height}, lanes {lanes}, tiles {tile}")?;
            write!(f, ", shares {shares}, norms {norms}")?;
        }
        Ok(())
    }
}

fn file(folder: &Path) -> PerAdapter {
    PerAdapter::new(folder, "tuning.json")
}
