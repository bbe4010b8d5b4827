//! What IIS and HTTP.sys logs share: `#` directives, then rows of values separated by single blanks.

use crate::error::ParseError;
use crate::scan::Scan;
use crate::stamp::LocalStamp;

/// One row with the fields that held when it was written.
pub(crate) struct Row<'a> {
    pub(crate) line: usize,
    fields: Vec<&'a str>,
    values: Vec<&'a str>,
}

impl<'a> Row<'a> {
    /// The value of a field: "" if it is not logged or empty (`-`).
    pub(crate) fn text(&self, name: &str) -> String {
        let value = self.raw(name).unwrap_or("");
        if value == "-" { String::new() } else { value.to_owned() }
    }

    /// The value of a numeric field, `None` if it is not logged or empty.
    pub(crate) fn number<N: std::str::FromStr + ToString>(&self, name: &str) -> Result<Option<N>, ParseError> {
        match self.raw(name) {
            None | Some("-") => Ok(None),
            Some(value) => match value.parse::<N>() {
                Ok(number) if number.to_string() == value => Ok(Some(number)),
                _ => Err(self.error(format!("{name} is {value:?}, no plain number in its range"))),
            },
        }
    }

    /// `date` and `time`, which are UTC.
    pub(crate) fn utc(&self) -> Result<LocalStamp, ParseError> {
        let (Some(date), Some(time)) = (self.raw("date"), self.raw("time")) else {
            return Err(self.error("the row has no date and time"));
        };
        utc(date, time).map_err(|problem| self.error(problem.why))
    }

    pub(crate) fn error(&self, why: impl Into<String>) -> ParseError {
        ParseError { line: self.line, column: 1, why: why.into() }
    }

    fn raw(&self, name: &str) -> Option<&'a str> {
        let place = self.fields.iter().position(|field| *field == name)?;
        self.values.get(place).copied()
    }
}

fn utc(date: &str, time: &str) -> Result<LocalStamp, ParseError> {
    let mut scan = Scan::new(date);
    let (year, month, day) = scan.date("-")?;
    let whole = scan.at_end();
    let mut scan = Scan::new(time);
    let (hour, minute, second) = scan.time()?;
    if !whole || !scan.at_end() {
        return Err(scan.error("date or time has more than it should"));
    }
    let stamp = LocalStamp { year, month, day, hour, minute, second, millisecond: 0, bias_minutes: 0 };
    Scan::new(date).checked(0, stamp)
}

/// Every row of a file: directives in any order and repeated, CRLF, one blank between values, as many values as fields.
pub(crate) fn strict(input: &str) -> Result<Vec<Row<'_>>, ParseError> {
    let (rows, problems) = rows(input, true);
    match problems.into_iter().next() {
        None => Ok(rows),
        Some(problem) => Err(problem),
    }
}

/// The rows that can be read, with any line ends, and what is wrong with the others.
pub(crate) fn lenient(input: &str) -> (Vec<Row<'_>>, Vec<ParseError>) {
    rows(input, false)
}

fn rows(input: &str, strict: bool) -> (Vec<Row<'_>>, Vec<ParseError>) {
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    let mut fields: Vec<&str> = Vec::new();
    for (number, full) in input.split_inclusive('\n').enumerate() {
        let line = full.trim_end_matches(['\r', '\n']);
        let mut report = |why: &str| problems.push(ParseError { line: number + 1, column: 1, why: why.to_owned() });
        if strict && full.len() != line.len() + 2 {
            report("a line ends in CRLF");
        } else if let Some(directive) = line.strip_prefix('#') {
            if let Some(list) = directive.strip_prefix("Fields: ") {
                fields = list.split_ascii_whitespace().collect();
            }
        } else if !line.is_empty() || strict {
            let values: Vec<&str> = line.split(' ').collect();
            if fields.is_empty() {
                report("a row before any #Fields directive");
            } else if values.len() != fields.len() || values.contains(&"") {
                report("the row does not have one value for each field");
            } else {
                rows.push(Row { line: number + 1, fields: fields.clone(), values });
            }
        }
        if problems.len() >= if strict { 1 } else { crate::cmtrace::MAX_PROBLEMS } {
            break;
        }
    }
    (rows, problems)
}

/// Appends a value: blanks and control characters become `+`, nothing becomes `-`.
pub(crate) fn push_value(out: &mut String, value: &str) {
    if value.is_empty() {
        out.push('-');
    }
    out.extend(value.chars().map(|c| if c.is_control() || c.is_whitespace() { '+' } else { c }));
}

/// Appends `YYYY-MM-DD HH:MM:SS` in UTC.
pub(crate) fn push_utc(out: &mut String, time: &LocalStamp) {
    use std::fmt::Write as _;
    let t = time.with_bias(0);
    // Writing into a String cannot fail.
    let _ = write!(out, "{:04}-{:02}-{:02} {:02}:{:02}:{:02}", t.year, t.month, t.day, t.hour, t.minute, t.second);
}
