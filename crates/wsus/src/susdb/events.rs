//! What agents report.

use cmsim_wire::wusp::report_event_batch::ReportingEvent;
use serde_json::{Value, json};

use super::{Susdb, SusdbError, sql_time};

/// AGENT_STATUS_30: the state of all updates; kept as states, not as an event (published observation).
const STATUS: i16 = 156;
/// AGENT_INSTALLING_FAILED.
const INSTALL_FAILED: i16 = 182;

/// States of an update on a computer, as SUSDB numbers them.
const NOT_INSTALLED: i64 = 2;
const INSTALLED: i64 = 4;
const FAILED: i64 = 5;
const RESTART_PENDING: i64 = 6;
const DOWNLOADED: i64 = 3;

/// Which tag of an event 156 lists updates of which state (MS-WUSP 2.2.2.3.1).
const LISTS: [(&str, i64); 5] =
    [("U=", NOT_INSTALLED), ("V=", INSTALLED), ("W=", RESTART_PENDING), ("g=", FAILED), ("h=", DOWNLOADED)];

impl Susdb {
    /// Keeps events of the computer `client_id`; an event that is known already changes nothing.
    pub(crate) async fn report(&self, client_id: &str, events: &[ReportingEvent]) -> Result<(), SusdbError> {
        let now = sql_time(self.now());
        let kept: Vec<Value> = events
            .iter()
            .filter(|event| event.basic.event_id != STATUS)
            .map(|event| row(client_id, event, &now))
            .collect();
        let states: Vec<Value> = events.iter().flat_map(states).collect();
        let (kept, states) = (json!(kept).to_string(), json!(states).to_string());
        let client_id = client_id.to_owned();
        self.db
            .write("keep events", move |c| {
                Box::pin(async move {
                    sqlx::query(include_str!("sql/insert_events.sql")).bind(kept).execute(&mut *c).await?;
                    sqlx::query(include_str!("sql/insert_states.sql"))
                        .bind(states)
                        .bind(&client_id)
                        .bind(&now)
                        .execute(&mut *c)
                        .await?;
                    sqlx::query("UPDATE tbComputerTarget SET LastReportedStatusTime = ? WHERE ComputerID = ?")
                        .bind(&now)
                        .bind(&client_id)
                        .execute(c)
                        .await
                })
            })
            .await?;
        Ok(())
    }
}

fn row(client_id: &str, event: &ReportingEvent, now: &str) -> Value {
    let basic = &event.basic;
    let update = (!basic.update_id.is_nil()).then(|| basic.update_id.to_string());
    let revision = update.as_ref().map(|_| basic.revision_number);
    json!([
        basic.event_instance_id,
        basic.namespace_id,
        basic.event_id,
        basic.source_id,
        client_id,
        update,
        revision,
        sql_time(basic.time_at_target),
        now,
        basic.win32_hresult,
        basic.app_name,
        json!(event.extended.replacement_strings).to_string(),
        json!(event.extended.misc_data).to_string(),
    ])
}

/// Update and state for everything that an event says about the state of updates.
fn states(event: &ReportingEvent) -> Vec<Value> {
    if event.basic.event_id == INSTALL_FAILED {
        return vec![json!([event.basic.update_id, FAILED])];
    }
    if event.basic.event_id != STATUS {
        return Vec::new();
    }
    let lists = event
        .extended
        .misc_data
        .iter()
        .filter_map(|text| LISTS.iter().find_map(|(tag, state)| text.strip_prefix(tag).map(|list| (list, *state))));
    let entries = lists.flat_map(|(list, state)| list.split(';').map(move |id| (id.trim(), state)));
    entries.filter(|(id, _)| !id.is_empty()).map(|(id, state)| json!([id.to_lowercase(), state])).collect()
}
