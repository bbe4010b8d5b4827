//! The same scenario over loopback sockets: the same records in the same order in every log.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::slice;

use cmsim_logs::{Entry, Format};
use cmsim_scenario::{Settings, Transport, Verdict, run_all};
use regex::Regex;

use crate::runs;

/// What may differ inside a text, and why. Everything else that differs fails.
const MAY_DIFFER: [(&str, &str); 5] = [
    ("a CIM time", r"\d{14}\.\d{6}[+-]\d{3}"),
    ("a date with time", r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.:]\d+)?"),
    ("the minute in the query of wuident.cab", r"/selfupdate/wuident\.cab 14012\d{5}"),
    ("the hash of a policy that holds its own start time", r"SHA256:[0-9A-F]{64}"),
    ("the compressed size of a body that holds a time", r"\b\d+ bytes\b"),
];

/// Columns of a request log that depend on real time, or on compressed bodies that hold times.
const REQUEST_COLUMNS: [&str; 3] = ["sc-bytes", "cs-bytes", "time-taken"];

/// Rows that depend on how fast real time passes: whether an idle connection lived until its time-out or was used again.
const IDLE_CONNECTION: &str = "Timer_ConnectionIdle";

#[test]
fn sockets_leave_the_same_records_in_the_same_order() {
    let _alone = runs::alone();
    let scenario = runs::scenario(runs::HEALTHY);
    let out = tempfile::tempdir().unwrap();
    let settings = Settings { transport: Transport::Tcp, ..runs::settings(out.path()) };
    let finished = run_all(slice::from_ref(&scenario), &settings, &mut |_| ()).remove(0);
    assert_eq!(finished.verdict, Verdict::Passed, "{:?} {:#?}", finished.error, finished.observations);
    let sockets = logs(&runs::tree(&out.path().join(&scenario.id)));
    let memory = logs(&runs::healthy().files);
    assert_eq!(memory.keys().collect::<Vec<_>>(), sockets.keys().collect::<Vec<_>>(), "the same logs exist");
    assert!(memory.len() > 20, "the run has logs to compare");
    for (path, records) in &memory {
        let other = &sockets[path];
        for (number, (one, two)) in records.iter().zip(other).enumerate() {
            assert_eq!(one, two, "record {number} of {path}");
        }
        assert_eq!(records.len(), other.len(), "{path}");
    }
}

/// The records of each log, without what may differ.
fn logs(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<String>> {
    let masks: Vec<(&str, Regex)> = MAY_DIFFER.iter().map(|(why, what)| (*why, Regex::new(what).unwrap())).collect();
    let is_log = |path: &str| path.starts_with("hosts/") && path.ends_with(".log");
    let read = |(path, bytes): (&String, &Vec<u8>)| {
        let reading = cmsim_logs::read(bytes, 300);
        let records = match reading.format {
            Some(Format::W3c) => request_rows(&String::from_utf8_lossy(bytes)),
            _ => reading.entries.iter().map(describe).collect(),
        };
        let lasting = records.iter().filter(|record| !record.contains(IDLE_CONNECTION));
        (path.clone(), lasting.map(|record| mask(record, &masks)).collect::<Vec<_>>())
    };
    files.iter().filter(|(path, _)| is_log(path)).map(read).filter(|(_, records)| !records.is_empty()).collect()
}

fn describe(entry: &Entry) -> String {
    let Entry { severity, component, process, thread, source, text, .. } = entry;
    format!("{severity:?} {component} {process:?} {thread:?} {source} {text}")
}

/// The rows of a request log by column, without date, time and the columns that may differ.
fn request_rows(text: &str) -> Vec<String> {
    let fields = text.lines().find_map(|line| line.strip_prefix("#Fields: ")).unwrap();
    let kept: Vec<bool> =
        fields.split(' ').map(|name| !["date", "time"].contains(&name) && !REQUEST_COLUMNS.contains(&name)).collect();
    let row = |line: &str| {
        let columns = line.split(' ').zip(&kept).filter(|(_, kept)| **kept).map(|(column, _)| column);
        columns.collect::<Vec<_>>().join(" ")
    };
    text.lines().filter(|line| !line.starts_with('#')).map(row).collect()
}

fn mask(record: &str, masks: &[(&str, Regex)]) -> String {
    let mut text = Cow::Borrowed(record);
    for (why, regex) in masks {
        text = Cow::Owned(regex.replace_all(&text, format!("<{why}>")).into_owned());
    }
    text.into_owned()
}
