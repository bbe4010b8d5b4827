//! WindowsUpdate.log up to Windows 8.1: date, time, process, thread, component and text, separated by tabs.
//!
//! `2014-01-20⇥12:18:11:520⇥ 968⇥9d0⇥Agent⇥  * WSUS server: …`: local time with a colon before the milliseconds, the
//! process id right-aligned to four, the thread id in lower-case hex (`docs`, raw lines of public logs).

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::severity;
use crate::error::{self, ParseError};
use crate::lines::{self, LineRecord};
use crate::read::Entry;
use crate::scan::{self, Scan};
use crate::stamp::LocalStamp;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Local time in milliseconds; the file does not state the bias.
    pub time: LocalStamp,
    /// Process id: the update service's, or that of the program which called its API.
    pub process: u32,
    /// Thread id.
    pub thread: u32,
    /// `Agent`, `COMAPI`, `PT` …
    pub component: String,
    /// The message; sub-items begin with two blanks.
    pub text: String,
}

impl Record {
    /// Appends the record and its CRLF.
    pub fn format(&self, out: &mut String) {
        let t = &self.time;
        // Writing into a String cannot fail.
        let _ = write!(
            out,
            "{:04}-{:02}-{:02}\t{:02}:{:02}:{:02}:{:03}\t{:>4}\t{:x}\t",
            t.year, t.month, t.day, t.hour, t.minute, t.second, t.millisecond, self.process, self.thread
        );
        lines::push_name(out, &self.component);
        out.push('\t');
        lines::push_line(out, &self.text);
    }
}

/// Reads a whole file written on a clock `bias_minutes` off UTC.
///
/// # Errors
/// The first place that deviates.
pub fn parse(bytes: &[u8], bias_minutes: i32) -> Result<Vec<Record>, ParseError> {
    lines::strict(error::text(bytes)?, bias_minutes)
}

impl LineRecord for Record {
    const CONTINUES: bool = false;

    fn read(scan: &mut Scan<'_>, bias_minutes: i32) -> Result<Self, ParseError> {
        let start = scan.offset();
        let (year, month, day) = scan.date("-")?;
        scan.literal("\t")?;
        let (hour, minute, second) = scan.time()?;
        scan.literal(":")?;
        let millisecond = scan::milli(scan.fixed(3)?);
        let time = LocalStamp { year, month, day, hour, minute, second, millisecond, bias_minutes };
        let time = scan.checked(start, time)?;
        scan.literal("\t")?;
        let column = scan.offset();
        scan.while_is(|c| c == ' ');
        let process = scan.number()?;
        if scan.since(column) != format!("{process:>4}") {
            return Err(scan.error_at(column, "the process id is not right-aligned to four"));
        }
        scan.literal("\t")?;
        let column = scan.offset();
        let digits = scan.until("\t")?;
        let thread = u32::from_str_radix(digits, 16).ok().filter(|thread| format!("{thread:x}") == digits);
        let thread = thread.ok_or_else(|| scan.error_at(column, "the thread id is not lower-case hex"))?;
        let component = scan.until("\t")?.to_owned();
        Ok(Self { time, process, thread, component, text: scan.remaining().to_owned() })
    }

    fn text_mut(&mut self) -> &mut String {
        &mut self.text
    }

    fn entry(self, line: usize) -> Entry {
        Entry {
            line,
            time: Some(self.time),
            severity: severity(&self.text),
            component: self.component,
            process: Some(self.process),
            thread: Some(self.thread),
            source: String::new(),
            text: self.text,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Columns from Microsoft's compliance walk-through, tabs and padding from raw public lines.
    const GOLDEN: &str =
        "2014-01-20\t12:18:11:520\t 968\t9d0\tAgent\t  * WSUS server: http://PS1SITE.CONTOSO.COM:8530 (Changed)\r\n";

    #[test]
    fn a_record_is_written_as_the_agent_writes_it() {
        let record = Record {
            time: LocalStamp::from_utc_millis(1_390_238_291_520, 300),
            process: 968,
            thread: 0x9d0,
            component: "Agent".into(),
            text: "  * WSUS server: http://PS1SITE.CONTOSO.COM:8530 (Changed)".into(),
        };
        let mut out = String::new();
        record.format(&mut out);
        assert_eq!(out, GOLDEN);
        assert_eq!(parse(GOLDEN.as_bytes(), 300).unwrap(), [record]);
    }

    #[test]
    fn deviations_are_refused() {
        for (from, to, why) in [
            (":520", ".520", "\":\""),
            ("\t 968", "\t968", "right-aligned"),
            ("\t 968", "\t  968", "right-aligned"),
            ("9d0", "9D0", "lower-case"),
            ("9d0", "0x9d0", "lower-case"),
            ("Agent\t", "Agent ", "\"\\t\""),
            ("\r\n", "\n", "CRLF"),
        ] {
            let error = parse(GOLDEN.replace(from, to).as_bytes(), 0).unwrap_err();
            assert!(error.why.contains(why), "{to:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn records_come_back(
            text in "[^\\p{Cc}]{0,40}", component in "[A-Za-z]{1,12}", ms in 0_i64..4_000_000_000_000, process: u32, thread: u32,
        ) {
            let record = Record { time: LocalStamp::from_utc_millis(ms, -60), process, thread, component, text };
            let mut out = String::new();
            record.format(&mut out);
            prop_assert_eq!(parse(out.as_bytes(), -60).unwrap(), [record]);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, tail: String) {
            let _ = parse(&bytes, 0);
            let _ = parse(format!("2014-01-20\t12:18:11:520\t{tail}\r\n").as_bytes(), 0);
        }
    }
}
