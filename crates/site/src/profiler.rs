//! The statement trace as a document.

use cmsim_db::Trace;
use cmsim_logs::{LocalStamp, profiler};
use cmsim_sim::TimeZone;

/// The trace as SQL Server Profiler saves it, in the zone of the database server. Statements take no virtual time,
/// so every duration is 0.
#[must_use]
pub fn profiler_trace(trace: &Trace, zone: &TimeZone) -> profiler::Trace {
    let events = trace.rows().into_iter().zip(1..).map(|(row, sequence)| profiler::Event {
        class: class(&row.text),
        text: row.text.to_string(),
        host: row.caller.host.to_string(),
        application: row.caller.application.to_string(),
        login: row.caller.login.to_string(),
        session: row.spid,
        duration_us: 0,
        start: LocalStamp::from_utc_millis(row.at.millis(), zone.local(row.at).bias_minutes),
        object: procedure(&row.text).to_owned(),
        database: trace.database().to_string(),
        sequence,
    });
    profiler::Trace { server: trace.server().to_string(), events: events.collect() }
}

/// A call is one remote procedure call; anything else came as a batch.
fn class(text: &str) -> profiler::Class {
    if text.starts_with("exec ") { profiler::Class::RpcCompleted } else { profiler::Class::BatchCompleted }
}

/// The procedure that a call names; empty for other statements.
fn procedure(text: &str) -> &str {
    let name = text.split("exec ").nth(1).and_then(|call| call.split(' ').next());
    name.map_or("", |name| name.trim_start_matches("dbo."))
}
