//! From characters to the bytes of a file and back.

use crate::cmtrace;
use crate::error::{self, ParseError};
use crate::log::Format;

impl Format {
    /// The bytes a new file of this format starts with: a byte order mark or nothing. (Header lines are records' business.)
    #[must_use]
    pub const fn prologue(self) -> &'static [u8] {
        match self {
            Self::CmTrace => cmtrace::BOM.as_bytes(),
            Self::ReportingEvents | Self::Msi => &[0xFF, 0xFE],
            _ => &[],
        }
    }

    /// The bytes of `text` in files of this format: UTF-16LE for two of them (`inferred`), UTF-8 for all others.
    #[must_use]
    pub fn encode(self, text: &str) -> Vec<u8> {
        match self {
            Self::ReportingEvents | Self::Msi => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            _ => text.as_bytes().to_vec(),
        }
    }
}

/// The text of a UTF-16LE file with byte order mark.
pub(crate) fn utf16(bytes: &[u8]) -> Result<String, ParseError> {
    error::check_size(bytes.len())?;
    let Some(body) = bytes.strip_prefix(&[0xFF, 0xFE]) else {
        return Err(ParseError::at(bytes, 0, "the file does not start with a UTF-16LE byte order mark"));
    };
    if !body.len().is_multiple_of(2) {
        return Err(ParseError::at(bytes, bytes.len(), "half a UTF-16 unit at the end"));
    }
    let units: Vec<u16> = body.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16(&units).map_err(|_| ParseError::at(bytes, 0, "the bytes are not UTF-16"))
}

/// The text of a file in either encoding, with replacement characters for what is neither.
pub(crate) fn lossy(bytes: &[u8]) -> String {
    let text = match bytes.strip_prefix(&[0xFF, 0xFE]) {
        Some(body) => {
            let units: Vec<u16> = body.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
            return String::from_utf16_lossy(&units);
        }
        None => String::from_utf8_lossy(bytes),
    };
    text.strip_prefix(cmtrace::BOM).map_or_else(|| text.to_string(), str::to_owned)
}
