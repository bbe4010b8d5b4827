//! `timeline.jsonl`: everything that happened, in order, one JSON object a line.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use cmsim_sim::Journal;

/// Writes the whole journal; the number of a line, from 0, is the event's number elsewhere.
pub(super) fn write(path: &Path, journal: &Journal) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    journal.with_entries(|entries| {
        entries.iter().try_for_each(|entry| {
            serde_json::to_writer(&mut file, entry)?;
            file.write_all(b"\n")
        })
    })?;
    file.flush()
}
