//! The state message report that clients send to the relay endpoint and that travels on as an `.SMX` file.
//! Evidence: article (2012 R2 client); the older form without `Priority`, `User`, `UserSID` is docs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::cim_time;
use super::client_id::SmsId;
use crate::limits;
use crate::xml::{NO_NAMESPACE, Reader, Tag, Writer, XmlError, XmlErrorKind};

/// First line of a report. The text itself travels as UTF-16 (article).
const DECLARATION: &str = r#"<?xml version="1.0" encoding="UTF-16"?>"#;

/// Topic type of software update states (docs: state message tables).
pub const TOPIC_UPDATE_DETECTION: u32 = 500;
/// Topic type of scan states of an update source (docs).
pub const TOPIC_UPDATE_SOURCE_SCAN: u32 = 501;
/// `IDType` of an update's unique id (article).
pub const ID_TYPE_UPDATE: u32 = 3;
/// `IDType` of an update source's unique id (inferred from the order in the SDK documentation).
pub const ID_TYPE_UPDATE_SOURCE: u32 = 4;

/// Who reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Whether the client is installed: 1.
    pub client_installed: u32,
    /// 1 for the ordinary client.
    pub client_type: u32,
    /// The client's id.
    pub client_id: SmsId,
    /// Version of the client.
    pub client_version: String,
    /// NetBIOS name.
    pub netbios_name: String,
    /// OEM code page.
    pub code_page: u32,
    /// Default locale.
    pub lcid: u32,
    /// Priority of the messages, 5 in all samples; absent from older clients.
    pub priority: Option<u32>,
}

/// One report: messages of one client, in serial order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateReport {
    /// Who reports.
    pub machine: Machine,
    /// When the report was made.
    pub date: Timestamp,
    /// The messages.
    pub messages: Vec<StateMessage>,
}

/// One state message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateMessage {
    /// When the state was recorded.
    pub time: Timestamp,
    /// Number of the message, rising without gaps per client.
    pub serial: u64,
    /// What the state is about.
    pub topic: Topic,
    /// State id within the topic type.
    pub state: u32,
    /// Severity of non-compliance, 0 in all samples.
    pub criticality: u32,
    /// `UserParameters/@Flags`.
    pub flags: u32,
    /// Parameters; for an update its revision number.
    pub parameters: Vec<String>,
    /// Details; present for some topics.
    pub details: Option<StateDetails>,
}

/// What a state is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    /// Id of the object; of an update without braces.
    pub id: String,
    /// Topic type.
    pub kind: u32,
    /// Kind of the id.
    pub id_type: u32,
    /// User name; empty for the machine, absent from older clients.
    pub user: Option<String>,
    /// User's SID; empty for the machine, absent from older clients.
    pub user_sid: Option<String>,
}

/// `StateDetails`: XML (type 1) or a string (type 2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateDetails {
    /// 1 XML, 2 string (2: inferred).
    pub kind: u32,
    /// The text.
    pub text: String,
}

impl StateReport {
    /// Name of the root element.
    pub const ROOT: &'static str = "Report";
    /// Value of `ReportContent`.
    pub const CONTENT: &'static str = "State Message Data";

    /// The report on one line, with its declaration.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new();
        writer.raw(DECLARATION).start(Self::ROOT).start("ReportHeader");
        self.machine.write(&mut writer);
        writer.start("ReportDetails");
        writer.leaf("ReportContent", Self::CONTENT).leaf("ReportType", "Full");
        writer.leaf("Date", cim_time::format(self.date));
        writer.leaf("Version", "1.0").leaf("Format", "1.0");
        writer.end().end();
        writer.start("ReportBody");
        for message in &self.messages {
            message.write(&mut writer);
        }
        writer.finish()
    }

    /// Reads a report.
    ///
    /// # Errors
    /// [`XmlError`] when it is not a state report, or a value is missing or malformed.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        let mut reader = Reader::new(text, limits::REPORT_XML)?;
        let root = reader.expect_root(NO_NAMESPACE, Self::ROOT)?;
        let (mut machine, mut date, mut messages) = (None, None, Vec::new());
        while let Some(part) = reader.next_child(&root)? {
            match part.local() {
                "ReportHeader" => (machine, date) = read_header(&mut reader, &part)?,
                "ReportBody" => {
                    while let Some(message) = reader.next_child(&part)? {
                        if messages.len() == limits::LIST_ITEMS {
                            return Err(message
                                .error(XmlErrorKind::Limit { what: "state messages", limit: limits::LIST_ITEMS }));
                        }
                        messages.push(StateMessage::read(&mut reader, &message)?);
                    }
                }
                _ => {}
            }
        }
        reader.finish()?;
        let missing = |name: &str| root.error(XmlErrorKind::MissingElement(name.to_owned()));
        Ok(Self {
            machine: machine.ok_or_else(|| missing("Machine"))?,
            date: date.ok_or_else(|| missing("ReportDetails"))?,
            messages,
        })
    }
}

fn read_header<'a>(
    reader: &mut Reader<'a>,
    header: &Tag<'a>,
) -> Result<(Option<Machine>, Option<Timestamp>), XmlError> {
    let (mut machine, mut date) = (None, None);
    while let Some(block) = reader.next_child(header)? {
        while let Some(child) = reader.next_child(&block)? {
            match (block.local(), child.local()) {
                ("Identification", "Machine") => machine = Some(Machine::read(reader, &child)?),
                ("ReportDetails", "Date") => {
                    let text = reader.text(&child)?;
                    date = Some(time(&child, &text)?);
                }
                ("ReportDetails", "ReportContent") => {
                    let content = reader.text(&child)?;
                    if content != StateReport::CONTENT {
                        return Err(child.error(XmlErrorKind::value("content of a state report", &content)));
                    }
                }
                _ => {}
            }
        }
    }
    Ok((machine, date))
}

fn time(tag: &Tag<'_>, text: &str) -> Result<Timestamp, XmlError> {
    cim_time::parse(text.trim()).ok_or_else(|| tag.error(XmlErrorKind::value("CIM date-time", text)))
}

impl Machine {
    fn write(&self, writer: &mut Writer) {
        writer.start("Identification").start("Machine");
        writer.leaf("ClientInstalled", self.client_installed.to_string());
        writer.leaf("ClientType", self.client_type.to_string());
        writer.leaf("ClientID", self.client_id.to_string());
        writer.leaf("ClientVersion", &self.client_version);
        writer.leaf("NetBIOSName", &self.netbios_name);
        writer.leaf("CodePage", self.code_page.to_string());
        writer.leaf("SystemDefaultLCID", self.lcid.to_string());
        if let Some(priority) = self.priority {
            writer.leaf("Priority", priority.to_string());
        }
        writer.end().end();
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut client_id = None;
        let mut machine = Self {
            client_installed: 1,
            client_type: 1,
            client_id: SmsId(uuid::Uuid::nil()),
            client_version: String::new(),
            netbios_name: String::new(),
            code_page: 0,
            lcid: 0,
            priority: None,
        };
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "ClientInstalled" => machine.client_installed = reader.parse_text(&child)?,
                "ClientType" => machine.client_type = reader.parse_text(&child)?,
                "ClientID" => client_id = Some(reader.parse_text(&child)?),
                "ClientVersion" => machine.client_version = reader.text(&child)?.into_owned(),
                "NetBIOSName" => machine.netbios_name = reader.text(&child)?.into_owned(),
                "CodePage" => machine.code_page = reader.parse_text(&child)?,
                "SystemDefaultLCID" => machine.lcid = reader.parse_text(&child)?,
                "Priority" => machine.priority = Some(reader.parse_text(&child)?),
                _ => {}
            }
        }
        let missing = || tag.error(XmlErrorKind::MissingElement("ClientID".to_owned()));
        machine.client_id = client_id.ok_or_else(missing)?;
        Ok(machine)
    }
}

impl StateMessage {
    fn write(&self, writer: &mut Writer) {
        writer.start("StateMessage");
        writer.attr("MessageTime", cim_time::format(self.time));
        writer.attr("SerialNumber", self.serial.to_string());
        writer.start("Topic").attr("ID", &self.topic.id);
        writer.attr("Type", self.topic.kind.to_string());
        writer.attr("IDType", self.topic.id_type.to_string());
        writer.attr_opt("User", self.topic.user.as_ref());
        writer.attr_opt("UserSID", self.topic.user_sid.as_ref()).end();
        writer.start("State").attr("ID", self.state.to_string());
        writer.attr("Criticality", self.criticality.to_string()).end();
        if let Some(details) = &self.details {
            writer.start("StateDetails").attr("Type", details.kind.to_string());
            writer.cdata(&details.text).end();
        }
        writer.start("UserParameters").attr("Flags", self.flags.to_string());
        writer.attr("Count", self.parameters.len().to_string());
        for parameter in &self.parameters {
            writer.leaf("Param", parameter);
        }
        writer.end().end();
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let (mut topic, mut state) = (None, None);
        let (mut flags, mut parameters, mut details) = (0, Vec::new(), None);
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "Topic" => {
                    topic = Some(Topic {
                        id: child.require("ID")?.to_owned(),
                        kind: child.require_parsed("Type")?,
                        id_type: child.require_parsed("IDType")?,
                        user: child.attr("User").map(str::to_owned),
                        user_sid: child.attr("UserSID").map(str::to_owned),
                    });
                }
                "State" => {
                    let id: u32 = child.require_parsed("ID")?;
                    state = Some((id, child.parse_attr("Criticality")?.unwrap_or(0)));
                }
                "StateDetails" => {
                    details = Some(StateDetails {
                        kind: child.parse_attr("Type")?.unwrap_or(1),
                        text: reader.text(&child)?.into_owned(),
                    });
                }
                "UserParameters" => {
                    flags = child.parse_attr("Flags")?.unwrap_or(0);
                    while let Some(parameter) = reader.next_child(&child)? {
                        if parameters.len() == limits::LIST_ITEMS {
                            return Err(
                                parameter.error(XmlErrorKind::Limit { what: "parameters", limit: limits::LIST_ITEMS })
                            );
                        }
                        parameters.push(reader.text(&parameter)?.into_owned());
                    }
                }
                _ => {}
            }
        }
        let missing = |name: &str| tag.error(XmlErrorKind::MissingElement(name.to_owned()));
        let (state, criticality) = state.ok_or_else(|| missing("State"))?;
        Ok(Self {
            time: time(tag, tag.require("MessageTime")?)?,
            serial: tag.require_parsed("SerialNumber")?,
            topic: topic.ok_or_else(|| missing("Topic"))?,
            state,
            criticality,
            flags,
            parameters,
            details,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    /// The report of the seed article's step 7, other ids.
    const REPORT: &str = include_str!("../../tests/golden/ccm/state-report.xml");

    fn message() -> StateMessage {
        StateMessage {
            time: "2026-03-01T09:11:55.573Z".parse().unwrap(),
            serial: 232,
            topic: Topic {
                id: "505fda07-b4f3-45fb-83d9-8642554e2773".to_owned(),
                kind: TOPIC_UPDATE_DETECTION,
                id_type: ID_TYPE_UPDATE,
                user: Some(String::new()),
                user_sid: Some(String::new()),
            },
            state: 2,
            criticality: 0,
            flags: 0,
            parameters: vec!["200".to_owned()],
            details: None,
        }
    }

    fn report() -> StateReport {
        StateReport {
            machine: Machine {
                client_installed: 1,
                client_type: 1,
                client_id: "GUID:0E6F4C1A-7B2D-4E5F-8A9B-1C2D3E4F5A6B".parse().unwrap(),
                client_version: "5.00.9106.1000".to_owned(),
                netbios_name: "SIM-CL-01".to_owned(),
                code_page: 437,
                lcid: 1033,
                priority: Some(5),
            },
            date: "2026-03-01T09:16:56.903Z".parse().unwrap(),
            messages: vec![message()],
        }
    }

    #[test]
    fn the_articles_report_is_byte_exact() {
        assert_eq!(report().to_xml(), REPORT.trim_end());
        assert_eq!(StateReport::parse(REPORT).unwrap(), report());
    }

    #[test]
    fn older_clients_leave_out_priority_and_user() {
        let text = REPORT.replace("<Priority>5</Priority>", "").replace(r#" User="" UserSID="""#, "");
        let parsed = StateReport::parse(&text).unwrap();
        assert_eq!(parsed.machine.priority, None);
        assert_eq!(parsed.messages[0].topic.user, None);
        assert_eq!(parsed.to_xml(), text.trim_end());
    }

    #[test]
    fn other_reports_and_damage_are_named() {
        let error = |from: &str, to: &str| StateReport::parse(&REPORT.replace(from, to)).unwrap_err().to_string();
        assert!(error("State Message Data", "Inventory Data").contains("'Inventory Data' is not a valid content"));
        assert!(error("573000+000", "573").contains("CIM date-time"));
        assert!(error("<State ID=\"2\" Criticality=\"0\"/>", "").contains("'State' is missing"));
        assert!(error("SerialNumber=\"232\"", "SerialNumber=\"-1\"").contains("'-1'"));
    }

    #[test]
    fn the_list_limit_holds_at_the_limit_and_fails_one_past_it() {
        let mut report = report();
        report.messages = vec![message(); limits::LIST_ITEMS];
        assert_eq!(StateReport::parse(&report.to_xml()).unwrap().messages.len(), limits::LIST_ITEMS);
        report.messages.push(message());
        assert!(StateReport::parse(&report.to_xml()).unwrap_err().to_string().contains("state messages"));
    }

    fn texts() -> impl Strategy<Value = String> {
        "[ -~é]{0,12}"
    }

    fn times() -> impl Strategy<Value = Timestamp> {
        (0i64..4_000_000_000, 0i32..1_000_000)
            .prop_map(|(seconds, micros)| Timestamp::new(seconds, micros * 1000).unwrap())
    }

    prop_compose! {
        fn messages()(
            time in times(),
            serial: u64,
            topic in (texts(), any::<u32>(), any::<u32>()),
            users in (proptest::option::of(texts()), proptest::option::of(texts())),
            numbers in (any::<u32>(), any::<u32>(), any::<u32>()),
            parameters in proptest::collection::vec(texts(), 0..4),
            details in proptest::option::of((any::<u32>(), "[ -~\\]>]{0,12}")),
        ) -> StateMessage {
            StateMessage {
                time,
                serial,
                topic: Topic { id: topic.0, kind: topic.1, id_type: topic.2, user: users.0, user_sid: users.1 },
                state: numbers.0,
                criticality: numbers.1,
                flags: numbers.2,
                parameters,
                details: details.map(|(kind, text)| StateDetails { kind, text }),
            }
        }
    }

    prop_compose! {
        fn reports()(
            id: u128,
            texts in (texts(), texts()),
            numbers in (any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>(), proptest::option::of(any::<u32>())),
            date in times(),
            messages in proptest::collection::vec(messages(), 0..4),
        ) -> StateReport {
            StateReport {
                machine: Machine {
                    client_installed: numbers.0,
                    client_type: numbers.1,
                    client_id: SmsId(Uuid::from_u128(id)),
                    client_version: texts.0,
                    netbios_name: texts.1,
                    code_page: numbers.2,
                    lcid: numbers.3,
                    priority: numbers.4,
                },
                date,
                messages,
            }
        }
    }

    proptest! {
        #[test]
        fn reports_read_back(report in reports()) {
            prop_assert_eq!(StateReport::parse(&report.to_xml()).unwrap(), report);
        }

        #[test]
        fn damaged_reports_never_panic(at in 0usize..1300, junk in "[<>/\"a-z ]{0,6}") {
            let cut = REPORT.get(..at.min(REPORT.len())).unwrap_or_default();
            let _ = StateReport::parse(&format!("{cut}{junk}"));
        }
    }
}
