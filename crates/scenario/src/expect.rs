//! What must be observed, and what was.

use cmsim_guide::Verdict;
use cmsim_sim::journal::Entry;
use cmsim_stage::Stage;
use regex::Regex;
use serde::Serialize;
use toml::Spanned;

use crate::file::{Expectation, GuideVerdict};
use crate::steps::is_line_of;

/// Characters of a record that a message quotes.
const QUOTED: usize = 300;

/// One expectation and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Observation {
    /// What was expected, in words.
    pub expected: String,
    /// Whether it was observed.
    pub passed: bool,
    /// What was seen: the evidence, or the nearest thing to it.
    pub saw: String,
    /// Whether it also holds on a healthy site.
    pub context: bool,
}

/// What one look gives: whether it fits, and what was seen.
type Look = (bool, String);

/// Looks for everything expected.
pub(crate) async fn observe_all(
    expectations: &[Spanned<Expectation>],
    stage: &Stage,
    guide: &Verdict,
) -> Vec<Observation> {
    let mut observations = Vec::new();
    for expectation in expectations {
        observations.push(observe(expectation.get_ref(), stage, guide).await);
    }
    observations
}

async fn observe(expectation: &Expectation, stage: &Stage, guide: &Verdict) -> Observation {
    let host = expectation.on.as_ref().map_or_else(|| stage.first_client(), |on| on.get_ref().clone());
    let (expected, (passed, saw)) = if let Some(log) = &expectation.log {
        observe_log(expectation, &host, log.get_ref(), stage)
    } else if let Some(path) = &expectation.registry {
        observe_registry(expectation, &host, path, stage)
    } else if let Some(query) = &expectation.wmi {
        observe_wmi(expectation, &host, query, stage)
    } else if let Some(query) = &expectation.sql {
        observe_sql(expectation, query, stage).await
    } else {
        observe_guide(expectation, &host, guide)
    };
    Observation { expected, passed, saw, context: expectation.context }
}

fn observe_log(expectation: &Expectation, host: &str, log: &str, stage: &Stage) -> (String, Look) {
    let place = format!("{log} of {host}");
    stage.journal().with_entries(|entries| {
        let lines: Vec<&str> = entries.iter().filter_map(|entry: &Entry| is_line_of(entry, host, log)).collect();
        if let Some(texts) = &expectation.in_order {
            return (format!("{place} says in order {texts:?}"), in_order(texts, &lines));
        }
        let (wanted, found) = match fitting(expectation, &lines) {
            Ok(fitting) => fitting,
            Err(error) => return (format!("{place} matches a pattern"), (false, error.to_string())),
        };
        let nearest = expectation.contains.as_deref().unwrap_or_default();
        let saw = found.first().map_or_else(|| nothing_like(nearest, &lines), |line| quote(line));
        if expectation.absent {
            (format!("no record of {place} {wanted}"), (found.is_empty(), saw))
        } else if let Some(count) = expectation.count {
            let saw = format!("{} such records; {saw}", found.len());
            (format!("exactly {count} records of {place}: {wanted}"), (found.len() == count, saw))
        } else {
            (format!("a record of {place} {wanted}"), (!found.is_empty(), saw))
        }
    })
}

/// What is wanted of a record, in words, and the records that have it.
fn fitting<'a>(expectation: &Expectation, lines: &[&'a str]) -> Result<(String, Vec<&'a str>), regex::Error> {
    let all = lines.iter().copied();
    if let Some(pattern) = &expectation.matches {
        let regex = Regex::new(pattern.get_ref())?;
        return Ok((format!("matches {}", pattern.get_ref()), all.filter(|line| regex.is_match(line)).collect()));
    }
    let text = expectation.contains.as_deref().unwrap_or_default();
    Ok((format!("contains \"{text}\""), all.filter(|line| line.contains(text)).collect()))
}

fn in_order(texts: &[String], lines: &[&str]) -> Look {
    let mut rest = lines.iter();
    for text in texts {
        if !rest.any(|line| line.contains(text)) {
            let anywhere = lines.iter().any(|line| line.contains(text));
            let how = if anywhere { "is there, but not in this place" } else { "is not there" };
            return (false, format!("\"{text}\" {how}"));
        }
    }
    (true, "all of them".to_owned())
}

fn nothing_like(text: &str, lines: &[&str]) -> String {
    let nearest = lines.iter().max_by(|a, b| strsim::sorensen_dice(text, a).total_cmp(&strsim::sorensen_dice(text, b)));
    match nearest {
        None => "the log has no record".to_owned(),
        Some(line) => format!("the nearest of {} records is \"{}\"", lines.len(), quote(line)),
    }
}

fn quote(line: &str) -> String {
    let cut: String = line.chars().take(QUOTED).collect();
    if cut.len() < line.len() { format!("{cut}…") } else { cut }
}

fn observe_registry(expectation: &Expectation, host: &str, path: &str, stage: &Stage) -> (String, Look) {
    let wanted = expectation.equals.as_ref().map(plain).unwrap_or_default();
    let look = match stage.registry_value(host, path) {
        Ok(Some(value)) => (value == wanted, format!("{path} = {value}")),
        Ok(None) => (false, format!("{path} does not exist")),
        Err(error) => (false, error.to_string()),
    };
    (format!("{path} of {host} is {wanted}"), look)
}

fn observe_wmi(expectation: &Expectation, host: &str, query: &str, stage: &Stage) -> (String, Look) {
    let namespace = expectation.namespace.as_deref().unwrap_or_default();
    let wanted = expectation.rows.unwrap_or_default();
    let look = match stage.wmi_rows(host, namespace, query) {
        Ok(rows) => (rows == wanted, format!("{rows} instances")),
        Err(error) => (false, error.to_string()),
    };
    (format!("{wanted} instances for {query} in {namespace} of {host}"), look)
}

async fn observe_sql(expectation: &Expectation, query: &str, stage: &Stage) -> (String, Look) {
    let database = expectation.database.as_deref().unwrap_or("site");
    let rows = stage.query(database, query).await;
    let said = |error: &dyn std::error::Error| (false, error.to_string());
    if let Some(wanted) = expectation.rows {
        let look =
            rows.map_or_else(|error| said(&error), |rows| (rows.len() == wanted, format!("{} rows", rows.len())));
        return (format!("{wanted} rows for {query}"), look);
    }
    let wanted = expectation.equals.as_ref().map(plain).unwrap_or_default();
    let look = rows.map_or_else(
        |error| said(&error),
        |rows| match rows.as_slice() {
            [row] if row.len() == 1 => (row[0] == wanted, row[0].to_string()),
            rows => (false, format!("{} rows, where one value was expected", rows.len())),
        },
    );
    (format!("{query} gives {wanted}"), look)
}

fn observe_guide(expectation: &Expectation, host: &str, verdict: &Verdict) -> (String, Look) {
    let wanted = expectation.guide.iter().flatten();
    let mut wrong = Vec::new();
    for (step, wanted) in wanted {
        let actual = verdict.outcome(host, step);
        if actual != Some(outcome(*wanted)) {
            wrong.push(format!("{step} is {}", actual.map_or("unknown", |actual| actual.as_str())));
        }
    }
    let said: Vec<String> = expectation
        .guide
        .iter()
        .flatten()
        .map(|(step, verdict)| format!("{step} {}", outcome(*verdict).as_str()))
        .collect();
    let saw = if wrong.is_empty() { "so it does".to_owned() } else { wrong.join(", ") };
    (format!("the guide says of {host}: {}", said.join(", ")), (wrong.is_empty(), saw))
}

const fn outcome(verdict: GuideVerdict) -> cmsim_guide::Outcome {
    match verdict {
        GuideVerdict::Passed => cmsim_guide::Outcome::Passed,
        GuideVerdict::Failed => cmsim_guide::Outcome::Failed,
        GuideVerdict::NotReached => cmsim_guide::Outcome::NotReached,
        GuideVerdict::NoEvidence => cmsim_guide::Outcome::NoEvidence,
    }
}

/// A TOML value as the JSON value it is compared with.
fn plain(value: &toml::Value) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_told_from_absence() {
        let lines = ["first", "second"];
        assert!(in_order(&["first".into(), "second".into()], &lines).0);
        assert!(in_order(&["second".into(), "first".into()], &lines).1.contains("not in this place"));
        assert!(in_order(&["third".into()], &lines).1.contains("is not there"));
    }

    #[test]
    fn the_nearest_record_is_quoted() {
        let lines = ["Async searching completed.", "Policy refresh forced"];
        assert!(nothing_like("Async searching complete", &lines).contains("Async searching completed."));
        assert_eq!(nothing_like("x", &[]), "the log has no record");
    }
}
