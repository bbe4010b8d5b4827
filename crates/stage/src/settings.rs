//! What a world is built from, and what can go wrong with it.

use std::path::PathBuf;

use cmsim_db::{Database, DbError, Timing};
use cmsim_sim::Clock;
use cmsim_wire::profile::Profile;
use thiserror::Error;

/// What the world looks like before anything happens.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Seed of everything random.
    pub seed: u64,
    /// Product versions of clients, site and servers.
    pub profile: Profile,
    /// Number of clients.
    pub clients: u32,
    /// Whether the clients belong to a workgroup instead of the domain.
    pub workgroup: bool,
    /// What the machines are connected by.
    pub network: NetworkKind,
    /// Folder in which disks and databases live while the world runs; in memory if `None`.
    pub folder: Option<PathBuf>,
}

impl Settings {
    /// An empty database: a file of the folder, or in memory.
    pub(crate) async fn database(&self, clock: &Clock, file: &str) -> Result<Database, DbError> {
        let timing = Timing::of(clock);
        match &self.folder {
            Some(folder) => Database::open_file(timing, &folder.join(file)).await,
            None => Database::open_memory(timing).await,
        }
    }
}

/// What the machines are connected by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkKind {
    /// Memory, for virtual time.
    Memory,
    /// Loopback sockets, for real time.
    Loopback,
}

/// A client action, by what starts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Machine policy retrieval, schedule 021.
    MachinePolicy,
    /// Software updates scan cycle, schedule 113.
    ScanCycle,
    /// Software updates deployment evaluation cycle, schedule 108.
    DeploymentEvaluation,
    /// A deployment reaches its start time.
    DeploymentActivation,
    /// Send unsent state messages, schedule 111.
    SendStateMessages,
}

/// Why a world could not be built, changed or looked at.
#[derive(Debug, Error)]
pub enum StageError {
    /// No machine has that name.
    #[error("there is no machine called {0}")]
    UnknownHost(String),
    /// The machine is not a client.
    #[error("{0} is not a client")]
    NotAClient(String),
    /// There is no such database.
    #[error("there is no database called {0}: the world has {1}")]
    UnknownDatabase(String, String),
    /// A part of the world refused.
    #[error("{what}")]
    Part {
        /// What was being done.
        what: String,
        /// Why it did not work.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StageError {
    /// Wraps a part's error with what was being done.
    pub(crate) fn part<E>(what: impl Into<String>) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        move |source| Self::Part { what: what.into(), source: source.into() }
    }
}
