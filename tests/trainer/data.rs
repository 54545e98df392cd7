//! Texts to learn from: documents, vocabularies, the cache of tokens.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use bdlm::eval::data::Documents;
use bdlm::text::{Tokenizer, learn_vocabulary};
use bdlm::train::tokens;

const STORY: &str = "Once upon a time there was a fox. The fox had a den under a tree.";

fn texts(paths: &[PathBuf]) -> Vec<String> {
    Documents::open_parts(paths).unwrap().map(Result::unwrap).collect()
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn documents_are_separated_by_lines() {
    let folder = tempfile::tempdir().unwrap();
    let text = "\u{feff}one\n\ntwo\n\n<|endoftext|>\n\nthree\r\nfour\r\n<|endoftext|>\r\n\n<|endoftext|>\n";
    let plain = write(folder.path(), "b.txt", text);
    assert_eq!(texts(std::slice::from_ref(&plain)), ["one\n\ntwo", "three\nfour"]);
    let lines = "{\"text\": \"five <|endoftext|>\"}\n{\"text\": \"\"}\n{\"text\": \"six\"}\n";
    let json = write(folder.path(), "a.jsonl", lines);
    assert_eq!(texts(&[json.clone(), plain.clone()])[..2], ["five <|endoftext|>", "six"]);
    write(folder.path(), ".hidden.txt", "seven");
    write(folder.path(), "SOURCES.tsv", "eight");
    assert_eq!(Documents::files(&[folder.path().into()]).unwrap(), [json, plain]);
    let empty = tempfile::tempdir().unwrap();
    assert!(Documents::files(&[empty.path().into()]).is_err());
}

#[test]
fn a_vocabulary_is_learnt_from_texts() {
    let stories = || std::iter::repeat_n(STORY, 20).map(|story| Ok(story.to_string()));
    let json = learn_vocabulary(stories(), 280).unwrap();
    assert_eq!(json, learn_vocabulary(stories(), 280).unwrap(), "the same each time");
    let tokenizer = Tokenizer::from_bytes(&json, Path::new("new")).unwrap();
    assert_eq!((tokenizer.n_ids(), tokenizer.end_of_text()), (280, Some(0)));
    for text in [STORY, "Größe: 3 €\n\n\ttab", "<|endoftext|>"] {
        let ids = tokenizer.ids_from_text(text).unwrap();
        assert_eq!(tokenizer.text_from_ids(&ids).unwrap(), text);
    }
    let bytes = learn_vocabulary(stories(), 257).unwrap();
    let bytes = Tokenizer::from_bytes(&bytes, Path::new("bytes")).unwrap();
    let count = |tokenizer: &Tokenizer| tokenizer.ids_from_text(STORY).unwrap().len();
    assert!(count(&tokenizer) < count(&bytes), "pairs are learnt");
    assert!(learn_vocabulary(stories(), 256).is_err());
    let failing = stories().take(2).chain([Err(bdlm::Error::request("bad text"))]);
    assert!(learn_vocabulary(failing, 280).unwrap_err().to_string().contains("bad text"));
}

#[test]
fn tokens_are_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let text = write(folder.path(), "a.txt", &format!("{STORY}\n<|endoftext|>\nThe end.\n"));
    let json = learn_vocabulary([Ok(STORY.to_string())].into_iter(), 270).unwrap();
    let out = tempfile::tempdir().unwrap();
    let mut made = 0;
    let mut get = |text: &Path, json: &[u8]| {
        let mut count = |count: usize| {
            made += usize::from(count > 0);
            ControlFlow::Continue(())
        };
        tokens(&[text.into()], json, out.path(), &mut count).unwrap().unwrap()
    };
    let first = get(&text, &json);
    let ids = first.tokens.range(0, first.tokens.len());
    let tokenizer = Tokenizer::from_bytes(&json, Path::new("new")).unwrap();
    let wanted = format!("<|endoftext|>{STORY}<|endoftext|>The end.<|endoftext|>");
    assert_eq!(tokenizer.text_from_ids(&ids).unwrap(), wanted);
    let again = get(&text, &json);
    assert_eq!((again.digest, again.tokens.range(0, ids.len())), (first.digest, ids));
    fs::write(&text, "Another text.").unwrap();
    assert_ne!(get(&text, &json).digest, first.digest);
    let other = learn_vocabulary([Ok(STORY.to_string())].into_iter(), 271).unwrap();
    let with_other = get(&text, &other).digest;
    assert_ne!(with_other, get(&text, &json).digest);
    assert_eq!(made, 4, "two documents, then two other caches of one");
}

#[test]
fn texts_that_are_being_read_can_be_left() {
    let (folder, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let text = write(folder.path(), "a.txt", STORY);
    let json = learn_vocabulary([Ok(STORY.to_string())].into_iter(), 270).unwrap();
    let get = |least: usize| {
        let mut stop = |count| match count >= least {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        tokens(std::slice::from_ref(&text), &json, out.path(), &mut stop).unwrap().is_some()
    };
    assert!(!get(0) && !get(1), "before and after the first tokens");
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0, "no half-written cache");
    assert!(get(usize::MAX));
}

#[test]
fn data_without_text_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let json = learn_vocabulary([Ok(STORY.to_string())].into_iter(), 270).unwrap();
    let refused = |path: &Path| {
        let mut go_on = |_| ControlFlow::Continue(());
        tokens(&[path.into()], &json, folder.path(), &mut go_on).unwrap_err().to_string()
    };
    assert!(refused(&write(folder.path(), "blank.txt", "\n \n")).contains("no text"));
    assert!(refused(&write(folder.path(), "empty.txt", "")).contains("empty"));
    assert!(refused(Path::new("nowhere.txt")).contains("nowhere.txt"));
    assert!(refused(folder.path()).contains("folder"));
    fs::write(folder.path().join("bytes.txt"), [b'a', 0xff]).unwrap();
    assert!(refused(&folder.path().join("bytes.txt")).contains("not UTF-8"));
    let kept = fs::read_dir(folder.path()).unwrap();
    let names = kept.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    assert!(names.into_iter().all(|name| name.ends_with(".txt")), "no half-written cache");
}
