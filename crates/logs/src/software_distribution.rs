//! SoftwareDistribution.log of WSUS: time, level, process and thread, class and method, text, separated by tabs.
//!
//! `2014-01-16 18:53:54.231 UTC⇥Change⇥w3wp.58⇥AdminDataAccess.StartSubscriptionManually⇥text` (`docs`; the tabs are
//! `inferred`, published copies have lost them). Always UTC. A stack trace follows on lines of its own, without a time.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::error::{self, ParseError};
use crate::lines::{self, LineRecord};
use crate::read::Entry;
use crate::scan::{self, Scan};
use crate::severity::Severity;
use crate::stamp::LocalStamp;

/// The second column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Level {
    /// Information.
    Info,
    /// Warning.
    Warning,
    /// Error.
    Error,
    /// A change of configuration or state.
    Change,
}

impl Level {
    const ALL: [(Self, &'static str); 4] =
        [(Self::Info, "Info"), (Self::Warning, "Warning"), (Self::Error, "Error"), (Self::Change, "Change")];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(level, _)| *level == self).map_or("Info", |(_, name)| name)
    }
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// UTC in milliseconds: a stamp with bias 0.
    pub time: LocalStamp,
    /// Level.
    pub level: Level,
    /// Program: `w3wp` for the web services and console calls, `WsusService` for the service.
    pub process: String,
    /// Thread number within the program.
    pub thread: u32,
    /// Class and method, such as `EventLogEventReporter.ReportEvent`.
    pub method: String,
    /// The message; lines after the first are a stack trace.
    pub text: String,
}

impl Record {
    /// Appends the record, each of its lines ending in CRLF. A time with a bias is written as the UTC it names.
    pub fn format(&self, out: &mut String) {
        let t = self.time.with_bias(0);
        // Writing into a String cannot fail.
        let _ = write!(
            out,
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03} UTC\t{}\t",
            t.year,
            t.month,
            t.day,
            t.hour,
            t.minute,
            t.second,
            t.millisecond,
            self.level.name()
        );
        lines::push_word(out, &self.process);
        let _ = write!(out, ".{}\t", self.thread);
        lines::push_word(out, &self.method);
        out.push('\t');
        lines::push_lines::<Self>(out, &self.text);
    }
}

/// Reads a whole file.
///
/// # Errors
/// The first place that deviates; a file that begins with anything but a record.
pub fn parse(bytes: &[u8]) -> Result<Vec<Record>, ParseError> {
    lines::strict(error::text(bytes)?, 0)
}

impl LineRecord for Record {
    const CONTINUES: bool = true;

    fn read(scan: &mut Scan<'_>, _: i32) -> Result<Self, ParseError> {
        let start = scan.offset();
        let (year, month, day) = scan.date("-")?;
        scan.literal(" ")?;
        let (hour, minute, second) = scan.time()?;
        scan.literal(".")?;
        let millisecond = scan::milli(scan.fixed(3)?);
        let time = LocalStamp { year, month, day, hour, minute, second, millisecond, bias_minutes: 0 };
        let time = scan.checked(start, time)?;
        scan.literal(" UTC\t")?;
        let name = scan.until("\t")?;
        let level = Level::ALL.iter().find(|(_, known)| *known == name).map(|(level, _)| *level);
        let level = level.ok_or_else(|| scan.error("the level is not Info, Warning, Error or Change"))?;
        let at = scan.offset();
        let column = scan.until("\t")?;
        let (process, thread) =
            column.rsplit_once('.').ok_or_else(|| scan.error_at(at, "no thread after the process"))?;
        let number = thread.parse().ok().filter(|number: &u32| number.to_string() == thread);
        let thread = number.ok_or_else(|| scan.error_at(at, "the thread is no number"))?;
        let method = scan.until("\t")?.to_owned();
        Ok(Self { time, level, process: process.to_owned(), thread, method, text: scan.remaining().to_owned() })
    }

    fn text_mut(&mut self) -> &mut String {
        &mut self.text
    }

    fn entry(self, line: usize) -> Entry {
        let severity = match self.level {
            Level::Info | Level::Change => Severity::Info,
            Level::Warning => Severity::Warning,
            Level::Error => Severity::Error,
        };
        Entry {
            line,
            time: Some(self.time),
            severity,
            component: self.method,
            process: None,
            thread: Some(self.thread),
            source: self.process,
            text: self.text,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(text: &str) -> Record {
        Record {
            time: LocalStamp::from_utc_millis(1_389_898_434_231, 0),
            level: Level::Change,
            process: "w3wp".into(),
            thread: 58,
            method: "AdminDataAccess.StartSubscriptionManually".into(),
            text: text.into(),
        }
    }

    #[test]
    fn a_record_is_written_as_wsus_writes_it() {
        let mut out = String::new();
        record("Synchronization manually started").format(&mut out);
        let golden = "2014-01-16 18:53:54.231 UTC\tChange\tw3wp.58\tAdminDataAccess.StartSubscriptionManually\t\
                      Synchronization manually started\r\n";
        assert_eq!(out, golden);
        for (from, to) in [(" UTC", ""), ("Change", "Changed"), ("w3wp.58", "w3wp.058"), ("\r\n", "\n")] {
            assert!(parse(golden.replace(from, to).as_bytes()).is_err(), "{to:?}");
        }
    }

    #[test]
    fn a_stack_trace_belongs_to_its_record() {
        let failed = record("Exception\n   at A.B()\n   at C.D()");
        let mut out = String::new();
        failed.format(&mut out);
        record("next").format(&mut out);
        assert_eq!(parse(out.as_bytes()).unwrap(), [failed, record("next")]);
    }

    proptest! {
        #[test]
        fn records_come_back(text in "[^\\p{Cc}]{0,30}(\n   at [a-z]{1,9})?", thread: u32, process in "[A-Za-z-]{1,9}") {
            let record = Record { thread, process, ..record(&text) };
            let mut out = String::new();
            record.format(&mut out);
            prop_assert_eq!(parse(out.as_bytes()).unwrap(), [record]);
        }

        #[test]
        fn hostile_text_still_gives_one_record(parts in proptest::collection::vec(any::<String>(), 0..3)) {
            let mut inner = String::new();
            record(&parts.concat()).format(&mut inner);
            let mut out = String::new();
            record(&format!("{inner}{}", parts.join("\n"))).format(&mut out);
            prop_assert_eq!(parse(out.as_bytes()).unwrap().len(), 1);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, tail: String) {
            let _ = parse(&bytes);
            let _ = parse(format!("2014-01-16 18:53:54.231 UTC\t{tail}\r\n").as_bytes());
        }
    }
}
