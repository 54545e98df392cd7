//! Thoughts: what an answer says between `<think>` and `</think>`.

use std::ops::Range;

const BEGIN: &str = "<think>";
const END: &str = "</think>";

/// Where the thought and the answer behind it are in a text, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thought {
    /// The thought, without its marks and the blanks around it.
    pub thought: Range<usize>,
    /// Where the answer behind it begins; none while the model still thinks.
    pub answer: Option<usize>,
}

impl Thought {
    /// The thought of an answer, if it begins with one. Some templates give the first mark
    /// themselves: then the answer has only the second.
    pub fn of(text: &str) -> Option<Thought> {
        let blanks = text.len() - text.trim_start().len();
        let begin = text[blanks..].starts_with(BEGIN).then_some(blanks + BEGIN.len());
        let end = text.find(END);
        let from = begin.or(end.map(|_| 0))?;
        let until = end.unwrap_or(text.len()).max(from);
        let inner = &text[from..until];
        let start = from + inner.len() - inner.trim_start().len();
        let thought = start..start.max(from + inner.trim_end().len());
        let answer = end.map(|end| {
            let behind = &text[end + END.len()..];
            text.len() - behind.trim_start().len()
        });
        Some(Thought { thought, answer })
    }

    /// Where a text goes on behind its thought, or behind blanks if it has none.
    pub fn behind(text: &str) -> usize {
        match Thought::of(text) {
            None => text.len() - text.trim_start().len(),
            Some(Thought { answer, .. }) => answer.unwrap_or(text.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<(&str, Option<&str>)> {
        let found = Thought::of(text)?;
        Some((&text[found.thought], found.answer.map(|at| &text[at..])))
    }

    #[test]
    fn a_thought_is_what_stands_between_the_marks() {
        assert_eq!(parts("<think>\nWell. \n</think>\n\nYes."), Some(("Well.", Some("Yes."))));
        assert_eq!(parts(" <think>Well"), Some(("Well", None)));
        assert_eq!(parts("<think>"), Some(("", None)));
        assert_eq!(parts("<think>\n\n</think>\n\n"), Some(("", Some(""))));
        assert_eq!(
            parts("the template began it</think>No"),
            Some(("the template began it", Some("No")))
        );
        assert_eq!(parts("No thought <think> here"), None);
        let behind = |text: &str| text[Thought::behind(text)..].to_string();
        assert_eq!(behind("<think>\nWell. \n</think>\n\nYes."), "Yes.");
        assert_eq!([behind("<think>Well"), behind(" Yes. ")], ["", "Yes. "]);
        assert_eq!(parts(""), None);
    }
}
