//! A step that waits for what never comes ends its scenario at once, and the end says who waits for what.

use cmsim_scenario::{Settings, Transport, Verdict, file, run_all};

const SCENARIO: &str = r#"
title = "Nobody writes such a record"

[world]
clients = 1

[[steps]]
await = { log = "ScanAgent.log", contains = "a text that no component writes", within = "20h" }

[[expect]]
log = "ScanAgent.log"
contains = "never looked for"
"#;

#[test]
fn a_wait_in_vain_names_the_record_and_everybody_who_waits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in-vain.toml");
    std::fs::write(&path, SCENARIO).unwrap();
    let scenario = file::load(&path).unwrap();
    let out = folder.path().join("out");
    let settings = Settings { out, seed: None, jobs: 1, transport: Transport::Memory, twice: false };
    let ends = run_all(&[scenario], &settings, &mut |_| {});
    assert_eq!(ends[0].verdict, Verdict::Failed);
    let error = ends[0].error.as_deref().unwrap();
    assert!(error.contains("ScanAgent.log of CLIENT1 did not say \"a text that no component writes\""), "{error}");
    assert!(error.contains("CLIENT1 ScanAgent waits for a message"), "{error}");
    assert!(error.contains("SMS_STATE_SYSTEM waits for"), "{error}");
    assert!(ends[0].out.is_some(), "what there was is written all the same");
}
