//! The body of one `CCM_POST` exchange: header and payload, framed as public clients and the SDK documentation
//! describe it. What the sender says about lengths is not trusted when reading.

use std::io::{Read, Write};

use flate2::Compression as Level;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use thiserror::Error;

use super::msg::{ByteRange, Msg};
use super::multipart::{self, MultipartError, Part};
use super::text::{self, TextError};
use crate::limits;
use crate::xml::XmlError;

/// The method of a message exchange (docs: the SDK's default verb).
pub const METHOD: &str = "CCM_POST";

/// The path of a message exchange (docs: the SDK's default URI); paths match without regard to case.
pub const PATH: &str = "/ccm_system/request";

/// Who writes a payload: a request's compressed stream ends with two raw bytes `0D 0A`, a reply's does not (field).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Client to management point.
    Request,
    /// Management point to client.
    Reply,
}

/// The second part of a message as it goes over the wire. A client signs [`Payload::bytes`] before it completes the
/// header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The bytes of the part.
    pub bytes: Vec<u8>,
    /// Value of `Body/@Length`: bytes of the text with its terminator, without the raw line end.
    pub length: u64,
    /// Whether `bytes` is a zlib stream.
    pub zlib: bool,
    direction: Direction,
}

impl Payload {
    /// Frames a body.
    #[must_use]
    pub fn new(xml: &str, direction: Direction, zlib: bool) -> Self {
        let mut raw = text::utf16le_terminated(xml);
        let length = raw.len() as u64;
        if zlib {
            if direction == Direction::Request {
                raw.extend(b"\r\n");
            }
            let mut encoder = ZlibEncoder::new(Vec::new(), Level::default());
            // Writing into a Vec cannot fail.
            let finished = encoder.write_all(&raw).and_then(|()| encoder.finish());
            raw = finished.unwrap_or_default();
        }
        Self { bytes: raw, length, zlib, direction }
    }
}

/// Writes a message. The header's body range and compression hook are taken from the payload.
#[must_use]
pub fn encode(header: &Msg, payload: &Payload) -> Vec<u8> {
    let header = Msg {
        body: ByteRange { length: payload.length, offset: 0 },
        attachments: Vec::new(),
        zlib: payload.zlib,
        ..header.clone()
    };
    let header = text::utf16le_with_mark(&header.to_xml());
    let content_type = match payload.zlib {
        true => multipart::BINARY_TYPE,
        false => multipart::TEXT_TYPE,
    };
    let parts =
        [Part { content_type: multipart::TEXT_TYPE, bytes: &header }, Part { content_type, bytes: &payload.bytes }];
    multipart::encode(&parts, payload.direction == Direction::Reply)
}

/// A message as received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The header.
    pub header: Msg,
    /// The payload part exactly as sent: what a payload signature covers.
    pub payload: Vec<u8>,
    /// The body's text, without terminator and trailing line ends; empty if there is no second part.
    pub body: String,
    /// Attachments, uncompressed.
    pub attachments: Vec<Vec<u8>>,
}

/// Why a body is no message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EnvelopeError {
    /// Not multipart.
    #[error(transparent)]
    Multipart(#[from] MultipartError),
    /// A part is no text.
    #[error("{part}: {error}")]
    Text {
        /// Which part.
        part: &'static str,
        /// What is wrong with it.
        error: TextError,
    },
    /// The header is no `Msg`.
    #[error("message header: {0}")]
    Header(#[from] XmlError),
    /// The payload says it is compressed and is not a zlib stream.
    #[error("the payload is not a zlib stream: {0}")]
    Zlib(String),
    /// The payload grows beyond what is accepted.
    #[error("the payload is larger than {} bytes when decompressed", limits::CCM_PART_BYTES)]
    TooLarge,
    /// An attachment lies outside the payload.
    #[error("attachment {0} lies outside the payload")]
    Attachment(usize),
}

/// Reads a message, request or reply, in any of the variants that public clients send.
///
/// # Errors
/// [`EnvelopeError`].
pub fn decode(content_type: &str, body: &[u8]) -> Result<Received, EnvelopeError> {
    let parts = multipart::decode(content_type, body)?;
    let first = parts.first().map_or([].as_slice(), |part| part.bytes);
    let header = Msg::parse(&to_text("message header", first)?)?;
    let Some(second) = parts.get(1) else {
        return Ok(Received { header, payload: Vec::new(), body: String::new(), attachments: Vec::new() });
    };
    let raw = if header.zlib || looks_like_zlib(second.bytes) { inflate(second.bytes)? } else { second.bytes.to_vec() };
    let mut attachments = Vec::new();
    for (number, range) in header.attachments.iter().enumerate() {
        let slice = slice(&raw, *range).ok_or(EnvelopeError::Attachment(number))?;
        attachments.push(slice.to_vec());
    }
    let own = match (attachments.is_empty(), usize::try_from(header.body.offset)) {
        (false, Ok(offset)) => raw.get(offset..).unwrap_or_default(),
        _ => &raw,
    };
    Ok(Received { body: to_text("message body", own)?, header, payload: second.bytes.to_vec(), attachments })
}

fn to_text(part: &'static str, bytes: &[u8]) -> Result<String, EnvelopeError> {
    text::decode(bytes).map_err(|error| EnvelopeError::Text { part, error })
}

fn slice(raw: &[u8], range: ByteRange) -> Option<&[u8]> {
    let from = usize::try_from(range.offset).ok()?;
    let length = usize::try_from(range.length).ok()?;
    raw.get(from..from.checked_add(length)?)
}

/// A zlib header: deflate, and a check value that makes the first two bytes a multiple of 31. No UTF-16 text starts so.
fn looks_like_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [0x78, flags, ..] if (0x7800 + u16::from(*flags)) % 31 == 0)
}

fn inflate(bytes: &[u8]) -> Result<Vec<u8>, EnvelopeError> {
    let mut raw = Vec::new();
    let limit = limits::CCM_PART_BYTES as u64;
    let read = ZlibDecoder::new(bytes).take(limit + 1).read_to_end(&mut raw);
    read.map_err(|error| EnvelopeError::Zlib(error.to_string()))?;
    if raw.len() > limits::CCM_PART_BYTES {
        return Err(EnvelopeError::TooLarge);
    }
    Ok(raw)
}

#[cfg(test)]
mod tests;
