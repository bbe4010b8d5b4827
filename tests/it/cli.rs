//! The command line as scripts and people meet it: exit codes, data on stdout, talk on stderr.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::runs::{healthy, repository, tree};

/// How a command ended, with its two streams.
struct Said {
    code: i32,
    out: String,
    err: String,
}

fn cmsim_in(folder: &Path, arguments: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_cmsim"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("CMSIM_LOG")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// At the top of the repository, where users start.
fn cmsim(arguments: &[&str]) -> Said {
    cmsim_in(&repository(), arguments)
}

/// The output folder of the healthy scan.
fn output() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    healthy().write_to(folder.path());
    folder
}

/// Runs a command on the output of the healthy scan; the folder takes the place of `OUT`.
fn on_output(arguments: &[&str]) -> Said {
    let folder = output();
    let path = folder.path().to_str().unwrap();
    let arguments: Vec<&str> =
        arguments.iter().map(|argument| if *argument == "OUT" { path } else { argument }).collect();
    cmsim(&arguments)
}

fn json_lines(said: &Said) -> Vec<Value> {
    assert_eq!(said.code, 0, "{}", said.err);
    said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A scenario file with this text, in a folder of its own.
fn file(name: &str, text: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), text).unwrap();
    folder
}

#[test]
fn check_accepts_what_is_shipped() {
    let shipped = tree(&repository().join("scenarios")).len();
    assert!(shipped >= 3);
    let said = cmsim(&["check", "scenarios"]);
    assert_eq!((said.code, said.out, said.err), (0, String::new(), format!("{shipped} valid\n")));
}

#[test]
fn check_points_at_a_typo_and_proposes_the_word() {
    let folder = file("typo.toml", "title = \"x\"\n\n[wrold]\nclients = 2\n");
    let said = cmsim_in(folder.path(), &["check", "typo.toml"]);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    for part in [
        "unknown field `wrold`",
        "typo.toml:3:2",
        "[wrold]",
        "^^^^^",
        "did you mean `world`?",
        "1 of 1 scenario files are invalid",
    ] {
        assert!(said.err.contains(part), "no {part:?} in\n{}", said.err);
    }
    assert!(!said.err.contains('\u{1b}'), "no colours outside a terminal");
}

#[test]
fn check_names_every_wrong_value() {
    let text = r#"
title = "x"
[world]
profile = "windows-8"
[[steps]]
trigger = { action = "scan-cycle", on = "CLIENT9" }
[[expect]]
log = "WUAHandlr.log"
contains = "x"
on = "PS1SIT"
"#;
    let folder = file("wrong.toml", text);
    let said = cmsim_in(folder.path(), &["check", "."]);
    assert_eq!(said.code, 2);
    for (line, words) in [(4, "windows-7"), (6, "CLIENT1"), (8, "WUAHandler.log"), (10, "PS1SITE")] {
        assert!(said.err.contains(&format!("wrong.toml:{line}:")), "line {line}: {}", said.err);
        assert!(said.err.contains(words), "{words}: {}", said.err);
    }
}

#[test]
fn a_file_that_is_too_large_is_refused_unread() {
    let folder = file("large.toml", &"#".repeat(1024 * 1024 + 1));
    let said = cmsim_in(folder.path(), &["check", "large.toml"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("1048577 bytes"), "{}", said.err);
}

#[test]
fn exit_codes_tell_what_went_wrong() {
    let empty = tempfile::tempdir().unwrap();
    let cases: [(&[&str], i32, &str); 9] = [
        (&["frobnicate"], 1, "unrecognized subcommand"),
        (&["run"], 1, "PATH"),
        (&["run", "scenarios", "--jobs", "0"], 1, "--jobs"),
        (&["check", "/no/such/folder"], 3, "No such file"),
        (&["check", empty.path().to_str().unwrap()], 6, "no scenario file"),
        (
            &["run", "scenarios", "--filter", "nothing-like-this", "--out", empty.path().to_str().unwrap()],
            6,
            "--filter leaves no scenario",
        ),
        (&["run", "scenarios", "--twice", "--transport", "tcp"], 1, "--twice needs --transport memory"),
        (&["show", "nothing-like-this"], 6, "cmsim list"),
        (&["sql", empty.path().to_str().unwrap(), "select 1"], 3, "does not exist"),
    ];
    for (arguments, code, words) in cases {
        let said = cmsim(arguments);
        assert_eq!((said.code, said.out.as_str()), (code, ""), "{arguments:?}: {}", said.err);
        assert!(said.err.contains(words), "{arguments:?}: {}", said.err);
    }
}

/// An error is told once, not again as its own cause.
#[test]
fn no_cause_is_told_twice() {
    for arguments in [["check", "/no/such/folder"].as_slice(), &["sql", "OUT", "selec 1"]] {
        let said = on_output(arguments);
        let causes: Vec<&str> = said.err.lines().filter_map(|line| line.strip_prefix("  because ")).collect();
        assert_eq!(causes.len(), 1, "{}", said.err);
    }
}

#[test]
fn a_failed_expectation_ends_with_four() {
    let text = "title = \"x\"\n[[expect]]\nlog = \"WUAHandler.log\"\ncontains = \"never said\"\n";
    let folder = file("fails.toml", text);
    let said = cmsim_in(folder.path(), &["run", "fails.toml"]);
    assert_eq!(said.code, 4, "{}", said.err);
    assert!(said.out.starts_with("FAILED fails: x\n  expected "), "{}", said.out);
    assert!(said.err.starts_with("0 passed, 1 failed"), "{}", said.err);
    assert!(folder.path().join("out/fails/result.json").is_file());
    let left: Vec<_> =
        fs::read_dir(folder.path().join("out")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["fails"], "nothing unfinished stays");
}

#[test]
fn list_and_show_describe_the_scenarios() {
    let ids: Vec<Value> = json_lines(&cmsim(&["list", "--json"])).into_iter().map(|line| line["id"].clone()).collect();
    for id in ["healthy-scan-windows-11", "healthy-scan", "rescan-new-version"] {
        assert!(ids.contains(&id.into()), "{id}: {ids:?}");
    }
    let table = cmsim(&["list"]);
    assert_eq!(table.out.lines().count(), ids.len() + 1, "{}", table.out);

    let said = cmsim(&["show", "healthy-scan"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    for part in ["healthy-scan", "guide step: S1.1", "difficulty: 1", "steps: 4, expectations: 9"] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    let by_file = cmsim(&["show", "scenarios/guide/healthy-scan.toml"]);
    assert_eq!(by_file.out, said.out);
}

#[test]
fn err_reads_a_code_in_every_notation() {
    let texts: Vec<String> =
        ["0x8024401F", "8024401f", "-2145107937", "2149859359"].map(|code| cmsim(&["err", code]).out).into();
    assert!(
        texts[0].starts_with("0x8024401F  (-2145107937, 2149859359)\n  WU_E_PT_HTTP_STATUS_SERVER_ERROR: "),
        "{}",
        texts[0]
    );
    assert!(texts.iter().all(|text| *text == texts[0]));
    let line = &json_lines(&cmsim(&["err", "0x8024401F", "--json"]))[0];
    assert_eq!(
        (&line["code"], &line["signed"], &line["retry_listed"]),
        (&"0x8024401F".into(), &(-2_145_107_937_i64).into(), &true.into())
    );
    assert_eq!(cmsim(&["err", "0x00BC614E"]).code, 6, "an unknown code is no error, and nothing found");
    let nonsense = cmsim(&["err", "nonsense"]);
    assert_eq!((nonsense.code, nonsense.out.as_str()), (1, ""));
}

#[test]
fn sql_and_wmi_answer_queries() {
    let rows = json_lines(&on_output(&[
        "sql",
        "OUT",
        "select SiteCode, ReportingSiteCode as Above, null as Gap from v_Site",
        "--json",
    ]));
    assert_eq!(rows, [serde_json::json!({ "SiteCode": "PS1", "Above": "", "Gap": null })]);
    let other = on_output(&[
        "sql",
        "OUT",
        "select count(*) as n from sqlite_master",
        "--database",
        "susdb-PS1SYS.db",
        "--json",
    ]);
    assert!(json_lines(&other)[0]["n"].as_u64().is_some_and(|tables| tables > 5));
    let written = on_output(&["sql", "OUT", "delete from WSUSServerLocations"]);
    assert_eq!(written.code, 3, "databases are opened read only");

    let missing = on_output(&["wmi", "OUT", "select UniqueId, Status from CCM_UpdateStatus where Status = 'Missing'"]);
    assert_eq!(missing.err, "36 instances on CLIENT1\n");
    let instances = json_lines(&missing);
    assert_eq!(instances.len(), 36);
    assert!(
        instances
            .iter()
            .all(|instance| instance["Status"] == "Missing" && instance.as_object().is_some_and(|of| of.len() == 2))
    );
    let gone = on_output(&["wmi", "OUT", "select * from CCM_UpdateStatus", "--namespace", r"root\nowhere"]);
    assert_eq!(gone.code, 3);
    assert!(gone.err.contains("--namespace names one of"), "{}", gone.err);
}

#[test]
fn logs_merges_and_filters() {
    let lines = json_lines(&on_output(&["logs", "OUT", "--json"]));
    let times: Vec<jiff::Timestamp> = lines.iter().filter_map(|line| line["utc"].as_str()?.parse().ok()).collect();
    assert!(times.is_sorted(), "merged by time");
    assert!(times.len() > 1000, "{}", times.len());

    let said =
        on_output(&["logs", "OUT", "--host", "client1", "--log", "WUAHandler.log", "--contains", "Async searching"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let told: Vec<&str> = said.out.lines().collect();
    let [started, completed] = told.as_slice() else { panic!("{}", said.out) };
    assert!(
        started.ends_with("WUAHandler.log           Async searching of updates using WUAgent started."),
        "{started}"
    );
    assert!(completed.ends_with("Async searching completed."), "{completed}");
    assert_eq!(on_output(&["logs", "OUT", "--host", "CLIENT7"]).code, 6);
}

#[test]
fn guide_judges_a_bare_tree() {
    let said = on_output(&["guide", "OUT"]);
    assert_eq!(said.code, 0, "{}", said.out);
    assert_eq!(said.out.lines().filter(|line| line.starts_with("  passed ")).count(), 17, "{}", said.out);

    // Without the agent's log a step has no evidence, and with a failure in it the guide says what to check.
    let folder = output();
    let logs = folder.path().join("hosts/CLIENT1/C/Windows/CCM/Logs");
    let location = fs::read_to_string(logs.join("LocationServices.log")).unwrap();
    fs::write(
        logs.join("LocationServices.log"),
        location.replace("Calling back with locations", "Calling back with nothing"),
    )
    .unwrap();
    let said = cmsim(&["guide", folder.path().to_str().unwrap()]);
    assert_eq!(said.code, 4, "{}", said.out);
    assert!(said.out.contains("  failed      S1.8 ") && said.out.contains("  check next: "), "{}", said.out);
}

/// The shipped scenarios and the keys of the schema agree.
#[test]
fn schema_is_a_json_schema_of_scenario_files() {
    let said = cmsim(&["schema"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let schema: Value = serde_json::from_str(&said.out).unwrap();
    let keys: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["id", "title", "about", "world", "steps", "expect"]);
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["required"], serde_json::json!(["title"]));
}

#[test]
fn a_run_says_each_step_with_its_proof() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let said = cmsim(&["run", "scenarios/guide/healthy-scan.toml", "--out", out.to_str().unwrap(), "--twice"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(said.out.starts_with("passed healthy-scan: "), "{}", said.out);
    for step in cmsim_guide::step_codes() {
        assert!(
            said.out.lines().any(|line| line.trim_start().starts_with(&format!("passed      {step} "))),
            "{step}: {}",
            said.out
        );
    }
    assert!(said.out.contains(&format!("  output in {}", out.join("healthy-scan").display())), "{}", said.out);
    assert!(said.err.starts_with("1 passed, 0 failed; 21 min "), "{}", said.err);
}
