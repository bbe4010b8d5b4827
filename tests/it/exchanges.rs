//! `exchanges.har`: what the specification of HAR 1.2 asks for, so that viewers take it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::runs::{Run, healthy, rescan, windows_11};

/// Bodies above this size stand in the file once.
const LARGE: usize = 4 * 1024;

fn runs() -> [(&'static str, &'static Run); 3] {
    [("healthy scan", healthy()), ("rescan", rescan()), ("Windows 11", windows_11())]
}

fn entries(run: &Run) -> Vec<Value> {
    run.json("exchanges.har")["log"]["entries"].as_array().unwrap().clone()
}

/// What a field that the specification does not call optional must hold.
#[derive(Clone, Copy, Debug)]
enum Must {
    Text,
    /// A number from 0 on.
    Count,
    /// A number from 0 on, or -1 for what is not known.
    Known,
    List,
    Object,
}

impl Must {
    fn holds(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Count => value.as_i64().is_some_and(|number| number >= 0),
            Self::Known => value.as_i64().is_some_and(|number| number >= -1),
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
        }
    }
}

const OF_FILE: [(&str, Must); 4] = [
    ("/log/version", Must::Text),
    ("/log/creator/name", Must::Text),
    ("/log/creator/version", Must::Text),
    ("/log/entries", Must::List),
];

const OF_ENTRY: [(&str, Must); 26] = [
    ("/startedDateTime", Must::Text),
    ("/time", Must::Count),
    ("/cache", Must::Object),
    ("/timings/send", Must::Count),
    ("/timings/wait", Must::Count),
    ("/timings/receive", Must::Count),
    ("/timings/connect", Must::Known),
    ("/request/method", Must::Text),
    ("/request/url", Must::Text),
    ("/request/httpVersion", Must::Text),
    ("/request/cookies", Must::List),
    ("/request/headers", Must::List),
    ("/request/queryString", Must::List),
    ("/request/headersSize", Must::Known),
    ("/request/bodySize", Must::Known),
    ("/response/status", Must::Count),
    ("/response/statusText", Must::Text),
    ("/response/httpVersion", Must::Text),
    ("/response/cookies", Must::List),
    ("/response/headers", Must::List),
    ("/response/redirectURL", Must::Text),
    ("/response/headersSize", Must::Known),
    ("/response/bodySize", Must::Known),
    ("/response/content", Must::Object),
    ("/response/content/size", Must::Count),
    ("/response/content/mimeType", Must::Text),
];

#[test]
fn every_required_field_is_there() {
    let check = |place: &str, value: &Value, fields: &[(&str, Must)]| {
        for (field, must) in fields {
            let found = value.pointer(field).unwrap_or_else(|| panic!("{place} has no {field}"));
            assert!(must.holds(found), "{place} {field} must be {must:?}: {found}");
        }
    };
    for (run, output) in runs() {
        let har = output.json("exchanges.har");
        check(run, &har, &OF_FILE);
        assert_eq!(har["log"]["version"], "1.2");
        let entries = entries(output);
        assert!(entries.len() > 10, "{run}");
        for (number, entry) in entries.iter().enumerate() {
            let place = format!("{run}: entry {number}");
            check(&place, entry, &OF_ENTRY);
            for list in ["/request/headers", "/request/queryString", "/response/headers"] {
                for pair in entry.pointer(list).unwrap().as_array().unwrap() {
                    check(&format!("{place} {list}"), pair, &[("/name", Must::Text), ("/value", Must::Text)]);
                }
            }
            if let Some(posted) = entry["request"].get("postData") {
                check(&place, posted, &[("/mimeType", Must::Text)]);
            }
        }
    }
}

#[test]
fn times_are_iso_8601_in_order_and_add_up() {
    for (run, output) in runs() {
        let entries = entries(output);
        let started = |entry: &Value| entry["startedDateTime"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        assert!(entries.is_sorted_by_key(started), "{run}: entries are in the order in which they began");
        for (number, entry) in entries.iter().enumerate() {
            let parts = entry["timings"].as_object().unwrap().values().map(|part| part.as_i64().unwrap());
            let sum: i64 = parts.filter(|part| *part != -1).sum();
            assert_eq!(entry["time"], sum, "{run}: entry {number}");
        }
    }
}

#[test]
fn large_bodies_stand_there_once() {
    for (run, output) in runs() {
        let mut seen = BTreeSet::new();
        for (number, entry) in entries(output).iter().enumerate() {
            let bodies = [entry["request"].get("postData"), Some(&entry["response"]["content"])];
            let texts = bodies.into_iter().flatten().filter_map(|body| body["text"].as_str());
            for text in texts.filter(|text| text.len() > LARGE) {
                assert!(seen.insert(text.to_owned()), "{run}: entry {number} repeats a body");
            }
        }
        assert!(!seen.is_empty(), "{run} has large bodies");
    }
}
