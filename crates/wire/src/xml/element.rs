//! A small owned tree, for control messages where order does not matter.

use indexmap::IndexMap;

use super::reader::Piece;
use super::{Reader, Tag, XmlError, XmlErrorKind, XmlLimits};

/// One element with all that is in it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Element {
    /// Namespace name, empty for none.
    pub namespace: String,
    /// Local name.
    pub name: String,
    /// Attributes without namespace, in document order.
    pub attributes: IndexMap<String, String>,
    /// Text directly inside this element when it has no children; otherwise empty.
    pub text: String,
    /// Child elements, in document order.
    pub children: Vec<Self>,
    /// Offset of the start tag in bytes.
    pub offset: u64,
}

impl Element {
    /// Reads a whole document.
    ///
    /// # Errors
    /// Anything in [`XmlErrorKind`].
    pub fn parse(text: &str, limits: XmlLimits) -> Result<Self, XmlError> {
        let mut reader = Reader::new(text, limits)?;
        let root = reader.root()?;
        let element = Self::read(&mut reader, &root, limits)?;
        reader.finish()?;
        Ok(element)
    }

    /// Reads the element whose start tag the cursor has passed.
    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>, limits: XmlLimits) -> Result<Self, XmlError> {
        let mut element = Self {
            namespace: tag.namespace().to_owned(),
            name: tag.local().to_owned(),
            attributes: tag.attrs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            offset: tag.offset(),
            ..Self::default()
        };
        // The depth of this recursion is the document's, which the reader has bounded.
        let mut own = String::new();
        while let Some(piece) = reader.next_piece(tag)? {
            match piece {
                Piece::Child(child) => {
                    element.children.push(Self::read(reader, &child, limits)?);
                }
                Piece::Text(part) => own.push_str(&part),
            }
            if own.len() > limits.text {
                return Err(tag.error(XmlErrorKind::Limit { what: "bytes of text", limit: limits.text }));
            }
        }
        if element.children.is_empty() {
            element.text = own;
        }
        Ok(element)
    }

    /// Value of an attribute.
    #[must_use]
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// The first child of that local name.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Follows first children down a path of local names.
    #[must_use]
    pub fn path(&self, names: &[&str]) -> Option<&Self> {
        names.iter().try_fold(self, |element, name| element.child(name))
    }

    /// Text of the first child of that name.
    #[must_use]
    pub fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }

    /// The first child of that local name, which must be there.
    ///
    /// # Errors
    /// [`XmlErrorKind::MissingElement`].
    pub fn require(&self, name: &str) -> Result<&Self, XmlError> {
        let missing = || XmlError::new(self.offset, XmlErrorKind::MissingElement(name.to_owned()));
        self.child(name).ok_or_else(missing)
    }

    /// An attribute that must be there.
    ///
    /// # Errors
    /// [`XmlErrorKind::MissingAttribute`].
    pub fn require_attr(&self, name: &str) -> Result<&str, XmlError> {
        self.attr(name).ok_or_else(|| {
            XmlError::new(
                self.offset,
                XmlErrorKind::MissingAttribute { element: self.name.clone(), attribute: name.to_owned() },
            )
        })
    }
}
