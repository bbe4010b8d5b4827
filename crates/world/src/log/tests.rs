use std::time::Duration;

use cmsim_logs::{cmtrace, server, windows_update};

use super::*;
use crate::testing;

fn line(text: &str) -> LogLine {
    LogLine {
        severity: Severity::Info,
        source: "cscanagent.cpp:712",
        thread: 3252,
        evidence: Evidence::Article,
        text: text.to_owned(),
    }
}

const SCAN_AGENT: &str = r"C:\Windows\CCM\Logs\ScanAgent.log";

#[tokio::test(start_paused = true)]
async fn a_line_reaches_file_and_journal() {
    let host = testing::host("CLIENT1");
    host.log(Log::ScanAgent).write(&line("first"));
    host.log(Log::ScanAgent).write(&line("second"));
    let bytes = host.disk().read(SCAN_AGENT).unwrap();
    let records = cmtrace::parse(&bytes).unwrap();
    assert_eq!(records.len(), 2);
    assert_eq!((records[1].component.as_str(), records[1].thread), ("ScanAgent", 3252));
    assert_eq!(records[1].time.bias_minutes, 300);
    let entry = &host.journal().entries()[1];
    let json = serde_json::to_value(entry).unwrap();
    assert_eq!(
        (json["file"].as_str(), json["record"].as_u64(), json["evidence"].as_str()),
        (Some("C/Windows/CCM/Logs/ScanAgent.log"), Some(1), Some("article"))
    );
}

#[tokio::test(start_paused = true)]
async fn verbose_lines_need_the_log_level() {
    let host = testing::host("CLIENT1");
    let verbose = LogLine { severity: Severity::Verbose, ..line("detail") };
    host.log(Log::ScanAgent).write(&verbose);
    assert!(!host.disk().exists(SCAN_AGENT));
    host.registry().set(r"HKLM\SOFTWARE\Microsoft\CCM\Logging\@Global", "LogLevel", 0).unwrap();
    host.log(Log::ScanAgent).write(&verbose);
    assert!(host.disk().exists(SCAN_AGENT));
}

#[tokio::test(start_paused = true)]
async fn times_never_run_back_when_the_clock_is_set_back() {
    let host = testing::host("CLIENT1");
    let log = host.log(Log::ScanAgent);
    host.clock().wait("test", "time", Duration::from_secs(5)).await;
    log.write(&line("before"));
    host.set_clock_offset(-3_600_000);
    log.write(&line("after"));
    let records = cmtrace::parse(&host.disk().read(SCAN_AGENT).unwrap()).unwrap();
    assert!(records[0].time.utc_millis() <= records[1].time.utc_millis());
}

#[tokio::test(start_paused = true)]
async fn another_component_can_write_into_a_log() {
    let host = testing::host("CLIENT1");
    host.log(Log::PolicyAgent).write_as("PolicyAgent_PolicyDownload", &line("x"));
    let records = cmtrace::parse(&host.disk().read(r"C:\Windows\CCM\Logs\PolicyAgent.log").unwrap()).unwrap();
    assert_eq!(records[0].component, "PolicyAgent_PolicyDownload");
}

#[tokio::test(start_paused = true)]
async fn a_new_file_begins_with_its_header_and_iis_starts_one_every_utc_day() {
    let host = testing::host("PS1SITE");
    let log = host.iis_log(2);
    let record = FormattedRecord {
        header: "#Software\r\n",
        record: "GET /\r\n",
        severity: Severity::Info,
        evidence: Evidence::Docs,
        text: "GET /",
    };
    log.write_formatted(&record);
    log.write_formatted(&record);
    host.clock().wait("test", "the next day", Duration::from_secs(86_400)).await;
    log.write_formatted(&record);
    let read = |day: &str| host.disk().read(&format!(r"C:\inetpub\logs\LogFiles\W3SVC2\u_ex{day}.log")).unwrap();
    assert_eq!(read("140120"), b"#Software\r\nGET /\r\nGET /\r\n");
    assert_eq!(read("140121"), b"#Software\r\nGET /\r\n");
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_loses_lines_silently() {
    let host = testing::host("CLIENT1");
    host.disk().set_capacity(Some(10));
    host.log(Log::ScanAgent).write(&line("lost"));
    assert!(host.journal().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_full_client_log_rolls_and_record_numbers_go_on() {
    let host = testing::host("CLIENT1");
    host.registry().set(r"HKLM\SOFTWARE\Microsoft\CCM\Logging\@Global", "LogMaxSize", 10_000).unwrap();
    let log = host.log(Log::ScanAgent);
    for number in 0..200 {
        host.clock().wait("test", "time", Duration::from_secs(1)).await;
        log.write(&line(&format!("record {number}")));
    }
    let names: Vec<_> = host.disk().list(r"C:\Windows\CCM\Logs").unwrap().iter().map(FileFacts::name).collect();
    assert_eq!(names.len(), 2, "one rolled file is kept: {names:?}");
    let rolled = host.disk().read(&format!(r"C:\Windows\CCM\Logs\{}", names[0])).unwrap();
    let records = cmtrace::parse(&rolled).unwrap();
    let t = records.last().unwrap().time;
    let stamp =
        format!("ScanAgent-{:04}{:02}{:02}-{:02}{:02}{:02}.log", t.year, t.month, t.day, t.hour, t.minute, t.second);
    assert_eq!(names[0], stamp);
    assert!(rolled.len() >= 10_000 && rolled.len() < 10_400, "{}", rolled.len());
    let newest = serde_json::to_value(host.journal().entries().last().unwrap()).unwrap();
    assert_eq!(newest["record"], 199);
}

#[tokio::test(start_paused = true)]
async fn a_site_component_log_keeps_one_old_file() {
    let host = testing::host("PS1SITE");
    let key = r"HKLM\SOFTWARE\Microsoft\SMS\Tracing\SMS_STATE_SYSTEM";
    host.registry().set(key, "MaxFileSize", 10_000).unwrap();
    for number in 0..200 {
        host.log(Log::StateSys).write(&line(&format!("record {number}")));
    }
    let folder = r"C:\Program Files\Microsoft Configuration Manager\Logs";
    let names: Vec<_> = host.disk().list(folder).unwrap().iter().map(FileFacts::name).collect();
    assert_eq!(names[0], "statesys.lo_");
    let old = host.disk().read(&format!(r"{folder}\statesys.lo_")).unwrap();
    let records = server::parse(&old).unwrap();
    assert_eq!((records[0].component.as_str(), records[0].thread), ("SMS_STATE_SYSTEM", 3252));
}

#[tokio::test(start_paused = true)]
async fn windows_update_log_shows_process_and_component() {
    let host = testing::host("CLIENT1");
    host.log(Log::WindowsUpdate).write_in("COMAPI", 968, &line("-- START --  COMAPI: Search [ClientId = CcmExec]"));
    let bytes = host.disk().read(r"C:\Windows\WindowsUpdate.log").unwrap();
    let records = windows_update::tabbed::parse(&bytes, 300).unwrap();
    assert_eq!((records[0].process, records[0].component.as_str()), (968, "COMAPI"));
}

#[tokio::test(start_paused = true)]
async fn decoded_traces_of_one_millisecond_follow_each_other() {
    let host = testing::host("CLIENT1");
    for _ in 0..400 {
        host.log(Log::WindowsUpdateDecoded).write_in("Agent", 968, &line("x"));
    }
    let bytes = host.disk().read(r"C:\Windows\WindowsUpdate.log").unwrap();
    let records = windows_update::decoded::parse(&bytes, 300).unwrap();
    assert!(records.is_sorted_by_key(|record| (record.time.utc_millis(), record.ticks)));
    assert!(records[0].ticks < records[1].ticks);
}
