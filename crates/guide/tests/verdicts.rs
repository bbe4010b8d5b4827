//! What the judge says of trees that are not healthy, not finished or not complete.

use cmsim_guide::{BARE_HOST, Evidence, LoadError, Outcome, Scan, Values, example_values, judge, step_codes, steps};
use proptest::prelude::*;

use cmsim_logs::{Format, LocalStamp, Log, Severity, cmtrace, windows_update};

/// The client's own lines of a first scan up to a step, a line a second, then more lines in logs of the client.
fn tree(before: &str, more: &[(Log, i64, &str)]) -> Vec<(String, Vec<u8>)> {
    let mut values: Values = example_values().clone();
    for name in ["JobID", "RequestID", "RequestMessageID", "ReplyMessageID", "StateMessageID", "ServiceID"] {
        values.insert(name.into(), "{00000001-0000-4000-8000-00000000ABCD}".into());
    }
    let mut logs: std::collections::BTreeMap<Log, String> = std::collections::BTreeMap::new();
    let mut at = 1_390_238_289_000;
    for step in steps().iter().take_while(|step| step.code != before) {
        for line in step.lines_of(Scan::First).filter(|line| !line.again) {
            if matches!(line.log.format(), Format::CmTrace | Format::WindowsUpdateTabbed) {
                at += 1000;
                let text = line.example.as_ref().unwrap_or(&line.text).fill(&values);
                push(logs.entry(line.log).or_default(), line.log, &line.component, at, &text);
            }
        }
    }
    for (log, after, text) in more {
        push(logs.entry(*log).or_default(), *log, log.component(), at + after * 1000, text);
    }
    logs.into_iter()
        .map(|(log, text)| {
            let mut bytes = log.format().prologue().to_vec();
            bytes.extend(text.into_bytes());
            (format!("some/folder/{}", log.file_name()), bytes)
        })
        .collect()
}

fn push(out: &mut String, log: Log, component: &str, at: i64, text: &str) {
    let time = LocalStamp::from_utc_millis(at, 300);
    let (text, component) = (text.to_owned(), component.to_owned());
    if log.format() == Format::CmTrace {
        let (context, severity, file) = (String::new(), Severity::Info, String::new());
        cmtrace::Record { text, time, component, context, severity, thread: 7, file }.format(out);
    } else {
        windows_update::tabbed::Record { time, process: 968, thread: 7, component, text }.format(out);
    }
}

fn outcomes(files: Vec<(String, Vec<u8>)>) -> Vec<(&'static str, Outcome)> {
    let verdict = judge(&Evidence::from_files(files));
    let host = &verdict.clients[0].host;
    step_codes().map(|step| (step, verdict.outcome(host, step).expect("a known step"))).collect()
}

fn outcome(outcomes: &[(&str, Outcome)], step: &str) -> Outcome {
    outcomes.iter().find(|(code, _)| *code == step).expect("a known step").1
}

#[test]
fn a_failed_scan_gives_its_code_and_what_to_check() {
    let failure = [
        (Log::WuaHandler, 5, "OnSearchComplete - Failed to end search job. Error = 0x8024401f."),
        (Log::WuaHandler, 5, "Scan failed with error = 0x8024401f."),
    ];
    let verdict = judge(&Evidence::from_files(tree("S3", &failure)));
    let client = &verdict.clients[0];
    assert_eq!(client.first_failing.as_deref(), Some("S3"));
    assert!(client.check_next.as_deref().unwrap().contains("ClientWebService/wusserverversion.xml"));
    let step = client.steps.iter().find(|step| step.step == "S3").unwrap();
    assert_eq!(step.code.as_deref(), Some("0x8024401F"));
    assert!(step.evidence.iter().any(|proof| proof.text.starts_with("Scan failed")));
    assert!(!step.missing.is_empty());
    assert_eq!(verdict.outcome(BARE_HOST, "S2"), Some(Outcome::Passed));
    assert_eq!(verdict.outcome(BARE_HOST, "S5"), Some(Outcome::NotReached));
    assert_eq!(verdict.outcome("NOBODY", "S1.1"), None);
}

#[test]
fn where_the_lines_end_the_scan_has_failed_or_goes_on() {
    let later = |seconds| [(Log::CcmExec, seconds, "Something else happens.")];
    let disk = |before, more: &[(Log, i64, &str)]| {
        let moved =
            |(path, bytes): (String, Vec<u8>)| (path.replace("some/folder", "hosts/CLIENT1/C/Windows/CCM/Logs"), bytes);
        outcomes(tree(before, more).into_iter().map(moved).collect())
    };
    // The client has been heard of long after: it will not go on.
    let silent = disk("S1.7", &later(3600));
    assert_eq!(outcome(&silent, "S1.4"), Outcome::Passed);
    assert_eq!(outcome(&silent, "S1.7"), Outcome::Failed);
    assert_eq!(outcome(&silent, "S1.8"), Outcome::NotReached);
    // The tree ends a few seconds later: it may.
    let young = disk("S1.7", &later(5));
    assert_eq!(outcome(&young, "S1.7"), Outcome::NotReached);
    // A bundle that leaves out WUAHandler.log does not say that it was never written.
    let bundle = outcomes(tree("S1.10", &later(1000)));
    assert_eq!(outcome(&bundle, "S1.10"), Outcome::NoEvidence);
    // The wait for Group Policy is longer than that for a reply.
    assert_eq!(outcome(&disk("S1.10", &later(100)), "S1.10"), Outcome::NotReached);
    assert_eq!(outcome(&disk("S1.10", &later(1000)), "S1.10"), Outcome::Failed);
}

#[test]
fn absent_logs_are_no_evidence() {
    let seen = outcomes(tree("", &[]));
    assert_eq!(outcome(&seen, "S1.6"), Outcome::Passed, "{seen:?}");
    let files: Vec<_> = tree("", &[]).into_iter().filter(|(path, _)| !path.contains("MP_")).collect();
    let without = outcomes(files);
    assert_eq!(outcome(&without, "S1.5"), Outcome::NoEvidence);
    assert_eq!(outcome(&without, "S1.6"), Outcome::NoEvidence);
    assert_eq!(outcome(&without, "S1.7"), Outcome::Passed);
    assert_eq!(judge(&Evidence::default()).clients, []);
}

#[test]
fn a_client_without_policy_fails_in_the_first_step() {
    let policy = [(Log::ScanAgent, 0, "CScanAgent::ScanByUpdates- No policy available for UpdateSourceID={X}")];
    let seen = outcomes(tree("S1.1", &policy));
    assert_eq!(outcome(&seen, "S1.1"), Outcome::Failed);
}

#[test]
fn an_answer_without_update_points_fails_at_the_management_point() {
    let files = tree("S1.8", &[(Log::LocationServices, 1, "Processing Location reply message")]);
    let emptied = |(path, bytes): (String, Vec<u8>)| {
        let text = String::from_utf8(bytes).expect("a log in UTF-8");
        let (head, tail) = text.split_once("<LocationRecords>").unwrap_or((&text, ""));
        let tail = tail.split_once("</LocationRecords>").map_or(tail, |(_, tail)| tail);
        (path, format!("{head}{tail}").into_bytes())
    };
    let verdict = judge(&Evidence::from_files(files.into_iter().map(emptied)));
    assert_eq!(verdict.clients[0].first_failing.as_deref(), Some("S1.6"));
    assert_eq!(verdict.outcome(BARE_HOST, "S1.5"), Some(Outcome::Passed));
    assert_eq!(verdict.outcome(BARE_HOST, "S1.7"), Some(Outcome::Passed));
}

#[test]
fn a_request_that_needs_no_scan_is_none() {
    let source = &example_values()["SourceID"];
    let asked = format!("CScanAgent::ScanByUpdates- Policy available for UpdateSourceID={source} ContentVersion=38");
    let more = [
        (Log::ScanAgent, 60, asked.as_str()),
        (Log::ScanAgent, 60, "Sources are current and valid. TTLs are also valid."),
    ];
    let verdict = judge(&Evidence::from_files(tree("", &more)));
    assert_eq!(verdict.clients[0].scans, 1);
    assert_eq!(verdict.outcome(BARE_HOST, "S5"), Some(Outcome::Passed));
}

#[test]
fn a_needless_request_without_policy_takes_nothing_from_the_scan_before() {
    let later = [
        (Log::ScanAgent, 60, "Inside CScanAgent::ProcessScanRequest()"),
        (Log::ScanAgent, 60, "Sources are current and valid. TTLs are also valid."),
    ];
    let asked = "CScanAgent::ScanByUpdates- Policy available for UpdateSourceID={C2D17964-BBDD-4339-B9F3-12D7205B39CC} ContentVersion=38";
    let again = [(Log::ScanAgent, 50, asked), (Log::ScanAgent, 50, "Inside CScanAgent::ProcessScanRequest()")];
    let scans = |more: &[(Log, i64, &str)]| judge(&Evidence::from_files(tree("", more))).clients[0].scans;
    assert_eq!(scans(&later), 1);
    assert_eq!(scans(&[again.as_slice(), &later].concat()), 2, "the scan before is the second one");
}

#[test]
fn a_scan_that_changes_nothing_raises_nothing() {
    let quiet = |(path, bytes): (String, Vec<u8>)| {
        let text = String::from_utf8(bytes).expect("a log in UTF-8");
        let noisy = ["hasn't been reported", "raised state message for update", "TopicType 500", "added WMI instance"];
        let kept = text.split_inclusive("\r\n").filter(|line| !noisy.iter().any(|noise| line.contains(noise)));
        (path, kept.collect::<String>().into_bytes())
    };
    let verdict = judge(&Evidence::from_files(tree("", &[]).into_iter().map(quiet)));
    assert_eq!(verdict.outcome(BARE_HOST, "S6"), Some(Outcome::Passed));
    let nothing =
        tree("", &[]).into_iter().filter(|(path, _)| !path.contains("UpdatesStore") && !path.contains("StateMessage"));
    assert_eq!(judge(&Evidence::from_files(nothing)).outcome(BARE_HOST, "S6"), Some(Outcome::NoEvidence));
}

#[test]
fn the_registry_counts_where_it_is_known() {
    let registry = |url: &str| {
        let key = r"HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate";
        let json = format!(
            r#"{{"{key}": {{"WUServer": "{url}", "WUStatusServer": "http://PS1SITE.CONTOSO.COM:8530"}},
               "{key}\\AU": {{"UseWUServer": {{"type": "REG_DWORD", "data": 1}}}}}}"#
        );
        let mut files = tree("", &[]);
        files.push(("registry.json".to_owned(), json.into_bytes()));
        outcomes(files)
    };
    assert_eq!(outcome(&registry("http://PS1SITE.CONTOSO.COM:8530"), "S1.10"), Outcome::Passed);
    assert_eq!(outcome(&registry("http://wsus.fabrikam.com"), "S1.10"), Outcome::Failed);
}

#[test]
fn a_tree_loads_from_a_folder_and_depth_is_limited() {
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in tree("", &[]) {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let verdict = judge(&Evidence::load(folder.path()).unwrap());
    assert_eq!(verdict.outcome(BARE_HOST, "S5"), Some(Outcome::Passed));
    assert!(serde_json::to_string(&verdict).unwrap().contains("\"outcome\":\"passed\""));

    let deep = |levels: usize| {
        let folder = tempfile::tempdir().unwrap();
        let path = (0..levels).fold(folder.path().to_owned(), |path, _| path.join("d"));
        std::fs::create_dir_all(path).unwrap();
        Evidence::load(folder.path()).map(|_| ())
    };
    assert!(deep(cmsim_guide::MAX_DEPTH).is_ok());
    assert!(matches!(deep(cmsim_guide::MAX_DEPTH + 1), Err(LoadError::TooDeep(_))));
    assert!(matches!(Evidence::load(&folder.path().join("none")), Err(LoadError::Io { .. })));
}

proptest! {
    #[test]
    fn arbitrary_trees_never_panic(damage in proptest::collection::vec((any::<usize>(), any::<usize>(), any::<u8>()), 0..40), tail: Vec<u8>) {
        let mut files = tree("", &[]);
        for (file, place, byte) in damage {
            let count = files.len();
            let bytes = &mut files[file % count].1;
            let len = bytes.len();
            bytes[place % len] = byte;
        }
        files.push(("a/C/registry.json".to_owned(), tail.clone()));
        files.push(("a/C/WUAHandler.log".to_owned(), tail));
        let evidence = Evidence::from_files(files);
        for client in judge(&evidence).clients {
            prop_assert_eq!(client.steps.len(), 17);
            let _ = cmsim_guide::compare_with_example(&evidence, &client.host, Scan::Rescan);
        }
    }

    #[test]
    fn every_line_fits_what_it_is_filled_with(ids in proptest::collection::vec("[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[0-9A-F]{4}-[0-9A-F]{12}", 40)) {
        let mut values = example_values().clone();
        for line in steps().iter().flat_map(|step| &step.lines) {
            for (name, id) in line.text.names().filter(|name| name.ends_with("ID") && *name != "StoredStateID").zip(&ids) {
                values.insert(name.to_owned(), format!("{{{id}}}"));
            }
            let text = line.text.fill(&values);
            let found = line.text.matches(&text, &values);
            prop_assert!(found.is_some(), "{}", text);
            prop_assert_eq!(line.text.matches(&format!("{text}\n\n"), &values).is_some(), line.text.source().ends_with("{:any}"));
        }
    }
}
