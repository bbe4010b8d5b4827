//! The lines of SoftwareDistribution.log that this server writes.

use cmsim_logs::software_distribution::{Level, Record};
use cmsim_logs::{Evidence, Log, Severity};
use cmsim_wire::wusp::fault::Detail;
use cmsim_world::{FormattedRecord, Host, LogHandle};

/// Which program of the server writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    /// The web services' worker process.
    Worker,
    /// The Update Services service.
    Service,
}

/// Writes SoftwareDistribution.log. Thread numbers are those of managed threads: small, and one per program here.
#[derive(Clone, Debug)]
pub(crate) struct ServerLog {
    log: LogHandle,
    worker_thread: u32,
    service_thread: u32,
}

impl ServerLog {
    pub(crate) fn new(host: &Host) -> Self {
        let mut threads = host.seed().stream("wsus/threads");
        let mut thread = || u32::try_from(threads.below(5, 40)).unwrap_or(5);
        Self { log: host.log(Log::SoftwareDistribution), worker_thread: thread(), service_thread: thread() }
    }

    /// The Update Services service has started (field: both lines from a public copy of a log).
    pub(crate) fn started(&self) {
        self.write(Program::Service, Level::Info, "ThreadEntry", Evidence::Field, "ThreadHelper.ThreadStart");
        self.write(
            Program::Service,
            Level::Info,
            "SusEventDispatcher.RegisterEventHandler",
            Evidence::Field,
            "RegisterEventHandler called for NotificationEventName: ConfigurationChange",
        );
    }

    /// Deployments have changed (field).
    pub(crate) fn deployments_changed(&self) {
        self.write(
            Program::Service,
            Level::Info,
            "SusEventDispatcher.TriggerEvent",
            Evidence::Field,
            "TriggerEvent called for NotificationEventName: DeploymentChange, EventInfo: DeploymentChange",
        );
    }

    /// A service threw a fault (docs, KB 4096317; level and method are inferred).
    pub(crate) fn threw(&self, actor: &str, detail: &Detail, client: Option<&str>) {
        let client = client.unwrap_or("?");
        let text = format!(
            "ThrowException: actor = {actor}, ID={}, ErrorCode={}, Message={}, Client={client}",
            detail.id, detail.error_code, detail.message
        );
        self.write(Program::Worker, Level::Error, "SoapUtilities.CreateException", Evidence::Docs, &text);
    }

    fn write(&self, program: Program, level: Level, method: &str, evidence: Evidence, text: &str) {
        let (process, thread) = match program {
            Program::Worker => ("w3wp", self.worker_thread),
            Program::Service => ("WsusService", self.service_thread),
        };
        let record = Record {
            time: self.log.time(),
            level,
            process: process.to_owned(),
            thread,
            method: method.to_owned(),
            text: text.to_owned(),
        };
        let mut line = String::new();
        record.format(&mut line);
        let severity = match level {
            Level::Info | Level::Change => Severity::Info,
            Level::Warning => Severity::Warning,
            Level::Error => Severity::Error,
        };
        self.log.write_formatted(&FormattedRecord { header: "", record: &line, severity, evidence, text });
    }
}
