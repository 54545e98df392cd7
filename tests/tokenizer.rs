//! The tokenizer against cases made with the original, and text that grows token by token.

use std::path::Path;
use std::sync::Arc;

use bdlm::hub::ModelFiles;
use bdlm::text::{TextStream, Tokenizer};
use proptest::prelude::*;

#[derive(serde::Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
}

fn gpt2() -> Tokenizer {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gpt2/tokenizer.json");
    Tokenizer::from_bytes(&std::fs::read(&path).unwrap(), &path).unwrap()
}

fn tales() -> Arc<Tokenizer> {
    let file = ModelFiles::embedded().tokenizer.unwrap();
    Arc::new(Tokenizer::from_bytes(&file, file.path()).unwrap())
}

#[test]
fn gpt2_cases_agree() {
    let cases = include_str!("fixtures/gpt2/cases.json");
    let cases: Vec<Case> = serde_json::from_str(cases).unwrap();
    assert!(cases.len() > 20);
    let gpt2 = gpt2();
    for Case { text, ids } in cases {
        assert_eq!(gpt2.ids_from_text(&text).unwrap(), ids, "{text:?}");
        assert_eq!(gpt2.text_from_ids(&ids).unwrap(), text);
    }
    assert_eq!((gpt2.n_ids(), gpt2.end_of_text()), (50257, Some(50256)));
}

#[test]
fn the_embedded_tokenizer_goes_there_and_back() {
    let tales = tales();
    let text = "\"Oh, dear!\" said Peter — and off he ran.\n\n  Ça va? 你好 🐸";
    assert_eq!(tales.text_from_ids(&tales.ids_from_text(text).unwrap()).unwrap(), text);
    assert_eq!((tales.n_ids(), tales.end_of_text()), (4095, Some(0)));
    assert_eq!(tales.piece(0), "<|endoftext|>");
}

#[test]
fn a_token_of_another_model_and_a_damaged_file_are_told() {
    let error = tales().text_from_ids(&[5, 4095]).unwrap_err().to_string();
    assert!(error.contains("no token 4095"), "{error}");
    let file = ModelFiles::embedded().tokenizer.unwrap();
    let error = Tokenizer::from_bytes(&file[..1000], Path::new("t.json")).unwrap_err().to_string();
    assert!(error.contains("t.json is not a whole tokenizer.json"), "{error}");
}

#[test]
fn bytes_of_text_are_counted_by_token() {
    let text = "A fox’s den: naïve 你好 🐸\n\n  it's 12,345.\t";
    for tokenizer in [&*tales(), &gpt2()] {
        let ids = tokenizer.ids_from_text(text).unwrap();
        assert_eq!(tokenizer.text_bytes(&ids), Some(text.len() as u64));
        let each = ids.iter().map(|&id| tokenizer.text_bytes(&[id]).unwrap());
        assert_eq!(each.sum::<u64>(), text.len() as u64);
        assert_ne!(tokenizer.text_bytes(&ids[1..]), Some(text.len() as u64));
        let end = tokenizer.end_of_text().unwrap();
        assert_eq!(tokenizer.text_bytes(&[end, ids[0], end]), tokenizer.text_bytes(&ids[..1]));
    }
    assert_eq!(tales().text_bytes(&[4095]), None, "there is no such token");
    assert_eq!(gpt2().text_bytes(&[]), Some(0));
}

#[test]
fn a_tokenizer_of_words_tells_no_bytes_and_has_its_own_boundaries() {
    let bert = serde_json::json!({
        "version": "1.0",
        "added_tokens": [],
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "decoder": { "type": "WordPiece", "prefix": "##", "cleanup": true },
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": { "[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "fox": 3, "##es": 4 },
        },
    });
    let bert = Tokenizer::from_bytes(bert.to_string().as_bytes(), Path::new("bert.json")).unwrap();
    let ids = bert.ids_from_text("fox  foxes").unwrap();
    assert_eq!(ids, [3, 3, 4]);
    assert_eq!((bert.text_bytes(&ids), bert.boundaries()), (None, Some((1, 2))));
    assert_eq!(bert.head("fox foxes fox", 1), "fox foxes fox");
    assert_eq!((tales().boundaries(), gpt2().boundaries()), (Some((0, 0)), Some((50256, 50256))));
}

#[test]
fn a_head_ends_before_a_space_between_words() {
    let tales = tales();
    assert_eq!(tales.head("one two three", 4), "one two");
    assert_eq!(tales.head("one two three", 0), "one");
    assert_eq!(tales.head("one \n two  three", 1), "one \n two  three");
    assert_eq!(tales.head("", 9), "");
    let elsewhere = ["one t", "wo"].map(|part| tales.ids_from_text(part).unwrap()).concat();
    assert_ne!(elsewhere, tales.ids_from_text("one two").unwrap(), "not any cut will do");
}

/// The text that a stream gives for tokens pushed in groups of `n`.
fn streamed(tokenizer: &Arc<Tokenizer>, ids: &[u32], n: usize) -> String {
    let mut stream = TextStream::new(tokenizer.clone());
    let mut text = String::new();
    for group in ids.chunks(n) {
        let news = stream.push(group).unwrap();
        assert!(!news.ends_with('\u{fffd}'), "an unfinished character was given");
        text += &news;
    }
    text + &stream.finish()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn streamed_text_is_the_text(text in "[a-z é世🐸\\n]{0,40}", n in 1usize..5) {
        let tales = tales_once();
        let ids = tales.ids_from_text(&text).unwrap();
        prop_assert_eq!(streamed(&tales, &ids, n), text);
    }

    #[test]
    fn streamed_bytes_of_any_tokens_are_their_text(ids in prop::collection::vec(0u32..4095, 0..60), n in 1usize..7) {
        let tales = tales_once();
        prop_assert_eq!(streamed(&tales, &ids, n), tales.text_from_ids(&ids).unwrap());
    }

    #[test]
    fn a_head_and_the_rest_have_the_tokens_of_the_whole(text in "[a-z1'.é世 \\n\\t\u{a0}]{0,60}", bytes in 0usize..40) {
        let tales = tales_once();
        let head = tales.head(&text, bytes);
        let parts = [head, &text[head.len()..]].map(|part| tales.ids_from_text(part).unwrap());
        prop_assert_eq!(parts.concat(), tales.ids_from_text(&text).unwrap());
    }
}

fn tales_once() -> Arc<Tokenizer> {
    static TALES: std::sync::OnceLock<Arc<Tokenizer>> = std::sync::OnceLock::new();
    TALES.get_or_init(tales).clone()
}
