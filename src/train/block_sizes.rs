//! The block size of a batch: one for all, or drawn from a weighted list, so that one checkpoint
//! serves many sizes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::train::random::{Purpose, generator};
use crate::{Error, Result};

/// Block sizes with their weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "String")]
pub struct BlockSizes {
    sizes: Vec<(usize, f64)>,
}

impl BlockSizes {
    /// One size for all batches.
    pub fn fixed(size: usize) -> BlockSizes {
        BlockSizes { sizes: vec![(size, 1.0)] }
    }

    /// The sizes, in the order that they were given.
    pub fn sizes(&self) -> impl Iterator<Item = usize> + '_ {
        self.sizes.iter().map(|&(size, _)| size)
    }

    /// The size that comes most often, the first of equals: a checkpoint's own.
    pub fn main(&self) -> usize {
        let most = self.sizes.iter().map(|(_, weight)| *weight).fold(0.0, f64::max);
        self.sizes.iter().find(|(_, weight)| *weight == most).map_or(1, |(size, _)| *size)
    }

    /// The size of a batch.
    pub fn draw(&self, seed: u64, batch: u64) -> usize {
        let all: f64 = self.sizes.iter().map(|(_, weight)| weight).sum();
        let mut left = generator(seed, Purpose::BlockSize, &[batch]).f64() * all;
        let drawn = self.sizes.iter().find(|(_, weight)| {
            left -= weight;
            left < 0.0
        });
        drawn.map_or_else(|| self.main(), |(size, _)| *size)
    }

    /// Fails for a size that does not divide the window.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub fn check(&self, window: usize) -> Result<()> {
        match self.sizes().find(|&size| !window.is_multiple_of(size)) {
            None => Ok(()),
            Some(size) => Err(Error::request(format!(
                "block size {size} does not divide the window of {window} tokens"
            ))),
        }
    }
}

impl FromStr for BlockSizes {
    type Err = Error;

    /// `8`, or `1:.1,4:.3,8:.35` with weights.
    fn from_str(text: &str) -> Result<BlockSizes> {
        let wrong = || {
            Error::request(format!(
                "block size `{text}` is neither a size, such as 8, nor sizes with weights, such as \
                 1:.1,4:.3,8:.35"
            ))
        };
        let size = |part: &str| {
            let (size, weight) = part.trim().split_once(':').unwrap_or((part.trim(), "1"));
            let (size, weight) = (size.trim().parse().ok()?, weight.trim().parse::<f64>().ok()?);
            (size > 0 && weight > 0.0 && weight.is_finite()).then_some((size, weight))
        };
        let sizes: Vec<_> = text.split(',').map(size).collect::<Option<_>>().ok_or_else(wrong)?;
        let is_twice = |i: usize| sizes[..i].iter().any(|(size, _)| *size == sizes[i].0);
        if (0..sizes.len()).any(is_twice) {
            return Err(wrong());
        }
        Ok(BlockSizes { sizes })
    }
}

impl fmt::Display for BlockSizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [(size, _)] = self.sizes[..] {
            return write!(f, "{size}");
        }
        let parts = self.sizes.iter().map(|(size, weight)| format!("{size}:{weight}"));
        f.write_str(&parts.collect::<Vec<_>>().join(","))
    }
}

/// How block sizes stand in files.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Size(usize),
    List(String),
}

impl TryFrom<Written> for BlockSizes {
    type Error = Error;

    fn try_from(written: Written) -> Result<BlockSizes> {
        match written {
            Written::Size(size) => size.to_string().parse(),
            Written::List(list) => list.parse(),
        }
    }
}

impl From<BlockSizes> for String {
    fn from(sizes: BlockSizes) -> String {
        sizes.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_drawn_by_their_weights() {
        let sizes: BlockSizes = "1:.1,4:.3, 8:.6".parse().unwrap();
        assert_eq!((sizes.main(), sizes.to_string()), (8, "1:0.1,4:0.3,8:0.6".to_string()));
        let count = |wanted| (0..10_000).filter(|&b| sizes.draw(7, b) == wanted).count();
        let counts = [1, 4, 8].map(count);
        for (got, wanted) in counts.into_iter().zip([1000_usize, 3000, 6000]) {
            assert!(got.abs_diff(wanted) < 200, "{counts:?}");
        }
        let fixed: BlockSizes = "8".parse().unwrap();
        assert!(fixed == BlockSizes::fixed(8) && (0..9).all(|b| fixed.draw(1, b) == 8));
        assert!(sizes.check(256).is_ok() && sizes.check(12).is_err());
    }

    #[test]
    fn what_is_no_list_of_sizes_is_refused() {
        for text in ["", "0", "a", "4:", "4:0", "4:-1", "4:.5,", "4:.5,4:.5", "4:inf"] {
            assert!(text.parse::<BlockSizes>().is_err(), "{text}");
        }
    }
}
