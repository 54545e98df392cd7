//! Reports on stdout: for people, as JSON, as CSV.

use std::io::{self, Write};

use anyhow::Result;
use bdlm::eval::{Estimator, PplReport};
use clap::ValueEnum;

/// How to print a report.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum ReportFormat {
    /// For people
    Text,
    /// One JSON object
    Json,
    /// A line of names and a line of values
    Csv,
}

/// The report in a format, as it goes to stdout or a file.
pub fn formatted(report: &PplReport, format: ReportFormat) -> Result<String> {
    Ok(match format {
        ReportFormat::Text => text(report),
        ReportFormat::Json => serde_json::to_string_pretty(report)? + "\n",
        ReportFormat::Csv => csv(&serde_json::to_value(report)?),
    })
}

/// Prints what `formatted` made.
pub fn print(words: &str) -> Result<()> {
    Ok(io::stdout().lock().write_all(words.as_bytes())?)
}

fn text(report: &PplReport) -> String {
    let settings = &report.settings;
    let estimator = match settings.estimator {
        Estimator::Exact => "exact".to_string(),
        Estimator::MonteCarlo { draws } => format!("noise draws, {draws} a sequence"),
        Estimator::Orders { draws } => format!("reveal orders, {draws} a sequence"),
    };
    let block = settings.block_size.map(|size| format!(", blocks of {size}")).unwrap_or_default();
    let error = match report.stderr {
        0.0 => " (exact)".to_string(),
        error if error.is_nan() => " (one draw of one sequence: error unknown)".into(),
        error => format!(" ± {error:.4}"),
    };
    let bits = report.bits_per_byte.map_or("unknown".into(), |bits| format!("{bits:.4}"));
    lines(&[
        ("model", format!("{}, {} weights", settings.model, settings.weights)),
        ("data", format!("{}, sequences of {}", settings.data, settings.context)),
        ("estimator", format!("{estimator}{block}")),
        ("nats per token", format!("{:.4}{error}", report.nll_per_token)),
        ("perplexity", format!("{:.3}", report.ppl)),
        ("bits per byte", bits),
        ("tokens", format!("{} in {} sequences", report.tokens, report.sequences)),
        ("passes", format!("{} in {:.1} s", report.passes, report.secs)),
    ])
}

/// Names and values, a line each.
pub fn lines(values: &[(&str, String)]) -> String {
    values.iter().map(|(name, value)| format!("{name:<16}{value}\n")).collect()
}

/// An object whose inner objects are spread out: `lengths.min` becomes `lengths_min`.
pub fn flat(object: &serde_json::Value) -> serde_json::Value {
    let mut fields = serde_json::Map::new();
    for (name, value) in object.as_object().into_iter().flatten() {
        match value.as_object() {
            Some(inner) => fields
                .extend(inner.iter().map(|(key, value)| (format!("{name}_{key}"), value.clone()))),
            None => drop(fields.insert(name.clone(), value.clone())),
        }
    }
    fields.into()
}

/// Names and values of a flat object, as the text of a file.
pub fn csv(object: &serde_json::Value) -> String {
    csv_lines(object).map(|line| line + "\n").concat()
}

/// The line of names and the line of values of a flat object.
pub fn csv_lines(object: &serde_json::Value) -> [String; 2] {
    let fields = object.as_object().into_iter().flatten();
    let (names, values): (Vec<_>, Vec<_>) =
        fields.map(|(name, value)| (name.clone(), cell(value))).unzip();
    [names.join(","), values.join(",")]
}

/// A value as a cell of CSV: quoted where it must be.
fn cell(value: &serde_json::Value) -> String {
    let text = match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}
