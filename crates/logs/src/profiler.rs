//! A database trace as SQL Server Profiler saves it in XML: which calls ran, when, and what they cost.
//!
//! Numbers of events and columns are documented (`docs`, 12, 14 and 17 `inferred`); element names and the form of times are
//! `inferred`. Written in UTF-8.

use std::fmt::Write as _;

use quick_xml::events::{BytesStart, Event as Xml};
use serde::{Deserialize, Serialize};

use crate::error::{self, ParseError};
use crate::read::Entry;
use crate::scan::{self, Place, Scan};
use crate::severity::Severity;
use crate::stamp::LocalStamp;

/// XML namespace of the trace document.
pub const NAMESPACE: &str = "http://tempuri.org/TracePersistence.xsd";

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Class {
    /// 10: a remote procedure call has ended.
    RpcCompleted,
    /// 12: a batch has ended.
    BatchCompleted,
    /// 45: a statement of a procedure has ended.
    StatementCompleted,
}

impl Class {
    const ALL: [(Self, u32, &'static str); 3] = [
        (Self::RpcCompleted, 10, "RPC:Completed"),
        (Self::BatchCompleted, 12, "SQL:BatchCompleted"),
        (Self::StatementCompleted, 45, "SP:StmtCompleted"),
    ];

    /// Number and name of the event class.
    #[must_use]
    pub fn id_and_name(self) -> (u32, &'static str) {
        Self::ALL.iter().find(|(class, ..)| *class == self).map_or((0, ""), |&(_, id, name)| (id, name))
    }
}

/// One event. Texts are empty where the trace has no such column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Class.
    pub class: Class,
    /// Column 1: the statement, `exec MP_… N'…'`.
    pub text: String,
    /// Column 8: host of the caller.
    pub host: String,
    /// Column 10: program of the caller.
    pub application: String,
    /// Column 11: login.
    pub login: String,
    /// Column 12: session.
    pub session: u32,
    /// Column 13: microseconds.
    pub duration_us: u64,
    /// Column 14: local start, milliseconds, with its zone.
    pub start: LocalStamp,
    /// Column 34: the procedure's name.
    pub object: String,
    /// Column 35: database.
    pub database: String,
    /// Column 51: number of the event in the trace.
    pub sequence: u64,
}

/// A trace of one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// Name of the server.
    pub server: String,
    /// Events in the order they ended.
    pub events: Vec<Event>,
}

impl Trace {
    /// Appends the whole document.
    pub fn format(&self, out: &mut String) {
        // Writing into a String cannot fail.
        let _ = write!(
            out,
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<TraceData xmlns=\"{NAMESPACE}\">\r\n  <Header>\r\n    \
             <TraceProvider name=\"Microsoft SQL Server\" MajorVersion=\"11\" MinorVersion=\"0\" BuildNumber=\"3000\" />\r\n    \
             <ServerInformation name=\"{}\" />\r\n  </Header>\r\n  <Events>\r\n",
            escape(&self.server)
        );
        for event in &self.events {
            event.format(out);
        }
        out.push_str("  </Events>\r\n</TraceData>\r\n");
    }
}

impl Event {
    fn format(&self, out: &mut String) {
        let (id, name) = self.class.id_and_name();
        let t = &self.start;
        let zone = t.bias_minutes.unsigned_abs();
        let sign = if t.bias_minutes > 0 { '-' } else { '+' };
        let start = format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}{sign}{:02}:{:02}",
            t.year,
            t.month,
            t.day,
            t.hour,
            t.minute,
            t.second,
            t.millisecond,
            zone / 60,
            zone % 60
        );
        let columns = [
            (1, "TextData", self.text.clone()),
            (8, "HostName", self.host.clone()),
            (10, "ApplicationName", self.application.clone()),
            (11, "LoginName", self.login.clone()),
            (12, "SPID", self.session.to_string()),
            (13, "Duration", self.duration_us.to_string()),
            (14, "StartTime", start),
            (34, "ObjectName", self.object.clone()),
            (35, "DatabaseName", self.database.clone()),
            (51, "EventSequence", self.sequence.to_string()),
        ];
        // Writing into a String cannot fail.
        let _ = write!(out, "    <Event id=\"{id}\" name=\"{name}\">\r\n");
        for (id, name, value) in columns.iter().filter(|(_, _, value)| !value.is_empty()) {
            let _ = write!(out, "      <Column id=\"{id}\" name=\"{name}\">{}</Column>\r\n", escape(value));
        }
        out.push_str("    </Event>\r\n");
    }

    fn empty(class: Class) -> Self {
        Self {
            class,
            text: String::new(),
            host: String::new(),
            application: String::new(),
            login: String::new(),
            session: 0,
            duration_us: 0,
            start: LocalStamp::from_utc_millis(0, 0),
            object: String::new(),
            database: String::new(),
            sequence: 0,
        }
    }

    /// Sets the column with this number; columns this crate does not keep are passed over.
    fn set(&mut self, column: u32, value: String) -> Result<(), &'static str> {
        match column {
            1 => self.text = value,
            8 => self.host = value,
            10 => self.application = value,
            11 => self.login = value,
            12 => self.session = value.parse().map_err(|_| "SPID is no number")?,
            13 => self.duration_us = value.parse().map_err(|_| "Duration is no number")?,
            14 => self.start = stamp(&value).map_err(|_| "StartTime is no time with a zone")?,
            34 => self.object = value,
            35 => self.database = value,
            51 => self.sequence = value.parse().map_err(|_| "EventSequence is no number")?,
            _ => {}
        }
        Ok(())
    }
}

/// Escapes markup; characters XML cannot hold become `?`, and those a reader would fold are written as references.
fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#xD;"),
            '\n' | '\t' => out.push(c),
            '\u{FFFE}' | '\u{FFFF}' => out.push('?'),
            c if c < ' ' => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

fn stamp(value: &str) -> Result<LocalStamp, ParseError> {
    let mut scan = Scan::new(value);
    let (year, month, day) = scan.date("-")?;
    scan.literal("T")?;
    let (hour, minute, second) = scan.time()?;
    scan.literal(".")?;
    let millisecond = scan::milli(scan.fixed(3)?);
    let east = scan.eat("+");
    if !east {
        scan.literal("-")?;
    }
    let hours = i32::from(scan::two(scan.fixed(2)?));
    scan.literal(":")?;
    let zone = hours * 60 + i32::from(scan::two(scan.fixed(2)?));
    if !scan.at_end() {
        return Err(scan.error("more than a time"));
    }
    let bias_minutes = if east { -zone } else { zone };
    scan.checked(0, LocalStamp { year, month, day, hour, minute, second, millisecond, bias_minutes })
}

/// Reads a whole trace; event classes other than [`Class`] are passed over, as a profiler writes many.
///
/// # Errors
/// Not well-formed, not a trace document, an event without text or start, a column that is not what its number says.
pub fn parse(bytes: &[u8]) -> Result<Trace, ParseError> {
    Ok(placed(error::text(bytes)?)?.0)
}

/// What [`parse`] keeps besides the events: the line each one starts on.
fn placed(input: &str) -> Result<(Trace, Vec<usize>), ParseError> {
    let mut reader = quick_xml::Reader::from_str(input);
    let mut state = State::default();
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let fail = |why: &str| ParseError::at(input.as_bytes(), at, why);
        let event = reader.read_event().map_err(|problem| fail(&problem.to_string()))?;
        let done = match event {
            Xml::Start(tag) => state.open(&tag, at),
            Xml::Empty(tag) => state.open(&tag, at).and_then(|()| state.close()),
            Xml::End(_) => state.close(),
            Xml::Text(text) => {
                // XML readers fold CRLF into LF; quick-xml leaves that to us.
                state.text.push_str(&text.replace("\r\n", "\n"));
                Ok(())
            }
            Xml::GeneralRef(name) => state.reference(&name),
            Xml::DocType(_) => Err("a document type is not accepted"),
            Xml::Eof => break,
            _ => Ok(()),
        };
        done.map_err(fail)?;
    }
    if !state.root || !state.path.is_empty() {
        return Err(ParseError::at(input.as_bytes(), input.len(), "the document is not a whole trace"));
    }
    let mut place = Place::START;
    let mut line = |&at: &usize| {
        place = place.advance(input.as_bytes(), at);
        place.line
    };
    let lines = state.starts.iter().map(&mut line).collect();
    Ok((Trace { server: state.server, events: state.events }, lines))
}

#[derive(Default)]
struct State {
    root: bool,
    path: Vec<String>,
    server: String,
    text: String,
    column: u32,
    current: Option<Event>,
    has_start: bool,
    events: Vec<Event>,
    starts: Vec<usize>,
}

impl State {
    fn open(&mut self, tag: &BytesStart<'_>, at: usize) -> Result<(), &'static str> {
        let name = tag.name().as_ref().to_owned();
        let attribute = |wanted: &str| -> Result<Option<String>, &'static str> {
            for attribute in tag.attributes() {
                let attribute = attribute.map_err(|_| "an attribute is not well-formed")?;
                if attribute.key.as_ref() == wanted {
                    let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0);
                    return Ok(Some(value.map_err(|_| "an attribute is not well-formed")?.into_owned()));
                }
            }
            Ok(None)
        };
        match (self.path.len(), name.as_str()) {
            (0, "TraceData") if !self.root => {
                self.root = attribute("xmlns")?.as_deref() == Some(NAMESPACE);
                if !self.root {
                    return Err("TraceData is not in the trace namespace");
                }
            }
            (0, _) => return Err("the document is not a trace"),
            (2, "ServerInformation") => self.server = attribute("name")?.unwrap_or_default(),
            (2, "Event") if self.path[1] == "Events" => {
                let id = attribute("id")?.and_then(|id| id.parse().ok()).ok_or("an event without a number")?;
                self.current =
                    Class::ALL.iter().find(|(_, known, _)| *known == id).map(|(class, ..)| Event::empty(*class));
                if self.current.is_some() {
                    self.starts.push(at);
                }
                self.has_start = false;
            }
            (3, "Column") => {
                self.column = attribute("id")?.and_then(|id| id.parse().ok()).ok_or("a column without a number")?;
                self.text.clear();
            }
            (0..16, _) => {}
            _ => return Err("elements are nested too deeply"),
        }
        self.path.push(name);
        Ok(())
    }

    fn close(&mut self) -> Result<(), &'static str> {
        let name = self.path.pop().ok_or("an end without a start")?;
        match (self.path.len(), name.as_str()) {
            (3, "Column") => {
                self.has_start |= self.column == 14;
                if let Some(event) = &mut self.current {
                    event.set(self.column, std::mem::take(&mut self.text))?;
                }
            }
            (2, "Event") => {
                if let Some(event) = self.current.take() {
                    if event.text.is_empty() || !self.has_start {
                        return Err("an event without text or start");
                    }
                    self.events.push(event);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn reference(&mut self, name: &quick_xml::events::BytesRef<'_>) -> Result<(), &'static str> {
        let character = match name.resolve_char_ref() {
            Ok(Some(character)) => character,
            Ok(None) => match name.as_ref() {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                _ => return Err("an entity that is not predefined"),
            },
            Err(_) => return Err("a character reference that is none"),
        };
        self.text.push(character);
        Ok(())
    }
}

/// Reads all or nothing: a damaged XML document has no next record to go on with.
pub(crate) fn lenient(input: &str) -> (Vec<Entry>, Vec<ParseError>) {
    match placed(input) {
        Ok((trace, lines)) => {
            let entry = |(event, line): (Event, usize)| Entry {
                line,
                time: Some(event.start),
                severity: Severity::Info,
                component: event.class.id_and_name().1.to_owned(),
                process: None,
                thread: Some(event.session),
                source: event.application,
                text: event.text,
            };
            (trace.events.into_iter().zip(lines).map(entry).collect(), Vec::new())
        }
        Err(problem) => (Vec::new(), vec![problem]),
    }
}

#[cfg(test)]
mod tests;
