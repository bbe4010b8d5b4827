//! IIS logs in the W3C extended format: directives, then one row per request, in UTC; blanks in values are `+`, an empty
//! value is `-` (`field`: logs of IIS 6 to 10).

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::directives::{self, Row};
use crate::error::{self, ParseError};
use crate::read::Entry;
use crate::severity::Severity;
use crate::stamp::LocalStamp;

/// A column this crate knows; its name is the one in `#Fields`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each is named as in the directive, see Field::name")]
pub enum Field {
    Date,
    Time,
    ServerIp,
    Method,
    UriStem,
    UriQuery,
    ServerPort,
    Username,
    ClientIp,
    UserAgent,
    Referer,
    Status,
    Substatus,
    Win32Status,
    BytesSent,
    BytesReceived,
    TimeTaken,
}

impl Field {
    /// The name in the `#Fields` directive.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::Time => "time",
            Self::ServerIp => "s-ip",
            Self::Method => "cs-method",
            Self::UriStem => "cs-uri-stem",
            Self::UriQuery => "cs-uri-query",
            Self::ServerPort => "s-port",
            Self::Username => "cs-username",
            Self::ClientIp => "c-ip",
            Self::UserAgent => "cs(User-Agent)",
            Self::Referer => "cs(Referer)",
            Self::Status => "sc-status",
            Self::Substatus => "sc-substatus",
            Self::Win32Status => "sc-win32-status",
            Self::BytesSent => "sc-bytes",
            Self::BytesReceived => "cs-bytes",
            Self::TimeTaken => "time-taken",
        }
    }
}

/// The columns of a site's log, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout(pub Vec<Field>);

impl Layout {
    /// What IIS 8.5 and 10 log unless told otherwise (`field`).
    #[must_use]
    pub fn standard() -> Self {
        Self(vec![
            Field::Date,
            Field::Time,
            Field::ServerIp,
            Field::Method,
            Field::UriStem,
            Field::UriQuery,
            Field::ServerPort,
            Field::Username,
            Field::ClientIp,
            Field::UserAgent,
            Field::Referer,
            Field::Status,
            Field::Substatus,
            Field::Win32Status,
            Field::TimeTaken,
        ])
    }

    /// The standard columns with the sizes of response and request before the duration.
    #[must_use]
    pub fn with_bytes() -> Self {
        let mut fields = Self::standard().0;
        let before_duration = fields.len() - 1;
        fields.splice(before_duration..before_duration, [Field::BytesSent, Field::BytesReceived]);
        Self(fields)
    }

    /// Appends the four directives a file begins with. `version` is that of IIS, such as `8.5`.
    pub fn format_header(&self, version: &str, time: &LocalStamp, out: &mut String) {
        // Writing into a String cannot fail.
        let _ = write!(out, "#Software: Microsoft Internet Information Services {version}\r\n#Version: 1.0\r\n#Date: ");
        directives::push_utc(out, time);
        out.push_str("\r\n#Fields:");
        for field in &self.0 {
            out.push(' ');
            out.push_str(field.name());
        }
        out.push_str("\r\n");
    }
}

/// One request. Texts are empty, numbers `None`, where the log has `-` or no such column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// UTC at the end of the request, whole seconds.
    pub time: LocalStamp,
    /// Address the request came in on.
    pub server_ip: String,
    /// HTTP method, also the non-standard `CCM_POST`.
    pub method: String,
    /// Path.
    pub uri_stem: String,
    /// Query without `?`.
    pub uri_query: String,
    /// Port the request came in on.
    pub port: Option<u16>,
    /// Authenticated user.
    pub username: String,
    /// Address of the client.
    pub client_ip: String,
    /// User-Agent header, blanks as `+`.
    pub user_agent: String,
    /// Referer header.
    pub referer: String,
    /// HTTP status.
    pub status: Option<u16>,
    /// IIS substatus.
    pub substatus: Option<u16>,
    /// Win32 error.
    pub win32_status: Option<u32>,
    /// Bytes of the response, head included.
    pub bytes_sent: Option<u64>,
    /// Bytes of the request, head included.
    pub bytes_received: Option<u64>,
    /// Milliseconds from the first byte received to the last byte sent.
    pub time_taken_ms: Option<u32>,
}

impl Record {
    /// Appends the row and its CRLF with the columns of `layout`.
    pub fn format(&self, layout: &Layout, out: &mut String) {
        for (number, field) in layout.0.iter().enumerate() {
            if number > 0 {
                out.push(' ');
            }
            self.push(*field, out);
        }
        out.push_str("\r\n");
    }

    fn push(&self, field: Field, out: &mut String) {
        let mut stamp = String::new();
        directives::push_utc(&mut stamp, &self.time);
        let (date, time) = stamp.split_once(' ').unwrap_or_default();
        match field {
            Field::Date => out.push_str(date),
            Field::Time => out.push_str(time),
            Field::ServerIp => directives::push_value(out, &self.server_ip),
            Field::Method => directives::push_value(out, &self.method),
            Field::UriStem => directives::push_value(out, &self.uri_stem),
            Field::UriQuery => directives::push_value(out, &self.uri_query),
            Field::ServerPort => push_number(out, self.port),
            Field::Username => directives::push_value(out, &self.username),
            Field::ClientIp => directives::push_value(out, &self.client_ip),
            Field::UserAgent => directives::push_value(out, &self.user_agent),
            Field::Referer => directives::push_value(out, &self.referer),
            Field::Status => push_number(out, self.status),
            Field::Substatus => push_number(out, self.substatus),
            Field::Win32Status => push_number(out, self.win32_status),
            Field::BytesSent => push_number(out, self.bytes_sent),
            Field::BytesReceived => push_number(out, self.bytes_received),
            Field::TimeTaken => push_number(out, self.time_taken_ms),
        }
    }

    fn read(row: &Row<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            time: row.utc()?,
            server_ip: row.text("s-ip"),
            method: row.text("cs-method"),
            uri_stem: row.text("cs-uri-stem"),
            uri_query: row.text("cs-uri-query"),
            port: row.number("s-port")?,
            username: row.text("cs-username"),
            client_ip: row.text("c-ip"),
            user_agent: row.text("cs(User-Agent)"),
            referer: row.text("cs(Referer)"),
            status: row.number("sc-status")?,
            substatus: row.number("sc-substatus")?,
            win32_status: row.number("sc-win32-status")?,
            bytes_sent: row.number("sc-bytes")?,
            bytes_received: row.number("cs-bytes")?,
            time_taken_ms: row.number("time-taken")?,
        })
    }

    fn entry(self, line: usize) -> Entry {
        let status = self.status.unwrap_or(0);
        let (sub, win32) = (self.substatus.unwrap_or(0), self.win32_status.unwrap_or(0));
        let mut target = self.uri_stem;
        if !self.uri_query.is_empty() {
            target = format!("{target}?{}", self.uri_query);
        }
        Entry {
            line,
            time: Some(self.time),
            severity: if status >= 500 {
                Severity::Error
            } else if status >= 400 {
                Severity::Warning
            } else {
                Severity::Info
            },
            component: "IIS".to_owned(),
            process: None,
            thread: None,
            source: self.client_ip,
            text: format!("{} {target} {status} {sub} {win32}", self.method),
        }
    }
}

fn push_number<N: std::fmt::Display>(out: &mut String, number: Option<N>) {
    match number {
        // Writing into a String cannot fail.
        Some(number) => drop(write!(out, "{number}")),
        None => out.push('-'),
    }
}

/// Reads a whole file, whatever its columns.
///
/// # Errors
/// The first row that does not fit the columns in force, or is not ended by CRLF.
pub fn parse(bytes: &[u8]) -> Result<Vec<Record>, ParseError> {
    directives::strict(error::text(bytes)?)?.iter().map(Record::read).collect()
}

/// Reads what can be read.
pub(crate) fn lenient(input: &str) -> (Vec<Entry>, Vec<ParseError>) {
    let (rows, mut problems) = directives::lenient(input);
    let mut entries = Vec::new();
    for row in &rows {
        match Record::read(row) {
            Ok(record) => entries.push(record.entry(row.line)),
            Err(problem) => problems.push(problem),
        }
    }
    (entries, problems)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record() -> Record {
        Record {
            time: LocalStamp::from_utc_millis(1_390_238_289_000, 0),
            server_ip: "192.168.2.11".into(),
            method: "CCM_POST".into(),
            uri_stem: "/ccm_system/request".into(),
            uri_query: String::new(),
            port: Some(80),
            username: String::new(),
            client_ip: "192.168.2.62".into(),
            user_agent: "ccmhttp".into(),
            referer: String::new(),
            status: Some(200),
            substatus: Some(0),
            win32_status: Some(0),
            bytes_sent: Some(542),
            bytes_received: Some(2117),
            time_taken_ms: Some(31),
        }
    }

    /// Column order and encoding of values from public IIS 8.5 and 10 logs.
    const GOLDEN: &str = "#Software: Microsoft Internet Information Services 8.5\r\n#Version: 1.0\r\n\
        #Date: 2014-01-20 17:18:09\r\n#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip \
        cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status sc-bytes cs-bytes time-taken\r\n\
        2014-01-20 17:18:09 192.168.2.11 CCM_POST /ccm_system/request - 80 - 192.168.2.62 ccmhttp - 200 0 0 542 2117 31\r\n";

    #[test]
    fn a_file_is_written_as_iis_writes_it() {
        let mut out = String::new();
        let layout = Layout::with_bytes();
        layout.format_header("8.5", &record().time, &mut out);
        record().format(&layout, &mut out);
        assert_eq!(out, GOLDEN);
        assert_eq!(parse(GOLDEN.as_bytes()).unwrap(), [record()]);
    }

    #[test]
    fn columns_not_logged_are_none() {
        let mut out = String::new();
        Layout::standard().format_header("8.5", &record().time, &mut out);
        record().format(&Layout::standard(), &mut out);
        let read = parse(out.as_bytes()).unwrap();
        assert_eq!(read, [Record { bytes_sent: None, bytes_received: None, ..record() }]);
    }

    #[test]
    fn deviations_are_refused() {
        for (from, to, why) in [
            ("#Fields", "#Felder", "before any #Fields"),
            (" 31\r", "\r", "one value for each"),
            (" 200 ", "  ", "one value for each"),
            (" 200 ", " 0200 ", "plain number"),
            (" 80 ", " 99999 ", "plain number"),
            ("\n2014-01-20", "\n2014-01-32", "no such day"),
            ("31\r\n", "31\n", "CRLF"),
        ] {
            let damaged = GOLDEN.replace(from, to);
            assert_ne!(damaged, GOLDEN);
            let error = parse(damaged.as_bytes()).unwrap_err();
            assert!(error.why.contains(why), "{to:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn rows_come_back(stem in "/[a-z/.]{0,20}", agent in "[!-,.-~]{1,20}", status in 100_u16..600, sent: u64, taken: u32) {
            let record = Record {
                uri_stem: stem, user_agent: agent, status: Some(status), bytes_sent: Some(sent), time_taken_ms: Some(taken), ..record()
            };
            let mut out = String::new();
            Layout::with_bytes().format_header("10.0", &record.time, &mut out);
            record.format(&Layout::with_bytes(), &mut out);
            prop_assert_eq!(parse(out.as_bytes()).unwrap(), [record]);
        }

        #[test]
        fn hostile_values_still_give_one_row(agent: String, stem in "/.*") {
            let mut out = String::new();
            Layout::standard().format_header("10.0", &record().time, &mut out);
            Record { user_agent: agent, uri_stem: stem, ..record() }.format(&Layout::standard(), &mut out);
            prop_assert_eq!(parse(out.as_bytes()).unwrap().len(), 1);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, tail: String) {
            let _ = parse(&bytes);
            let _ = parse(format!("#Fields: date time sc-status\r\n{tail}\r\n").as_bytes());
        }
    }
}
