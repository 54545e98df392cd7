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
}

fn tales_once() -> Arc<Tokenizer> {
    static TALES: std::sync::OnceLock<Arc<Tokenizer>> = std::sync::OnceLock::new();
    TALES.get_or_init(tales).clone()
}
