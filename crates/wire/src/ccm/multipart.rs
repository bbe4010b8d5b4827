//! `multipart/mixed` as messaging uses it: a fixed boundary when writing, any boundary when reading.

use thiserror::Error;

use crate::limits;

/// The boundary that clients and management points write (docs: the SDK's default MIME boundary; field).
pub const BOUNDARY: &str = "aAbBcCdDv1234567890VxXyYzZ";

/// The whole `Content-Type` value with [`BOUNDARY`].
pub const CONTENT_TYPE: &str = r#"multipart/mixed; boundary="aAbBcCdDv1234567890VxXyYzZ""#;

/// Content type of a header part, and of an uncompressed body (field).
pub const TEXT_TYPE: &str = "text/plain; charset=UTF-16";

/// Content type of a compressed body. Clients compare it exactly, so nothing may be added (field).
pub const BINARY_TYPE: &str = "application/octet-stream";

/// One part: its content type as sent and its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Value of the part's `content-type` line, empty if it has none.
    pub content_type: &'a str,
    /// The bytes between the blank line and the line end before the next boundary.
    pub bytes: &'a [u8],
}

/// Why a body is no multipart message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MultipartError {
    /// The content type is not multipart or names no boundary.
    #[error("content type '{0}' is not multipart with a boundary")]
    ContentType(String),
    /// The boundary is longer than RFC 2046 allows.
    #[error("the boundary is longer than {} characters", limits::MULTIPART_BOUNDARY)]
    Boundary,
    /// The body is larger than accepted.
    #[error("the body is larger than {} bytes", limits::CCM_POST_BYTES)]
    TooLarge,
    /// No boundary line in the body.
    #[error("no boundary line in the body")]
    NoParts,
    /// More parts than accepted.
    #[error("more than {} parts", limits::CCM_PARTS)]
    TooManyParts,
    /// A part has no blank line within the accepted number of header bytes.
    #[error("part {0} has no end of its header lines")]
    PartHeader(usize),
    /// The last part has no boundary behind it.
    #[error("the closing boundary is missing")]
    Unterminated,
}

/// Writes the parts with [`BOUNDARY`]. Requests end without a line end, replies with one (capture of a public
/// client's request; replies as the same clients read them).
#[must_use]
pub fn encode(parts: &[Part<'_>], final_line_end: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(parts.iter().map(|part| part.bytes.len() + 120).sum());
    for part in parts {
        out.extend(format!("--{BOUNDARY}\r\ncontent-type: {}\r\n\r\n", part.content_type).bytes());
        out.extend(part.bytes);
        out.extend(b"\r\n");
    }
    out.extend(format!("--{BOUNDARY}--").bytes());
    if final_line_end {
        out.extend(b"\r\n");
    }
    out
}

/// The boundary parameter of a content type.
///
/// # Errors
/// [`MultipartError::ContentType`] or [`MultipartError::Boundary`].
pub fn boundary(content_type: &str) -> Result<&str, MultipartError> {
    let wrong = || MultipartError::ContentType(content_type.chars().take(100).collect());
    let mut parameters = content_type.split(';');
    let media = parameters.next().unwrap_or_default().trim();
    if !media.get(..10).is_some_and(|kind| kind.eq_ignore_ascii_case("multipart/")) {
        return Err(wrong());
    }
    let named = parameters.filter_map(|parameter| parameter.trim().split_once('='));
    let mut boundaries = named.filter(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"));
    let value = boundaries.next().map_or("", |(_, value)| value.trim().trim_matches('"'));
    match value.len() {
        0 => Err(wrong()),
        length if length > limits::MULTIPART_BOUNDARY => Err(MultipartError::Boundary),
        _ => Ok(value),
    }
}

/// Cuts a body into its parts.
///
/// # Errors
/// [`MultipartError`].
pub fn decode<'a>(content_type: &str, body: &'a [u8]) -> Result<Vec<Part<'a>>, MultipartError> {
    if body.len() > limits::CCM_POST_BYTES {
        return Err(MultipartError::TooLarge);
    }
    let delimiter = format!("--{}", boundary(content_type)?).into_bytes();
    let start = find(body, &delimiter, 0).ok_or(MultipartError::NoParts)?;
    let mut at = start + delimiter.len();
    let mut parts = Vec::new();
    while !body[at..].starts_with(b"--") {
        if parts.len() == limits::CCM_PARTS {
            return Err(MultipartError::TooManyParts);
        }
        let next = next_delimiter(body, &delimiter, at).ok_or(MultipartError::Unterminated)?;
        parts.push(part(&body[at..next], parts.len())?);
        at = next + 2 + delimiter.len();
    }
    if parts.is_empty() {
        return Err(MultipartError::NoParts);
    }
    Ok(parts)
}

/// Splits one part, which begins behind its boundary, into header lines and bytes.
fn part(text: &[u8], number: usize) -> Result<Part<'_>, MultipartError> {
    let text = text.strip_prefix(b"\r\n").unwrap_or(text);
    let (lines, bytes) = match text.strip_prefix(b"\r\n") {
        Some(bytes) => (&text[..0], bytes),
        None => {
            let window = &text[..text.len().min(limits::CCM_PART_HEADER_BYTES)];
            let end = find(window, b"\r\n\r\n", 0).ok_or(MultipartError::PartHeader(number))?;
            (&text[..end], &text[end + 4..])
        }
    };
    let lines = std::str::from_utf8(lines).map_err(|_| MultipartError::PartHeader(number))?;
    let mut headers = lines.split("\r\n").filter_map(|line| line.split_once(':'));
    let content_type = headers.find(|(name, _)| name.trim().eq_ignore_ascii_case("content-type"));
    Ok(Part { content_type: content_type.map_or("", |(_, value)| value.trim()), bytes })
}

/// Offset of the line end before the next delimiter.
fn next_delimiter(body: &[u8], delimiter: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(found) = find(body, delimiter, at) {
        if found >= from + 2 && &body[found - 2..found] == b"\r\n" {
            return Some(found - 2);
        }
        at = found + 1;
    }
    None
}

fn find(haystack: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let first = *needle.first()?;
    let mut at = from;
    loop {
        at += haystack.get(at..)?.iter().position(|byte| *byte == first)?;
        if haystack[at..].starts_with(needle) {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(bytes: &[u8]) -> Part<'_> {
        Part { content_type: TEXT_TYPE, bytes }
    }

    #[test]
    fn the_layout_is_the_one_clients_parse() {
        let body = encode(&[text(b"A")], true);
        let expected = "--aAbBcCdDv1234567890VxXyYzZ\r\ncontent-type: text/plain; charset=UTF-16\r\n\r\nA\r\n\
                        --aAbBcCdDv1234567890VxXyYzZ--\r\n";
        assert_eq!(std::str::from_utf8(&body).unwrap(), expected);
        assert_eq!(encode(&[text(b"A")], false), &body[..body.len() - 2]);
    }

    #[test]
    fn other_boundaries_header_styles_and_preambles_are_read() {
        let body = b"preamble\r\n--x y\r\nContent-Disposition: form-data; name=\"Msg\"\r\n\r\n1\r\n2\r\n--x y\r\n\
                     CONTENT-TYPE:t/p\r\n\r\n\r\n--x y\r\n\r\nno headers\r\n--x y--";
        let parts = decode("Multipart/Form-Data; charset=x; Boundary=\"x y\"", body).unwrap();
        assert_eq!(parts[0], Part { content_type: "", bytes: b"1\r\n2" });
        assert_eq!(parts[1], Part { content_type: "t/p", bytes: b"" });
        assert_eq!(parts[2], Part { content_type: "", bytes: b"no headers" });
    }

    #[test]
    fn damage_is_named() {
        let of = |content_type: &str, body: &[u8]| decode(content_type, body).unwrap_err();
        let mixed = "multipart/mixed; boundary=b";
        assert!(matches!(of("text/xml", b""), MultipartError::ContentType(_)));
        assert!(matches!(of("multipart/mixed", b""), MultipartError::ContentType(_)));
        assert!(matches!(of("é", b""), MultipartError::ContentType(_)));
        assert_eq!(of(mixed, b"nothing"), MultipartError::NoParts);
        assert_eq!(of(mixed, b"--b--"), MultipartError::NoParts);
        assert_eq!(of(mixed, b"--b\r\n\r\nx"), MultipartError::Unterminated);
        assert_eq!(of(mixed, b"--b"), MultipartError::Unterminated);
        assert_eq!(of(mixed, b"--b\r\na: b\r\n--b--"), MultipartError::PartHeader(0));
    }

    #[test]
    fn limits_hold_at_the_limit_and_fail_one_past_it() {
        let boundary = |length: usize| format!("multipart/mixed; boundary={}", "b".repeat(length));
        assert!(super::boundary(&boundary(limits::MULTIPART_BOUNDARY)).is_ok());
        assert_eq!(super::boundary(&boundary(limits::MULTIPART_BOUNDARY + 1)), Err(MultipartError::Boundary));
        let parts = |count: usize| encode(&vec![text(b"x"); count], false);
        assert_eq!(decode(CONTENT_TYPE, &parts(limits::CCM_PARTS)).unwrap().len(), limits::CCM_PARTS);
        assert_eq!(decode(CONTENT_TYPE, &parts(limits::CCM_PARTS + 1)), Err(MultipartError::TooManyParts));
        let header = |length: usize| {
            let line = format!("a: {}\r\n\r\n", "b".repeat(length - 7));
            format!("--b\r\n{line}x\r\n--b--").into_bytes()
        };
        let mixed = "multipart/mixed; boundary=b";
        assert!(decode(mixed, &header(limits::CCM_PART_HEADER_BYTES)).is_ok());
        assert_eq!(decode(mixed, &header(limits::CCM_PART_HEADER_BYTES + 1)), Err(MultipartError::PartHeader(0)));
        let mut body = encode(&[text(b"x")], false);
        body.resize(limits::CCM_POST_BYTES, b' ');
        assert!(decode(CONTENT_TYPE, &body).is_ok());
        body.push(b' ');
        assert_eq!(decode(CONTENT_TYPE, &body), Err(MultipartError::TooLarge));
    }

    proptest! {
        #[test]
        fn parts_read_back(bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 1..5)) {
            let parts: Vec<Part<'_>> = bodies.iter().map(|bytes| text(bytes)).collect();
            let encoded = encode(&parts, true);
            prop_assert_eq!(decode(CONTENT_TYPE, &encoded).unwrap(), parts);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), junk in "[-b\r\n: ]{0,60}") {
            let _ = decode(CONTENT_TYPE, &bytes);
            let _ = decode("multipart/mixed; boundary=b", junk.as_bytes());
            let _ = boundary(&junk);
        }
    }
}
