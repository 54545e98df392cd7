//! Words that are looked for, and where a text has them.

use std::ops::Range;

/// What is looked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Find {
    /// As it was typed.
    pub words: String,
    /// Number of the match that is shown, among those of all texts.
    pub current: usize,
    /// When it was chosen, in the window's seconds.
    pub chosen_at: f64,
}

/// Something to do with the field.
#[derive(Clone, Debug, PartialEq)]
pub enum FindAction {
    /// Show it.
    Open,
    /// Look for these words.
    Type(String),
    /// Show the next match, after the last one the first.
    Next,
    /// Show the match before, before the first one the last.
    Previous,
    /// Take it away.
    Close,
}

/// Matches in one text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Marks {
    /// Their bytes, in order.
    pub found: Vec<Range<usize>>,
    /// Index of the match that is shown, if it is one of these.
    pub current: Option<usize>,
}

impl Find {
    /// Matches in each of these texts, whatever the case.
    pub fn marks(&self, texts: &[String]) -> Vec<Marks> {
        let mut marks: Vec<Marks> = texts
            .iter()
            .map(|text| Marks { found: matches(text, &self.words), current: None })
            .collect();
        let count: usize = marks.iter().map(|marks| marks.found.len()).sum();
        // A text that is shown at an earlier step can have fewer.
        let mut left = self.current.min(count.saturating_sub(1));
        for marks in &mut marks {
            if left < marks.found.len() {
                marks.current = Some(left);
                break;
            }
            left -= marks.found.len();
        }
        marks
    }
}

/// Where a text has these words: bytes that do not overlap.
fn matches(text: &str, words: &str) -> Vec<Range<usize>> {
    let wanted: Vec<char> = words.chars().flat_map(char::to_lowercase).collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next().filter(|_| !wanted.is_empty()) {
        let length = beginning(&text[at..], &wanted);
        found.extend(length.map(|length| at..at + length));
        at += length.unwrap_or(c.len_utf8());
    }
    found
}

/// Bytes of the text's beginning that are these letters.
fn beginning(text: &str, wanted: &[char]) -> Option<usize> {
    let mut left = wanted.iter();
    for (at, c) in text.char_indices() {
        if left.as_slice().is_empty() {
            return Some(at);
        }
        // One letter can be several when it is small.
        if !c.to_lowercase().all(|c| left.next() == Some(&c)) {
            return None;
        }
    }
    left.as_slice().is_empty().then_some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'a>(text: &'a str, words: &str) -> Vec<&'a str> {
        matches(text, words).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn words_are_found_whatever_their_case_and_do_not_overlap() {
        assert_eq!(found("The theme, they said", "THE"), ["The", "the", "the"]);
        assert_eq!(found("aaaa", "aa"), ["aa", "aa"]);
        assert_eq!(found("ÄÖ äö", "äö"), ["ÄÖ", "äö"]);
        assert_eq!(found("İstanbul", "i̇s"), ["İs"], "a letter that is two when it is small");
        assert_eq!(found("日本語の本", "本"), ["本", "本"]);
        assert_eq!(found("one\ntwo", "e\nt"), ["e\nt"]);
        assert_eq!(matches("abab", "ab"), [0..2, 2..4]);
        assert!(found("abc", "").is_empty() && found("", "a").is_empty());
        assert!(found("abc", "abcd").is_empty() && found("abc", "x").is_empty());
    }

    #[test]
    fn matches_are_numbered_over_all_texts() {
        let texts = ["one two".to_string(), "none".into(), "One".into()];
        let current = |current| {
            let find = Find { words: "one".into(), current, ..Find::default() };
            find.marks(&texts).iter().map(|marks| marks.current).collect::<Vec<_>>()
        };
        assert_eq!(current(0), [Some(0), None, None]);
        assert_eq!(current(1), [None, Some(0), None]);
        assert_eq!(current(2), [None, None, Some(0)]);
        assert_eq!(current(7), [None, None, Some(0)], "the last one there is");
        let none = Find { words: "three".into(), ..Find::default() };
        assert_eq!(none.marks(&texts), vec![Marks::default(); 3]);
    }
}
