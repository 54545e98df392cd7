//! Which key or column holds the text.

use crate::eval::data::preset::Preset;
use crate::{Advice, Fault};

/// The keys or columns that a text can be under; the first that is there is taken.
#[derive(Clone, Debug)]
pub struct Keys {
    names: Vec<String>,
}

impl Keys {
    /// The one that was asked for, or the data set's, or `text`.
    pub fn new(preset: Option<Preset>, asked: Option<&str>) -> Keys {
        let known = preset.map_or(&["text"][..], Preset::keys);
        let names = match asked {
            Some(name) => vec![name.to_string()],
            None => known.iter().map(ToString::to_string).collect(),
        };
        Keys { names }
    }

    /// In order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// For a message: what is there, in words, instead of them.
    pub fn missing(&self, what: &str, found: &[&str]) -> Fault {
        let wanted: Vec<&str> = self.names().collect();
        let (found, wanted) = (listed(found), listed(&wanted));
        Fault::from(format!("has the {what} {found}, expected {wanted}"))
            .advise(Advice::NameTextKey)
    }
}

/// Most names in a message.
const MOST_LISTED: usize = 20;

/// Names for a message: `a`, `b`.
pub fn listed(names: &[&str]) -> String {
    let mut words: Vec<String> =
        names.iter().take(MOST_LISTED).map(|name| format!("`{name}`")).collect();
    if names.len() > MOST_LISTED {
        words.push(format!("and {} more", names.len() - MOST_LISTED));
    }
    if words.is_empty() { "none".into() } else { words.join(", ") }
}
