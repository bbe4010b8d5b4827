//! Looking at a world, changing its machines by hand, and writing it down.

use std::path::Path;

use cmsim_logs::Format;
use cmsim_wire::update::{CoreFragment, Metadata};
use cmsim_world::{FileVersion, Host, RegistryValue};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row as _, TypeInfo as _, ValueRef as _};

use crate::settings::StageError;
use crate::stage::Stage;
use crate::topology;

/// Name of the site database among the databases of a world.
const SITE: &str = "site";

/// Where the trace of stored procedure calls lies on the database server.
const PROFILER: &str = r"C:\SQL\profiler.xml";

impl Stage {
    /// A registry value by `KEY\NAME` as JSON: text, number, list or hexadecimal digits.
    ///
    /// # Errors
    /// [`StageError::UnknownHost`].
    pub fn registry_value(&self, host: &str, path: &str) -> Result<Option<Value>, StageError> {
        let (key, name) = path.rsplit_once('\\').unwrap_or((path, ""));
        let value = self.host(host)?.registry().get(key, name);
        Ok(value.and_then(|value| serde_json::to_value(value).ok()).map(|mut value| value["data"].take()))
    }

    /// How many instances a WQL query selects. A class or namespace that does not exist has none.
    ///
    /// # Errors
    /// [`StageError`] if the machine is unknown or the query cannot be read.
    pub fn wmi_rows(&self, host: &str, namespace: &str, query: &str) -> Result<usize, StageError> {
        use cmsim_world::WmiError;
        match self.host(host)?.wmi().query(namespace, query) {
            Ok(found) => Ok(found.len()),
            Err(WmiError::InvalidClass { .. } | WmiError::InvalidNamespace(_)) => Ok(0),
            Err(error) => Err(StageError::part("the WMI query failed")(error)),
        }
    }

    /// The rows of a query on a database of the world: `site`, or `susdb-HOST`.
    ///
    /// # Errors
    /// [`StageError`] if there is no such database or the query fails.
    pub async fn query(&self, database: &str, query: &str) -> Result<Vec<Vec<Value>>, StageError> {
        let db = if database == SITE {
            Some(self.site_db().database())
        } else {
            database
                .strip_prefix("susdb-")
                .and_then(|host| self.roles().wsus.get(host))
                .map(|server| server.susdb().database())
        };
        let db =
            db.ok_or_else(|| StageError::UnknownDatabase(database.to_owned(), self.database_names().join(", ")))?;
        let query = query.to_owned();
        db.read("query of the user", |connection| {
            Box::pin(async move {
                // The user's own words on a world of his own.
                let rows = sqlx::query(AssertSqlSafe(query)).fetch_all(connection).await?;
                Ok(rows.iter().map(|row| (0..row.len()).map(|index| column(row, index)).collect()).collect())
            })
        })
        .await
        .map_err(StageError::part("the query failed"))
    }

    /// The databases of the world.
    #[must_use]
    pub fn database_names(&self) -> Vec<String> {
        std::iter::once(SITE.to_owned()).chain(self.roles().wsus.keys().map(|host| format!("susdb-{host}"))).collect()
    }

    /// A file of a machine gets a version, as an installer outside ConfigMgr gives it.
    ///
    /// # Errors
    /// [`StageError`] if path or version cannot be one.
    pub fn set_file_version(&self, host: &Host, path: &str, version: &str) -> Result<(), StageError> {
        let parts: Option<Vec<u16>> = version.split('.').map(|part| part.parse().ok()).collect();
        let parts: Option<[u16; 4]> = parts.and_then(|parts| parts.try_into().ok());
        let failed = format!("{path} of {} cannot get version {version}", host.name());
        let parts = parts.ok_or_else(|| StageError::part(failed.clone())("a version has four numbers with dots"))?;
        let size = host.disk().facts(path).map_or(0, |facts| facts.size);
        host.disk().install(path, FileVersion(parts), size).map_err(StageError::part(failed))
    }

    /// A registry value of a machine becomes that text.
    ///
    /// # Errors
    /// [`StageError`] if the key cannot be one.
    pub fn set_registry_text(&self, host: &Host, key: &str, name: &str, text: &str) -> Result<(), StageError> {
        let failed = format!("{key} of {} cannot be written", host.name());
        host.registry().set(key, name, text).map_err(StageError::part(failed))
    }

    /// A registry value of a machine becomes that number.
    ///
    /// # Errors
    /// [`StageError`] if the key cannot be one or the number does not fit into 32 bits.
    pub fn set_registry_number(&self, host: &Host, key: &str, name: &str, number: i64) -> Result<(), StageError> {
        let failed = format!("{key} of {} cannot be written", host.name());
        let number = u32::try_from(number).map_err(StageError::part(failed.clone()))?;
        host.registry().set(key, name, RegistryValue::Dword(number)).map_err(StageError::part(failed))
    }

    /// A servicing package is installed on a machine: by its full identity `Name~Token~Architecture~Language~Version`, or
    /// by its name alone if the catalogue has it.
    ///
    /// # Errors
    /// [`StageError`] if the identity cannot be one, or no update carries a package of that name.
    pub fn install_package(&self, host: &Host, package: &str) -> Result<(), StageError> {
        let failed = format!("{package} cannot be installed on {}", host.name());
        let identity = if package.contains('~') { Some(package.to_owned()) } else { self.package_identity(package) };
        let identity =
            identity.ok_or_else(|| StageError::part(failed.clone())("no update of the catalogue has this package"))?;
        host.packages().install(&identity).map_err(StageError::part(failed))
    }

    fn package_identity(&self, name: &str) -> Option<String> {
        // Most fragments are skipped by their text; only the one that names the package is read.
        let candidates = self.catalogue().entities.iter().filter(|entity| entity.core.contains(name));
        let fragments = candidates.filter_map(|entity| CoreFragment::decode(&entity.core).ok());
        let metadata = fragments.filter_map(|fragment| fragment.rules).flat_map(|rules| rules.metadata);
        let mut identities = metadata.filter_map(|metadata| match metadata {
            Metadata::Cbs { package, .. } => Some(package.identity),
            _ => None,
        });
        identities.find(|identity| identity.name == name).map(|identity| identity.to_string())
    }

    /// Writes the databases and `hosts/` below `folder`. Databases that live in files are left where they are.
    ///
    /// # Errors
    /// [`StageError`] with the file that cannot be written.
    pub async fn export(&self, folder: &Path) -> Result<(), StageError> {
        self.write_profiler_trace()?;
        let failed = |what: String| StageError::part(format!("cannot write {what}"));
        for (name, host) in self.hosts() {
            let place = folder.join("hosts").join(name);
            std::fs::create_dir_all(&place).map_err(StageError::part(format!("cannot make {}", place.display())))?;
            host.export(&place).map_err(StageError::part(format!("cannot write {}", place.display())))?;
        }
        if self.has_files() {
            return self.checkpoint().await;
        }
        self.site_db().save_to(&folder.join("site.db")).await.map_err(failed("site.db".to_owned()))?;
        for (name, server) in &self.roles().wsus {
            let file = format!("susdb-{name}.db");
            let saved = server.susdb().database().save_to(&folder.join(&file)).await;
            saved.map_err(StageError::part(format!("cannot write {file}")))?;
        }
        Ok(())
    }

    async fn checkpoint(&self) -> Result<(), StageError> {
        let wsus = self.roles().wsus.values().map(|server| server.susdb().database());
        for database in std::iter::once(self.site_db().database()).chain(wsus) {
            database.checkpoint().await.map_err(StageError::part("cannot complete a database file"))?;
        }
        Ok(())
    }

    fn write_profiler_trace(&self) -> Result<(), StageError> {
        let host = self.host(topology::SITE_SERVER)?;
        let trace = cmsim_site::profiler_trace(self.site_db().trace(), host.zone());
        let mut text = String::new();
        trace.format(&mut text);
        let bytes = [Format::ProfilerTrace.prologue(), &Format::ProfilerTrace.encode(&text)].concat();
        host.disk().write(PROFILER, &bytes).map_err(StageError::part("cannot write the SQL trace"))
    }
}

/// SQLite values are typed row by row, so the type is asked of the value and not of the column.
fn column(row: &sqlx::sqlite::SqliteRow, index: usize) -> Value {
    let Ok(raw) = row.try_get_raw(index) else { return Value::Null };
    if raw.is_null() {
        return Value::Null;
    }
    match raw.type_info().name() {
        "INTEGER" | "BOOLEAN" => row.try_get::<i64, _>(index).map(Into::into).unwrap_or_default(),
        "REAL" => row.try_get::<f64, _>(index).map(Into::into).unwrap_or_default(),
        _ => row.try_get::<String, _>(index).map(Into::into).unwrap_or_default(),
    }
}
