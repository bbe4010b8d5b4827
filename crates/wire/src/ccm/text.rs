//! UTF-16 text as the messaging layer frames it.

use thiserror::Error;

/// Why bytes are no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TextError {
    /// An odd number of bytes where 16-bit units must stand.
    #[error("UTF-16 text has an odd number of bytes")]
    OddLength,
    /// A surrogate without its partner.
    #[error("UTF-16 text has an unpaired surrogate")]
    UnpairedSurrogate,
    /// Neither UTF-16 nor UTF-8.
    #[error("text is neither UTF-16 nor UTF-8")]
    Unknown,
}

/// UTF-16LE without byte order mark.
#[must_use]
pub fn utf16le(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// UTF-16LE with byte order mark `FF FE`: header parts, stored policies, `.SMX` files.
#[must_use]
pub fn utf16le_with_mark(text: &str) -> Vec<u8> {
    let mut bytes = vec![0xFF, 0xFE];
    bytes.extend(utf16le(text));
    bytes
}

/// UTF-16LE without byte order mark and with one U+0000 at the end: message bodies, signed ids.
#[must_use]
pub fn utf16le_terminated(text: &str) -> Vec<u8> {
    let mut bytes = utf16le(text);
    bytes.extend([0, 0]);
    bytes
}

/// Decodes what any client may send: UTF-16 in either order with mark, UTF-16LE without, or UTF-8; then drops
/// trailing NULs and line ends (also the two raw bytes `0D 0A` that senders append behind UTF-16 text).
///
/// # Errors
/// [`TextError`] when the bytes are neither.
pub fn decode(bytes: &[u8]) -> Result<String, TextError> {
    let text = match bytes {
        [0xFF, 0xFE, rest @ ..] => from_units(rest, u16::from_le_bytes)?,
        [0xFE, 0xFF, rest @ ..] => from_units(rest, u16::from_be_bytes)?,
        [_, 0, ..] => from_units(bytes, u16::from_le_bytes)?,
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.trim_start_matches('\u{FEFF}').to_owned(),
            Err(_) if bytes.len().is_multiple_of(2) => from_units(bytes, u16::from_le_bytes)?,
            Err(_) => return Err(TextError::Unknown),
        },
    };
    // U+0A0D is how the raw bytes 0D 0A look inside UTF-16LE; no message ends with that unassigned character.
    let kept = text.trim_end_matches(['\0', '\r', '\n', '\u{0A0D}']);
    Ok(kept.to_owned())
}

fn from_units(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, TextError> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    // A sender that appends one line-end byte makes the number odd; anything else is damage.
    if !matches!(rest, [] | [0 | b'\r' | b'\n']) {
        return Err(TextError::OddLength);
    }
    let units = pairs.iter().map(|pair| unit(*pair));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    text.map_err(|_| TextError::UnpairedSurrogate)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_framing_that_clients_use_reads_as_the_same_text() {
        let text = "<a>\u{e9}\u{1F600}</a>";
        let mut with_line_end = utf16le_terminated(text);
        with_line_end.extend(b"\r\n");
        let mut three_nuls = utf16le(text);
        three_nuls.extend([0; 6]);
        let big_endian = [0xFE, 0xFF].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes));
        for bytes in [
            utf16le(text),
            utf16le_with_mark(text),
            utf16le_terminated(text),
            with_line_end,
            three_nuls,
            big_endian.collect(),
            text.as_bytes().to_vec(),
            [b"\xEF\xBB\xBF".as_slice(), text.as_bytes(), b"\r\n\0"].concat(),
        ] {
            assert_eq!(decode(&bytes).unwrap(), text);
        }
    }

    #[test]
    fn damage_is_named() {
        assert_eq!(decode(&[0xFF, 0xFE, b'<', 0, b'a']), Err(TextError::OddLength));
        assert_eq!(decode(&[0xFF, 0xFE, 0x00, 0xD8]), Err(TextError::UnpairedSurrogate));
        assert_eq!(decode(&[b'a', 0xFF, 0xFF]), Err(TextError::Unknown));
        assert_eq!(decode(&[]), Ok(String::new()));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = decode(&bytes);
        }
    }
}
