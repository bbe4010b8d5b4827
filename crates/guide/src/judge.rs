//! The verdict on each client and step.

use cmsim_logs::Log;
use serde::{Serialize, Serializer};

use crate::data::Step;
use crate::evidence::{BARE_HOST, Evidence, Record};
use crate::template::Values;
use crate::walk::{self, Found, Hit, Rigour, Span, Walked};

/// What is said of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every line that has to be there is.
    Passed,
    /// It was begun, or the step before it had passed, and it did not end well.
    Failed,
    /// The scan did not come so far, or not yet.
    NotReached,
    /// The logs that tell of it are not there.
    NoEvidence,
}

impl Outcome {
    /// `passed`, `failed`, `not reached` or `no evidence`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotReached => "not reached",
            Self::NoEvidence => "no evidence",
        }
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The verdict on everything there is evidence of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Each client that scans or should.
    pub clients: Vec<ClientVerdict>,
}

impl Verdict {
    /// What is said of a step of a client's last scan; `None` for a client or step that does not exist.
    #[must_use]
    pub fn outcome(&self, host: &str, step: &str) -> Option<Outcome> {
        let client = self.clients.iter().find(|client| client.host.eq_ignore_ascii_case(host))?;
        client.steps.iter().find(|verdict| verdict.step == step).map(|verdict| verdict.outcome)
    }
}

/// The verdict on a client's last scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClientVerdict {
    /// The client.
    pub host: String,
    /// How many scans its logs tell of; the last one is judged.
    pub scans: usize,
    /// Every step, in order.
    pub steps: Vec<StepVerdict>,
    /// The first step that failed.
    pub first_failing: Option<String>,
    /// What to check next because of it.
    pub check_next: Option<String>,
}

/// The verdict on a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepVerdict {
    /// Its code, `S1.1` to `S7`.
    pub step: String,
    /// What happens in it.
    pub title: String,
    /// The verdict.
    pub outcome: Outcome,
    /// The result code that a failure text gives, `0x` and eight digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Records that show it.
    pub evidence: Vec<Proof>,
    /// Texts that should be there and are not, with their log; facts that contradict.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// One record as evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// Host whose log it stands in.
    pub host: String,
    /// File, as the evidence named it.
    pub file: String,
    /// Number of the record in the file, from 1.
    pub record: usize,
    /// Milliseconds since the Unix epoch.
    pub utc_ms: i64,
    /// The text.
    pub text: String,
}

impl Proof {
    pub(crate) fn new(host: &str, record: &Record) -> Self {
        Self {
            host: host.to_owned(),
            file: record.file.clone(),
            record: record.number,
            utc_ms: record.instant(),
            text: record.entry.text.clone(),
        }
    }

    fn of(hit: &Hit<'_>) -> Self {
        Self::new(hit.host, hit.record)
    }
}

/// Judges every client's last scan. Logs and facts that are absent are no evidence, never a failure.
#[must_use]
pub fn judge(evidence: &Evidence) -> Verdict {
    Verdict { clients: evidence.clients().map(|client| judge_client(evidence, client)).collect() }
}

fn judge_client(evidence: &Evidence, client: &str) -> ClientVerdict {
    let spans = walk::spans(evidence, client);
    let opened = evidence.records(client, Log::ScanAgent).is_some_and(|records| !records.is_empty());
    let mut verdict = ClientVerdict {
        host: client.to_owned(),
        scans: if opened { spans.len() } else { 0 },
        steps: Vec::new(),
        first_failing: None,
        check_next: None,
    };
    let Some(span) = spans.last().copied() else { return verdict };
    let mut values = Values::new();
    let walked = walk::walk(evidence, client, span, Rigour::Any, &mut values);
    let last_sign = walked.iter().rposition(|step| step.hits().next().is_some());
    // A tree may end in the middle of a healthy scan: where the silence began.
    let mut heard = i64::MIN;
    let mut stopped = false;
    for (place, step) in walked.iter().enumerate() {
        let signs = Signs::of(evidence, client, span, step, &values);
        let patience = i64::from(step.step.patience_seconds) * 1000;
        let patient = || heard != i64::MIN && evidence.newest(client).saturating_sub(heard) < patience;
        let outcome = if signs.passed() {
            Outcome::Passed
        } else if signs.nothing_to_see && !(stopped && client != BARE_HOST) {
            Outcome::NoEvidence
        } else if signs.told_failure.is_some() || !signs.contradictions.is_empty() {
            Outcome::Failed
        } else if (stopped && !signs.begun) || (last_sign.is_none_or(|last| last <= place) && patient()) {
            Outcome::NotReached
        } else {
            Outcome::Failed
        };
        heard = step.hits().map(|hit| hit.record.instant()).max().unwrap_or(heard).max(heard);
        stopped |= matches!(outcome, Outcome::Failed | Outcome::NotReached);
        if outcome == Outcome::Failed && verdict.first_failing.is_none() {
            verdict.first_failing = Some(step.step.code.clone());
            verdict.check_next = Some(step.step.check.clone());
        }
        verdict.steps.push(signs.verdict(step, outcome));
    }
    verdict
}

/// What the evidence says of a step.
struct Signs {
    begun: bool,
    complete: bool,
    nothing_to_see: bool,
    missing: Vec<String>,
    contradictions: Vec<String>,
    told_failure: Option<(Proof, Option<String>)>,
}

impl Signs {
    fn of(evidence: &Evidence, client: &str, span: Span, walked: &Walked<'_>, values: &Values) -> Self {
        let begun = walked.hits().next().is_some();
        let missing: Vec<String> = walked
            .lines
            .iter()
            .filter(|(_, found)| matches!(found, Found::Missing))
            .map(|(line, _)| format!("{}: {}", line.log.file_name(), line.text.fill(values)))
            .collect();
        let told_failure = told_failure(evidence, client, span, walked.step);
        let told = |log| evidence.would_show(client, log) || evidence.tellers(client, log).next().is_some();
        let logs_seen = walked.lines.iter().any(|(line, _)| told(line.log));
        Self {
            begun,
            complete: begun && missing.is_empty() && in_time(client, walked),
            nothing_to_see: !logs_seen && told_failure.is_none(),
            missing,
            contradictions: if begun { contradictions(evidence, client, walked.step, values) } else { Vec::new() },
            told_failure,
        }
    }

    fn passed(&self) -> bool {
        self.complete && self.contradictions.is_empty()
    }

    fn verdict(self, walked: &Walked<'_>, outcome: Outcome) -> StepVerdict {
        let mut evidence: Vec<Proof> = walked.hits().map(Proof::of).collect();
        let mut code = None;
        if outcome == Outcome::Failed
            && let Some((proof, told)) = self.told_failure
        {
            evidence.push(proof);
            code = told;
        }
        let mut missing = self.missing;
        missing.extend(self.contradictions);
        if outcome == Outcome::Passed {
            missing.clear();
        }
        let (step, title) = (walked.step.code.clone(), walked.step.title.clone());
        StepVerdict { step, title, outcome, code, evidence, missing }
    }
}

/// The last record of the scan that tells a failure of the step, and the code it gives.
fn told_failure(evidence: &Evidence, client: &str, span: Span, step: &Step) -> Option<(Proof, Option<String>)> {
    let mut last: Option<(i64, Proof, Option<String>)> = None;
    for failure in &step.failures {
        for (host, records) in evidence.tellers(client, failure.log) {
            for record in records.iter().filter(|record| span.holds(record.instant())) {
                let text = record.entry.text.as_str();
                let later = last.as_ref().is_none_or(|(at, ..)| *at <= record.instant());
                if later && failure.text.matches(text, &Values::new()).is_some() {
                    last = Some((record.instant(), Proof::new(host, record), failure.text.code(text)));
                }
            }
        }
    }
    last.map(|(_, proof, code)| (proof, code))
}

/// Step 1.10 writes three registry values; the registry, where it is known, must have them.
fn contradictions(evidence: &Evidence, client: &str, step: &Step, values: &Values) -> Vec<String> {
    match (step.code.as_str(), evidence.registry(client), values.get("Url")) {
        ("S1.10", Some(registry), Some(url)) => registry.against_policy(url),
        _ => Vec::new(),
    }
}

/// Whether the client's own clock never runs back within the step. (Across steps the walk sees to it; clocks of several
/// hosts are not compared.)
fn in_time(client: &str, walked: &Walked<'_>) -> bool {
    let mut reached = std::collections::BTreeMap::new();
    walked.hits().filter(|hit| hit.host == client).all(|hit| {
        let at = hit.record.instant();
        let before = reached.insert(hit.log, at);
        before.is_none_or(|before| before <= at)
    })
}
