//! Every reader, and what each says of a damaged file.

use std::path::Path;

use bdlm::eval::data::{Documents, Format, Preset};
use parquet::file::properties::WriterVersion;

use crate::{file, parquet, snappy, texts, uncompressed};

/// The documents of a file of this name and content.
fn read(name: &str, bytes: &[u8], preset: Option<Preset>) -> Result<Vec<String>, String> {
    texts(Documents::open(&file(name, bytes).path, preset))
}

/// Fails if a file is read, or if the error lacks one of the words.
fn check_refused(
    name: &str,
    bytes: &[u8],
    preset: Option<Preset>,
    words: &[&str],
) -> Result<(), String> {
    match read(name, bytes, preset) {
        Ok(texts) => Err(format!("{name} was read as {texts:?}")),
        Err(message) => match words.iter().find(|words| !message.contains(**words)) {
            Some(words) => Err(format!("does not say {words:?}: {message}")),
            None => Ok(()),
        },
    }
}

fn refuses(name: &str, bytes: &[u8], preset: Option<Preset>, words: &[&str]) {
    check_refused(name, bytes, preset, words).unwrap();
}

#[test]
fn a_wrong_refusal_is_rejected() {
    assert!(check_refused("a.txt", b"text", None, &[]).is_err());
    assert!(check_refused("a.txt", b"", None, &["is empty"]).is_ok());
    assert!(check_refused("a.txt", b"", None, &["is full"]).is_err());
}

#[test]
fn plain_text_is_one_document() {
    let text = "Once.\n\n  Upon a time — \rthere\n";
    assert_eq!(read("a.txt", text.as_bytes(), None).unwrap(), [text]);
    assert_eq!(read("without_extension", text.as_bytes(), None).unwrap(), [text]);
    assert_eq!(read("page.txt", b"a\nb", Some(Preset::Openwebtext)).unwrap(), ["a\nb"]);
}

#[test]
fn wikitext_lines_keep_their_newline_and_blank_ones_are_empty() {
    let text = b" \n = Title = \n \n One .\r\n Two";
    let wanted = ["", " = Title = \n", "", " One .\n", " Two"];
    assert_eq!(read("wiki.test.raw", text, Some(Preset::Wikitext2)).unwrap(), wanted);
    assert_eq!(read("wiki.test.tokens", text, Some(Preset::Wikitext103)).unwrap(), wanted);
}

#[test]
fn ptb_lm1b_and_lambada_lines_are_trimmed() {
    for preset in [Preset::Ptb, Preset::Lm1b, Preset::Lambada] {
        let read = read("ptb.valid.txt", b" one two \nthree\n", Some(preset));
        assert_eq!(read.unwrap(), ["one two", "three"]);
    }
}

#[test]
fn json_lines_give_their_text() {
    let lines = "{\"text\": \"a\\nb\", \"n\": 1}\n\n{\"text\": \"Zo\u{eb}\"}";
    assert_eq!(read("a.jsonl", lines.as_bytes(), None).unwrap(), ["a\nb", "Zoë"]);
    assert_eq!(read("A.JSONL", b"{\"text\":\"\"}", Some(Preset::Lambada)).unwrap(), [""]);
    assert_eq!(read("p.json", b"{\"sentence\":\"a\"}", Some(Preset::Ptb)).unwrap(), ["a"]);
}

#[test]
fn papers_are_their_articles_paragraph_by_paragraph() {
    let paper = br#"{"abstract_text": ["no"], "article_text": ["a b .", "c ."]}"#;
    let article = br#"{"abstract": "no", "article": "a b .\nc ."}"#;
    for preset in [Preset::Pubmed, Preset::Arxiv] {
        assert_eq!(read("val.txt", paper, Some(preset)).unwrap(), ["a b .\nc ."]);
        assert_eq!(read("val.jsonl", article, Some(preset)).unwrap(), ["a b .\nc ."]);
    }
}

#[test]
fn news_are_titles_and_descriptions() {
    let csv =
        b"\"3\",\"A, \"\"b\"\"\",\"c\\$ d\"\r\n2, \"two\", plain text\n\n1,\"x\",\"over\ntwo\"";
    let wanted = ["A, \"b\" c\\$ d", "two plain text", "x over\ntwo"];
    assert_eq!(read("test.csv", csv, Some(Preset::AgNews)).unwrap(), wanted);
    assert_eq!(read("test", csv, Some(Preset::AgNews)).unwrap(), wanted);
}

#[test]
fn parquet_gives_its_column_over_all_row_groups() {
    let columns: [(&str, &[Option<&str>]); 2] = [
        ("label", &[Some("0"), Some("1"), Some("2")]),
        ("text", &[Some("one"), None, Some("three — 3")]),
    ];
    for properties in [uncompressed(), snappy()] {
        let bytes = parquet(&columns, 2, properties);
        assert_eq!(read("a.parquet", &bytes, None).unwrap(), ["one", "", "three — 3"]);
    }
    let articles = [Some("b"), Some("a"), Some("b")];
    let bytes = parquet(&[("text", &[None; 3]), ("article", &articles)], 9, snappy());
    assert_eq!(read("a.parquet", &bytes, Some(Preset::Arxiv)).unwrap(), ["b", "a", "b"]);
}

#[test]
fn parquet_is_read_as_writers_write_it() {
    let texts: Vec<String> = (0..3000).map(|i| format!("text {}", i * i % 1000)).collect();
    let all: Vec<Option<&str>> = texts.iter().map(|text| Some(text.as_str())).collect();
    let gaps: Vec<Option<&str>> =
        all.iter().enumerate().map(|(i, text)| text.filter(|_| i % 7 > 0 && i < 2000)).collect();
    let writers = [
        snappy(),
        snappy().set_dictionary_enabled(false),
        snappy().set_data_page_row_count_limit(100).set_write_batch_size(100),
        snappy().set_dictionary_page_size_limit(2000).set_write_batch_size(64),
        snappy().set_writer_version(WriterVersion::PARQUET_2_0),
    ];
    for rows in [all, gaps] {
        let wanted: Vec<&str> = rows.iter().map(|row| row.unwrap_or_default()).collect();
        for (i, writer) in writers.clone().into_iter().enumerate() {
            let bytes = parquet(&[("text", &rows)], 1100, writer);
            assert!(read("a.parquet", &bytes, None).unwrap() == wanted, "writer {i} is misread");
        }
    }
}

#[test]
fn the_format_is_that_of_the_extension_and_else_of_the_set() {
    let format = |name: &str, preset| Format::of(Path::new(name), preset);
    assert_eq!(format("a.ndjson", Some(Preset::Wikitext2)), Format::JsonLines);
    assert_eq!(format("a.parquet", Some(Preset::Ptb)), Format::Parquet);
    assert_eq!(format("a.raw", Some(Preset::Wikitext2)), Format::Lines);
    assert_eq!(format("a.raw", None), Format::Text);
}

#[test]
fn what_is_no_file_of_texts_is_reported() {
    refuses("a.txt", b"", None, &["a.txt", "is empty"]);
    refuses("a.jsonl", b"", None, &["is empty"]);
    refuses("a.csv", b"", None, &["is empty"]);
    refuses("a.parquet", b"", None, &["is empty"]);
    let folder = tempfile::tempdir().unwrap();
    let message = texts(Documents::open(folder.path(), None)).unwrap_err();
    assert!(message.contains("is a folder, expected a file"), "{message}");
    let message = texts(Documents::open(&folder.path().join("none.txt"), None)).unwrap_err();
    assert!(message.contains("none.txt: "), "{message}");
}

#[test]
fn bytes_that_are_not_text_are_reported_with_their_place() {
    refuses("a.txt", b"ab\xffc", None, &["byte 2 is not UTF-8"]);
    refuses("a.raw", b"ab\ncd\xff\n", Some(Preset::Wikitext2), &["byte 5 is not UTF-8"]);
    refuses("a.jsonl", b"{\"text\":\"\"}\n\xff", None, &["byte 12 is not UTF-8"]);
    let mut bytes = parquet(&[("text", &[Some("ab"), Some("PLACE")])], 9, uncompressed());
    let at = bytes.windows(5).position(|window| window == b"PLACE").unwrap();
    bytes[at + 3] = 0xff;
    refuses("a.parquet", &bytes, None, &["row 1 is not UTF-8 at byte 3"]);
}

#[test]
fn broken_lines_are_reported_with_their_number() {
    let good = "{\"text\": \"a\"}\n";
    let after = |bad: &str| format!("{good}\n{bad}").into_bytes();
    refuses("a.jsonl", &after("{\"text\": \"a"), None, &["line 3 is not a JSON object", "column"]);
    refuses("a.jsonl", &after("[1]"), None, &["line 3 is not a JSON object"]);
    let keys = ["line 3 has the keys `a`, `b`, expected `text`", "NameTextKey"];
    refuses("a.jsonl", &after("{\"a\": \"\", \"b\": \"\"}"), None, &keys);
    refuses("a.jsonl", &after("{\"text\": 7}"), None, &["no text under `text`"]);
    refuses("a.jsonl", &after("{\"text\": [7]}"), None, &["no text under `text`"]);
    let news = Some(Preset::AgNews);
    refuses("a.csv", b"1,a,b\n1,a\n", news, &["line 2 has 2 fields, expected 3"]);
    refuses("a.csv", b"1,a,b\n1,a,\"b\n", news, &["line 2 begins a quoted field that does not"]);
    refuses("a.csv", b"id,text\n1,a\n2\n", None, &["line 3 has 1 fields, the header has 2"]);
    let columns = ["line 1 has the columns `1`, `a`, `b`, expected `text`", "NameTextKey"];
    refuses("a.csv", b"1,a,b\n", None, &columns);
    refuses("a.tsv", b"id\ttitle\n1\ta\n", None, &["has the columns `id`, `title`"]);
}

#[test]
fn parquet_that_cannot_be_read_is_reported() {
    refuses("a.parquet", b"no parquet at all", None, &["cannot be read as parquet"]);
    let bytes = parquet(&[("title", &[Some("a")]), ("body", &[Some("b")])], 9, snappy());
    let words = ["has the columns `title`, `body`, expected `text`", "NameTextKey"];
    refuses("a.parquet", &bytes, None, &words);
    let cut = &bytes[..bytes.len() - 9];
    refuses("a.parquet", cut, None, &["cannot be read as parquet"]);
}

#[test]
fn a_damaged_byte_of_parquet_gives_texts_or_an_error() {
    let rows = [Some("one"), None, Some("two"), Some("one")];
    let (mut n_read, mut n_refused) = (0, 0);
    for properties in [uncompressed(), snappy(), uncompressed().set_dictionary_enabled(false)] {
        let whole = parquet(&[("text", &rows)], 9, properties);
        let damaged = file("a.parquet", &whole);
        for at in 0..whole.len() {
            for byte in [0, 0xff, whole[at] ^ 1] {
                let mut bytes = whole.clone();
                bytes[at] = byte;
                std::fs::write(&damaged.path, bytes).unwrap();
                let is_read = texts(Documents::open(&damaged.path, None)).is_ok();
                n_read += usize::from(is_read);
                n_refused += usize::from(!is_read);
            }
        }
    }
    assert!(n_read > 100 && n_refused > 100, "{n_read} read, {n_refused} refused");
}
