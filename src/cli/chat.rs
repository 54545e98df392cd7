//! `bdlm chat`: a conversation, line by line.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use bdlm::event::{Done, Event};
use bdlm::sample::{Chat, Engine, Request, Run, Watch};
use bdlm::text::{ChatTemplate, Message};
use clap::Args;

use crate::cli::device::DeviceArgs;
use crate::cli::files::read_text;
use crate::cli::model::ModelArgs;
use crate::cli::output::Output;
use crate::cli::print::note;
use crate::cli::process::{take_interrupt, utc_secs};
use crate::cli::request::RequestArgs;
use crate::cli::watch::Screen;

/// How turns become a prompt.
#[derive(Args)]
#[command(next_help_heading = "Chat")]
pub struct TemplateArgs {
    /// What the system says before the first turn [default: as the template has it]
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// Whether the answer may begin with a thought, for templates that ask [default: the template's]
    #[arg(long, value_name = "true|false")]
    thinking: Option<bool>,
    /// Chat template in Jinja, for models without one
    #[arg(long, value_name = "FILE")]
    chat_template: Option<PathBuf>,
}

/// Talk with a model.
///
/// A line is a message; a line that ends with `\` goes on in the next. Ctrl-C stops the answer, Ctrl-D
/// ends the chat. `/reset` forgets the turns, `/system TEXT` sets what the system says, `/save FILE`
/// writes the turns as JSON, `/help` lists these.
#[derive(Args)]
#[command(after_help = "Examples:
  bdlm chat --model JetLM/SDAR-1.7B-Chat
  bdlm chat --model Efficient-Large-Model/Fast_dLLM_v2_1.5B --watch
  echo \"Why is the sky blue?\" | bdlm chat --model my-chat-model")]
pub struct ChatCommand {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    template: TemplateArgs,
    /// Tokens that the whole conversation has room for [default: 4096, or the model's window]
    #[arg(long, value_name = "N")]
    context: Option<usize>,
    /// Show blocks being denoised, in colour by confidence
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    request: RequestArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

/// Room of a conversation, unless it is given.
const CONTEXT: usize = 4096;

const HELP: &str = "/reset  forget the turns\n/system TEXT  set what the system says; without a text, \
                    nothing\n/save FILE  write the turns as JSON\n/quit  end\nA line that ends with \\ \
                    goes on in the next. Ctrl-C stops an answer.";

impl TemplateArgs {
    /// A chat with a loaded model.
    pub fn chat(&self, engine: &Engine) -> Result<Chat> {
        let engine = match &self.chat_template {
            Some(path) => {
                engine.clone().with_template(Ok(Some(ChatTemplate::new(&read_text(path)?)?)))
            }
            None => engine.clone(),
        };
        let mut chat = Chat::new(&engine)?;
        if let Some(thinking) = self.thinking {
            chat.set_option("enable_thinking", thinking.into());
        }
        if let Some(system) = &self.system {
            chat.set_system(system);
        }
        Ok(chat)
    }
}

/// What a line asks for.
enum Line {
    Say(String),
    Reset,
    System(String),
    Save(PathBuf),
    Help,
    Quit,
}

impl ChatCommand {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        if self.watch && !io::stdout().is_terminal() {
            bail!("--watch needs a terminal on stdout");
        }
        self.request.check(&["chat"])?;
        let gpu = self.device.request()?;
        let engine = self.model.load(&gpu, self.device.weights, self.request.block_size)?;
        let mut chat = self.template.chat(&engine)?;
        let request = self.request(&engine)?;
        let asks = io::stdin().is_terminal();
        loop {
            if asks {
                write!(io::stdout(), "> ").and_then(|()| io::stdout().flush())?;
            }
            let Some(text) = read_message(asks)? else {
                // What comes after the program begins on a line of its own.
                return if asks { Ok(writeln!(io::stdout())?) } else { Ok(()) };
            };
            match parse(&text) {
                Ok(Line::Quit) => return Ok(()),
                Ok(line) => self.obey(&mut chat, line, &request)?,
                Err(words) => note(&words),
            }
        }
    }

    fn request(&self, engine: &Engine) -> Result<Request> {
        let spec = engine.network().spec();
        let room = self.context.unwrap_or(CONTEXT).min(spec.window);
        let watch = if self.watch { Watch::Steps { candidates: 0 } } else { Watch::Blocks };
        let request = self.request.of_answer(self.request.request(1, spec, &["chat"])?);
        Ok(Request { room, watch, ..request })
    }

    fn obey(&self, chat: &mut Chat, line: Line, request: &Request) -> Result<()> {
        match line {
            Line::Say(text) => {
                chat.push(Message::new("user", text));
                // A turn that cannot be answered is taken back: the chat goes on.
                if let Err(e) = self.answer(chat, request.clone()) {
                    chat.pop();
                    if !e.is::<bdlm::Error>() || !io::stdin().is_terminal() {
                        return Err(e);
                    }
                    crate::cli::complain(&e);
                }
            }
            Line::Reset => chat.reset(),
            Line::System(text) => chat.set_system(&text),
            Line::Save(path) => {
                let json = serde_json::json!({ "messages": chat.messages() });
                let text = serde_json::to_string_pretty(&json)? + "\n";
                let saved = Output::create(&path).and_then(|file| file.write(text.as_bytes()));
                if let Err(e) = saved {
                    crate::cli::complain(&e);
                }
            }
            Line::Help => note(HELP),
            Line::Quit => {}
        }
        Ok(())
    }

    fn answer(&self, chat: &mut Chat, request: Request) -> Result<()> {
        // Ctrl-C at the prompt asked for nothing.
        take_interrupt();
        let mut run = chat.answer(request, utc_secs())?;
        let mut out = io::stdout().lock();
        let mut screen = self.watch.then(|| Screen::new(1).without_prompt());
        let (text, done) = pull(&mut run, &mut |event, text| match &mut screen {
            Some(screen) => screen.show(&mut out, event),
            None => Ok(write!(out, "{text}").and_then(|()| out.flush())?),
        })?;
        let n_prompt = run.prompt_ids().len();
        match &mut screen {
            Some(screen) => screen.stop(&mut out)?,
            None => writeln!(out)?,
        }
        match done {
            Some(done) => note(&summary(&done, n_prompt)),
            None => note("(stopped)"),
        }
        chat.answered(run, &text);
        Ok(())
    }
}

/// Pulls a run until it is done or Ctrl-C stops it; returns the answer.
fn pull(
    run: &mut Run,
    show: &mut dyn FnMut(&Event, &str) -> Result<()>,
) -> Result<(String, Option<Done>)> {
    let mut answer = String::new();
    while let Some(event) = run.next()? {
        let text = match &event {
            Event::Block(block) => block.text.clone().unwrap_or_default(),
            _ => String::new(),
        };
        answer += &text;
        show(&event, &text)?;
        if let Event::Done(done) = event {
            return Ok((answer, Some(done)));
        }
        if take_interrupt() {
            break;
        }
    }
    Ok((answer, None))
}

fn summary(done: &Done, n_prompt: usize) -> String {
    let n_new = done.n_tokens.saturating_sub(n_prompt);
    let (rate, per_pass) =
        (n_new as f64 / done.secs.max(1e-9), n_new as f64 / done.passes.max(1) as f64);
    format!("({n_new} tokens, {:.1} s: {rate:.1} tokens/s, {per_pass:.2} tokens a pass)", done.secs)
}

/// A message: a line, with those behind it while it ends with a backslash. None at the end of stdin.
fn read_message(asks: bool) -> Result<Option<String>> {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        let bytes = io::stdin().lock().read_line(&mut line).context("stdin cannot be read")?;
        let line = line.trim_end_matches(['\n', '\r']);
        if bytes == 0 {
            return Ok((!text.is_empty()).then_some(text));
        }
        match line.strip_suffix('\\') {
            Some(begun) => {
                text += begun;
                text.push('\n');
                if asks {
                    write!(io::stdout(), ". ").and_then(|()| io::stdout().flush())?;
                }
            }
            None if text.is_empty() && line.trim().is_empty() => {
                if asks {
                    write!(io::stdout(), "> ").and_then(|()| io::stdout().flush())?;
                }
            }
            None => return Ok(Some(text + line)),
        }
    }
}

fn parse(text: &str) -> Result<Line, String> {
    let Some(command) = text.strip_prefix('/') else { return Ok(Line::Say(text.into())) };
    let (word, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    match (word, rest.trim()) {
        ("reset", _) => Ok(Line::Reset),
        ("system", text) => Ok(Line::System(text.into())),
        ("save", "") => Err("/save needs a file's name".into()),
        ("save", path) => Ok(Line::Save(path.into())),
        ("help", _) => Ok(Line::Help),
        ("quit" | "exit", _) => Ok(Line::Quit),
        (other, _) => Err(format!("there is no /{other}; /help lists what there is")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_begin_with_a_slash_are_commands() {
        assert!(matches!(parse("hello /reset"), Ok(Line::Say(text)) if text == "hello /reset"));
        assert!(
            matches!(parse("/system  be brief "), Ok(Line::System(text)) if text == "be brief")
        );
        assert!(matches!(parse("/system"), Ok(Line::System(text)) if text.is_empty()));
        assert!(matches!(parse("/reset"), Ok(Line::Reset)));
        assert!(parse("/save").is_err() && parse("/sing").is_err());
    }
}
