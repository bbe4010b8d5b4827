//! What is known of a file besides its content.

use std::fmt;

use cmsim_sim::SimTime;
use serde::{Deserialize, Serialize};

/// A file version, `6.1.7601.18229`; compares part by part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileVersion(pub [u16; 4]);

/// Parts beyond 65,535, which no version resource can hold, count as that.
impl From<[u32; 4]> for FileVersion {
    fn from(parts: [u32; 4]) -> Self {
        Self(parts.map(|part| u16::try_from(part).unwrap_or(u16::MAX)))
    }
}

impl fmt::Display for FileVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.0;
        write!(f, "{a}.{b}.{c}.{d}")
    }
}

/// What a program can learn about a file without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// The path in the case in which it was created, `C:\Windows\…`.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// Last write.
    pub modified: SimTime,
    /// When it was created.
    pub created: SimTime,
    /// Version resource, if it has one.
    pub version: Option<FileVersion>,
}

impl FileFacts {
    /// The name without its folder.
    #[must_use]
    pub fn name(&self) -> String {
        self.path.rsplit('\\').next().unwrap_or_default().to_owned()
    }
}
