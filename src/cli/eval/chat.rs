//! `bdlm eval chat`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use bdlm::eval::{
    FirstToken, Inputs, Likelihood, LikelihoodOptions, PplReport, Sequence, SequenceResult,
    Settings, Turn, turns,
};
use bdlm::hub::Sha256;
use bdlm::sample::Engine;
use bdlm::text::Conversation;
use clap::Args;
use serde::Serialize;

use crate::cli::chat::TemplateArgs;
use crate::cli::device::DeviceArgs;
use crate::cli::eval::journal::{Journal, JournalArgs};
use crate::cli::eval::ppl::EstimateArgs;
use crate::cli::eval::present::ReportArgs;
use crate::cli::eval::work::{rounds_activations, weights};
use crate::cli::files::{read_text, shown};
use crate::cli::model::ModelArgs;
use crate::cli::print::{note, progress_bar};
use crate::cli::process::{Interrupted, go_on, utc_secs};

/// Likelihood of the assistant's turns of chats, given all that was said before each.
///
/// Nats per token of exact values or of the bound that diffusion models have, for uniformly random
/// orders of opening. The prompt is seen and never masked; the softmax is over the whole vocabulary, as
/// these models were trained. Where rows speak of the next token, a block's first is autoregressive.
#[derive(Args)]
#[command(after_help = "Examples:
  bdlm eval chat --model JetLM/SDAR-1.7B-Chat --data chats.jsonl --estimator exact
  bdlm eval chat --model my-chat-model --data chats.jsonl --estimator orders --draws 4 --format json
  bdlm eval chat --model my-chat-model --data chats.jsonl --journal chats.journal --resume")]
pub struct EvalChat {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    template: TemplateArgs,
    /// File of chats: a JSON object a line with `messages`, each with `role` and `content`
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    data: PathBuf,
    /// Evaluate only the first N chats
    #[arg(long, value_name = "N", help_heading = "Data")]
    limit: Option<usize>,
    #[command(flatten)]
    estimate: EstimateArgs,
    #[command(flatten)]
    journal: JournalArgs,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

/// The first line of a journal.
#[derive(Serialize)]
struct Head<'a> {
    /// Of the turns as tokens: chats, template and system prompt make them.
    turns_sha256: String,
    #[serde(flatten)]
    settings: &'a Settings,
}

impl EvalChat {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        let text = read_text(&self.data)?;
        let chats = chats(&self.data, &text, self.limit.unwrap_or(usize::MAX))?;
        let output = self.report.create()?;
        let gpu = self.estimate.request(&self.device, &self.model)?;
        let (weights, block_size) = (self.device.weights, self.estimate.block_size);
        let (engine, digests) = self.model.load_known(&gpu, weights, block_size, true)?;
        let turns = self.turns(&engine, chats)?;
        let inputs = Inputs { model: digests, data_sha256: Sha256::of(text.as_bytes()) };
        let (report, is_whole) = self.evaluate(&engine, &turns, inputs)?;
        self.report.write(output, &report, &gpu)?;
        if !is_whole {
            let (done, advice) = (report.sequences, self.journal.advice());
            note(&format!("interrupted: the report covers {done} turns; {advice}"));
            return Err(Interrupted.into());
        }
        Ok(())
    }

    fn turns(&self, engine: &Engine, chats: Vec<(usize, Conversation)>) -> Result<Vec<Turn>> {
        let chat = self.template.chat(engine)?;
        let tokenizer = engine.tokenizer().context("this model has no tokenizer")?;
        let stops = &engine.network().spec().stop_ids;
        let mut all = Vec::new();
        for (line, conversation) in chats {
            let conversation = chat.with_options(conversation);
            let found = turns(chat.template(), tokenizer, &conversation, (stops, utc_secs()));
            all.extend(found.with_context(|| place(&self.data, line))?);
        }
        if all.is_empty() {
            bail!("{} holds no turn of the assistant", shown(&self.data));
        }
        let window = engine.network().spec().window;
        if let Some(turn) = all.iter().find(|turn| turn.ids.len() > window) {
            let got = turn.ids.len();
            bail!("a turn ends at token {got}, the model's window is {window}");
        }
        Ok(all)
    }

    fn evaluate(
        &self,
        engine: &Engine,
        turns: &[Turn],
        inputs: Inputs,
    ) -> Result<(PplReport, bool)> {
        let options = LikelihoodOptions {
            estimator: self.estimate.estimator(),
            block_size: self.estimate.block_size,
            first: FirstToken::Given,
            context: turns.iter().map(|turn| turn.ids.len()).max().unwrap_or(0),
            batch: self.estimate.batch,
            seed: self.estimate.seed,
        };
        let likelihood = Likelihood::new(engine.network().clone(), options)?;
        let settings = self.settings(engine, &likelihood, inputs);
        let head = Head { turns_sha256: digest(turns), settings: &settings };
        let (journal, results) = self.journal.open("eval chat", &head)?;
        let done = results.iter().map(|result: &SequenceResult| result.index).collect();
        let mut work = Work { engine, likelihood, journal, results, done };
        let is_whole = work.evaluate(turns)?;
        if work.results.is_empty() {
            return Err(Interrupted.into());
        }
        work.results.sort_by_key(|result| result.index);
        Ok((PplReport::new(settings, &work.results)?, is_whole))
    }

    fn settings(&self, engine: &Engine, likelihood: &Likelihood, inputs: Inputs) -> Settings {
        let options = likelihood.options();
        Settings {
            model: self.model.model.clone(),
            data: self.data.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            estimator: options.estimator,
            block_size: likelihood.block_size(),
            context: options.context,
            first_token: options.first,
            seed: options.seed,
            weights: weights(engine),
            matrix_units: rounds_activations(engine),
            cut: None,
            inputs,
        }
    }
}

/// An evaluation under way.
struct Work<'a> {
    engine: &'a Engine,
    likelihood: Likelihood,
    journal: Journal,
    results: Vec<SequenceResult>,
    /// Indices of the results.
    done: HashSet<usize>,
}

impl Work<'_> {
    /// Evaluates the turns that are not done; false if Ctrl-C came before the last. The same turns are
    /// together whether all are evaluated at once or not: sums of floats depend on it.
    fn evaluate(&mut self, turns: &[Turn]) -> Result<bool> {
        let bar = progress_bar("{msg} [{bar:30}] {percent}% {eta}");
        bar.set_length(1000 * turns.len() as u64);
        let batch = self.likelihood.batch();
        for (number, some) in turns.chunks(batch).enumerate() {
            let (first, begun) = (number * batch, Instant::now());
            if (first..first + some.len()).all(|index| self.done.contains(&index)) {
                continue;
            }
            let before = self.likelihood.passes();
            let sequences: Vec<Sequence<'_>> = (first..)
                .zip(some)
                .map(|(index, turn)| Sequence { index, ids: &turn.ids, given: turn.given })
                .collect();
            let mut progress = |done: usize, all: usize| {
                let part = 1000 * some.len() * done / all.max(1);
                bar.set_position((1000 * first + part) as u64);
                go_on()
            };
            let found = self.likelihood.estimate_given(&sequences, &mut progress);
            let Some(found) = pollster::block_on(found)? else { return Ok(false) };
            let mut results = Vec::new();
            for (sequence, found) in sequences.iter().zip(&found) {
                let counted = &sequence.ids[sequence.given..];
                let bytes = self.engine.tokenizer().and_then(|t| t.text_bytes(counted));
                let mut result = SequenceResult::new(sequence.index, found, bytes);
                if sequence.index == first {
                    result.passes = self.likelihood.passes() - before;
                    result.secs = begun.elapsed().as_secs_f64();
                }
                if self.done.insert(sequence.index) {
                    results.push(result);
                }
            }
            self.journal.push_all(&results)?;
            self.results.extend(results);
        }
        bar.finish_and_clear();
        Ok(true)
    }
}

/// The digest of turns as tokens.
fn digest(turns: &[Turn]) -> String {
    let mut digest = Sha256::new();
    for turn in turns {
        for number in [turn.ids.len(), turn.given] {
            digest.add(&(number as u64).to_le_bytes());
        }
        turn.ids.iter().for_each(|id| digest.add(&id.to_le_bytes()));
    }
    digest.hex()
}

fn place(path: &Path, line: usize) -> String {
    format!("{}: line {line}", shown(path))
}

/// The chats of a file, each with the number of its line.
fn chats(path: &Path, text: &str, limit: usize) -> Result<Vec<(usize, Conversation)>> {
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let chat = |(number, line): (usize, &str)| -> Result<(usize, Conversation)> {
        let wrong = || format!("{} is not a chat, expected `messages`", place(path, number));
        Ok((number, serde_json::from_str(line).with_context(wrong)?))
    };
    lines.take(limit).map(chat).collect()
}
