//! ReportingEvents.log of the Windows Update Agent: twelve columns separated by tabs, in UTF-16LE with byte order mark.
//!
//! The columns are the basic data of the event that the agent also sends to its server (MS-WUSP, ReportEventBatch), then
//! status, category and text. Time: local, a colon before the milliseconds, the zone as `-0500` (all `inferred`).

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::encoding;
use crate::error::ParseError;
use crate::lines::{self, LineRecord};
use crate::read::Entry;
use crate::scan::{self, Scan};
use crate::severity::Severity;
use crate::stamp::LocalStamp;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Instance id of the event: braces, upper case.
    pub instance: String,
    /// Local time in milliseconds, with its zone.
    pub time: LocalStamp,
    /// NamespaceID, 1 for the agent's own events.
    pub namespace: u32,
    /// EventID: 147 detected, 148 failed to detect, 161 downloads …
    pub event: u32,
    /// SourceID, 101 for the agent.
    pub source: u32,
    /// Update the event is about (braces, upper case), all zeros for none.
    pub update: String,
    /// Revision of that update.
    pub revision: u32,
    /// Result; on disk hex without prefix, `0` for success.
    pub result: u32,
    /// Who asked: `CcmExec`, `AutomaticUpdates` …
    pub application: String,
    /// `Success` or `Failure`.
    pub status: String,
    /// Such as `Software Synchronization`.
    pub category: String,
    /// The message.
    pub text: String,
}

impl Record {
    /// Appends the event and its CRLF; [`crate::Format::encode`] makes the bytes.
    pub fn format(&self, out: &mut String) {
        let t = &self.time;
        lines::push_word(out, &self.instance);
        // ISO 8601 counts the other way than a bias does.
        let sign = if t.bias_minutes > 0 { '-' } else { '+' };
        let zone = t.bias_minutes.unsigned_abs();
        // Writing into a String cannot fail.
        let _ = write!(
            out,
            "\t{:04}-{:02}-{:02} {:02}:{:02}:{:02}:{:03}{sign}{:02}{:02}\t{}\t{}\t{}\t",
            t.year,
            t.month,
            t.day,
            t.hour,
            t.minute,
            t.second,
            t.millisecond,
            zone / 60,
            zone % 60,
            self.namespace,
            self.event,
            self.source
        );
        lines::push_word(out, &self.update);
        let _ = write!(out, "\t{}\t{:x}", self.revision, self.result);
        for column in [&self.application, &self.status, &self.category] {
            out.push('\t');
            lines::push_name(out, column);
        }
        out.push('\t');
        lines::push_line(out, &self.text);
    }
}

/// Reads a whole file.
///
/// # Errors
/// A missing byte order mark, bytes that are not UTF-16, the first line that deviates (columns count in UTF-16's text).
pub fn parse(bytes: &[u8]) -> Result<Vec<Record>, ParseError> {
    lines::strict(&encoding::utf16(bytes)?, 0)
}

impl LineRecord for Record {
    const CONTINUES: bool = false;

    fn read(scan: &mut Scan<'_>, _: i32) -> Result<Self, ParseError> {
        let start = scan.offset();
        let instance = scan.until("\t")?.to_owned();
        if !instance.starts_with('{') || !instance.ends_with('}') {
            return Err(scan.error_at(start, "the event's id is not in braces"));
        }
        let time = stamp(scan)?;
        let mut numbers = [0; 3];
        for number in &mut numbers {
            scan.literal("\t")?;
            *number = scan.number()?;
        }
        scan.literal("\t")?;
        let update = scan.until("\t")?.to_owned();
        let revision = scan.number()?;
        scan.literal("\t")?;
        let at = scan.offset();
        let digits = scan.until("\t")?;
        let result = u32::from_str_radix(digits, 16).ok().filter(|result| format!("{result:x}") == digits);
        let result = result.ok_or_else(|| scan.error_at(at, "the result is not plain lower-case hex"))?;
        let application = scan.until("\t")?.to_owned();
        let status = scan.until("\t")?.to_owned();
        let category = scan.until("\t")?.to_owned();
        let text = scan.remaining().to_owned();
        let [namespace, event, source] = numbers;
        Ok(Self {
            instance,
            time,
            namespace,
            event,
            source,
            update,
            revision,
            result,
            application,
            status,
            category,
            text,
        })
    }

    fn text_mut(&mut self) -> &mut String {
        &mut self.text
    }

    fn entry(self, line: usize) -> Entry {
        Entry {
            line,
            time: Some(self.time),
            severity: if self.status == "Failure" { Severity::Error } else { Severity::Info },
            component: self.application,
            process: None,
            thread: None,
            source: self.category,
            text: self.text,
        }
    }
}

fn stamp(scan: &mut Scan<'_>) -> Result<LocalStamp, ParseError> {
    let start = scan.offset();
    let (year, month, day) = scan.date("-")?;
    scan.literal(" ")?;
    let (hour, minute, second) = scan.time()?;
    scan.literal(":")?;
    let millisecond = scan::milli(scan.fixed(3)?);
    let east = scan.eat("+");
    if !east {
        scan.literal("-")?;
    }
    let zone = i32::from(scan::two(scan.fixed(2)?)) * 60 + i32::from(scan::two(scan.fixed(2)?));
    let bias_minutes = if east { -zone } else { zone };
    scan.checked(start, LocalStamp { year, month, day, hour, minute, second, millisecond, bias_minutes })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record() -> Record {
        Record {
            instance: "{8E6DBD8B-8F8B-4B0F-8C6A-31B4FA8A4E21}".into(),
            time: LocalStamp::from_utc_millis(1_390_238_333_567, 300),
            namespace: 1,
            event: 147,
            source: 101,
            update: "{00000000-0000-0000-0000-000000000000}".into(),
            revision: 0,
            result: 0,
            application: "CcmExec".into(),
            status: "Success".into(),
            category: "Software Synchronization".into(),
            text: "Windows Update Client successfully detected 163 updates.".into(),
        }
    }

    fn bytes(record: &Record) -> (String, Vec<u8>) {
        let mut out = String::new();
        record.format(&mut out);
        let mut bytes = crate::Format::ReportingEvents.prologue().to_vec();
        bytes.extend(crate::Format::ReportingEvents.encode(&out));
        (out, bytes)
    }

    #[test]
    fn an_event_is_one_line_of_utf16() {
        let (text, bytes) = bytes(&record());
        assert_eq!(
            text,
            "{8E6DBD8B-8F8B-4B0F-8C6A-31B4FA8A4E21}\t2014-01-20 12:18:53:567-0500\t1\t147\t101\t\
             {00000000-0000-0000-0000-000000000000}\t0\t0\tCcmExec\tSuccess\tSoftware Synchronization\t\
             Windows Update Client successfully detected 163 updates.\r\n"
        );
        assert_eq!(&bytes[..4], [0xFF, 0xFE, b'{', 0]);
        assert_eq!(parse(&bytes).unwrap(), [record()]);
        assert!(parse(text.as_bytes()).unwrap_err().why.contains("byte order mark"));
    }

    proptest! {
        #[test]
        fn events_come_back(text in "[^\\p{Cc}]{0,30}", result: u32, revision: u32, ms in 0_i64..4_000_000_000_000, bias in -840..840_i32) {
            let record = Record { text, result, revision, time: LocalStamp::from_utc_millis(ms, bias), ..record() };
            prop_assert_eq!(parse(&bytes(&record).1).unwrap(), [record]);
        }

        #[test]
        fn arbitrary_bytes_never_panic(input: Vec<u8>, tail: String) {
            let _ = parse(&input);
            let mut bytes = vec![0xFF, 0xFE];
            bytes.extend(crate::Format::ReportingEvents.encode(&format!("{{}}\t2014-01-20 {tail}\r\n")));
            let _ = parse(&bytes);
        }
    }
}
