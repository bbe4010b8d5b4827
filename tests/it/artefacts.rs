//! What a run leaves opens in other people's tools.

use std::process::{Command, Output};

use serde_json::Value;

use crate::runs::healthy;

const SERVER: &str = "http://PS1SITE.CONTOSO.COM:8530";

/// The guide's two queries, and one over the views that reports are made of.
const LOCATIONS: &str = "select * from WSUSServerLocations";
const SYNCHRONIZATION: &str = "select * from Update_SyncStatus";
const COMPLIANCE: &str = "select n.StateName, count(*) as Updates from v_Update_ComplianceStatusAll s \
    join v_R_System r on r.ResourceID = s.ResourceID \
    join v_UpdateInfo i on i.CI_ID = s.CI_ID \
    join v_StateNames n on n.TopicType = 500 and n.StateID = s.Status \
    where r.Name0 = 'CLIENT1' group by n.StateName order by n.StateName";

/// Runs a query with `cmsim sql` and gives its rows.
fn cmsim_sql(query: &str) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("site.db"), healthy().file("site.db")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_cmsim"))
        .arg("sql")
        .arg(folder.path())
        .args([query, "--json"])
        .output()
        .unwrap();
    lines(&output).iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Runs a query with SQLite's own shell; `None` where it is not installed.
fn sqlite3(query: &str) -> Option<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("site.db");
    std::fs::write(&file, healthy().file("site.db")).unwrap();
    match Command::new("sqlite3").arg("-readonly").arg(&file).arg(query).output() {
        Ok(output) => Some(lines(&output)),
        Err(error) => {
            eprintln!("skipped: sqlite3 cannot be started ({error})");
            None
        }
    }
}

fn lines(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn the_guides_queries_answer() {
    let told =
        |row: &Value| [&row["ServerName"], &row["WSUSURL"], &row["ContentVersion"]].map(Value::to_string).join(" ");
    let locations: Vec<String> = cmsim_sql(LOCATIONS).iter().map(told).collect();
    assert_eq!(
        locations,
        [
            r#""PS1SITE.CONTOSO.COM" "http://PS1SITE.CONTOSO.COM:8530" 38"#,
            r#""PS1SYS.CONTOSO.COM" "https://PS1SYS.CONTOSO.COM:8531" 38"#,
        ]
    );
    let rows = cmsim_sql(SYNCHRONIZATION);
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((&row["SiteCode"], &row["ContentVersion"]), (&"PS1".into(), &38.into()));
    assert_eq!((&row["LastSyncState"], &row["LastSyncErrorCode"]), (&6702.into(), &0.into()), "{row}");
}

#[test]
fn a_compliance_report_answers() {
    let told: Vec<(Value, Value)> =
        cmsim_sql(COMPLIANCE).into_iter().map(|row| (row["StateName"].clone(), row["Updates"].clone())).collect();
    let updates: u64 = healthy().sql_value("site.db", "select count(*) from v_UpdateInfo").parse().unwrap();
    let expected =
        [("Update is installed", 97), ("Update is not required", updates - 97 - 36), ("Update is required", 36)]
            .map(|(name, count)| (name.into(), count.into()));
    assert_eq!(told, expected);
}

#[test]
fn sqlites_own_shell_opens_the_databases() {
    let Some(locations) = sqlite3(LOCATIONS) else { return };
    assert_eq!(locations.len(), 2);
    assert!(locations[0].contains(SERVER), "{locations:?}");
    assert_eq!(sqlite3(SYNCHRONIZATION).map(|rows| rows.len()), Some(1));
    assert_eq!(sqlite3(COMPLIANCE).map(|rows| rows.len()), Some(3));
    assert_eq!(sqlite3("pragma integrity_check"), Some(vec!["ok".to_owned()]));
    assert_eq!(sqlite3("pragma foreign_key_check"), Some(Vec::new()));
}

#[test]
fn both_registry_paths_name_the_server() {
    let registry = healthy().json("CLIENT1/registry.json");
    for path in [
        r"HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate",
        r"HKLM\SOFTWARE\Wow6432Node\Policies\Microsoft\Windows\WindowsUpdate",
    ] {
        let key = &registry[path];
        for name in ["WUServer", "WUStatusServer"] {
            assert_eq!(key[name], serde_json::json!({ "type": "REG_SZ", "data": SERVER }), "{path}\\{name}");
        }
        let switch = &registry[format!(r"{path}\AU")]["UseWUServer"];
        assert_eq!(*switch, serde_json::json!({ "type": "REG_DWORD", "data": 1 }), "{path}\\AU");
    }
}

/// The scan job's instance lives only as long as the job; its history stays.
#[test]
fn wmi_keeps_what_was() {
    let wmi = healthy().json("CLIENT1/wmi.json");
    let (_, jobs) =
        wmi.as_object().unwrap().iter().find(|(name, _)| name.eq_ignore_ascii_case(r"root\ccm\ScanAgent")).unwrap();
    let jobs = &jobs["CCM_ScanJobInstance"];
    assert_eq!(jobs["instances"], serde_json::json!([]));
    let history = jobs["history"].as_array().unwrap();
    assert!(history.first().is_some_and(|first| first["operation"] == "put"));
    assert!(history.last().is_some_and(|last| last["operation"] == "delete"), "{:?}", history.last());
}

#[test]
fn every_part_of_the_output_is_there() {
    let files = &healthy().files;
    let client = "hosts/CLIENT1/C/Windows";
    let point = "hosts/PS1SYS/C";
    let server = "hosts/PS1SITE/C";
    let expected = [
        "result.json".to_owned(),
        "truth.json".to_owned(),
        "timeline.jsonl".to_owned(),
        "exchanges.har".to_owned(),
        "site.db".to_owned(),
        "susdb-PS1SITE.db".to_owned(),
        "susdb-PS1SYS.db".to_owned(),
        "hosts/CLIENT1/registry.json".to_owned(),
        "hosts/CLIENT1/wmi.json".to_owned(),
        format!("{client}/WindowsUpdate.log"),
        format!("{client}/SoftwareDistribution/ReportingEvents.log"),
        format!("{client}/CCM/Logs/ScanAgent.log"),
        format!("{point}/SMS_CCM/Logs/MP_Location.log"),
        format!("{point}/SMS_CCM/Logs/MP_Relay.log"),
        format!("{point}/SMS/Logs/mpfdm.log"),
        format!("{point}/inetpub/logs/LogFiles/W3SVC1/u_ex140120.log"),
        format!("{server}/Program Files/Microsoft Configuration Manager/Logs/statesys.log"),
        format!("{server}/Program Files/Update Services/LogFiles/SoftwareDistribution.log"),
        format!("{server}/SQL/profiler.xml"),
    ];
    let missing: Vec<&String> = expected.iter().filter(|path| !files.contains_key(*path)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(
        files
            .keys()
            .any(|path| path.eq_ignore_ascii_case(&format!("{client}/System32/GroupPolicy/Machine/registry.pol")))
    );
    assert!(files.keys().all(|path| !path.contains("/.")), "nothing unfinished stays");
}

/// The exchanges are HAR 1.2, and say which body is whose.
#[test]
fn the_exchanges_are_a_har_file() {
    let har = healthy().json("exchanges.har");
    assert_eq!(har["log"]["version"], "1.2");
    for (number, entry) in har["log"]["entries"].as_array().unwrap().iter().enumerate() {
        for field in ["startedDateTime", "time", "request", "response", "cache", "timings"] {
            assert!(!entry[field].is_null(), "{number}: {field}");
        }
        let timings = &entry["timings"];
        let parts = ["connect", "send", "wait", "receive"].map(|part| timings[part].as_i64().unwrap().max(0));
        assert_eq!(parts.iter().sum::<i64>(), entry["time"].as_i64().unwrap(), "{number}: {timings}");
    }
}
