//! The `Msg` header of a message.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::client_id::SmsId;
use crate::guid::Braced;
use crate::limits;
use crate::xml::{NO_NAMESPACE, Reader, Tag, Writer, XmlError, XmlErrorKind};

/// Children of `Msg` that hold only text.
const TEXT_ELEMENTS: [&str; 13] = [
    "CorrelationID",
    "ID",
    "Priority",
    "Protocol",
    "ReplyMode",
    "ReplyTo",
    "SentTime",
    "SourceID",
    "SourceHost",
    "TargetAddress",
    "TargetEndpoint",
    "TargetHost",
    "Timeout",
];

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// A zlib stream.
    Zlib,
    /// Not at all.
    None,
}

/// Whether the sender waits for the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyMode {
    /// The reply is expected in the same exchange.
    Sync,
    /// The sender's queue takes the reply, or none is expected.
    Async,
}

/// A range of the payload part, in bytes of the uncompressed payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ByteRange {
    /// Length in bytes; public clients send wrong ones (field).
    pub length: u64,
    /// Offset in bytes; not 0 only behind attachments.
    pub offset: u64,
}

/// The hook by which a client signs (field; element names from public clients).
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClientAuth {
    /// NetBIOS name of the sender.
    pub sender_machine: String,
    /// PUBLICKEYBLOB of the signing key in hex.
    pub public_key: String,
    /// Signature of the client id, see [`super::signature`].
    pub client_id_signature: String,
    /// Signature of the payload bytes as sent.
    pub payload_signature: String,
    /// `NonSSL` over HTTP.
    pub client_capabilities: String,
    /// Object id of the signature algorithm.
    pub hash_algorithm: String,
}

/// The header of one message. Optional parts are left out when writing; reading takes what is there, because public
/// clients leave out, repeat and misuse most of them (field).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Msg {
    /// How the reply's body should be compressed; absent means the sender did not say.
    pub reply_compression: Option<Compression>,
    /// Where the body lies in the payload.
    pub body: ByteRange,
    /// Attachments before the body.
    pub attachments: Vec<ByteRange>,
    /// Id of the message this one answers, nil in requests.
    pub correlation_id: Uuid,
    /// The client's signatures.
    pub client_auth: Option<ClientAuth>,
    /// Whether the payload is compressed.
    pub zlib: bool,
    /// Id of this message; absent when empty or malformed. Not unique among public clients.
    pub id: Option<Uuid>,
    /// Priority, 0 in all samples.
    pub priority: i32,
    /// `http`.
    pub protocol: Option<String>,
    /// Whether the sender waits.
    pub reply_mode: Option<ReplyMode>,
    /// `direct:HOST:endpoint`.
    pub reply_to: Option<String>,
    /// When the message was sent, whole seconds.
    pub sent_time: Option<Timestamp>,
    /// The sender's client id; absent or empty before registration.
    pub source_id: Option<SmsId>,
    /// NetBIOS or full name of the sender.
    pub source_host: Option<String>,
    /// Queue the message was put into, such as `mp:[http]MP_LocationManager`.
    pub target_address: Option<String>,
    /// Endpoint that handles the message: the routing key.
    pub target_endpoint: Option<String>,
    /// Host the sender addresses; some clients put a URL here.
    pub target_host: Option<String>,
    /// Time-out, 60000 from most clients and 600 from another: its unit is not agreed.
    pub timeout: Option<u32>,
    /// Message properties, name and value. That relay messages name their file type (`SMX`) in one is docs, how the
    /// element is spelled is inferred.
    pub properties: Vec<(String, String)>,
}

impl Msg {
    /// A header with every optional part absent and nil ids.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            reply_compression: None,
            body: ByteRange::default(),
            attachments: Vec::new(),
            correlation_id: Uuid::nil(),
            client_auth: None,
            zlib: false,
            id: None,
            priority: 0,
            protocol: None,
            reply_mode: None,
            reply_to: None,
            sent_time: None,
            source_id: None,
            source_host: None,
            target_address: None,
            target_endpoint: None,
            target_host: None,
            timeout: None,
            properties: Vec::new(),
        }
    }

    /// The header of a reply to `self`, with that id: answers the request's id and addresses its reply endpoint.
    /// Which parts a genuine reply has is unknown; these are what public clients accept (inferred).
    #[must_use]
    pub fn reply(&self, id: Uuid) -> Self {
        Self {
            correlation_id: self.id.unwrap_or_default(),
            zlib: self.wants_compressed_reply(),
            id: Some(id),
            target_endpoint: self.reply_endpoint().map(str::to_owned),
            ..Self::empty()
        }
    }

    /// Whether the reply should be compressed: yes unless the sender says no (field).
    #[must_use]
    pub fn wants_compressed_reply(&self) -> bool {
        self.reply_compression != Some(Compression::None)
    }

    /// The endpoint in `ReplyTo`: what stands behind the last colon.
    #[must_use]
    pub fn reply_endpoint(&self) -> Option<&str> {
        self.reply_to.as_deref()?.rsplit(':').next()
    }

    /// Value of a message property.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&str> {
        let mut found = self.properties.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_str())
    }

    /// The header on one line, elements in the order public clients write them.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new();
        writer.start("Msg");
        writer.attr_opt(
            "ReplyCompression",
            self.reply_compression.map(|compression| match compression {
                Compression::Zlib => "zlib",
                Compression::None => "none",
            }),
        );
        writer.attr("SchemaVersion", "1.1");
        for attachment in &self.attachments {
            write_range(&mut writer, "Attachment", *attachment);
        }
        write_range(&mut writer, "Body", self.body);
        writer.leaf("CorrelationID", Braced(self.correlation_id).to_string());
        self.write_hooks(&mut writer);
        if let Some(id) = self.id {
            writer.leaf("ID", Braced(id).to_string());
        }
        writer.start("Payload").attr("Type", "inline").end();
        writer.leaf("Priority", self.priority.to_string());
        let mode = self.reply_mode.map(|mode| match mode {
            ReplyMode::Sync => "Sync",
            ReplyMode::Async => "ASync",
        });
        let sent = self.sent_time.map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        let source = self.source_id.map(|id| id.to_string());
        let timeout = self.timeout.map(|timeout| timeout.to_string());
        for (name, value) in [
            ("Protocol", self.protocol.as_deref()),
            ("ReplyMode", mode),
            ("ReplyTo", self.reply_to.as_deref()),
            ("SentTime", sent.as_deref()),
            ("SourceID", source.as_deref()),
            ("SourceHost", self.source_host.as_deref()),
            ("TargetAddress", self.target_address.as_deref()),
            ("TargetEndpoint", self.target_endpoint.as_deref()),
            ("TargetHost", self.target_host.as_deref()),
            ("Timeout", timeout.as_deref()),
        ] {
            if let Some(value) = value {
                writer.leaf(name, value);
            }
        }
        if !self.properties.is_empty() {
            writer.start("Properties");
            for (name, value) in &self.properties {
                writer.start("Property").attr("Name", name).text(value).end();
            }
            writer.end();
        }
        writer.finish()
    }

    fn write_hooks(&self, writer: &mut Writer) {
        writer.start("Hooks");
        if let Some(auth) = &self.client_auth {
            writer.start("Hook2").attr("Name", "clientauth");
            for (name, value) in [
                ("AuthSenderMachine", &auth.sender_machine),
                ("PublicKey", &auth.public_key),
                ("ClientIDSignature", &auth.client_id_signature),
                ("PayloadSignature", &auth.payload_signature),
                ("ClientCapabilities", &auth.client_capabilities),
                ("HashAlgorithm", &auth.hash_algorithm),
            ] {
                writer.start("Property").attr("Name", name).text(value).end();
            }
            writer.end();
        }
        if self.zlib {
            writer.start("Hook3").attr("Name", "zlib-compress").end();
        }
        writer.end();
    }

    /// Reads a header.
    ///
    /// # Errors
    /// [`XmlError`] when it is not a `Msg` or breaks a limit. Malformed values count as absent.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        let mut reader = Reader::new(text, limits::CONTROL_XML)?;
        let root = reader.expect_root(NO_NAMESPACE, "Msg")?;
        let mut msg = Self::empty();
        msg.reply_compression = match root.attr("ReplyCompression") {
            Some("zlib") => Some(Compression::Zlib),
            Some(_) => Some(Compression::None),
            None => None,
        };
        while let Some(child) = reader.next_child(&root)? {
            msg.read_child(&mut reader, &child)?;
        }
        reader.finish()?;
        Ok(msg)
    }

    fn read_child<'a>(&mut self, reader: &mut Reader<'a>, child: &Tag<'a>) -> Result<(), XmlError> {
        match child.local() {
            "Body" => self.body = range(child),
            "Attachment" => {
                if self.attachments.len() == limits::CCM_PARTS {
                    return Err(child.error(XmlErrorKind::Limit { what: "attachments", limit: limits::CCM_PARTS }));
                }
                self.attachments.push(range(child));
            }
            "Hooks" => self.read_hooks(reader, child)?,
            "Properties" => self.properties = properties(reader, child)?,
            name if TEXT_ELEMENTS.contains(&name) => {
                let text = reader.text(child)?;
                self.set(name, text.trim());
            }
            _ => {}
        }
        Ok(())
    }

    fn set(&mut self, name: &str, text: &str) {
        let some = || (!text.is_empty()).then(|| text.to_owned());
        let id = || text.parse::<Braced>().ok().map(|id| id.0);
        match name {
            "CorrelationID" => self.correlation_id = id().unwrap_or_default(),
            "ID" => self.id = id(),
            "Priority" => self.priority = text.parse().unwrap_or(0),
            "Protocol" => self.protocol = some(),
            "ReplyMode" if text.eq_ignore_ascii_case("sync") => self.reply_mode = Some(ReplyMode::Sync),
            "ReplyMode" if text.eq_ignore_ascii_case("async") => self.reply_mode = Some(ReplyMode::Async),
            "ReplyTo" => self.reply_to = some(),
            "SentTime" => self.sent_time = time(text),
            "SourceID" => self.source_id = text.parse().ok(),
            "SourceHost" => self.source_host = some(),
            "TargetAddress" => self.target_address = some(),
            "TargetEndpoint" => self.target_endpoint = some(),
            "TargetHost" => self.target_host = some(),
            "Timeout" => self.timeout = text.parse().ok(),
            _ => {}
        }
    }

    fn read_hooks<'a>(&mut self, reader: &mut Reader<'a>, hooks: &Tag<'a>) -> Result<(), XmlError> {
        while let Some(hook) = reader.next_child(hooks)? {
            match hook.attr("Name") {
                Some("zlib-compress") => self.zlib = true,
                Some("clientauth") => {
                    let mut auth = ClientAuth::default();
                    for (name, value) in properties(reader, &hook)? {
                        match name.as_str() {
                            "AuthSenderMachine" => auth.sender_machine = value,
                            "PublicKey" => auth.public_key = value,
                            "ClientIDSignature" => auth.client_id_signature = value,
                            "PayloadSignature" => auth.payload_signature = value,
                            "ClientCapabilities" => auth.client_capabilities = value,
                            "HashAlgorithm" => auth.hash_algorithm = value,
                            _ => {}
                        }
                    }
                    self.client_auth = Some(auth);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn properties<'a>(reader: &mut Reader<'a>, parent: &Tag<'a>) -> Result<Vec<(String, String)>, XmlError> {
    let mut found = Vec::new();
    while let Some(property) = reader.next_child(parent)? {
        if found.len() == limits::CONTROL_XML.attributes {
            return Err(
                property.error(XmlErrorKind::Limit { what: "properties", limit: limits::CONTROL_XML.attributes })
            );
        }
        let name = property.attr("Name").unwrap_or_default().to_owned();
        found.push((name, reader.text(&property)?.into_owned()));
    }
    Ok(found)
}

fn write_range(writer: &mut Writer, name: &'static str, range: ByteRange) {
    writer.start(name).attr("Type", "ByteRange");
    writer.attr("Length", range.length.to_string());
    writer.attr("Offset", range.offset.to_string()).end();
}

fn range(tag: &Tag<'_>) -> ByteRange {
    let number = |name| tag.attr(name).and_then(|value| value.trim().parse().ok()).unwrap_or(0);
    ByteRange { length: number("Length"), offset: number("Offset") }
}

/// A time with or without the `Z` that some clients leave out; without one it is UTC too.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    let zoned = text.parse::<Timestamp>().ok();
    zoned.or_else(|| {
        let local: jiff::civil::DateTime = text.parse().ok()?;
        Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })
}
