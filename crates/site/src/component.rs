//! What every component has: a host, a log, a thread and a name under which it waits.

use std::time::Duration;

use cmsim_logs::{Evidence, Log, Severity};
use cmsim_world::{Host, LogHandle, LogLine};

/// Service in which the site's components run.
pub(crate) const EXECUTIVE: &str = "SMS_EXECUTIVE";

/// How often a component looks into its folder. Windows tells the real ones of new files; this is the delay with
/// which they take notice (inferred).
pub(crate) const LOOK: Duration = Duration::from_secs(5);

pub(crate) struct Component {
    pub(crate) host: Host,
    log: LogHandle,
    /// The component's main thread.
    pub(crate) thread: u32,
    who: String,
}

impl Component {
    pub(crate) fn new(host: Host, log: Log) -> Self {
        Self {
            log: host.log(log),
            thread: host.new_thread_id(),
            who: format!("{} {}", host.name(), log.component()),
            host,
        }
    }

    /// Whether the service that hosts the component runs. A host without that service runs it on its own.
    pub(crate) fn is_running(&self) -> bool {
        let services = self.host.services();
        services.query(EXECUTIVE).is_none() || services.is_running(EXECUTIVE)
    }

    /// Lets time pass.
    pub(crate) async fn wait(&self, what: &str, duration: Duration) {
        self.host.clock().wait(&self.who, what, duration).await;
    }

    /// The name in the register of waits.
    pub(crate) fn who(&self) -> &str {
        &self.who
    }

    pub(crate) fn info(&self, evidence: Evidence, text: impl Into<String>) {
        self.info_on(self.thread, evidence, text);
    }

    pub(crate) fn info_on(&self, thread: u32, evidence: Evidence, text: impl Into<String>) {
        self.write(thread, Severity::Info, evidence, text.into());
    }

    pub(crate) fn error(&self, evidence: Evidence, text: impl Into<String>) {
        self.write(self.thread, Severity::Error, evidence, text.into());
    }

    fn write(&self, thread: u32, severity: Severity, evidence: Evidence, text: String) {
        // Logs of this format name no source file.
        let source = "";
        self.log.write(&LogLine { severity, source, thread, evidence, text });
    }
}
