//! One request's pen in a component's log: every line of a request carries the same thread id.

use cmsim_logs::{Evidence, Log, Severity};
use cmsim_sitedb::SiteDbError;
use cmsim_world::{Host, LogHandle, LogLine};

pub(crate) struct Scribe {
    log: LogHandle,
    source: &'static str,
    thread: u32,
}

impl Scribe {
    /// A pen for one request, with a thread id of its own.
    pub(crate) fn new(host: &Host, log: Log) -> Self {
        // Public logs do not show the source files of these components; the names are ours (inferred).
        let source = match log {
            Log::MpLocation => "mplocationmanager.cpp",
            Log::MpRelay => "mprelay.cpp",
            Log::MpPolicy => "mppolicymanager.cpp",
            Log::MpGetPolicy => "getpolicy.cpp",
            Log::MpGetAuth => "getauth.cpp",
            Log::MpRegistrationManager => "mpregistration.cpp",
            _ => "mpframework.cpp",
        };
        Self { log: host.log(log), source, thread: host.new_thread_id() }
    }

    pub(crate) fn info(&self, evidence: Evidence, text: impl Into<String>) {
        self.write(Severity::Info, evidence, text.into());
    }

    pub(crate) fn error(&self, evidence: Evidence, text: impl Into<String>) {
        self.write(Severity::Error, evidence, text.into());
    }

    /// What a component writes when the site database does not answer (field; wording seen in MP_Status.log).
    pub(crate) fn database_error(&self, error: &SiteDbError) {
        self.error(Evidence::Field, "CMPDBConnection::Init(): IDBInitialize::Initialize() failed with 0x80004005");
        self.error(Evidence::Field, "MPDB ERROR - CONNECTION PARAMETERS");
        self.error(Evidence::Inferred, format!("MPDB ERROR - {error}"));
    }

    fn write(&self, severity: Severity, evidence: Evidence, text: String) {
        self.log.write(&LogLine { severity, source: self.source, thread: self.thread, evidence, text });
    }
}
