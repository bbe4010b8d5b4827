//! `truth.json`: what caused what. Comes from the journal alone, never from a verdict.

use std::collections::BTreeMap;

use cmsim_sim::Journal;
use cmsim_sim::journal::{Entry, Event};
use serde::Serialize;

/// What caused what.
#[derive(Serialize)]
pub(super) struct Truth {
    /// Changes of the world with the numbers of the events in which they were applied, reverted or met.
    causes: BTreeMap<String, Vec<Touch>>,
    /// Every record of every log: its event, and where its wording is known from.
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
    evidence: &'static str,
}

/// The truth of what `journal` holds.
pub(super) fn truth(journal: &Journal) -> Truth {
    let mut truth = Truth { causes: BTreeMap::new(), lines: BTreeMap::new() };
    journal.with_entries(|entries| {
        for (number, entry) in entries.iter().enumerate() {
            truth.add(number, entry);
        }
    });
    truth
}

impl Truth {
    fn add(&mut self, event: usize, entry: &Entry) {
        match &entry.event {
            Event::Log { file, record, evidence, .. } => {
                let file = format!("hosts/{}/{file}", entry.host);
                self.lines.entry(file).or_default().push(Line { record: *record, event, evidence });
            }
            Event::Change { id, what } => self.causes.entry(id.to_string()).or_default().push(Touch { event, what }),
            Event::Exchange(_) | Event::Sql { .. } | Event::Note { .. } => {}
        }
    }
}
