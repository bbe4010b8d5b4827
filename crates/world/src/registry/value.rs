//! Typed registry data.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The data of a registry value, with the types of `winnt.h`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum RegistryValue {
    /// Text.
    #[serde(rename = "REG_SZ")]
    Sz(String),
    /// Text with `%variables%` that the reader expands.
    #[serde(rename = "REG_EXPAND_SZ")]
    ExpandSz(String),
    /// 32-bit number.
    #[serde(rename = "REG_DWORD")]
    Dword(u32),
    /// 64-bit number.
    #[serde(rename = "REG_QWORD")]
    Qword(u64),
    /// List of texts.
    #[serde(rename = "REG_MULTI_SZ")]
    MultiSz(Vec<String>),
    /// Bytes; lower-case hex in exports.
    #[serde(rename = "REG_BINARY", with = "as_hex")]
    Binary(Vec<u8>),
}

mod as_hex {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        hex::decode(text).map_err(D::Error::custom)
    }
}

impl RegistryValue {
    /// The name of the type as `reg query` prints it.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Sz(_) => "REG_SZ",
            Self::ExpandSz(_) => "REG_EXPAND_SZ",
            Self::Dword(_) => "REG_DWORD",
            Self::Qword(_) => "REG_QWORD",
            Self::MultiSz(_) => "REG_MULTI_SZ",
            Self::Binary(_) => "REG_BINARY",
        }
    }

    /// The text of a `REG_SZ` or `REG_EXPAND_SZ`.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Sz(text) | Self::ExpandSz(text) => Some(text),
            _ => None,
        }
    }

    /// The number of a `REG_DWORD`.
    #[must_use]
    pub fn as_dword(&self) -> Option<u32> {
        match self {
            Self::Dword(number) => Some(*number),
            _ => None,
        }
    }
}

impl From<&str> for RegistryValue {
    fn from(text: &str) -> Self {
        Self::Sz(text.to_owned())
    }
}

impl From<String> for RegistryValue {
    fn from(text: String) -> Self {
        Self::Sz(text)
    }
}

impl From<u32> for RegistryValue {
    fn from(number: u32) -> Self {
        Self::Dword(number)
    }
}

/// The data as `reg query` prints it: numbers in hex, lists joined by `\0`.
impl fmt::Display for RegistryValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sz(text) | Self::ExpandSz(text) => f.write_str(text),
            Self::Dword(number) => write!(f, "0x{number:x}"),
            Self::Qword(number) => write!(f, "0x{number:x}"),
            Self::MultiSz(texts) => f.write_str(&texts.join("\\0")),
            Self::Binary(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn export_names_the_type_and_reads_back() {
        for (value, json) in [
            (RegistryValue::from("x"), r#"{"type":"REG_SZ","data":"x"}"#),
            (RegistryValue::Dword(1), r#"{"type":"REG_DWORD","data":1}"#),
            (RegistryValue::MultiSz(vec!["a".into(), "b".into()]), r#"{"type":"REG_MULTI_SZ","data":["a","b"]}"#),
            (RegistryValue::Binary(vec![0xAB, 1]), r#"{"type":"REG_BINARY","data":"ab01"}"#),
        ] {
            assert_eq!(serde_json::to_string(&value).unwrap(), json);
            assert_eq!(serde_json::from_str::<RegistryValue>(json).unwrap(), value);
        }
    }
}
