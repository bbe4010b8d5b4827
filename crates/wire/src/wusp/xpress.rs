//! The `xpress` content coding of MS-WUSP 2.1.1: framed blocks of MS-XCA "Plain LZ77".
//!
//! A body is a sequence of blocks, each a little-endian `int32` original size, a little-endian
//! `int32` compressed size, and the bytes; equal sizes mean that the block is stored (capture).

use thiserror::Error;

use crate::limits;

/// Bytes of input that a server puts into one block (capture; MS-WUSP note 8 allows up to 65,535).
pub const BLOCK: usize = 16_352;

/// The largest size that either field of a block header may hold (MS-WUSP 2.1.1).
pub const MAX_BLOCK: usize = 65_535;

/// How far back a match may reach: 13 bits of distance (MS-XCA 2.4).
const WINDOW: usize = 8_192;

/// Slots of the encoder's table of recent three-byte sequences.
const HASH_SLOTS: usize = 4_096;

/// The longest match the encoder looks for; longer runs become several matches.
const MAX_MATCH: usize = MAX_BLOCK;

/// Why a body is not valid `xpress`. `at` is the byte offset in the encoded body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum XpressError {
    /// The body ends inside a block header or a block.
    #[error("xpress: the body ends inside a block (byte {at})")]
    Truncated {
        /// Byte offset in the encoded body.
        at: usize,
    },
    /// A block header names a size that is zero, negative or above 65,535.
    #[error("xpress: a block at byte {at} claims {size} bytes; 1 to 65535 are allowed")]
    BlockSize {
        /// Byte offset in the encoded body.
        at: usize,
        /// The size the header claims.
        size: u32,
    },
    /// A match reaches back before the start of its block or runs over its end.
    #[error("xpress: a match at byte {at} lies outside its block")]
    Match {
        /// Byte offset in the encoded body.
        at: usize,
    },
    /// The decoded body would be larger than the `bytes` of [`limits::SOAP_XML`].
    #[error("xpress: the decoded body is larger than {limit} bytes", limit = limits::SOAP_XML.bytes)]
    TooLarge,
}

/// Encodes `plain` in blocks of [`BLOCK`] bytes; a block that would not shrink is stored.
#[must_use]
pub fn encode(plain: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(plain.len() / 3 + 16);
    for block in plain.chunks(BLOCK) {
        let compressed = compress(block);
        let body = if compressed.len() < block.len() { &compressed[..] } else { block };
        encoded.extend_from_slice(&size_field(block.len()));
        encoded.extend_from_slice(&size_field(body.len()));
        encoded.extend_from_slice(body);
    }
    encoded
}

fn size_field(size: usize) -> [u8; 4] {
    u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes()
}

/// Decodes a whole body.
///
/// # Errors
/// [`XpressError`] if a block is cut off, claims an impossible size, refers outside itself, or the
/// result would exceed the `bytes` of [`limits::SOAP_XML`].
pub fn decode(encoded: &[u8]) -> Result<Vec<u8>, XpressError> {
    let mut plain = Vec::new();
    let mut at = 0;
    while at < encoded.len() {
        let header = at;
        let original = block_size(encoded, header)?;
        let compressed = block_size(encoded, header + 4)?;
        at += 8;
        let body = encoded.get(at..at + compressed).ok_or(XpressError::Truncated { at })?;
        if plain.len() + original > limits::SOAP_XML.bytes {
            return Err(XpressError::TooLarge);
        }
        if original == compressed {
            plain.extend_from_slice(body);
        } else {
            decompress(body, original, at, &mut plain)?;
        }
        at += compressed;
    }
    Ok(plain)
}

fn block_size(encoded: &[u8], at: usize) -> Result<usize, XpressError> {
    let field = encoded.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).ok_or(XpressError::Truncated { at })?;
    let size = u32::from_le_bytes(field);
    match usize::try_from(size) {
        Ok(bytes) if (1..=MAX_BLOCK).contains(&bytes) => Ok(bytes),
        _ => Err(XpressError::BlockSize { at, size }),
    }
}

/// Reads the compressed bytes of one block; `base` is where they start in the body, for messages.
struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
    base: usize,
}

impl Input<'_> {
    fn byte(&mut self) -> Result<u8, XpressError> {
        let byte = *self.bytes.get(self.at).ok_or(self.truncated())?;
        self.at += 1;
        Ok(byte)
    }

    fn u16(&mut self) -> Result<usize, XpressError> {
        Ok(usize::from(u16::from_le_bytes([self.byte()?, self.byte()?])))
    }

    fn u32(&mut self) -> Result<u32, XpressError> {
        Ok(u32::from_le_bytes([self.byte()?, self.byte()?, self.byte()?, self.byte()?]))
    }

    fn truncated(&self) -> XpressError {
        XpressError::Truncated { at: self.base + self.at }
    }
}

/// MS-XCA 2.4.4: appends exactly `original` bytes to `plain`.
fn decompress(bytes: &[u8], original: usize, base: usize, plain: &mut Vec<u8>) -> Result<(), XpressError> {
    let start = plain.len();
    let end = start + original;
    let mut input = Input { bytes, at: 0, base };
    let mut flags = 0;
    let mut flags_left = 0;
    // Position of a byte whose upper half is still to be used as a match length.
    let mut half_byte: Option<usize> = None;
    while plain.len() < end {
        if flags_left == 0 {
            flags = input.u32()?;
            flags_left = 32;
        }
        flags_left -= 1;
        if flags & (1 << flags_left) == 0 {
            plain.push(input.byte()?);
            continue;
        }
        let token_at = base + input.at;
        let token = input.u16()?;
        let distance = (token >> 3) + 1;
        let length = match_length(token & 7, &mut input, &mut half_byte, token_at)?;
        let outside = distance > plain.len() - start || length > end - plain.len();
        if outside {
            return Err(XpressError::Match { at: token_at });
        }
        for _ in 0..length {
            plain.push(plain[plain.len() - distance]);
        }
    }
    Ok(())
}

/// The length of a match whose token holds `short` (0 to 7) in its low three bits.
fn match_length(
    short: usize,
    input: &mut Input<'_>,
    half_byte: &mut Option<usize>,
    token_at: usize,
) -> Result<usize, XpressError> {
    if short < 7 {
        return Ok(short + 3);
    }
    let nibble = match half_byte.take() {
        Some(at) => usize::from(input.bytes[at] >> 4),
        None => {
            *half_byte = Some(input.at);
            usize::from(input.byte()? & 0x0F)
        }
    };
    if nibble < 15 {
        return Ok(nibble + 7 + 3);
    }
    let byte = usize::from(input.byte()?);
    if byte < 255 {
        return Ok(byte + 15 + 7 + 3);
    }
    let mut long = input.u16()?;
    if long == 0 {
        long = usize::try_from(input.u32()?).unwrap_or(usize::MAX);
    }
    // The long forms hold the length less three; below 22 a shorter form had to be used.
    if !(15 + 7..=MAX_BLOCK).contains(&long) {
        return Err(XpressError::Match { at: token_at });
    }
    Ok(long + 3)
}

/// MS-XCA 2.4.3 with a table of the latest position of each three-byte sequence: greedy, one pass.
fn compress(block: &[u8]) -> Vec<u8> {
    let mut output = Output::new(block.len());
    let mut latest = vec![usize::MAX; HASH_SLOTS];
    let mut at = 0;
    while at < block.len() {
        let found = find_match(block, at, &mut latest);
        match found {
            Some((distance, length)) => {
                output.match_token(distance, length);
                // Positions inside a match are entered too, or a repeated text is found only once.
                for inside in at + 1..at + length {
                    remember(block, inside, &mut latest);
                }
                at += length;
            }
            None => {
                output.literal(block[at]);
                at += 1;
            }
        }
    }
    output.finish()
}

fn slot(block: &[u8], at: usize) -> Option<usize> {
    let bytes = block.get(at..at + 3)?;
    let value = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]);
    usize::try_from(value.wrapping_mul(0x9E37_79B1) >> 20).ok()
}

fn remember(block: &[u8], at: usize, latest: &mut [usize]) -> Option<usize> {
    let slot = slot(block, at)?;
    Some(std::mem::replace(&mut latest[slot], at))
}

fn find_match(block: &[u8], at: usize, latest: &mut [usize]) -> Option<(usize, usize)> {
    let candidate = remember(block, at, latest)?;
    if candidate == usize::MAX || at - candidate > WINDOW {
        return None;
    }
    let length =
        block[at..].iter().zip(&block[candidate..]).take(MAX_MATCH).take_while(|(new, old)| new == old).count();
    (length >= 3).then_some((at - candidate, length))
}

/// Collects tokens and the 32-bit groups of flags in front of them.
struct Output {
    bytes: Vec<u8>,
    flags: u32,
    flags_used: u32,
    flags_at: usize,
    half_byte: Option<usize>,
}

impl Output {
    fn new(expected: usize) -> Self {
        let mut bytes = Vec::with_capacity(expected + 8);
        bytes.extend_from_slice(&[0; 4]);
        Self { bytes, flags: 0, flags_used: 0, flags_at: 0, half_byte: None }
    }

    fn flag(&mut self, is_match: bool) {
        self.flags = self.flags << 1 | u32::from(is_match);
        self.flags_used += 1;
        if self.flags_used == 32 {
            self.store_flags();
            self.flags_at = self.bytes.len();
            self.bytes.extend_from_slice(&[0; 4]);
            self.flags = 0;
            self.flags_used = 0;
        }
    }

    fn store_flags(&mut self) {
        self.bytes[self.flags_at..self.flags_at + 4].copy_from_slice(&self.flags.to_le_bytes());
    }

    fn literal(&mut self, byte: u8) {
        // The byte goes in first: a full group of flags reserves the next one behind it.
        self.bytes.push(byte);
        self.flag(false);
    }

    fn match_token(&mut self, distance: usize, length: usize) {
        let rest = length - 3;
        let token = (distance - 1) << 3 | rest.min(7);
        self.bytes.extend_from_slice(&low_u16(token));
        if rest >= 7 {
            self.long_length(rest);
        }
        self.flag(true);
    }

    fn long_length(&mut self, rest: usize) {
        let nibble = low_u8((rest - 7).min(15));
        match self.half_byte.take() {
            Some(at) => self.bytes[at] |= nibble << 4,
            None => {
                self.half_byte = Some(self.bytes.len());
                self.bytes.push(nibble);
            }
        }
        if rest < 7 + 15 {
            return;
        }
        let byte = low_u8((rest - 7 - 15).min(255));
        self.bytes.push(byte);
        if byte == 255 {
            self.bytes.extend_from_slice(&low_u16(rest));
        }
    }

    fn finish(mut self) -> Vec<u8> {
        let unused = 32 - self.flags_used;
        // Unused flags are ones: a decoder that looks at them finds "match" and the end of input.
        let ones = if unused == 32 { u32::MAX } else { (1 << unused) - 1 };
        self.flags = self.flags.checked_shl(unused).unwrap_or(0) | ones;
        self.store_flags();
        self.bytes
    }
}

fn low_u16(value: usize) -> [u8; 2] {
    let bytes = value.to_le_bytes();
    [bytes[0], bytes[1]]
}

fn low_u8(value: usize) -> u8 {
    value.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn published_vectors_of_the_algorithm() {
        // MS-XCA 3.1: the alphabet has no repetition, "abc" a hundred times is one long match.
        let alphabet: Vec<u8> = (b'a'..=b'z').collect();
        let mut expected = vec![0x3F, 0, 0, 0];
        expected.extend_from_slice(&alphabet);
        assert_eq!(compress(&alphabet), expected);
        let repeated = b"abc".repeat(100);
        let coded = [0xFF, 0xFF, 0xFF, 0x1F, b'a', b'b', b'c', 0x17, 0x00, 0x0F, 0xFF, 0x26, 0x01];
        assert_eq!(compress(&repeated), coded);
        let mut plain = Vec::new();
        decompress(&coded, 300, 0, &mut plain).unwrap();
        assert_eq!(plain, repeated);
    }

    #[test]
    fn a_block_that_would_grow_is_stored() {
        let encoded = encode(b"abcdefghijklmnopqrstuvwxyz");
        assert_eq!(encoded[..8], [26, 0, 0, 0, 26, 0, 0, 0]);
        assert_eq!(encoded[8..], *b"abcdefghijklmnopqrstuvwxyz");
        let framed = encode(&b"abc".repeat(100));
        assert_eq!(framed[..8], [0x2C, 1, 0, 0, 13, 0, 0, 0]);
    }

    #[test]
    fn input_is_cut_after_16352_bytes_and_an_empty_body_stays_empty() {
        let encoded = encode(&vec![b'x'; BLOCK + 1]);
        assert_eq!(u32::from_le_bytes(encoded[..4].try_into().unwrap()), 16_352);
        let second = encoded.len() - 9;
        assert_eq!(encoded[second..], [1, 0, 0, 0, 1, 0, 0, 0, b'x']);
        assert!(encode(b"").is_empty());
    }

    #[test]
    fn sizes_are_refused_outside_1_to_65535() {
        let stored = |size: u32| {
            let mut body = size.to_le_bytes().repeat(2);
            body.resize(8 + usize::try_from(size).unwrap_or(0).min(70_000), b'x');
            body
        };
        assert_eq!(decode(&stored(65_535)).unwrap().len(), 65_535);
        assert_eq!(decode(&stored(65_536)), Err(XpressError::BlockSize { at: 0, size: 65_536 }));
        assert_eq!(decode(&stored(0)), Err(XpressError::BlockSize { at: 0, size: 0 }));
    }

    #[test]
    fn a_decoded_body_may_be_as_large_as_the_limit_and_not_larger() {
        let block = compress(&vec![0; MAX_BLOCK]);
        let mut frame = [size_field(MAX_BLOCK), size_field(block.len())].concat();
        frame.extend_from_slice(&block);
        let whole = limits::SOAP_XML.bytes / MAX_BLOCK;
        let rest = limits::SOAP_XML.bytes % MAX_BLOCK;
        let mut at_limit = frame.repeat(whole);
        if rest > 0 {
            at_limit.extend_from_slice(&encode(&vec![0; rest.min(BLOCK)]));
        }
        assert!(decode(&at_limit).is_ok());
        at_limit.extend_from_slice(&frame);
        assert_eq!(decode(&at_limit), Err(XpressError::TooLarge));
    }

    #[test]
    fn a_match_before_the_block_or_past_its_end_is_refused() {
        // First token is a match, so nothing lies behind it.
        let body = [0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00];
        assert!(matches!(decompress(&body, 9, 0, &mut Vec::new()), Err(XpressError::Match { .. })));
        // One literal, then a match of three into a block of two.
        let body = [0xFF, 0xFF, 0xFF, 0x7F, b'a', 0x00, 0x00];
        assert!(matches!(decompress(&body, 2, 0, &mut Vec::new()), Err(XpressError::Match { .. })));
    }

    proptest! {
        #[test]
        fn any_bytes_survive(plain in proptest::collection::vec(any::<u8>(), 0..40_000)) {
            prop_assert_eq!(decode(&encode(&plain)).unwrap(), plain);
        }

        #[test]
        fn repetitive_text_survives(parts in proptest::collection::vec("(<UpdateInfo>|<ID>|[0-9]{1,6}|</ID>|a{1,400})", 0..400)) {
            let plain = parts.concat().into_bytes();
            prop_assert_eq!(decode(&encode(&plain)).unwrap(), plain);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&bytes);
            let mut framed = [size_field(500), size_field(bytes.len().max(1))].concat();
            framed.extend_from_slice(&bytes);
            let _ = decode(&framed);
        }
    }
}
