//! An address that carries a text: model, prompt, and how to sample.

use form_urlencoded::{Serializer, parse};
use serde_json::Value;

use crate::state::pane::Origin;
use crate::state::preferences::{Preferences, ThemeChoice};
use crate::state::settings::SampleSettings;

/// What is behind the `?` of a page's address.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Link {
    model: Option<String>,
    prompt: Option<String>,
    /// Settings by their names in the preferences: each is taken if it has the right type.
    settings: Vec<(&'static str, Value)>,
    theme: Option<ThemeChoice>,
    /// Another hub than huggingface.co.
    pub hub: Option<String>,
}

/// Settings that a link carries.
const SETTINGS: [&str; 11] = [
    "seed",
    "sampler",
    "length",
    "block_size",
    "per_pass",
    "steps",
    "threshold",
    "entropy_bound",
    "temperature",
    "top_k",
    "top_p",
];

impl Link {
    /// Reads what is behind the `?` of an address; what is not known is left out.
    pub fn read(query: &str) -> Link {
        let mut link = Link::default();
        for (key, value) in parse(query.trim_start_matches('?').as_bytes()) {
            let value = value.into_owned();
            match &*key {
                "model" => link.model = Some(value),
                "prompt" => link.prompt = Some(value),
                "hub" => link.hub = Some(value),
                "theme" if value == "light" => link.theme = Some(ThemeChoice::Light),
                "theme" if value == "dark" => link.theme = Some(ThemeChoice::Dark),
                key => {
                    let known = SETTINGS.into_iter().find(|name| *name == key);
                    let number = value.parse::<serde_json::Number>().map(Value::from);
                    let value = number.unwrap_or_else(|_| Value::from(value.replace('-', "_")));
                    link.settings.extend(known.map(|name| (name, value)));
                }
            }
        }
        link
    }

    /// The query that writes a run's text again, with its `?`, where the models of a hub are.
    pub fn query(origin: &Origin, hub: Option<&str>) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair("prompt", &(origin.prompt.clone() + &origin.carried));
        query.append_pair("model", &origin.model);
        query.extend_pairs(hub.map(|hub| ("hub", hub)));
        let settings = fields(&origin.settings);
        for name in SETTINGS {
            let value = &settings[name];
            if !value.is_null() {
                // Names as on the command line.
                let text =
                    value.as_str().map_or_else(|| value.to_string(), |s| s.replace('_', "-"));
                query.append_pair(name, &text);
            }
        }
        format!("?{}", query.finish())
    }

    /// Whether a text is asked for, which begins by itself.
    pub fn begins(&self) -> bool {
        self.prompt.is_some()
    }

    /// True if nothing is asked for.
    pub fn is_plain(&self) -> bool {
        *self == Link::default()
    }

    /// The model that is asked for.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// The preferences, with what is asked for. How to sample is as by default: a link writes the same
    /// text whatever was chosen here before.
    pub fn applied_to(&self, mut prefs: Preferences) -> Preferences {
        prefs.model = self.model.clone().unwrap_or(prefs.model);
        prefs.prompt = self.prompt.clone().unwrap_or(prefs.prompt);
        prefs.theme = self.theme.unwrap_or(prefs.theme);
        if self.begins() {
            prefs.panes[0] = SampleSettings::default();
        }
        prefs
    }

    /// Sets what is asked for, once the model's own choices are taken over: these win over them.
    pub fn apply_settings(&self, side: &mut SampleSettings) {
        for (name, value) in &self.settings {
            let mut changed = fields(side);
            changed[*name] = value.clone();
            if let Ok(changed) = serde_json::from_value(changed) {
                *side = changed;
                side.is_seed_locked |= *name == "seed";
            }
        }
    }
}

fn fields(settings: &SampleSettings) -> Value {
    serde_json::to_value(settings).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use bdlm::sample::SamplerKind;

    use super::*;
    use crate::engine::Choices;

    /// The settings of someone who opens a link with a model that has choices of its own.
    fn opened(link: &Link) -> Preferences {
        let before = SampleSettings { top_k: 5, ..SampleSettings::default() };
        let prefs =
            Preferences { panes: [before, SampleSettings::default()], ..Default::default() };
        let mut prefs = link.applied_to(prefs);
        prefs.panes[0].suit(Choices { top_p: 0.8, ..Choices::default() });
        link.apply_settings(&mut prefs.panes[0]);
        prefs
    }

    #[test]
    fn a_link_of_a_run_asks_for_the_same_run() {
        let settings = SampleSettings {
            seed: 17,
            sampler: SamplerKind::EntropyBounded,
            per_pass: 3,
            temperature: 0.7,
            block_size: Some(4),
            // Not what the model would take.
            top_p: 1.0,
            ..SampleSettings::default()
        };
        let prompt = "Ä cat & a dog = 50 %?".to_string();
        let model = "owner/name".to_string();
        let origin = Origin { model, prompt, settings, ..Origin::default() };
        let query = Link::query(&origin, Some("https://hub.example"));
        assert!(query.starts_with("?prompt=%C3%84+cat+%26+a+dog"), "{query}");
        assert!(query.contains("&sampler=entropy-bounded"), "{query}");
        let link = Link::read(&query);
        let prefs = opened(&link);
        assert!(link.begins() && !link.is_plain());
        assert_eq!(link.hub.as_deref(), Some("https://hub.example"));
        assert_eq!((&prefs.model, &prefs.prompt), (&origin.model, &origin.prompt));
        let own = prefs.panes[0].own;
        let wanted = SampleSettings { is_seed_locked: true, own, ..origin.settings };
        assert_eq!(prefs.panes[0], wanted);
    }

    #[test]
    fn what_is_wrong_in_an_address_is_left_out() {
        let link = Link::read("?seed=many&sampler=best&length=-3&what=ever&theme=pink&top_p=0.5");
        let prefs = opened(&link);
        let own = prefs.panes[0].own;
        let wanted = SampleSettings { top_k: 5, top_p: 0.5, own, ..SampleSettings::default() };
        assert_eq!((prefs.panes[0].clone(), prefs.theme), (wanted, ThemeChoice::default()));
        assert!(!link.begins());
        assert!(Link::read("").is_plain() && Link::read("?what=ever").is_plain());
    }
}
