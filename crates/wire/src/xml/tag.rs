//! A start tag and its attributes, names resolved.

use std::borrow::Cow;
use std::str::FromStr;

use super::{NO_NAMESPACE, XmlError, XmlErrorKind};

/// One attribute: namespace, local name, value.
#[derive(Clone, Debug)]
pub(super) struct Attribute<'a> {
    pub(super) namespace: Cow<'a, str>,
    pub(super) local: &'a str,
    pub(super) value: Cow<'a, str>,
}

/// A start tag the cursor has passed: its resolved name and attributes. Give it back to the [`super::Reader`] to read what
/// is inside.
#[derive(Clone, Debug)]
pub struct Tag<'a> {
    pub(super) namespace: Cow<'a, str>,
    pub(super) local: &'a str,
    pub(super) attributes: Vec<Attribute<'a>>,
    pub(super) depth: usize,
    pub(super) offset: u64,
    pub(super) content: u64,
}

impl<'a> Tag<'a> {
    /// Local name.
    #[must_use]
    pub fn local(&self) -> &'a str {
        self.local
    }

    /// Namespace name, [`NO_NAMESPACE`] for none.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Namespace and local name, for `match`.
    #[must_use]
    pub fn name(&self) -> (&str, &'a str) {
        (&self.namespace, self.local)
    }

    /// Whether this is that element.
    #[must_use]
    pub fn is(&self, namespace: &str, local: &str) -> bool {
        self.local == local && self.namespace == namespace
    }

    /// Offset of the tag's `<` in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Value of an attribute without namespace.
    #[must_use]
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.attr_ns(NO_NAMESPACE, name)
    }

    /// Value of an attribute by namespace and local name.
    #[must_use]
    pub fn attr_ns(&self, namespace: &str, name: &str) -> Option<&str> {
        let found =
            self.attributes.iter().find(|attribute| attribute.local == name && attribute.namespace == namespace);
        found.map(|attribute| &*attribute.value)
    }

    /// All attributes without namespace, in document order: name and value.
    pub fn attrs(&self) -> impl Iterator<Item = (&'a str, &str)> {
        let plain = self.attributes.iter().filter(|attribute| attribute.namespace.is_empty());
        plain.map(|attribute| (attribute.local, &*attribute.value))
    }

    /// Value of an attribute that must be there.
    ///
    /// # Errors
    /// [`XmlErrorKind::MissingAttribute`].
    pub fn require(&self, name: &str) -> Result<&str, XmlError> {
        self.attr(name).ok_or_else(|| {
            self.error(XmlErrorKind::MissingAttribute { element: self.local.to_owned(), attribute: name.to_owned() })
        })
    }

    /// An optional attribute parsed; surrounding white space is ignored.
    ///
    /// # Errors
    /// [`XmlErrorKind::Value`].
    pub fn parse_attr<T: FromStr>(&self, name: &str) -> Result<Option<T>, XmlError> {
        let Some(value) = self.attr(name) else {
            return Ok(None);
        };
        match value.trim().parse() {
            Ok(parsed) => Ok(Some(parsed)),
            Err(_) => Err(self.error(XmlErrorKind::value(format!("value of attribute '{name}'"), value))),
        }
    }

    /// A required attribute parsed.
    ///
    /// # Errors
    /// [`XmlErrorKind::MissingAttribute`] or [`XmlErrorKind::Value`].
    pub fn require_parsed<T: FromStr>(&self, name: &str) -> Result<T, XmlError> {
        self.require(name)?;
        self.parse_attr(name)?.ok_or_else(|| {
            self.error(XmlErrorKind::MissingAttribute { element: self.local.to_owned(), attribute: name.to_owned() })
        })
    }

    /// An error at this tag.
    #[must_use]
    pub fn error(&self, kind: XmlErrorKind) -> XmlError {
        XmlError::new(self.offset, kind)
    }
}
