//! The answer to SyncUpdates.

use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::wusp::values::{self, put_display, put_ints, put_list, put_some, put_strings, required};
use crate::wusp::{Cookie, Message, Service, Style};
use crate::xml::{Reader, Tag, Writer, XmlError};

/// The answer (MS-WUSP 2.2.2.2.4). Lists without members are left out (capture).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncUpdatesResponse {
    /// Revisions that the client needs and does not have.
    pub new_updates: Vec<UpdateInfo>,
    /// Revisions that the client is to forget.
    pub out_of_scope_revision_ids: Vec<i32>,
    /// Revisions whose deployment or leaf state changed; without metadata.
    pub changed_updates: Vec<UpdateInfo>,
    /// Whether the page was cut and there is more.
    pub truncated: bool,
    /// Always there (capture), although the schema lets it be absent.
    pub new_cookie: Option<Cookie>,
    /// Revisions that are deployed but not in this scan's scope.
    pub deployed_out_of_scope_revision_ids: Vec<i32>,
    /// Whether the server has nothing for the driver pass. A text in the schema, `true` or `false`.
    pub driver_sync_not_needed: Option<bool>,
}

/// One revision in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateInfo {
    /// The server's own revision id.
    pub id: i32,
    /// What to do with it. A client fails without one (capture), although the schema lets it be absent.
    pub deployment: Option<Deployment>,
    /// Whether no revision names this update as a prerequisite.
    pub is_leaf: bool,
    /// The core fragment; absent in changed updates.
    pub xml: Option<Arc<str>>,
}

/// What a server wants done with a revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// The deployment's own id.
    pub id: i32,
    /// What to do.
    pub action: DeploymentAction,
    /// By when.
    pub deadline: Option<Timestamp>,
    /// Always true (capture).
    pub is_assigned: bool,
    /// The day of the last change.
    pub last_change_time: Date,
    /// Download priority, by name.
    pub download_priority: Option<String>,
    /// Hardware the deployment is limited to; to clients of 1.6 and later.
    pub hardware_ids: Vec<String>,
    /// Always 0; to clients of 1.8 and later, as the two that follow.
    pub auto_select: Option<u8>,
    /// Always 0.
    pub auto_download: Option<u8>,
    /// Always 0.
    pub supersedence_behavior: Option<u8>,
    /// Always 0; current servers leave it out (capture).
    pub flag_bitmask: Option<u32>,
}

/// `Action` of a deployment (MS-WUSP 2.2.2.2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DeploymentAction {
    /// Offer, but not automatically.
    OptionalInstall,
    /// Approved for installation.
    Install,
    /// Approved for removal.
    Uninstall,
    /// Not approved: evaluate and report only.
    PreDeploymentCheck,
    /// Never sent.
    Block,
    /// A dependency: evaluate, neither offer nor report.
    Evaluate,
    /// Part of a bundle.
    Bundle,
}

impl DeploymentAction {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OptionalInstall => "OptionalInstall",
            Self::Install => "Install",
            Self::Uninstall => "Uninstall",
            Self::PreDeploymentCheck => "PreDeploymentCheck",
            Self::Block => "Block",
            Self::Evaluate => "Evaluate",
            Self::Bundle => "Bundle",
        }
    }
}

/// A text that is not the name of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a deployment action")]
pub struct UnknownAction;

impl FromStr for DeploymentAction {
    type Err = UnknownAction;

    fn from_str(text: &str) -> Result<Self, UnknownAction> {
        const ALL: [DeploymentAction; 7] = [
            DeploymentAction::OptionalInstall,
            DeploymentAction::Install,
            DeploymentAction::Uninstall,
            DeploymentAction::PreDeploymentCheck,
            DeploymentAction::Block,
            DeploymentAction::Evaluate,
            DeploymentAction::Bundle,
        ];
        ALL.into_iter().find(|action| action.as_str() == text).ok_or(UnknownAction)
    }
}

impl Message for SyncUpdatesResponse {
    const ELEMENT: &'static str = "SyncUpdatesResponse";
    const SERVICE: Service = Service::Client;
    const STYLE: Style = Style::Wcf;

    fn write(&self, writer: &mut Writer) {
        writer.start("SyncUpdatesResult");
        put_list(writer, "NewUpdates", &self.new_updates, |writer, update| update.write(writer));
        put_ints(writer, "OutOfScopeRevisionIDs", &self.out_of_scope_revision_ids);
        put_list(writer, "ChangedUpdates", &self.changed_updates, |writer, update| update.write(writer));
        put_display(writer, "Truncated", self.truncated);
        if let Some(cookie) = &self.new_cookie {
            cookie.write(writer, "NewCookie");
        }
        put_ints(writer, "DeployedOutOfScopeRevisionIds", &self.deployed_out_of_scope_revision_ids);
        if let Some(not_needed) = self.driver_sync_not_needed {
            put_display(writer, "DriverSyncNotNeeded", not_needed);
        }
        writer.end();
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut answer = None;
        while let Some(child) = reader.next_child(tag)? {
            if child.local() == "SyncUpdatesResult" {
                answer = Some(read_sync_info(reader, &child)?);
            }
        }
        required(answer, tag, "SyncUpdatesResult")
    }
}

fn read_sync_info<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<SyncUpdatesResponse, XmlError> {
    let mut new_updates = Vec::new();
    let mut out_of_scope = Vec::new();
    let mut changed_updates = Vec::new();
    let mut truncated = None;
    let mut new_cookie = None;
    let mut deployed_out_of_scope = Vec::new();
    let mut driver_sync_not_needed = None;
    while let Some(child) = reader.next_child(tag)? {
        match child.local() {
            "NewUpdates" => new_updates = values::list(reader, &child, "UpdateInfo", UpdateInfo::read)?,
            "OutOfScopeRevisionIDs" => out_of_scope = values::ints(reader, &child)?,
            "ChangedUpdates" => changed_updates = values::list(reader, &child, "UpdateInfo", UpdateInfo::read)?,
            "Truncated" => truncated = values::boolean(reader, &child)?,
            "NewCookie" => new_cookie = Cookie::read(reader, &child)?,
            "DeployedOutOfScopeRevisionIds" => deployed_out_of_scope = values::ints(reader, &child)?,
            "DriverSyncNotNeeded" => driver_sync_not_needed = values::boolean(reader, &child)?,
            _ => {}
        }
    }
    Ok(SyncUpdatesResponse {
        new_updates,
        out_of_scope_revision_ids: out_of_scope,
        changed_updates,
        truncated: required(truncated, tag, "Truncated")?,
        new_cookie,
        deployed_out_of_scope_revision_ids: deployed_out_of_scope,
        driver_sync_not_needed,
    })
}

impl UpdateInfo {
    fn write(&self, writer: &mut Writer) {
        writer.start("UpdateInfo");
        put_display(writer, "ID", self.id);
        if let Some(deployment) = &self.deployment {
            deployment.write(writer);
        }
        put_display(writer, "IsLeaf", self.is_leaf);
        put_some(writer, "Xml", self.xml.as_deref());
        writer.end();
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<Self>, XmlError> {
        let mut id = None;
        let mut deployment = None;
        let mut is_leaf = None;
        let mut xml = None;
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "ID" => id = values::number(reader, &child)?,
                "Deployment" => deployment = Deployment::read(reader, &child)?,
                "IsLeaf" => is_leaf = values::boolean(reader, &child)?,
                "Xml" => xml = values::string(reader, &child)?.map(Arc::from),
                _ => {}
            }
        }
        if values::is_nil(tag) {
            return Ok(None);
        }
        Ok(Some(Self { id: required(id, tag, "ID")?, deployment, is_leaf: required(is_leaf, tag, "IsLeaf")?, xml }))
    }
}

impl Deployment {
    pub(in crate::wusp) fn write(&self, writer: &mut Writer) {
        writer.start("Deployment");
        put_display(writer, "ID", self.id);
        put_some(writer, "Action", Some(self.action.as_str()));
        if let Some(deadline) = self.deadline {
            put_display(writer, "Deadline", deadline);
        }
        put_display(writer, "IsAssigned", self.is_assigned);
        put_display(writer, "LastChangeTime", self.last_change_time);
        put_some(writer, "DownloadPriority", self.download_priority.as_deref());
        put_strings(writer, "HardwareIds", &self.hardware_ids);
        let flags = [
            ("AutoSelect", self.auto_select),
            ("AutoDownload", self.auto_download),
            ("SupersedenceBehavior", self.supersedence_behavior),
        ];
        for (name, value) in flags {
            if let Some(value) = value {
                put_display(writer, name, value);
            }
        }
        if let Some(bits) = self.flag_bitmask {
            put_display(writer, "FlagBitmask", bits);
        }
        writer.end();
    }

    pub(in crate::wusp) fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<Self>, XmlError> {
        let mut id = None;
        let mut action = None;
        let mut deadline = None;
        let mut is_assigned = None;
        let mut last_change_time = None;
        let mut download_priority = None;
        let mut hardware_ids = Vec::new();
        let mut auto_select = None;
        let mut auto_download = None;
        let mut supersedence_behavior = None;
        let mut flag_bitmask = None;
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "ID" => id = values::number(reader, &child)?,
                "Action" => action = Some(reader.parse_text(&child)?),
                "Deadline" => deadline = values::time(reader, &child)?,
                "IsAssigned" => is_assigned = values::boolean(reader, &child)?,
                "LastChangeTime" => last_change_time = values::date(reader, &child)?,
                "DownloadPriority" => download_priority = values::string(reader, &child)?,
                "HardwareIds" => hardware_ids = values::strings(reader, &child)?,
                "AutoSelect" => auto_select = values::number(reader, &child)?,
                "AutoDownload" => auto_download = values::number(reader, &child)?,
                "SupersedenceBehavior" => supersedence_behavior = values::number(reader, &child)?,
                "FlagBitmask" => flag_bitmask = values::number(reader, &child)?,
                _ => {}
            }
        }
        if values::is_nil(tag) {
            return Ok(None);
        }
        Ok(Some(Self {
            id: required(id, tag, "ID")?,
            action: required(action, tag, "Action")?,
            deadline,
            is_assigned: required(is_assigned, tag, "IsAssigned")?,
            last_change_time: required(last_change_time, tag, "LastChangeTime")?,
            download_priority,
            hardware_ids,
            auto_select,
            auto_download,
            supersedence_behavior,
            flag_bitmask,
        }))
    }
}
