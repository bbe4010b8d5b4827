//! `timeline.jsonl`: everything that happened, in order, one JSON object a line.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use cmsim_sim::Journal;
use cmsim_sim::journal::{Entry, Exchanges};
use serde::Serialize;

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    entry: &'a Entry,
    /// The number of the exchange in whose handling it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<usize>,
}

/// Writes the whole journal; the number of a line, from 0, is the event's number elsewhere.
pub(super) fn write(path: &Path, journal: &Journal) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    journal.with_entries(|entries| {
        let exchanges = Exchanges::of(entries);
        entries.iter().try_for_each(|entry| {
            let cause = entry.cause.and_then(|cause| exchanges.number(cause));
            serde_json::to_writer(&mut file, &Line { entry, cause })?;
            file.write_all(b"\n")
        })
    })?;
    file.flush()
}
