//! SUSDB: schema, configuration, and the statements of the services.

mod catalogue;
mod computers;
mod events;
mod fragments;
mod import;

use cmsim_db::{Database, DbError, Migration};
use cmsim_sim::{Clock, Seed, SimTime};
use cmsim_wire::update::{FragmentError, UpdateIdentity};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use thiserror::Error;
use uuid::Uuid;

use crate::seal::SealKey;

pub(crate) use catalogue::{Catalogue, Deployed, DriverMatch, Revision};
pub(crate) use fragments::FragmentRequest;
pub(crate) use import::hex;
pub use import::{Approval, CatalogueEntry, Imported, Prepared};

/// The group that every computer is in (public scripts agree on the id).
pub(crate) const ALL_COMPUTERS: Uuid = Uuid::from_u128(0xa0a0_8746_4dbe_4a37_9adf_9e76_52c0_b421);
/// The group of computers without a group of their own.
pub(crate) const UNASSIGNED_COMPUTERS: Uuid = Uuid::from_u128(0xb73c_a6ed_5727_47f3_84de_015e_03f6_a88a);

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "configuration",
        sql: include_str!("../../../../migrations/susdb/0001_configuration.sql"),
    },
    Migration { version: 2, name: "catalogue", sql: include_str!("../../../../migrations/susdb/0002_catalogue.sql") },
    Migration { version: 3, name: "computers", sql: include_str!("../../../../migrations/susdb/0003_computers.sql") },
];

/// What can go wrong with SUSDB.
#[derive(Debug, Error)]
pub enum SusdbError {
    /// A statement failed.
    #[error(transparent)]
    Database(#[from] DbError),
    /// An update cannot be imported because nothing can ever satisfy one of its prerequisites.
    #[error("update {update} needs {prerequisite}, which neither the catalogue nor the database has")]
    UnknownPrerequisite {
        /// The update.
        update: UpdateIdentity,
        /// The first update its clause names.
        prerequisite: Uuid,
    },
    /// A fragment of an update cannot be read.
    #[error("a {kind} fragment cannot be imported: {source}")]
    Fragment {
        /// Which fragment.
        kind: &'static str,
        /// What is wrong with it, and where.
        source: FragmentError,
    },
    /// A digest of a file is not 20 bytes of base64.
    #[error("update {update}: '{digest}' is not a SHA-1 in base64")]
    Digest {
        /// The update.
        update: UpdateIdentity,
        /// The attribute's value.
        digest: String,
    },
    /// A stored value has a form that the services did not write.
    #[error("SUSDB holds something unreadable: {0}")]
    Content(String),
}

/// What is decided when a SUSDB is made.
#[derive(Clone, Debug)]
pub struct SusdbSpec {
    /// NetBIOS name of the server, for the share it announces.
    pub server: String,
    /// The plain HTTP port that content is served on.
    pub content_port: u16,
    /// When the configuration last changed.
    pub configured: SimTime,
    /// Source of the server's id, its cookie key and its first ids.
    pub seed: Seed,
}

/// The single row of `tbConfiguration`.
#[derive(Clone)]
pub(crate) struct Configuration {
    pub(crate) server_id: Uuid,
    pub(crate) key: SealKey,
    pub(crate) last_change: Timestamp,
    pub(crate) is_registration_required: bool,
    pub(crate) max_extended_updates: i64,
    pub(crate) protocol_version: String,
    pub(crate) package_server_share: String,
    pub(crate) client_reporting_level: i64,
    pub(crate) content_port: i64,
    pub(crate) change_number: i64,
}

/// The database of one WSUS server. Cheap to clone; all clones are the same database.
#[derive(Clone, Debug)]
pub struct Susdb {
    db: Database,
    clock: Clock,
}

#[derive(sqlx::FromRow)]
struct ConfigurationRow {
    server_id: String,
    cookie_key: String,
    last_change: String,
    is_registration_required: bool,
    max_extended_updates: i64,
    protocol_version: String,
    package_server_share: String,
    client_reporting_level: i64,
    content_port: i64,
    change_number: i64,
}

impl Susdb {
    /// Applies the schema to `db`; a database without configuration gets one.
    ///
    /// # Errors
    /// [`SusdbError::Database`] if the schema cannot be applied.
    pub async fn create(db: Database, clock: Clock, spec: &SusdbSpec) -> Result<Self, SusdbError> {
        db.migrate(MIGRATIONS).await?;
        let mut random = spec.seed.stream("susdb");
        let server_id = random.uuid().to_string();
        let cookie_key = format!("{:016x}{:016x}", random.next_u64(), random.next_u64());
        let first_revision = i64::try_from(random.below(5_000, 100_000)).unwrap_or_default();
        let first_deployment = i64::try_from(random.below(1_000, 9_000)).unwrap_or_default();
        let configured = sql_time(spec.configured.timestamp());
        let share = format!(r"\\{}\UpdateServicesPackages", spec.server);
        let port = i64::from(spec.content_port);
        db.write("create the configuration", |c| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT OR IGNORE INTO tbConfiguration (ConfigurationID, ServerID, CookieKey, LastConfigChange,
                         PackageServerShare, ContentPort, FirstRevisionID, FirstDeploymentID)
                     VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
                )
                .bind(server_id)
                .bind(cookie_key)
                .bind(configured)
                .bind(share)
                .bind(port)
                .bind(first_revision)
                .bind(first_deployment)
                .execute(c)
                .await
            })
        })
        .await?;
        Ok(Self { db, clock })
    }

    /// The database itself, for changes of the world and for saving it.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.db
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now().timestamp()
    }

    pub(crate) async fn configuration(&self) -> Result<Configuration, SusdbError> {
        let row: ConfigurationRow = self
            .db
            .read("read the configuration", |c| {
                Box::pin(
                    sqlx::query_as(
                        "SELECT ServerID AS server_id, CookieKey AS cookie_key, LastConfigChange AS last_change,
                            IsRegistrationRequired AS is_registration_required,
                            MaxExtendedUpdatesPerRequest AS max_extended_updates, ProtocolVersion AS protocol_version,
                            PackageServerShare AS package_server_share, ClientReportingLevel AS client_reporting_level,
                            ContentPort AS content_port, LastChangeNumber AS change_number
                         FROM tbConfiguration",
                    )
                    .fetch_one(c),
                )
            })
            .await?;
        Ok(Configuration {
            server_id: guid(&row.server_id)?,
            key: SealKey::new(&row.cookie_key),
            last_change: parse_time(&row.last_change)?,
            is_registration_required: row.is_registration_required,
            max_extended_updates: row.max_extended_updates,
            protocol_version: row.protocol_version,
            package_server_share: row.package_server_share,
            client_reporting_level: row.client_reporting_level,
            content_port: row.content_port,
            change_number: row.change_number,
        })
    }
}

/// UTC text of fixed width, so that texts compare as times do.
pub(crate) fn sql_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

pub(crate) fn parse_time(text: &str) -> Result<Timestamp, SusdbError> {
    let unreadable = |_| SusdbError::Content(format!("time '{text}'"));
    let civil: DateTime = text.parse().map_err(unreadable)?;
    Ok(civil.to_zoned(TimeZone::UTC).map_err(unreadable)?.timestamp())
}

pub(crate) fn guid(text: &str) -> Result<Uuid, SusdbError> {
    text.parse().map_err(|_| SusdbError::Content(format!("GUID '{text}'")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_back() {
        let at = Timestamp::from_millisecond(1_390_238_220_090).unwrap();
        assert_eq!(sql_time(at), "2014-01-20 17:17:00.090");
        assert_eq!(parse_time(&sql_time(at)).unwrap(), at);
        assert!(parse_time("soon").is_err());
    }
}
