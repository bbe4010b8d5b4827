//! GetExtendedUpdateInfo: the other fragments of revisions.

use std::str::FromStr;
use std::sync::Arc;

use super::get_file_locations::FileLocation;
use super::values::{self, put_display, put_ints, put_list, put_some, put_strings, required};
use super::{Call, Cookie, Message, Service, Style};
use crate::xml::{Reader, Tag, Writer, XmlError};

/// The call (MS-WUSP 2.2.2.2.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetExtendedUpdateInfo {
    /// The session cookie.
    pub cookie: Option<Cookie>,
    /// Revision ids, ascending (capture); at most `MaxExtendedUpdatesPerRequest`.
    pub revision_ids: Vec<i32>,
    /// Which fragments.
    pub info_types: Vec<FragmentType>,
    /// Languages, best first; mandatory for localized fragments.
    pub locales: Vec<String>,
    /// Outside the specification: the string of SyncUpdates' `DeviceAttributes` (capture).
    pub device_attributes: Option<String>,
    /// Three-letter region, such as `USA`.
    pub geo_id: Option<String>,
    /// The string of SyncUpdates' `CallerAttributes`.
    pub caller_attributes: Option<String>,
}

/// A kind of fragment. The schema's other names are ignored: no agent was seen to ask for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FragmentType {
    /// The whole published document.
    Published,
    /// What SyncUpdates carries.
    Core,
    /// Properties, files, handler data.
    Extended,
    /// Verification rules.
    VerificationRule,
    /// Title, description and links in one language.
    LocalizedProperties,
    /// Licence terms.
    Eula,
}

impl FragmentType {
    const ALL: [Self; 6] =
        [Self::Published, Self::Core, Self::Extended, Self::VerificationRule, Self::LocalizedProperties, Self::Eula];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Published => "Published",
            Self::Core => "Core",
            Self::Extended => "Extended",
            Self::VerificationRule => "VerificationRule",
            Self::LocalizedProperties => "LocalizedProperties",
            Self::Eula => "Eula",
        }
    }
}

/// A text that is not the name of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a kind of fragment")]
pub struct UnknownFragment;

impl FromStr for FragmentType {
    type Err = UnknownFragment;

    fn from_str(text: &str) -> Result<Self, UnknownFragment> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownFragment)
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetExtendedUpdateInfoResponse {
    /// One entry per fragment: all of one kind in the order asked for, then the next kind (capture).
    pub updates: Vec<UpdateData>,
    /// Where the files of these revisions lie.
    pub file_locations: Vec<FileLocation>,
    /// Revisions that this server does not have.
    pub out_of_scope_revision_ids: Vec<i32>,
}

/// One fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateData {
    /// Revision id; occurs once per fragment.
    pub id: i32,
    /// The fragment.
    pub xml: Arc<str>,
}

impl Call for GetExtendedUpdateInfo {
    type Answer = GetExtendedUpdateInfoResponse;
}

impl Message for GetExtendedUpdateInfo {
    const ELEMENT: &'static str = "GetExtendedUpdateInfo";
    const SERVICE: Service = Service::Client;
    const STYLE: Style = Style::Agent;

    fn write(&self, writer: &mut Writer) {
        if let Some(cookie) = &self.cookie {
            cookie.write(writer, "cookie");
        }
        put_ints(writer, "revisionIDs", &self.revision_ids);
        put_list(writer, "infoTypes", &self.info_types, |writer, kind| {
            put_some(writer, "XmlUpdateFragmentType", Some(kind.as_str()));
        });
        put_strings(writer, "locales", &self.locales);
        put_some(writer, "deviceAttributes", self.device_attributes.as_deref());
        put_some(writer, "GeoId", self.geo_id.as_deref());
        put_some(writer, "callerAttributes", self.caller_attributes.as_deref());
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut call = Self {
            cookie: None,
            revision_ids: Vec::new(),
            info_types: Vec::new(),
            locales: Vec::new(),
            device_attributes: None,
            geo_id: None,
            caller_attributes: None,
        };
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "cookie" => call.cookie = Cookie::read(reader, &child)?,
                "revisionIDs" => call.revision_ids = values::ints(reader, &child)?,
                "infoTypes" => {
                    call.info_types = values::list(reader, &child, "XmlUpdateFragmentType", |reader, tag| {
                        Ok(reader.text(tag)?.trim().parse().ok())
                    })?;
                }
                "locales" => call.locales = values::strings(reader, &child)?,
                "deviceAttributes" => call.device_attributes = values::string(reader, &child)?,
                "GeoId" => call.geo_id = values::string(reader, &child)?,
                "callerAttributes" => call.caller_attributes = values::string(reader, &child)?,
                _ => {}
            }
        }
        Ok(call)
    }
}

impl Message for GetExtendedUpdateInfoResponse {
    const ELEMENT: &'static str = "GetExtendedUpdateInfoResponse";
    const SERVICE: Service = Service::Client;
    const STYLE: Style = Style::Wcf;

    fn write(&self, writer: &mut Writer) {
        writer.start("GetExtendedUpdateInfoResult");
        put_list(writer, "Updates", &self.updates, |writer, update| {
            writer.start("Update");
            put_display(writer, "ID", update.id);
            put_some(writer, "Xml", Some(&update.xml));
            writer.end();
        });
        put_list(writer, "FileLocations", &self.file_locations, |writer, location| location.write(writer));
        put_ints(writer, "OutOfScopeRevisionIDs", &self.out_of_scope_revision_ids);
        writer.end();
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut answer =
            Self { updates: Vec::new(), file_locations: Vec::new(), out_of_scope_revision_ids: Vec::new() };
        while let Some(result) = reader.next_child(tag)? {
            if result.local() != "GetExtendedUpdateInfoResult" {
                continue;
            }
            while let Some(child) = reader.next_child(&result)? {
                match child.local() {
                    "Updates" => answer.updates = values::list(reader, &child, "Update", read_update)?,
                    "FileLocations" => {
                        answer.file_locations = values::list(reader, &child, "FileLocation", FileLocation::read)?;
                    }
                    "OutOfScopeRevisionIDs" => answer.out_of_scope_revision_ids = values::ints(reader, &child)?,
                    _ => {}
                }
            }
        }
        Ok(answer)
    }
}

fn read_update<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<UpdateData>, XmlError> {
    let mut id = None;
    let mut xml = None;
    while let Some(child) = reader.next_child(tag)? {
        match child.local() {
            "ID" => id = values::number(reader, &child)?,
            "Xml" => xml = values::string(reader, &child)?,
            _ => {}
        }
    }
    if values::is_nil(tag) {
        return Ok(None);
    }
    Ok(Some(UpdateData { id: required(id, tag, "ID")?, xml: xml.unwrap_or_default().into() }))
}
