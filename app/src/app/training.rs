//! Training: the thread that does it, and what it reports.

use std::path::Path;

use bdlm::{Advice, Error};
use egui::Context;

use crate::app::base::App;
use crate::engine::{TrainNotice, TrainThread};
use crate::state::{Banner, Remedy, State, TrainAction, TrainForm, TrainStage, Training, View};

impl App {
    /// Does what the user wants of training.
    pub(super) fn train(&mut self, ctx: &Context, action: TrainAction) {
        let stage = &mut self.state.training.stage;
        match action {
            TrainAction::Show => self.state.view = View::Training,
            TrainAction::Begin { resumes } => self.begin_training(ctx, resumes),
            TrainAction::Pause if *stage == TrainStage::Running => {
                *stage = TrainStage::Pausing;
                self.training.iter().for_each(TrainThread::pause);
            }
            TrainAction::GoOn if [TrainStage::Paused, TrainStage::Pausing].contains(stage) => {
                *stage = TrainStage::Running;
                self.training.iter().for_each(TrainThread::go_on);
            }
            TrainAction::Stop if self.state.training.is_live() => {
                self.state.training.stage = TrainStage::Stopping;
                self.training.iter().for_each(TrainThread::stop);
            }
            TrainAction::OpenModel if self.state.training.has_model() => {
                let name = self.state.training.out.display().to_string();
                self.state.models.source.name = name;
                self.state.view = View::Text;
                self.load();
            }
            TrainAction::Edit(form) => self.state.prefs.train = *form,
            TrainAction::Pause | TrainAction::GoOn | TrainAction::Stop | TrainAction::OpenModel => {
            }
        }
    }

    /// Begins a run with what is filled in.
    pub(super) fn begin_training(&mut self, ctx: &Context, resumes: bool) {
        let State { prefs, models, training, .. } = &mut self.state;
        let model = models.loaded.as_ref().map(|_| models.loaded_from.name.clone());
        if training.is_live() || prefs.train.wants(model.as_deref()).is_some() {
            return;
        }
        let mut order = prefs.train.order(model, resumes);
        order.adapter.clone_from(&prefs.adapter);
        let (begun, wake) = (std::mem::take(training), ctx.clone());
        *training = begun.begun(order.out.clone(), resumes);
        self.state.banner = None;
        let spawned =
            TrainThread::spawn(order, self.trainer.clone(), move || wake.request_repaint());
        match spawned {
            Ok(thread) => self.training = Some(thread),
            Err(e) => {
                self.state.training.stage = TrainStage::Failed;
                let banner = Banner::of("Training cannot begin.", e.to_string());
                self.state.banner = Some(banner);
            }
        }
    }

    /// Takes what the thread reports.
    pub(super) fn take_training(&mut self) {
        while let Some(thread) = &self.training {
            match thread.try_recv() {
                Some(notice) => self.take_train_notice(notice),
                None if thread.has_ended() => {
                    // A notice may have come between the two questions.
                    while let Some(last) = self.training.as_ref().and_then(TrainThread::try_recv) {
                        self.take_train_notice(last);
                    }
                    self.training = None;
                    if self.state.training.is_live() {
                        self.state.training.stage = TrainStage::Failed;
                        let cause = "Its thread has ended; what was saved stays.";
                        self.state.banner = Some(Banner::of("Training has failed.", cause));
                    }
                }
                None => break,
            }
        }
    }

    fn take_train_notice(&mut self, notice: TrainNotice) {
        let training = &mut self.state.training;
        match notice {
            TrainNotice::Preparing(words) => {
                if matches!(training.stage, TrainStage::Preparing(_)) {
                    training.stage = TrainStage::Preparing(words);
                }
            }
            TrainNotice::Event(event) => training.push(*event),
            TrainNotice::Paused if training.stage == TrainStage::Pausing => {
                training.stage = TrainStage::Paused;
            }
            TrainNotice::Paused | TrainNotice::GoesOn => {}
            TrainNotice::Stopped => training.stage = TrainStage::Stopped,
            TrainNotice::Finished => training.stage = TrainStage::Finished,
            TrainNotice::Failed(error) => self.fail_training(&error),
        }
    }

    fn fail_training(&mut self, error: &Error) {
        let Training { stage, start, saved, .. } = &mut self.state.training;
        *stage = TrainStage::Failed;
        let sentence = match (start.is_some(), *saved) {
            (false, _) => "Training cannot begin.".to_string(),
            (true, None) => "Training has failed before its first save.".to_string(),
            (true, Some(step)) => format!("Training has failed; step {step} is saved."),
        };
        let remedy = match error.advice() {
            Some(Advice::ResumeOrOtherFolder) => {
                Some(("Resume that run".to_string(), Remedy::ResumeTraining))
            }
            Some(Advice::ChooseAdapter | Advice::InstallDriver | Advice::ChooseKernels) => {
                Some(("Choose an adapter".to_string(), Remedy::ShowModel))
            }
            _ => None,
        };
        self.state.banner = Some(Banner { sentence, cause: error.to_string(), remedy });
    }

    /// A file that was dropped on the window while training is shown: the texts to train on, then those
    /// to evaluate on.
    pub(super) fn drop_on_training(&mut self, path: &Path) {
        let TrainForm { data, valid, .. } = &mut self.state.prefs.train;
        let field = if data.trim().is_empty() { data } else { valid };
        *field = path.display().to_string();
    }
}
