//! What the user wants, as the widgets say it; the app carries it out after the frame.

use std::path::PathBuf;

use crate::export::Format;
use crate::recording::CellAt;
use crate::worker::SteerBy;

/// What is beside the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sheet {
    /// The cell that is inspected, and plots.
    #[default]
    Inspector,
    /// How to sample, and how it looks.
    Settings,
    /// Which model, on which adapter.
    Model,
    /// Files to write and to open.
    Files,
}

/// A wish.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Begin with the prompt, in every pane.
    Generate,
    /// Go on with what was written so far, behind the prompt as it is now.
    Resume,
    /// Give up the runs, keep what is there.
    Stop,
    /// Play, or pause.
    TogglePlay,
    /// One moment on.
    StepOn,
    /// One moment back.
    StepBack,
    /// To the first moment.
    First,
    /// To the newest moment.
    Last,
    /// To a moment of a pane.
    Show(usize, usize),
    /// Timeline and inspector are about this pane.
    Activate(usize),
    /// The mouse points at a cell of a pane, or at none.
    Hover(usize, Option<CellAt>),
    /// Inspect a cell of a pane.
    Select(usize, Option<CellAt>),
    /// Steer a cell of a pane.
    Steer(usize, usize, SteerBy),
    /// Go on from the end of a block with another seed, in the other pane.
    Branch(usize, usize),
    /// Two runs side by side, or one.
    Compare(bool),
    /// Whether both go step by step together.
    InStep(bool),
    /// Show a sheet; the inspector if it is there already.
    Sheet(Sheet),
    /// Find the model that is named in the sheet.
    FindModel,
    /// Load the model that is named in the sheet.
    LoadModel,
    /// Give up a download or a load.
    CancelLoad,
    /// Write a file.
    Export(Format, PathBuf),
    /// Give up writing.
    CancelExport,
    /// Put the text into the clipboard.
    CopyText,
    /// Show a recorded run.
    Open(PathBuf),
    /// Do what the banner proposes.
    Remedy,
    /// Take the banner away.
    Dismiss,
}

impl Action {
    /// The pane that it is about; one that the same frame has closed is not there any more.
    pub fn pane(&self) -> Option<usize> {
        match self {
            Action::Show(pane, _)
            | Action::Activate(pane)
            | Action::Hover(pane, _)
            | Action::Select(pane, _)
            | Action::Steer(pane, ..)
            | Action::Branch(pane, _) => Some(*pane),
            _ => None,
        }
    }
}
