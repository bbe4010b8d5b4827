//! Protocol versions and what they switch on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A `protocolVersion`: two decimal parts, compared as numbers, so 1.20 is above 1.8 (MS-WUSP 2.2.2.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProtocolVersion {
    /// The part before the point.
    pub major: u16,
    /// The part after the point.
    pub minor: u16,
}

/// A text that is not `x.y`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("'{0}' is not a protocol version: two numbers with a point between, such as 1.8")]
pub struct BadProtocolVersion(String);

impl ProtocolVersion {
    /// WSUS 3.0 SP2 clients: Windows 7 with agent 7.6 (MS-WUSP note 11).
    pub const WINDOWS_7: Self = Self::new(1, 8);
    /// Windows 11 25H2 (capture).
    pub const WINDOWS_11: Self = Self::new(2, 90);
    /// What WSUS 3.0 SP2 and every later server announces (MS-WUSP note 12, capture).
    pub const SERVER: Self = Self::new(3, 2);

    /// The version `major.minor`.
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// Whether a client of this version takes `HardwareIds` in deployments (MS-WUSP 2.2.2.2.4).
    #[must_use]
    pub fn takes_deployment_hardware_ids(self) -> bool {
        self >= Self::new(1, 6)
    }

    /// Whether a client of this version calls StartCategoryScan, sends `FilterCategoryIds` and
    /// `NeedTwoGroupOutOfScopeUpdates`, and takes the answers to them (MS-WUSP 2.2.2.2.4).
    #[must_use]
    pub fn scans_categories(self) -> bool {
        self >= Self::new(1, 7)
    }

    /// Whether a client of this version takes `AutoSelect`, `AutoDownload` and `SupersedenceBehavior` (MS-WUSP 2.2.2.2.4).
    #[must_use]
    pub fn takes_deployment_flags(self) -> bool {
        self >= Self::new(1, 8)
    }

    /// Whether a client of this version is a Windows 10 or later agent, which adds `ComputerSpec`, `FeatureScoreMatchingKey`,
    /// the last five members of `ComputerInfo`, and the parameters outside the specification (capture; the boundary is
    /// inferred from 1809 being the first to announce more than 1.8).
    #[must_use]
    pub fn is_windows_10(self) -> bool {
        self >= Self::new(1, 9)
    }
}

impl FromStr for ProtocolVersion {
    type Err = BadProtocolVersion;

    fn from_str(text: &str) -> Result<Self, BadProtocolVersion> {
        let bad = || BadProtocolVersion(text.chars().take(40).collect());
        let (major, minor) = text.split_once('.').ok_or_else(bad)?;
        Ok(Self::new(decimal(major).ok_or_else(bad)?, decimal(minor).ok_or_else(bad)?))
    }
}

/// Digits only: `u16::from_str` would also take a plus sign.
fn decimal(part: &str) -> Option<u16> {
    part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok()).flatten()
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl TryFrom<String> for ProtocolVersion {
    type Error = BadProtocolVersion;

    fn try_from(text: String) -> Result<Self, BadProtocolVersion> {
        text.parse()
    }
}

impl From<ProtocolVersion> for String {
    fn from(version: ProtocolVersion) -> Self {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers_and_switch_elements() {
        let version = |text: &str| text.parse::<ProtocolVersion>().unwrap();
        assert!(version("1.20") > version("1.8") && version("2.90") > version("2.4"));
        assert!(ProtocolVersion::WINDOWS_7.takes_deployment_flags() && ProtocolVersion::WINDOWS_7.scans_categories());
        assert!(!ProtocolVersion::WINDOWS_7.is_windows_10() && ProtocolVersion::WINDOWS_11.is_windows_10());
        assert!(!version("1.7").takes_deployment_flags() && version("1.7").scans_categories());
        assert!(!version("1.6").scans_categories() && version("1.6").takes_deployment_hardware_ids());
        assert!(!version("1.0").takes_deployment_hardware_ids());
    }

    #[test]
    fn only_two_decimal_parts_are_a_version() {
        for text in ["", "1", "1.", ".8", "1.8.0", "+1.8", "1.-8", "a.b", "1.70000"] {
            assert!(text.parse::<ProtocolVersion>().is_err(), "{text}");
        }
    }
}
