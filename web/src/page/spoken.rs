//! What the canvas shows, as text in the page: for screen readers, and for programs that look at a page.

use bdlm_app::recording::text;
use bdlm_app::state::{State, View};
use web_sys::HtmlElement;

/// Two elements of the page: one says how things stand, the other holds the text.
pub struct Spoken {
    status: HtmlElement,
    text: HtmlElement,
    said: [String; 2],
    facts: [(&'static str, String); 4],
}

impl Spoken {
    /// Speaks through these elements.
    pub fn new(status: HtmlElement, text: HtmlElement) -> Spoken {
        let facts = ["state", "moment", "moments", "model"].map(|name| (name, String::new()));
        Spoken { status, text, said: Default::default(), facts }
    }

    /// Says that the canvas stands still.
    pub fn say_lost(&self) {
        let _ = self.status.dataset().set("painter", "lost");
    }

    /// Says what is shown, where that is new.
    pub fn say(&mut self, state: &State) {
        let pane = state.pane();
        let (stage, words) = match (&state.banner, &state.models.busy) {
            (Some(banner), _) => ("banner", format!("{} {}", banner.sentence, banner.cause)),
            (None, Some(busy)) => ("loading", busy.what.clone()),
            (None, None) if state.models.loaded.is_none() => ("empty", "No model".into()),
            (None, None) if pane.recording.events().is_empty() => ("ready", "Ready".into()),
            (None, None) if state.playing => ("playing", "Writing".into()),
            (None, None) => ("paused", "Paused, or at the end".into()),
        };
        let shown = match state.view {
            View::Conversation => {
                let turns = state.conversation.messages(&state.prefs.chat.system);
                turns
                    .iter()
                    .map(|turn| format!("{}: {}\n", turn.role, said(&turn.content)))
                    .collect()
            }
            View::Text | View::Training => text(&pane.recording, pane.position),
        };
        for ((element, said), now) in
            [&self.status, &self.text].into_iter().zip(&mut self.said).zip([words, shown])
        {
            if *said != now {
                element.set_text_content(Some(&now));
                *said = now;
            }
        }
        let model = state.models.loaded.as_ref().map(|model| model.name.clone());
        let now = [
            stage.to_string(),
            pane.position.to_string(),
            pane.recording.moments().len().to_string(),
            model.unwrap_or_default(),
        ];
        for ((name, before), now) in self.facts.iter_mut().zip(now) {
            if *before != now && self.status.dataset().set(name, &now).is_ok() {
                *before = now;
            }
        }
    }
}

/// What a turn says; templates also know turns of parts.
fn said(content: &serde_json::Value) -> String {
    content.as_str().map_or_else(|| content.to_string(), String::from)
}
