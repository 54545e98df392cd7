//! The documents of a file, by its format. A browser has no files: there a host program hands over
//! texts.

#[cfg(feature = "parquet")]
mod bits;
mod csv;
#[cfg(all(feature = "hub", feature = "parquet"))]
mod fetch;
mod file;
mod json;
mod keys;
mod lines;
mod open;
#[cfg(feature = "parquet")]
mod pages;
#[cfg(feature = "parquet")]
mod parquet;
mod parts;
mod reader;

pub use file::DataFile;
pub use open::ReadOptions;
