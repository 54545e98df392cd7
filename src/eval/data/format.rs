//! How the documents of a file are separated.

/// How the documents of a file are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The whole file is one document.
    Text,
    /// Each line is a document, as it is with its newline; a blank line is an empty one.
    Lines,
    /// Each line is a document, without the space around it.
    TrimmedLines,
    /// One JSON object a line.
    JsonLines,
    /// CSV of class, title and description.
    Csv,
    /// A column of a parquet file, uncompressed or snappy, its texts written plainly or by
    /// dictionary, as the hub's are.
    Parquet,
}
