//! The update protocol as a whole scan speaks it: against the published schemas and against what a real agent sends.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use roxmltree::Document;
use serde_json::Value;

use crate::runs::{Run, healthy, repository, rescan, windows_11};

/// One call to a web service.
struct Call {
    operation: String,
    request: String,
    /// `None` where the file holds the body at an earlier exchange.
    response: Option<String>,
}

/// Every SOAP call of a run, in order.
fn calls(run: &Run) -> Vec<Call> {
    let har = run.json("exchanges.har");
    har["log"]["entries"].as_array().unwrap().iter().filter_map(call).collect()
}

fn call(exchange: &Value) -> Option<Call> {
    let headers = exchange["request"]["headers"].as_array().unwrap();
    let action = headers.iter().find(|header| header["name"].as_str().unwrap().eq_ignore_ascii_case("SOAPAction"))?;
    let operation = action["value"].as_str().unwrap().trim_matches('"').rsplit('/').next().unwrap().to_owned();
    let body = |value: &Value| value["text"].as_str().map(str::to_owned);
    let request = body(&exchange["request"]["postData"]).unwrap();
    Some(Call { operation, request, response: body(&exchange["response"]["content"]) })
}

/// In the order in which a client that was never here before needs them.
const OPERATIONS: [&str; 7] = [
    "GetConfig",
    "GetAuthorizationCookie",
    "GetCookie",
    "RegisterComputer",
    "SyncUpdates",
    "GetExtendedUpdateInfo",
    "ReportEventBatch",
];

#[test]
fn a_first_scan_uses_every_operation_in_order() {
    for run in [healthy(), windows_11()] {
        let mut operations: Vec<String> = calls(run).into_iter().map(|call| call.operation).collect();
        operations.dedup();
        assert_eq!(operations, OPERATIONS);
    }
}

/// The schemas are Microsoft's and not part of this repository: `CMSIM_WUSP_SCHEMAS` names a folder that has them.
#[test]
fn windows_7_calls_validate_against_the_published_schemas() {
    let Some(schemas) = std::env::var_os("CMSIM_WUSP_SCHEMAS") else {
        eprintln!("skipped: CMSIM_WUSP_SCHEMAS names no folder with wusp-client.xsd and its siblings");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut bodies: Vec<(PathBuf, Vec<PathBuf>)> = ["wusp-client.xsd", "wusp-simpleauth.xsd", "wusp-reporting.xsd"]
        .map(|name| (Path::new(&schemas).join(name), Vec::new()))
        .into();
    for (run, output) in [("first", healthy()), ("later", rescan())] {
        for (number, call) in calls(output).iter().enumerate() {
            for (direction, envelope) in [("request", Some(&call.request)), ("response", call.response.as_ref())] {
                let Some(envelope) = envelope else { continue };
                let (schema, body) = payload(envelope);
                let file = folder.path().join(format!("{run}-{number:03}-{}-{direction}.xml", call.operation));
                fs::write(&file, body).unwrap();
                bodies[schema].1.push(file);
            }
        }
    }
    for (schema, files) in &bodies {
        assert!(!files.is_empty());
        let checked =
            Command::new("xmllint").args(["--nonet", "--noout", "--huge", "--schema"]).arg(schema).args(files).output();
        let checked = checked.expect("xmllint is needed when CMSIM_WUSP_SCHEMAS is set");
        let told = String::from_utf8_lossy(&checked.stderr).into_owned();
        let wrong: Vec<&str> = told.lines().filter(|line| !line.ends_with(" validates")).collect();
        assert!(checked.status.success() && wrong.is_empty(), "{}: {wrong:#?}", schema.display());
    }
}

/// The element inside the SOAP body as a document of its own, and the place of its schema.
fn payload(envelope: &str) -> (usize, String) {
    let document = Document::parse(envelope).unwrap();
    let body = document
        .root_element()
        .children()
        .find(|node| node.has_tag_name(("http://schemas.xmlsoap.org/soap/envelope/", "Body")));
    let inner = body.unwrap().first_element_child().unwrap();
    let schema = match inner.tag_name().namespace().unwrap().rsplit('/').next().unwrap() {
        "ClientWebService" => 0,
        "SimpleAuthWebService" => 1,
        "SoftwareDistribution" => 2,
        other => panic!("{other}"),
    };
    (schema, envelope[inner.range()].to_owned())
}

/// Elements and attributes of a recorded call of a Windows 11 agent: names only, one path a line.
fn recorded(names: &[&str], direction: &str) -> BTreeSet<String> {
    let folder = repository().join("crates/wire/tests/golden/wusp/inventory");
    let file = |name: &&str| fs::read_to_string(folder.join(format!("{name}.{direction}.txt"))).unwrap();
    names.iter().flat_map(|name| file(name).lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// The same of a body. Prefixes are kept as written.
fn inventory(body: &str) -> BTreeSet<String> {
    let mut open: Vec<&str> = Vec::new();
    let mut seen = BTreeSet::new();
    for tag in body.split('<').skip(1).map(|rest| rest.split_once('>').unwrap().0) {
        if tag.starts_with('?') {
            continue;
        }
        if tag.starts_with('/') {
            open.pop();
            continue;
        }
        let mut words = tag.trim_end_matches('/').split(' ');
        open.push(words.next().unwrap());
        let attributes = words.filter_map(|word| Some(format!(" @{}", word.split_once('=')?.0)));
        seen.insert(format!("{}{}", open.join("/"), attributes.collect::<String>()));
        if tag.ends_with('/') {
            open.pop();
        }
    }
    seen
}

/// The recorded scan was limited to categories by its caller; a search of the ConfigMgr client never is.
fn without_category_filter(mut elements: BTreeSet<String>) -> BTreeSet<String> {
    let all = elements.len();
    elements.retain(|path| !path.contains("/FilterCategoryIds"));
    assert_eq!(all - elements.len(), 3);
    elements
}

#[test]
fn windows_11_requests_have_the_elements_of_a_recorded_scan() {
    let calls = calls(windows_11());
    for name in [
        "001-GetConfig",
        "002-GetAuthorizationCookie",
        "003-GetCookie",
        "004-RegisterComputer",
        "010-GetExtendedUpdateInfo",
    ] {
        let operation = &name[4..];
        let of: Vec<&Call> = calls.iter().filter(|call| call.operation == operation).collect();
        assert!(!of.is_empty(), "{operation}");
        for call in of {
            assert_eq!(inventory(&call.request), recorded(&[name], "request"), "{operation}");
        }
    }
    let scans: Vec<&Call> = calls.iter().filter(|call| call.operation == "SyncUpdates").collect();
    let (drivers, software): (Vec<&Call>, Vec<&Call>) =
        scans.into_iter().partition(|call| call.request.contains("<SkipSoftwareSync>true</SkipSoftwareSync>"));

    // The recorded rounds had no leaves in store yet.
    let parameters = "s:Envelope/s:Body/SyncUpdates/parameters";
    let store = ["", "/int"].map(|end| format!("{parameters}/OtherCachedUpdateIDs{end}"));
    let mut expected =
        without_category_filter(recorded(&["006-SyncUpdates", "007-SyncUpdates", "008-SyncUpdates"], "request"));
    expected.extend(store);
    assert!(software.len() >= 3, "{}", software.len());
    let told: BTreeSet<String> = software.iter().flat_map(|call| inventory(&call.request)).collect();
    assert_eq!(told, expected);

    let [drivers] = drivers.as_slice() else { panic!("{} driver rounds", drivers.len()) };
    assert_eq!(inventory(&drivers.request), without_category_filter(recorded(&["009-SyncUpdates"], "request")));
}

/// Every element that our servers answer a Windows 11 agent with is one that a real server answered with.
#[test]
fn answers_to_windows_11_have_only_recorded_elements() {
    let names = [
        "001-GetConfig",
        "002-GetAuthorizationCookie",
        "003-GetCookie",
        "004-RegisterComputer",
        "006-SyncUpdates",
        "007-SyncUpdates",
        "008-SyncUpdates",
        "009-SyncUpdates",
        "010-GetExtendedUpdateInfo",
    ];
    let recorded = recorded(&names, "response");
    for call in calls(windows_11()).iter().filter(|call| call.operation != "ReportEventBatch") {
        let Some(response) = &call.response else { continue };
        let ours = inventory(response);
        let unknown: Vec<&String> = ours.difference(&recorded).collect();
        assert!(unknown.is_empty(), "{}: {unknown:#?}", call.operation);
    }
}
