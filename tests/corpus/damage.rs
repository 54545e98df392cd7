//! Damaged parquet files give rows or an error, as the other formats in `tests/garbage.rs`.

use bdlm::eval::data::ReadOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;

use crate::common::damage::{damaged, damages, read};
use crate::parquet;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parquet_that_is_damaged_is_read_or_refused(damages in damages(), of_the_end in any::<bool>()) {
        let rows = [Some("one"), None, Some("two"), Some("three"), Some("two")];
        for codec in [Compression::UNCOMPRESSED, Compression::ZSTD(ZstdLevel::default())] {
            let properties = WriterProperties::builder().set_compression(codec);
            let bytes = parquet(&[("text", &rows), ("title", &rows)], 2, properties);
            // What a reader believes first is at the end.
            let bytes = match of_the_end {
                true => {
                    let start = bytes.len() / 2;
                    let end = damaged(bytes[start..].to_vec(), &damages, usize::MAX);
                    [&bytes[..start], &end].concat()
                }
                false => damaged(bytes, &damages, usize::MAX),
            };
            let _ = read("a.parquet", &bytes, &ReadOptions::default());
        }
    }
}
