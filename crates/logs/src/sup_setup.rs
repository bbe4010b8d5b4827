//! SUPSetup.log: `<02/09/14 22:53:28> text`, two-digit year, no component, no thread (`docs`).

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::error::{self, ParseError};
use crate::lines::{self, LineRecord};
use crate::read::Entry;
use crate::scan::{self, Scan};
use crate::severity::Severity;
use crate::stamp::LocalStamp;

/// One record; its clock has whole seconds and the years 2000 to 2099.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Local time; the file does not state the bias.
    pub time: LocalStamp,
    /// The message.
    pub text: String,
}

impl Record {
    /// Appends the record and its CRLF.
    pub fn format(&self, out: &mut String) {
        let t = &self.time;
        let year = t.year.rem_euclid(100);
        // Writing into a String cannot fail.
        let _ = write!(out, "<{:02}/{:02}/{year:02} {:02}:{:02}:{:02}> ", t.month, t.day, t.hour, t.minute, t.second);
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
        scan.literal("<")?;
        let start = scan.offset();
        let month = scan::two(scan.fixed(2)?);
        scan.literal("/")?;
        let day = scan::two(scan.fixed(2)?);
        scan.literal("/")?;
        let year = 2000 + scan::year(scan.fixed(2)?);
        scan.literal(" ")?;
        let (hour, minute, second) = scan.time()?;
        let time = LocalStamp { year, month, day, hour, minute, second, millisecond: 0, bias_minutes };
        let time = scan.checked(start, time)?;
        scan.literal("> ")?;
        Ok(Self { time, text: scan.remaining().to_owned() })
    }

    fn text_mut(&mut self) -> &mut String {
        &mut self.text
    }

    fn entry(self, line: usize) -> Entry {
        Entry {
            line,
            time: Some(self.time),
            severity: Severity::from_words(&self.text),
            component: String::new(),
            process: None,
            thread: None,
            source: String::new(),
            text: self.text,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_is_written_as_the_installer_writes_it() {
        let record = Record {
            time: LocalStamp::from_utc_millis(1_391_986_408_000, 0),
            text: "Installation was successful.".into(),
        };
        let mut out = String::new();
        record.format(&mut out);
        assert_eq!(out, "<02/09/14 22:53:28> Installation was successful.\r\n");
        assert_eq!(parse(out.as_bytes(), 0).unwrap(), [record]);
        assert!(parse(out.replace("/14", "/2014").as_bytes(), 0).is_err());
    }

    proptest! {
        #[test]
        fn records_come_back(text in "[^\\p{Cc}]{0,40}", s in 946_684_800_i64..4_000_000_000) {
            let record = Record { time: LocalStamp::from_utc_millis(s * 1000, 300), text };
            let mut out = String::new();
            record.format(&mut out);
            prop_assert_eq!(parse(out.as_bytes(), 300).unwrap(), [record]);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes, 0);
        }
    }
}
