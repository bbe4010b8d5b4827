//! Filling the catalogue, and deciding what is deployed.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cmsim_wire::update::{
    CoreFragment, ExtendedFragment, FragmentError, HandlerBody, Metadata, UpdateIdentity, UpdateType,
};
use cmsim_wire::wusp::sync_updates::{DeploymentAction, DriverVersion};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::{Susdb, SusdbError, sql_time};

/// One revision of the catalogue with all its fragments, which are kept and sent as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueEntry {
    /// What agents evaluate.
    pub core: String,
    /// What installing needs.
    pub extended: String,
    /// Texts: language and fragment.
    pub localized: Vec<(String, String)>,
    /// What the administrator decided. Only counts for updates that are explicitly deployable.
    pub approval: Approval,
    /// Where the revision's id lies above the server's first one, so that ids need not follow the order of import.
    /// Without, or if that id is taken, it gets the next one after all others.
    pub local_id: Option<u32>,
}

/// A catalogue whose fragments have been read, so that several servers can import it for the price of one.
pub struct Prepared<'a>(Vec<Parsed<'a>>);

impl<'a> Prepared<'a> {
    /// Reads the fragments of `entries`.
    ///
    /// # Errors
    /// [`SusdbError::Fragment`] for the first one that cannot be read.
    pub fn read(entries: &'a [CatalogueEntry]) -> Result<Self, SusdbError> {
        entries.iter().map(Parsed::read).collect::<Result<_, SusdbError>>().map(Self)
    }
}

/// An entry with its fragments read.
struct Parsed<'a> {
    entry: &'a CatalogueEntry,
    core: CoreFragment,
    extended: ExtendedFragment,
}

impl<'a> Parsed<'a> {
    fn read(entry: &'a CatalogueEntry) -> Result<Self, SusdbError> {
        let fragment = |kind| move |error: FragmentError| SusdbError::Fragment { kind, source: error };
        Ok(Self {
            entry,
            core: CoreFragment::decode(&entry.core).map_err(fragment("core"))?,
            extended: ExtendedFragment::decode(&entry.extended).map_err(fragment("extended"))?,
        })
    }
}

/// What an administrator decided about an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Approval {
    /// Nothing: agents evaluate and report it. What ConfigMgr leaves every update at.
    #[default]
    NotApproved,
    /// Install, perhaps by a certain time.
    Install {
        /// The deadline.
        deadline: Option<Timestamp>,
    },
    /// Agents never hear of it.
    Declined,
}

/// What an import did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Revisions that were new.
    pub revisions: usize,
    /// The number of the change; agents that know a lower one hear of it.
    pub change_number: i64,
}

/// What the database had before.
struct Before {
    updates: BTreeMap<Uuid, i64>,
    revisions: BTreeSet<UpdateIdentity>,
    next_update: i64,
    first_revision: i64,
    revision_ids: BTreeSet<i64>,
    next_prerequisite: i64,
    next_deployment: i64,
    change_number: i64,
}

/// Rows by table, ready for one statement each.
#[derive(Default, Serialize)]
struct Rows {
    updates: Vec<Value>,
    revisions: Vec<Value>,
    properties: Vec<Value>,
    categories: Vec<Value>,
    fragments: Vec<Value>,
    prerequisites: Vec<Value>,
    sufficient: Vec<Value>,
    bundles: Vec<Value>,
    superseded: Vec<Value>,
    files: Vec<Value>,
    revision_files: Vec<Value>,
    drivers: Vec<Value>,
    deployments: Vec<Value>,
    hidden: Vec<Value>,
}

impl Susdb {
    /// Adds revisions that the database does not have yet; deployment ids follow the order of the catalogue.
    ///
    /// # Errors
    /// [`SusdbError::UnknownPrerequisite`] or [`SusdbError::Digest`] for an entry that makes no sense, and
    /// [`SusdbError::Database`]. Nothing is imported then.
    pub async fn import(&self, catalogue: &Prepared<'_>) -> Result<Imported, SusdbError> {
        let before = self.before().await?;
        let change_number = before.change_number + 1;
        let rows = Builder { before, now: sql_time(self.now()), rows: Rows::default() }.build(&catalogue.0)?;
        let revisions = rows.revisions.len();
        if revisions == 0 {
            return Ok(Imported { revisions, change_number: change_number - 1 });
        }
        self.db.write("import updates", move |c| Box::pin(insert(c, rows, change_number))).await?;
        Ok(Imported { revisions, change_number })
    }

    /// Applies an administrator's decision to updates, for all computers.
    ///
    /// # Errors
    /// [`SusdbError::Database`] if a statement fails.
    pub async fn approve(&self, updates: &[Uuid], approval: Approval) -> Result<(), SusdbError> {
        let ids = json!(updates.iter().map(Uuid::to_string).collect::<Vec<_>>()).to_string();
        let now = sql_time(self.now());
        let (action, deadline) = approved_action(approval);
        let deadline = deadline.map(sql_time);
        self.db
            .write("approve updates", move |c| {
                Box::pin(async move {
                    sqlx::query("UPDATE tbConfiguration SET LastChangeNumber = LastChangeNumber + 1")
                        .execute(&mut *c)
                        .await?;
                    sqlx::query(
                        "UPDATE tbUpdate SET IsHidden = ?2 WHERE UpdateID IN (SELECT value FROM json_each(?1))",
                    )
                    .bind(&ids)
                    .bind(approval == Approval::Declined)
                    .execute(&mut *c)
                    .await?;
                    sqlx::query(
                        "UPDATE tbDeployment SET ActionID = ?2, Deadline = ?3, LastChangeTime = ?4,
                             LastChangeNumber = (SELECT LastChangeNumber FROM tbConfiguration)
                         WHERE RevisionID IN (
                             SELECT r.RevisionID FROM tbRevision r
                             JOIN tbUpdate u ON u.LocalUpdateID = r.LocalUpdateID
                             JOIN tbProperty p ON p.RevisionID = r.RevisionID AND p.ExplicitlyDeployable
                             WHERE u.UpdateID IN (SELECT value FROM json_each(?1)))",
                    )
                    .bind(ids)
                    .bind(action.as_str())
                    .bind(deadline)
                    .bind(now)
                    .execute(c)
                    .await
                })
            })
            .await?;
        Ok(())
    }

    async fn before(&self) -> Result<Before, SusdbError> {
        type Numbers = (i64, i64, i64, i64, i64);
        type Found = (Vec<(String, i64)>, Vec<(String, u32, i64)>, Numbers);
        let (updates, revisions, numbers): Found = self
            .db
            .read("look at the catalogue", |c| {
                Box::pin(async move {
                    let updates =
                        sqlx::query_as("SELECT UpdateID, LocalUpdateID FROM tbUpdate").fetch_all(&mut *c).await?;
                    let revisions = sqlx::query_as(
                        "SELECT u.UpdateID, r.RevisionNumber, r.RevisionID FROM tbRevision r
                         JOIN tbUpdate u ON u.LocalUpdateID = r.LocalUpdateID",
                    )
                    .fetch_all(&mut *c)
                    .await?;
                    let numbers = sqlx::query_as(
                        "SELECT coalesce((SELECT max(LocalUpdateID) + 1 FROM tbUpdate), 1),
                                FirstRevisionID,
                                coalesce((SELECT max(PrerequisiteID) + 1 FROM tbPrerequisite), 1),
                                coalesce((SELECT max(DeploymentID) + 1 FROM tbDeployment), FirstDeploymentID),
                                LastChangeNumber
                         FROM tbConfiguration",
                    )
                    .fetch_one(c)
                    .await?;
                    Ok((updates, revisions, numbers))
                })
            })
            .await?;
        let (next_update, first_revision, next_prerequisite, next_deployment, change_number) = numbers;
        let read = |id: &str| super::guid(id);
        Ok(Before {
            updates: updates.iter().map(|(id, local)| Ok((read(id)?, *local))).collect::<Result<_, SusdbError>>()?,
            revisions: revisions
                .iter()
                .map(|(id, revision, _)| Ok(UpdateIdentity { id: read(id)?, revision: *revision }))
                .collect::<Result<_, SusdbError>>()?,
            next_update,
            first_revision,
            revision_ids: revisions.iter().map(|(_, _, id)| *id).collect(),
            next_prerequisite,
            next_deployment,
            change_number,
        })
    }
}

/// Action and deadline of an explicitly deployable update. Unapproved updates reach agents as PreDeploymentCheck
/// (MS-WUSP 2.2.2.2.4), declined ones not at all.
fn approved_action(approval: Approval) -> (DeploymentAction, Option<Timestamp>) {
    match approval {
        Approval::NotApproved | Approval::Declined => (DeploymentAction::PreDeploymentCheck, None),
        Approval::Install { deadline } => (DeploymentAction::Install, deadline),
    }
}

/// Turns entries into rows.
struct Builder {
    before: Before,
    now: String,
    rows: Rows,
}

impl Builder {
    fn build(mut self, entries: &[Parsed<'_>]) -> Result<Rows, SusdbError> {
        // Updates first: prerequisites may name one that comes later.
        for entry in entries {
            self.update(entry);
        }
        for entry in entries {
            if self.before.revisions.insert(entry.core.identity) {
                self.revision(entry)?;
            }
        }
        Ok(self.rows)
    }

    fn update(&mut self, entry: &Parsed<'_>) {
        let id = entry.core.identity.id;
        if self.before.updates.contains_key(&id) {
            return;
        }
        let local = self.before.next_update;
        self.before.next_update += 1;
        self.before.updates.insert(id, local);
        let kind = entry.core.properties.update_type.as_str();
        self.rows.updates.push(json!([local, id, kind, self.now]));
        let category = match entry.extended.handler.as_ref().map(|handler| &handler.body) {
            Some(HandlerBody::Category(information)) => information.category_type.as_deref(),
            _ => None,
        };
        if let Some(kind) = category {
            self.rows.categories.push(json!([local, kind]));
        }
    }

    fn revision(&mut self, entry: &Parsed<'_>) -> Result<(), SusdbError> {
        let identity = entry.core.identity;
        let id = self.revision_id(entry.entry.local_id);
        let local = self.before.updates.get(&identity.id).copied().unwrap_or_default();
        self.rows.revisions.push(json!([id, local, identity.revision]));
        self.fragments(id, entry);
        self.relationships(id, entry)?;
        self.files(id, entry)?;
        for metadata in entry.core.rules.iter().flat_map(|rules| &rules.metadata) {
            if let Metadata::Driver { driver, .. } = metadata {
                let parts = driver.version.parts().map(|part| u16::try_from(part).unwrap_or(u16::MAX));
                let version = DriverVersion::from_parts(parts).0;
                self.rows.drivers.push(json!([id, driver.hardware_id, driver.date, version]));
            }
        }
        self.deployment(id, entry);
        Ok(())
    }

    fn revision_id(&mut self, wanted: Option<u32>) -> i64 {
        let wanted = wanted.map(|offset| self.before.first_revision + i64::from(offset));
        let id = match wanted {
            Some(id) if id <= i64::from(i32::MAX) && !self.before.revision_ids.contains(&id) => id,
            _ => self.before.revision_ids.last().map_or(self.before.first_revision, |last| last + 1),
        };
        self.before.revision_ids.insert(id);
        id
    }

    fn fragments(&mut self, id: i64, entry: &Parsed<'_>) {
        let properties = &entry.extended.properties;
        self.rows.properties.push(json!([
            id,
            i64::from(entry.core.properties.explicitly_deployable),
            properties.attribute("DefaultPropertiesLanguage"),
            properties.severity(),
        ]));
        self.rows.fragments.push(json!([id, 1, "", entry.entry.core]));
        self.rows.fragments.push(json!([id, 2, "", entry.entry.extended]));
        for (language, text) in &entry.entry.localized {
            self.rows.fragments.push(json!([id, 3, language, text]));
        }
    }

    fn relationships(&mut self, id: i64, entry: &Parsed<'_>) -> Result<(), SusdbError> {
        for clause in entry.core.prerequisites() {
            // An alternative that was never synchronised cannot be installed; a clause needs one that can.
            let known: BTreeSet<i64> =
                clause.any_of.iter().filter_map(|update| self.before.updates.get(update).copied()).collect();
            if known.is_empty() {
                return Err(SusdbError::UnknownPrerequisite {
                    update: entry.core.identity,
                    prerequisite: clause.any_of.first().copied().unwrap_or_default(),
                });
            }
            let number = self.before.next_prerequisite;
            self.before.next_prerequisite += 1;
            self.rows.prerequisites.push(json!([number, id, i64::from(clause.is_category)]));
            self.rows.sufficient.extend(known.iter().map(|local| json!([number, local])));
        }
        for part in entry.core.bundled().iter().flat_map(|clause| &clause.any_of) {
            self.rows.bundles.push(json!([id, part.id, part.revision]));
        }
        self.rows.superseded.extend(entry.core.superseded().iter().map(|update| json!([id, update])));
        Ok(())
    }

    fn files(&mut self, id: i64, entry: &Parsed<'_>) -> Result<(), SusdbError> {
        for file in &entry.extended.files {
            let Some(digest) = file.digest() else {
                continue;
            };
            let bytes = STANDARD.decode(digest).ok().filter(|bytes| bytes.len() == 20);
            let bytes =
                bytes.ok_or_else(|| SusdbError::Digest { update: entry.core.identity, digest: digest.to_owned() })?;
            let digest = hex(&bytes);
            self.rows.files.push(json!([digest, file.name().unwrap_or_default(), file.size().unwrap_or_default()]));
            self.rows.revision_files.push(json!([id, digest]));
        }
        Ok(())
    }

    /// Every revision has a deployment of its own, dependencies too (capture). Parts of bundles get theirs when all
    /// bundles are known, and what is declined keeps one for the day it is approved again.
    fn deployment(&mut self, id: i64, entry: &Parsed<'_>) {
        let properties = &entry.core.properties;
        let approval = entry.entry.approval;
        if approval == Approval::Declined {
            self.rows.hidden.push(json!(entry.core.identity.id));
        }
        let (action, deadline) = match properties.update_type {
            UpdateType::Software | UpdateType::Driver if properties.explicitly_deployable => approved_action(approval),
            _ => (DeploymentAction::Evaluate, None),
        };
        let number = self.before.next_deployment;
        self.before.next_deployment += 1;
        self.rows.deployments.push(json!([number, id, action.as_str(), deadline.map(sql_time), self.now]));
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn insert(c: &mut SqliteConnection, rows: Rows, change_number: i64) -> Result<(), sqlx::Error> {
    type Table = fn(&Rows) -> &Vec<Value>;
    const STATEMENTS: [(&str, Table); 14] = [
        (include_str!("sql/insert_updates.sql"), |rows| &rows.updates),
        (include_str!("sql/insert_revisions.sql"), |rows| &rows.revisions),
        (include_str!("sql/insert_properties.sql"), |rows| &rows.properties),
        (include_str!("sql/insert_categories.sql"), |rows| &rows.categories),
        (include_str!("sql/insert_fragments.sql"), |rows| &rows.fragments),
        (include_str!("sql/insert_prerequisites.sql"), |rows| &rows.prerequisites),
        (include_str!("sql/insert_sufficient.sql"), |rows| &rows.sufficient),
        (include_str!("sql/insert_bundles.sql"), |rows| &rows.bundles),
        (include_str!("sql/insert_superseded.sql"), |rows| &rows.superseded),
        (include_str!("sql/insert_files.sql"), |rows| &rows.files),
        (include_str!("sql/insert_revision_files.sql"), |rows| &rows.revision_files),
        (include_str!("sql/insert_drivers.sql"), |rows| &rows.drivers),
        (include_str!("sql/insert_deployments.sql"), |rows| &rows.deployments),
        (include_str!("sql/hide_declined.sql"), |rows| &rows.hidden),
    ];
    for (statement, table) in STATEMENTS {
        let values = table(&rows);
        if !values.is_empty() {
            let values = serde_json::to_string(values).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
            sqlx::query(statement).bind(values).bind(change_number).execute(&mut *c).await?;
        }
    }
    sqlx::query("UPDATE tbConfiguration SET LastChangeNumber = ?").bind(change_number).execute(&mut *c).await?;
    sqlx::query(include_str!("sql/mark_latest.sql")).execute(&mut *c).await?;
    sqlx::query(include_str!("sql/mark_leaves.sql")).execute(&mut *c).await?;
    sqlx::query(include_str!("sql/mark_parts.sql")).execute(&mut *c).await?;
    // A deployment whose leaf state changed counts as changed (MS-WUSP 3.1.5.7).
    sqlx::query(include_str!("sql/carry_leaves.sql")).execute(c).await?;
    Ok(())
}
