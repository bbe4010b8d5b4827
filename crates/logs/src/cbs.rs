//! CBS.log: `2016-09-28 04:30:31, Info                  CBS    text`, local time, level and component in columns of
//! 22 and 7 (`field`). Lines without a time continue the text.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::error::{self, ParseError};
use crate::lines::{self, LineRecord};
use crate::read::Entry;
use crate::scan::Scan;
use crate::severity::Severity;
use crate::stamp::LocalStamp;

/// One record; its clock has whole seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Local time; the file does not state the bias.
    pub time: LocalStamp,
    /// `Info`, `Warning`, `Error`; without blanks.
    pub level: String,
    /// `CBS`, `CSI` …; without blanks.
    pub component: String,
    /// The message.
    pub text: String,
}

impl Record {
    /// Appends the record, each of its lines ending in CRLF.
    pub fn format(&self, out: &mut String) {
        let t = &self.time;
        let (mut level, mut component) = (String::new(), String::new());
        lines::push_word(&mut level, &self.level);
        lines::push_word(&mut component, &self.component);
        // Writing into a String cannot fail.
        let _ = write!(
            out,
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}, {level:<21} {component:<6} ",
            t.year, t.month, t.day, t.hour, t.minute, t.second
        );
        lines::push_lines::<Self>(out, &self.text);
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
    const CONTINUES: bool = true;

    fn read(scan: &mut Scan<'_>, bias_minutes: i32) -> Result<Self, ParseError> {
        let start = scan.offset();
        let (year, month, day) = scan.date("-")?;
        scan.literal(" ")?;
        let (hour, minute, second) = scan.time()?;
        let time = LocalStamp { year, month, day, hour, minute, second, millisecond: 0, bias_minutes };
        let time = scan.checked(start, time)?;
        scan.literal(", ")?;
        let level = column(scan, 21)?;
        let component = column(scan, 6)?;
        Ok(Self { time, level, component, text: scan.remaining().to_owned() })
    }

    fn text_mut(&mut self) -> &mut String {
        &mut self.text
    }

    fn entry(self, line: usize) -> Entry {
        Entry {
            line,
            time: Some(self.time),
            severity: match self.level.as_str() {
                "Error" => Severity::Error,
                "Warning" => Severity::Warning,
                _ => Severity::from_words(&self.text),
            },
            component: self.component,
            process: None,
            thread: None,
            source: String::new(),
            text: self.text,
        }
    }
}

/// Takes a word, the blanks that fill its column and one more.
fn column(scan: &mut Scan<'_>, width: usize) -> Result<String, ParseError> {
    let word = scan.while_is(|c| !c.is_whitespace());
    if word.is_empty() {
        return Err(scan.error("the column is empty"));
    }
    scan.literal(&" ".repeat(width.saturating_sub(word.chars().count()) + 1))?;
    Ok(word.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(text: &str) -> Record {
        Record {
            time: LocalStamp::from_utc_millis(1_475_037_031_000, 0),
            level: "Info".into(),
            component: "CBS".into(),
            text: text.into(),
        }
    }

    #[test]
    fn a_record_is_written_as_servicing_writes_it() {
        let mut out = String::new();
        record("Starting TrustedInstaller initialization.").format(&mut out);
        assert_eq!(
            out,
            "2016-09-28 04:30:31, Info                  CBS    Starting TrustedInstaller initialization.\r\n"
        );
        assert_eq!(parse(out.as_bytes(), 0).unwrap(), [record("Starting TrustedInstaller initialization.")]);
        assert!(parse(out.replace("  CBS", " CBS").as_bytes(), 0).is_err());
    }

    proptest! {
        #[test]
        fn records_come_back(text in "[^\\p{Cc}]{0,30}(\n [a-z]{1,9})?", component in "[A-Z]{1,9}", level in "[A-Z][a-z]{1,9}") {
            let record = Record { level, component, ..record(&text) };
            let mut out = String::new();
            record.format(&mut out);
            prop_assert_eq!(parse(out.as_bytes(), 0).unwrap(), [record]);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, tail: String) {
            let _ = parse(&bytes, 0);
            let _ = parse(format!("2016-09-28 04:30:31, {tail}\r\n").as_bytes(), 0);
        }
    }
}
