//! The digest that a file is known by, as `sha256sum` and the hub show it.

use sha2::Digest;

/// Digest of bytes that come in parts.
#[derive(Clone, Debug, Default)]
pub struct Sha256 {
    inner: sha2::Sha256,
}

impl Sha256 {
    /// Of no byte.
    pub fn new() -> Sha256 {
        Sha256::default()
    }

    /// Of these bytes, in hexadecimal.
    pub fn of(bytes: &[u8]) -> String {
        let mut digest = Sha256::new();
        digest.add(bytes);
        digest.hex()
    }

    /// Adds bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.inner.update(bytes);
    }

    /// Adds everything that can be read.
    ///
    /// # Errors
    /// The reader's.
    pub fn read(&mut self, reader: &mut impl std::io::Read) -> std::io::Result<()> {
        let mut buffer = vec![0; 1 << 16];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(n) => self.add(&buffer[..n]),
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// The digest, in hexadecimal.
    pub fn hex(self) -> String {
        self.inner.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_that_of_sha256sum() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Sha256::of(b"abc"), abc);
        let mut parts = Sha256::new();
        parts.add(b"a");
        parts.read(&mut &b"bc"[..]).unwrap();
        assert_eq!(parts.hex(), abc);
    }
}
