//! Client registration. The signature covers the literal `Data` element, so a request keeps the received text.
//! Evidence: field (public clients' requests; the real client's log for the flow), docs for the status numbers.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::client_id::SmsId;
use super::msg::time;
use super::signature;
use crate::limits;
use crate::xml::{NO_NAMESPACE, Reader, Tag, Writer, XmlError, XmlErrorKind};

/// What a registration message asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestType {
    /// Register this client.
    Registration,
    /// Is the registration with this id done?
    Confirmation,
}

impl RequestType {
    /// The word in the message.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "Registration",
            Self::Confirmation => "Confirmation",
        }
    }

    fn read(tag: &Tag<'_>, attribute: &str) -> Result<Self, XmlError> {
        match tag.require(attribute)? {
            "Registration" => Ok(Self::Registration),
            "Confirmation" => Ok(Self::Confirmation),
            other => Err(tag.error(XmlErrorKind::value(attribute, other))),
        }
    }
}

/// The program that registers.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Agent {
    /// Program name.
    pub identity: String,
    /// Version of the client.
    pub version: String,
    /// 0 for the ordinary client.
    pub kind: u32,
}

/// The signed part of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationData {
    /// Object id of the signature algorithm; old clients leave it out.
    pub hash_algorithm: Option<String>,
    /// The client's id; none in a first registration.
    pub sms_id: Option<SmsId>,
    /// What is asked.
    pub request_type: RequestType,
    /// When the client wrote this, whole seconds.
    pub time: Option<Timestamp>,
    /// The program that registers.
    pub agent: Agent,
    /// Encryption certificate, DER.
    pub encryption: Vec<u8>,
    /// Signing certificate, DER.
    pub signing: Vec<u8>,
    /// 1 self-signed.
    pub key_type: u32,
    /// `Netbios Name`, `FQ Name` and others, in message order. Empty in a confirmation.
    pub properties: IndexMap<String, String>,
}

/// A registration request as received: the data, its literal text and the signature over that text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationRequest {
    /// The signed part.
    pub data: RegistrationData,
    /// The literal `Data` element.
    pub data_xml: String,
    /// The signature, most significant byte first.
    pub signature: Vec<u8>,
}

impl RegistrationData {
    /// The `Data` element: sign [`signature::registration_bytes`] of it.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new();
        writer.start("Data");
        writer.attr_opt("HashAlgorithm", self.hash_algorithm.as_ref());
        writer.attr("SMSID", self.sms_id.map(|id| id.to_string()).unwrap_or_default());
        writer.attr("RequestType", self.request_type.as_str());
        writer.attr_opt("TimeStamp", self.time.map(seconds));
        writer.start("AgentInformation");
        writer.attr("AgentIdentity", &self.agent.identity);
        writer.attr("AgentVersion", &self.agent.version);
        writer.attr("AgentType", self.agent.kind.to_string()).end();
        writer.start("Certificates");
        for (name, certificate) in [("Encryption", &self.encryption), ("Signing", &self.signing)] {
            writer.start(name).attr("Encoding", "HexBinary");
            writer.attr("KeyType", self.key_type.to_string());
            writer.text(hex::encode_upper(certificate)).end();
        }
        writer.end();
        if !self.properties.is_empty() {
            writer.start("DiscoveryProperties");
            for (name, value) in &self.properties {
                writer.start("Property").attr("Name", name).attr("Value", value).end();
            }
            writer.end();
        }
        writer.finish()
    }

    fn parse(text: &str) -> Result<Self, XmlError> {
        let mut reader = Reader::new(text, limits::CONTROL_XML)?;
        let root = reader.expect_root(NO_NAMESPACE, "Data")?;
        let mut data = Self {
            hash_algorithm: root.attr("HashAlgorithm").map(str::to_owned),
            sms_id: root.attr("SMSID").and_then(|id| id.trim().parse().ok()),
            request_type: RequestType::read(&root, "RequestType")?,
            time: root.attr("TimeStamp").and_then(time),
            agent: Agent::default(),
            encryption: Vec::new(),
            signing: Vec::new(),
            key_type: 0,
            properties: IndexMap::new(),
        };
        while let Some(child) = reader.next_child(&root)? {
            match child.local() {
                "AgentInformation" => {
                    data.agent = Agent {
                        identity: child.attr("AgentIdentity").unwrap_or_default().to_owned(),
                        version: child.attr("AgentVersion").unwrap_or_default().to_owned(),
                        kind: child.parse_attr("AgentType")?.unwrap_or(0),
                    };
                }
                "Certificates" => data.read_certificates(&mut reader, &child)?,
                "DiscoveryProperties" => data.read_properties(&mut reader, &child)?,
                _ => {}
            }
        }
        Ok(data)
    }

    fn read_certificates<'a>(&mut self, reader: &mut Reader<'a>, parent: &Tag<'a>) -> Result<(), XmlError> {
        while let Some(tag) = reader.next_child(parent)? {
            let target = match tag.local() {
                "Encryption" => &mut self.encryption,
                "Signing" => &mut self.signing,
                _ => continue,
            };
            self.key_type = tag.parse_attr("KeyType")?.unwrap_or(0);
            let digits = reader.text(&tag)?;
            *target = hex::decode(digits.trim())
                .map_err(|_| tag.error(XmlErrorKind::value("hexadecimal certificate", &digits)))?;
        }
        Ok(())
    }

    fn read_properties<'a>(&mut self, reader: &mut Reader<'a>, parent: &Tag<'a>) -> Result<(), XmlError> {
        while let Some(tag) = reader.next_child(parent)? {
            if self.properties.len() == limits::LIST_ITEMS {
                return Err(tag.error(XmlErrorKind::Limit { what: "discovery properties", limit: limits::LIST_ITEMS }));
            }
            let value = tag.attr("Value").unwrap_or_default().to_owned();
            self.properties.insert(tag.require("Name")?.to_owned(), value);
        }
        Ok(())
    }
}

impl RegistrationRequest {
    /// Name of the root element.
    pub const ROOT: &'static str = "ClientRegistrationRequest";

    /// A request around signed data; `signature` most significant byte first.
    #[must_use]
    pub fn new(data: RegistrationData, signature: Vec<u8>) -> Self {
        Self { data_xml: data.to_xml(), data, signature }
    }

    /// The message; the `Data` element is `data_xml`, unchanged.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new();
        writer.start(Self::ROOT).raw(&self.data_xml);
        writer.start("Signature");
        writer.leaf("SignatureValue", signature::to_hex(&self.signature));
        writer.finish()
    }

    /// Reads a request.
    ///
    /// # Errors
    /// [`XmlError`] when it is not this message, or has no data or no hexadecimal signature.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        let mut reader = Reader::new(text, limits::CONTROL_XML)?;
        let root = reader.expect_root(NO_NAMESPACE, Self::ROOT)?;
        let (mut data_xml, mut signed) = (None, None);
        while let Some(child) = reader.next_child(&root)? {
            match child.local() {
                "Data" => data_xml = Some(reader.raw_outer(&child)?),
                "Signature" => {
                    let value = reader.expect_start(&child, NO_NAMESPACE, "SignatureValue")?;
                    let digits = reader.text(&value)?;
                    let bytes = signature::from_hex(&digits);
                    signed = Some(bytes.map_err(|_| value.error(XmlErrorKind::value("signature", &digits)))?);
                }
                _ => {}
            }
        }
        reader.finish()?;
        let missing = |name: &str| root.error(XmlErrorKind::MissingElement(name.to_owned()));
        let data_xml = data_xml.ok_or_else(|| missing("Data"))?;
        Ok(Self {
            data: RegistrationData::parse(data_xml)?,
            data_xml: data_xml.to_owned(),
            signature: signed.ok_or_else(|| missing("Signature"))?,
        })
    }
}

/// What the management point says about a registration (docs for 0 to 3; 4 inferred from the SDK's order).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationStatus {
    /// Registered.
    Registered,
    /// Not processed yet, or a conflict awaits an administrator: ask again.
    Pending,
    /// Could not be processed: send again.
    Reset,
    /// Rejected, or the client is blocked.
    Rejected,
    /// The certificate belongs to another client: make a new one.
    CertificateReset,
}

impl RegistrationStatus {
    const ALL: [Self; 5] = [Self::Registered, Self::Pending, Self::Reset, Self::Rejected, Self::CertificateReset];

    /// The number in the message.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Self::Registered => 0,
            Self::Pending => 1,
            Self::Reset => 2,
            Self::Rejected => 3,
            Self::CertificateReset => 4,
        }
    }

    /// The status of that number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.number() == number)
    }
}

/// The answer to a registration request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationResponse {
    /// Which kind of request this answers.
    pub response_type: RequestType,
    /// When the management point answered, whole seconds.
    pub time: Timestamp,
    /// The decision.
    pub status: RegistrationStatus,
    /// The client's id; present only when registered or pending.
    pub sms_id: Option<SmsId>,
    /// 1 approved, -1 not approved (capture: client logs; other values undocumented).
    pub approval_status: Option<i32>,
}

impl RegistrationResponse {
    /// Name of the root element.
    pub const ROOT: &'static str = "ClientRegistrationResponse";

    /// The message on one line. `SMSID` is quoted as public clients search it.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new();
        writer.start(Self::ROOT);
        writer.attr("ResponseType", self.response_type.as_str());
        writer.attr("TimeStamp", seconds(self.time));
        writer.attr("Status", self.status.number().to_string());
        writer.attr_opt("SMSID", self.sms_id.map(|id| id.to_string()));
        writer.attr_opt("ApprovalStatus", self.approval_status.map(|status| status.to_string()));
        writer.finish()
    }

    /// Reads a response.
    ///
    /// # Errors
    /// [`XmlError`] when it is not this message or its status is unknown.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        let mut reader = Reader::new(text, limits::CONTROL_XML)?;
        let root = reader.expect_root(NO_NAMESPACE, Self::ROOT)?;
        let invalid = |name: &str| root.error(XmlErrorKind::value(name, root.attr(name).unwrap_or_default()));
        let status = RegistrationStatus::from_number(root.require_parsed("Status")?);
        let response = Self {
            response_type: RequestType::read(&root, "ResponseType")?,
            time: time(root.require("TimeStamp")?).ok_or_else(|| invalid("TimeStamp"))?,
            status: status.ok_or_else(|| invalid("Status"))?,
            sms_id: root.attr("SMSID").and_then(|id| id.parse().ok()),
            approval_status: root.parse_attr("ApprovalStatus")?,
        };
        reader.finish()?;
        Ok(response)
    }
}

fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    /// The request form of public clients, with the line breaks one of them puts into `Data`.
    const REQUEST: &str = include_str!("../../tests/golden/ccm/registration-request.xml");
    const RESPONSE: &str = include_str!("../../tests/golden/ccm/registration-response.xml");

    #[test]
    fn the_literal_data_is_kept_for_the_signature() {
        let request = RegistrationRequest::parse(REQUEST).unwrap();
        assert!(request.data_xml.starts_with("<Data HashAlgorithm=") && request.data_xml.contains(">\n  <"));
        assert!(REQUEST.contains(&request.data_xml));
        assert_eq!(request.data.properties["Netbios Name"], "SIM-CL-01");
        assert_eq!(request.data.signing, [0x30, 0x82, 0x01]);
        assert_eq!(request.signature, [0x01, 0xAB, 0xCD]);
        assert_eq!(request.data.sms_id, None);
        let again = RegistrationRequest::parse(&request.to_xml()).unwrap();
        assert_eq!(again, request);
    }

    #[test]
    fn the_response_is_what_clients_search_for() {
        let response = RegistrationResponse {
            response_type: RequestType::Registration,
            time: "2026-03-01T09:00:01Z".parse().unwrap(),
            status: RegistrationStatus::Pending,
            sms_id: Some("GUID:0E6F4C1A-7B2D-4E5F-8A9B-1C2D3E4F5A6B".parse().unwrap()),
            approval_status: Some(1),
        };
        assert_eq!(response.to_xml(), RESPONSE.trim_end());
        assert_eq!(RegistrationResponse::parse(RESPONSE).unwrap(), response);
    }

    #[test]
    fn damage_is_named() {
        let error = |text: &str| RegistrationRequest::parse(text).unwrap_err().to_string();
        assert!(error("<ClientRegistrationRequest/>").contains("'Data' is missing"));
        assert!(error(&REQUEST.replace("CDAB01", "no hex")).contains("'no hex' is not a valid signature"));
        assert!(error(&REQUEST.replace("\"Registration\"", "\"Else\"")).contains("RequestType"));
        let response = RESPONSE.replace("Status=\"1\" SMS", "Status=\"9\" SMS");
        assert!(RegistrationResponse::parse(&response).unwrap_err().to_string().contains("'9'"));
    }

    prop_compose! {
        fn requests()(
            ids in proptest::option::of(any::<u128>()),
            algorithm in proptest::option::of("[0-9.]{1,9}"),
            confirmation: bool,
            time in proptest::option::of(0i64..4_000_000_000),
            names in ("[ -~]{0,9}", "[ -~]{0,9}"),
            numbers in (any::<u32>(), any::<u32>()),
            encryption in proptest::collection::vec(any::<u8>(), 0..9),
            signing in proptest::collection::vec(any::<u8>(), 0..9),
            properties in proptest::collection::vec(("[ -~é]{0,9}", "[ -~]{0,9}"), 0..4),
            signature in proptest::collection::vec(any::<u8>(), 1..9),
        ) -> RegistrationRequest {
            let data = RegistrationData {
                hash_algorithm: algorithm,
                sms_id: ids.map(|id| SmsId(Uuid::from_u128(id))),
                request_type: if confirmation { RequestType::Confirmation } else { RequestType::Registration },
                time: time.map(|seconds| Timestamp::from_second(seconds).unwrap()),
                agent: Agent { identity: names.0, version: names.1, kind: numbers.0 },
                encryption,
                signing,
                key_type: numbers.1,
                properties: properties.into_iter().collect(),
            };
            RegistrationRequest::new(data, signature)
        }
    }

    proptest! {
        #[test]
        fn requests_read_back(request in requests()) {
            prop_assert_eq!(RegistrationRequest::parse(&request.to_xml()).unwrap(), request);
        }

        #[test]
        fn responses_read_back(
            seconds in 0i64..4_000_000_000,
            status in 0u32..5,
            id in proptest::option::of(any::<u128>()),
            approval in proptest::option::of(any::<i32>()),
        ) {
            let response = RegistrationResponse {
                response_type: RequestType::Confirmation,
                time: Timestamp::from_second(seconds).unwrap(),
                status: RegistrationStatus::from_number(status).unwrap(),
                sms_id: id.map(|id| SmsId(Uuid::from_u128(id))),
                approval_status: approval,
            };
            prop_assert_eq!(RegistrationResponse::parse(&response.to_xml()).unwrap(), response);
        }

        #[test]
        fn damaged_requests_never_panic(at in 0usize..1200, junk in "[<>/\"a-z ]{0,6}") {
            let cut = REQUEST.get(..at.min(REQUEST.len())).unwrap_or_default();
            let _ = RegistrationRequest::parse(&format!("{cut}{junk}"));
            let _ = RegistrationResponse::parse(&format!("{cut}{junk}"));
        }
    }
}
