//! A network's weights as `model.safetensors`, in the published format.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, TensorView};

use crate::train::Parameters;
use crate::train::interval::Interval;
use crate::{Error, Result};

/// Numbers with their name and shape.
pub struct Named<'a> {
    /// Its name in the file.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its numbers.
    pub numbers: &'a [f32],
}

/// The bytes of a safetensors file of f32 tensors.
///
/// # Errors
/// [`Error::Internal`] if shapes and numbers do not fit each other.
pub fn safetensors_bytes(
    tensors: &[Named<'_>],
    metadata: HashMap<String, String>,
) -> Result<Vec<u8>> {
    let wrong = |e: safetensors::SafeTensorError| Error::internal(format!("safetensors: {e}"));
    let view = |tensor: &Named<'_>| {
        let bytes: Vec<u8> = tensor.numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        (tensor.name.clone(), tensor.shape.clone(), bytes)
    };
    let held: Vec<_> = tensors.iter().map(view).collect();
    let views = held.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(wrong)?;
        Ok((name.as_str(), view))
    });
    let views: Vec<_> = views.collect::<Result<_>>()?;
    safetensors::serialize(views, Some(metadata)).map_err(wrong)
}

/// The bytes of a `model.safetensors`: numbers of every parameter, in the order of
/// [`Parameters::list`], and the interval of noise levels that they were trained on.
///
/// # Errors
/// As [`safetensors_bytes`].
pub fn model_bytes(
    parameters: &Parameters,
    numbers: &[Vec<f32>],
    interval: Interval,
) -> Result<Vec<u8>> {
    let spec = parameters.spec();
    let ends = [interval.low as f32, interval.high as f32];
    let tensors = parameters.list().iter().zip(numbers).map(|(parameter, numbers)| Named {
        name: spec.stored_name(parameter.name()),
        shape: parameter.shape(),
        numbers,
    });
    let scalar = |(name, at): (&str, usize)| Named {
        name: name.into(),
        shape: Vec::new(),
        numbers: &ends[at..=at],
    };
    let scalars = [("sampling_eps_min", 0), ("sampling_eps_max", 1)].map(scalar);
    let tensors: Vec<Named<'_>> = tensors.chain(scalars).collect();
    // Other programs read which framework's conventions a file follows.
    safetensors_bytes(&tensors, HashMap::from([("format".into(), "pt".into())]))
}
