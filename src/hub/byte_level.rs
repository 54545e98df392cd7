//! The older form of a byte-level tokenizer, a vocabulary and merges in two files, as one
//! `tokenizer.json`.

use serde_json::{Map, Value, json};

use crate::hub::bytes::FileBytes;
use crate::{Error, Result};

/// Tokens that stand for no bytes, in RoBERTa's spelling.
const SPECIAL: [&str; 5] = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"];

/// The bytes of a `tokenizer.json` made of `vocab.json` and `merges.txt`, if both are there.
///
/// # Errors
/// [`Error::Tokenizer`] for files that are none, and those of `find`.
pub fn byte_level_tokenizer(
    find: &mut dyn FnMut(&str) -> Result<Option<FileBytes>>,
) -> Result<Option<FileBytes>> {
    let (Some(vocabulary), Some(merges)) = (find("vocab.json")?, find("merges.txt")?) else {
        return Ok(None);
    };
    let json = tokenizer_json(&vocabulary, &merges)?;
    Ok(Some(FileBytes::new(vocabulary.path(), json)))
}

fn tokenizer_json(vocabulary: &FileBytes, merges: &FileBytes) -> Result<Vec<u8>> {
    let path = |file: &FileBytes| file.path().display().to_string();
    let wrong = |e| Error::tokenizer(format!("{} is no vocabulary: {e}", path(vocabulary)));
    let ids: Map<String, Value> = serde_json::from_slice(vocabulary).map_err(wrong)?;
    let text = std::str::from_utf8(merges);
    let wrong = |e| Error::tokenizer(format!("{} is no list of merges: {e}", path(merges)));
    let merges: Vec<&str> = text.map_err(wrong)?.lines().filter(|line| is_merge(line)).collect();
    let special = SPECIAL.iter().filter_map(|&token| Some((token, ids.get(token)?)));
    let added: Vec<Value> = special
        .map(|(token, id)| {
            json!({
                "id": id, "content": token, "single_word": false, "lstrip": token == "<mask>",
                "rstrip": false, "normalized": false, "special": true,
            })
        })
        .collect();
    let bytes = json!({
        "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true,
    });
    let whole = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
        "normalizer": null, "pre_tokenizer": bytes, "post_processor": null, "decoder": bytes,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
            "end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false,
            "vocab": ids, "merges": merges,
        },
    });
    Ok(whole.to_string().into_bytes())
}

/// Two parts with a space between them; the first line says the version.
fn is_merge(line: &str) -> bool {
    !line.is_empty() && !line.starts_with("#version")
}
