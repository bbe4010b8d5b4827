//! The Windows event log of one host.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cmsim_sim::{Clock, SimTime};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// Level of an event, with the numbers of the event schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// 1.
    Critical = 1,
    /// 2.
    Error = 2,
    /// 3.
    Warning = 3,
    /// 4.
    Information = 4,
    /// 5.
    Verbose = 5,
}

/// An event as a component reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Provider, `Microsoft-Windows-WindowsUpdateClient`.
    pub provider: String,
    /// Event id.
    pub id: u32,
    /// Level.
    pub level: Level,
    /// The text Event Viewer shows.
    pub message: String,
    /// Named data of the event.
    pub data: IndexMap<String, String>,
}

/// An event as it is stored: one line of `eventlog/<channel>.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRecord {
    /// Number within the channel, from 1.
    pub record: u64,
    /// When, by the clock of the host.
    pub at: SimTime,
    /// Provider.
    pub provider: String,
    /// Event id.
    pub id: u32,
    /// Level.
    pub level: Level,
    /// The text Event Viewer shows.
    pub message: String,
    /// Named data of the event.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub data: IndexMap<String, String>,
}

/// The event log of a host. Cheap to clone; all clones are the same log.
#[derive(Clone)]
pub struct EventLog {
    clock: Clock,
    channels: Arc<Mutex<BTreeMap<String, Vec<EventRecord>>>>,
}

impl fmt::Debug for EventLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventLog({} channels)", self.lock().len())
    }
}

impl EventLog {
    /// An event log without events.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, channels: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<EventRecord>>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event to a channel, such as `System` or `Microsoft-Windows-WindowsUpdateClient/Operational`.
    pub fn report(&self, channel: &str, event: NewEvent) {
        let mut channels = self.lock();
        let records = channels.entry(channel.to_owned()).or_default();
        records.push(EventRecord {
            record: records.len() as u64 + 1,
            at: self.clock.now(),
            provider: event.provider,
            id: event.id,
            level: event.level,
            message: event.message,
            data: event.data,
        });
    }

    /// The events of a channel, oldest first.
    #[must_use]
    pub fn events(&self, channel: &str) -> Vec<EventRecord> {
        self.lock().get(channel).cloned().unwrap_or_default()
    }

    /// Every channel that has events, by file name (`/` becomes `%4`, as in the names of `.evtx` files) and JSON lines.
    #[must_use]
    pub fn export(&self) -> Vec<(String, String)> {
        let channels = self.lock();
        let file_name = |channel: &str| format!("{}.jsonl", channel.replace('/', "%4"));
        channels.iter().map(|(channel, records)| (file_name(channel), lines(records))).collect()
    }
}

fn lines(records: &[EventRecord]) -> String {
    let mut lines = String::new();
    for record in records {
        // Plain data with text keys always has a JSON form.
        lines.push_str(&serde_json::to_string(record).expect("an event record is plain data"));
        lines.push('\n');
    }
    lines
}

#[cfg(test)]
mod tests {
    use cmsim_sim::TimeZone;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn channels_are_files_of_numbered_lines() {
        let log = EventLog::new(Clock::virtual_time(SimTime::from_millis(5), TimeZone::utc()));
        let event = |id| NewEvent {
            provider: "Microsoft-Windows-WindowsUpdateClient".into(),
            id,
            level: Level::Information,
            message: "Windows Update successfully found 5 updates.".into(),
            data: IndexMap::from([("updateCount".into(), "5".into())]),
        };
        let channel = "Microsoft-Windows-WindowsUpdateClient/Operational";
        log.report(channel, event(26));
        log.report(channel, event(41));
        let export = log.export();
        assert_eq!(export[0].0, "Microsoft-Windows-WindowsUpdateClient%4Operational.jsonl");
        let second = export[0].1.lines().nth(1).unwrap();
        let read: EventRecord = serde_json::from_str(second).unwrap();
        assert_eq!((read.record, read.id), (2, 41));
        assert_eq!(read, log.events(channel)[1]);
    }
}
