//! The trace of calls that a database administrator would take with SQL Server Profiler.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cmsim_sim::journal::Event;
use cmsim_sim::{Journal, SimTime};

/// Who calls: a program on a machine, as the server sees its session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Caller {
    /// NetBIOS name of the calling machine.
    pub host: Arc<str>,
    /// The program's name in its connection string.
    pub application: Arc<str>,
    /// The login, such as `CONTOSO\PS1SYS$`.
    pub login: Arc<str>,
}

/// The text of one call of a stored procedure, as Profiler prints a remote procedure call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exec {
    text: String,
    arguments: usize,
}

impl Exec {
    /// `exec NAME`, without arguments yet.
    #[must_use]
    pub fn new(procedure: &str) -> Self {
        Self {
            text: format!("exec {procedure}"),
            arguments: 0,
        }
    }

    /// Adds a Unicode string, `N'…'` with quotes doubled.
    #[must_use]
    pub fn text(mut self, value: impl fmt::Display) -> Self {
        let quoted = value.to_string().replace('\'', "''");
        self.separate();
        // Writing to a String cannot fail.
        let _ = write!(self.text, "N'{quoted}'");
        self
    }

    /// Adds an argument exactly as given: a number, or an output variable.
    #[must_use]
    pub fn raw(mut self, value: impl fmt::Display) -> Self {
        self.separate();
        let _ = write!(self.text, "{value}");
        self
    }

    fn separate(&mut self) {
        self.text.push(if self.arguments == 0 { ' ' } else { ',' });
        self.arguments += 1;
    }
}

impl fmt::Display for Exec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// One row of the trace.
#[derive(Clone, Debug)]
pub struct TraceRow {
    /// When the call was made; in virtual time it ends in the same instant.
    pub at: SimTime,
    /// Who made it.
    pub caller: Caller,
    /// Number of the caller's session, from 51 as for user sessions.
    pub spid: u32,
    /// The text of the call.
    pub text: Arc<str>,
}

/// The trace of one database server. Cheap to clone; all clones write to the same one and to the journal.
#[derive(Clone, Debug)]
pub struct Trace(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    journal: Journal,
    server: Arc<str>,
    component: Arc<str>,
    database: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sessions: BTreeMap<Caller, u32>,
    rows: Vec<TraceRow>,
}

/// SQL Server keeps the session numbers below for itself.
const FIRST_USER_SESSION: u32 = 51;

impl Trace {
    /// An empty trace of `database` on the machine `server`.
    #[must_use]
    pub fn new(journal: Journal, server: &str, database: &str) -> Self {
        Self(Arc::new(Shared {
            journal,
            server: Arc::from(server),
            component: Arc::from("SQL Server"),
            database: database.to_owned(),
            state: Mutex::default(),
        }))
    }

    /// Notes that `caller` makes this call now.
    pub fn call(&self, caller: &Caller, text: impl fmt::Display) {
        let text: Arc<str> = text.to_string().into();
        let at = self.0.journal.clock().now();
        let event = Event::Sql {
            text: Arc::clone(&text),
        };
        self.0.journal.record(&self.0.server, &self.0.component, event);
        let mut state = self.state();
        let next = FIRST_USER_SESSION + u32::try_from(state.sessions.len()).unwrap_or(0);
        let spid = *state.sessions.entry(caller.clone()).or_insert(next);
        state.rows.push(TraceRow {
            at,
            caller: caller.clone(),
            spid,
            text,
        });
    }

    /// Everything traced so far, in order.
    #[must_use]
    pub fn rows(&self) -> Vec<TraceRow> {
        self.state().rows.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The trace as an XML document with one `RPC:Completed` event per call. Event class and column numbers
    /// are those of SQL Server's documentation; the frame around them is inferred. Times are local, durations
    /// in microseconds and 0, because statements take no virtual time.
    #[must_use]
    pub fn to_profiler_xml(&self) -> String {
        let mut xml = String::from(concat!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n",
            "<TraceData xmlns=\"http://tempuri.org/TracePersistence.xsd\">\n",
            "  <Header>\n",
        ));
        let server = escaped(&self.0.server);
        let _ = writeln!(
            xml,
            "    <ServerInformation name=\"{server}\"/>\n  </Header>\n  <Events>"
        );
        for (sequence, row) in self.state().rows.iter().enumerate() {
            self.write_event(&mut xml, sequence + 1, row);
        }
        xml.push_str("  </Events>\n</TraceData>\n");
        xml
    }

    fn write_event(&self, xml: &mut String, sequence: usize, row: &TraceRow) {
        let local = self.0.journal.clock().zone().local(row.at);
        let time = format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}",
            local.year, local.month, local.day, local.hour, local.minute, local.second, local.millisecond
        );
        xml.push_str("    <Event id=\"10\" name=\"RPC:Completed\">\n");
        let columns: [(u8, &str, &str); 10] = [
            (1, "TextData", &row.text),
            (8, "HostName", &row.caller.host),
            (10, "ApplicationName", &row.caller.application),
            (11, "LoginName", &row.caller.login),
            (12, "SPID", &row.spid.to_string()),
            (13, "Duration", "0"),
            (14, "StartTime", &time),
            (15, "EndTime", &time),
            (35, "DatabaseName", &self.0.database),
            (51, "EventSequence", &sequence.to_string()),
        ];
        for (id, name, value) in columns {
            let _ = writeln!(
                xml,
                "      <Column id=\"{id}\" name=\"{name}\">{}</Column>",
                escaped(value)
            );
        }
        xml.push_str("    </Event>\n");
    }
}

/// `text` for element content and attributes; characters that XML 1.0 cannot hold become U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#xD;"),
            '\t' | '\n' => out.push(c),
            '\u{FFFE}' | '\u{FFFF}' => out.push('\u{FFFD}'),
            c if c.is_control() && c < ' ' => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out
}
