//! `bdlm train`.

mod prepare;
mod settings;
mod show;

use std::path::PathBuf;

use anyhow::Result;
use bdlm::train::{Log, TrainEvent};
use clap::Args;

use crate::cli::device::AdapterArgs;
use crate::cli::print::note;
use crate::cli::process::{Interrupted, check_interrupt};
use crate::cli::train::settings::Settings;
use crate::cli::train::show::{Form, Show};

/// Train a model, or go on with one.
///
/// The model is in the folder --out, in the published format, with a table of the steps, one of the
/// validations and a picture of both. A run that was interrupted goes on with --resume, on the same
/// adapter with the same losses to the last bit, unless --minutes decide.
#[derive(Args)]
#[command(after_help = "Examples:
  bdlm train --data stories.txt --valid held-out.txt --out mine --epochs 4
  bdlm train --config train.toml --data stories.txt --out mine --minutes 30 --decay linear
  bdlm train --from tales --data letters.txt --out letters --steps 500 --lr 1e-4
  bdlm train --data stories.txt --out mine --epochs 4 --resume")]
pub struct Train {
    /// TOML file of settings: each flag below without its dashes is a key; paths are from its folder
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print every event as a JSON line
    #[arg(long)]
    events: bool,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    device: AdapterArgs,
}

impl Train {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        let settings = match &self.config {
            Some(file) => self.settings.over(file)?,
            None => self.settings,
        };
        let gpu = self.device.request()?;
        let mut run = prepare::run(&settings, &gpu)?;
        let folder = settings.out.unwrap_or_default();
        let mut log = Log::open(&folder, run.trainer().progress().step)?;
        let mut show = Show::new(if self.events { Form::Json } else { Form::Text });
        while let Some(event) = run.next()? {
            show.show(&event)?;
            log.push(&event)?;
            if matches!(event, TrainEvent::Step(_)) && check_interrupt().is_err() {
                for event in run.stop()? {
                    show.show(&event)?;
                    log.push(&event)?;
                }
                drop(show);
                note("interrupted: the run is saved; --resume goes on with it");
                return Err(Interrupted.into());
            }
        }
        Ok(())
    }
}
