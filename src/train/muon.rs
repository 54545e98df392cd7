//! Muon for the matrices of layers: momentum whose singular values are brought near 1 by an iteration
//! of matrix products. Source: Jordan et al., Muon, 2024.

use serde::{Deserialize, Serialize};

use crate::gpu::layout::{COLUMN_PAD, square_chunks};
use crate::gpu::{DType, Epilogue, Gpu, Place, Planned, Recorder, Tensor, Weight};
use crate::train::Parameter;
use crate::{Error, Result};

/// Steps of the iteration.
const ITERATIONS: usize = 5;

/// How matrices are changed by Muon.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MuonOptions {
    /// Its learning rate over that of AdamW.
    pub ratio: f64,
    /// Decay of the momentum.
    pub momentum: f64,
}

impl MuonOptions {
    /// Fails for numbers out of range.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub fn check(&self) -> Result<()> {
        let MuonOptions { ratio, momentum } = *self;
        if ratio > 0.0 && ratio.is_finite() && (0.0..1.0).contains(&momentum) {
            return Ok(());
        }
        Err(Error::request(format!(
            "Muon's rate is {ratio} of AdamW's and its momentum {momentum}, expected a rate above 0 \
             and a momentum from 0 to below 1"
        )))
    }

    /// True for the matrices of layers. Embedding, head and modulation are left to AdamW.
    pub fn takes(parameter: &Parameter) -> bool {
        let name = parameter.name();
        let is_of_layer = name.starts_with("blocks.") && !name.contains("adaLN");
        is_of_layer && parameter.shape().len() == 2
    }
}

/// What a step reads and changes.
#[derive(Clone, Copy)]
pub struct MuonStep<'a> {
    /// The gradient of a matrix, `[N, K]`.
    pub gradient: &'a Tensor,
    /// Its weights, `[N, K]`.
    pub weight: &'a Tensor,
    /// Its momentum, `[N, K]`.
    pub momentum: &'a Tensor,
    /// `[8]`.
    pub rates: &'a Tensor,
    /// `[2]`.
    pub outcome: &'a Tensor,
}

/// Room for the iteration on matrices of one shape: they take turns.
pub struct MuonRoom {
    /// `[N, K]`.
    update: Tensor,
    squares: Tensor,
    /// The smaller side first, `[M, W]`.
    x: [Tensor; 2],
    /// `[M, M]`.
    gram: Tensor,
    squared: Tensor,
    polynomial: Tensor,
    bias: Tensor,
}

impl MuonRoom {
    /// Room for matrices `[N, K]`.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::OutOfMemory`].
    pub fn new(gpu: &Gpu, [n, k]: [usize; 2]) -> Result<MuonRoom> {
        let (side, width) = (n.min(k), n.max(k));
        let plain = |label: &str, shape: &[usize]| {
            Tensor::padded(gpu, label, shape, DType::F32, COLUMN_PAD)
        };
        // Both rows and weights of products.
        let multiplied = |shape: [usize; 2]| {
            let (label, shape, place) = ("matrix of Muon", shape.to_vec(), Place::Weight);
            Planned { label, shape, dtype: DType::F32, place }.make(gpu)
        };
        Ok(MuonRoom {
            update: plain("update of Muon", &[n, k])?,
            squares: plain("squares of Muon", &[square_chunks(n * k)])?,
            x: [multiplied([side, width])?, multiplied([side, width])?],
            gram: multiplied([side, side])?,
            squared: plain("square of Muon", &[side, side])?,
            polynomial: multiplied([side, side])?,
            bias: plain("no bias", &[width])?,
        })
    }

    /// Sides of its matrices.
    pub fn sides(&self) -> [usize; 2] {
        [self.update.dim(0), self.update.dim(1)]
    }

    /// Records a step.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Kernel`].
    pub fn record(
        &self,
        r: &mut Recorder<'_>,
        options: MuonOptions,
        step: MuonStep<'_>,
    ) -> Result<()> {
        let MuonStep { gradient, weight, momentum, rates, outcome } = step;
        let store = Epilogue::Store;
        r.muon_momentum(gradient, outcome, options.momentum, [momentum, &self.update])?;
        r.gradient_squares(&self.update, &self.squares)?;
        r.muon_start(&self.update, &self.squares, &self.x[0])?;
        for i in 0..ITERATIONS {
            let (x, next) = (&self.x[i % 2], &self.x[(i + 1) % 2]);
            r.matmul(x, &Weight::of(x)?, &self.bias, store, &self.gram)?;
            r.matmul(&self.gram, &Weight::of(&self.gram)?, &self.bias, store, &self.squared)?;
            r.muon_polynomial(&self.gram, &self.squared, &self.polynomial)?;
            r.matmul(&self.polynomial, &Weight::of(x)?.transposed()?, &self.bias, store, next)?;
        }
        // Steps of the same size whatever the shape, as Jordan et al. scale them.
        let scale = (weight.dim(0) as f64 / weight.dim(1) as f64).max(1.0).sqrt();
        r.muon_step(&self.x[ITERATIONS % 2], rates, outcome, scale, weight)
    }
}
