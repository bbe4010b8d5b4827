//! Schema scripts. sqlx's own migrator stamps rows with the wall clock; two runs would differ.

use sha2::{Digest as _, Sha256};
use sqlx::{Connection as _, SqliteConnection};

use crate::database::drive;
use crate::{Database, DbError};

/// One schema script, usually embedded with `include_str!`.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Number; scripts are applied in ascending order.
    pub version: u32,
    /// File name without number and ending.
    pub name: &'static str,
    /// The statements.
    pub sql: &'static str,
}

const REGISTER: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    version INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL) STRICT";

impl Database {
    /// Applies those of `migrations` that this database does not have yet, each in its own transaction.
    /// They are recorded by number, name and hash in `schema_migrations`, without a time.
    ///
    /// # Errors
    /// [`DbError::Migration`] if the list is not ascending, a script fails, or one that was applied has
    /// changed since.
    pub async fn migrate(&self, migrations: &[Migration]) -> Result<(), DbError> {
        if let Some(pair) = migrations.windows(2).find(|pair| pair[0].version >= pair[1].version) {
            return Err(refused(&pair[1], "its number is not above that of the script before it"));
        }
        let mut connection = self.main().lock().await;
        for migration in migrations {
            drive(self.timing(), apply(&mut connection, migration)).await?;
        }
        Ok(())
    }
}

async fn apply(connection: &mut SqliteConnection, migration: &Migration) -> Result<(), DbError> {
    let failed = |error: sqlx::Error| refused(migration, &error.to_string());
    let sha256: String = Sha256::digest(migration.sql).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    sqlx::raw_sql(REGISTER).execute(&mut *transaction).await.map_err(failed)?;
    let applied: Option<String> = sqlx::query_scalar("SELECT sha256 FROM schema_migrations WHERE version = ?")
        .bind(migration.version)
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed)?;
    match applied {
        Some(hash) if hash == sha256 => return Ok(()),
        Some(_) => {
            return Err(refused(migration, "the database was made with another text of this script"));
        }
        None => {}
    }
    sqlx::raw_sql(migration.sql).execute(&mut *transaction).await.map_err(failed)?;
    sqlx::query("INSERT INTO schema_migrations (version, name, sha256) VALUES (?, ?, ?)")
        .bind(migration.version)
        .bind(migration.name)
        .bind(sha256)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    transaction.commit().await.map_err(failed)
}

fn refused(migration: &Migration, why: &str) -> DbError {
    DbError::Migration { version: migration.version, name: migration.name.to_owned(), why: why.to_owned() }
}
