//! Whole-sequence passes for comparing with other implementations: block-causal, bidirectional
//! or causal over given tokens, and the training pass over `[x_t ; x_0]`.

#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::block_on;
use crate::gpu::layout::ROW_PAD;
use crate::gpu::{Commands, Pace, Plan, Readback, Recorder, Sequences, Tensor};
use crate::model::{Conditioning, KvCache, Mask, Network, Pass, Row, Spec, Workspace};
use crate::{Error, Result};

/// Rows of one pass: more sequences than fit go in several passes.
const MAX_ROWS: usize = 2048;
/// Bytes of logits that are held on the device at a time.
const MAX_LOGITS_BYTES: usize = 64 << 20;

/// Sequences to run the network on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Tokens, `[B, n]`.
    pub ids: Vec<u32>,
    /// Noised tokens, `[B, n]`: runs the `[noisy ; ids]` pass.
    pub noisy: Option<Vec<u32>>,
    /// Noise levels, `[B]`.
    pub sigma: Option<Vec<f32>>,
    /// Tokens of a sequence, n.
    pub length: usize,
}

impl Network {
    /// Raw logits of the sequences; with noisy tokens, of these. Rows see what the model's do, unless
    /// a mask is given.
    ///
    /// # Shapes
    /// `[B, n, V]`.
    /// # Errors
    /// [`Error::Request`] if lengths do not fit, [`Error::DeviceLost`].
    pub async fn logits_async(&self, batch: &Batch, mask: Option<Mask>) -> Result<Vec<f32>> {
        let mask = mask.unwrap_or_else(|| self.spec().mask(None));
        batch.check(self, mask)?;
        let n = batch.length;
        let halves = if batch.noisy.is_some() { 2 } else { 1 };
        let per_pass = (MAX_ROWS / (halves * n)).max(1);
        let mut logits = Vec::with_capacity(batch.ids.len() * self.spec().vocab_size);
        let count = batch.ids.len() / n;
        for first in (0..count).step_by(per_pass) {
            let part = batch.part(first, per_pass.min(count - first));
            self.part_logits(&part, mask, &mut logits).await?;
        }
        Ok(logits)
    }

    /// As [`Network::logits_async`], for programs that may block.
    ///
    /// # Errors
    /// As [`Network::logits_async`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn logits(&self, batch: &Batch, mask: Option<Mask>) -> Result<Vec<f32>> {
        block_on(self.logits_async(batch, mask))
    }

    async fn part_logits(&self, batch: &Batch, mask: Mask, out: &mut Vec<f32>) -> Result<()> {
        let rows = batch.rows(mask);
        let (gpu, n, wanted) = (self.gpu(), batch.length, batch.ids.len());
        let vectors = self.condition(batch.sigma.as_deref())?;
        let sequences = Sequences { rows: n, count: wanted / n };
        let conditioning = vectors
            .map(|vectors| Conditioning::new(gpu, self.spec(), &vectors, sequences))
            .transpose()?;
        let workspace = Workspace::new(gpu, self.spec(), rows.len())?;
        let cache = KvCache::new(gpu, self.spec(), self.cache_dtype(), rows.len())?;
        workspace.write(gpu, &rows, &cache)?;
        let pass = workspace.pass(rows.len(), n, &cache, conditioning.as_ref())?;
        let mut recorder = Recorder::new(gpu);
        self.record_layers(&mut recorder, &pass)?;
        self.record_final_norm(&mut recorder, &pass, &pass.x.rows(0, wanted)?)?;
        let mut commands = Commands::new(gpu);
        let most = Pace::new(gpu.is_software()).dispatches();
        commands.run_in_submits(&recorder.finish()?, most);
        commands.submit();
        self.read_logits(&pass, wanted, out).await
    }

    /// Runs the head over `wanted` rows, part by part, and reads the logits.
    async fn read_logits(&self, pass: &Pass<'_>, wanted: usize, out: &mut Vec<f32>) -> Result<()> {
        let (gpu, v) = (self.gpu(), self.spec().vocab_size);
        let columns = self.spec().logits_columns();
        let chunk = logits_rows(self.spec()).min(wanted);
        let logits = Tensor::activation(gpu, "logits", &[chunk, columns])?;
        let staging = Readback::new(gpu, (chunk * columns * 4) as u64);
        for from in (0..wanted).step_by(chunk) {
            let rows = chunk.min(wanted - from);
            let mut commands = Commands::new(gpu);
            commands.run(&self.head_plan(pass, from, &logits.rows(0, rows)?)?);
            let numbers = commands.read::<f32>(&logits, rows * columns, &staging).await?;
            out.extend(numbers.chunks_exact(columns).flat_map(|row| &row[..v]));
        }
        Ok(())
    }

    fn head_plan(&self, pass: &Pass<'_>, from: usize, logits: &Tensor) -> Result<Plan> {
        let mut recorder = Recorder::new(self.gpu());
        self.record_head(&mut recorder, pass, from, logits)?;
        recorder.finish()
    }
}

/// Rows whose logits are held on the device at a time, a multiple of [`ROW_PAD`].
pub fn logits_rows(spec: &Spec) -> usize {
    (MAX_LOGITS_BYTES / (spec.logits_columns() * 4) / ROW_PAD * ROW_PAD).max(ROW_PAD)
}

impl Batch {
    fn check(&self, network: &Network, mask: Mask) -> Result<()> {
        let (spec, n, len) = (network.spec(), self.length, self.ids.len());
        let refuse = |words: String| Err(Error::request(words));
        if n == 0 || len == 0 || !len.is_multiple_of(n) {
            return refuse(format!("ids hold {len} tokens, expected some sequences of {n}"));
        }
        if n > spec.window {
            let window = spec.window;
            return refuse(format!("sequences have {n} tokens, the model's window is {window}"));
        }
        if let Mask::Blocks { size, offset } = mask
            && offset >= size
        {
            return refuse(format!("blocks of {size} tokens begin {offset} tokens early"));
        }
        spec.check_ids(&self.ids)?;
        if let Some(noisy) = &self.noisy {
            spec.check_ids(noisy)?;
            if noisy.len() != len {
                return refuse(format!("noisy holds {} tokens, ids {len}", noisy.len()));
            }
            if !matches!(mask, Mask::Blocks { .. }) {
                let family = spec.family();
                return refuse(format!(
                    "`noisy` beside `ids` is for block diffusion checkpoints, this one is {family}: \
                     give the noisy tokens as `ids`"
                ));
            }
        }
        match &self.sigma {
            Some(sigma) if sigma.len() != len / n => {
                let (got, wanted) = (sigma.len(), len / n);
                refuse(format!("sigma holds {got} numbers, expected one for each of {wanted}"))
            }
            Some(sigma) if sigma.iter().any(|s| !s.is_finite()) => {
                refuse("sigma holds a number that is not finite".into())
            }
            _ => Ok(()),
        }
    }

    fn part(&self, first: usize, count: usize) -> Batch {
        let tokens = first * self.length..(first + count) * self.length;
        let cut = |ids: &Vec<u32>| ids[tokens.clone()].to_vec();
        Batch {
            ids: cut(&self.ids),
            noisy: self.noisy.as_ref().map(cut),
            sigma: self.sigma.as_ref().map(|sigma| sigma[first..first + count].to_vec()),
            length: self.length,
        }
    }

    /// The rows of the pass, the ones whose logits are wanted first. A row's slot is its index.
    pub fn rows(&self, mask: Mask) -> Vec<Row> {
        let (n, len) = (self.length, self.ids.len());
        let clean_at = if self.noisy.is_some() { len } else { 0 };
        let clean = self.ids.iter().enumerate().map(|(i, &id)| {
            let (begin, position) = (clean_at + i / n * n, i % n);
            let end = begin + mask.end(position, n);
            Row { id, position, slot: clean_at + i, spans: [begin, end, begin, begin] }
        });
        let noisy = self.noisy.iter().flatten().enumerate().map(|(i, &id)| {
            let (sequence, position) = (i / n * n, i % n);
            let (own, end) = (mask.own_start(position), mask.end(position, n));
            let before = [clean_at + sequence, clean_at + sequence + own];
            let spans = [before[0], before[1], sequence + own, sequence + end];
            Row { id, position, slot: i, spans }
        });
        noisy.chain(clean).collect()
    }
}
