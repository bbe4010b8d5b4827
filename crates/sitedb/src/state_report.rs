//! `spProcessStateReport`: state messages of one client become rows.

use cmsim_db::Exec;
use cmsim_wire::ccm::client_id::SmsId;
use cmsim_wire::ccm::state_report::{StateMessage, StateReport, TOPIC_UPDATE_DETECTION, TOPIC_UPDATE_SOURCE_SCAN};
use cmsim_wire::guid::Braced;
use cmsim_wire::xml::XmlError;
use serde_json::{Value, json};
use sqlx::SqliteConnection;
use thiserror::Error;
use uuid::Uuid;

use crate::handle::{SiteDb, SiteDbError};
use crate::serial::Serials;
use crate::time::sql_timestamp;

/// Why a report cannot be taken at all.
#[derive(Debug, Error)]
pub enum ReportRefused {
    /// It is not a state report; it never will be.
    #[error("not a state report: {0}")]
    Malformed(#[from] XmlError),
    /// The client is not known to the site (yet).
    #[error("no client has the id {0}")]
    UnknownClient(SmsId),
}

/// What became of a report's messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportOutcome {
    /// Messages in the report.
    pub records: usize,
    /// Messages among them that make no sense and were left out.
    pub invalid: usize,
}

/// Topic type of the enforcement of one update (docs: state messaging).
const TOPIC_UPDATE_ENFORCEMENT: u32 = 402;

/// Topic types and states that software updates use; other topics are counted and otherwise left alone.
const STATES: &[(u32, u32)] =
    &[(TOPIC_UPDATE_ENFORCEMENT, 14), (TOPIC_UPDATE_DETECTION, 3), (TOPIC_UPDATE_SOURCE_SCAN, 6)];

/// Scan states that end a scan with results: completed, and completed with errors.
const SCAN_COMPLETED: [u32; 2] = [3, 6];

/// A report sorted by what its messages are about.
#[derive(Default)]
struct Sorted {
    updates: Vec<Value>,
    enforcement: Vec<Value>,
    scans: Vec<Scan>,
    counted: Vec<Value>,
    invalid: usize,
}

/// A message of topic 501. Parameters by position: content version, location, and on trouble the error code; the
/// details, if any, are the agent's version. Reports with more than two parameters are the failed ones (field);
/// the rest is inferred.
struct Scan {
    source: String,
    state: u32,
    at: String,
    version: Option<u32>,
    location: Option<String>,
    error: i64,
    agent: Option<String>,
}

impl SiteDb {
    /// `spProcessStateReport`: takes the report of one client, given as the XML text of its `.SMX` file. Messages
    /// that arrive twice or late change nothing that is newer.
    ///
    /// # Errors
    /// [`SiteDbError::Report`] if the text is no state report or its client is unknown, [`SiteDbError::Database`]
    /// if a statement fails; nothing is kept then.
    pub async fn sp_process_state_report(&self, report: &str) -> Result<ReportOutcome, SiteDbError> {
        self.traced(Exec::new("dbo.spProcessStateReport").text(report));
        let report = StateReport::parse(report).map_err(ReportRefused::from)?;
        let client = report.machine.client_id;
        let Ok(resource) = self.resource_id(&client.to_string()).await else {
            return Err(ReportRefused::UnknownClient(client).into());
        };
        let now = self.now();
        let sorted = sort(&report.messages);
        let outcome = ReportOutcome { records: report.messages.len(), invalid: sorted.invalid };
        self.write("spProcessStateReport", |c| {
            Box::pin(async move {
                note_serials(c, resource, &report, &now).await?;
                write_states(c, resource, sorted, &now).await
            })
        })
        .await?;
        Ok(outcome)
    }
}

fn sort(messages: &[StateMessage]) -> Sorted {
    let mut sorted = Sorted::default();
    for message in messages {
        if sorted.take(message).is_none() {
            sorted.invalid += 1;
        }
    }
    sorted
}

impl Sorted {
    /// Sorts one message in; `None` if it makes no sense.
    fn take(&mut self, message: &StateMessage) -> Option<()> {
        let topic = message.topic.kind;
        let known = STATES.iter().find(|(kind, _)| *kind == topic);
        if known.is_some_and(|(_, highest)| message.state > *highest) {
            return None;
        }
        let at = sql_timestamp(message.time);
        match topic {
            TOPIC_UPDATE_DETECTION | TOPIC_UPDATE_ENFORCEMENT => {
                let id: Uuid = message.topic.id.parse::<Braced>().ok()?.0;
                let revision: Option<u32> = message.parameters.first().and_then(|text| text.parse().ok());
                let state = json!({ "id": id.to_string(), "state": message.state, "revision": revision, "at": at });
                if topic == TOPIC_UPDATE_DETECTION {
                    self.updates.push(state);
                } else {
                    self.enforcement.push(state);
                }
            }
            TOPIC_UPDATE_SOURCE_SCAN => {
                let mut parameters = message.parameters.iter();
                self.scans.push(Scan {
                    source: message.topic.id.parse::<Braced>().ok()?.to_string(),
                    state: message.state,
                    at,
                    version: parameters.next().and_then(|text| text.parse().ok()),
                    location: parameters.next().filter(|text| !text.is_empty()).cloned(),
                    error: parameters.next().and_then(|text| error_code(text)).unwrap_or(0),
                    agent: message.details.as_ref().map(|details| details.text.clone()),
                });
            }
            _ => {}
        }
        self.counted.push(json!({ "topic": topic, "state": message.state }));
        Some(())
    }
}

/// An error code as the views show it, a signed 32-bit number, from decimal (signed or not) or `0x…`.
fn error_code(text: &str) -> Option<i64> {
    let bits = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok()?,
        None => match text.parse::<u32>() {
            Ok(bits) => bits,
            Err(_) => text.parse::<i32>().ok()?.cast_unsigned(),
        },
    };
    Some(i64::from(bits.cast_signed()))
}

async fn note_serials(
    c: &mut SqliteConnection,
    resource: i64,
    report: &StateReport,
    now: &str,
) -> Result<(), sqlx::Error> {
    let last: Option<i64> =
        sqlx::query_scalar("SELECT LastSerialNumber FROM SR_ClientSerialNumbers WHERE ResourceID = ?")
            .bind(resource)
            .fetch_optional(&mut *c)
            .await?;
    let missing = sqlx::query_as(
        "SELECT RangeStart, RangeEnd, DetectedTime FROM SR_MissingMessageRanges WHERE ResourceID = ? ORDER BY RangeStart",
    )
    .bind(resource)
    .fetch_all(&mut *c)
    .await?;
    let before = Serials { last: last.unwrap_or(0), missing };
    let mut serials = before.clone();
    for message in &report.messages {
        // Numbers beyond the column are nobody's; the message itself still counts.
        if let Ok(serial) = i64::try_from(message.serial) {
            serials.arrived(serial, now);
        }
    }
    sqlx::query(
        "INSERT INTO SR_ClientSerialNumbers (ResourceID, LastSerialNumber, LastMessageSentTime, LastMessageProcessedTime)
         VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (ResourceID) DO UPDATE SET LastSerialNumber = excluded.LastSerialNumber,
            LastMessageSentTime = MAX(LastMessageSentTime, excluded.LastMessageSentTime),
            LastMessageProcessedTime = excluded.LastMessageProcessedTime",
    )
    .bind(resource)
    .bind(serials.last)
    .bind(sql_timestamp(report.date))
    .bind(now)
    .execute(&mut *c)
    .await?;
    if serials.missing == before.missing {
        return Ok(());
    }
    sqlx::query("DELETE FROM SR_MissingMessageRanges WHERE ResourceID = ?").bind(resource).execute(&mut *c).await?;
    for gap in &serials.missing {
        sqlx::query(
            "INSERT INTO SR_MissingMessageRanges (ResourceID, RangeStart, RangeEnd, DetectedTime) VALUES (?, ?, ?, ?)",
        )
        .bind(resource)
        .bind(gap.start)
        .bind(gap.end)
        .bind(&gap.detected)
        .execute(&mut *c)
        .await?;
    }
    Ok(())
}

async fn write_states(c: &mut SqliteConnection, resource: i64, sorted: Sorted, now: &str) -> Result<(), sqlx::Error> {
    let updates = Value::from(sorted.updates).to_string();
    let enforcement = Value::from(sorted.enforcement).to_string();
    for (sql, states) in [
        (include_str!("procedures/spProcessStateReport.updates.sql"), &updates),
        (include_str!("procedures/spProcessStateReport.unresolved.sql"), &updates),
        (include_str!("procedures/spProcessStateReport.enforcement.sql"), &enforcement),
    ] {
        sqlx::query(sql).bind(states).bind(resource).bind(now).execute(&mut *c).await?;
    }
    for scan in sorted.scans {
        sqlx::query(include_str!("procedures/spProcessStateReport.scan.sql"))
            .bind(resource)
            .bind(scan.source)
            .bind(scan.state)
            .bind(scan.at)
            .bind(now)
            .bind(scan.version)
            .bind(scan.location)
            .bind(scan.error)
            .bind(scan.agent)
            .bind(SCAN_COMPLETED.contains(&scan.state))
            .execute(&mut *c)
            .await?;
    }
    sqlx::query(include_str!("procedures/spProcessStateReport.statistics.sql"))
        .bind(Value::from(sorted.counted).to_string())
        .bind(now.get(..10))
        .execute(c)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::error_code;

    #[test]
    fn error_codes_are_read_in_every_spelling() {
        for text in ["0x8024401F", "2149859359", "-2145107937"] {
            assert_eq!(error_code(text), Some(-2_145_107_937), "{text}");
        }
        assert_eq!(error_code("0"), Some(0));
        for text in ["", "x", "4294967296", "-2147483649", "0x100000000"] {
            assert_eq!(error_code(text), None, "{text}");
        }
    }
}
