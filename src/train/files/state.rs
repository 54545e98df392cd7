//! What a run goes on from, as one file: weights, what the optimiser holds, and where the run is.
//! Random numbers and the order of the data follow from the step.

use std::collections::HashMap;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::hub::{FileBytes, kept};
use crate::train::Parameters;
use crate::train::model_file::{Named, safetensors_bytes};
use crate::train::optimiser::{Buffers, Optimiser};
use crate::train::trainer::{Progress, Trainer};
use crate::{Error, Result};

/// The file's name.
pub const STATE: &str = "state.safetensors";
/// Where the progress and the settings are among the file's metadata.
const KEY: &str = "bdlm";
/// What the names of a kind of numbers begin with: weights, moments, moving average.
const KINDS: [&str; 4] = ["weights.", "first.", "second.", "average."];

/// Where a run is, and what it was begun with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Where it is.
    pub progress: Progress,
    /// What it was begun with.
    pub settings: Value,
}

/// Writes the state of a run. It replaces an earlier one as a whole, or not at all.
///
/// # Errors
/// [`Error::DeviceLost`], [`Error::Io`].
pub async fn save(path: &Path, trainer: &Trainer, settings: &Value) -> Result<()> {
    let parameters = trainer.parameters();
    let [first, second, average] = trainer.optimiser().buffers();
    let mut kinds = vec![parameters.read_weights().await?];
    for buffers in [first, second, average] {
        kinds.push(parameters.read(buffers.iter()).await?);
    }
    let mut tensors = Vec::new();
    for (kind, numbers) in KINDS.iter().zip(&kinds) {
        tensors.extend(parameters.list().iter().zip(numbers).map(|(parameter, numbers)| Named {
            name: format!("{kind}{}", parameter.name()),
            shape: parameter.shape(),
            numbers,
        }));
    }
    let header = Header { progress: trainer.progress().clone(), settings: settings.clone() };
    let header = serde_json::to_string(&header).map_err(|e| Error::internal(e.to_string()))?;
    let bytes = safetensors_bytes(&tensors, HashMap::from([(KEY.into(), header)]))?;
    kept::replace(path, &bytes).map_err(Error::io(path))
}

/// The state of a run.
pub struct SavedState {
    file: FileBytes,
    /// Where the run is, and what it was begun with.
    pub header: Header,
}

impl SavedState {
    /// Opens the state in a file, if there is one.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Checkpoint`] for a file that is none.
    pub fn open(path: &Path) -> Result<Option<SavedState>> {
        if !path.exists() {
            return Ok(None);
        }
        let file = FileBytes::open(path)?;
        let wrong = |cause: String| Error::checkpoint(path, format!("not a run's state: {cause}"));
        let (_, metadata) = SafeTensors::read_metadata(&file).map_err(|e| wrong(e.to_string()))?;
        let metadata = metadata.metadata().as_ref().and_then(|words| words.get(KEY));
        let header = metadata.ok_or_else(|| wrong("it has no header".into()))?;
        let header = serde_json::from_str(header).map_err(|e| wrong(e.to_string()))?;
        Ok(Some(SavedState { file, header }))
    }

    /// Overwrites parameters with the saved ones.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] for the state of another network.
    pub fn restore_weights(&self, parameters: &Parameters) -> Result<()> {
        let weights: Vec<_> = parameters.arenas().iter().map(|arena| &arena.weights).collect();
        parameters.write(&weights, &self.numbers(parameters, KINDS[0])?)
    }

    /// Overwrites what an optimiser holds with what is saved.
    ///
    /// # Errors
    /// As [`SavedState::restore_weights`].
    pub fn restore_optimiser(&self, parameters: &Parameters, optimiser: &Optimiser) -> Result<()> {
        let restore = |(kind, buffers): (&&str, &Buffers)| {
            let buffers: Vec<_> = buffers.iter().collect();
            parameters.write(&buffers, &self.numbers(parameters, kind)?)
        };
        KINDS[1..].iter().zip(optimiser.buffers()).try_for_each(restore)
    }

    fn numbers(&self, parameters: &Parameters, kind: &str) -> Result<Vec<Vec<f32>>> {
        let wrong = |cause: String| Error::checkpoint(self.file.path(), cause);
        let tensors = SafeTensors::deserialize(&self.file).map_err(|e| wrong(e.to_string()))?;
        let read = |parameter: &crate::train::Parameter| {
            let name = format!("{kind}{}", parameter.name());
            let view = tensors.tensor(&name).map_err(|e| wrong(format!("{name}: {e}")))?;
            if view.dtype() != Dtype::F32 || view.shape() != parameter.shape() {
                let (got, wanted) = (view.shape(), parameter.shape());
                return Err(wrong(format!("{name} is {got:?}, expected F32 {wanted:?}")));
            }
            let numbers = view.data().as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b));
            Ok(numbers.collect())
        };
        parameters.list().iter().map(read).collect()
    }
}
