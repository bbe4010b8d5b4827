//! The writer: attributes and elements in the order given, nothing added.

use std::borrow::Cow;

/// How an element without content is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum EmptyStyle {
    /// `<X/>`: what the client and the management point write.
    #[default]
    Tight,
    /// `<X />`: what .NET's XML writer gives, so what WSUS writes.
    Spaced,
}

/// Builds one XML text. Start tags stay open for attributes until something else is written.
///
/// ```
/// use cmsim_wire::xml::Writer;
/// let mut writer = Writer::new();
/// writer.start("Content").attr("ID", "{1}").attr("Version", "38").end();
/// assert_eq!(writer.finish(), r#"<Content ID="{1}" Version="38"/>"#);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Writer {
    out: String,
    open: Vec<Cow<'static, str>>,
    in_tag: bool,
    style: EmptyStyle,
}

impl Writer {
    /// An empty text with [`EmptyStyle::Tight`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty text with that style of empty elements.
    #[must_use]
    pub fn with_style(style: EmptyStyle) -> Self {
        Self { style, ..Self::default() }
    }

    /// Opens an element.
    pub fn start(&mut self, name: impl Into<Cow<'static, str>>) -> &mut Self {
        self.close_tag();
        let name = name.into();
        self.out.push('<');
        self.out.push_str(&name);
        self.open.push(name);
        self.in_tag = true;
        self
    }

    /// Adds an attribute to the tag just started. After anything else it is ignored (and fails a debug build).
    pub fn attr(&mut self, name: &str, value: impl AsRef<str>) -> &mut Self {
        debug_assert!(self.in_tag, "attribute {name} outside a start tag");
        if self.in_tag {
            self.out.push(' ');
            self.out.push_str(name);
            self.out.push_str("=\"");
            escape_attribute(value.as_ref(), &mut self.out);
            self.out.push('"');
        }
        self
    }

    /// Adds an attribute if there is a value.
    pub fn attr_opt(&mut self, name: &str, value: Option<impl AsRef<str>>) -> &mut Self {
        if let Some(value) = value {
            self.attr(name, value);
        }
        self
    }

    /// Adds text. Empty text closes the start tag too, so the element is written with two tags.
    pub fn text(&mut self, text: impl AsRef<str>) -> &mut Self {
        self.close_tag();
        escape_text(text.as_ref(), &mut self.out);
        self
    }

    /// Adds a CDATA section; an end mark inside the text is split over two sections.
    pub fn cdata(&mut self, text: impl AsRef<str>) -> &mut Self {
        self.close_tag();
        self.out.push_str("<![CDATA[");
        self.out.push_str(&text.as_ref().replace("]]>", "]]]]><![CDATA[>"));
        self.out.push_str("]]>");
        self
    }

    /// Adds text that is XML already, unchanged.
    pub fn raw(&mut self, xml: impl AsRef<str>) -> &mut Self {
        self.close_tag();
        self.out.push_str(xml.as_ref());
        self
    }

    /// Closes the innermost element; one without content is written in the short form.
    pub fn end(&mut self) -> &mut Self {
        let name = self.open.pop();
        debug_assert!(name.is_some(), "end without start");
        let Some(name) = name else {
            return self;
        };
        if self.in_tag {
            self.in_tag = false;
            self.out.push_str(match self.style {
                EmptyStyle::Tight => "/>",
                EmptyStyle::Spaced => " />",
            });
        } else {
            self.out.push_str("</");
            self.out.push_str(&name);
            self.out.push('>');
        }
        self
    }

    /// `<name>text</name>`, with two tags even if the text is empty.
    pub fn leaf(&mut self, name: impl Into<Cow<'static, str>>, text: impl AsRef<str>) -> &mut Self {
        self.start(name).text(text).end()
    }

    /// `<name/>`.
    pub fn empty(&mut self, name: impl Into<Cow<'static, str>>) -> &mut Self {
        self.start(name).end()
    }

    /// What has been written so far; an open start tag lacks its `>`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.out
    }

    /// Closes every open element and gives the text.
    #[must_use]
    pub fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.end();
        }
        self.out
    }

    fn close_tag(&mut self) {
        if self.in_tag {
            self.out.push('>');
            self.in_tag = false;
        }
    }
}

/// Appends `text` as element text: `<`, `>` and `&` become references, quotes stay. A carriage return becomes a
/// reference because a parser would turn it into a line feed.
pub fn escape_text(text: &str, out: &mut String) {
    let mut rest = text;
    // Most texts are long runs of what stays; 0xEF begins the two that follow U+FFFD, which XML has not.
    while let Some(at) = rest.bytes().position(|byte| matches!(byte, b'<' | b'>' | b'&' | 0xEF | 0..=8 | 11..=31)) {
        let (run, marked) = rest.split_at(at);
        out.push_str(run);
        let mut characters = marked.chars();
        match characters.next() {
            Some('<') => out.push_str("&lt;"),
            Some('>') => out.push_str("&gt;"),
            Some('&') => out.push_str("&amp;"),
            Some('\r') => out.push_str("&#xD;"),
            other => out.extend(other.map(legal)),
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
}

/// Appends `text` as an attribute value in double quotes; tabs and line ends become references because a parser
/// would turn them into spaces.
pub fn escape_attribute(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#x9;"),
            '\n' => out.push_str("&#xA;"),
            '\r' => out.push_str("&#xD;"),
            other => out.push(legal(other)),
        }
    }
}

/// XML 1.0 has no way to write most control characters: they become U+FFFD.
fn legal(character: char) -> char {
    match character {
        '\t' | '\n' | '\r' => character,
        '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => '\u{FFFD}',
        other => other,
    }
}
