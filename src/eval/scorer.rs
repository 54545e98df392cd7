//! How likely tokens are under the network: passes whose head is fused with the cross-entropy, so
//! that memory does not grow with rows times vocabulary. Knows rows and targets, no noise.

use std::collections::HashMap;
use std::sync::Arc;

use crate::clock::Stopwatch;
use crate::gpu::layout::{COLUMN_PAD, ROW_PAD, SUM_WORDS};
use crate::gpu::{
    Commands, DType, Epilogue, Pace, Plan, Readback, Recorder, Sequences, Tensor, Vocabulary,
};
use crate::model::{Conditioning, KvCache, Network, Row, Widths, Workspace};
use crate::{Error, Result};

/// Bytes of logits that are held at a time.
const MAX_LOGITS_BYTES: usize = 32 << 20;

/// A token whose likelihood is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Index of the row that predicts it.
    pub row: usize,
    /// The token.
    pub token: u32,
}

/// What the network says of a target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Logarithm of the sum of exp(logit) over the vocabulary, without the mask token where that has no
    /// share of it.
    pub log_sum: f64,
    /// The target's logit.
    pub logit: f64,
}

impl Score {
    /// -log p of the target, in nats.
    pub fn nll(self) -> f64 {
        self.log_sum - self.logit
    }
}

/// A row's sums as the GPU leaves them, see `cross_entropy.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Sums {
    highest: f32,
    sum: f32,
    target_logit: f32,
    next: u32,
}

impl Sums {
    /// Before the first chunk; the shaders' stand-in for minus infinity.
    const START: Sums = Sums { highest: -1e30, sum: 0.0, target_logit: -1e30, next: 0 };
}

/// Buffers and plans for passes of up to a number of rows.
pub struct Scorer {
    network: Arc<Network>,
    group: usize,
    workspace: Workspace,
    cache: KvCache,
    conditioning: Option<Conditioning>,
    hidden: Tensor,  // [R, C]
    picked: Tensor,  // [R]
    targets: Tensor, // [R]
    logits: Tensor,  // [R, chunk]
    sums: Tensor,    // [R, 4]
    staging: Readback,
    plans: HashMap<PlanKey, Plan>,
    pace: Pace,
}

/// What a plan depends on: rows of the pass, and rows whose logits are wanted, padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct PlanKey {
    rows: usize,
    wanted: usize,
}

impl Scorer {
    /// Room for passes of `rows` rows over a cache of `slots` slots; `group` consecutive rows are
    /// of one sequence.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::OutOfMemory`].
    pub fn new(network: Arc<Network>, rows: usize, slots: usize, group: usize) -> Result<Scorer> {
        let (gpu, spec) = (network.gpu(), network.spec());
        let room = rows.next_multiple_of(ROW_PAD);
        let columns = MAX_LOGITS_BYTES / (4 * room) / COLUMN_PAD * COLUMN_PAD;
        let columns = columns.clamp(COLUMN_PAD, spec.vocab_size.next_multiple_of(COLUMN_PAD));
        let words = |label, shape: &[usize]| Tensor::padded(gpu, label, shape, DType::U32, ROW_PAD);
        let conditioning = network.condition(Some(&vec![0.0; rows / group]))?.map(|vectors| {
            let sequences = Sequences { rows: group, count: rows / group };
            Conditioning::new(gpu, spec, &vectors, sequences)
        });
        Ok(Scorer {
            workspace: Workspace::new(gpu, spec, rows)?,
            cache: KvCache::new(gpu, spec, network.cache_dtype(), slots)?,
            conditioning: conditioning.transpose()?,
            hidden: Tensor::multiplied(gpu, "hidden", &[room, Widths::of(spec).channels.held()])?,
            picked: words("picked", &[room])?,
            targets: words("targets", &[room])?,
            logits: Tensor::activation(gpu, "logits", &[room, columns])?,
            sums: words("sums", &[room, SUM_WORDS])?,
            staging: Readback::new(gpu, (room * SUM_WORDS * 4) as u64),
            plans: HashMap::new(),
            pace: Pace::new(gpu.is_software()),
            group,
            network,
        })
    }

    /// The network.
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// Sets the noise levels of the next passes' sequences, for networks that take them.
    ///
    /// # Errors
    /// [`Error::Shape`] if there are more than the passes can have.
    pub fn set_noise(&self, sigma: &[f32]) -> Result<()> {
        match (&self.conditioning, self.network.condition(Some(sigma))?) {
            (Some(conditioning), Some(vectors)) => {
                conditioning.vectors.write(self.network.gpu(), &vectors)
            }
            _ => Ok(()),
        }
    }

    /// Runs a pass that only stores keys and values.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Kernel`], [`Error::DeviceLost`].
    pub fn store(&mut self, rows: &[Row]) -> Result<()> {
        self.workspace.write(self.network.gpu(), rows, &self.cache)?;
        let network = self.network.clone();
        let mut commands = Commands::new(network.gpu());
        let most = self.pace.dispatches();
        commands.run_in_submits(self.plan(PlanKey { rows: rows.len(), wanted: 0 })?, most);
        commands.submit();
        network.gpu().check()
    }

    /// Runs a pass and scores the targets. Its rows' keys and values are stored too.
    ///
    /// # Errors
    /// [`Error::Shape`] for a row that is not there, [`Error::Kernel`], [`Error::DeviceLost`],
    /// [`Error::NotFinite`] whose sample is the row's sequence in the pass.
    pub async fn score(&mut self, rows: &[Row], targets: &[Target]) -> Result<Vec<Score>> {
        if targets.is_empty() {
            return Ok(Vec::new());
        }
        let network = self.network.clone();
        let gpu = network.gpu();
        if let Some(target) = targets.iter().find(|target| target.row >= rows.len()) {
            return Err(self.picked.misfit(&[target.row]));
        }
        let wanted = targets.len().next_multiple_of(ROW_PAD);
        // What is beyond the targets repeats the first one.
        let padded = |of: fn(&Target) -> u32| -> Vec<u32> {
            let first = of(&targets[0]);
            let mut words: Vec<u32> = targets.iter().map(of).collect();
            words.resize(wanted, first);
            words
        };
        self.workspace.write(gpu, rows, &self.cache)?;
        self.picked.write(gpu, &padded(|target| target.row as u32))?;
        self.targets.write(gpu, &padded(|target| target.token))?;
        self.sums.write(gpu, &vec![Sums::START; wanted])?;
        let (mut commands, most) = (Commands::new(gpu), self.pace.dispatches());
        let plan = self.plan(PlanKey { rows: rows.len(), wanted })?;
        let n_dispatches = plan.len();
        let stopwatch = Stopwatch::start();
        commands.run_in_submits(plan, most);
        let sums: Vec<Sums> = commands.read(&self.sums, targets.len(), &self.staging).await?;
        self.pace.learn(n_dispatches, stopwatch.secs());
        let score = |(sums, target): (&Sums, &Target)| {
            let log_sum = f64::from(sums.highest) + f64::from(sums.sum).ln();
            let logit = f64::from(sums.target_logit);
            if !log_sum.is_finite() || !logit.is_finite() {
                let row = rows[target.row];
                let sample = target.row / self.group;
                return Err(Error::NotFinite { sample, position: row.position });
            }
            Ok(Score { log_sum, logit })
        };
        sums.iter().zip(targets).map(score).collect()
    }

    /// The pass of so many rows that scores so many targets.
    pub(crate) fn scoring_plan(&mut self, rows: usize, targets: usize) -> Result<&Plan> {
        self.plan(PlanKey { rows, wanted: targets.next_multiple_of(ROW_PAD) })
    }

    fn plan(&mut self, shape: PlanKey) -> Result<&Plan> {
        if !self.plans.contains_key(&shape) {
            let plan = self.record(shape)?;
            self.plans.insert(shape, plan);
        }
        self.plans.get(&shape).ok_or_else(|| Error::internal("the plan of a pass was not recorded"))
    }

    fn record(&self, PlanKey { rows, wanted }: PlanKey) -> Result<Plan> {
        let (network, spec) = (&self.network, self.network.spec());
        let mut r = Recorder::new(network.gpu());
        let conditioning = self.conditioning.as_ref();
        let pass = self.workspace.pass(rows, self.group, &self.cache, conditioning)?;
        network.record_layers(&mut r, &pass)?;
        if wanted == 0 {
            return r.finish();
        }
        network.record_final_norm(&mut r, &pass, &pass.x.rows(0, rows)?)?;
        let picked = self.picked.rows(0, wanted)?;
        let (hidden, logits) = (self.hidden.rows(0, wanted)?, self.logits.rows(0, wanted)?);
        let (targets, sums) = (self.targets.rows(0, wanted)?, self.sums.rows(0, wanted)?);
        r.gather(&pass.y, &picked, &hidden)?;
        // The mask token has no probability, unless the model was trained to give it some.
        let mask_counts = spec.mask_counts();
        let mask_id = if mask_counts { spec.vocab_size as u32 } else { spec.masked_id() };
        let vocabulary = Vocabulary { size: spec.vocab_size, mask_id, counted: None };
        for (weight, bias) in network.head_chunks(logits.dim(1))? {
            r.matmul(&hidden, &weight, &bias, Epilogue::Store, &logits)?;
            r.cross_entropy(&logits, weight.shape()[0], &targets, vocabulary, &sums)?;
        }
        r.finish()
    }
}
