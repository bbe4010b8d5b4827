//! RefreshCache: what a client calls after it changed to another server.

use super::sync_updates::Deployment;
use super::values::{self, put_display, required};
use super::{Call, Cookie, Message, Service, Style};
use crate::update::UpdateIdentity;
use crate::xml::{Reader, Tag, Writer, XmlError};

/// The call (MS-WUSP 2.2.2.2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshCache {
    /// The session cookie.
    pub cookie: Option<Cookie>,
    /// What the client has cached; a missing list is an error of the call.
    pub global_ids: Option<Vec<UpdateIdentity>>,
}

/// The answer: the revisions that this server deploys to the client, under its own ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshCacheResponse {
    /// One entry per known revision; revisions that are only part of a bundle are left out (capture).
    pub results: Vec<RefreshCacheResult>,
}

/// One revision under the new server's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshCacheResult {
    /// The server's own revision id.
    pub revision_id: i32,
    /// The revision.
    pub global_id: UpdateIdentity,
    /// Whether nothing has it as a prerequisite.
    pub is_leaf: bool,
    /// Its deployment.
    pub deployment: Option<Deployment>,
}

impl Call for RefreshCache {
    type Answer = RefreshCacheResponse;
}

fn write_identity(writer: &mut Writer, name: &'static str, identity: UpdateIdentity) {
    writer.start(name);
    put_display(writer, "UpdateID", identity.id);
    put_display(writer, "RevisionNumber", identity.revision);
    writer.end();
}

fn read_identity<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<UpdateIdentity>, XmlError> {
    let mut id = None;
    let mut revision = None;
    while let Some(child) = reader.next_child(tag)? {
        match child.local() {
            "UpdateID" => id = values::guid(reader, &child)?,
            "RevisionNumber" => revision = values::number(reader, &child)?,
            _ => {}
        }
    }
    if values::is_nil(tag) {
        return Ok(None);
    }
    Ok(Some(UpdateIdentity {
        id: required(id, tag, "UpdateID")?,
        revision: required(revision, tag, "RevisionNumber")?,
    }))
}

impl Message for RefreshCache {
    const ELEMENT: &'static str = "RefreshCache";
    const SERVICE: Service = Service::Client;
    const STYLE: Style = Style::Agent;

    fn write(&self, writer: &mut Writer) {
        if let Some(cookie) = &self.cookie {
            cookie.write(writer, "cookie");
        }
        if let Some(ids) = &self.global_ids {
            writer.start("globalIDs");
            for id in ids {
                write_identity(writer, "UpdateIdentity", *id);
            }
            writer.end();
        }
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut call = Self { cookie: None, global_ids: None };
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "cookie" => call.cookie = Cookie::read(reader, &child)?,
                "globalIDs" => {
                    let ids = values::list(reader, &child, "UpdateIdentity", read_identity)?;
                    call.global_ids = (!values::is_nil(&child)).then_some(ids);
                }
                _ => {}
            }
        }
        Ok(call)
    }
}

impl Message for RefreshCacheResponse {
    const ELEMENT: &'static str = "RefreshCacheResponse";
    const SERVICE: Service = Service::Client;
    const STYLE: Style = Style::Wcf;

    fn write(&self, writer: &mut Writer) {
        // List and member have the same name in the schema; the list itself stays when it is empty, or the answer
        // would say that the call had no result.
        writer.start("RefreshCacheResult");
        for result in &self.results {
            writer.start("RefreshCacheResult");
            put_display(writer, "RevisionID", result.revision_id);
            write_identity(writer, "GlobalID", result.global_id);
            put_display(writer, "IsLeaf", result.is_leaf);
            if let Some(deployment) = &result.deployment {
                deployment.write(writer);
            }
            writer.end();
        }
        writer.end();
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut results = Vec::new();
        while let Some(child) = reader.next_child(tag)? {
            if child.local() == "RefreshCacheResult" {
                results = values::list(reader, &child, "RefreshCacheResult", read_result)?;
            }
        }
        Ok(Self { results })
    }
}

fn read_result<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<RefreshCacheResult>, XmlError> {
    let mut revision_id = None;
    let mut global_id = None;
    let mut is_leaf = None;
    let mut deployment = None;
    while let Some(child) = reader.next_child(tag)? {
        match child.local() {
            "RevisionID" => revision_id = values::number(reader, &child)?,
            "GlobalID" => global_id = read_identity(reader, &child)?,
            "IsLeaf" => is_leaf = values::boolean(reader, &child)?,
            "Deployment" => deployment = Deployment::read(reader, &child)?,
            _ => {}
        }
    }
    if values::is_nil(tag) {
        return Ok(None);
    }
    Ok(Some(RefreshCacheResult {
        revision_id: required(revision_id, tag, "RevisionID")?,
        global_id: required(global_id, tag, "GlobalID")?,
        is_leaf: required(is_leaf, tag, "IsLeaf")?,
        deployment,
    }))
}
