//! The block view: finished blocks as a page of a book, the current one as cells that open. A widget
//! for any egui program; it takes a recording and knows no engine.

mod cell;
mod finished;
mod found;
mod kind;
mod pieces;
mod show;
mod view;
mod words;

pub(crate) use cell::{hatch, pin};
pub use show::ViewResponse;
pub use view::BlockView;
pub(crate) use words::{quoted, whole};
