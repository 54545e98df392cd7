//! The detokenizers of the zero-shot data sets. These sets were published with spaces between all
//! words and marks; a detokenizer removes them, so that a model sees text as it was written.
//! Perplexities are compared between papers, so each rule is followed to the letter, mistakes
//! included.
//!
//! Source: the published data loader of Arriola et al., ICLR 2025, which has the rules from earlier
//! zero-shot evaluations of GPT-2 and of masked diffusion models.

/// The rules for one data set or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detokenizer {
    /// WikiText: marks such as `@-@`, spaces before punctuation and inside brackets and quotes.
    Wikitext,
    /// Penn Treebank: contractions, `N` in place of numbers, `<unk>`.
    Ptb,
    /// One Billion Words: web addresses, contractions, spaces before punctuation and inside brackets.
    Lm1b,
    /// LAMBADA: straight quotes, a newline before the passage.
    Lambada,
    /// PubMed and arXiv: the rules of WikiText, then those of One Billion Words.
    ScientificPapers,
}

impl Detokenizer {
    /// One document as it was written.
    pub fn apply(self, text: &str) -> String {
        match self {
            Detokenizer::Wikitext => wikitext(text),
            Detokenizer::Ptb => ptb(text),
            Detokenizer::Lm1b => lm1b(text),
            Detokenizer::Lambada => {
                let text = text.replace(['“', '”'], "\"");
                format!("\n{}", text.trim_matches(is_space))
            }
            Detokenizer::ScientificPapers => lm1b(&wikitext(text)),
        }
    }
}

fn wikitext(text: &str) -> String {
    let text = text.replace("s '", "s'");
    // A regular expression for apostrophes before decades, used there as plain text: this is all
    // that it matches.
    let text = rewrite(&text, |rest| {
        let rest = rest.strip_prefix("/' ")?.strip_prefix(|c: char| c.is_ascii_digit())?;
        rest.starts_with('/').then(|| ("/' 0/".len(), "/'[0-9]/".into()))
    });
    let text = replace_each(
        &text,
        &[
            (" @-@ ", "-"),
            (" @,@ ", ","),
            (" @.@ ", "."),
            (" : ", ": "),
            (" ; ", "; "),
            (" . ", ". "),
            (" ! ", "! "),
            (" ? ", "? "),
            (" , ", ", "),
        ],
    );
    let pairs = [('(', ')'), ('[', ']'), ('{', '}'), ('"', '"'), ('\'', '\'')];
    let text = pairs.iter().fold(text, |text, &(open, close)| trim_inside(&text, open, close));
    replace_each(
        &text,
        &[
            ("= = = =", "===="),
            ("= = =", "==="),
            ("= =", "=="),
            (" ° ", "°"),
            (" \n", "\n"),
            ("\n ", "\n"),
            (" N ", " 1 "),
            (" 's", "'s"),
        ],
    )
}

fn ptb(text: &str) -> String {
    replace_each(
        text,
        &[
            (" 's", "'s"),
            ("s ' ", "s' "),
            (" n't", "n't"),
            (" \n ", "\n"),
            ("\\/", "/"),
            // Two neighbours share a space, so that the first pass finds only one of them.
            (" N ", " 1 "),
            (" N ", " 1 "),
            ("$ 1", "$1"),
            ("# 1", "#1"),
            ("<unk>", "?"),
        ],
    )
}

fn lm1b(text: &str) -> String {
    let text = replace_each(text, &[("http : / / ", "http://"), ("https : / / ", "https://")]);
    let text = rewrite(&text, |rest| {
        rest.strip_prefix(" '")?.starts_with(is_word).then(|| (2, "'".into()))
    });
    let text = stop_after_word(&text, |rest| rest.starts_with(' '));
    let text = stop_after_word(&text, ends);
    let text = text.replace(" ? ", "? ");
    let text = join_at_end(&text, " ?");
    let text = text.replace(" ! ", "! ");
    let text = join_at_end(&text, " !");
    let text = replace_each(&text, &[(" , ", ", "), (" : ", ": "), (" ; ", "; "), (" / ", "/")]);
    let pairs = [('"', '"'), ('\'', '\''), ('(', ')'), ('[', ']')];
    let text = pairs.iter().fold(text, |text, &(open, close)| close_up(&text, open, close));
    replace_each(&text, &[("$ ", "$"), ("£ ", "£")])
}

/// Python's `\s`.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// Python's `\w`.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Python's `$`: the end, or before a newline that ends the text.
fn ends(rest: &str) -> bool {
    rest.is_empty() || rest == "\n"
}

/// Replacements, one after the other, each in the whole text.
fn replace_each(text: &str, pairs: &[(&str, &str)]) -> String {
    pairs.iter().fold(text.to_string(), |text, (from, to)| text.replace(from, to))
}

/// Goes through the text once, from left to right. The rule sees the rest of the text; if it matches
/// at its beginning, it returns the bytes that it matches and their replacement.
fn rewrite(text: &str, rule: impl Fn(&str) -> Option<(usize, String)>) -> String {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        match rule(rest) {
            Some((matched_bytes, replacement)) => {
                written += &replacement;
                rest = &rest[matched_bytes..];
            }
            None => {
                written.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    written
}

/// Removes all space just inside a pair: `(  a )` → `(a)`. Pairs are not nested: an opening mark
/// belongs to the next closing one.
fn trim_inside(text: &str, open: char, close: char) -> String {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from_inside)) = rest.split_once(open) {
        let Some((inside, after)) = from_inside.split_once(close) else { break };
        written += before;
        written.push(open);
        written += inside.trim_matches(is_space);
        written.push(close);
        rest = after;
    }
    written + rest
}

/// `( a )` → `(a)` where one space is on either side, and neither mark of the pair is in between.
fn close_up(text: &str, open: char, close: char) -> String {
    rewrite(text, |rest| {
        let inside = rest.strip_prefix(open)?.strip_prefix(' ')?;
        let end = inside.find([open, close])?;
        if !inside[end..].starts_with(close) {
            return None;
        }
        let words = inside[..end].strip_suffix(' ').filter(|words| !words.is_empty())?;
        let matched_bytes = open.len_utf8() + 1 + end + close.len_utf8();
        Some((matched_bytes, format!("{open}{words}{close}")))
    })
}

/// ` word .` → ` word.` where what comes after it is as `follows` wants. A space after the stop is
/// part of the match, so that the next match cannot begin with it.
fn stop_after_word(text: &str, follows: impl Fn(&str) -> bool) -> String {
    rewrite(text, |rest| {
        let from_word = rest.strip_prefix(' ')?;
        let after_word = from_word.trim_start_matches(is_word);
        let word = &from_word[..from_word.len() - after_word.len()];
        let after = after_word.strip_prefix(" .").filter(|after| follows(after))?;
        let space = if after.starts_with(' ') { " " } else { "" };
        let joined = format!(" {word}.{space}");
        (!word.is_empty()).then(|| (joined.len() + 1, joined))
    })
}

/// ` ?` → `?` at the end of the text.
fn join_at_end(text: &str, mark: &str) -> String {
    rewrite(text, |rest| {
        let matches = rest.strip_prefix(mark).is_some_and(ends);
        matches.then(|| (mark.len(), mark.trim_start().into()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(detokenizer: Detokenizer, cases: &[(&str, &str)]) {
        for (text, wanted) in cases {
            assert_eq!(detokenizer.apply(text), *wanted, "{text:?}");
        }
    }

    #[test]
    fn wikitext_is_joined_at_numbers_punctuation_and_headings() {
        check(
            Detokenizer::Wikitext,
            &[
                ("a guest @-@ star of 1 @,@ 234 @.@ 5 m", "a guest-star of 1,234.5 m"),
                ("one , two ; three : four . Five ! Six ? ", "one, two; three: four. Five! Six? "),
                (" = Title = \n", " = Title =\n"),
                (" = = Part = = \n", " == Part ==\n"),
                (" = = = = a = = = = \n x", " ==== a ====\nx"),
                ("20 ° C", "20°C"),
                ("Teddy 's N days", "Teddy's 1 days"),
                ("", ""),
            ],
        );
    }

    #[test]
    fn wikitext_opening_marks_belong_to_the_next_closing_one() {
        check(
            Detokenizer::Wikitext,
            &[
                ("( a b ) [ c ] { d }", "(a b) [c] {d}"),
                ("( ( a ) b )", "(( a) b )"),
                ("(  )", "()"),
                ("( open", "( open"),
                ("said \" yes \" and \" no \"", "said \"yes\" and \"no\""),
                ("the boys ' ball and ' it '", "the boys'ball and' it '"),
                ("/' 9/ /' 99/", "/'[0-9]/ /' 99/"),
            ],
        );
    }

    #[test]
    fn ptb_is_joined_at_contractions_and_its_numbers_are_ones() {
        check(
            Detokenizer::Ptb,
            &[
                ("the company 's unit does n't", "the company's unit doesn't"),
                ("traders ' losses", "traders' losses"),
                ("$ N billion , # N , N N N of them", "$1 billion , #1 , 1 1 1 of them"),
                ("<unk> said 1\\/2", "? said 1/2"),
                ("a N", "a N"),
            ],
        );
    }

    #[test]
    fn lm1b_is_joined_at_punctuation_addresses_and_brackets() {
        check(
            Detokenizer::Lm1b,
            &[
                ("We 're at http : / / a.com / b", "We're at http://a.com/b"),
                ("He left . She stayed .", "He left. She stayed."),
                ("why ? who ! now , then : so ; on ?", "why? who! now, then: so; on?"),
                ("stop !\n", "stop!\n"),
                ("\" Yes , \" he said ( twice ) [ sic ]", "\"Yes,\" he said (twice) [sic]"),
                ("$ 5 or £ 4", "$5 or £4"),
                ("it 's ' odd '", "it's 'odd'"),
            ],
        );
    }

    #[test]
    fn lm1b_leaves_what_its_rules_pass_over() {
        check(
            Detokenizer::Lm1b,
            &[
                // The space after the first stop is used up, so `b` has none before it.
                (" a . b . c", " a. b . c"),
                ("Inc.) . So", "Inc.) . So"),
                ("(a ) ( b( c )", "(a ) ( b(c)"),
                ("\"  \" ' '", "\"  \" ' '"),
                ("a ' b", "a ' b"),
            ],
        );
    }

    #[test]
    fn lambada_begins_with_a_newline_and_has_plain_quotes() {
        check(Detokenizer::Lambada, &[(" “Yes,” he said. \n", "\n\"Yes,\" he said."), ("", "\n")]);
    }

    #[test]
    fn papers_follow_both_sets_of_rules() {
        let text = "we use ( see fig . 1 ) an @-@ algorithm , it 's fast .";
        let wanted = "we use (see fig. 1) an-algorithm, it's fast.";
        check(Detokenizer::ScientificPapers, &[(text, wanted)]);
        assert_ne!(Detokenizer::Wikitext.apply(text), wanted);
        assert_ne!(Detokenizer::Lm1b.apply(text), wanted);
    }
}
