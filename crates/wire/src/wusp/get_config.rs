//! GetConfig: the first call, and what decides the rest of the handshake.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::values::{self, put, put_display, put_ints, put_list, put_some, required};
use super::{Call, Message, Service, Style};
use crate::xml::{Reader, Tag, Writer, XmlError};

/// Name of the property that limits GetExtendedUpdateInfo; mandatory in every answer.
pub const MAX_EXTENDED_UPDATES: &str = "MaxExtendedUpdatesPerRequest";
/// Name of the property with the server's protocol version; absent means below 3.0.
pub const PROTOCOL_VERSION: &str = "ProtocolVersion";

/// The call (MS-WUSP 2.2.2.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetConfig {
    /// The client's protocol version, as text so that a server can refuse a malformed one.
    pub protocol_version: Option<String>,
}

/// The server's configuration (MS-WUSP 2.2.2.2.1; members and their order also from a capture).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetConfigResponse {
    /// When the configuration last changed; the client hands it back in GetCookie.
    pub last_change: Timestamp,
    /// Whether the client must call RegisterComputer.
    pub is_registration_required: bool,
    /// How to get an authorisation cookie: one entry.
    pub auth_info: Vec<AuthPlugInInfo>,
    /// Events the server wants; servers leave it out (capture).
    pub allowed_event_ids: Vec<i32>,
    /// Named values.
    pub properties: Vec<ConfigurationProperty>,
}

/// One way to get an authorisation cookie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthPlugInInfo {
    /// `SimpleTargeting`, or `Anonymous` for none.
    pub plug_in_id: String,
    /// The service's path, relative to the root of the site (capture).
    pub service_url: String,
    /// Forbidden by the specification, sent empty by servers (capture).
    pub parameter: Option<String>,
}

/// A named value of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigurationProperty {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
}

impl GetConfigResponse {
    /// Value of a property.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&str> {
        let found = self.properties.iter().find(|property| property.name == name);
        found.map(|property| property.value.as_str())
    }
}

impl Call for GetConfig {
    type Answer = GetConfigResponse;
}

impl Message for GetConfig {
    const ELEMENT: &'static str = "GetConfig";
    const SERVICE: Service = Service::Client;
    const STYLE: Style = Style::Agent;

    fn write(&self, writer: &mut Writer) {
        put_some(writer, "protocolVersion", self.protocol_version.as_deref());
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut protocol_version = None;
        while let Some(child) = reader.next_child(tag)? {
            if child.local() == "protocolVersion" {
                protocol_version = values::string(reader, &child)?;
            }
        }
        Ok(Self { protocol_version })
    }
}

impl Message for GetConfigResponse {
    const ELEMENT: &'static str = "GetConfigResponse";
    const SERVICE: Service = Service::Client;
    const STYLE: Style = Style::Wcf;

    fn write(&self, writer: &mut Writer) {
        writer.start("GetConfigResult");
        put_display(writer, "LastChange", self.last_change);
        put_display(writer, "IsRegistrationRequired", self.is_registration_required);
        put_list(writer, "AuthInfo", &self.auth_info, |writer, info| {
            writer.start("AuthPlugInInfo");
            put(writer, "PlugInID", &info.plug_in_id);
            put(writer, "ServiceUrl", &info.service_url);
            put_some(writer, "Parameter", info.parameter.as_deref());
            writer.end();
        });
        put_ints(writer, "AllowedEventIds", &self.allowed_event_ids);
        put_list(writer, "Properties", &self.properties, |writer, property| {
            writer.start("ConfigurationProperty");
            put(writer, "Name", &property.name);
            put(writer, "Value", &property.value);
            writer.end();
        });
        writer.end();
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut config = None;
        while let Some(child) = reader.next_child(tag)? {
            if child.local() == "GetConfigResult" {
                config = Some(read_config(reader, &child)?);
            }
        }
        required(config, tag, "GetConfigResult")
    }
}

fn read_config<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<GetConfigResponse, XmlError> {
    let mut last_change = None;
    let mut registration = None;
    let mut auth_info = Vec::new();
    let mut allowed_event_ids = Vec::new();
    let mut properties = Vec::new();
    while let Some(child) = reader.next_child(tag)? {
        match child.local() {
            "LastChange" => last_change = values::time(reader, &child)?,
            "IsRegistrationRequired" => registration = values::boolean(reader, &child)?,
            "AuthInfo" => auth_info = values::list(reader, &child, "AuthPlugInInfo", read_plug_in)?,
            "AllowedEventIds" => allowed_event_ids = values::ints(reader, &child)?,
            "Properties" => properties = values::list(reader, &child, "ConfigurationProperty", read_property)?,
            _ => {}
        }
    }
    Ok(GetConfigResponse {
        last_change: required(last_change, tag, "LastChange")?,
        is_registration_required: required(registration, tag, "IsRegistrationRequired")?,
        auth_info,
        allowed_event_ids,
        properties,
    })
}

fn read_plug_in<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<AuthPlugInInfo>, XmlError> {
    let mut info = AuthPlugInInfo { plug_in_id: String::new(), service_url: String::new(), parameter: None };
    while let Some(child) = reader.next_child(tag)? {
        match child.local() {
            "PlugInID" => info.plug_in_id = values::string(reader, &child)?.unwrap_or_default(),
            "ServiceUrl" => info.service_url = values::string(reader, &child)?.unwrap_or_default(),
            "Parameter" => info.parameter = values::string(reader, &child)?,
            _ => {}
        }
    }
    Ok((!values::is_nil(tag)).then_some(info))
}

fn read_property<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<ConfigurationProperty>, XmlError> {
    let mut property = ConfigurationProperty { name: String::new(), value: String::new() };
    while let Some(child) = reader.next_child(tag)? {
        match child.local() {
            "Name" => property.name = values::string(reader, &child)?.unwrap_or_default(),
            "Value" => property.value = values::string(reader, &child)?.unwrap_or_default(),
            _ => {}
        }
    }
    Ok((!values::is_nil(tag)).then_some(property))
}
