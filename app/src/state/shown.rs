//! All that the window shows.

use crate::engine::{Loaded, Source};
use crate::recording::CellAt;
use crate::state::action::Sheet;
use crate::state::banner::Banner;
use crate::state::conversation::{Conversation, View};
use crate::state::files::Files;
use crate::state::find::Find;
use crate::state::history::History;
use crate::state::models::Models;
use crate::state::pane::{Pane, Stage};
use crate::state::preferences::Preferences;
use crate::state::tour::TourStep;
use crate::state::training::Training;

/// What is shown.
pub struct State {
    /// What is kept from one start to the next.
    pub prefs: Preferences,
    /// One run, or two side by side.
    pub panes: Vec<Pane>,
    /// The pane that timeline and inspector are about.
    pub active: usize,
    /// Steps follow each other.
    pub playing: bool,
    /// Both panes go step by step together.
    pub in_step: bool,
    /// When the next step is due, in the window's seconds.
    pub(crate) due: f64,
    /// Models and adapters.
    pub models: Models,
    /// What went wrong.
    pub banner: Option<Banner>,
    /// What is beside the text.
    pub sheet: Sheet,
    /// Files.
    pub files: Files,
    /// The runs that were made.
    pub history: History,
    /// The step of the tour that is shown.
    pub tour: Option<TourStep>,
    /// What is looked for in the text; none while the field is not there.
    pub find: Option<Find>,
    /// A token to pin, as it is typed.
    pub pin: String,
    /// The text, or the conversation.
    pub view: View,
    /// The conversation.
    pub conversation: Conversation,
    /// The run of training.
    pub training: Training,
}

impl State {
    /// What is shown at the start of the app.
    pub fn new(prefs: Preferences) -> State {
        let (name, adapter) = (prefs.model.clone(), prefs.adapter.clone());
        let source = Source { name, adapter, ..Source::default() };
        State {
            prefs,
            panes: vec![Pane::default()],
            active: 0,
            playing: false,
            in_step: true,
            due: 0.0,
            models: Models { source, ..Models::default() },
            banner: None,
            sheet: Sheet::Inspector,
            files: Files::default(),
            history: History::default(),
            tour: None,
            find: None,
            pin: String::new(),
            view: View::Text,
            conversation: Conversation::default(),
            training: Training::default(),
        }
    }

    /// Shows what the loaded model is for: a conversation if it has a template.
    pub fn offer_view(&mut self) {
        let chats = self.models.loaded.as_ref().is_some_and(|model| model.chat.is_some());
        self.conversation.template = None;
        self.view = match self.view {
            View::Training => View::Training,
            _ if chats => View::Conversation,
            _ => View::Text,
        };
    }

    /// The pane that timeline and inspector are about.
    pub fn pane(&self) -> &Pane {
        &self.panes[self.active.min(self.panes.len() - 1)]
    }

    /// True if a run can begin.
    pub fn can_generate(&self) -> bool {
        self.models.is_ready() && !self.is_live()
    }

    /// True while a run can go on.
    pub fn is_live(&self) -> bool {
        self.panes.iter().any(|pane| pane.stage == Stage::Live)
    }

    /// True if a run is paused, and the prompt has changed since it began.
    pub fn can_restart(&self) -> bool {
        !self.playing && self.panes.iter().any(|pane| self.can_restart_pane(pane))
    }

    /// True if this pane's run can begin anew with another prompt.
    pub fn can_restart_pane(&self, pane: &Pane) -> bool {
        pane.stage == Stage::Live && !pane.is_awaited() && pane.origin.prompt != self.prefs.prompt
    }

    /// True if a run can branch off a pane's: its tokens mean the same to the loaded model.
    pub fn can_branch(&self, pane: &Pane) -> bool {
        let is_same =
            |model: &Loaded| [model.name.as_str(), ""].contains(&pane.origin.model.as_str());
        self.models.busy.is_none() && self.models.loaded.as_deref().is_some_and(is_same)
    }

    /// Keeps a cell selected, or lets go of it if it was.
    pub fn select(&mut self, pane: usize, cell: Option<CellAt>) {
        self.active = pane;
        let again = self.panes[pane].selected == cell;
        self.panes[pane].selected = if again { None } else { cell };
        (self.sheet, self.pin) = (Sheet::Inspector, String::new());
    }
}
