//! The metadata that SyncUpdates decides on, held in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cmsim_wire::update::{UpdateIdentity, UpdateType};
use cmsim_wire::wusp::sync_updates::{DeploymentAction, DriverVersion};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::{Susdb, SusdbError, guid, parse_time};

/// The newest revision of every update that is not declined, by revision id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalogue {
    /// By the server's revision id.
    pub(crate) revisions: BTreeMap<i32, Revision>,
    /// The revision id of each update.
    pub(crate) by_update: BTreeMap<Uuid, i32>,
    /// `CategoryType` of each category that has one.
    pub(crate) category_types: BTreeMap<Uuid, String>,
}

/// One revision.
#[derive(Clone, Debug)]
pub(crate) struct Revision {
    /// Its global name.
    pub(crate) identity: UpdateIdentity,
    /// What it is.
    pub(crate) update_type: UpdateType,
    /// Whether no revision names its update as a prerequisite.
    pub(crate) is_leaf: bool,
    /// Prerequisites: of each clause the revision ids that satisfy it.
    pub(crate) clauses: Vec<Vec<i32>>,
    /// The categories it belongs to.
    pub(crate) categories: BTreeSet<Uuid>,
    /// Revision ids of its parts.
    pub(crate) parts: Vec<i32>,
    /// What a driver fits.
    pub(crate) drivers: Vec<DriverMatch>,
    /// Deployments by target group.
    pub(crate) deployments: BTreeMap<Uuid, Deployed>,
    /// The core fragment.
    pub(crate) core: Arc<str>,
}

/// A hardware id that a driver fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DriverMatch {
    /// In lower case.
    pub(crate) hardware_id: String,
    /// Date as text, year first.
    pub(crate) date: String,
    /// Version.
    pub(crate) version: DriverVersion,
}

/// A row of `tbDeployment`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deployed {
    /// The deployment's id.
    pub(crate) id: i32,
    /// What to do.
    pub(crate) action: DeploymentAction,
    /// By when.
    pub(crate) deadline: Option<Timestamp>,
    /// When it last changed.
    pub(crate) last_change: Timestamp,
    /// The number of that change.
    pub(crate) change_number: i64,
}

impl Revision {
    /// The deployment for a computer in `groups`, the most special group first.
    pub(crate) fn deployment(&self, groups: &[Uuid]) -> Option<&Deployed> {
        groups.iter().find_map(|group| self.deployments.get(group))
    }

    /// Whether each clause has a member in `installed`.
    pub(crate) fn is_satisfied(&self, installed: &BTreeSet<i32>) -> bool {
        self.clauses.iter().all(|clause| clause.iter().any(|id| installed.contains(id)))
    }
}

type RevisionRow = (i32, String, u32, String, i64, Arc<str>);
type ClauseRow = (i32, i64, i64, i32, String);
type DriverRow = (i32, String, String, i64);
type DeploymentRow = (i32, i32, String, String, Option<String>, String, i64);

/// Everything as JSON texts: one row each is several times faster to fetch than thousands.
struct Texts {
    revisions: String,
    clauses: String,
    parts: String,
    drivers: String,
    deployments: String,
    categories: String,
}

impl Susdb {
    /// Reads the catalogue.
    pub(crate) async fn catalogue(&self) -> Result<Catalogue, SusdbError> {
        let texts = self.db.read("load the catalogue", |c| Box::pin(fetch(c))).await?;
        let mut catalogue = Catalogue::default();
        for (id, update, revision, kind, is_leaf, core) in rows::<RevisionRow>(&texts.revisions)? {
            let identity = UpdateIdentity { id: guid(&update)?, revision };
            let update_type = UpdateType::named(&kind).ok_or(SusdbError::Content(kind))?;
            catalogue.by_update.insert(identity.id, id);
            catalogue.revisions.insert(
                id,
                Revision {
                    identity,
                    update_type,
                    is_leaf: is_leaf != 0,
                    clauses: Vec::new(),
                    categories: BTreeSet::new(),
                    parts: Vec::new(),
                    drivers: Vec::new(),
                    deployments: BTreeMap::new(),
                    core,
                },
            );
        }
        catalogue.add_clauses(&rows(&texts.clauses)?)?;
        for (id, part) in rows::<(i32, i32)>(&texts.parts)? {
            catalogue.with(id, |revision| revision.parts.push(part));
        }
        for (id, hardware_id, date, version) in rows::<DriverRow>(&texts.drivers)? {
            let hardware_id = hardware_id.to_lowercase();
            let fits = DriverMatch { hardware_id, date, version: DriverVersion(version) };
            catalogue.with(id, |revision| revision.drivers.push(fits));
        }
        for (revision, id, group, action, deadline, last_change, change_number) in
            rows::<DeploymentRow>(&texts.deployments)?
        {
            let deployed = Deployed {
                id,
                action: action.parse().map_err(|_| SusdbError::Content(format!("action '{action}'")))?,
                deadline: deadline.as_deref().map(parse_time).transpose()?,
                last_change: parse_time(&last_change)?,
                change_number,
            };
            let group = guid(&group)?;
            catalogue.with(revision, |revision| {
                revision.deployments.insert(group, deployed);
            });
        }
        for (update, kind) in rows::<(String, String)>(&texts.categories)? {
            catalogue.category_types.insert(guid(&update)?, kind);
        }
        Ok(catalogue)
    }
}

impl Catalogue {
    /// Rows are ordered by revision and clause.
    fn add_clauses(&mut self, rows: &[ClauseRow]) -> Result<(), SusdbError> {
        let mut last = None;
        for (id, clause, is_category, member, update) in rows {
            let category = if *is_category == 0 { None } else { Some(guid(update)?) };
            let is_new = last != Some(*clause);
            last = Some(*clause);
            self.with(*id, |revision| {
                if is_new {
                    revision.clauses.push(Vec::new());
                }
                if let Some(clause) = revision.clauses.last_mut() {
                    clause.push(*member);
                }
                revision.categories.extend(category);
            });
        }
        Ok(())
    }

    fn with(&mut self, id: i32, change: impl FnOnce(&mut Revision)) {
        if let Some(revision) = self.revisions.get_mut(&id) {
            change(revision);
        }
    }
}

fn rows<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, SusdbError> {
    serde_json::from_str(text).map_err(|error| SusdbError::Content(error.to_string()))
}

async fn fetch(c: &mut SqliteConnection) -> Result<Texts, sqlx::Error> {
    Ok(Texts {
        revisions: sqlx::query_scalar(include_str!("sql/load_revisions.sql")).fetch_one(&mut *c).await?,
        clauses: sqlx::query_scalar(include_str!("sql/load_clauses.sql")).fetch_one(&mut *c).await?,
        parts: sqlx::query_scalar(include_str!("sql/load_parts.sql")).fetch_one(&mut *c).await?,
        drivers: sqlx::query_scalar(include_str!("sql/load_drivers.sql")).fetch_one(&mut *c).await?,
        deployments: sqlx::query_scalar(include_str!("sql/load_deployments.sql")).fetch_one(&mut *c).await?,
        categories: sqlx::query_scalar(include_str!("sql/load_categories.sql")).fetch_one(c).await?,
    })
}
