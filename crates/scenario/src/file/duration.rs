//! Spans of time as users write them.

use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, Unexpected};

/// A span of time written like `90s`, `15m` or `2h 30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// The longest span a scenario may name: ten years.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let invalid = || {
            D::Error::invalid_value(Unexpected::Str(&text), &"a span of time such as \"90s\", \"15m\" or \"2h 30m\"")
        };
        let signed: jiff::SignedDuration = text.parse().map_err(|_| invalid())?;
        let span = Duration::try_from(signed).map_err(|_| invalid())?;
        if span > LONGEST {
            return Err(invalid());
        }
        Ok(Self(span))
    }
}
