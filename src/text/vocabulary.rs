//! Learns a vocabulary from texts: byte-level BPE. Source: Sennrich, Haddow and Birch, 2016; Radford et
//! al., 2019, for bytes.

use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, Tokenizer};

use crate::{Error, Result};

/// Fewest tokens of a vocabulary: one for each byte, and the end of text.
pub const MIN_VOCABULARY: usize = 257;
/// Most tokens of a vocabulary.
const MAX_VOCABULARY: usize = 1 << 20;

/// The bytes of a `tokenizer.json` with `count` tokens, or fewer if the texts are few: `<|endoftext|>`,
/// which is token 0, the bytes, and the most frequent pairs of tokens. The same texts give the same
/// vocabulary.
///
/// # Errors
/// [`Error::Request`] for a count out of range, [`Error::Tokenizer`], and the first error of the texts.
pub fn learn_vocabulary(
    texts: impl Iterator<Item = Result<String>> + Send,
    count: usize,
) -> Result<Vec<u8>> {
    if !(MIN_VOCABULARY..=MAX_VOCABULARY).contains(&count) {
        return Err(Error::request(format!(
            "a vocabulary of {count} tokens, expected {MIN_VOCABULARY} (all bytes, and the end of \
             text) to {MAX_VOCABULARY}"
        )));
    }
    let failed = |e: tokenizers::Error| Error::tokenizer(format!("cannot learn: {e}"));
    let mut tokenizer = Tokenizer::new(BPE::default());
    tokenizer.with_pre_tokenizer(Some(ByteLevel::new(false, true, true)));
    tokenizer.with_decoder(Some(ByteLevel::default()));
    let trainer = BpeTrainer::builder()
        .vocab_size(count)
        .show_progress(false)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .special_tokens(vec![AddedToken::from("<|endoftext|>", true)])
        .build();
    let mut trainer = TrainerWrapper::from(trainer);
    let mut failure = None;
    let texts = texts.map_while(|text| text.map_err(|e| failure = Some(e)).ok());
    // Threads of a pool of its own end with the call.
    let pool = rayon::ThreadPoolBuilder::new().build();
    let pool = pool.map_err(|e| Error::tokenizer(format!("cannot learn: {e}")))?;
    pool.install(|| tokenizer.train(&mut trainer, texts).map(|_| ())).map_err(failed)?;
    match failure {
        Some(e) => Err(e),
        None => Ok(tokenizer.to_string(true).map_err(failed)?.into_bytes()),
    }
}
