//! One request's pen in a component's log: every line of a request carries the same thread id.

use cmsim_logs::{Evidence, Log, Severity};
use cmsim_sitedb::SiteDbError;
use cmsim_world::{Host, LogHandle, LogLine};

pub(crate) struct Scribe {
    log: LogHandle,
    thread: u32,
}

/// Lines name their source file and line. Public logs show neither for these components, so both are ours (inferred);
/// what is the product's is the form `name.cpp:line`, the same for the same text.
impl Scribe {
    /// A pen for one request, with a thread id of its own.
    pub(crate) fn new(host: &Host, log: Log) -> Self {
        Self { log: host.log(log), thread: host.new_thread_id() }
    }

    pub(crate) fn info(&self, source: &'static str, evidence: Evidence, text: impl Into<String>) {
        self.write(Severity::Info, source, evidence, text.into());
    }

    pub(crate) fn error(&self, source: &'static str, evidence: Evidence, text: impl Into<String>) {
        self.write(Severity::Error, source, evidence, text.into());
    }

    /// What a component writes when the site database does not answer (field; wording seen in MP_Status.log).
    pub(crate) fn database_error(&self, error: &SiteDbError) {
        let failed = "CMPDBConnection::Init(): IDBInitialize::Initialize() failed with 0x80004005";
        self.error("mpdbconnection.cpp:197", Evidence::Field, failed);
        self.error("mpdbconnection.cpp:203", Evidence::Field, "MPDB ERROR - CONNECTION PARAMETERS");
        self.error("mpdbconnection.cpp:208", Evidence::Inferred, format!("MPDB ERROR - {error}"));
    }

    fn write(&self, severity: Severity, source: &'static str, evidence: Evidence, text: String) {
        self.log.write(&LogLine { severity, source, thread: self.thread, evidence, text });
    }
}
