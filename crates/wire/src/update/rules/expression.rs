//! The tree of logical operators and rules.

use super::kinds::Rule;
use super::values::Attribute as _;
use crate::xml::{Reader, Tag, Writer, XmlError};

/// Which subkeys must satisfy the rule inside a `RegKeyLoop`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoopTruth {
    /// At least one.
    Any,
    /// Every one, and there is one.
    All,
    /// None.
    None,
}

impl LoopTruth {
    fn named(name: &str) -> Option<Self> {
        match name {
            "Any" => Some(Self::Any),
            "All" => Some(Self::All),
            "None" => Some(Self::None),
            _ => None,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "Any",
            Self::All => "All",
            Self::None => "None",
        }
    }
}

/// An expression that this crate cannot evaluate. It is written back as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Name of the element.
    pub element: String,
    /// Whether the element is known and only its content is wrong.
    pub malformed: bool,
    /// Literal text.
    pub raw: String,
}

/// An applicability expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// All must be true; true if empty.
    And(Vec<Self>),
    /// One must be true; false if empty.
    Or(Vec<Self>),
    /// The contrary.
    Not(Box<Self>),
    /// Always.
    True,
    /// Never.
    False,
    /// A rule for the subkeys of a key (`b.RegKeyLoop`); inside, `HKEY_LOOP_TARGET` is the subkey.
    RegKeyLoop {
        /// Hive.
        key: String,
        /// Key whose subkeys are tried.
        subkey: String,
        /// Whether the 32-bit view is meant.
        reg_type32: Option<bool>,
        /// Which of them must satisfy the rule.
        true_if: LoopTruth,
        /// The rule.
        body: Box<Self>,
    },
    /// A rule that asks the machine one thing.
    Rule(Rule),
    /// Not modelled: evaluates to an error.
    Unknown(Unknown),
}

impl Expression {
    /// Reads the expression whose start tag the cursor has passed.
    pub(in crate::update) fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        match tag.local() {
            "And" => Ok(Self::And(read_all(reader, tag)?)),
            "Or" => Ok(Self::Or(read_all(reader, tag)?)),
            "Not" | "b.RegKeyLoop" => {
                let raw = reader.raw_outer(tag)?;
                let unknown = || unknown(tag, true, raw);
                Ok(read_wrapper(tag, raw)?.unwrap_or_else(unknown))
            }
            "True" => close(reader, tag, Self::True),
            "False" => close(reader, tag, Self::False),
            _ => match Rule::read(tag) {
                Some(Some(rule)) => close(reader, tag, Self::Rule(rule)),
                outcome => Ok(unknown(tag, outcome.is_some(), reader.raw_outer(tag)?)),
            },
        }
    }

    /// Writes the expression.
    pub(in crate::update) fn write(&self, writer: &mut Writer) {
        match self {
            Self::And(parts) => write_all("And", parts, writer),
            Self::Or(parts) => write_all("Or", parts, writer),
            Self::Not(body) => {
                writer.start("Not");
                body.write(writer);
                writer.end();
            }
            Self::True => {
                writer.empty("True");
            }
            Self::False => {
                writer.empty("False");
            }
            Self::RegKeyLoop { key, subkey, reg_type32, true_if, body } => {
                writer.start("b.RegKeyLoop").attr("Key", key).attr("Subkey", subkey);
                reg_type32.write("RegType32", writer);
                writer.attr("TrueIf", true_if.as_str());
                body.write(writer);
                writer.end();
            }
            Self::Rule(rule) => rule.write(writer),
            Self::Unknown(unknown) => {
                writer.raw(&unknown.raw);
            }
        }
    }

    /// The literal text of the expression.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut writer = crate::update::fragment::fragment_writer();
        self.write(&mut writer);
        writer.finish()
    }
}

impl From<Rule> for Expression {
    fn from(rule: Rule) -> Self {
        Self::Rule(rule)
    }
}

fn unknown(tag: &Tag<'_>, malformed: bool, raw: &str) -> Expression {
    Expression::Unknown(Unknown { element: tag.local().to_owned(), malformed, raw: raw.to_owned() })
}

/// Passes over the end of an element that must be empty; one with content is kept as malformed.
fn close<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>, expression: Expression) -> Result<Expression, XmlError> {
    let raw = reader.raw_outer(tag)?;
    // No attribute value can hold a `<`, so these two forms are all that an empty element has.
    let empty = match raw.matches('<').count() {
        1 => true,
        2 => raw.contains("></"),
        _ => false,
    };
    Ok(if empty { expression } else { unknown(tag, true, raw) })
}

fn read_all<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Vec<Expression>, XmlError> {
    let mut parts = Vec::new();
    while let Some(child) = reader.next_child(tag)? {
        parts.push(Expression::read(reader, &child)?);
    }
    Ok(parts)
}

/// `Not` and `RegKeyLoop` hold exactly one expression; otherwise, or with wrong attributes, there is none.
fn read_wrapper(tag: &Tag<'_>, raw: &str) -> Result<Option<Expression>, XmlError> {
    let mut reader = Reader::new(raw, crate::limits::UPDATE_XML)?;
    let root = reader.root()?;
    let mut parts = read_all(&mut reader, &root)?;
    let Some(body) = parts.pop().filter(|_| parts.is_empty()) else {
        return Ok(None);
    };
    let body = Box::new(body);
    if tag.local() == "Not" {
        return Ok(Some(Expression::Not(body)));
    }
    let attributes = (|| {
        let key = tag.attr("Key")?.to_owned();
        let subkey = tag.attr("Subkey")?.to_owned();
        let reg_type32 = Option::<bool>::read(tag.attr("RegType32"))?;
        let true_if = LoopTruth::named(tag.attr("TrueIf")?)?;
        Some((key, subkey, reg_type32, true_if))
    })();
    Ok(attributes.map(|(key, subkey, reg_type32, true_if)| Expression::RegKeyLoop {
        key,
        subkey,
        reg_type32,
        true_if,
        body,
    }))
}

fn write_all(name: &'static str, parts: &[Expression], writer: &mut Writer) {
    writer.start(name);
    for part in parts {
        part.write(writer);
    }
    writer.end();
}
