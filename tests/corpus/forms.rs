//! The forms that a file of texts comes in: encodings, compression, tables, JSON, pipes.

use std::io::Write;
use std::sync::Arc;

use bdlm::eval::data::{DataFile, Documents, Format, ReadOptions};
use parquet::basic::{BrotliLevel, Compression, Encoding, GzipLevel, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::{file, parquet, texts, uncompressed};

/// The documents of a file of this name and content, under a key.
fn read_under(name: &str, bytes: &[u8], key: Option<&str>) -> Result<Vec<String>, String> {
    let options = ReadOptions { text_key: key.map(String::from), ..ReadOptions::default() };
    texts(DataFile::open(&file(name, bytes).path).and_then(|file| file.documents(&options)))
}

fn read(name: &str, bytes: &[u8]) -> Result<Vec<String>, String> {
    read_under(name, bytes, None)
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    format!("\u{feff}{text}").encode_utf16().flat_map(bytes).collect()
}

#[test]
fn a_text_is_the_same_in_every_encoding_and_with_every_line_end() {
    let texts = [
        ("a.txt", "Zoë went.\nShe saw — 🦊.\n", vec!["Zoë went.\nShe saw — 🦊.\n"]),
        ("a.jsonl", "{\"text\": \"Zoë\"}\n{\"text\": \"a\\nb\"}\n", vec!["Zoë", "a\nb"]),
        ("a.csv", "id,text\n1,Zoë\n2,\"a\nb\"\n", vec!["Zoë", "a\nb"]),
    ];
    for (name, text, wanted) in texts {
        for text in [text.to_string(), text.replace('\n', "\r\n")] {
            let encoded = [
                text.clone().into_bytes(),
                format!("\u{feff}{text}").into_bytes(),
                utf16(&text, u16::to_le_bytes),
                utf16(&text, u16::to_be_bytes),
            ];
            for (i, bytes) in encoded.into_iter().enumerate() {
                assert_eq!(read(name, &bytes).unwrap(), wanted, "{name} {i}");
            }
        }
    }
    // A document's own line ends, which JSON writes as escapes.
    assert_eq!(read("a.jsonl", b"{\"text\": \"a\\r\\nb\"}").unwrap(), ["a\nb"]);
}

#[test]
fn what_is_no_text_is_named() {
    let without_mark = &utf16("text", u16::to_le_bytes)[2..];
    for (bytes, words) in [
        (without_mark, "UTF-16 without a byte order mark"),
        (b"BZh91AY&SY", "compressed with bzip2"),
        (b"\xfd7zXZ\0\0", "compressed with xz"),
        (b"PK\x03\x04....", "a zip archive"),
        (b"\x1f\x8b\x08\0cut", "cannot be decompressed, it is damaged or cut short"),
        (b"\xff\xfea", "is not whole UTF-16LE"),
    ] {
        let message = read("a.txt", bytes).unwrap_err();
        assert!(message.contains(words) && message.contains("a.txt"), "{message}");
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn compressed_texts_are_read_as_they_are_named_inside() {
    let lines = b"{\"text\": \"one\"}\n{\"text\": \"two\"}\n";
    for compressed in [gzip(lines), zstd::encode_all(&lines[..], 3).unwrap()] {
        assert_eq!(read("a.jsonl.gz", &compressed).unwrap(), ["one", "two"]);
        assert_eq!(read("a.jsonl.zst", &compressed).unwrap(), ["one", "two"], "by its bytes");
        assert_eq!(read("a.JSONL.GZ", &compressed).unwrap(), ["one", "two"]);
    }
    // As `cat a.gz b.gz` and pigz write it.
    let joined = [gzip(b"one "), gzip(b"two")].concat();
    assert_eq!(read("a.txt.gz", &joined).unwrap(), ["one two"]);
    let cut = &gzip(&b"some text ".repeat(1000))[..40];
    let message = read("a.txt.gz", cut).unwrap_err();
    assert!(message.contains("cut short"), "{message}");
    let utf16 = gzip(&utf16("Zoë\r\n", u16::to_le_bytes));
    assert_eq!(read("a.txt.gz", &utf16).unwrap(), ["Zoë\n"]);
}

#[test]
fn json_may_be_arrays_or_stand_on_several_lines() {
    for (json, wanted) in [
        ("[{\"text\": \"a\"}, {\"text\": \"b\"}]", vec!["a", "b"]),
        ("[\n  {\n    \"text\": \"a\"\n  },\n  {\"text\": \"b\"}\n]\n", vec!["a", "b"]),
        ("[\"a\", \"b\"]", vec!["a", "b"]),
        ("{\n  \"text\": \"a\",\n  \"n\": 1\n}\n{\n  \"text\": \"b\"\n}", vec!["a", "b"]),
        ("{\"text\": \"a\"}{\"text\": \"b\"}", vec!["a", "b"]),
        ("\n\n{\"text\": \"a\"}\n\n{\"text\": null}\n", vec!["a", ""]),
        ("[[], {}]", vec![]),
        ("[]", vec![]),
    ] {
        let got = read("a.json", json.as_bytes());
        match wanted.is_empty() && json != "[]" {
            true => assert!(got.is_err(), "{json} {got:?}"),
            false => assert_eq!(got.unwrap(), wanted, "{json}"),
        }
    }
    for (json, words) in [
        ("[{\"text\": \"a\"},\n {\"text\": 1}]", "line 2 has no text under `text`"),
        ("[{\"text\": \"a\"},\n {\"txt\": \"b\"}]", "line 2 has the keys `txt`"),
        ("[{\"text\": \"a\"},\n", "line 2 ends inside an array"),
        ("[{\"text\": \"a\"},\n {\"text\" \"b\"}]", "line 2 is not JSON"),
        ("[3]", "line 1 has 3, expected an object"),
        ("once upon", "line 1 is not a JSON object or array"),
        ("{\n\"text\": \"a\"\n}\n\n]", "line 5 is not a JSON object or array"),
    ] {
        let message = read("a.json", json.as_bytes()).unwrap_err();
        assert!(message.contains(words), "{json}: {message}");
    }
}

#[test]
fn a_key_can_be_named_and_lie_inside() {
    let lines = b"{\"content\": \"a\", \"page\": {\"body\": \"b\"}, \"page.x\": \"c\"}";
    let under = |key| read_under("a.jsonl", lines, Some(key)).map(|texts| texts.concat());
    assert_eq!(under("content").unwrap(), "a");
    assert_eq!(under("page.body").unwrap(), "b");
    assert_eq!(under("page.x").unwrap(), "c", "a key may have a dot");
    let message = under("page.y").unwrap_err();
    assert!(message.contains("`content`, `page`, `page.x`, expected `page.y`"), "{message}");
    let csv = b"id,body\n1,one\n";
    assert_eq!(read_under("a.csv", csv, Some("body")).unwrap(), ["one"]);
}

#[test]
fn tables_are_read_by_the_header_s_names() {
    let wanted = ["one", "two, \"2\"", " over\ntwo lines"];
    for (name, table) in [
        ("a.csv", "id,text,n\n1,one,5\n\n2,\"two, \"\"2\"\"\",6\n3,\" over\ntwo lines\",7\n"),
        ("a.csv", "\"id\";\"text\"\n1;one\n2;\"two, \"\"2\"\"\"\n3;\" over\ntwo lines\"\n"),
        ("a.csv", "sep=;\nid;text\n1;one\n2;\"two, \"\"2\"\"\"\n3;\" over\ntwo lines\"\n"),
        ("a.tsv", "id\ttext\n1\tone\n2\ttwo, \"2\"\n3\t\" over\ntwo lines\"\n"),
        ("a.csv", "text\none\n\"two, \"\"2\"\"\"\n\" over\ntwo lines\"\n"),
    ] {
        assert_eq!(read(name, table.as_bytes()).unwrap(), wanted, "{table}");
    }
    assert_eq!(read("a.csv", b"id, text\n1, \"a\"\n").unwrap(), ["a"], "spaces around names");
}

#[test]
fn a_pipe_is_read_to_its_end_and_known_by_how_it_begins() {
    let copied = |bytes: &[u8]| {
        let mut reader = bytes;
        let file = DataFile::copied(std::path::Path::new("stdin"), &mut reader);
        texts(file.and_then(|file| file.documents(&ReadOptions::default())))
    };
    assert_eq!(copied(b"plain {\"text\"}").unwrap(), ["plain {\"text\"}"]);
    assert_eq!(copied(b"{\"text\": \"a\"}\n").unwrap(), ["a"]);
    assert_eq!(copied(b"[\n {\"text\": \"a\"}]").unwrap(), ["a"]);
    assert_eq!(copied(&gzip(b"{\"text\": \"a\"}")).unwrap(), ["a"]);
    let table = parquet(&[("text", &[Some("a")])], 9, uncompressed());
    assert_eq!(copied(&table).unwrap(), ["a"]);
    assert!(copied(b"").unwrap_err().contains("stdin: is empty"));
    let mut twice =
        DataFile::copied(std::path::Path::new("x.csv"), &mut &b"text\na\n"[..]).unwrap();
    let digest = twice.sha256().unwrap();
    let again = twice.again().unwrap();
    assert_eq!(texts(again.documents(&ReadOptions::default())).unwrap(), ["a"]);
    assert_eq!(twice.sha256().unwrap(), digest, "it can be looked at again");
    assert_eq!(texts(twice.documents(&ReadOptions::default())).unwrap(), ["a"]);
}

#[test]
fn a_format_can_be_asked_for() {
    let lines = file("a.log", "one\r\n two \n");
    let as_format = |format| {
        let options = ReadOptions { format: Some(format), ..ReadOptions::default() };
        texts(DataFile::open(&lines.path).and_then(|file| file.documents(&options)))
    };
    assert_eq!(as_format(Format::TrimmedLines).unwrap(), ["one", "two"]);
    assert_eq!(as_format(Format::Text).unwrap(), ["one\n two \n"]);
    assert!(as_format(Format::JsonLines).unwrap_err().contains("line 1"));
    assert!(as_format(Format::Parquet).unwrap_err().contains("cannot be read as parquet"));
}

#[test]
fn parquet_is_read_with_every_codec_and_encoding() {
    let many: Vec<String> = (0..700).map(|i| format!("a text {} — {i}", i * i % 97)).collect();
    let rows: Vec<Option<&str>> =
        many.iter().enumerate().map(|(i, t)| (i % 5 > 0).then_some(t.as_str())).collect();
    let wanted: Vec<&str> = rows.iter().map(|row| row.unwrap_or_default()).collect();
    let codecs = [
        Compression::ZSTD(ZstdLevel::default()),
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
    ];
    let encodings = [Encoding::DELTA_LENGTH_BYTE_ARRAY, Encoding::DELTA_BYTE_ARRAY];
    for codec in codecs {
        let bytes = parquet(&[("text", &rows)], 300, uncompressed().set_compression(codec));
        assert_eq!(read("a.parquet", &bytes).unwrap(), wanted, "{codec}");
    }
    for encoding in encodings {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            let properties = uncompressed()
                .set_dictionary_enabled(false)
                .set_encoding(encoding)
                .set_writer_version(version)
                .set_write_batch_size(64)
                .set_data_page_row_count_limit(130);
            let bytes = parquet(&[("text", &rows)], 300, properties);
            assert_eq!(read("a.parquet", &bytes).unwrap(), wanted, "{encoding} {version:?}");
        }
    }
}

/// A file of two nested columns and one of numbers: a list of texts and a text in a group, per row.
fn nested() -> Vec<u8> {
    let schema = "message rows {
        optional group texts (LIST) { repeated group list { optional binary element (UTF8); } }
        optional group page { optional binary body (UTF8); }
        required int64 n;
    }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut bytes = Vec::new();
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let array = |texts: &[&str]| texts.iter().map(|&t| ByteArray::from(t)).collect::<Vec<_>>();
    // ["a", "b"], none, [], ["c", none, "d"]
    let mut column = group.next_column().unwrap().unwrap();
    let (definitions, repetitions) = ([3, 3, 0, 1, 3, 2, 3], [0, 1, 0, 0, 0, 1, 1]);
    let typed = column.typed::<ByteArrayType>();
    typed
        .write_batch(&array(&["a", "b", "c", "d"]), Some(&definitions), Some(&repetitions))
        .unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let typed = column.typed::<ByteArrayType>();
    typed.write_batch(&array(&["one", "four"]), Some(&[2, 0, 1, 2]), None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(&[1, 2, 3, 4], None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn nested_columns_of_parquet_have_paths_for_names() {
    let bytes = nested();
    let under = |key| read_under("a.parquet", &bytes, Some(key));
    assert_eq!(under("page.body").unwrap(), ["one", "", "", "four"]);
    assert_eq!(under("texts.list.element").unwrap(), ["a\nb", "", "", "c\nd"]);
    let message = under("text").unwrap_err();
    let all = "has the columns `texts.list.element`, `page.body`, `n`, expected `text`";
    assert!(message.contains(all) && message.contains("NameTextKey"), "{message}");
    let message = under("texts").unwrap_err();
    assert!(message.contains("has the nested columns `texts.list.element`, expected `texts`"));
    assert!(message.contains("NameTextKey"), "{message}");
    assert!(under("n").unwrap_err().contains("has INT64 in the column `n`, expected texts"));
}

#[test]
fn what_follows_a_damaged_document_is_not_read() {
    let damaged = file("a.jsonl", "{\"text\": \"a\"}\n{\"text\": 5}\n{\"text\": \"b\"}\n");
    let mut documents = Documents::open(&damaged.path, None).unwrap();
    assert_eq!(documents.next().unwrap().unwrap(), "a");
    assert!(documents.next().unwrap().is_err());
}
