//! The connection, and how closures run on it.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, SqliteConnection, SqlitePool};
use thiserror::Error;
use tokio::sync::{Mutex, watch};

/// The boxed future that a closure returns.
pub type BoxFuture<'c, T> = Pin<Box<dyn Future<Output = T> + Send + 'c>>;

/// How the statements of a database are driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// On the caller's thread, to the end, before any other task runs: for virtual time.
    Virtual,
    /// Awaited like any other work: for real time.
    Real,
}

impl Timing {
    /// The timing that fits `clock`.
    #[must_use]
    pub fn of(clock: &cmsim_sim::Clock) -> Self {
        if clock.is_virtual() { Self::Virtual } else { Self::Real }
    }
}

/// What can go wrong with a database.
#[derive(Debug, Error)]
pub enum DbError {
    /// The file or memory database could not be opened.
    #[error("cannot open database {path}: {source}")]
    Open {
        /// The file, or `:memory:`.
        path: String,
        /// SQLite's reason.
        source: sqlx::Error,
    },
    /// A statement of the named operation failed; a write was rolled back.
    #[error("{operation}: {source}")]
    Statement {
        /// The name that the caller gave the operation.
        operation: &'static str,
        /// SQLite's reason.
        source: sqlx::Error,
    },
    /// A schema script could not be applied.
    #[error("migration {version} ({name}): {why}")]
    Migration {
        /// Number of the script.
        version: u32,
        /// Name of the script.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// The finished database could not be written.
    #[error("cannot save the database as {}: {why}", path.display())]
    Save {
        /// Where it should have gone.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// One SQLite database. Cheap to clone; all clones are the same database.
#[derive(Clone)]
pub struct Database(Arc<Inner>);

struct Inner {
    timing: Timing,
    /// In virtual time the only connection; in real time the one that writes.
    main: Mutex<SqliteConnection>,
    /// Connections for reading beside the writer: only for files in real time.
    readers: Option<SqlitePool>,
    /// Number of committed writes.
    writes: watch::Sender<u64>,
}

/// Connections that read a file at the same time in real time.
const READERS: u32 = 4;

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({:?})", self.0.timing)
    }
}

impl Database {
    /// An empty database in memory, which lasts as long as its handles.
    ///
    /// # Errors
    /// [`DbError::Open`] if SQLite refuses, which takes a lack of memory.
    pub async fn open_memory(timing: Timing) -> Result<Self, DbError> {
        // `in_memory(true)` would make a shared cache, from which VACUUM INTO writes nothing.
        let options = common().filename(":memory:").synchronous(SqliteSynchronous::Off);
        Self::open(timing, ":memory:", &options, None).await
    }

    /// The database in the file `path`, which is created if there is none.
    ///
    /// # Errors
    /// [`DbError::Open`] if the file cannot be opened or is not a database.
    pub async fn open_file(timing: Timing, path: &Path) -> Result<Self, DbError> {
        let options = common()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal);
        let readers = (timing == Timing::Real)
            .then(|| SqlitePoolOptions::new().max_connections(READERS).connect_lazy_with(options.clone()));
        Self::open(timing, &path.to_string_lossy(), &options, readers).await
    }

    async fn open(
        timing: Timing,
        path: &str,
        options: &SqliteConnectOptions,
        readers: Option<SqlitePool>,
    ) -> Result<Self, DbError> {
        let connecting = SqliteConnection::connect_with(options);
        let main = drive(timing, connecting).await.map_err(|source| DbError::Open { path: path.to_owned(), source })?;
        Ok(Self(Arc::new(Inner { timing, main: Mutex::new(main), readers, writes: watch::Sender::new(0) })))
    }

    /// Runs the reading statements of `work`; `operation` names them in errors.
    ///
    /// # Errors
    /// [`DbError::Statement`] with whatever error `work` returned.
    pub async fn read<T, F>(&self, operation: &'static str, work: F) -> Result<T, DbError>
    where
        T: Send,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send,
    {
        let failed = |source| DbError::Statement { operation, source };
        if let Some(readers) = &self.0.readers {
            let mut connection = readers.acquire().await.map_err(failed)?;
            return work(&mut connection).await.map_err(failed);
        }
        // The guard is awaited like any lock; only the statements are driven in place.
        let mut connection = self.0.main.lock().await;
        drive(self.0.timing, work(&mut connection)).await.map_err(failed)
    }

    /// Runs `work` in one transaction, which is committed if it returns `Ok` and rolled back otherwise.
    ///
    /// # Errors
    /// [`DbError::Statement`] with whatever error `work` or the commit returned.
    pub async fn write<T, F>(&self, operation: &'static str, work: F) -> Result<T, DbError>
    where
        T: Send,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send,
    {
        let mut connection = self.0.main.lock().await;
        let transaction = async {
            // IMMEDIATE takes the write lock at once, so a reader never has to be upgraded half-way.
            let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
            match work(&mut transaction).await {
                Ok(value) => transaction.commit().await.map(|()| value),
                Err(error) => {
                    transaction.rollback().await?;
                    Err(error)
                }
            }
        };
        let value =
            drive(self.0.timing, transaction).await.map_err(|source| DbError::Statement { operation, source })?;
        drop(connection);
        self.0.writes.send_modify(|writes| *writes += 1);
        Ok(value)
    }

    /// Wakes whoever holds it after every committed write: for components that react to changes of tables.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.writes.subscribe()
    }

    /// Writes the whole database to `path`, replacing a file that is there. Equal contents give equal bytes
    /// as long as the statements that made them came in the same order.
    ///
    /// # Errors
    /// [`DbError::Save`] if the path is not Unicode or cannot be written.
    pub async fn save_to(&self, path: &Path) -> Result<(), DbError> {
        let failed = |why: String| DbError::Save { path: path.to_owned(), why };
        let text = path.to_str().ok_or_else(|| failed("the path is not valid Unicode".to_owned()))?.to_owned();
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error.to_string())),
            _ => {}
        }
        let mut connection = self.0.main.lock().await;
        let saving = sqlx::query("VACUUM INTO ?").bind(text).execute(&mut *connection);
        drive(self.0.timing, saving).await.map(|_| ()).map_err(|error| failed(error.to_string()))
    }

    /// Brings everything written into the database file itself, so that it can be copied alone. Nothing happens to a
    /// database in memory.
    ///
    /// # Errors
    /// [`DbError::Statement`] if the file cannot be written.
    pub async fn checkpoint(&self) -> Result<(), DbError> {
        let mut connection = self.0.main.lock().await;
        let working = sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *connection);
        let done = drive(self.0.timing, working).await;
        done.map(|_| ()).map_err(|source| DbError::Statement { operation: "checkpoint", source })
    }

    pub(crate) fn timing(&self) -> Timing {
        self.0.timing
    }

    pub(crate) fn main(&self) -> &Mutex<SqliteConnection> {
        &self.0.main
    }
}

fn common() -> SqliteConnectOptions {
    use sqlx::ConnectOptions as _;
    SqliteConnectOptions::new().disable_statement_logging()
}

/// Drives `statements` to the end in place, or awaits them. They talk to the connection's own thread, which
/// must not wake a task of a paused runtime: the clock could have moved before the task runs.
pub(crate) async fn drive<F: Future>(timing: Timing, statements: F) -> F::Output {
    match timing {
        Timing::Virtual if !SIDE_BY_SIDE.get() => pollster::block_on(statements),
        Timing::Virtual | Timing::Real => statements.await,
    }
}

thread_local! {
    /// Whether this thread is inside [`side_by_side`], which drives everything in place already.
    static SIDE_BY_SIDE: Cell<bool> = const { Cell::new(false) };
}

/// Drives joined work on several databases to the end, in virtual time in place as every statement is, and lets their
/// threads work at the same time. Each branch must keep to a database of its own and write no journal: which of two
/// branches gets on first is not determined.
pub async fn side_by_side<F: Future>(timing: Timing, work: F) -> F::Output {
    match timing {
        Timing::Real => work.await,
        Timing::Virtual => {
            let _inside = Inside::enter();
            pollster::block_on(work)
        }
    }
}

/// Lasts as long as the thread is inside [`side_by_side`].
struct Inside {
    before: bool,
}

impl Inside {
    fn enter() -> Self {
        Self { before: SIDE_BY_SIDE.replace(true) }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        SIDE_BY_SIDE.set(self.before);
    }
}
