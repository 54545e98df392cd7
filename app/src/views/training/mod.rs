//! Training: a bar with what can be done, the curves and samples of the run, and what is filled in.

mod bar;
mod curves;
mod fields;
mod form;
mod link;
mod page;

pub use bar::{TrainBar, train_bar_ui};
pub use form::{FormSheet, train_form_ui};
pub use link::train_link_ui;
pub use page::train_page_ui;
