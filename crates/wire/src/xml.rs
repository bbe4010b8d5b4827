//! The cursor over XML text and the writer, with positions in errors.
//!
//! Reading is a forward cursor ([`Reader`]): elements are matched by namespace and local name, never by prefix.
//! Writing ([`Writer`]) puts attributes and elements in the order given, so that golden files can be byte-exact.
//! [`Element`] is a small owned tree for short control messages.

mod element;
mod reader;
mod tag;
#[cfg(test)]
mod tests;
mod writer;

use thiserror::Error;

pub use element::Element;
pub use reader::Reader;
pub use tag::Tag;
pub use writer::{EmptyStyle, Writer, escape_attribute, escape_text};

/// The namespace name of elements and attributes without one.
pub const NO_NAMESPACE: &str = "";

/// How much of an XML document a reader accepts. Each value is the largest accepted one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XmlLimits {
    /// Bytes of the whole text.
    pub bytes: usize,
    /// Nesting levels; the root is level 1.
    pub depth: usize,
    /// Attributes of one element, namespace declarations included.
    pub attributes: usize,
    /// Bytes of one attribute value or of one element's text.
    pub text: usize,
}

/// Why a text was refused, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("byte {offset}: {kind}")]
pub struct XmlError {
    /// Offset in bytes from the start of the text.
    pub offset: u64,
    /// What is wrong there.
    pub kind: XmlErrorKind,
}

impl XmlError {
    /// An error at `offset`; for codecs that check values themselves.
    #[must_use]
    pub fn new(offset: u64, kind: XmlErrorKind) -> Self {
        Self { offset, kind }
    }
}

/// What is wrong with an XML text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum XmlErrorKind {
    /// Not well-formed; the parser's own words.
    #[error("not well-formed: {0}")]
    Syntax(String),
    /// Not UTF-8.
    #[error("not UTF-8")]
    Encoding,
    /// A document type declaration: refused, it has no use here and invites entity tricks.
    #[error("document type declarations are refused")]
    Doctype,
    /// A reference that is neither a character nor one of the five predefined entities.
    #[error("unknown entity '{0}'")]
    UnknownEntity(String),
    /// A prefix without declaration in scope.
    #[error("undeclared namespace prefix '{0}'")]
    UndeclaredPrefix(String),
    /// Beyond one of the [`XmlLimits`].
    #[error("{what} exceed the limit of {limit}")]
    Limit {
        /// Which quantity.
        what: &'static str,
        /// The largest accepted value.
        limit: usize,
    },
    /// Another element than the one that must stand here.
    #[error("expected element '{expected}', found {found}")]
    Unexpected {
        /// Local name of the wanted element.
        expected: String,
        /// What stands there instead.
        found: String,
    },
    /// An element that must be there is not.
    #[error("element '{0}' is missing")]
    MissingElement(String),
    /// An attribute that must be there is not.
    #[error("attribute '{attribute}' of '{element}' is missing")]
    MissingAttribute {
        /// Local name of the element.
        element: String,
        /// Name of the attribute.
        attribute: String,
    },
    /// A value of the wrong form.
    #[error("'{value}' is not a valid {what}")]
    Value {
        /// What the value should be.
        what: String,
        /// The value, cut to 80 characters.
        value: String,
    },
    /// Something other than white space and comments after the root element.
    #[error("content after the root element")]
    TrailingContent,
}

impl XmlErrorKind {
    /// A [`XmlErrorKind::Value`] with the value cut to a printable length.
    #[must_use]
    pub fn value(what: impl Into<String>, value: &str) -> Self {
        Self::Value { what: what.into(), value: value.chars().take(80).collect() }
    }
}
