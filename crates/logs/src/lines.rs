//! Reading of the formats whose records begin at the start of a line.

use crate::cmtrace::MAX_PROBLEMS;
use crate::error::{self, ParseError};
use crate::read::Entry;
use crate::scan::Scan;

/// A record that one line holds, perhaps with more lines after it.
pub(crate) trait LineRecord: Sized {
    /// Whether a line that is no record continues the text of the last one.
    const CONTINUES: bool;

    /// Reads one line, without its end. `bias` is the clock's for formats that do not state it.
    fn read(scan: &mut Scan<'_>, bias: i32) -> Result<Self, ParseError>;

    /// The text, to which continuation lines are added.
    fn text_mut(&mut self) -> &mut String;

    /// The record as tools see it; `line` is where it starts.
    fn entry(self, line: usize) -> Entry;
}

/// Reads a file of records, each ending in CRLF.
pub(crate) fn strict<R: LineRecord>(input: &str, bias: i32) -> Result<Vec<R>, ParseError> {
    error::check_size(input.len())?;
    let mut records: Vec<R> = Vec::new();
    let (mut at, mut number) = (0, 1);
    while at < input.len() {
        let Some(len) = input[at..].find('\n') else {
            return Err(ParseError::at(input.as_bytes(), input.len(), "the last line does not end in CRLF"));
        };
        let end = at + len;
        let Some(line) = input[at..end].strip_suffix('\r') else {
            return Err(ParseError::at(input.as_bytes(), end, "a line ends in CRLF"));
        };
        let mut scan = Scan::part(input, at, at + line.len(), number);
        match (R::read(&mut scan, bias), records.last_mut()) {
            (Ok(record), _) => records.push(record),
            (Err(_), Some(last)) if R::CONTINUES => continue_text(last, line),
            (Err(problem), _) => return Err(problem),
        }
        at = end + 1;
        number += 1;
    }
    Ok(records)
}

/// Reads what is there, with any line ends; lines that are neither record nor continuation are reported.
pub(crate) fn lenient<R: LineRecord>(input: &str, bias: i32) -> (Vec<Entry>, Vec<ParseError>) {
    let (mut records, mut problems): (Vec<(usize, R)>, _) = (Vec::new(), Vec::new());
    let mut at = 0;
    for (number, full) in input.split_inclusive('\n').enumerate() {
        let line = full.trim_end_matches(['\r', '\n']);
        let mut scan = Scan::part(input, at, at + line.len(), number + 1);
        at += full.len();
        match (R::read(&mut scan, bias), records.last_mut()) {
            (Ok(record), _) => records.push((number + 1, record)),
            (Err(_), Some((_, last))) if R::CONTINUES => continue_text(last, line),
            (Err(_), _) if line.trim().is_empty() => {}
            (Err(problem), _) => problems.push(problem),
        }
        if problems.len() >= MAX_PROBLEMS {
            break;
        }
    }
    (records.into_iter().map(|(line, record)| record.entry(line)).collect(), problems)
}

fn continue_text<R: LineRecord>(record: &mut R, line: &str) {
    let text = record.text_mut();
    text.push('\n');
    text.push_str(line);
}

/// Appends `text` as the rest of one line: line breaks and other control characters (but tabs) become blanks.
pub(crate) fn push_line(out: &mut String, text: &str) {
    out.extend(text.chars().map(|c| if c.is_control() && c != '\t' { ' ' } else { c }));
    out.push_str("\r\n");
}

/// Appends `text` with its line breaks as CRLF. A later line that would read as a record of `R` gets a blank in front.
pub(crate) fn push_lines<R: LineRecord>(out: &mut String, text: &str) {
    for (number, line) in text.split('\n').enumerate() {
        let start = out.len();
        push_line(out, line);
        let end = out.len() - 2;
        if number > 0 && R::read(&mut Scan::part(out, start, end, 1), 0).is_ok() {
            out.insert(start, ' ');
        }
    }
}

/// Appends a name that a column holds: what would end the column becomes `_`.
pub(crate) fn push_name(out: &mut String, name: &str) {
    let clean = |c: char| if c.is_control() || c == '<' || c == '>' { '_' } else { c };
    out.extend(name.chars().map(clean));
}

/// Appends a word: like a name, without blanks, `-` if there is nothing.
pub(crate) fn push_word(out: &mut String, word: &str) {
    if word.is_empty() {
        out.push('-');
    }
    out.extend(word.chars().map(|c| if c.is_control() || c.is_whitespace() { '+' } else { c }));
}
