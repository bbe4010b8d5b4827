//! The files of an output folder that describe the run itself.
//!
//! Nothing here may hold a real duration, a path of this machine or anything else that two runs do
//! not share: these files are promised byte-identical.

mod har;
mod timeline;
mod truth;

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::time::Duration;

use cmsim_sim::Journal;
use serde::Serialize;
use serde_json::json;

use crate::expect::Observation;
use crate::run::Verdict;

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) seed: u64,
    pub(crate) virtual_time: Duration,
    pub(crate) error: Option<String>,
    pub(crate) observations: Vec<Observation>,
    pub(crate) guide: Option<cmsim_guide::Verdict>,
}

impl Record {
    /// Passed if every step was carried out and everything expected was observed.
    pub(crate) fn verdict(&self) -> Verdict {
        let fine = self.error.is_none() && self.observations.iter().all(|observation| observation.passed);
        if fine { Verdict::Passed } else { Verdict::Failed }
    }
}

/// Writes `result.json`, `truth.json`, `timeline.jsonl` and `exchanges.har` into `place`.
pub(crate) fn write(place: &Path, record: &Record, journal: &Journal) -> io::Result<()> {
    let result = json!({
        "id": record.id,
        "title": record.title,
        "verdict": record.verdict(),
        "seed": record.seed,
        "version": env!("CARGO_PKG_VERSION"),
        "virtual_seconds": record.virtual_time.as_secs_f64(),
        "error": record.error,
        "expectations": record.observations,
        "guide": record.guide,
    });
    json_file(&place.join("result.json"), &result)?;
    json_file(&place.join("truth.json"), &truth::truth(journal))?;
    json_file(&place.join("exchanges.har"), &har::har(journal))?;
    timeline::write(&place.join("timeline.jsonl"), journal)
}

fn json_file(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    serde_json::to_writer_pretty(&mut file, value)?;
    file.write_all(b"\n")?;
    file.flush()
}
