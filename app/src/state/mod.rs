//! What the window shows, as plain data: no widget, no thread. Views read it and answer with actions;
//! only the app changes it.

mod action;
mod advice;
mod banner;
mod conversation;
mod edit;
mod files;
mod find;
mod history;
mod link;
mod models;
mod pane;
mod playback;
mod preferences;
mod search;
mod settings;
mod shown;
mod tour;
mod training;

pub use action::{Action, Edit, RunAction, Sheet, SteerBy};
pub use advice::{remedy_of_load, remedy_of_run};
pub use banner::{Banner, Remedy};
pub use conversation::{
    Answer, AnswerStage, ChatAction, ChatEdit, ChatFormat, ChatSettings, ChatSpeed, Conversation,
    Cost, KeptTalk, MAX_TALKS, Talk, Thought, Turn, View, template_name,
};
pub use files::{Dialog, Files, Format};
pub use find::{Find, FindAction, Marks};
pub use history::{History, Kept, MAX_RUNS};
pub use link::Link;
pub use models::Models;
pub use pane::{Origin, Pane, Stage, Undo};
pub use preferences::{ColorBy, Preferences, Scale, Speed, ThemeChoice};
pub use settings::SampleSettings;
pub use shown::State;
pub use tour::TourStep;
pub use training::{TrainAction, TrainForm, TrainStage, Training};
