//! Reading and writing of texts that have several top-level elements.

use std::str::FromStr;

use thiserror::Error;

use crate::limits::UPDATE_XML;
use crate::xml::{EmptyStyle, Reader, Tag, Writer, XmlError, XmlErrorKind, XmlLimits};

/// Why a fragment was refused; offsets count from the fragment's first byte.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("update fragment: {0}")]
pub struct FragmentError(#[from] pub XmlError);

/// The root put around a fragment while it is read.
const OPEN: &str = "<f>";
const CLOSE: &str = "</f>";

/// Reads a fragment: `each` sees every top-level element in order.
pub(super) fn read_fragment(
    fragment: &str,
    mut each: impl for<'a> FnMut(&mut Reader<'a>, &Tag<'a>) -> Result<(), XmlError>,
) -> Result<(), FragmentError> {
    let wrapped = format!("{OPEN}{fragment}{CLOSE}");
    // One level and the root's own bytes more than the fragment itself may have.
    let limits =
        XmlLimits { bytes: UPDATE_XML.bytes + OPEN.len() + CLOSE.len(), depth: UPDATE_XML.depth + 1, ..UPDATE_XML };
    let outcome = read_wrapped(&wrapped, limits, &mut each);
    outcome.map_err(|mut error| {
        error.offset = error.offset.saturating_sub(OPEN.len() as u64);
        FragmentError(error)
    })
}

fn read_wrapped(
    wrapped: &str,
    limits: XmlLimits,
    each: &mut impl for<'a> FnMut(&mut Reader<'a>, &Tag<'a>) -> Result<(), XmlError>,
) -> Result<(), XmlError> {
    let mut reader = Reader::new(wrapped, limits)?;
    let root = reader.root()?;
    while let Some(tag) = reader.next_child(&root)? {
        each(&mut reader, &tag)?;
    }
    reader.finish()
}

/// The writer of fragments: no declaration, no namespaces, blanks in empty elements.
pub(super) fn fragment_writer() -> Writer {
    Writer::with_style(EmptyStyle::Spaced)
}

/// All attributes of a tag in document order.
pub(super) fn attributes(tag: &Tag<'_>) -> Vec<(String, String)> {
    let pairs = tag.attrs();
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The value of that name in an attribute list.
pub(super) fn attribute<'a>(attributes: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value.as_str())
}

/// A required GUID attribute, with or without braces, in either case.
pub(super) fn guid_attribute<T: FromStr>(tag: &Tag<'_>, name: &str) -> Result<T, XmlError> {
    let raw = tag.require(name)?;
    let bare = raw.trim_start_matches('{').trim_end_matches('}');
    bare.parse().map_err(|_| tag.error(XmlErrorKind::value(format!("attribute '{name}'"), raw)))
}

/// XML's two spellings of each truth value.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}
