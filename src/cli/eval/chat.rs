//! `bdlm eval chat`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bdlm::eval::{
    FirstToken, Inputs, Likelihood, LikelihoodOptions, PplReport, Sequence, Settings, Turn, turns,
};
use bdlm::hub::Sha256;
use bdlm::sample::Engine;
use bdlm::text::Conversation;
use clap::Args;
use serde::Serialize;

use crate::cli::chat::TemplateArgs;
use crate::cli::device::DeviceArgs;
use crate::cli::eval::batches::Batches;
use crate::cli::eval::journal::{Journal, JournalArgs};
use crate::cli::eval::ppl::EstimateArgs;
use crate::cli::eval::present::ReportArgs;
use crate::cli::eval::work::{rounds_activations, weights};
use crate::cli::files::{read_text, shown};
use crate::cli::model::ModelArgs;
use crate::cli::print::note;
use crate::cli::process::{Interrupted, utc_secs};

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
        let (mut journal, results) = self.journal.open("eval chat", &head)?;
        let mut batches = Batches::new((likelihood, engine), results, Some(turns.len()));
        let is_whole = evaluate(&mut batches, turns, &mut journal)?;
        let results = batches.finish();
        if results.is_empty() {
            return Err(Interrupted.into());
        }
        Ok((PplReport::new(settings, &results)?, is_whole))
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

/// Evaluates the turns that are not done; false if Ctrl-C came before the last.
fn evaluate(batches: &mut Batches, turns: &[Turn], journal: &mut Journal) -> Result<bool> {
    let batch = batches.likelihood().batch();
    let turns = turns.iter().enumerate();
    let sequences: Vec<Sequence<'_>> = turns
        .map(|(index, Turn { ids, given, .. })| Sequence { index, ids, given: *given })
        .collect();
    for some in sequences.chunks(batch) {
        let is_done = batches.are_done(some.iter().map(|turn| turn.index));
        if !is_done && !batches.evaluate(some, |_| true, |results| journal.push_all(results))? {
            return Ok(false);
        }
    }
    Ok(true)
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
