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
        Self { text: format!("exec {procedure}"), arguments: 0 }
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
    database: Arc<str>,
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
            database: Arc::from(database),
            state: Mutex::default(),
        }))
    }

    /// Notes that `caller` makes this call now.
    pub fn call(&self, caller: &Caller, text: impl fmt::Display) {
        let text: Arc<str> = text.to_string().into();
        let at = self.0.journal.clock().now();
        let event = Event::Sql { text: Arc::clone(&text) };
        self.0.journal.record(&self.0.server, &self.0.component, event);
        let mut state = self.state();
        let next = FIRST_USER_SESSION + u32::try_from(state.sessions.len()).unwrap_or(0);
        let spid = *state.sessions.entry(caller.clone()).or_insert(next);
        state.rows.push(TraceRow { at, caller: caller.clone(), spid, text });
    }

    /// Everything traced so far, in order.
    #[must_use]
    pub fn rows(&self) -> Vec<TraceRow> {
        self.state().rows.clone()
    }

    /// Name of the machine whose server is traced.
    #[must_use]
    pub fn server(&self) -> &Arc<str> {
        &self.0.server
    }

    /// Name of the database.
    #[must_use]
    pub fn database(&self) -> &Arc<str> {
        &self.0.database
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
