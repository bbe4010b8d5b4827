//! HTTP.sys's own log: requests and connections that never reached a site, with the reason (`docs`: the error-logging
//! article of HTTP.sys for columns and reasons).

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::directives::{self, Row};
use crate::error::{self, ParseError};
use crate::read::Entry;
use crate::severity::Severity;
use crate::stamp::LocalStamp;

/// One row. Texts are empty, numbers `None`, where the log has `-`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// UTC, whole seconds.
    pub time: LocalStamp,
    /// Address of the client.
    pub client_ip: String,
    /// Port of the client.
    pub client_port: Option<u16>,
    /// Address the connection came in on.
    pub server_ip: String,
    /// Port the connection came in on.
    pub server_port: Option<u16>,
    /// Such as `HTTP/1.1`.
    pub version: String,
    /// HTTP method.
    pub method: String,
    /// Path and query.
    pub uri: String,
    /// HTTP status that was sent.
    pub status: Option<u16>,
    /// Number of the IIS site.
    pub site: Option<u32>,
    /// Such as `AppOffline`, `Timer_ConnectionIdle`, `BadRequest`.
    pub reason: String,
    /// Application pool.
    pub queue: String,
}

/// Appends the four directives a file begins with.
pub fn format_header(time: &LocalStamp, out: &mut String) {
    out.push_str("#Software: Microsoft HTTP API 2.0\r\n#Version: 1.0\r\n#Date: ");
    directives::push_utc(out, time);
    out.push_str(
        "\r\n#Fields: date time c-ip c-port s-ip s-port cs-version cs-method cs-uri sc-status s-siteid s-reason s-queuename\r\n",
    );
}

impl Record {
    /// Appends the row and its CRLF.
    pub fn format(&self, out: &mut String) {
        directives::push_utc(out, &self.time);
        let number = |value: Option<u32>| value.map_or_else(String::new, |value| value.to_string());
        let values = [
            &self.client_ip,
            &number(self.client_port.map(u32::from)),
            &self.server_ip,
            &number(self.server_port.map(u32::from)),
            &self.version,
            &self.method,
            &self.uri,
            &number(self.status.map(u32::from)),
            &number(self.site),
            &self.reason,
            &self.queue,
        ];
        for value in values {
            out.push(' ');
            directives::push_value(out, value);
        }
        out.push_str("\r\n");
    }

    fn read(row: &Row<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            time: row.utc()?,
            client_ip: row.text("c-ip"),
            client_port: row.number("c-port")?,
            server_ip: row.text("s-ip"),
            server_port: row.number("s-port")?,
            version: row.text("cs-version"),
            method: row.text("cs-method"),
            uri: row.text("cs-uri"),
            status: row.number("sc-status")?,
            site: row.number("s-siteid")?,
            reason: row.text("s-reason"),
            queue: row.text("s-queuename"),
        })
    }

    fn entry(self, line: usize) -> Entry {
        let mut text = String::new();
        for value in [&self.method, &self.uri, &self.reason, &self.queue] {
            directives::push_value(&mut text, value);
            text.push(' ');
        }
        // Writing into a String cannot fail.
        let _ = write!(text, "{}", self.status.unwrap_or(0));
        Entry {
            line,
            time: Some(self.time),
            // An idle connection that is closed is the everyday row; all other reasons cost somebody an answer.
            severity: if self.reason == "Timer_ConnectionIdle" { Severity::Info } else { Severity::Warning },
            component: "HTTP.sys".to_owned(),
            process: None,
            thread: None,
            source: self.client_ip,
            text,
        }
    }
}

/// Reads a whole file.
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
            client_ip: "192.168.2.62".into(),
            client_port: Some(49_163),
            server_ip: "192.168.2.10".into(),
            server_port: Some(8530),
            version: "HTTP/1.1".into(),
            method: "POST".into(),
            uri: "/ClientWebService/client.asmx".into(),
            status: Some(503),
            site: Some(2),
            reason: "AppOffline".into(),
            queue: "WsusPool".into(),
        }
    }

    #[test]
    fn a_file_is_written_as_http_sys_writes_it() {
        let mut out = String::new();
        format_header(&record().time, &mut out);
        record().format(&mut out);
        assert_eq!(
            out.lines().last(),
            Some(
                "2014-01-20 17:18:09 192.168.2.62 49163 192.168.2.10 8530 HTTP/1.1 POST /ClientWebService/client.asmx 503 2 \
                 AppOffline WsusPool"
            )
        );
        assert_eq!(parse(out.as_bytes()).unwrap(), [record()]);
        assert!(parse(out.replace(" 503", "").as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn rows_come_back(uri in "/[!-~]{0,20}", port: Option<u16>, reason in "[A-Z][a-z_A-Z]{1,20}", site: Option<u32>) {
            let record = Record { uri, client_port: port, reason, site, ..record() };
            let mut out = String::new();
            format_header(&record.time, &mut out);
            record.format(&mut out);
            prop_assert_eq!(parse(out.as_bytes()).unwrap(), [record]);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, tail: String) {
            let _ = parse(&bytes);
            let mut text = String::new();
            format_header(&record().time, &mut text);
            let _ = parse(format!("{text}{tail}\r\n").as_bytes());
        }
    }
}
