//! The forward cursor.

use std::borrow::Cow;
use std::str::FromStr;

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use quick_xml::events::attributes::Attributes;

use super::tag::{Attribute, Tag};
use super::{NO_NAMESPACE, XmlError, XmlErrorKind, XmlLimits};

const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

/// Most namespace bindings in scope at once; the messages here need fewer than ten.
const BINDINGS: usize = 128;

/// One namespace declaration: how deep it was made, prefix (empty for the default), name.
struct Binding<'a> {
    depth: usize,
    prefix: &'a str,
    name: Cow<'a, str>,
}

/// A forward cursor over one document. Reading a child's children, text or raw text takes the child's [`Tag`];
/// whatever of an element was not read is skipped (and checked) when the cursor moves on in its parent.
///
/// ```
/// use cmsim_wire::{limits, xml::Reader};
/// # fn main() -> Result<(), cmsim_wire::xml::XmlError> {
/// let mut reader = Reader::new(r#"<a><b n="1">x</b><c/></a>"#, limits::CONTROL_XML)?;
/// let root = reader.expect_root("", "a")?;
/// while let Some(child) = reader.next_child(&root)? {
///     if child.is("", "b") {
///         assert_eq!(child.require("n")?, "1");
///         assert_eq!(reader.text(&child)?, "x");
///     }
/// }
/// reader.finish()?;
/// # Ok(()) }
/// ```
pub struct Reader<'a> {
    text: &'a str,
    inner: quick_xml::Reader<&'a [u8]>,
    limits: XmlLimits,
    depth: usize,
    bindings: Vec<Binding<'a>>,
    /// Bytes of a byte order mark that were cut off, added to every reported offset.
    base: u64,
}

/// What the cursor met. Comments, declarations and processing instructions never show.
enum Step<'a> {
    Start(Tag<'a>),
    /// An element ended; `before` is the offset of its end tag.
    End {
        before: u64,
    },
    Text(Cow<'a, str>),
    Eof,
}

/// What stands directly in an element.
pub(super) enum Piece<'a> {
    Child(Tag<'a>),
    Text(Cow<'a, str>),
}

impl<'a> Reader<'a> {
    /// A cursor before the root element of `text`. A leading byte order mark is tolerated.
    ///
    /// # Errors
    /// [`XmlErrorKind::Limit`] when the text is too long.
    pub fn new(text: &'a str, limits: XmlLimits) -> Result<Self, XmlError> {
        if text.len() > limits.bytes {
            return Err(XmlError::new(0, limit("bytes", limits.bytes)));
        }
        let stripped = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let mut inner = quick_xml::Reader::from_str(stripped);
        inner.config_mut().expand_empty_elements = true;
        Ok(Self {
            text: stripped,
            inner,
            limits,
            depth: 0,
            bindings: Vec::new(),
            base: (text.len() - stripped.len()) as u64,
        })
    }

    /// As [`Reader::new`], from UTF-8 bytes.
    ///
    /// # Errors
    /// [`XmlErrorKind::Limit`] or [`XmlErrorKind::Encoding`].
    pub fn from_bytes(bytes: &'a [u8], limits: XmlLimits) -> Result<Self, XmlError> {
        if bytes.len() > limits.bytes {
            return Err(XmlError::new(0, limit("bytes", limits.bytes)));
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::new(text, limits),
            Err(error) => Err(XmlError::new(error.valid_up_to() as u64, XmlErrorKind::Encoding)),
        }
    }

    /// The root element, whatever it is.
    ///
    /// # Errors
    /// Anything in [`XmlErrorKind`].
    pub fn root(&mut self) -> Result<Tag<'a>, XmlError> {
        loop {
            let at = self.offset();
            match self.step()? {
                Step::Start(tag) => return Ok(tag),
                Step::Text(text) if text.trim().is_empty() => {}
                _ => {
                    return Err(XmlError::new(at, XmlErrorKind::MissingElement("document element".to_owned())));
                }
            }
        }
    }

    /// The root element, which must be that one.
    ///
    /// # Errors
    /// [`XmlErrorKind::Unexpected`], or as [`Reader::root`].
    pub fn expect_root(&mut self, namespace: &str, local: &str) -> Result<Tag<'a>, XmlError> {
        let tag = self.root()?;
        expect(tag, namespace, local)
    }

    /// The next child element of `parent`, or `None` at its end. Text between children and whatever was not read of
    /// the previous child is passed over.
    ///
    /// # Errors
    /// Anything in [`XmlErrorKind`].
    pub fn next_child(&mut self, parent: &Tag<'a>) -> Result<Option<Tag<'a>>, XmlError> {
        while self.depth >= parent.depth {
            match self.step()? {
                Step::Start(tag) if tag.depth == parent.depth + 1 => return Ok(Some(tag)),
                Step::Eof => break,
                Step::Start(_) | Step::End { .. } | Step::Text(_) => {}
            }
        }
        Ok(None)
    }

    /// The next child element or piece of text directly in `parent`, or `None` at its end.
    pub(super) fn next_piece(&mut self, parent: &Tag<'a>) -> Result<Option<Piece<'a>>, XmlError> {
        while self.depth >= parent.depth {
            let direct = self.depth == parent.depth;
            match self.step()? {
                Step::Start(tag) if direct => return Ok(Some(Piece::Child(tag))),
                Step::Text(text) if direct => return Ok(Some(Piece::Text(text))),
                Step::Eof => break,
                Step::Start(_) | Step::End { .. } | Step::Text(_) => {}
            }
        }
        Ok(None)
    }

    /// The next child element of `parent`, which must be that one.
    ///
    /// # Errors
    /// [`XmlErrorKind::MissingElement`] at the end of the parent, [`XmlErrorKind::Unexpected`] for another element.
    pub fn expect_start(&mut self, parent: &Tag<'a>, namespace: &str, local: &str) -> Result<Tag<'a>, XmlError> {
        match self.next_child(parent)? {
            Some(tag) => expect(tag, namespace, local),
            None => Err(XmlError::new(self.offset(), XmlErrorKind::MissingElement(local.to_owned()))),
        }
    }

    /// All text of `tag` (references resolved, CDATA included), up to its end. Child elements are an error.
    ///
    /// # Errors
    /// [`XmlErrorKind::Unexpected`] for a child element, [`XmlErrorKind::Limit`] for too much text.
    pub fn text(&mut self, tag: &Tag<'a>) -> Result<Cow<'a, str>, XmlError> {
        let mut all = Cow::Borrowed("");
        while self.depth >= tag.depth {
            match self.step()? {
                Step::Text(piece) if all.is_empty() => all = piece,
                Step::Text(piece) => all.to_mut().push_str(&piece),
                Step::Start(child) => {
                    return Err(child.error(XmlErrorKind::Unexpected {
                        expected: format!("text of {}", tag.local),
                        found: format!("'{}'", child.local),
                    }));
                }
                Step::End { .. } => {}
                Step::Eof => break,
            }
            if all.len() > self.limits.text {
                return Err(tag.error(limit("bytes of text", self.limits.text)));
            }
        }
        Ok(all)
    }

    /// The text of `tag` parsed; surrounding white space is ignored.
    ///
    /// # Errors
    /// [`XmlErrorKind::Value`], or as [`Reader::text`].
    pub fn parse_text<T: FromStr>(&mut self, tag: &Tag<'a>) -> Result<T, XmlError> {
        let text = self.text(tag)?;
        let parsed = text.trim().parse();
        parsed.map_err(|_| tag.error(XmlErrorKind::value(format!("text of '{}'", tag.local), &text)))
    }

    /// Passes over the rest of `tag`.
    ///
    /// # Errors
    /// Anything in [`XmlErrorKind`]: what is skipped is still checked.
    pub fn skip(&mut self, tag: &Tag<'a>) -> Result<(), XmlError> {
        self.raw_inner(tag).map(|_| ())
    }

    /// The literal text between start and end tag of `tag`, unchanged; the cursor must not have read inside it.
    ///
    /// # Errors
    /// Anything in [`XmlErrorKind`].
    pub fn raw_inner(&mut self, tag: &Tag<'a>) -> Result<&'a str, XmlError> {
        let mut end = self.offset();
        while self.depth >= tag.depth {
            match self.step()? {
                Step::End { before } => end = before,
                Step::Eof => break,
                Step::Start(_) | Step::Text(_) => {}
            }
        }
        Ok(self.slice(tag.content, end))
    }

    /// The literal text of `tag` with its own start and end tags, unchanged.
    ///
    /// # Errors
    /// Anything in [`XmlErrorKind`].
    pub fn raw_outer(&mut self, tag: &Tag<'a>) -> Result<&'a str, XmlError> {
        self.raw_inner(tag)?;
        Ok(self.slice(tag.offset, self.offset()))
    }

    /// Checks that only white space and comments follow.
    ///
    /// # Errors
    /// [`XmlErrorKind::TrailingContent`]; also when the root element has not been left.
    pub fn finish(mut self) -> Result<(), XmlError> {
        while self.depth > 0 {
            self.step()?;
        }
        loop {
            let at = self.offset();
            match self.step()? {
                Step::Eof => return Ok(()),
                Step::Text(text) if text.trim().is_empty() => {}
                _ => return Err(XmlError::new(at, XmlErrorKind::TrailingContent)),
            }
        }
    }

    /// Where the cursor stands, in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.base + self.inner.buffer_position()
    }

    /// An error at the cursor.
    #[must_use]
    pub fn error(&self, kind: XmlErrorKind) -> XmlError {
        XmlError::new(self.offset(), kind)
    }

    fn slice(&self, from: u64, to: u64) -> &'a str {
        let index = |offset: u64| usize::try_from(offset - self.base).ok();
        let range = index(from).zip(index(to.max(from)));
        range.and_then(|(from, to)| self.text.get(from..to)).unwrap_or_default()
    }

    fn step(&mut self) -> Result<Step<'a>, XmlError> {
        loop {
            let before = self.offset();
            let event = self.inner.read_event();
            let event = event.map_err(|error| {
                let at = self.base + self.inner.error_position();
                XmlError::new(at, XmlErrorKind::Syntax(error.to_string()))
            })?;
            match event {
                Event::Start(start) => {
                    let name_length = start.name().0.len();
                    return self.open(before, name_length).map(Step::Start);
                }
                Event::End(_) => {
                    self.bindings.retain(|binding| binding.depth < self.depth);
                    self.depth -= 1;
                    return Ok(Step::End { before });
                }
                Event::Text(text) => return self.bounded(text.xml10_content(), before).map(Step::Text),
                Event::CData(text) => return self.bounded(text.xml10_content(), before).map(Step::Text),
                Event::GeneralRef(reference) => return resolve(&reference, before).map(Step::Text),
                Event::Eof if self.depth > 0 => {
                    return Err(XmlError::new(
                        before,
                        XmlErrorKind::Syntax("the text ends inside an element".to_owned()),
                    ));
                }
                Event::Eof => return Ok(Step::Eof),
                Event::DocType(_) => return Err(XmlError::new(before, XmlErrorKind::Doctype)),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
                Event::Empty(_) => {
                    return Err(XmlError::new(before, XmlErrorKind::Syntax("unexpanded empty element".to_owned())));
                }
            }
        }
    }

    fn bounded(&self, text: Cow<'a, str>, at: u64) -> Result<Cow<'a, str>, XmlError> {
        if text.len() > self.limits.text {
            return Err(XmlError::new(at, limit("bytes of text", self.limits.text)));
        }
        Ok(text)
    }

    /// Enters the element whose tag was just read and begins at `offset`.
    fn open(&mut self, offset: u64, name_length: usize) -> Result<Tag<'a>, XmlError> {
        let fail = |kind| Err(XmlError::new(offset, kind));
        self.depth += 1;
        if self.depth > self.limits.depth {
            return fail(limit("nesting levels", self.limits.depth));
        }
        let content = self.offset();
        let tag = self.slice(offset, content);
        let tag = tag.strip_prefix('<').unwrap_or(tag);
        let tag = tag.strip_suffix('>').unwrap_or(tag);
        let (name, rest) = tag.split_at_checked(name_length).unwrap_or((tag, ""));
        let rest = rest.strip_suffix('/').unwrap_or(rest);

        let mut raw = Vec::new();
        for attribute in Attributes::new(rest, 0) {
            let attribute = match attribute {
                Ok(attribute) => attribute,
                Err(error) => return fail(XmlErrorKind::Syntax(error.to_string())),
            };
            if raw.len() == self.limits.attributes {
                return fail(limit("attributes", self.limits.attributes));
            }
            if attribute.value.len() > self.limits.text {
                return fail(limit("bytes of an attribute", self.limits.text));
            }
            match attribute.normalized_value(XmlVersion::Explicit1_0) {
                Ok(value) => raw.push((attribute.key.0, value)),
                Err(error) => return fail(XmlErrorKind::Syntax(error.to_string())),
            }
        }
        for (name, value) in &raw {
            let prefix = match name.split_once(':') {
                None if *name == "xmlns" => "",
                Some(("xmlns", prefix)) => prefix,
                _ => continue,
            };
            if self.bindings.len() == BINDINGS {
                return fail(limit("namespace declarations", BINDINGS));
            }
            self.bindings.push(Binding { depth: self.depth, prefix, name: value.clone() });
        }
        let (namespace, local) = match name.split_once(':') {
            Some((prefix, local)) => (self.lookup(prefix, offset)?, local),
            None => (self.lookup_default(), name),
        };
        let mut attributes = Vec::with_capacity(raw.len());
        for (name, value) in raw {
            let (namespace, local) = match name.split_once(':') {
                Some(("xmlns", _)) => continue,
                Some((prefix, local)) => (self.lookup(prefix, offset)?, local),
                None if name == "xmlns" => continue,
                None => (Cow::Borrowed(NO_NAMESPACE), name),
            };
            attributes.push(Attribute { namespace, local, value });
        }
        Ok(Tag { namespace, local, attributes, depth: self.depth, offset, content })
    }

    fn lookup_default(&self) -> Cow<'a, str> {
        let found = self.bindings.iter().rev().find(|binding| binding.prefix.is_empty());
        found.map_or(Cow::Borrowed(NO_NAMESPACE), |binding| binding.name.clone())
    }

    fn lookup(&self, prefix: &str, at: u64) -> Result<Cow<'a, str>, XmlError> {
        if prefix == "xml" {
            return Ok(Cow::Borrowed(XML_NAMESPACE));
        }
        let found = self.bindings.iter().rev().find(|binding| binding.prefix == prefix);
        match found {
            Some(binding) if !prefix.is_empty() => Ok(binding.name.clone()),
            _ => Err(XmlError::new(at, XmlErrorKind::UndeclaredPrefix(prefix.to_owned()))),
        }
    }
}

fn expect<'a>(tag: Tag<'a>, namespace: &str, local: &str) -> Result<Tag<'a>, XmlError> {
    if tag.is(namespace, local) {
        return Ok(tag);
    }
    let found = if tag.namespace.is_empty() {
        format!("'{}'", tag.local)
    } else {
        format!("'{}' of namespace '{}'", tag.local, tag.namespace)
    };
    Err(tag.error(XmlErrorKind::Unexpected { expected: local.to_owned(), found }))
}

fn resolve<'a>(reference: &quick_xml::events::BytesRef<'a>, at: u64) -> Result<Cow<'a, str>, XmlError> {
    match reference.resolve_char_ref() {
        Ok(Some(character)) => Ok(Cow::Owned(character.to_string())),
        Ok(None) => match resolve_predefined_entity(reference) {
            Some(text) => Ok(Cow::Borrowed(text)),
            None => Err(XmlError::new(at, XmlErrorKind::UnknownEntity(reference.to_string()))),
        },
        Err(error) => Err(XmlError::new(at, XmlErrorKind::Syntax(error.to_string()))),
    }
}

fn limit(what: &'static str, limit: usize) -> XmlErrorKind {
    XmlErrorKind::Limit { what, limit }
}
