//! WindowsUpdate.log in its two forms.

pub mod decoded;
pub mod tabbed;

use crate::severity::Severity;

/// The grades the agent marks in its texts: `FATAL`, `WARNING`, `*FAILED*`.
fn severity(text: &str) -> Severity {
    let body = text.trim_start();
    if body.starts_with("FATAL:") || body.starts_with("*FAILED*") {
        Severity::Error
    } else if body.starts_with("WARNING:") {
        Severity::Warning
    } else {
        Severity::Info
    }
}
