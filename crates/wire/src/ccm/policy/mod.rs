//! Policy: the request for assignments, the assignments, the bodies, and the settings classes inside bodies.

mod assignments;
mod body;
mod settings;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::xml::{Reader, Tag, Writer, XmlError};

pub use assignments::{
    Identification, PolicyAssignment, PolicyReference, ReplyAssignments, ReplyType, RequestAssignments, RequestType,
};
pub use body::{CIM_ARRAY, CimType, Instance, PolicyBody, PolicyRule, Property};
pub use settings::{
    CONTENT_TYPE_WSUS, POLICY_CATEGORY_UPDATE_SOURCE, ScheduledMessage, SettingsError, SoftwareUpdatesClientConfig,
    UpdateSource,
};

/// Bits of `PolicyFlags` (values from public clients, names from the SDK documentation).
pub mod flags {
    /// A task sequence.
    pub const TASK_SEQUENCE: u32 = 1;
    /// The body is given only to authenticated clients.
    pub const REQUIRES_AUTHENTICATION: u32 = 2;
    /// The body is encrypted for the client.
    pub const SECRET: u32 = 4;
    /// Only on the intranet.
    pub const INTRANET_ONLY: u32 = 8;
    /// The client stores the whole policy.
    pub const PERSIST_WHOLE: u32 = 16;
    /// May be downloaded on demand.
    pub const DYNAMIC_DOWNLOAD: u32 = 32;
    /// The management point compresses the body.
    pub const COMPRESSED: u32 = 64;
}

/// A policy's version. Displays as `40.00`; in URLs the dot is an underscore (capture: client logs).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PolicyVersion {
    /// Rises with every change.
    pub major: u32,
    /// 0 in all samples.
    pub minor: u32,
}

impl PolicyVersion {
    /// Version `major.00`.
    #[must_use]
    pub fn new(major: u32) -> Self {
        Self { major, minor: 0 }
    }

    /// The form in URLs, `40_00`.
    #[must_use]
    pub fn for_url(self) -> String {
        format!("{}_{:02}", self.major, self.minor)
    }
}

impl fmt::Display for PolicyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.major, self.minor)
    }
}

/// Not a policy version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a policy version is two numbers with a dot or an underscore between them")]
pub struct VersionError;

/// Reads both forms.
impl FromStr for PolicyVersion {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (major, minor) = text.split_once(['.', '_']).ok_or(VersionError)?;
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| digits.parse().ok()).flatten().ok_or(VersionError)
        };
        Ok(Self { major: number(major)?, minor: number(minor)? })
    }
}

/// The path and query of a body, `/SMS_MP/.sms_pol?{id}.40_00` (capture: client logs).
#[must_use]
pub fn body_path(policy_id: &str, version: PolicyVersion) -> String {
    format!("/SMS_MP/.sms_pol?{policy_id}.{}", version.for_url())
}

/// Splits the query of a body's URL into policy id and version; braces may be percent-encoded (field).
#[must_use]
pub fn parse_body_query(query: &str) -> Option<(String, PolicyVersion)> {
    let query = query.replace("%7B", "{").replace("%7b", "{");
    let query = query.replace("%7D", "}").replace("%7d", "}");
    let (id, version) = query.rsplit_once('.')?;
    Some((id.to_owned(), version.parse().ok()?))
}

/// When an assignment or rule holds: a WQL question in a namespace of the client (field; capture of a body).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// `AND`, `OR` or `NOT`.
    pub operator: String,
    /// `once`, `until-true` or `continuous`.
    pub expression_type: String,
    /// Namespace and query: `@root\ccm`, line feed, `SELECT …`.
    pub expression: String,
}

impl Condition {
    /// A question that must become true once, as policies of settings have it.
    #[must_use]
    pub fn until_true(expression: impl Into<String>) -> Self {
        Self { operator: "AND".to_owned(), expression_type: "until-true".to_owned(), expression: expression.into() }
    }

    fn write(&self, writer: &mut Writer) {
        writer.start("Condition").start("Operator");
        writer.attr("OperatorType", &self.operator);
        writer.start("Expression").attr("ExpressionType", &self.expression_type);
        writer.attr("ExpressionLanguage", "WQL");
        writer.cdata(&self.expression).end().end().end();
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<Self>, XmlError> {
        let mut found = None;
        while let Some(operator) = reader.next_child(tag)? {
            let kind = operator.attr("OperatorType").unwrap_or("AND").to_owned();
            while let Some(expression) = reader.next_child(&operator)? {
                if found.is_none() && expression.local() == "Expression" {
                    found = Some(Self {
                        operator: kind.clone(),
                        expression_type: expression.attr("ExpressionType").unwrap_or_default().to_owned(),
                        expression: reader.text(&expression)?.into_owned(),
                    });
                }
            }
        }
        Ok(found)
    }
}
