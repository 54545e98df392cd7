//! The paper's data sets: every default, as one table.

use bdlm::eval::data::{CorpusOptions, Format, Preset, Wrap};
use bdlm::text::Detokenizer;

/// A row: name, detokenizer, EOS after documents, special tokens, format, first key, id on the
/// hub, configuration and split there.
type Row = (
    Preset,
    &'static str,
    Option<Detokenizer>,
    (bool, bool),
    Format,
    &'static str,
    [&'static str; 3],
);

#[rustfmt::skip]
const TABLE: [Row; 9] = [
    (Preset::Wikitext2, "wikitext2", Some(Detokenizer::Wikitext), (false, true), Format::Lines, "text",
        ["Salesforce/wikitext", "wikitext-2-raw-v1", "validation"]),
    (Preset::Wikitext103, "wikitext103", Some(Detokenizer::Wikitext), (false, true), Format::Lines, "text",
        ["Salesforce/wikitext", "wikitext-103-raw-v1", "validation"]),
    (Preset::Ptb, "ptb", Some(Detokenizer::Ptb), (false, true), Format::TrimmedLines, "sentence",
        ["ptb-text-only/ptb_text_only", "penn_treebank", "validation"]),
    (Preset::Lambada, "lambada", Some(Detokenizer::Lambada), (false, true), Format::TrimmedLines, "text",
        ["EleutherAI/lambada_openai", "default", "test"]),
    (Preset::Lm1b, "lm1b", Some(Detokenizer::Lm1b), (false, true), Format::TrimmedLines, "text",
        ["billion-word-benchmark/lm1b", "plain_text", "test"]),
    (Preset::AgNews, "ag_news", None, (false, true), Format::Csv, "text",
        ["fancyzhx/ag_news", "default", "test"]),
    (Preset::Pubmed, "pubmed", Some(Detokenizer::ScientificPapers), (false, true), Format::JsonLines, "article",
        ["armanc/scientific_papers", "pubmed", "validation"]),
    (Preset::Arxiv, "arxiv", Some(Detokenizer::ScientificPapers), (false, true), Format::JsonLines, "article",
        ["armanc/scientific_papers", "arxiv", "validation"]),
    (Preset::Openwebtext, "openwebtext", None, (true, false), Format::Text, "text",
        ["Skylion007/openwebtext", "plain_text", "train"]),
];

#[test]
fn every_set_has_the_defaults_of_the_paper() {
    assert_eq!(TABLE.map(|row| row.0), Preset::ALL);
    for (preset, name, detokenizer, (insert_eos, insert_special), format, key, hub) in TABLE {
        let (context, wrap) = (1024, Wrap::Wrapped);
        let boundaries = None;
        let wanted =
            CorpusOptions { context, wrap, insert_eos, insert_special, boundaries, detokenizer };
        assert_eq!(preset.options(1024), wanted, "{name}");
        assert_eq!((preset.name(), preset.format(), preset.keys()[0]), (name, format, key));
        let split = preset.split();
        assert_eq!([&split.id, &split.config, &split.split], hub, "{name}");
        let last = (name == "openwebtext").then_some(100_000);
        assert_eq!(preset.last_documents(), last, "{name}");
    }
}

#[test]
fn the_table_of_the_docs_is_the_table_here() {
    let docs = include_str!("../../src/eval/data/mod.rs");
    for (_, name, _, (eos, special), _, key, hub) in TABLE {
        let start = format!("//! | `{name}` |");
        let line = docs.lines().find(|line| line.starts_with(&start)).expect(name);
        let yes = |set| if set { "yes" } else { "no" };
        let flags = format!("| yes | {} | {} |", yes(eos), yes(special));
        let place = format!("{}, {},", hub[0], hub[1]);
        let key = format!("`{key}` |");
        for words in [flags.as_str(), &place, hub[2], &key] {
            assert!(line.contains(words), "{line} lacks {words}");
        }
    }
}

#[test]
fn names_are_read_and_a_wrong_one_lists_all() {
    for preset in Preset::ALL {
        assert_eq!(preset.to_string().parse::<Preset>().unwrap(), preset);
    }
    let message = "wikitext3".parse::<Preset>().unwrap_err().to_string();
    assert!(
        message.contains("`wikitext3`") && message.contains("wikitext2, wikitext103, ptb"),
        "{message}"
    );
}
