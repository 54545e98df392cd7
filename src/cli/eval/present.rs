//! Reports on stdout: for people, as JSON, as CSV.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use bdlm::eval::data::Counts;
use bdlm::eval::{Estimator, PplReport};
use bdlm::gpu::Gpu;
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::Value;

use crate::cli::output::Output;
use crate::cli::print::driver;

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

/// In what form a report goes where.
#[derive(Args)]
#[command(next_help_heading = "Output")]
pub struct ReportArgs {
    /// How to print the report
    #[arg(long, value_enum, default_value = "text")]
    format: ReportFormat,
    /// Write the report to a file instead of stdout
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl ReportArgs {
    /// The file, if it is to be one. Fails before the work, not after it.
    pub fn create(&self) -> Result<Option<Output>> {
        self.output.as_deref().map(Output::create).transpose()
    }

    /// Writes a report that a device computed.
    pub fn write(&self, output: Option<Output>, report: &PplReport, gpu: &Gpu) -> Result<()> {
        let report = formatted(report, Some(&MadeBy::new(gpu)), self.format)?;
        match output {
            Some(output) => output.write(report.as_bytes()),
            None => print(&report),
        }
    }
}

/// The program and the machine that computed a report.
#[derive(Serialize)]
pub struct MadeBy {
    bdlm: &'static str,
    adapter: String,
    driver: String,
    kernels: String,
}

impl MadeBy {
    /// This program on this device.
    pub fn new(gpu: &Gpu) -> MadeBy {
        MadeBy {
            bdlm: env!("CARGO_PKG_VERSION"),
            adapter: gpu.info().name.clone(),
            driver: driver(gpu.info()),
            kernels: gpu.kernels().to_string(),
        }
    }
}

/// A report as JSON, with what made it at its end.
pub fn with_made_by(report: &impl Serialize, made_by: Option<&MadeBy>) -> Result<Value> {
    let mut report = serde_json::to_value(report)?;
    let made_by = made_by.map(serde_json::to_value).transpose()?;
    if let (Value::Object(report), Some(Value::Object(made_by))) = (&mut report, made_by) {
        report.extend(made_by);
    }
    Ok(report)
}

/// The report in a format, as it goes to stdout or a file.
pub fn formatted(
    report: &PplReport,
    made_by: Option<&MadeBy>,
    format: ReportFormat,
) -> Result<String> {
    Ok(match format {
        ReportFormat::Text => text(report),
        ReportFormat::Json => serde_json::to_string_pretty(&with_made_by(report, made_by)?)? + "\n",
        ReportFormat::Csv => csv(&with_made_by(report, made_by)?),
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
    if report.sequences == 0 {
        let data = format!("{}, none of its sequences", settings.data);
        return lines(&[("model", settings.model.clone()), ("data", data)]);
    }
    let unscored = match report.sequences_unscored {
        0 => String::new(),
        n => format!(", {n} more unscored (they hold the mask token)"),
    };
    let mut values = vec![
        ("model", format!("{}, {} weights", settings.model, settings.weights)),
        ("data", format!("{}, sequences of {}", settings.data, settings.context)),
        ("estimator", format!("{estimator}{block}")),
        ("nats per token", format!("{:.4}{error}", report.nll_per_token)),
        ("perplexity", format!("{:.3}", report.ppl)),
        ("bits per byte", bits),
        ("tokens", format!("{} in {} sequences{unscored}", report.tokens, report.sequences)),
        ("passes", format!("{} in {:.1} s", report.passes, report.secs)),
    ];
    if settings.matrix_units {
        values.push(("matrix units", "used: activations are rounded to f16".into()));
    }
    if let Some(counts) = &report.counts {
        values.push(("documents", documents(counts)));
    }
    lines(&values)
}

/// How many documents there were, and what is in no sequence.
fn documents(counts: &Counts) -> String {
    let Counts { documents, documents_empty, documents_short, documents_cut, tokens_left_out } =
        *counts;
    let parts = [
        (documents_empty, "empty"),
        (documents_short, "too short"),
        (documents_cut, "cut"),
        (tokens_left_out, "tokens left out"),
    ];
    let parts = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!(", {n} {what}"));
    format!("{documents}{}", parts.collect::<String>())
}

/// Names and values, a line each.
pub fn lines(values: &[(&str, String)]) -> String {
    values.iter().map(|(name, value)| format!("{name:<16}{value}\n")).collect()
}

/// An object whose inner objects are spread out: `lengths.min` becomes `lengths_min`.
pub fn flat(object: &Value) -> Value {
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
pub fn csv(object: &Value) -> String {
    csv_lines(object).map(|line| line + "\n").concat()
}

/// The line of names and the line of values of a flat object.
pub fn csv_lines(object: &Value) -> [String; 2] {
    let fields = object.as_object().into_iter().flatten();
    let (names, values): (Vec<_>, Vec<_>) =
        fields.map(|(name, value)| (name.clone(), cell(value))).unzip();
    [names.join(","), values.join(",")]
}

/// A value as a cell of CSV: quoted where it must be.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}
