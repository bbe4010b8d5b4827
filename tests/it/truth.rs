//! `truth.json` and `timeline.jsonl`: each line of each log has its event, its exchange and its evidence.

use std::collections::BTreeMap;

use cmsim_logs::{Format, Log, w3c};
use serde_json::Value;

use crate::runs::{Run, healthy, rescan, windows_11};

fn runs() -> [(&'static str, &'static Run); 3] {
    [("healthy scan", healthy()), ("rescan", rescan()), ("Windows 11", windows_11())]
}

fn timeline(run: &Run) -> Vec<Value> {
    let text = std::str::from_utf8(run.file("timeline.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// The entries of `exchanges.har` by the number of their event.
fn exchanges(run: &Run) -> BTreeMap<u64, Value> {
    let har = run.json("exchanges.har");
    let entries = har["log"]["entries"].as_array().unwrap();
    entries.iter().map(|entry| (entry["_event"].as_u64().unwrap(), entry.clone())).collect()
}

/// What the records of a file say, in the words of the journal: rows of columns are their own text.
fn texts(log: Log, bytes: &[u8]) -> Vec<String> {
    let text = match log.format() {
        Format::W3c | Format::HttpErr => String::from_utf8(bytes.to_vec()).unwrap(),
        Format::ReportingEvents => {
            let units = bytes[2..].chunks(2).map(|pair| u16::from_le_bytes(pair.try_into().unwrap()));
            String::from_utf16(&units.collect::<Vec<_>>()).unwrap()
        }
        _ => return cmsim_logs::read(bytes, 300).entries.into_iter().map(|entry| entry.text).collect(),
    };
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// A log line with its place in the timeline.
#[derive(Clone, Debug)]
struct Line {
    number: u64,
    at: i64,
    host: String,
    text: String,
    exchange: Option<u64>,
}

/// The lines of the logs with a file name, in order.
fn lines(run: &Run, file: &str) -> Vec<Line> {
    let found = timeline(run).into_iter().zip(0..);
    let found = found.filter(|(event, _)| event["kind"] == "log" && event["file"].as_str().unwrap().ends_with(file));
    let line = |(event, number): (Value, u64)| Line {
        number,
        at: event["at"].as_i64().unwrap(),
        host: event["host"].as_str().unwrap().to_owned(),
        text: event["text"].as_str().unwrap().to_owned(),
        exchange: event["cause"].as_u64(),
    };
    found.map(line).collect()
}

/// The first line of a log that begins so.
fn line(run: &Run, file: &str, beginning: &str) -> Line {
    let mut found = lines(run, file).into_iter().filter(|line| line.text.starts_with(beginning));
    found.next().unwrap_or_else(|| panic!("no {beginning} in {file}"))
}

#[test]
fn every_line_has_its_event_and_an_evidence_class() {
    for (run, output) in runs() {
        let (truth, timeline) = (output.json("truth.json"), timeline(output));
        assert_eq!(truth["causes"], serde_json::json!({}), "{run}: nothing is broken");
        let mut told = 0;
        for (path, log, bytes) in output.logs().filter(|(_, log, _)| *log != Log::Profiler) {
            let lines = truth["lines"][path].as_array().unwrap_or_else(|| panic!("{run}: nothing about {path}"));
            let texts = texts(log, bytes);
            assert_eq!(lines.len(), texts.len(), "{run} {path}");
            for (record, (line, text)) in lines.iter().zip(texts).enumerate() {
                let event = &timeline[usize::try_from(line["event"].as_u64().unwrap()).unwrap()];
                assert_eq!(event["kind"], "log", "{run} {path} {record}");
                assert_eq!(
                    *path,
                    format!("hosts/{}/{}", event["host"].as_str().unwrap(), event["file"].as_str().unwrap())
                );
                assert_eq!((&line["record"], &event["record"]), (&record.into(), &record.into()), "{run} {path}");
                assert_eq!(event["text"], text.as_str(), "{run} {path} {record}");
                assert_eq!(line["evidence"], event["evidence"], "{run} {path} {record}");
                assert_eq!(line.get("exchange"), event.get("cause"), "{run} {path} {record}");
                let class = line["evidence"].as_str().unwrap();
                assert!(["article", "docs", "capture", "field", "inferred"].contains(&class), "{run} {path}: {class}");
            }
            told += lines.len();
        }
        let written = timeline.iter().filter(|event| event["kind"] == "log").count();
        assert_eq!(told, written, "{run}: every line is in the file it was written to");
    }
}

#[test]
fn events_are_in_order_and_causes_are_exchanges() {
    for (run, output) in runs() {
        let (timeline, exchanges) = (timeline(output), exchanges(output));
        assert!(timeline.is_sorted_by_key(|event| event["at"].as_i64().unwrap()), "{run}");
        let of_kind = |kind: &str| timeline.iter().filter(|event| event["kind"] == kind).count();
        assert_eq!(of_kind("exchange"), exchanges.len(), "{run}");
        let mut caused = 0;
        for event in &timeline {
            let Some(cause) = event.get("cause") else { continue };
            let cause = cause.as_u64().unwrap();
            assert!(exchanges.contains_key(&cause), "{run}: {cause} is no exchange");
            caused += 1;
        }
        assert!(caused > of_kind("exchange"), "{run}: {caused}");
    }
}

/// Whoever serves a request writes before its answer is there, whoever asked writes after it.
#[test]
fn lines_lie_on_their_side_of_the_exchange() {
    let hosts = BTreeMap::from([("192.168.2.10", "PS1SITE"), ("192.168.2.11", "PS1SYS")]);
    for (run, output) in runs() {
        let (timeline, exchanges) = (timeline(output), exchanges(output));
        let (mut served, mut followed) = (0, 0);
        for line in lines(output, ".log") {
            let Some(number) = line.exchange else { continue };
            let (entry, exchange) = (&exchanges[&number], &timeline[usize::try_from(number).unwrap()]);
            if entry["_host"] == line.host.as_str() {
                assert!(line.number > number && line.at >= exchange["ended"].as_i64().unwrap(), "{run}: {line:?}");
                followed += 1;
            } else {
                assert_eq!(hosts[entry["serverIPAddress"].as_str().unwrap()], line.host, "{run}: {line:?}");
                assert!(line.number < number && line.at >= exchange["started"].as_i64().unwrap(), "{run}: {line:?}");
                served += 1;
            }
        }
        assert!(served > 30 && followed > 50, "{run}: {served} {followed}");
    }
}

#[test]
fn both_ends_of_a_location_request_name_its_exchange() {
    for (run, output) in runs() {
        let reply = line(output, "LocationServices.log", "Processing Location reply message");
        let number = reply.exchange.unwrap_or_else(|| panic!("{run}: the reply came by no exchange"));
        for (file, beginning) in [
            ("MP_Location.log", "MP LM: Message Body"),
            ("MP_Location.log", "MP LM: calling MP_GetWSUSServerLocations"),
            ("MP_Location.log", "MP LM: Reply message body"),
            ("LocationServices.log", "Calling back with the following WSUS locations"),
            ("ScanAgent.log", "*****WSUSLocationUpdate received"),
        ] {
            assert_eq!(line(output, file, beginning).exchange, Some(number), "{run}: {beginning}");
        }
        let calls = timeline(output);
        let mut calls = calls.iter().filter(|event| event["kind"] == "sql" && event["cause"] == number);
        assert!(calls.any(|call| call["text"].as_str().unwrap().contains("MP_GetWSUSServerLocations")), "{run}");
        let exchange = &exchanges(output)[&number];
        assert_eq!((&exchange["_host"], &exchange["_component"]), (&"CLIENT1".into(), &"CcmMessaging".into()));
        assert_eq!(
            (&exchange["request"]["method"], &exchange["response"]["status"]),
            (&"CCM_POST".into(), &200.into())
        );
        let url = exchange["request"]["url"].as_str().unwrap().to_ascii_lowercase();
        assert!(url.contains("://ps1sys.contoso.com") && url.ends_with("/ccm_system/request"), "{run}: {url}");
        // What led to the request belongs to what led to it, not to the request.
        assert_ne!(
            line(output, "LocationServices.log", "Created and Sent Location Request").exchange,
            Some(number),
            "{run}"
        );
    }
}

#[test]
fn each_row_of_a_web_server_names_the_exchange_it_is_about() {
    for (run, output) in runs() {
        let (truth, exchanges) = (output.json("truth.json"), exchanges(output));
        let mut named = Vec::new();
        for (path, _, bytes) in output.logs().filter(|(_, log, _)| *log == Log::IisRequests) {
            let lines = truth["lines"][path].as_array().unwrap();
            for (line, row) in lines.iter().zip(w3c::parse(bytes).unwrap()) {
                let number = line["exchange"].as_u64().unwrap_or_else(|| panic!("{run} {path}: {line}"));
                let exchange = &exchanges[&number];
                assert_eq!(exchange["request"]["method"], row.method.as_str(), "{run} {path} {line}");
                assert_eq!(exchange["response"]["status"].as_u64(), row.status.map(u64::from), "{run} {path} {line}");
                let url = exchange["request"]["url"].as_str().unwrap();
                assert!(url.contains(&row.uri_stem) && url.contains(&row.uri_query), "{run} {path}: {url}");
                named.push(number);
            }
        }
        named.sort_unstable();
        assert_eq!(named, exchanges.into_keys().collect::<Vec<_>>(), "{run}: every exchange has one row");
    }
}
