//! Checks of configs that all readers share.

use crate::model::table::{Entry, Kind};
use crate::model::{Axis, Spec, Widths};
use crate::{Error, Result};

/// Largest of the sizes that a config may name: guards the arithmetic that follows.
const MAX_SIZE: usize = 1 << 24;
/// Most layers.
const MAX_LAYERS: usize = 1024;
/// What norms add to the variance, unless a config says otherwise.
pub const EPSILON: f64 = 1e-5;
/// Widest head that the kernels run.
const MAX_HEAD_WIDTH: usize = 256;

/// A size, and the key that it has in the config.
pub type Size = (&'static str, usize);

/// Fails for a size that is too small or too large.
pub fn check_sizes(sizes: &[(Size, usize)]) -> Result<()> {
    match sizes.iter().find(|((_, got), least)| got < least || *got > MAX_SIZE) {
        None => Ok(()),
        Some(((key, got), least)) => {
            Err(Error::config(format!("{key} is {got}, expected {least} to {MAX_SIZE}")))
        }
    }
}

/// Fails for a number of layers that no network has.
///
/// # Errors
/// [`Error::Config`].
pub fn check_layers((key, got): Size) -> Result<()> {
    if (1..=MAX_LAYERS).contains(&got) {
        return Ok(());
    }
    Err(Error::config(format!("{key} is {got}, expected 1 to {MAX_LAYERS}")))
}

/// Width of one head.
///
/// # Errors
/// [`Error::Config`] unless the channels divide into heads that can be halved and rotated.
pub fn head_width(channels: Size, heads: Size) -> Result<usize> {
    let ((key, got), (by, count)) = (channels, heads);
    if !got.is_multiple_of(4 * count) {
        let wanted = 4 * count;
        return Err(Error::config(format!(
            "{key} is {got}, expected a multiple of 4 * {by} ({wanted})"
        )));
    }
    let width = got / count;
    if width > MAX_HEAD_WIDTH {
        return Err(Error::config(format!(
            "{key} / {by} is {width}, expected heads of at most {MAX_HEAD_WIDTH} channels"
        )));
    }
    Ok(width)
}

/// Fails for a width of heads that cannot be halved and rotated.
///
/// # Errors
/// [`Error::Config`].
pub fn check_head_width((key, width): Size) -> Result<()> {
    if width.is_multiple_of(4) && (4..=MAX_HEAD_WIDTH).contains(&width) {
        return Ok(());
    }
    Err(Error::config(format!(
        "{key} is {width}, expected a multiple of 4, at most {MAX_HEAD_WIDTH}"
    )))
}

/// Fails unless tokens that a config names can be drawn.
pub fn check_tokens(spec: &Spec) -> Result<()> {
    let named = [("bos_token_id", spec.bos_token_id), ("eos_token_id", spec.eos_token_id)];
    let wrong = |(key, id): (&'static str, Option<u32>)| {
        id.filter(|&id| !spec.is_drawable(id)).map(|id| (key, id))
    };
    let stops = spec.stop_ids.iter().map(|&id| ("eos_token_id", Some(id)));
    match named.into_iter().chain(stops).find_map(wrong) {
        None => Ok(()),
        Some((key, id)) => {
            let most = spec.n_drawable().saturating_sub(1);
            Err(Error::config(format!("{key} is {id}, expected 0 to {most}")))
        }
    }
}

/// Name of a row of zeros, the bias of linear layers without one.
pub const NO_BIAS: &str = "no bias";

/// The table's row of [`NO_BIAS`]: as long as the longest product without one.
pub fn no_bias(spec: &Spec) -> Entry {
    let widths = Widths::of(spec);
    let longest = widths.qkv.held().max(widths.channels.held());
    Entry::constant(NO_BIAS, Axis::exact(longest))
}

/// A norm with a bias, which ends in one row of constants: shift and scale.
pub fn biased_norm(spec: &Spec, name: &str) -> [Entry; 3] {
    let c = Widths::of(spec).channels;
    [
        Entry::vector(format!("{name}.weight"), c),
        Entry::vector(format!("{name}.bias"), c).kind(Kind::Folded),
        Entry::constant(name, Axis::chunks(2, spec.channels)),
    ]
}
