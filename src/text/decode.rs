//! From bytes to text: UTF-8 with or without a byte order mark, UTF-16 with one, as Windows
//! PowerShell writes it. And what bytes are that are no text at all.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};

/// The text of a file.
///
/// # Errors
/// What is wrong with the bytes.
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, String> {
    let (encoding, mark) = Encoding::for_bom(bytes).unwrap_or((UTF_8, 0));
    let rest = &bytes[mark..];
    // Text has no such byte, but each letter of UTF-16 has one.
    let nul = rest.iter().position(|byte| *byte == 0).filter(|_| encoding == UTF_8);
    if let Some(at) = nul.map(|at| mark + at) {
        return Err(format!("no text (byte {at} is NUL), or UTF-16 without a byte order mark"));
    }
    let wrong = || match std::str::from_utf8(rest) {
        Err(e) if encoding == UTF_8 => {
            format!("not UTF-8 from byte {} on", mark + e.valid_up_to())
        }
        _ => format!("not whole {}, as its byte order mark says", encoding.name()),
    };
    encoding.decode_without_bom_handling_and_without_replacement(rest).ok_or_else(wrong)
}

/// What a file is that stands in the place of another one, for the usual mishaps of downloads.
pub fn mishap(bytes: &[u8]) -> Option<&'static str> {
    let begins = |mark: &[u8]| bytes.starts_with(mark);
    let start = bytes.get(..bytes.len().min(256)).unwrap_or_default().trim_ascii_start();
    let is_html = |tag: &[u8]| start.get(..tag.len()).is_some_and(|s| s.eq_ignore_ascii_case(tag));
    if begins(b"version https://git-lfs") {
        return Some(
            "a Git LFS pointer, not the file that it stands for (`git lfs pull` fetches it)",
        );
    }
    if is_html(b"<!doctype html") || is_html(b"<html") {
        return Some("an HTML page, such as a server's error, not the file");
    }
    if begins(b"PK\x03\x04") || begins(b"\x80\x02") {
        return Some("a pickle of PyTorch, not a safetensors file");
    }
    if begins(b"\x1f\x8b") || begins(b"\x28\xb5\x2f\xfd") {
        return Some("a compressed file, not the file itself");
    }
    begins(b"GGUF").then_some("a GGUF file, not a safetensors file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_order_marks_say_what_the_bytes_are_and_are_no_text() {
        let utf16 = |mark: [u8; 2], bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            let units = "né".encode_utf16().flat_map(bytes);
            mark.into_iter().chain(units).collect()
        };
        let little = utf16([0xff, 0xfe], u16::to_le_bytes);
        let big = utf16([0xfe, 0xff], u16::to_be_bytes);
        for bytes in ["né".as_bytes(), "\u{feff}né".as_bytes(), &little, &big] {
            assert_eq!(decode(bytes).unwrap(), "né");
        }
        assert_eq!(decode(b"").unwrap(), "");
        assert_eq!(decode(b"ab\xff").unwrap_err(), "not UTF-8 from byte 2 on");
        assert!(decode(&little[..3]).unwrap_err().contains("UTF-16LE"), "half a unit");
        let message = decode(&little[2..]).unwrap_err();
        assert!(message.contains("byte 1 is NUL") && message.contains("without a byte order mark"));
    }

    #[test]
    fn what_a_download_left_is_named() {
        let named = |bytes: &[u8]| mishap(bytes).unwrap_or("nothing").to_string();
        assert!(named(b"version https://git-lfs.github.com/spec/v1\noid").contains("Git LFS"));
        assert!(named(b"\n<!DOCTYPE HTML><p>404").contains("HTML page"));
        assert!(named(b"PK\x03\x04rest").contains("pickle"));
        assert_eq!(named(b"{\"model_type\": 1}"), "nothing");
        assert_eq!(named(b""), "nothing");
    }
}
