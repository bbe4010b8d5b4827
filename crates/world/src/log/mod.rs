//! The logs of a host: each line goes to its file and into the journal at once.

mod format;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use cmsim_logs::rollover::{Rollover, SMALLEST_CLIENT_SIZE};
use cmsim_logs::{Evidence, LocalStamp, Log, LogPlace, Severity};
use cmsim_sim::SimTime;
use cmsim_sim::journal::Event;

use crate::disk::FileFacts;
use crate::host::Host;
use format::Columns;

/// Where the client keeps level, size and history of its logs (documented).
const CLIENT_LOGGING: &str = r"HKLM\SOFTWARE\Microsoft\CCM\Logging\@Global";

/// One record as its writer knows it; the handle adds time, component and file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Severity as the record shows it, or as a reader of a format without severity should take it.
    pub severity: Severity,
    /// Source file and line of the product, `cscanagent.cpp:123`; unused by formats that have none.
    pub source: &'static str,
    /// Thread id of the writer.
    pub thread: u32,
    /// Where the wording is known from.
    pub evidence: Evidence,
    /// The message; may hold line feeds.
    pub text: String,
}

/// A record that its writer has formatted: IIS, HTTPERR, SoftwareDistribution.log, ReportingEvents.log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormattedRecord<'a> {
    /// Header lines a new file begins with, if this record is its first; a byte order mark comes by itself.
    pub header: &'a str,
    /// The record with its line end.
    pub record: &'a str,
    /// How a reader should take it.
    pub severity: Severity,
    /// Where the wording is known from.
    pub evidence: Evidence,
    /// The message, for the journal.
    pub text: &'a str,
}

/// What all handles of one log share.
#[derive(Debug, Default)]
pub(crate) struct LogState {
    /// Records so far, over rollovers.
    records: u64,
    /// Time of the newest record.
    newest: Option<SimTime>,
    /// The bias of the host's zone in a quarter of an hour, counted from the epoch.
    bias: Option<(i64, i32)>,
    /// Ticks of 100 ns of the newest record within its millisecond.
    ticks: u16,
    /// Path of the file of the newest record, shared by its journal entries.
    file: Option<Arc<str>>,
}

/// The handle of one log of one host. Cheap to clone; all handles of a log write to the same file.
#[derive(Clone)]
pub struct LogHandle {
    host: Host,
    log: Log,
    site: u32,
    state: Arc<Mutex<LogState>>,
}

impl fmt::Debug for LogHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogHandle({} on {})", self.log.file_name(), self.host.name())
    }
}

impl LogHandle {
    pub(crate) fn new(host: Host, log: Log, site: u32, state: Arc<Mutex<LogState>>) -> Self {
        Self { host, log, site, state }
    }

    /// Which log it is.
    #[must_use]
    pub fn log(&self) -> Log {
        self.log
    }

    /// Writes a record of the log's usual component.
    pub fn write(&self, line: &LogLine) {
        self.write_as(self.log.component(), line);
    }

    /// Writes a record that shows another component than the log's usual one.
    pub fn write_as(&self, component: &str, line: &LogLine) {
        self.write_in(component, 0, line);
    }

    /// Writes a record of a format that shows the process: the columns of WindowsUpdate.log.
    ///
    /// A line of severity verbose is dropped unless the client's `LogLevel` asks for it. Formats whose records need more
    /// than a line go through [`LogHandle::write_formatted`]; here their text is written as it is.
    pub fn write_in(&self, component: &str, process: u32, line: &LogLine) {
        if line.severity == Severity::Verbose && !self.is_verbose() {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let time = self.stamp(&mut state);
        let columns = Columns { component, process, time, ticks: state.ticks };
        let record = format::record(self.log.format(), &columns, line);
        let written = FormattedRecord {
            header: "",
            record: &record,
            severity: line.severity,
            evidence: line.evidence,
            text: &line.text,
        };
        self.append(&mut state, &time, component, &written);
    }

    /// Writes a record that its writer has formatted.
    pub fn write_formatted(&self, record: &FormattedRecord<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let time = self.stamp(&mut state);
        self.append(&mut state, &time, self.log.component(), record);
    }

    /// The time that a record written now carries. Never before the newest record's.
    #[must_use]
    pub fn time(&self) -> LocalStamp {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.stamp(&mut state)
    }

    /// The host's clock may be set back; the records of a file still never run back.
    fn stamp(&self, state: &mut LogState) -> LocalStamp {
        let now = self.host.now();
        let at = state.newest.map_or(now, |newest| newest.max(now));
        // Decoded traces count in ticks of 100 ns: records of one millisecond follow each other a few ticks apart.
        state.ticks = if state.newest == Some(at) { (state.ticks + 37).min(9_999) } else { first_tick(at) };
        state.newest = Some(at);
        // Zones change their bias on the quarter of an hour at most.
        let quarter = at.millis().div_euclid(900_000);
        let bias = match state.bias {
            Some((known, bias)) if known == quarter => bias,
            _ => self.host.zone().local(at).bias_minutes,
        };
        state.bias = Some((quarter, bias));
        LocalStamp::from_utc_millis(at.millis(), bias)
    }

    fn is_verbose(&self) -> bool {
        self.host.registry().dword(CLIENT_LOGGING, "LogLevel") == Some(0)
    }

    fn append(&self, state: &mut LogState, time: &LocalStamp, component: &str, record: &FormattedRecord<'_>) {
        let format = self.log.format();
        let file = self.file(state, time);
        let disk = self.host.disk();
        let start = [format.prologue(), &format.encode(record.header)].concat();
        // A full disk loses log lines on a real machine too, and without a word.
        let Ok(size) = disk.append_after(&file, &start, &format.encode(record.record)) else {
            return;
        };
        let event = Event::Log {
            file: Arc::clone(&file),
            record: state.records,
            severity: record.severity.number(),
            evidence: evidence_name(record.evidence),
            text: record.text.into(),
        };
        state.records += 1;
        self.host.journal().record(self.host.name(), &component.into(), event);
        if size >= SMALLEST_CLIENT_SIZE {
            self.roll(&file, size, time);
        }
    }

    /// Moves a full file out of the way, as its component does after the write that filled it. Limits below
    /// [`SMALLEST_CLIENT_SIZE`] count as that.
    fn roll(&self, file: &str, size: u64, time: &LocalStamp) {
        let Some(rollover) = self.rollover().filter(|rollover| size >= limit(*rollover)) else {
            return;
        };
        let disk = self.host.disk();
        let (folder, name) = file.rsplit_once('/').unwrap_or(("C", file));
        let siblings: Vec<_> = disk.list(folder).unwrap_or_default().iter().map(FileFacts::name).collect();
        let Some(roll) = rollover.after_write(name, size, time, &siblings) else {
            return;
        };
        // Where the disk refuses, the component goes on writing into the full file.
        let moved = match &roll.rename_to {
            Some(old) => disk.rename(file, &format!("{folder}/{old}")).is_ok(),
            None => disk.delete(file).is_ok(),
        };
        if moved {
            for surplus in &roll.delete {
                let _ = disk.delete(&format!("{folder}/{surplus}"));
            }
        }
    }

    /// The rollover policy with the size and history that the registry sets (documented client values).
    fn rollover(&self) -> Option<Rollover> {
        let registry = self.host.registry();
        match Rollover::default_for(self.log.format())? {
            Rollover::Client { max_size, max_history } => Some(Rollover::Client {
                max_size: registry.dword(CLIENT_LOGGING, "LogMaxSize").map_or(max_size, u64::from),
                max_history: registry
                    .dword(CLIENT_LOGGING, "LogMaxHistory")
                    .and_then(|files| usize::try_from(files).ok())
                    .unwrap_or(max_history),
            }),
            Rollover::Server { max_size } => {
                let key = format!(r"HKLM\SOFTWARE\Microsoft\SMS\Tracing\{}", self.log.component());
                let max_size = registry.dword(&key, "MaxFileSize").map_or(max_size, u64::from);
                Some(Rollover::Server { max_size })
            }
        }
    }

    /// The path of the file that a record of this time goes to.
    fn file(&self, state: &mut LogState, time: &LocalStamp) -> Arc<str> {
        let utc = time.with_bias(0);
        let place = LogPlace { iis_site: self.site, iis_day: (utc.year, utc.month, utc.day), ..self.host.log_place() };
        let path = format!("C/{}", self.log.path(&place));
        match &state.file {
            Some(file) if **file == *path => Arc::clone(file),
            _ => Arc::clone(state.file.insert(path.into())),
        }
    }
}

/// The tick within its millisecond of the first record of that millisecond: anything that leaves room for more.
fn first_tick(at: SimTime) -> u16 {
    u16::try_from(at.millis().rem_euclid(4_999)).unwrap_or(0)
}

/// The size below which a file is not full, so that most writes need not list the folder.
fn limit(rollover: Rollover) -> u64 {
    match rollover {
        Rollover::Client { max_size, .. } | Rollover::Server { max_size } => max_size,
    }
}

fn evidence_name(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Article => "article",
        Evidence::Docs => "docs",
        Evidence::Capture => "capture",
        Evidence::Field => "field",
        Evidence::Inferred => "inferred",
    }
}

#[cfg(test)]
mod tests;
