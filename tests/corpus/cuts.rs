//! Documents to sequences: what is joined, inserted, cut and left out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bdlm::eval::data::{Corpus, CorpusOptions, Documents, Wrap};
use bdlm::text::Detokenizer;

use crate::tales;

/// The token that ends a document, and opens and closes a sequence.
const END: u32 = 0;

const STORY: [&str; 4] = [
    "Once upon a time there was a fox.",
    "",
    "It lived in a hole, under a very old tree.",
    "The end.",
];

fn documents(texts: &[&str]) -> Documents {
    let texts: Vec<bdlm::Result<String>> = texts.iter().map(|t| Ok((*t).to_string())).collect();
    Documents::new(texts.into_iter())
}

fn sequences(texts: &[&str], options: CorpusOptions) -> Result<Vec<Vec<u32>>, String> {
    let corpus = Corpus::new(documents(texts), tales(), options);
    corpus.and_then(Iterator::collect).map_err(|e| e.to_string())
}

/// Tokens of each document.
fn ids(texts: &[&str]) -> Vec<Vec<u32>> {
    let tales = tales();
    texts.iter().map(|text| tales.ids_from_text(text).unwrap()).collect()
}

/// The sequences are the joined tokens, cut to so many each, the rest left out.
fn check_cuts(got: &[Vec<u32>], joined: &[u32], n: usize) -> Result<(), String> {
    let wanted: Vec<&[u32]> = joined.chunks_exact(n).collect();
    if got == wanted { Ok(()) } else { Err(format!("got {got:?}, expected {wanted:?}")) }
}

#[test]
fn wrong_cuts_are_rejected() {
    let joined: Vec<u32> = (0..10).collect();
    assert!(check_cuts(&[vec![0, 1, 2, 3], vec![4, 5, 6, 7]], &joined, 4).is_ok());
    assert!(check_cuts(&[vec![0, 1, 2, 3], vec![5, 6, 7, 8]], &joined, 4).is_err());
    assert!(check_cuts(&[vec![0, 1, 2, 3]], &joined, 4).is_err());
    assert!(check_cuts(&[vec![0, 1, 2, 3], vec![4, 5, 6, 7], vec![8, 9]], &joined, 4).is_err());
}

#[test]
fn documents_are_ended_joined_and_cut_and_the_rest_is_left_out() {
    let joined: Vec<u32> =
        ids(&STORY).into_iter().flat_map(|ids| [ids, vec![END]].concat()).collect();
    for context in 1..=joined.len() {
        let got = sequences(&STORY, CorpusOptions::new(context)).unwrap();
        check_cuts(&got, &joined, context).unwrap();
        assert_eq!(got.len(), joined.len() / context);
    }
}

#[test]
fn without_eos_documents_follow_each_other() {
    let joined = ids(&STORY).concat();
    let options = CorpusOptions { insert_eos: false, ..CorpusOptions::new(5) };
    check_cuts(&sequences(&STORY, options).unwrap(), &joined, 5).unwrap();
    assert!(!joined.contains(&END));
}

#[test]
fn special_tokens_stand_around_each_sequence_and_count() {
    for insert_eos in [false, true] {
        let options = CorpusOptions { insert_eos, insert_special: true, ..CorpusOptions::new(8) };
        let got = sequences(&STORY, options).unwrap();
        assert!(got.iter().all(|ids| ids.len() == 8 && ids[0] == END && ids[7] == END));
        let inner: Vec<Vec<u32>> = got.iter().map(|ids| ids[1..7].to_vec()).collect();
        let end = |ids: Vec<u32>| if insert_eos { [ids, vec![END]].concat() } else { ids };
        let joined: Vec<u32> = ids(&STORY).into_iter().flat_map(end).collect();
        check_cuts(&inner, &joined, 6).unwrap();
    }
}

#[test]
fn documents_that_stay_apart_are_cut_off_and_not_padded() {
    let [fox, _, tree, end] = ids(&STORY).try_into().unwrap();
    let options = |insert_eos, insert_special| CorpusOptions {
        wrap: Wrap::OnePerDocument,
        insert_eos,
        insert_special,
        ..CorpusOptions::new(8)
    };
    let cut = |ids: &[u32], n: usize| ids[..n.min(ids.len())].to_vec();
    assert!(fox.len() > 8 && tree.len() > 8 && end.len() < 6, "lengths on both sides of 8");
    let got = sequences(&STORY, options(false, false)).unwrap();
    assert_eq!(got, [cut(&fox, 8), cut(&tree, 8), end.clone()]);
    // The end of a document that is cut off is not there.
    let got = sequences(&STORY, options(true, false)).unwrap();
    assert_eq!(got, [cut(&fox, 8), cut(&tree, 8), [end.as_slice(), &[END]].concat()]);
    let enclosed = |ids: &[u32]| [&[END], cut(ids, 6).as_slice(), &[END]].concat();
    for insert_eos in [false, true] {
        let got = sequences(&STORY, options(insert_eos, true)).unwrap();
        assert_eq!(got, [enclosed(&fox), enclosed(&tree), enclosed(&end)]);
    }
}

#[test]
fn documents_are_detokenized_one_by_one() {
    let detokenizer = Some(Detokenizer::Lambada);
    let options = CorpusOptions { detokenizer, insert_eos: false, ..CorpusOptions::new(1) };
    let got = sequences(&[" “Yes.” ", "No."], options).unwrap().concat();
    assert_eq!(tales().text_from_ids(&got).unwrap(), "\n\"Yes.\"\nNo.");
}

#[test]
fn a_long_document_has_the_tokens_of_the_whole_and_its_bytes_are_all_counted() {
    let words = ["fox", "’s\n\n  den", "it's 12,345", "—", "a\t b", "“Ça va?”\r\n", "x .  y"];
    let text: Vec<&str> = words.into_iter().cycle().take(40_000).collect();
    let text = text.join(" ");
    assert!(text.len() > 200_000, "several heads long: {}", text.len());
    let tales = tales();
    let whole = tales.ids_from_text(&text).unwrap();
    let options = CorpusOptions { insert_eos: false, ..CorpusOptions::new(1) };
    let got = sequences(&[&text], options).unwrap().concat();
    assert!(got == whole, "the tokens differ");
    assert_eq!(tales.text_bytes(&got), Some(text.len() as u64));
}

#[test]
fn text_is_read_no_further_than_is_needed() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let endless = std::iter::repeat_with(move || {
        counter.fetch_add(1, Ordering::SeqCst);
        Ok(STORY[0].to_string())
    });
    let corpus = Corpus::new(Documents::new(endless), tales(), CorpusOptions::new(16)).unwrap();
    let got: Vec<_> = corpus.take(20).collect::<bdlm::Result<_>>().unwrap();
    assert_eq!(got.len(), 20);
    let per_document = ids(&STORY)[0].len() + 1;
    assert_eq!(asked.load(Ordering::SeqCst), (20 * 16usize).div_ceil(per_document));
}

#[test]
fn an_error_of_the_documents_ends_the_sequences() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    std::fs::write(&path, "{\"text\": \"one two three four\"}\n{\n{\"text\": \"five\"}").unwrap();
    let documents = Documents::open(&path, None).unwrap();
    let corpus = Corpus::new(documents, tales(), CorpusOptions::new(3)).unwrap();
    let got: Vec<_> = corpus.collect();
    assert!(got[0].is_ok(), "what was whole before is given");
    let message = got.last().unwrap().as_ref().unwrap_err().to_string();
    assert!(message.contains("line 2"), "{message}");
    assert_eq!(got.iter().filter(|sequence| sequence.is_err()).count(), 1);
}

#[test]
fn data_without_a_sequence_is_reported_once() {
    let error = |texts: &[&str], options| sequences(texts, options).unwrap_err();
    let n = ids(&STORY).concat().len() + STORY.len();
    let message = error(&STORY, CorpusOptions::new(128));
    assert_eq!(message, format!("the text has {n} tokens, a sequence needs 128"));
    let corpus = Corpus::new(documents(&STORY), tales(), CorpusOptions::new(128)).unwrap();
    let error_itself = corpus.last().unwrap().unwrap_err();
    assert_eq!(error_itself.advice(), Some(bdlm::Advice::SmallerContext));
    let special = CorpusOptions { insert_special: true, ..CorpusOptions::new(128) };
    assert!(error(&STORY, special).contains("a sequence needs 126"));
    let apart = CorpusOptions { wrap: Wrap::OnePerDocument, ..CorpusOptions::new(128) };
    for options in [apart, CorpusOptions::new(128)] {
        assert!(error(&[], options).contains("holds no text"));
        assert!(error(&["", ""], options).contains("holds no text"));
    }
    let mut corpus = Corpus::new(documents(&STORY), tales(), CorpusOptions::new(128)).unwrap();
    assert!(corpus.next().unwrap().is_err() && corpus.next().is_none());
}

#[test]
fn a_context_that_holds_no_text_is_refused() {
    let message = sequences(&STORY, CorpusOptions::new(0)).unwrap_err();
    assert!(
        message.contains("a context of 0 tokens") && message.contains("at least 1"),
        "{message}"
    );
    let special = CorpusOptions { insert_special: true, ..CorpusOptions::new(2) };
    let message = sequences(&STORY, special).unwrap_err();
    assert!(
        message.contains("a context of 2 tokens") && message.contains("at least 3"),
        "{message}"
    );
    assert!(sequences(&STORY, CorpusOptions { context: 3, ..special }).is_ok());
}
