//! Looking for words in what the window shows.

use crate::state::conversation::{Turn, View};
use crate::state::find::{Find, FindAction, Marks};
use crate::state::shown::State;

impl State {
    /// Matches in each text of the view, in order; none where nothing is looked for.
    pub fn marks(&self) -> Vec<Marks> {
        match &self.find {
            Some(find) if !find.words.is_empty() => find.marks(&self.searched()),
            _ => Vec::new(),
        }
    }

    /// The text of the active run, or what was said and answered.
    fn searched(&self) -> Vec<String> {
        match self.view {
            View::Text => {
                let pane = self.pane();
                vec![pane.recording.written(pane.position)]
            }
            View::Conversation => {
                let texts = |turn: &Turn| [turn.said.clone(), turn.answer.finished()];
                self.conversation.turns.iter().flat_map(texts).collect()
            }
            View::Training => Vec::new(),
        }
    }

    /// Does something with the field.
    pub fn look(&mut self, action: FindAction, now: f64) {
        let marks = self.marks();
        let count: usize = marks.iter().map(|marks| marks.found.len()).sum();
        let Some(find) = &mut self.find else {
            if action == FindAction::Open {
                self.find = Some(Find::default());
            }
            return;
        };
        let shown = find.current.min(count.saturating_sub(1));
        find.chosen_at = now;
        match action {
            FindAction::Open => {}
            FindAction::Type(words) => (find.words, find.current) = (words, 0),
            FindAction::Next => find.current = (shown + 1) % count.max(1),
            FindAction::Previous => find.current = (shown + count.max(1) - 1) % count.max(1),
            FindAction::Close => self.find = None,
        }
    }
}
