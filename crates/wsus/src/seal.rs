//! Sealing of cookies: authenticated and unreadable, and the same bytes for the same content.
//!
//! The tag is an HMAC over the content and also the start of the key stream (a synthetic initialisation vector), so no
//! random numbers are needed. Contents differ by a serial number, so no two cookies are equal.

use sha2::{Digest as _, Sha256};

const TAG: usize = 32;
const BLOCK: usize = 64;

/// The key of one SUSDB.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SealKey([u8; 32]);

impl SealKey {
    /// The key that belongs to the text stored in the database.
    pub(crate) fn new(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// Seals `content`, padded so that the result has at least `length` bytes. `purpose` keeps kinds of cookies apart.
    pub(crate) fn seal(&self, purpose: &[u8], content: &[u8], length: usize) -> Vec<u8> {
        // The marker byte shows where the content ends.
        let mut padded = [content, &[1]].concat();
        padded.resize(padded.len().max(length.saturating_sub(TAG)), 0);
        let tag = self.hmac(&[purpose, &padded]);
        self.mix(&tag, &mut padded);
        [&tag[..], &padded].concat()
    }

    /// The content of what [`SealKey::seal`] made with the same key and purpose.
    pub(crate) fn open(&self, purpose: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (tag, body) = sealed.split_first_chunk::<TAG>()?;
        let mut padded = body.to_vec();
        self.mix(tag, &mut padded);
        if self.hmac(&[purpose, &padded]) != *tag {
            return None;
        }
        let end = padded.iter().rposition(|byte| *byte != 0)?;
        padded.truncate(end);
        Some(padded)
    }

    /// Adds the key stream that begins with `tag`; doing it twice gives the old bytes back.
    fn mix(&self, tag: &[u8; TAG], bytes: &mut [u8]) {
        for (number, chunk) in (0_u64..).zip(bytes.chunks_mut(TAG)) {
            let stream = self.hmac(&[b"stream", tag, &number.to_le_bytes()]);
            for (byte, key) in chunk.iter_mut().zip(stream) {
                *byte ^= key;
            }
        }
    }

    /// HMAC-SHA-256 (RFC 2104) over the parts one after another.
    fn hmac(&self, parts: &[&[u8]]) -> [u8; TAG] {
        let mut block = [0; BLOCK];
        block[..self.0.len()].copy_from_slice(&self.0);
        let start = Sha256::new_with_prefix(block.map(|byte| byte ^ 0x36));
        let inner = parts.iter().fold(start, Sha256::chain_update);
        Sha256::new_with_prefix(block.map(|byte| byte ^ 0x5C)).chain_update(inner.finalize()).finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_with_the_same_key_and_purpose_only() {
        let key = SealKey::new("a");
        let sealed = key.seal(b"x", b"content\0", 224);
        assert_eq!(sealed.len(), 224);
        assert_eq!(key.open(b"x", &sealed).unwrap(), b"content\0");
        assert_eq!(key.open(b"y", &sealed), None);
        assert_eq!(SealKey::new("b").open(b"x", &sealed), None);
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert_eq!(key.open(b"x", &damaged), None, "byte {at}");
        }
        assert_eq!(key.open(b"x", &sealed[..20]), None);
    }

    #[test]
    fn long_content_makes_a_longer_seal_and_the_hash_is_the_standard_one() {
        let key = SealKey::new("a");
        let sealed = key.seal(b"x", &[7; 300], 224);
        assert_eq!(sealed.len(), 333);
        assert_eq!(key.open(b"x", &sealed).unwrap(), [7; 300]);
        // RFC 4231, test case 1 with its 20-byte key padded to 32 bytes: HMAC pads keys with zeros anyway.
        let mut bytes = [0; 32];
        bytes[..20].fill(0x0B);
        let tag = SealKey(bytes).hmac(&[b"Hi ", b"There"]);
        assert_eq!(tag[..4], [0xB0, 0x34, 0x4C, 0x61]);
    }
}
