//! `truth.json`: what caused what. Comes from the journal alone, never from a verdict.

use std::collections::BTreeMap;

use cmsim_sim::Journal;
use cmsim_sim::journal::{Entry, Event, Exchanges};
use serde::Serialize;

/// What caused what.
#[derive(Serialize)]
pub(super) struct Truth {
    /// Changes of the world with the numbers of the events in which they were applied, reverted or met.
    causes: BTreeMap<String, Vec<Touch>>,
    /// Every record of every log: its event, the exchange it belongs to, and where its wording is known from.
    lines: BTreeMap<String, Vec<Line>>,
}

#[derive(Serialize)]
struct Touch {
    event: usize,
    what: &'static str,
}

#[derive(Serialize)]
struct Line {
    record: u64,
    event: usize,
    /// The event of the HTTP exchange in whose handling the line was written: by its server, or because of its outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    exchange: Option<usize>,
    evidence: &'static str,
}

/// The truth of what `journal` holds.
pub(super) fn truth(journal: &Journal) -> Truth {
    let mut truth = Truth { causes: BTreeMap::new(), lines: BTreeMap::new() };
    journal.with_entries(|entries| {
        let exchanges = Exchanges::of(entries);
        for (number, entry) in entries.iter().enumerate() {
            truth.add(number, entry, &exchanges);
        }
    });
    truth
}

impl Truth {
    fn add(&mut self, event: usize, entry: &Entry, exchanges: &Exchanges) {
        match &entry.event {
            Event::Log { file, record, evidence, .. } => {
                let file = format!("hosts/{}/{file}", entry.host);
                let exchange = entry.cause.and_then(|cause| exchanges.number(cause));
                self.lines.entry(file).or_default().push(Line { record: *record, event, exchange, evidence });
            }
            Event::Change { id, what } => self.causes.entry(id.to_string()).or_default().push(Touch { event, what }),
            Event::Exchange(_) | Event::Sql { .. } | Event::Note { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use cmsim_sim::journal::{Cause, while_caused_by};
    use cmsim_sim::{Clock, SimTime, TimeZone};

    use super::*;

    fn line(journal: &Journal, host: &str, record: u64) {
        let (file, text): (Arc<str>, Arc<str>) = ("C/x.log".into(), "text".into());
        let event = Event::Log { file, record, severity: 1, evidence: "docs", text };
        journal.record(&host.into(), &"Test".into(), event);
    }

    #[tokio::test(start_paused = true)]
    async fn lines_name_their_exchange_and_changes_where_they_were_met() {
        let journal = Journal::new(Clock::virtual_time(SimTime::from_millis(0), TimeZone::utc()));
        let nowhere = Some(Cause::Request { connection: 9, number: 1 });
        while_caused_by(nowhere, || line(&journal, "PS1SYS", 0));
        line(&journal, "CLIENT1", 0);
        journal.record(&"".into(), &"".into(), Event::Change { id: "a".into(), what: "met" });
        while_caused_by(Some(Cause::Outcome(2)), || line(&journal, "CLIENT1", 1));
        let truth = serde_json::to_value(truth(&journal)).unwrap();
        let expected = serde_json::json!({
            "causes": { "a": [{ "event": 2, "what": "met" }] },
            "lines": {
                "hosts/CLIENT1/C/x.log": [
                    { "record": 0, "event": 1, "evidence": "docs" },
                    { "record": 1, "event": 3, "exchange": 2, "evidence": "docs" },
                ],
                "hosts/PS1SYS/C/x.log": [{ "record": 0, "event": 0, "evidence": "docs" }],
            },
        });
        assert_eq!(truth, expected);
    }
}
