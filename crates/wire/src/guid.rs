//! How ids are spelled on the wire: `{UPPER}` in braces almost everywhere, bare and lower-case in a few places.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// An id in braces and upper case, as content ids, message ids and policy ids are written (article).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Braced(pub Uuid);

impl fmt::Display for Braced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = Uuid::encode_buffer();
        write!(f, "{{{}}}", self.0.hyphenated().encode_upper(&mut buffer))
    }
}

/// Reads an id with or without braces, in any case.
impl FromStr for Braced {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        Uuid::try_parse(inner.unwrap_or(text)).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_and_case_are_free_on_reading_and_fixed_on_writing() {
        let text = "{C2D17964-BBDD-4339-B9F3-12D7205B39CC}";
        for form in [text, "c2d17964-bbdd-4339-b9f3-12d7205b39cc"] {
            assert_eq!(form.parse::<Braced>().unwrap().to_string(), text);
        }
        for wrong in ["", "{}", "{c2d17964-bbdd-4339-b9f3-12d7205b39cc", "xyz"] {
            assert!(wrong.parse::<Braced>().is_err(), "{wrong}");
        }
    }
}
