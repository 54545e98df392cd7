//! A batch as the passes read it: rows, what they see and who sees them, the rows that are predicted, and
//! the inverted index of tokens.

use crate::Result;
use crate::gpu::layout::ROW_PAD;
use crate::gpu::{DType, Gpu, Tensor};
use crate::model::{Batch, Mask, Spec, Widths, angles};
use crate::train::index::{Index, SEGMENT};
use crate::train::{TrainBatch, TrainShape};

/// A batch on the device.
#[derive(Debug)]
pub struct Inputs {
    /// Tokens, `[T]`.
    pub ids: Tensor,
    /// Cache slots, `[T]`: each row its own.
    pub slots: Tensor,
    /// Cosines, then sines, `[T, D]`.
    pub angles: Tensor,
    /// Spans of slots that a row sees, `[T, 4]`.
    pub spans: Tensor,
    /// Spans of rows that see a slot, `[T, 4]`.
    pub seen: Tensor,
    /// The rows that are predicted, `[B n]`; those after the last are row 0.
    pub picked: Tensor,
    /// Where a row is among these, `[T]`.
    pub places: Tensor,
    /// Their targets, `[B n]`.
    pub targets: Tensor,
    /// Their weights, `[B n]`; 0 after the last.
    pub weights: Tensor,
    /// Rows by token, `[T]`.
    pub order: Tensor,
    /// Segments of that order, `[segments, 4]`.
    pub segments: Tensor,
    /// Segments in order, `[segments]`.
    pub numbers: Tensor,
    /// Tokens with their segments, `[tokens, 4]`.
    pub tokens: Tensor,
    /// The draw of dropout, `[4]`.
    pub draw: Tensor,
}

impl Inputs {
    /// Room for the batches of a shape; what no batch changes is written.
    ///
    /// # Errors
    /// [`crate::Error::TooLarge`], [`crate::Error::OutOfMemory`].
    pub fn new(gpu: &Gpu, spec: &Spec, shape: TrainShape) -> Result<Inputs> {
        let (rows, picked, d) = (shape.rows(), shape.tokens(), Widths::of(spec).head.held());
        let distinct = rows.min(spec.vocab_size);
        let segments = rows.div_ceil(SEGMENT) + distinct;
        let make =
            |label: &str, shape: &[usize], dtype| Tensor::padded(gpu, label, shape, dtype, ROW_PAD);
        let words = |label: &str, shape: &[usize]| make(label, shape, DType::U32);
        let inputs = Inputs {
            ids: words("ids", &[rows])?,
            slots: words("slots", &[rows])?,
            angles: make("angles", &[rows, d], DType::F32)?,
            spans: words("spans", &[rows, 4])?,
            seen: words("seen", &[rows, 4])?,
            picked: words("picked rows", &[picked])?,
            places: words("places", &[rows])?,
            targets: words("targets", &[picked])?,
            weights: make("weights", &[picked], DType::F32)?,
            order: words("order", &[rows])?,
            segments: words("segments", &[segments, 4])?,
            numbers: words("numbers", &[segments])?,
            tokens: words("tokens", &[distinct, 4])?,
            draw: Tensor::padded(gpu, "draw", &[4], DType::U32, 1)?,
        };
        let positions = (0..rows).map(|row| row % shape.length);
        inputs.angles.write(gpu, &angles(spec, positions))?;
        inputs.slots.write(gpu, &(0..rows as u32).collect::<Vec<_>>())?;
        inputs.numbers.write(gpu, &(0..segments as u32).collect::<Vec<_>>())?;
        Ok(inputs)
    }

    /// Writes a batch of the shape; the rows that are predicted, as indices of positions.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] never, for a checked batch.
    pub fn write(
        &self,
        gpu: &Gpu,
        (batch, shape): (&TrainBatch, TrainShape),
        draw: [u32; 4],
    ) -> Result<Vec<usize>> {
        let rows = rows(batch, shape);
        let ids: Vec<u32> = rows.iter().map(|row| row.id).collect();
        let spans: Vec<u32> = rows.iter().flat_map(|row| row.spans.map(|s| s as u32)).collect();
        let seen: Vec<u32> = (0..rows.len())
            .flat_map(|slot| seen(slot, batch.mask, shape).map(|s| s as u32))
            .collect();
        self.ids.write(gpu, &ids)?;
        self.spans.write(gpu, &spans)?;
        self.seen.write(gpu, &seen)?;
        self.draw.write(gpu, &draw)?;
        let index = Index::of(&ids, [self.segments.dim(0), self.tokens.dim(0)]);
        self.order.write(gpu, &index.order)?;
        self.segments.write(gpu, &index.segments)?;
        self.tokens.write(gpu, &index.tokens)?;
        let picked: Vec<usize> = (0..shape.tokens()).filter(|&i| batch.weights[i] != 0.0).collect();
        let mut places = vec![u32::MAX; rows.len()];
        picked.iter().zip(0..).for_each(|(&row, place)| places[row] = place);
        self.places.write(gpu, &places)?;
        self.picked.write(gpu, &padded(picked.iter().map(|&row| row as u32), shape))?;
        self.targets.write(gpu, &padded(picked.iter().map(|&row| batch.targets[row]), shape))?;
        self.weights.write(gpu, &padded(picked.iter().map(|&row| batch.weights[row]), shape))?;
        Ok(picked)
    }
}

/// As many numbers as there are positions.
fn padded<T: Default>(numbers: impl Iterator<Item = T>, shape: TrainShape) -> Vec<T> {
    numbers.chain(std::iter::repeat_with(T::default)).take(shape.tokens()).collect()
}

/// The rows of the pass, those that are predicted first.
fn rows(batch: &TrainBatch, shape: TrainShape) -> Vec<crate::model::Row> {
    let inputs = batch.inputs.clone();
    let (ids, noisy) = match &batch.clean {
        Some(clean) => (clean.clone(), Some(inputs)),
        None => (inputs, None),
    };
    Batch { ids, noisy, sigma: None, length: shape.length }.rows(batch.mask)
}

/// The rows that see a slot, the inverse of the rows' spans.
fn seen(slot: usize, mask: Mask, shape: TrainShape) -> [usize; 4] {
    let (n, tokens) = (shape.length, shape.tokens());
    let (sequence, position) = (slot % tokens / n * n, slot % n);
    let (own, end) = (mask.own_start(position), mask.end(position, n));
    match (shape.has_clean, slot < tokens) {
        // Noised rows see those of their own block.
        (true, true) => [sequence + own, sequence + end, sequence + end, sequence + end],
        // Clean rows are seen by noised ones of later blocks, and by clean ones from their block on.
        (true, false) => {
            [sequence + end, sequence + n, tokens + sequence + own, tokens + sequence + n]
        }
        (false, _) => {
            let first = if mask == Mask::Before { position } else { own };
            [sequence + first, sequence + n, sequence + n, sequence + n]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_sees_the_slots_that_it_is_seen_by() {
        for (has_clean, mask) in [
            (true, Mask::blocks(4)),
            (true, Mask::blocks(1)),
            (true, Mask::blocks(5)),
            (false, Mask::blocks(4)),
            (false, Mask::All),
            (false, Mask::Before),
        ] {
            let shape = TrainShape { sequences: 2, length: 12, has_clean };
            let ids = vec![0; shape.tokens()];
            let batch = TrainBatch {
                inputs: ids.clone(),
                clean: has_clean.then(|| ids.clone()),
                targets: ids,
                weights: vec![1.0; shape.tokens()],
                mask,
            };
            let rows = rows(&batch, shape);
            let within = |[a, b, c, d]: [usize; 4], i| a <= i && i < b || c <= i && i < d;
            for (slot, row) in (0..rows.len()).flat_map(|s| (0..rows.len()).map(move |r| (s, r))) {
                let sees = within(rows[row].spans, slot);
                let is_seen = within(seen(slot, mask, shape), row);
                assert_eq!(sees, is_seen, "{mask:?}, slot {slot}, row {row}");
            }
        }
    }
}
