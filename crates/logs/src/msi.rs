//! Verbose Windows Installer logs, as far as update scans need them: start, messages, actions, end.
//!
//! The file is UTF-16LE (`inferred`); messages carry a time of day only, the date stands in the first line (`field`).

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::cmtrace::MAX_PROBLEMS;
use crate::encoding;
use crate::error::ParseError;
use crate::lines;
use crate::read::Entry;
use crate::scan::{self, Scan};
use crate::severity::Severity;
use crate::stamp::LocalStamp;

/// Which end of the installer wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// The calling process.
    Client,
    /// The installer's service.
    Server,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// First line, with date, whole seconds and the program that called.
    Started {
        /// Local time; the file does not state the bias.
        time: LocalStamp,
        /// Path of the calling program.
        process: String,
    },
    /// `MSI (c) (70:24) [14:46:39:097]: text`.
    Message {
        /// Who wrote it.
        side: Side,
        /// Low byte of the process id.
        process: u8,
        /// Low byte of the thread id.
        thread: u8,
        /// Hour, minute, second, millisecond of the local day.
        clock: (u8, u8, u8, u16),
        /// The message.
        text: String,
    },
    /// Any other line: action starts and ends, properties, return values.
    Text(String),
    /// Last line.
    Stopped {
        /// Local time, whole seconds.
        time: LocalStamp,
    },
}

const START: &str = "=== Verbose logging started: ";
const STOP: &str = "=== Verbose logging stopped: ";
const BUILD: &str = "  Build type: SHIP UNICODE 5.00.10011.00  Calling process: ";

impl Record {
    /// Appends the line and its CRLF; [`crate::Format::encode`] makes the bytes.
    pub fn format(&self, out: &mut String) {
        // Writing into a String cannot fail.
        match self {
            Self::Started { time, process } => {
                out.push_str(START);
                push_stamp(out, time);
                out.push_str(BUILD);
                lines::push_name(out, process);
                out.push_str(" ===\r\n");
            }
            Self::Message { side, process, thread, clock: (hour, minute, second, ms), text } => {
                let side = if *side == Side::Client { 'c' } else { 's' };
                let _ = write!(
                    out,
                    "MSI ({side}) ({process:02X}:{thread:02X}) [{hour:02}:{minute:02}:{second:02}:{ms:03}]: "
                );
                lines::push_line(out, text);
            }
            Self::Text(text) => lines::push_line(out, text),
            Self::Stopped { time } => {
                out.push_str(STOP);
                push_stamp(out, time);
                out.push_str(" ===\r\n");
            }
        }
    }

    fn read(scan: &mut Scan<'_>, bias: i32) -> Result<Self, ParseError> {
        if scan.eat(START) {
            let time = stamp(scan, bias)?;
            scan.literal(BUILD)?;
            let process = scan.until(" ===")?.to_owned();
            return Ok(Self::Started { time, process });
        }
        if scan.eat(STOP) {
            let time = stamp(scan, bias)?;
            scan.literal(" ===")?;
            return Ok(Self::Stopped { time });
        }
        let side = if scan.eat("MSI (c) (") {
            Side::Client
        } else if scan.eat("MSI (s) (") {
            Side::Server
        } else {
            return Ok(Self::Text(scan.remaining().to_owned()));
        };
        let process = hex(scan)?;
        scan.literal(":")?;
        let thread = hex(scan)?;
        scan.literal(") [")?;
        let start = scan.offset();
        let (hour, minute, second) = scan.time()?;
        scan.literal(":")?;
        let ms = scan::milli(scan.fixed(3)?);
        if hour > 23 || minute > 59 || second > 59 {
            return Err(scan.error_at(start, "there is no such time of day"));
        }
        scan.literal("]: ")?;
        Ok(Self::Message {
            side,
            process,
            thread,
            clock: (hour, minute, second, ms),
            text: scan.remaining().to_owned(),
        })
    }
}

fn push_stamp(out: &mut String, t: &LocalStamp) {
    let _ = write!(out, "{}/{}/{:04}  {}:{:02}:{:02}", t.month, t.day, t.year, t.hour, t.minute, t.second);
}

fn stamp(scan: &mut Scan<'_>, bias_minutes: i32) -> Result<LocalStamp, ParseError> {
    let start = scan.offset();
    let small = |scan: &mut Scan<'_>| scan.number().map(|number| u8::try_from(number).unwrap_or(u8::MAX));
    let month = small(scan)?;
    scan.literal("/")?;
    let day = small(scan)?;
    scan.literal("/")?;
    let year = scan::year(scan.fixed(4)?);
    scan.literal("  ")?;
    let hour = small(scan)?;
    scan.literal(":")?;
    let minute = scan::two(scan.fixed(2)?);
    scan.literal(":")?;
    let second = scan::two(scan.fixed(2)?);
    scan.checked(start, LocalStamp { year, month, day, hour, minute, second, millisecond: 0, bias_minutes })
}

fn hex(scan: &mut Scan<'_>) -> Result<u8, ParseError> {
    let at = scan.offset();
    let digits = scan.while_is(|c| c.is_ascii_digit() || ('A'..='F').contains(&c));
    let value = u8::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 2);
    value.ok_or_else(|| scan.error_at(at, "expected two upper-case hex digits"))
}

/// Reads a whole file written on a clock `bias_minutes` off UTC.
///
/// # Errors
/// Not UTF-16LE with byte order mark, a first line that is no start, a line that deviates or does not end in CRLF.
pub fn parse(bytes: &[u8], bias_minutes: i32) -> Result<Vec<Record>, ParseError> {
    let text = encoding::utf16(bytes)?;
    let mut records = Vec::new();
    let mut at = 0;
    for (number, full) in text.split_inclusive('\n').enumerate() {
        let Some(line) = full.strip_suffix("\r\n") else {
            return Err(ParseError::at(text.as_bytes(), at, "a line ends in CRLF"));
        };
        let record = Record::read(&mut Scan::part(&text, at, at + line.len(), number + 1), bias_minutes)?;
        if records.is_empty() && !matches!(record, Record::Started { .. }) {
            return Err(ParseError::at(text.as_bytes(), at, "the log does not begin with its start"));
        }
        records.push(record);
        at += full.len();
    }
    Ok(records)
}

/// Reads what can be read; messages get the date of the start, a day later each time their clock runs back.
pub(crate) fn lenient(text: &str, bias: i32) -> (Vec<Entry>, Vec<ParseError>) {
    let (mut entries, mut problems) = (Vec::new(), Vec::new());
    let mut last: Option<LocalStamp> = None;
    let mut at = 0;
    for (number, full) in text.split_inclusive('\n').enumerate() {
        let line = full.trim_end_matches(['\r', '\n']);
        let mut scan = Scan::part(text, at, at + line.len(), number + 1);
        at += full.len();
        let (component, message) = match Record::read(&mut scan, bias) {
            Ok(Record::Started { time, process }) => {
                last = Some(time);
                (process, "Verbose logging started".to_owned())
            }
            Ok(Record::Stopped { time }) => {
                last = Some(time);
                (String::new(), "Verbose logging stopped".to_owned())
            }
            Ok(Record::Message { clock, side, text, .. }) => {
                last = last.map(|before| on_clock(&before, clock));
                (if side == Side::Client { "client" } else { "server" }.to_owned(), text)
            }
            Ok(Record::Text(text)) if text.is_empty() => continue,
            Ok(Record::Text(text)) => (String::new(), text),
            Err(problem) => {
                problems.push(problem);
                if problems.len() >= MAX_PROBLEMS {
                    break;
                }
                continue;
            }
        };
        entries.push(Entry {
            line: number + 1,
            time: last,
            severity: Severity::from_words(&message),
            component,
            process: None,
            thread: None,
            source: String::new(),
            text: message,
        });
    }
    (entries, problems)
}

fn on_clock(before: &LocalStamp, (hour, minute, second, millisecond): (u8, u8, u8, u16)) -> LocalStamp {
    let same_day = LocalStamp { hour, minute, second, millisecond, ..*before };
    // The first line has whole seconds and may be written a little after the first message.
    if same_day.local_millis() + 3_600_000 < before.local_millis() {
        LocalStamp::from_utc_millis(same_day.utc_millis() + 86_400_000, same_day.bias_minutes)
    } else {
        same_day
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        let mut bytes = crate::Format::Msi.prologue().to_vec();
        bytes.extend(crate::Format::Msi.encode(text));
        bytes
    }

    fn log() -> Vec<Record> {
        let time = LocalStamp::from_utc_millis(1_773_593_999_000, 0);
        vec![
            Record::Started { time, process: "C:\\Windows\\system32\\msiexec.exe".into() },
            Record::Message {
                side: Side::Client,
                process: 0x70,
                thread: 0x24,
                clock: (16, 59, 59, 97),
                text: "Resetting".into(),
            },
            Record::Text("Action ended 0:00:01: INSTALL. Return value 1.".into()),
            Record::Message {
                side: Side::Server,
                process: 0x0A,
                thread: 0xFF,
                clock: (0, 0, 1, 0),
                text: "end".into(),
            },
            Record::Stopped { time },
        ]
    }

    /// Forms of the lines from public installer logs.
    const GOLDEN: &str = "=== Verbose logging started: 3/15/2026  16:59:59  Build type: SHIP UNICODE 5.00.10011.00  \
        Calling process: C:\\Windows\\system32\\msiexec.exe ===\r\nMSI (c) (70:24) [16:59:59:097]: Resetting\r\n\
        Action ended 0:00:01: INSTALL. Return value 1.\r\nMSI (s) (0A:FF) [00:00:01:000]: end\r\n\
        === Verbose logging stopped: 3/15/2026  16:59:59 ===\r\n";

    #[test]
    fn a_log_is_written_as_the_installer_writes_it() {
        let mut out = String::new();
        for record in log() {
            record.format(&mut out);
        }
        assert_eq!(out, GOLDEN);
        assert_eq!(parse(&bytes(&out), 0).unwrap(), log());
        for (from, to) in
            [("(70:24)", "(7:24)"), ("[16:59", "[26:59"), ("\r\n", "\n"), ("=== Verbose logging started", "x")]
        {
            assert!(parse(&bytes(&GOLDEN.replacen(from, to, 1)), 0).is_err(), "{to:?}");
        }
    }

    #[test]
    fn messages_after_midnight_are_the_next_days() {
        let (entries, problems) = lenient(GOLDEN, 0);
        assert_eq!(problems, []);
        assert_eq!(entries[3].time.unwrap().day, 16);
    }

    proptest! {
        #[test]
        fn messages_come_back(text in "[^\\p{Cc}]{0,30}", process: u8, thread: u8, hour in 0_u8..24, ms in 0_u16..1000) {
            let mut log = log();
            log[1] = Record::Message { side: Side::Client, process, thread, clock: (hour, 1, 2, ms), text };
            let mut out = String::new();
            for record in &log {
                record.format(&mut out);
            }
            prop_assert_eq!(parse(&bytes(&out), 0).unwrap(), log);
        }

        #[test]
        fn arbitrary_bytes_never_panic(input: Vec<u8>, tail: String) {
            let _ = parse(&input, 0);
            let _ = parse(&bytes(&format!("{START}{tail}\r\nMSI (c) ({tail}\r\n")), 0);
            let _ = lenient(&tail, 0);
        }
    }
}
