//! The handle through which components reach the database.

use std::fmt;
use std::path::Path;

use cmsim_db::{BoxFuture, Caller, Database, DbError, Migration, Trace};
use cmsim_sim::Clock;
use cmsim_wire::profile::SiteGeneration;
use sqlx::SqliteConnection;
use thiserror::Error;

use crate::{ReportRefused, sql_time};

macro_rules! migration {
    ($version:literal, $name:literal) => {
        Migration {
            version: $version,
            name: $name,
            sql: include_str!(concat!("../../../migrations/site/000", $version, "_", $name, ".sql")),
        }
    };
}

/// The schema scripts, in order.
const MIGRATIONS: &[Migration] = &[
    migration!(1, "sites"),
    migration!(2, "boundaries"),
    migration!(3, "clients"),
    migration!(4, "catalogue"),
    migration!(5, "synchronization"),
    migration!(6, "policy"),
    migration!(7, "state"),
    migration!(8, "state_views"),
];

/// What can go wrong in the site database.
#[derive(Debug, Error)]
pub enum SiteDbError {
    /// A statement failed.
    #[error(transparent)]
    Database(#[from] DbError),
    /// A state report cannot be taken.
    #[error(transparent)]
    Report(#[from] ReportRefused),
    /// Something was named that the database does not have.
    #[error("the site database has no {what} '{name}'")]
    Missing {
        /// The kind of thing.
        what: &'static str,
        /// Its name as given.
        name: String,
    },
}

/// The site database as one caller sees it. Cheap to clone; all clones share database and trace.
#[derive(Clone)]
pub struct SiteDb {
    db: Database,
    clock: Clock,
    trace: Trace,
    caller: Caller,
    generation: SiteGeneration,
}

impl fmt::Debug for SiteDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SiteDb(as {} on {})", self.caller.application, self.caller.host)
    }
}

impl SiteDb {
    /// Applies the schema to `db` and returns the handle of `caller`, usually the site server.
    ///
    /// # Errors
    /// [`SiteDbError::Database`] if the schema cannot be applied.
    pub async fn create(
        db: Database,
        clock: Clock,
        trace: Trace,
        caller: Caller,
        generation: SiteGeneration,
    ) -> Result<Self, SiteDbError> {
        db.migrate(MIGRATIONS).await?;
        Ok(Self { db, clock, trace, caller, generation })
    }

    /// The same database for another caller, whose calls the trace shows under its own name.
    #[must_use]
    pub fn for_caller(&self, caller: Caller) -> Self {
        Self { caller, ..self.clone() }
    }

    /// The database itself, for queries that are not the product's.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.db
    }

    /// The trace of all callers.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// By which rules the site answers.
    #[must_use]
    pub fn generation(&self) -> SiteGeneration {
        self.generation
    }

    /// Writes the finished database to `path`.
    ///
    /// # Errors
    /// [`SiteDbError::Database`] if the file cannot be written.
    pub async fn save_to(&self, path: &Path) -> Result<(), SiteDbError> {
        Ok(self.db.save_to(path).await?)
    }

    pub(crate) fn traced(&self, call: impl fmt::Display) {
        self.trace.call(&self.caller, call);
    }

    /// Now, as the database writes it.
    pub(crate) fn now(&self) -> String {
        sql_time(self.clock.now())
    }

    pub(crate) async fn read<T, F>(&self, operation: &'static str, work: F) -> Result<T, SiteDbError>
    where
        T: Send,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send,
    {
        Ok(self.db.read(operation, work).await?)
    }

    pub(crate) async fn write<T, F>(&self, operation: &'static str, work: F) -> Result<T, SiteDbError>
    where
        T: Send,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send,
    {
        Ok(self.db.write(operation, work).await?)
    }
}
