//! The strict check: is a scan, record by record, the one the guide shows?

use serde::Serialize;

use crate::data::{Scan, example_values};
use crate::evidence::Evidence;
use crate::judge::Proof;
use crate::template::Values;
use crate::walk::{self, Found, Rigour, Walked};

/// One line of the guide and the record that is it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LineProof {
    /// Code of the step.
    pub step: String,
    /// File name of the log it must stand in.
    pub log: String,
    /// The text it must have, as far as that is known.
    pub text: String,
    /// The record; `None` if no whole record of that log and component is the line in its place.
    pub record: Option<Proof>,
    /// What else is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Compares a client's scan with the guide's own example: each line one whole record of the right log and component, in
/// order, with the same ids wherever they repeat, and no clock that runs back along steps 1.1 to 1.9.
///
/// `Scan::First` takes the client's first scan, with the example's own values; other kinds take its last scan, whatever
/// its content version and results.
#[must_use]
pub fn compare_with_example(evidence: &Evidence, client: &str, scan: Scan) -> Vec<LineProof> {
    let spans = walk::spans(evidence, client);
    let chosen = if scan == Scan::First { spans.first() } else { spans.last() };
    let mut values = known(scan);
    let Some(span) = chosen.map(|span| span.as_kind(scan)) else { return Vec::new() };
    // Results of a later scan are not the example's: only lines that any such scan has are asked for.
    let rigour = if scan == Scan::First { Rigour::Example } else { Rigour::Any };
    let walked = walk::walk(evidence, client, span, rigour, &mut values);
    let mut proofs = Vec::new();
    let mut clock = Clock::default();
    for step in &walked {
        let timed = !matches!(step.step.code.as_str(), "S1.10" | "S1.11") && step.step.code.starts_with("S1.");
        lines(evidence, step, &values, timed.then_some(&mut clock), &mut proofs);
    }
    proofs
}

/// The lines of a comparison that no record proves, one a line; empty if the scan is the guide's.
#[must_use]
pub fn differences(proofs: &[LineProof]) -> Vec<String> {
    let wrong = proofs.iter().filter(|proof| proof.record.is_none() || proof.why.is_some());
    wrong
        .map(|proof| {
            format!("{} {}: {} ({})", proof.step, proof.log, proof.text, proof.why.as_deref().unwrap_or("missing"))
        })
        .collect()
}

/// Places whose values are the same in every scan of the example world.
const LASTING: [&str; 8] =
    ["SourceID", "SiteCode", "ManagementPoint", "ClientLocationInfo", "Url", "Server", "SecondUrl", "SecondServer"];

fn known(scan: Scan) -> Values {
    let mut values = example_values().clone();
    if scan != Scan::First {
        values.retain(|name, _| LASTING.contains(&name.as_str()));
    }
    values
}

/// The latest instant of the steps before, and of this one so far.
#[derive(Default)]
struct Clock {
    before: Option<i64>,
    reached: Option<i64>,
}

fn lines(
    evidence: &Evidence,
    step: &Walked<'_>,
    values: &Values,
    mut clock: Option<&mut Clock>,
    proofs: &mut Vec<LineProof>,
) {
    for (line, found) in &step.lines {
        let text = line.example.as_ref().unwrap_or(&line.text).fill(values);
        let mut proof = LineProof {
            step: step.step.code.clone(),
            log: line.log.file_name().to_owned(),
            text,
            record: None,
            why: None,
        };
        match found {
            Found::Spared => continue,
            Found::Missing => {}
            Found::NoLog => proof.why = Some("there is no such log".to_owned()),
            Found::Record(hit) => {
                let at = hit.record.instant();
                let damaged = evidence.problems(hit.host).iter().find(|(file, _)| *file == hit.record.file);
                if let Some((_, problem)) = damaged {
                    proof.why = Some(format!("the log has something that is no record: {problem}"));
                }
                if let Some(clock) = &mut clock {
                    if clock.before.is_some_and(|before| at < before) {
                        proof.why = Some("its time is before that of an earlier step".to_owned());
                    }
                    clock.reached = clock.reached.max(Some(at));
                }
                proof.record = Some(Proof::new(hit.host, hit.record));
            }
        }
        proofs.push(proof);
    }
    if let Some(clock) = clock {
        clock.before = clock.before.max(clock.reached);
    }
}
