//! Property values and instances.

use std::cmp::Ordering;
use std::fmt::Write as _;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// The value of a WMI property. In exports a bare JSON value.
///
/// CIM datetimes are [`WmiValue::Text`] in their own spelling, `20140120171855.573000+000`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum WmiValue {
    /// No value.
    Null,
    /// `boolean`.
    Bool(bool),
    /// Any of the integer types.
    Int(i64),
    /// `string` or `datetime`.
    Text(String),
    /// An array of values.
    Array(Vec<WmiValue>),
    /// An embedded object, as its properties.
    Object(IndexMap<String, WmiValue>),
}

impl WmiValue {
    /// The text, if the value is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if the value is one.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The order WQL compares by: numbers and booleans as numbers, texts without case, number-like texts
    /// with numbers; `None` where nothing can be compared.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(one), Self::Text(two)) => Some(one.to_lowercase().cmp(&two.to_lowercase())),
            (Self::Null | Self::Array(_) | Self::Object(_), _) | (_, Self::Null | Self::Array(_) | Self::Object(_)) => {
                None
            }
            _ => Some(self.number()?.cmp(&other.number()?)),
        }
    }

    fn number(&self) -> Option<i64> {
        match self {
            Self::Bool(truth) => Some(i64::from(*truth)),
            Self::Int(number) => Some(*number),
            Self::Text(text) => match text.to_ascii_lowercase().as_str() {
                "true" => Some(1),
                "false" => Some(0),
                digits => digits.parse().ok(),
            },
            _ => None,
        }
    }

    /// The value as an object path spells a key: text in quotes, numbers bare, booleans in capitals.
    pub(super) fn push_key(&self, path: &mut String) {
        match self {
            Self::Text(text) => {
                path.push('"');
                for c in text.chars() {
                    if matches!(c, '"' | '\\') {
                        path.push('\\');
                    }
                    path.push(c);
                }
                path.push('"');
            }
            Self::Bool(truth) => path.push_str(if *truth { "TRUE" } else { "FALSE" }),
            Self::Int(number) => {
                let _ = write!(path, "{number}");
            }
            Self::Null | Self::Array(_) | Self::Object(_) => path.push_str("NULL"),
        }
    }
}

impl From<&str> for WmiValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for WmiValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for WmiValue {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u32> for WmiValue {
    fn from(number: u32) -> Self {
        Self::Int(i64::from(number))
    }
}

impl From<i32> for WmiValue {
    fn from(number: i32) -> Self {
        Self::Int(i64::from(number))
    }
}

impl From<bool> for WmiValue {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl<T: Into<Self>> From<Option<T>> for WmiValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Self>> From<Vec<T>> for WmiValue {
    fn from(values: Vec<T>) -> Self {
        Self::Array(values.into_iter().map(Into::into).collect())
    }
}

/// An instance: its class and its properties in the order in which they were given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// Name of the class.
    pub class: String,
    /// Properties by name.
    pub properties: IndexMap<String, WmiValue>,
}

impl Instance {
    /// An instance without properties yet.
    #[must_use]
    pub fn new(class: &str) -> Self {
        Self { class: class.to_owned(), properties: IndexMap::new() }
    }

    /// The instance with one more property.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<WmiValue>) -> Self {
        self.properties.insert(name.to_owned(), value.into());
        self
    }

    /// The value of a property, whose name compares without case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&WmiValue> {
        self.properties.get(name).or_else(|| {
            let mut all = self.properties.iter();
            all.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        })
    }

    /// The text of a property.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_text()
    }
}
