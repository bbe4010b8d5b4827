//! A healthy scan written from the guide's own lines must be judged healthy, and every damage to it must be seen: each record
//! deleted, swapped with its neighbour, reworded, moved to another component or log, torn in two, given another id, sent
//! back in time.

use std::collections::BTreeMap;

use cmsim_guide::{
    Evidence, Line, Outcome, Scan, Values, compare_with_example, differences, example_values, judge, step_codes, steps,
};
use cmsim_logs::{Format, LocalStamp, Log, LogPlace, Severity, cmtrace, profiler, server, w3c, windows_update};

const CLIENT: &str = "CLIENT1";

/// One record to be written.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    log: Log,
    component: String,
    text: String,
    /// Milliseconds since the Unix epoch.
    at: i64,
}

fn host(log: Log) -> &'static str {
    match log {
        Log::MpLocation | Log::MpRelay | Log::MpFdm | Log::IisRequests => "PS1SYS",
        Log::Profiler | Log::StateSys => "PS1SITE",
        _ => CLIENT,
    }
}

/// Ids that the example leaves open.
fn values() -> Values {
    let mut values = example_values().clone();
    for (number, name) in ["JobID", "RequestID", "RequestMessageID", "ReplyMessageID", "StateMessageID", "ServiceID"]
        .into_iter()
        .enumerate()
    {
        values.insert(name.into(), format!("{{0000000{number}-0000-4000-8000-00000000ABCD}}"));
    }
    values.insert("SmxFile".into(), "A1B2C3".into());
    values
}

fn told(line: &Line, values: &Values, at: i64) -> Told {
    let text = line.example.as_ref().unwrap_or(&line.text).fill(values);
    Told { log: line.log, component: line.component.clone(), text, at }
}

/// Every line of a scan that is a record of its own, 40 ms apart.
fn scan(kind: Scan, values: &Values, start: i64) -> Vec<Told> {
    let lines = steps().iter().flat_map(|step| step.lines_of(kind));
    let own = lines.filter(|line| !line.again && line.log != Log::WindowsUpdateDecoded);
    own.zip(0_i64..).map(|(line, number)| told(line, values, start + 40 * number)).collect()
}

fn first_scan() -> Vec<Told> {
    scan(Scan::First, &values(), 1_390_238_289_000)
}

/// The files of a log tree that holds these records in this order.
fn files(records: &[Told]) -> BTreeMap<String, Vec<u8>> {
    let mut texts: BTreeMap<String, (Log, String)> = BTreeMap::new();
    let mut trace = profiler::Trace { server: "PS1SITE".into(), events: Vec::new() };
    for told in records {
        let path = format!("hosts/{}/C/{}", host(told.log), told.log.path(&LogPlace::default()));
        let (_, out) = texts.entry(path).or_insert_with(|| (told.log, String::new()));
        write(told, out, &mut trace);
    }
    texts
        .into_iter()
        .map(|(path, (log, mut text))| {
            if log == Log::Profiler {
                trace.format(&mut text);
            }
            let mut bytes = log.format().prologue().to_vec();
            bytes.extend(log.format().encode(&text));
            (path, bytes)
        })
        .collect()
}

fn write(told: &Told, out: &mut String, trace: &mut profiler::Trace) {
    let time = LocalStamp::from_utc_millis(told.at, 300);
    let (text, component) = (told.text.clone(), told.component.clone());
    match told.log.format() {
        Format::CmTrace => {
            let (context, severity, file) = (String::new(), Severity::Info, "x.cpp:1".to_owned());
            cmtrace::Record { text, time, component, context, severity, thread: 7, file }.format(out);
        }
        Format::Server => server::Record { text: format!("{text}~"), component, time, thread: 7 }.format(out),
        Format::WindowsUpdateTabbed => {
            windows_update::tabbed::Record { time, process: 968, thread: 7, component, text }.format(out);
        }
        Format::ProfilerTrace => trace.events.push(profiler::Event {
            class: if component == "RPC:Completed" {
                profiler::Class::RpcCompleted
            } else {
                profiler::Class::BatchCompleted
            },
            text,
            host: String::new(),
            application: String::new(),
            login: String::new(),
            session: 7,
            duration_us: 1,
            start: time,
            object: String::new(),
            database: String::new(),
            sequence: 1,
        }),
        Format::W3c => {
            let layout = w3c::Layout::standard();
            if out.is_empty() {
                layout.format_header("8.5", &time, out);
            }
            let parts: Vec<&str> = text.split(' ').collect();
            let record = w3c::Record {
                time,
                server_ip: "192.168.2.11".into(),
                method: parts[0].into(),
                uri_stem: parts.get(1).copied().unwrap_or_default().into(),
                uri_query: String::new(),
                port: Some(80),
                username: String::new(),
                client_ip: "192.168.2.62".into(),
                user_agent: "ccmhttp".into(),
                referer: String::new(),
                status: parts.get(2).and_then(|part| part.parse().ok()),
                substatus: Some(0),
                win32_status: Some(0),
                bytes_sent: None,
                bytes_received: None,
                time_taken_ms: Some(3),
            };
            record.format(&layout, out);
        }
        other => panic!("no line of the guide is in {other:?}"),
    }
}

fn evidence(records: &[Told]) -> Evidence {
    Evidence::from_files(files(records))
}

fn faults(records: &[Told]) -> Vec<String> {
    differences(&compare_with_example(&evidence(records), CLIENT, Scan::First))
}

fn assert_seen(records: &[Told], what: &str) {
    assert!(!faults(records).is_empty(), "not seen: {what}");
}

#[test]
fn the_healthy_scan_is_the_guides() {
    let proofs = compare_with_example(&evidence(&first_scan()), CLIENT, Scan::First);
    assert_eq!(differences(&proofs), Vec::<String>::new());
    for step in steps() {
        let lines = proofs.iter().filter(|proof| proof.step == step.code).count();
        let wanted = step.lines_of(Scan::First).filter(|line| line.log != Log::WindowsUpdateDecoded).count();
        assert_eq!(lines, wanted, "{}", step.code);
    }
    let verdict = judge(&evidence(&first_scan()));
    for step in step_codes() {
        assert_eq!(verdict.outcome(CLIENT, step), Some(Outcome::Passed), "{step}");
    }
    assert_eq!(verdict.clients[0].first_failing, None);
    assert_eq!(verdict.clients.len(), 1, "the servers are no clients");
}

#[test]
fn a_deleted_record_is_missed() {
    let healthy = first_scan();
    for place in 0..healthy.len() {
        let mut damaged = healthy.clone();
        let gone = damaged.remove(place);
        assert_seen(&damaged, &format!("deleted {gone:?}"));
    }
}

#[test]
fn swapped_neighbours_are_noticed() {
    let healthy = first_scan();
    for place in 0..healthy.len() {
        // The next record of the same log; a swap across logs changes neither file.
        let Some(next) = (place + 1..healthy.len()).find(|next| healthy[*next].log == healthy[place].log) else {
            continue;
        };
        let mut damaged = healthy.clone();
        damaged.swap(place, next);
        assert_seen(&damaged, &format!("swapped {:?} and {:?}", healthy[place].text, healthy[next].text));
        // Also when the clocks stay in order.
        let at = damaged[place].at;
        damaged[place].at = damaged[next].at;
        damaged[next].at = at;
        assert_seen(&damaged, &format!("swapped, times in order: {:?}", healthy[place].text));
    }
}

#[test]
fn a_reworded_record_is_none() {
    let healthy = first_scan();
    for place in 0..healthy.len() {
        let text = healthy[place].text.clone();
        let half = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
        let variants = [
            format!("{text}x"),
            format!("x{text}"),
            text.replacen(' ', "  ", 1),
            format!("{}#{}", &text[..half], &text[half..]),
        ];
        for variant in variants.into_iter().filter(|variant| *variant != text) {
            // One blank or two are both found in such lines.
            let gaps =
                healthy[place].log == Log::WindowsUpdate && variant.replace("  ", " ") == text.replace("  ", " ");
            if gaps || healthy[place].log == Log::IisRequests {
                continue;
            }
            let mut damaged = healthy.clone();
            damaged[place].text = variant.clone();
            assert_seen(&damaged, &format!("{text:?} became {variant:?}"));
        }
    }
}

#[test]
fn a_record_of_another_component_or_log_does_not_count() {
    let healthy = first_scan();
    for place in 0..healthy.len() {
        if healthy[place].log != Log::IisRequests {
            let mut damaged = healthy.clone();
            damaged[place].component = "Elsewhere".into();
            assert_seen(&damaged, &format!("component of {:?}", healthy[place].text));
        }
        let mut damaged = healthy.clone();
        damaged[place].log = Log::CcmExec;
        assert_seen(&damaged, &format!("log of {:?}", healthy[place].text));
    }
}

#[test]
fn a_record_torn_in_two_is_no_record() {
    let healthy = first_scan();
    for place in 0..healthy.len() {
        let Some((head, tail)) = healthy[place].text.split_once(' ').filter(|_| healthy[place].log != Log::IisRequests)
        else {
            continue;
        };
        let mut damaged = healthy.clone();
        damaged[place].text = head.to_owned();
        damaged.insert(place + 1, Told { text: tail.to_owned(), ..healthy[place].clone() });
        assert_seen(&damaged, &format!("torn {:?}", healthy[place].text));
    }
}

#[test]
fn another_id_anywhere_is_noticed() {
    let healthy = first_scan();
    let named = values();
    for (name, value) in &named {
        for place in 0..healthy.len() {
            let count = healthy[place].text.matches(value.as_str()).count();
            for nth in 0..count {
                let Some(text) = with_another(&healthy[place].text, value, nth) else { continue };
                let mut damaged = healthy.clone();
                damaged[place].text = text.clone();
                assert_seen(&damaged, &format!("another {name} in {text:?}"));
            }
        }
    }
}

/// The text with the nth `value` changed in its last letter or digit.
fn with_another(text: &str, value: &str, nth: usize) -> Option<String> {
    let (at, _) = text.match_indices(value).nth(nth)?;
    let last = value.rfind(|c: char| c.is_ascii_alphanumeric())?;
    let other = match value.as_bytes()[last] {
        b'0'..=b'8' => char::from(value.as_bytes()[last] + 1),
        b'9' => '1',
        b'A' => 'B',
        b'C' | b'D' => 'A',
        b'a' => 'b',
        _ => 'a',
    };
    let place = at + last;
    Some(format!("{}{other}{}", &text[..place], &text[place + 1..]))
}

#[test]
fn clocks_that_run_back_along_the_first_nine_steps_are_noticed() {
    let healthy = first_scan();
    let until = scan_lines_before("S1.10");
    for place in 1..until {
        let mut damaged = healthy.clone();
        damaged[place].at -= 3_600_000;
        assert_seen(&damaged, &format!("an hour early: {:?}", healthy[place].text));
    }
}

/// How many records come before a step.
fn scan_lines_before(code: &str) -> usize {
    let before = steps().iter().take_while(|step| step.code != code);
    before.flat_map(|step| step.lines_of(Scan::First)).filter(|line| !line.again).count()
}

#[test]
fn a_log_with_stray_text_is_not_the_products() {
    let mut files = files(&first_scan());
    let path = format!("hosts/{CLIENT}/C/Windows/CCM/Logs/ScanAgent.log");
    files.get_mut(&path).unwrap().extend(b"stray\r\n");
    let proofs = compare_with_example(&Evidence::from_files(files), CLIENT, Scan::First);
    assert!(differences(&proofs)[0].contains("no record"));
}

fn rescan() -> Vec<Told> {
    let mut records = first_scan();
    let mut later = values();
    later.insert("Version".into(), "39".into());
    later.insert("LocationVersion".into(), "39".into());
    for (name, value) in &mut later {
        if name.ends_with("ID") && value.contains("ABCD") {
            *value = value.replace("ABCD", "DCBA");
        }
    }
    later.insert("LocationReply".into(), example_values()["LocationReply"].replace("Version=\"38\"", "Version=\"39\""));
    records.extend(scan(Scan::Rescan, &later, 1_390_238_289_000 + 7_200_000));
    records
}

#[test]
fn a_second_scan_with_a_new_version_is_known_as_one() {
    let records = rescan();
    let verdict = judge(&evidence(&records));
    assert_eq!(verdict.clients[0].scans, 2);
    for step in step_codes() {
        assert_eq!(verdict.outcome(CLIENT, step), Some(Outcome::Passed), "{step}");
    }
    let proofs = compare_with_example(&evidence(&records), CLIENT, Scan::Rescan);
    assert_eq!(differences(&proofs), Vec::<String>::new());
    let source =
        proofs.iter().filter(|proof| proof.step == "S1.10").map(|proof| proof.text.as_str()).collect::<Vec<_>>();
    assert_eq!(source[1], "WSUS update source already exists, it has increased version to 39.");

    let without: Vec<Told> = records.into_iter().filter(|told| !told.text.contains("increased version")).collect();
    assert!(!differences(&compare_with_example(&evidence(&without), CLIENT, Scan::Rescan)).is_empty());
}
