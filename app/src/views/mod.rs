//! What draws the window. Each view takes a small read-only view of the state, and pushes what the
//! user wants as actions.

mod back;
mod banner;
mod block;
mod candidates;
mod conversation;
mod empty;
mod files;
mod find;
mod flow;
mod help;
mod history;
mod inspector;
mod keys;
pub(crate) mod legend;
mod model;
mod numbers;
mod page;
mod pane;
mod plots;
mod prompt;
mod randomness;
mod sampler;
mod settings;
mod slider;
mod slots;
mod steer;
mod strip;
pub mod theme;
mod timeline;
mod tour;
mod training;
mod why;

pub use block::{BlockView, ViewResponse};

pub(crate) use back::back_ui;
pub(crate) use banner::banner_ui;
pub(crate) use conversation::{
    ChatBar, ChatPage, ChatSheet, chat_bar_ui, chat_page_ui, chat_sheet_ui, message_ui,
};
pub(crate) use files::{FilesSheet, files_ui};
pub(crate) use find::{FindBar, find_keys, find_ui};
pub(crate) use help::help_ui;
pub(crate) use history::{Runs, history_ui};
pub(crate) use inspector::{Inspector, inspector_ui};
pub(crate) use keys::{Keys, keys};
pub(crate) use model::{about_ui, kept_models_ui, model_ui};
pub(crate) use page::{Page, page_ui};
pub(crate) use prompt::{PromptBar, prompt_ui};
pub(crate) use settings::{Settings, settings_ui, window_ui};
pub(crate) use timeline::{Timeline, timeline_ui};
pub(crate) use tour::tour_ui;
pub(crate) use training::{
    FormSheet, TrainBar, train_bar_ui, train_form_ui, train_link_ui, train_page_ui,
};
