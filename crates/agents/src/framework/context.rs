//! What an agent sees and asks for while it handles one input.

use std::time::Duration;

use cmsim_logs::{Evidence, Log, Severity};
use jiff::Timestamp;
use uuid::Uuid;

use super::{AgentId, CallId, Effect, HttpCall, LogLine, Machine, Message, Process, TimerName};

/// One input's surroundings: the time, the machine, and the effects so far.
pub struct Context<'a> {
    /// When the input arrived.
    pub now: Timestamp,
    /// The machine the agent runs on.
    pub machine: &'a mut dyn Machine,
    agent: AgentId,
    thread: u32,
    effects: Vec<Effect>,
}

impl<'a> Context<'a> {
    /// Surroundings for one input of `agent`, handled on `thread`.
    #[must_use]
    pub fn new(now: Timestamp, agent: AgentId, thread: u32, machine: &'a mut dyn Machine) -> Self {
        Self { now, machine, agent, thread, effects: Vec::new() }
    }

    /// The effects asked for, in order.
    #[must_use]
    pub fn into_effects(self) -> Vec<Effect> {
        self.effects
    }

    /// The thread this input runs on.
    #[must_use]
    pub const fn thread(&self) -> u32 {
        self.thread
    }

    /// Goes on as the thread of an earlier input: work that was only waiting keeps its thread.
    pub const fn on_thread(&mut self, thread: u32) {
        self.thread = thread;
    }

    /// Writes a finished line.
    pub fn log(&mut self, line: LogLine) {
        self.effects.push(Effect::Log(line));
    }

    /// Writes a line of the agent's own log.
    fn own(&mut self, severity: Severity, evidence: Evidence, source: &'static str, text: String) {
        self.log(LogLine {
            log: self.agent.log(),
            severity,
            source,
            component: None,
            process: self.agent.process(),
            thread: self.thread,
            evidence,
            text,
        });
    }

    /// An ordinary line of the agent's own log.
    pub fn info(&mut self, evidence: Evidence, source: &'static str, text: impl Into<String>) {
        self.own(Severity::Info, evidence, source, text.into());
    }

    /// A warning in the agent's own log.
    pub fn warn(&mut self, evidence: Evidence, source: &'static str, text: impl Into<String>) {
        self.own(Severity::Warning, evidence, source, text.into());
    }

    /// An error in the agent's own log.
    pub fn error(&mut self, evidence: Evidence, source: &'static str, text: impl Into<String>) {
        self.own(Severity::Error, evidence, source, text.into());
    }

    /// An ordinary line that shows another component than the log's own (a task of the Policy Agent, for instance).
    pub fn info_as(
        &mut self,
        component: &'static str,
        evidence: Evidence,
        source: &'static str,
        text: impl Into<String>,
    ) {
        let line = self.line(self.agent.log(), component, self.agent.process(), evidence, text.into());
        self.log(LogLine { source, ..line });
    }

    /// A line of any log in a column-based format: `component` is the column, `process` decides the process id.
    #[must_use]
    pub fn line(
        &self,
        log: Log,
        component: &'static str,
        process: Process,
        evidence: Evidence,
        text: String,
    ) -> LogLine {
        LogLine {
            log,
            severity: Severity::Info,
            source: "",
            component: Some(component),
            process,
            thread: self.thread,
            evidence,
            text,
        }
    }

    /// Sends a message to another agent of the machine.
    pub fn tell(&mut self, to: AgentId, message: Message) {
        self.effects.push(Effect::Tell(to, message));
    }

    /// Sets (or replaces) a timer; `what` says in words what is waited for.
    pub fn timer(&mut self, name: impl Into<TimerName>, after: Duration, what: impl Into<String>) {
        self.effects.push(Effect::Timer { name: name.into(), after, what: what.into() });
    }

    /// Forgets a timer.
    pub fn cancel(&mut self, name: impl Into<TimerName>) {
        self.effects.push(Effect::CancelTimer(name.into()));
    }

    /// Makes an HTTP call; returns its number.
    pub fn http(&mut self, call: HttpCall) -> CallId {
        let id = call.id;
        self.effects.push(Effect::Http(call));
        id
    }

    /// A seeded id.
    pub fn new_guid(&mut self) -> Uuid {
        self.machine.new_guid()
    }
}

/// An id as most client logs print it: braces, upper case.
#[must_use]
pub fn braced(id: Uuid) -> String {
    let mut buffer = Uuid::encode_buffer();
    format!("{{{}}}", id.hyphenated().encode_upper(&mut buffer))
}

/// An id without braces, lower case, as update ids are printed.
#[must_use]
pub fn bare(id: Uuid) -> String {
    id.hyphenated().to_string()
}

/// A time as CIM writes it in UTC: `20140120171700.123000+000`.
#[must_use]
pub fn wmi_datetime(at: Timestamp) -> String {
    cmsim_wire::ccm::cim_time::format(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_times_print_as_the_logs_do() {
        let id: Uuid = "c2d17964-bbdd-4339-b9f3-12d7205b39cc".parse().unwrap();
        assert_eq!(braced(id), "{C2D17964-BBDD-4339-B9F3-12D7205B39CC}");
        assert_eq!(bare(id), "c2d17964-bbdd-4339-b9f3-12d7205b39cc");
        let at: Timestamp = "2014-01-20T17:18:55.573Z".parse().unwrap();
        assert_eq!(wmi_datetime(at), "20140120171855.573000+000");
    }
}
