//! WindowsUpdate.log as decoded from the traces of Windows 10 and later:
//! `2020/01/23 15:17:51.1570490 9852  7344  ProtocolTalker  text`.
//!
//! Seven-digit fraction, decimal ids in columns of five, component in a column of fifteen (`field`; widths `inferred` from
//! the sample). The date separator follows the culture of whoever decodes; the slash is what US English gives.

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
    /// The part of the time below a millisecond, in units of 100 ns, 0 to 9999.
    pub ticks: u16,
    /// Process id.
    pub process: u32,
    /// Thread id.
    pub thread: u32,
    /// `Agent`, `ProtocolTalker` …, without blanks.
    pub component: String,
    /// The message.
    pub text: String,
}

impl Record {
    /// Appends the record and its CRLF.
    pub fn format(&self, out: &mut String) {
        let t = &self.time;
        let mut component = String::new();
        lines::push_word(&mut component, &self.component);
        // Writing into a String cannot fail.
        let _ = write!(
            out,
            "{:04}/{:02}/{:02} {:02}:{:02}:{:02}.{:03}{:04} {:<5} {:<5} {component:<15} ",
            t.year,
            t.month,
            t.day,
            t.hour,
            t.minute,
            t.second,
            t.millisecond,
            self.ticks.min(9999),
            self.process,
            self.thread
        );
        lines::push_line(out, &self.text);
    }
}

/// Reads a whole file decoded on a clock `bias_minutes` off UTC.
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
        let (year, month, day) = scan.date("/")?;
        scan.literal(" ")?;
        let (hour, minute, second) = scan.time()?;
        scan.literal(".")?;
        let millisecond = scan::milli(scan.fixed(3)?);
        let ticks = scan::milli(scan.fixed(4)?);
        let time = LocalStamp { year, month, day, hour, minute, second, millisecond, bias_minutes };
        let time = scan.checked(start, time)?;
        scan.literal(" ")?;
        let process = scan.number()?;
        pad(scan, process)?;
        let thread = scan.number()?;
        pad(scan, thread)?;
        let component = scan.while_is(|c| !c.is_whitespace()).to_owned();
        scan.literal(&" ".repeat(15_usize.saturating_sub(component.chars().count()) + 1))?;
        Ok(Self { time, ticks, process, thread, component, text: scan.remaining().to_owned() })
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

/// Takes the blanks that fill the column of `id` and the one that parts it from the next.
fn pad(scan: &mut Scan<'_>, id: u32) -> Result<(), ParseError> {
    scan.literal(&" ".repeat(5_usize.saturating_sub(id.to_string().len()) + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_record_is_written_as_the_decoder_writes_it() {
        let record = Record {
            time: LocalStamp::from_utc_millis(1_579_792_671_157, 0),
            ticks: 490,
            process: 9852,
            thread: 7344,
            component: "ProtocolTalker".into(),
            text: "OK to reuse existing configuration".into(),
        };
        let mut out = String::new();
        record.format(&mut out);
        assert_eq!(
            out,
            "2020/01/23 15:17:51.1570490 9852  7344  ProtocolTalker  OK to reuse existing configuration\r\n"
        );
        assert_eq!(parse(out.as_bytes(), 0).unwrap(), [record]);
        for (from, to) in [(".1570490", ".157"), ("9852  ", "9852 "), ("Talker  ", "Talker "), ("\r\n", "\n")] {
            assert!(parse(out.replace(from, to).as_bytes(), 0).is_err(), "{to:?}");
        }
    }

    proptest! {
        #[test]
        fn records_come_back(
            text in "[^\\p{Cc}]{0,40}", component in "[A-Za-z]{1,20}", ms in 0_i64..4_000_000_000_000, ticks in 0_u16..10_000,
            process: u32, thread: u32,
        ) {
            let record = Record { time: LocalStamp::from_utc_millis(ms, 0), ticks, process, thread, component, text };
            let mut out = String::new();
            record.format(&mut out);
            prop_assert_eq!(parse(out.as_bytes(), 0).unwrap(), [record]);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, tail: String) {
            let _ = parse(&bytes, 0);
            let _ = parse(format!("2020/01/23 15:17:51.1570490 {tail}\r\n").as_bytes(), 0);
        }
    }
}
