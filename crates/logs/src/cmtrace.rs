//! The format of client, management-point and most newer logs:
//! `<![LOG[text]LOG]!><time="…" date="…" component="…" context="" type="1" thread="3452" file="x.cpp:12">`.
//!
//! Files are UTF-8 with a byte order mark, records end in CRLF, line breaks inside a text are a bare LF. Attribute
//! order, three-digit fraction, unpadded signed bias (`+000` for UTC) and the ever-empty context are counted from about
//! 50,000 records of public logs (`field`); CRLF is computed from the sizes of rolled files (`inferred`).

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::error::{self, ParseError};
use crate::scan::{self, Scan};
use crate::severity::Severity;
use crate::stamp::LocalStamp;

/// The three bytes every file of this format starts with.
pub const BOM: &str = "\u{FEFF}";

const OPEN: &str = "<![LOG[";
const CLOSE: &str = "]LOG]!>";

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The message; line breaks in it are `\n`.
    pub text: String,
    /// Local time of the write, in milliseconds.
    pub time: LocalStamp,
    /// The writing component, such as `WUAHandler`.
    pub component: String,
    /// Always empty in what the native components write.
    pub context: String,
    /// The `type` attribute.
    pub severity: Severity,
    /// Win32 thread id.
    pub thread: u32,
    /// Source file and line, such as `cscanagent.cpp:123`; empty in managed components.
    pub file: String,
}

impl Record {
    /// Appends the record and its CRLF to `out`; the caller writes [`BOM`] once, at the start of the file.
    ///
    /// The result always reads back as exactly one record: CR and CRLF inside the text become LF, an end mark inside it is
    /// broken by a blank, and quotes, angle brackets or control characters in attributes become `_`. (The product
    /// escapes nothing; only a text that carries foreign bytes can tell the difference.)
    pub fn format(&self, out: &mut String) {
        out.push_str(OPEN);
        push_text(out, &self.text);
        out.push_str(CLOSE);
        let t = &self.time;
        // Writing into a String cannot fail.
        let _ = write!(out, "<time=\"{:02}:{:02}:{:02}.{:03}", t.hour, t.minute, t.second, t.millisecond);
        scan::push_bias(out, t.bias_minutes);
        let _ = write!(out, "\" date=\"{:02}-{:02}-{:04}\" component=\"", t.month, t.day, t.year);
        push_attribute(out, &self.component);
        out.push_str("\" context=\"");
        push_attribute(out, &self.context);
        let _ = write!(out, "\" type=\"{}\" thread=\"{}\" file=\"", self.severity.number(), self.thread);
        push_attribute(out, &self.file);
        out.push_str("\">\r\n");
    }
}

fn push_text(out: &mut String, text: &str) {
    let start = out.len();
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        if c == '\r' {
            characters.next_if_eq(&'\n');
            out.push('\n');
        } else {
            out.push(c);
        }
    }
    // Rare enough that a second pass costs nothing: only bytes received from elsewhere can hold the end mark. A text
    // that ends in the first bracket of a mark of its own ("]LOG]!" + "]LOG]!>") is safe: the mark is searched from the left.
    if out[start..].contains(CLOSE) {
        let mended = out[start..].replace(CLOSE, "]LOG]! >");
        out.truncate(start);
        out.push_str(&mended);
    }
}

fn push_attribute(out: &mut String, value: &str) {
    out.extend(value.chars().map(|c| if matches!(c, '"' | '<' | '>') || c.is_control() { '_' } else { c }));
}

/// Reads a whole file and accepts nothing that the native components do not write.
///
/// # Errors
/// The first place that deviates: missing byte order mark, bare LF or text between records, CR inside a text, attributes
/// missing or out of order, padding, sign or digits of numbers, dates that do not exist.
pub fn parse(bytes: &[u8]) -> Result<Vec<Record>, ParseError> {
    let input = error::text(bytes)?;
    let mut scan = Scan::new(input);
    if !scan.eat(BOM) {
        return Err(scan.error("the file does not start with a UTF-8 byte order mark"));
    }
    let mut records = Vec::new();
    while !scan.at_end() {
        scan.mark();
        records.push(record(&mut scan, Strict::Yes)?);
        scan.literal("\r\n").map_err(|_| scan.error("a record ends in CRLF"))?;
    }
    Ok(records)
}

/// Problems after which the lenient reader gives up on the rest of a file: it is no log of this format.
pub const MAX_PROBLEMS: usize = 1000;

/// A record and the line of the file it starts on, counted from 1.
pub type Placed = (usize, Record);

/// Reads what viewers read: byte order mark and CR optional, managed components' records (seven-digit fraction, no bias,
/// unpadded date) accepted with `assumed_bias`, everything that is no record skipped and reported.
#[must_use]
pub fn parse_lenient(bytes: &[u8], assumed_bias: i32) -> (Vec<Placed>, Vec<ParseError>) {
    if let Err(error) = error::check_size(bytes.len()) {
        return (Vec::new(), vec![error]);
    }
    let input = String::from_utf8_lossy(bytes);
    let mut scan = Scan::new(&input);
    scan.eat(BOM);
    let (mut records, mut problems) = (Vec::new(), Vec::new());
    let last_close = input.rfind(CLOSE).unwrap_or(0);
    while problems.len() < MAX_PROBLEMS {
        let gap = scan.while_is(|c| c != '<');
        if !gap.trim().is_empty() {
            problems.push(scan.error_at(scan.offset() - gap.trim_start().len(), "text outside a record"));
        }
        if scan.at_end() {
            break;
        }
        let (start, line) = (scan.offset(), scan.mark());
        match record(&mut scan, Strict::No { assumed_bias }) {
            Ok(found) => records.push((line, found)),
            Err(problem) => {
                problems.push(problem);
                // Resume at the next line that opens a record, so one damaged record costs only itself.
                let next = input[start + 1..].find(OPEN).map_or(input.len(), |at| start + 1 + at);
                if next > last_close {
                    break;
                }
                scan.seek(next);
            }
        }
    }
    (records, problems)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Strict {
    Yes,
    No { assumed_bias: i32 },
}

fn record(scan: &mut Scan<'_>, strict: Strict) -> Result<Record, ParseError> {
    scan.literal(OPEN)?;
    let start = scan.offset();
    let text = scan.until(CLOSE)?;
    if strict == Strict::Yes
        && let Some(at) = text.find('\r')
    {
        return Err(scan.error_at(start + at, "a carriage return inside a text: line breaks there are a bare LF"));
    }
    if strict != Strict::Yes
        && let Some(at) = text.find("\n<![LOG[")
    {
        return Err(scan.error_at(start + at + 1, "a record opens before the last one closed"));
    }
    let time = stamp(scan, strict)?;
    let component = attribute(scan, "component")?;
    let context = attribute(scan, "context")?;
    scan.literal(" type=\"")?;
    let severity = u8::try_from(scan.number()?).ok().and_then(Severity::from_number);
    let severity = severity.ok_or_else(|| scan.error("the type is not 0, 1, 2 or 3"))?;
    scan.literal("\" thread=\"")?;
    let thread = scan.number()?;
    scan.literal("\"")?;
    let file = attribute(scan, "file")?;
    scan.literal(">")?;
    Ok(Record { text: text.replace("\r\n", "\n"), time, component, context, severity, thread, file })
}

fn attribute(scan: &mut Scan<'_>, name: &str) -> Result<String, ParseError> {
    scan.literal(&format!(" {name}=\""))?;
    let start = scan.offset();
    let value = scan.while_is(|c| c != '"' && c != '<' && c != '>' && !c.is_control());
    scan.literal("\"").map_err(|_| scan.error_at(start, format!("the value of {name} does not end")))?;
    Ok(value.to_owned())
}

fn stamp(scan: &mut Scan<'_>, strict: Strict) -> Result<LocalStamp, ParseError> {
    scan.literal("<time=\"")?;
    let start = scan.offset();
    let hour = scan::two(scan.fixed(2)?);
    scan.literal(":")?;
    let minute = scan::two(scan.fixed(2)?);
    scan.literal(":")?;
    let second = scan::two(scan.fixed(2)?);
    scan.literal(".")?;
    let millisecond = scan::milli(scan.fixed(3)?);
    let bias_minutes = match strict {
        Strict::Yes => scan.bias()?,
        Strict::No { assumed_bias } => {
            scan.while_is(|c| c.is_ascii_digit());
            if scan.rest().starts_with('"') { assumed_bias } else { scan.bias()? }
        }
    };
    scan.literal("\" date=\"")?;
    let month = date_part(scan, strict)?;
    scan.literal("-")?;
    let day = date_part(scan, strict)?;
    scan.literal("-")?;
    let year = scan::year(scan.fixed(4)?);
    scan.literal("\"")?;
    scan.checked(start, LocalStamp { year, month, day, hour, minute, second, millisecond, bias_minutes })
}

fn date_part(scan: &mut Scan<'_>, strict: Strict) -> Result<u8, ParseError> {
    let padded = strict == Strict::Yes || scan.rest().as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    Ok(scan::two(scan.fixed(if padded { 2 } else { 1 })?))
}

#[cfg(test)]
mod tests;
