//! The older format of native site components: `text  $$<COMPONENT><MM-DD-YYYY HH:MM:SS.mmm+bias><thread=N (0xHEX)>`.
//!
//! Two blanks stand before `$$<`; there is no severity and no source file, so the wording alone tells a viewer what is an
//! error. A tilde stands for a line end in the text (`field`). Lines end in CRLF, without byte order mark (`inferred`).

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::error::{self, ParseError};
use crate::lines::{self, LineRecord};
use crate::read::Entry;
use crate::scan::{self, Scan};
use crate::severity::Severity;
use crate::stamp::LocalStamp;

const TAIL: &str = "  $$<";

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The message as on disk, with `~` for line ends.
    pub text: String,
    /// The writing component, such as `SMS_STATE_SYSTEM`.
    pub component: String,
    /// Local time of the write, in milliseconds.
    pub time: LocalStamp,
    /// Win32 thread id.
    pub thread: u32,
}

impl Record {
    /// Appends the record and its CRLF; line ends in the text become tildes, as the product has it.
    pub fn format(&self, out: &mut String) {
        let text = self.text.replace("\r\n", "~");
        out.extend(text.chars().map(|c| match c {
            '\n' | '\r' => '~',
            c if c.is_control() && c != '\t' => ' ',
            c => c,
        }));
        out.push_str(TAIL);
        lines::push_name(out, &self.component);
        let t = &self.time;
        // Writing into a String cannot fail.
        let _ = write!(
            out,
            "><{:02}-{:02}-{:04} {:02}:{:02}:{:02}.{:03}",
            t.month, t.day, t.year, t.hour, t.minute, t.second, t.millisecond
        );
        scan::push_bias(out, t.bias_minutes);
        let _ = write!(out, "><thread={0} (0x{0:X})>\r\n", self.thread);
    }
}

/// Reads a whole file.
///
/// # Errors
/// The first place that deviates from what [`Record::format`] writes.
pub fn parse(bytes: &[u8]) -> Result<Vec<Record>, ParseError> {
    lines::strict(error::text(bytes)?, 0)
}

impl LineRecord for Record {
    const CONTINUES: bool = false;

    fn read(scan: &mut Scan<'_>, _: i32) -> Result<Self, ParseError> {
        let Some(tail) = scan.rest().rfind(TAIL) else {
            return Err(scan.error("no \"  $$<\" in the line"));
        };
        let text = scan.rest()[..tail].to_owned();
        scan.seek(scan.offset() + tail + TAIL.len());
        let component = scan.until("><")?.to_owned();
        let start = scan.offset();
        let month = scan::two(scan.fixed(2)?);
        scan.literal("-")?;
        let day = scan::two(scan.fixed(2)?);
        scan.literal("-")?;
        let year = scan::year(scan.fixed(4)?);
        scan.literal(" ")?;
        let (hour, minute, second) = scan.time()?;
        scan.literal(".")?;
        let millisecond = scan::milli(scan.fixed(3)?);
        let bias_minutes = scan.bias()?;
        let time = LocalStamp { year, month, day, hour, minute, second, millisecond, bias_minutes };
        let time = scan.checked(start, time)?;
        scan.literal("><thread=")?;
        let thread = scan.number()?;
        scan.literal(&format!(" (0x{thread:X})>"))?;
        if !scan.at_end() {
            return Err(scan.error("text after the thread"));
        }
        Ok(Self { text, component, time, thread })
    }

    fn text_mut(&mut self) -> &mut String {
        &mut self.text
    }

    fn entry(self, line: usize) -> Entry {
        Entry {
            line,
            time: Some(self.time),
            severity: Severity::from_words(&self.text),
            component: self.component,
            process: None,
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

    /// Shape from raw lines of other native site components; text from Microsoft's sync walk-through, values ours.
    const GOLDEN: &str = "Sync succeeded. Setting sync alert to canceled state on site PS1~  \
                          $$<SMS_WSUS_SYNC_MANAGER><01-20-2014 12:17:31.004+300><thread=3404 (0xD4C)>\r\n";

    fn golden() -> Record {
        Record {
            text: "Sync succeeded. Setting sync alert to canceled state on site PS1~".into(),
            component: "SMS_WSUS_SYNC_MANAGER".into(),
            time: LocalStamp::from_utc_millis(1_390_238_251_004, 300),
            thread: 3404,
        }
    }

    #[test]
    fn a_record_is_written_as_the_product_writes_it() {
        let mut out = String::new();
        golden().format(&mut out);
        assert_eq!(out, GOLDEN);
        assert_eq!(parse(GOLDEN.as_bytes()).unwrap(), [golden()]);
    }

    #[test]
    fn deviations_are_refused() {
        for (from, to, why) in [
            ("~  $$", "~ $$", "$$<"),
            ("0xD4C", "0xd4c", "0xD4C"),
            ("+300", "+0300", "unpadded"),
            ("01-20", "02-30", "no such day"),
            (")>", ")> ", "after the thread"),
            ("\r\n", "\n", "CRLF"),
        ] {
            let error = parse(GOLDEN.replace(from, to).as_bytes()).unwrap_err();
            assert!(error.why.contains(why), "{to:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn records_come_back(
            text in "[^\\p{Cc}]{0,40}", component in "[A-Z_]{1,20}", ms in 0_i64..4_000_000_000_000, bias in -840..840_i32,
            thread: u32,
        ) {
            let record = Record { text, component, time: LocalStamp::from_utc_millis(ms, bias), thread };
            let mut out = String::new();
            record.format(&mut out);
            prop_assert_eq!(parse(out.as_bytes()).unwrap(), [record]);
        }

        #[test]
        fn hostile_fields_still_give_one_record(text: String, component: String) {
            let mut out = String::new();
            Record { text, component, ..golden() }.format(&mut out);
            prop_assert_eq!(parse(out.as_bytes()).unwrap().len(), 1);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, tail: String) {
            let _ = parse(&bytes);
            let _ = parse(format!("x  $$<{tail}\r\n").as_bytes());
        }
    }
}
