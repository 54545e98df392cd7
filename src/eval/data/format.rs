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
    /// One JSON object a line; or objects over several lines, or arrays of objects or texts.
    JsonLines,
    /// CSV with a header; of AG News class, title and description without one.
    Csv,
    /// Tabs between the columns, and a header.
    Tsv,
    /// A column of a parquet file.
    Parquet,
}
