//! How grave a record is, and how sure we are that the product words it so.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The `type` attribute of a CMTrace record; its number is the value on disk.
///
/// The numbers are counted from field logs (`field`); Microsoft documents only the colours a viewer gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// 0: written only while verbose logging is on.
    Verbose = 0,
    /// 1: information. Many texts that say "error" have this type, so never derive it from words.
    Info = 1,
    /// 2: warning.
    Warning = 2,
    /// 3: error.
    Error = 3,
}

impl Severity {
    /// The number written as `type="…"`, 0 to 3.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The severity with this number, `None` above 3.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Verbose),
            1 => Some(Self::Info),
            2 => Some(Self::Warning),
            3 => Some(Self::Error),
            _ => None,
        }
    }

    /// What a viewer shows for formats that carry no severity: the words decide (`field`, CMTrace 5.00.9078).
    ///
    /// "error" or "fail" (but not "failover") is an error, "warn" a warning, everything else information.
    #[must_use]
    pub fn from_words(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        let fails = lower.match_indices("fail").any(|(at, _)| !lower[at..].starts_with("failover"));
        if fails || lower.contains("error") {
            Self::Error
        } else if lower.contains("warn") {
            Self::Warning
        } else {
            Self::Info
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Verbose => "verbose",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// Where the wording of a log line, or the shape of a message, is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Evidence {
    /// The troubleshooting article that cmsim is made from.
    Article,
    /// Another Microsoft document.
    Docs,
    /// A capture of the real agent's traffic.
    Capture,
    /// Public logs of real machines.
    Field,
    /// None of these: derived, and possibly worded differently by the product.
    Inferred,
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Article => "article",
            Self::Docs => "docs",
            Self::Capture => "capture",
            Self::Field => "field",
            Self::Inferred => "inferred",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_on_disk() {
        for number in 0..=3 {
            assert_eq!(Severity::from_number(number).unwrap().number(), number);
        }
        assert_eq!(Severity::from_number(4), None);
    }

    #[test]
    fn failover_alone_is_no_failure() {
        assert_eq!(Severity::from_words("Failover partner set"), Severity::Info);
        assert_eq!(Severity::from_words("failover failed"), Severity::Error);
        assert_eq!(Severity::from_words("WARNING: slow"), Severity::Warning);
        assert_eq!(Severity::from_words("Sync succeeded"), Severity::Info);
    }
}
