//! The conversation: a bar above it, its turns, the message that is typed, and a sheet beside it.

mod answer;
mod bar;
mod marked;
mod message;
mod page;
mod sheet;
mod template;

pub use bar::{ChatBar, chat_bar_ui};
pub use message::message_ui;
pub use page::{ChatPage, chat_page_ui};
pub use sheet::{ChatSheet, chat_sheet_ui};
