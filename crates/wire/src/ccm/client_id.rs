//! The client's id as the messages spell it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::guid::Braced;

/// A client's unique id. Displays as `GUID:` and the id in upper case, without braces (capture: client logs).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SmsId(pub Uuid);

impl fmt::Display for SmsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = Uuid::encode_buffer();
        write!(f, "GUID:{}", self.0.hyphenated().encode_upper(&mut buffer))
    }
}

/// Reads an id in any case; the prefix and braces are optional because public clients differ (field).
impl FromStr for SmsId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = match text.split_at_checked(5) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case("GUID:") => rest,
            _ => text,
        };
        id.parse::<Braced>().map(|braced| Self(braced.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_written_and_optional_on_reading() {
        let text = "GUID:0E6F4C1A-7B2D-4E5F-8A9B-1C2D3E4F5A6B";
        for form in [text, "guid:{0e6f4c1a-7b2d-4e5f-8a9b-1c2d3e4f5a6b}", "0E6F4C1A-7B2D-4E5F-8A9B-1C2D3E4F5A6B"] {
            assert_eq!(form.parse::<SmsId>().unwrap().to_string(), text);
        }
        for wrong in ["", "GUID:", "GUID:x", "ééééé"] {
            assert!(wrong.parse::<SmsId>().is_err(), "{wrong}");
        }
    }
}
