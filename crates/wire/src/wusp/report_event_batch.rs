//! ReportEventBatch of the Reporting service.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::values::{self, put_display, put_list, put_some, put_strings, required};
use super::{Call, Cookie, Message, Service, Style};
use crate::xml::{Reader, Tag, Writer, XmlError};

/// The call (MS-WUSP 2.2.2.3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportEventBatch {
    /// The session cookie.
    pub cookie: Option<Cookie>,
    /// The client's clock.
    pub client_time: Timestamp,
    /// The events.
    pub event_batch: Vec<ReportingEvent>,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportEventBatchResponse {
    /// Whether the server took the events.
    pub received: bool,
}

/// One event. `PrivateData` is always sent, empty (field).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportingEvent {
    /// What happened.
    pub basic: BasicData,
    /// Where.
    pub extended: ExtendedData,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasicData {
    /// The agent's client id.
    pub sid: Option<String>,
    /// 0 (field).
    pub sequence_number: i32,
    /// When.
    pub time_at_target: Timestamp,
    /// This very event.
    pub event_instance_id: Uuid,
    /// 1 (field).
    pub namespace_id: i32,
    /// Such as 147, detection finished.
    pub event_id: i16,
    /// 101, the agent.
    pub source_id: i16,
    /// The update; the zero GUID for none.
    pub update_id: Uuid,
    /// Its revision; 0 for none.
    pub revision_number: i32,
    /// The result as a signed number.
    pub win32_hresult: i32,
    /// Who asked, such as `CcmExec`.
    pub app_name: Option<String>,
}

/// Where it happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtendedData {
    /// As many as the event's text has placeholders.
    pub replacement_strings: Vec<String>,
    /// `tag=value` texts.
    pub misc_data: Vec<String>,
    /// Manufacturer.
    pub computer_brand: Option<String>,
    /// Model.
    pub computer_model: Option<String>,
    /// BIOS revision.
    pub bios_revision: Option<String>,
    /// `Unknown`, `X86Compatible`, `IA64Compatible` or `Amd64Compatible`.
    pub processor_architecture: String,
    /// Major, minor, build, revision, service pack major and minor.
    pub os_version: [i32; 6],
    /// Language number, such as 1033.
    pub os_locale_id: i32,
    /// Device id.
    pub device_id: Option<String>,
}

const OS_VERSION: [&str; 6] = ["Major", "Minor", "Build", "Revision", "ServicePackMajor", "ServicePackMinor"];

impl Call for ReportEventBatch {
    type Answer = ReportEventBatchResponse;
}

impl Message for ReportEventBatch {
    const ELEMENT: &'static str = "ReportEventBatch";
    const SERVICE: Service = Service::Reporting;
    const STYLE: Style = Style::Agent;

    fn write(&self, writer: &mut Writer) {
        if let Some(cookie) = &self.cookie {
            cookie.write(writer, "cookie");
        }
        put_display(writer, "clientTime", self.client_time);
        put_list(writer, "eventBatch", &self.event_batch, |writer, event| {
            writer.start("ReportingEvent");
            event.basic.write(writer);
            event.extended.write(writer);
            writer.empty("PrivateData");
            writer.end();
        });
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut cookie = None;
        let mut client_time = None;
        let mut event_batch = Vec::new();
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "cookie" => cookie = Cookie::read(reader, &child)?,
                "clientTime" => client_time = values::time(reader, &child)?,
                "eventBatch" => event_batch = values::list(reader, &child, "ReportingEvent", read_event)?,
                _ => {}
            }
        }
        Ok(Self { cookie, client_time: required(client_time, tag, "clientTime")?, event_batch })
    }
}

impl Message for ReportEventBatchResponse {
    const ELEMENT: &'static str = "ReportEventBatchResponse";
    const SERVICE: Service = Service::Reporting;
    const STYLE: Style = Style::Asmx;

    fn write(&self, writer: &mut Writer) {
        put_display(writer, "ReportEventBatchResult", self.received);
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut received = None;
        while let Some(child) = reader.next_child(tag)? {
            if child.local() == "ReportEventBatchResult" {
                received = values::boolean(reader, &child)?;
            }
        }
        Ok(Self { received: required(received, tag, "ReportEventBatchResult")? })
    }
}

fn read_event<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<ReportingEvent>, XmlError> {
    let mut basic = None;
    let mut extended = None;
    while let Some(child) = reader.next_child(tag)? {
        match child.local() {
            "BasicData" => basic = Some(BasicData::read(reader, &child)?),
            "ExtendedData" => extended = Some(ExtendedData::read(reader, &child)?),
            _ => {}
        }
    }
    if values::is_nil(tag) {
        return Ok(None);
    }
    Ok(Some(ReportingEvent {
        basic: required(basic, tag, "BasicData")?,
        extended: required(extended, tag, "ExtendedData")?,
    }))
}

impl BasicData {
    fn write(&self, writer: &mut Writer) {
        writer.start("BasicData");
        if let Some(sid) = &self.sid {
            writer.start("TargetID");
            put_some(writer, "Sid", Some(sid));
            writer.end();
        }
        put_display(writer, "SequenceNumber", self.sequence_number);
        put_display(writer, "TimeAtTarget", self.time_at_target);
        put_display(writer, "EventInstanceID", self.event_instance_id);
        put_display(writer, "NamespaceID", self.namespace_id);
        put_display(writer, "EventID", self.event_id);
        put_display(writer, "SourceID", self.source_id);
        writer.start("UpdateID");
        put_display(writer, "UpdateID", self.update_id);
        put_display(writer, "RevisionNumber", self.revision_number);
        writer.end();
        put_display(writer, "Win32HResult", self.win32_hresult);
        put_some(writer, "AppName", self.app_name.as_deref());
        writer.end();
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut sid = None;
        let (mut sequence_number, mut time_at_target, mut instance) = (None, None, None);
        let (mut namespace_id, mut event_id, mut source_id) = (None, None, None);
        let (mut update_id, mut revision_number) = (Uuid::nil(), 0);
        let (mut win32_hresult, mut app_name) = (None, None);
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "TargetID" => {
                    while let Some(member) = reader.next_child(&child)? {
                        if member.local() == "Sid" {
                            sid = values::string(reader, &member)?;
                        }
                    }
                }
                "SequenceNumber" => sequence_number = values::number(reader, &child)?,
                "TimeAtTarget" => time_at_target = values::time(reader, &child)?,
                "EventInstanceID" => instance = values::guid(reader, &child)?,
                "NamespaceID" => namespace_id = values::number(reader, &child)?,
                "EventID" => event_id = values::number(reader, &child)?,
                "SourceID" => source_id = values::number(reader, &child)?,
                "UpdateID" => {
                    while let Some(member) = reader.next_child(&child)? {
                        match member.local() {
                            "UpdateID" => update_id = values::guid(reader, &member)?.unwrap_or_default(),
                            "RevisionNumber" => revision_number = values::number(reader, &member)?.unwrap_or_default(),
                            _ => {}
                        }
                    }
                }
                // The specification's prose has a lower-case r.
                "Win32HResult" | "Win32Hresult" => win32_hresult = values::number(reader, &child)?,
                "AppName" => app_name = values::string(reader, &child)?,
                _ => {}
            }
        }
        Ok(Self {
            sid,
            sequence_number: required(sequence_number, tag, "SequenceNumber")?,
            time_at_target: required(time_at_target, tag, "TimeAtTarget")?,
            event_instance_id: required(instance, tag, "EventInstanceID")?,
            namespace_id: required(namespace_id, tag, "NamespaceID")?,
            event_id: required(event_id, tag, "EventID")?,
            source_id: required(source_id, tag, "SourceID")?,
            update_id,
            revision_number,
            win32_hresult: required(win32_hresult, tag, "Win32HResult")?,
            app_name,
        })
    }
}

impl ExtendedData {
    fn write(&self, writer: &mut Writer) {
        writer.start("ExtendedData");
        put_strings(writer, "ReplacementStrings", &self.replacement_strings);
        put_strings(writer, "MiscData", &self.misc_data);
        put_some(writer, "ComputerBrand", self.computer_brand.as_deref());
        put_some(writer, "ComputerModel", self.computer_model.as_deref());
        put_some(writer, "BiosRevision", self.bios_revision.as_deref());
        put_some(writer, "ProcessorArchitecture", Some(&self.processor_architecture));
        writer.start("OSVersion");
        for (name, part) in OS_VERSION.into_iter().zip(self.os_version) {
            put_display(writer, name, part);
        }
        writer.end();
        put_display(writer, "OSLocaleID", self.os_locale_id);
        put_some(writer, "DeviceID", self.device_id.as_deref());
        writer.end();
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut data = Self {
            replacement_strings: Vec::new(),
            misc_data: Vec::new(),
            computer_brand: None,
            computer_model: None,
            bios_revision: None,
            processor_architecture: "Unknown".to_owned(),
            os_version: [0; 6],
            os_locale_id: 0,
            device_id: None,
        };
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "ReplacementStrings" => data.replacement_strings = values::strings(reader, &child)?,
                "MiscData" => data.misc_data = values::strings(reader, &child)?,
                "ComputerBrand" => data.computer_brand = values::string(reader, &child)?,
                "ComputerModel" => data.computer_model = values::string(reader, &child)?,
                "BiosRevision" => data.bios_revision = values::string(reader, &child)?,
                "ProcessorArchitecture" => {
                    data.processor_architecture = values::string(reader, &child)?.unwrap_or_default();
                }
                "OSVersion" => {
                    while let Some(part) = reader.next_child(&child)? {
                        let Some(index) = OS_VERSION.iter().position(|name| *name == part.local()) else {
                            continue;
                        };
                        data.os_version[index] = values::number(reader, &part)?.unwrap_or_default();
                    }
                }
                "OSLocaleID" => data.os_locale_id = values::number(reader, &child)?.unwrap_or_default(),
                "DeviceID" => data.device_id = values::string(reader, &child)?,
                _ => {}
            }
        }
        Ok(data)
    }
}
