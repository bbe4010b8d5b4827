//! RequestAssignments and ReplyAssignments. Evidence: field (requests of public clients), docs (2007 SDK pages for
//! the reply), capture (client logs for hash and cookie forms).

use serde::{Deserialize, Serialize};

use super::{Condition, PolicyVersion};
use crate::ccm::client_id::SmsId;
use crate::limits;
use crate::xml::{NO_NAMESPACE, Reader, Tag, Writer, XmlError, XmlErrorKind};

/// How much the client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestType {
    /// Everything; no cookie may be sent.
    Full,
    /// What changed since the cookie.
    OnUpdate,
    /// What public clients ask: everything the cookie does not cover.
    Always,
}

impl RequestType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Full => "Full",
            Self::OnUpdate => "OnUpdate",
            Self::Always => "Always",
        }
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identification {
    /// The client's id.
    pub client_id: SmsId,
    /// Full name.
    pub fqdn: String,
    /// NetBIOS name.
    pub netbios_name: String,
}

impl Identification {
    fn write(&self, writer: &mut Writer) {
        writer.start("Identification").start("Machine");
        writer.leaf("ClientID", self.client_id.to_string());
        writer.leaf("FQDN", &self.fqdn).leaf("NetBIOSName", &self.netbios_name);
        writer.empty("SID").end();
        writer.empty("User").end();
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<Self>, XmlError> {
        let (mut id, mut fqdn, mut netbios_name) = (None, String::new(), String::new());
        while let Some(block) = reader.next_child(tag)? {
            while let Some(child) = reader.next_child(&block)? {
                match (block.local(), child.local()) {
                    ("Machine", "ClientID") => id = Some(reader.parse_text(&child)?),
                    ("Machine", "FQDN") => fqdn = reader.text(&child)?.into_owned(),
                    ("Machine", "NetBIOSName") => netbios_name = reader.text(&child)?.into_owned(),
                    _ => {}
                }
            }
        }
        Ok(id.map(|client_id| Self { client_id, fqdn, netbios_name }))
    }
}

/// Asks for the assignments of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestAssignments {
    /// Whether this acknowledges what was received instead of asking.
    pub acknowledge: bool,
    /// How much the client wants.
    pub request_type: RequestType,
    /// Who asks.
    pub identification: Identification,
    /// `SMS:` and the site code; some public clients send a wrong one.
    pub policy_source: String,
    /// The cookie of the last reply; `None` asks for everything.
    pub server_cookie: Option<String>,
}

impl RequestAssignments {
    /// Name of the root element.
    pub const ROOT: &'static str = "RequestAssignments";

    /// The message on one line.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new();
        writer.start(Self::ROOT).attr("SchemaVersion", "1.00");
        writer.attr("ACK", if self.acknowledge { "true" } else { "false" });
        writer.attr("RequestType", self.request_type.as_str());
        self.identification.write(&mut writer);
        writer.leaf("PolicySource", &self.policy_source);
        writer.start("Resource").attr("ResourceType", "Machine").end();
        match &self.server_cookie {
            Some(cookie) => writer.leaf("ServerCookie", cookie),
            None => writer.empty("ServerCookie"),
        };
        writer.finish()
    }

    /// Reads a request.
    ///
    /// # Errors
    /// [`XmlError`] when it is not this message or names no client.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        let mut reader = Reader::new(text, limits::CONTROL_XML)?;
        let root = reader.expect_root(NO_NAMESPACE, Self::ROOT)?;
        let request_type = match root.attr("RequestType") {
            Some("Full") => RequestType::Full,
            Some("OnUpdate") => RequestType::OnUpdate,
            _ => RequestType::Always,
        };
        let acknowledge = root.attr("ACK").or_else(|| root.attr("Ack"));
        let acknowledge = acknowledge.is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let (mut identification, mut policy_source, mut server_cookie) = (None, String::new(), None);
        while let Some(child) = reader.next_child(&root)? {
            match child.local() {
                "Identification" => identification = Identification::read(&mut reader, &child)?,
                "PolicySource" => policy_source = reader.text(&child)?.into_owned(),
                "ServerCookie" => {
                    let cookie = reader.text(&child)?;
                    server_cookie = (!cookie.trim().is_empty()).then(|| cookie.into_owned());
                }
                _ => {}
            }
        }
        reader.finish()?;
        let missing = || root.error(XmlErrorKind::MissingElement("ClientID".to_owned()));
        Ok(Self {
            acknowledge,
            request_type,
            identification: identification.ok_or_else(missing)?,
            policy_source,
            server_cookie,
        })
    }
}

/// Whether a reply is the whole list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyType {
    /// All assignments; others on the client are gone.
    Full,
    /// Only what changed since the client's cookie.
    Delta,
}

/// Where a policy's body is, and its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyReference {
    /// Policy id, in braces for policies of settings.
    pub id: String,
    /// Version of the body.
    pub version: PolicyVersion,
    /// `PolicyCategory`, such as `UpdateSource`; none for many.
    pub category: Option<String>,
    /// Bits of [`super::flags`].
    pub flags: u32,
    /// `SHA256:` and 64 hex digits over the body bytes.
    pub hash: Option<String>,
    /// URL of the body; its host is the literal text `<mp>`, which the client replaces.
    pub location: String,
}

/// One assignment: a condition and the policies it brings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyAssignment {
    /// Assignment id.
    pub id: String,
    /// When the client applies it; none means always.
    pub condition: Option<Condition>,
    /// The policies.
    pub policies: Vec<PolicyReference>,
}

/// The management point's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyAssignments {
    /// Whether this is the whole list.
    pub reply_type: ReplyType,
    /// Who asked.
    pub identification: Identification,
    /// `SMS:` and the site code.
    pub policy_source: String,
    /// Cookie for the next request, a time such as `2013-10-14 17:11:32.403`.
    pub server_cookie: String,
    /// The assignments.
    pub assignments: Vec<PolicyAssignment>,
}

impl ReplyAssignments {
    /// Name of the root element.
    pub const ROOT: &'static str = "ReplyAssignments";

    /// The message.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new();
        writer.start(Self::ROOT).attr("SchemaVersion", "1.00");
        writer.attr(
            "ReplyType",
            match self.reply_type {
                ReplyType::Full => "Full",
                ReplyType::Delta => "Delta",
            },
        );
        self.identification.write(&mut writer);
        writer.leaf("PolicySource", &self.policy_source);
        writer.start("Resource").attr("ResourceType", "Machine").end();
        writer.leaf("ServerCookie", &self.server_cookie);
        for assignment in &self.assignments {
            assignment.write(&mut writer);
        }
        writer.finish()
    }

    /// Reads a reply.
    ///
    /// # Errors
    /// [`XmlError`] when it is not this message, or a part is missing or malformed.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        let mut reader = Reader::new(text, limits::REPORT_XML)?;
        let root = reader.expect_root(NO_NAMESPACE, Self::ROOT)?;
        let reply_type = match root.attr("ReplyType") {
            Some("Delta") => ReplyType::Delta,
            _ => ReplyType::Full,
        };
        let (mut identification, mut policy_source, mut server_cookie) = (None, String::new(), String::new());
        let mut assignments = Vec::new();
        while let Some(child) = reader.next_child(&root)? {
            match child.local() {
                "Identification" => identification = Identification::read(&mut reader, &child)?,
                "PolicySource" => policy_source = reader.text(&child)?.into_owned(),
                "ServerCookie" => server_cookie = reader.text(&child)?.into_owned(),
                "PolicyAssignment" => {
                    bounded(&child, assignments.len())?;
                    assignments.push(PolicyAssignment::read(&mut reader, &child)?);
                }
                _ => {}
            }
        }
        reader.finish()?;
        let missing = || root.error(XmlErrorKind::MissingElement("Identification".to_owned()));
        Ok(Self {
            reply_type,
            identification: identification.ok_or_else(missing)?,
            policy_source,
            server_cookie,
            assignments,
        })
    }
}

impl PolicyAssignment {
    /// The element alone: the form that the site database stores.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new();
        self.write(&mut writer);
        writer.finish()
    }

    /// Reads the element alone.
    ///
    /// # Errors
    /// [`XmlError`] when it is not this element, or a part is missing or malformed.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        let mut reader = Reader::new(text, limits::REPORT_XML)?;
        let root = reader.expect_root(NO_NAMESPACE, "PolicyAssignment")?;
        let assignment = Self::read(&mut reader, &root)?;
        reader.finish()?;
        Ok(assignment)
    }

    fn write(&self, writer: &mut Writer) {
        writer.start("PolicyAssignment").attr("PolicyAssignmentID", &self.id);
        if let Some(condition) = &self.condition {
            condition.write(writer);
        }
        for policy in &self.policies {
            writer.start("Policy").attr("PolicyID", &policy.id);
            writer.attr("PolicyVersion", policy.version.to_string()).attr("PolicyType", "Machine");
            writer.attr_opt("PolicyCategory", policy.category.as_ref());
            writer.attr("PolicyFlags", policy.flags.to_string());
            // Public clients want the location as first child, with text.
            writer.start("PolicyLocation").attr_opt("PolicyHash", policy.hash.as_ref());
            writer.cdata(&policy.location).end().end();
        }
        writer.end();
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut assignment =
            Self { id: tag.require("PolicyAssignmentID")?.to_owned(), condition: None, policies: Vec::new() };
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "Condition" => assignment.condition = Condition::read(reader, &child)?,
                "Policy" => {
                    bounded(&child, assignment.policies.len())?;
                    assignment.policies.push(PolicyReference::read(reader, &child)?);
                }
                _ => {}
            }
        }
        Ok(assignment)
    }
}

impl PolicyReference {
    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let location = reader.expect_start(tag, NO_NAMESPACE, "PolicyLocation")?;
        Ok(Self {
            id: tag.require("PolicyID")?.to_owned(),
            version: tag.require_parsed("PolicyVersion")?,
            category: tag.attr("PolicyCategory").map(str::to_owned),
            flags: tag.parse_attr("PolicyFlags")?.unwrap_or(0),
            hash: location.attr("PolicyHash").map(str::to_owned),
            location: reader.text(&location)?.into_owned(),
        })
    }
}

fn bounded(tag: &Tag<'_>, already: usize) -> Result<(), XmlError> {
    if already < limits::LIST_ITEMS {
        return Ok(());
    }
    Err(tag.error(XmlErrorKind::Limit { what: "assignments or policies", limit: limits::LIST_ITEMS }))
}
