//! What the user wants, as the views report it; the app does it after the frame.

use std::path::PathBuf;

use crate::recording::CellAt;
use crate::state::conversation::ChatAction;
use crate::state::files::{Dialog, Format};
use crate::state::find::FindAction;
use crate::state::preferences::{ColorBy, Scale, Speed, ThemeChoice};
use crate::state::settings::SampleSettings;
use crate::state::tour::TourStep;
use crate::state::training::TrainAction;

/// What is shown beside the text.
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
    /// The runs that were made.
    History,
    /// The tour, the keys, the marks.
    Help,
}

/// What to do with a cell.
#[derive(Clone, Debug, PartialEq)]
pub enum SteerBy {
    /// Open it with this token.
    Token(u32),
    /// Open it with the token of this text.
    Text(String),
    /// Mask it again.
    Mask,
}

/// Something to do with a run of the history.
#[derive(Clone, Debug, PartialEq)]
pub enum RunAction {
    /// Show it in the active pane.
    Show(u64),
    /// Show it beside the active pane.
    Compare(u64),
    /// Begin to rename it, or type its name.
    Type(u64, String),
    /// Rename it.
    Rename(u64, String),
    /// Pin it, or let go of it.
    Pin(u64, bool),
    /// Delete it.
    Delete(u64),
    /// Bring back the one that was deleted last.
    Undelete,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Begin with the prompt, in every pane.
    Generate,
    /// Begin anew with the prompt as it is now, and the finished blocks behind it.
    Restart,
    /// End the runs; what they wrote stays.
    Stop,
    /// Play, or pause.
    TogglePlay,
    /// Show the next moment.
    StepOn,
    /// Show the moment before.
    StepBack,
    /// Show the first moment.
    First,
    /// Show the newest moment.
    Last,
    /// Show a moment of a pane.
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
    /// Go on from a moment of a pane, in the other pane; perhaps with another token in a cell.
    BranchAt(usize, usize, Option<(usize, u32)>),
    /// Take back what was steered last in a pane.
    Undo(usize),
    /// Begin with the prompt in this pane alone.
    GenerateSide(usize),
    /// Do something with a run of the history.
    Run(RunAction),
    /// Show a step of the tour, or end it.
    Tour(Option<TourStep>),
    /// Two runs side by side, or one.
    Compare(bool),
    /// Whether both panes go step by step together.
    InStep(bool),
    /// Show a sheet; the inspector if the sheet is there already.
    Sheet(Sheet),
    /// Find the model that is named in the sheet.
    FindModel,
    /// Load the model that is named in the sheet.
    LoadModel,
    /// Delete what the browser keeps of a model.
    ForgetModel(String),
    /// Copy an address that writes the same text.
    CopyLink,
    /// Cancel a download or a load.
    CancelLoad,
    /// Write a file.
    Export(Format, PathBuf),
    /// Ask for a file or a folder with a dialog of the system.
    Ask(Dialog),
    /// Cancel writing.
    CancelExport,
    /// Put the text into the clipboard.
    CopyText,
    /// Show a recorded run.
    Open(PathBuf),
    /// Do what the banner's button says.
    Remedy,
    /// Take the banner away.
    Dismiss,
    /// Look for words in the text.
    Find(FindAction),
    /// Do something with the conversation.
    Chat(ChatAction),
    /// Do something about training.
    Train(TrainAction),
    /// Change what was typed or chosen.
    Edit(Edit),
}

/// A change of what was typed or chosen; nothing else happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// The prompt.
    Prompt(String),
    /// How a side samples.
    Sampling(usize, SampleSettings),
    /// How fast steps follow each other.
    Speed(Speed),
    /// Light or dark.
    Theme(ThemeChoice),
    /// What the colours of cells mean.
    ColorBy(ColorBy),
    /// How numbers become colours.
    Scale(Scale),
    /// Whether finished blocks keep their colours.
    KeepColors(bool),
    /// Nothing glows or slides.
    ReduceMotion(bool),
    /// The name of a model to load.
    ModelName(String),
    /// The adapter to load it on.
    Adapter(Option<String>),
    /// The token to pin.
    Pin(String),
    /// Where files are written, without their ending.
    WritePath(String),
    /// The file to open.
    OpenPath(String),
    /// Pixels per point of pictures.
    Pixels(u8),
}

impl Action {
    /// The pane that it is about. An earlier action of the same frame may have closed that pane.
    pub fn pane(&self) -> Option<usize> {
        match self {
            Action::Show(pane, _)
            | Action::Activate(pane)
            | Action::Hover(pane, _)
            | Action::Select(pane, _)
            | Action::Steer(pane, ..)
            | Action::Branch(pane, _)
            | Action::BranchAt(pane, ..)
            | Action::Undo(pane)
            | Action::GenerateSide(pane) => Some(*pane),
            _ => None,
        }
    }
}
