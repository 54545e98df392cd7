//! `bdlm generate`.

use std::io::{self, IsTerminal, Read, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use bdlm::event::{Done, Event};
use bdlm::gpu::KernelTime;
use bdlm::model::Spec;
use bdlm::sample::{CachePolicy, Prompt, Request, Run, Watch};
use bdlm::text::{Message, decode};
use clap::{Args, ValueEnum};

use crate::cli::chat::TemplateArgs;
use crate::cli::device::DeviceArgs;
use crate::cli::model::ModelArgs;
use crate::cli::noise::NoiseArgs;
use crate::cli::output::Output;
use crate::cli::present::{TextPrinter, kernel_table};
use crate::cli::print::note;
use crate::cli::process::{check_interrupt, utc_secs};
use crate::cli::request::RequestArgs;
use crate::cli::watch::Screen;

/// Write text, block by block.
#[derive(Args)]
#[command(after_help = "Examples:
  bdlm generate \"Once upon a time\"
  bdlm generate --watch --length 200 --top-p 0.9 \"Once upon a time\"
  bdlm generate --samples 8 --batch 4 --seed 7 --format jsonl --output samples.jsonl
  bdlm generate --model kuleshov-group/bd3lm-owt-block_size16 --length 1024 --top-p 0.9
  bdlm generate --model my-checkpoint --tokenizer tokenizer.json \"Dear reader\"
  bdlm generate --length 2000 - < beginning.txt
  bdlm generate --model JetLM/SDAR-1.7B-Chat --chat \"Why is the sky blue?\"")]
pub struct Generate {
    /// Beginning of the text; `-` reads it from stdin, up to a final newline [default: none]
    prompt: Option<String>,
    /// Answer this message, by the model's chat template
    #[arg(long, value_name = "TEXT", conflicts_with = "prompt")]
    chat: Option<String>,
    #[command(flatten)]
    template: TemplateArgs,
    /// All tokens before the text, as they are: no BOS is put before them
    #[arg(long, value_name = "IDS", value_delimiter = ',', conflicts_with_all = ["prompt", "chat"])]
    prompt_ids: Option<Vec<u32>>,
    #[command(flatten)]
    model: ModelArgs,
    /// Samples to generate
    #[arg(long, value_name = "N", default_value_t = 1)]
    samples: usize,
    /// End a text before this string; may be given more than once
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
    /// Recompute the whole sequence in every pass: slow, with the same result
    #[arg(long)]
    no_cache: bool,
    #[command(flatten)]
    request: RequestArgs,
    #[command(flatten)]
    noise: NoiseArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Args)]
#[command(next_help_heading = "Output")]
struct OutputArgs {
    /// Show the block being revealed, in colour by confidence
    #[arg(long, conflicts_with_all = ["format", "events", "profile"])]
    watch: bool,
    /// What to print for each sample
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Print every event as a JSON line
    #[arg(long, conflicts_with = "format")]
    events: bool,
    /// Likeliest tokens that events list for each masked cell
    #[arg(long, value_name = "K", default_value_t = 0, requires = "events")]
    candidates: usize,
    /// Write to a file instead of stdout, in UTF-8
    #[arg(long, value_name = "FILE", conflicts_with = "watch")]
    output: Option<PathBuf>,
    /// Print the time of each kernel on stderr at the end
    #[arg(long)]
    profile: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    /// The text
    Text,
    /// One JSON object per sample
    Jsonl,
}

impl OutputArgs {
    /// Which events are wanted.
    fn events(&self) -> Watch {
        match self {
            OutputArgs { watch: true, .. } => Watch::Steps { candidates: 0 },
            OutputArgs { events: true, candidates, .. } => Watch::Steps { candidates: *candidates },
            _ => Watch::Blocks,
        }
    }
}

impl Generate {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        if self.output.watch && !io::stdout().is_terminal() {
            bail!("--watch needs a terminal on stdout; try --events");
        }
        self.request.check(&["generate"])?;
        let output = self.output.output.as_deref().map(Output::create).transpose()?;
        let mut runs = self.runs()?;
        if self.output.profile {
            runs.iter_mut().try_for_each(Run::profile)?;
        }
        let outcome = match output {
            Some(mut output) => {
                let outcome = self.print_all(&mut runs, &mut output).map_err(|e| output.named(e));
                // What was written before an error is kept too.
                let finished = output.finish();
                outcome.and(finished)
            }
            None => self.print_all(&mut runs, &mut io::stdout().lock()),
        };
        for run in runs.iter_mut().filter(|_| self.output.profile) {
            let times: Vec<KernelTime> = run.kernel_times()?;
            note(&kernel_table(&times));
        }
        outcome
    }

    /// What is generated: one run, or as many as there are samples whose noise is given.
    fn runs(&self) -> Result<Vec<Run>> {
        let (prompt, given) = (self.prompt()?, self.noise.open()?);
        let gpu = self.device.request()?;
        if let Some(case) = given {
            let engine = self.model.load_network(&gpu, self.device.weights.or_exact(), None)?;
            return case.runs(&engine, self.output.events());
        }
        let engine = self.model.load(&gpu, self.device.weights, self.request.block_size)?;
        let request = self.request(prompt, engine.network().spec())?;
        let run = match &self.chat {
            Some(text) => {
                let mut chat = self.template.chat(&engine)?;
                chat.push(Message::new("user", text));
                let prompt = chat.prompt_tokens(utc_secs())?;
                engine.run(Request { prompt, ..self.request.of_answer(request) })?
            }
            None => engine.run(request)?,
        };
        Ok(vec![run])
    }

    fn print_all(&self, runs: &mut [Run], out: &mut impl Write) -> Result<()> {
        runs.iter_mut().try_for_each(|run| self.print(run, out))
    }

    fn prompt(&self) -> Result<Prompt> {
        if let Some(ids) = &self.prompt_ids {
            return Ok(Prompt::Exact(ids.clone()));
        }
        let Some("-") = self.prompt.as_deref() else {
            return Ok(Prompt::Text(self.prompt.clone().unwrap_or_default()));
        };
        let mut bytes = Vec::new();
        let read = io::stdin().lock().read_to_end(&mut bytes);
        read.context("the prompt on stdin cannot be read")?;
        let text = decode(&bytes).map_err(|e| anyhow!("the prompt on stdin is {e}"))?;
        let text = text.replace("\r\n", "\n");
        Ok(Prompt::Text(text.strip_suffix('\n').unwrap_or(&text).into()))
    }

    fn request(&self, prompt: Prompt, spec: &Spec) -> Result<Request> {
        Ok(Request {
            prompt,
            stop: self.stop.clone(),
            cache: if self.no_cache { CachePolicy::Recompute } else { CachePolicy::Fused },
            watch: self.output.events(),
            ..self.request.request(self.samples, spec, &["generate"])?
        })
    }

    fn print(&self, run: &mut Run, out: &mut impl Write) -> Result<()> {
        if self.output.watch {
            let mut screen = Screen::new(self.samples);
            let outcome = pull(run, |event| screen.show(out, event));
            let stopped = screen.stop(out);
            return outcome.and(stopped);
        }
        if self.output.events {
            return pull(run, |event| json_line(out, event));
        }
        if self.output.format == Format::Jsonl {
            return pull(run, |event| match event {
                Event::Done(done) => json_line(out, done),
                _ => Ok(()),
            });
        }
        let is_shown = self.output.output.is_none() && io::stdout().is_terminal();
        let live = self.request.batch == 1 && is_shown;
        let mut printer = TextPrinter::new(self.samples, self.request.length, live);
        if self.chat.is_some() && self.samples == 1 {
            return pull(run, |event| answer(out, event));
        }
        let outcome = pull(run, |event| printer.show(out, event));
        let rest = printer.rest(out);
        outcome.and(rest)
    }
}

/// Prints what is new of an answer.
fn answer(out: &mut impl Write, event: &Event) -> Result<()> {
    match event {
        Event::Block(block) => write!(out, "{}", block.text.as_deref().unwrap_or_default())?,
        Event::Done(_) => writeln!(out)?,
        _ => {}
    }
    Ok(out.flush()?)
}

/// Pulls every event of a run; stops between two of them after Ctrl-C.
fn pull(run: &mut Run, mut show: impl FnMut(&Event) -> Result<()>) -> Result<()> {
    while let Some(event) = run.next()? {
        show(&event)?;
        if !matches!(&event, Event::Done(Done { .. })) {
            check_interrupt()?;
        }
    }
    Ok(())
}

fn json_line(out: &mut impl Write, value: &impl serde::Serialize) -> Result<()> {
    serde_json::to_writer(&mut *out, value).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(out.flush()?)
}
