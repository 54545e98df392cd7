//! What a model is evaluated on: reading documents, the paper's data sets, cutting into sequences.

#[path = "../common/mod.rs"]
mod common;
mod cuts;
mod damage;
mod documents;
mod fetch;
mod forms;
mod presets;

use std::path::PathBuf;
use std::sync::Arc;

use bdlm::eval::data::Documents;
use bdlm::hub::ModelFiles;
use bdlm::text::Tokenizer;
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

fn tales() -> Arc<Tokenizer> {
    let file = ModelFiles::embedded().tokenizer.unwrap();
    Arc::new(Tokenizer::from_bytes(&file, file.path()).unwrap())
}

/// A file in a folder that lives as long as the value.
struct TempFile {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn file(name: &str, bytes: impl AsRef<[u8]>) -> TempFile {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    TempFile { _folder: folder, path }
}

/// The documents, or the first error in place of the rest, with its advice.
fn texts(documents: bdlm::Result<Documents>) -> Result<Vec<String>, String> {
    documents.and_then(Iterator::collect).map_err(|e| match e.advice() {
        Some(advice) => format!("{e}; {advice:?}"),
        None => e.to_string(),
    })
}

/// A parquet file of columns of texts, so many rows a group; a column without gaps is required.
fn parquet(
    columns: &[(&str, &[Option<&str>])],
    group_rows: usize,
    properties: WriterPropertiesBuilder,
) -> Vec<u8> {
    let has_gaps = |texts: &[Option<&str>]| texts.iter().any(Option::is_none);
    let fields = columns.iter().map(|(name, texts)| {
        let kind = if has_gaps(texts) { "optional" } else { "required" };
        format!("{kind} binary {name} (UTF8);")
    });
    let schema = format!("message rows {{ {} }}", fields.collect::<String>());
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let mut bytes = Vec::new();
    let properties = Arc::new(properties.build());
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, properties).unwrap();
    let n_rows = columns[0].1.len();
    for start in (0..n_rows).step_by(group_rows) {
        let mut group = writer.next_row_group().unwrap();
        for (_, texts) in columns {
            let rows = &texts[start..n_rows.min(start + group_rows)];
            let levels: Vec<i16> = rows.iter().map(|row| i16::from(row.is_some())).collect();
            let levels = has_gaps(texts).then_some(levels.as_slice());
            let values: Vec<ByteArray> = rows.iter().flatten().map(|&text| text.into()).collect();
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<ByteArrayType>().write_batch(&values, levels, None).unwrap();
            column.close().unwrap();
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
    bytes
}

fn uncompressed() -> WriterPropertiesBuilder {
    WriterProperties::builder()
}

fn snappy() -> WriterPropertiesBuilder {
    uncompressed().set_compression(Compression::SNAPPY)
}
