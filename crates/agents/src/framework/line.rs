//! A log line on its way from an agent to its file.

use cmsim_logs::{Evidence, Log, Severity};
use serde::{Deserialize, Serialize};

/// Which process of the machine writes a line: WindowsUpdate.log shows its id, and the service and its callers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Process {
    /// The SMS Agent Host, caller of the update agent's COM interface.
    CcmExec,
    /// The service host in which the Windows Update service and Group Policy client run.
    Svchost,
}

/// One record for one log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Which log.
    pub log: Log,
    /// Severity as the record's `type` shows it.
    pub severity: Severity,
    /// Source file and line of the product; empty where the format has no such field.
    pub source: &'static str,
    /// Component shown in the record when it is not the log's own (policy tasks; the column of WindowsUpdate.log).
    pub component: Option<&'static str>,
    /// Process that writes it.
    pub process: Process,
    /// Thread that writes it, decimal.
    pub thread: u32,
    /// Where the template is known from.
    pub evidence: Evidence,
    /// Message text; may hold line feeds.
    pub text: String,
}
