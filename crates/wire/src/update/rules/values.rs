//! Values of rule attributes.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::update::fragment::boolean;
use crate::xml::Writer;

/// A dotted version of one to four numbers; missing numbers compare as zero, and it is written as it was read.
#[derive(Clone, Copy, Debug)]
pub struct Version {
    parts: [u32; 4],
    count: usize,
}

impl Version {
    /// All four numbers.
    #[must_use]
    pub const fn new(parts: [u32; 4]) -> Self {
        Self { parts, count: 4 }
    }

    /// The four numbers, zero where absent.
    #[must_use]
    pub const fn parts(&self) -> [u32; 4] {
        self.parts
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts.cmp(&other.parts)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.parts.iter().take(self.count).enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            write!(f, "{part}")?;
        }
        Ok(())
    }
}

/// The text is not a dotted version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a version of one to four numbers")]
pub struct NotAVersion;

impl FromStr for Version {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let mut version = Self { parts: [0; 4], count: 0 };
        for part in text.split('.') {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            let slot = version.parts.get_mut(version.count).filter(|_| digits);
            *slot.ok_or(NotAVersion)? = part.parse().map_err(|_| NotAVersion)?;
            version.count += 1;
        }
        Ok(version)
    }
}

/// How numbers, versions and times are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// `LessThan`.
    LessThan,
    /// `LessThanOrEqualTo`.
    LessThanOrEqualTo,
    /// `EqualTo`.
    EqualTo,
    /// `GreaterThanOrEqualTo`.
    GreaterThanOrEqualTo,
    /// `GreaterThan`.
    GreaterThan,
}

impl Scalar {
    const ALL: [(Self, &'static str); 5] = [
        (Self::LessThan, "LessThan"),
        (Self::LessThanOrEqualTo, "LessThanOrEqualTo"),
        (Self::EqualTo, "EqualTo"),
        (Self::GreaterThanOrEqualTo, "GreaterThanOrEqualTo"),
        (Self::GreaterThan, "GreaterThan"),
    ];

    /// Whether `left` stands in this relation to `right`.
    #[must_use]
    pub fn holds<T: Ord + ?Sized>(self, left: &T, right: &T) -> bool {
        let order = left.cmp(right);
        match self {
            Self::LessThan => order.is_lt(),
            Self::LessThanOrEqualTo => order.is_le(),
            Self::EqualTo => order.is_eq(),
            Self::GreaterThanOrEqualTo => order.is_ge(),
            Self::GreaterThan => order.is_gt(),
        }
    }
}

/// How strings are compared, without regard to case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextMatch {
    /// `EqualTo`.
    EqualTo,
    /// `BeginsWith`.
    BeginsWith,
    /// `Contains`.
    Contains,
    /// `EndsWith`.
    EndsWith,
}

impl TextMatch {
    const ALL: [(Self, &'static str); 4] = [
        (Self::EqualTo, "EqualTo"),
        (Self::BeginsWith, "BeginsWith"),
        (Self::Contains, "Contains"),
        (Self::EndsWith, "EndsWith"),
    ];

    /// Whether `text` matches `wanted`.
    #[must_use]
    pub fn holds(self, text: &str, wanted: &str) -> bool {
        let (text, wanted) = (text.to_lowercase(), wanted.to_lowercase());
        match self {
            Self::EqualTo => text == wanted,
            Self::BeginsWith => text.starts_with(&wanted),
            Self::Contains => text.contains(&wanted),
            Self::EndsWith => text.ends_with(&wanted),
        }
    }
}

/// An attribute value that a rule can carry.
pub(super) trait Attribute: Sized {
    /// The value; `None` for a text of the wrong form or an absent required attribute.
    fn read(raw: Option<&str>) -> Option<Self>;
    /// Writes the attribute, unless it is absent.
    fn write(&self, name: &str, writer: &mut Writer);
}

/// A value that is written as one text.
trait OneText: Sized {
    fn parse(text: &str) -> Option<Self>;
    fn show(&self) -> String;
}

impl<T: OneText> Attribute for T {
    fn read(raw: Option<&str>) -> Option<Self> {
        raw.and_then(T::parse)
    }

    fn write(&self, name: &str, writer: &mut Writer) {
        writer.attr(name, self.show());
    }
}

impl<T: OneText> Attribute for Option<T> {
    fn read(raw: Option<&str>) -> Option<Self> {
        match raw {
            None => Some(None),
            Some(text) => T::parse(text).map(Some),
        }
    }

    fn write(&self, name: &str, writer: &mut Writer) {
        if let Some(value) = self {
            value.write(name, writer);
        }
    }
}

macro_rules! by_from_str {
    ($($kind:ty),*) => {$(
        impl OneText for $kind {
            fn parse(text: &str) -> Option<Self> {
                text.parse().ok()
            }
            fn show(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

by_from_str!(String, u32, i64, u64, Version, jiff::Timestamp);

impl OneText for bool {
    fn parse(text: &str) -> Option<Self> {
        boolean(text)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// Product codes are written in braces (MS-WUSP examples).
impl OneText for Uuid {
    fn parse(text: &str) -> Option<Self> {
        text.trim_start_matches('{').trim_end_matches('}').parse().ok()
    }

    fn show(&self) -> String {
        self.as_braced().to_string().to_uppercase()
    }
}

impl OneText for Scalar {
    fn parse(text: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found.map(|(value, _)| *value)
    }

    fn show(&self) -> String {
        let found = Self::ALL.iter().find(|(value, _)| value == self);
        found.map_or("", |(_, name)| name).to_owned()
    }
}

impl OneText for TextMatch {
    fn parse(text: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found.map(|(value, _)| *value)
    }

    fn show(&self) -> String {
        let found = Self::ALL.iter().find(|(value, _)| value == self);
        found.map_or("", |(_, name)| name).to_owned()
    }
}
