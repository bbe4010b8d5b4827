//! What somebody else's viewer makes of our files: no line it cannot read, the same count, components, threads and texts.
//! Times are not compared: that reader takes the sign of the bias the other way round.

use cmsim_logs::{Format, LocalStamp, Log, Severity, cbs, cmtrace, server, w3c};
use cmtraceopen_parser::models::log_entry::LogEntry;
use cmtraceopen_parser::parser;

fn stamp(second: i64, bias: i32) -> LocalStamp {
    LocalStamp::from_utc_millis(1_390_238_289_000 + second * 1007, bias)
}

/// Reads as the viewer does: decoded, without the byte order mark.
fn viewed(log: Log, bytes: &[u8]) -> Vec<LogEntry> {
    let text = std::str::from_utf8(bytes).expect("a log in UTF-8");
    let text = text.strip_prefix(cmtrace::BOM).unwrap_or(text);
    let (result, _) = parser::parse_content(text, log.file_name(), bytes.len() as u64);
    assert_eq!(result.parse_errors, 0, "{log:?}");
    result.entries
}

#[test]
fn cmtrace_logs() {
    let texts = [
        "Message received: '<?xml version='1.0' ?>\n<CIs>\n\t<a>1</a>\n</CIs>'",
        "",
        "    Leaf: 4ae85c00-0eaa-4be0-b81b-dbd7053d5fae, 104   Status: Missing",
        "OnPolicyDelete for assignment ({A})... ",
        "Raising event:\n\ninstance of X\n{\n\tClientID = \"GUID:1\";\n};\n",
        "]LOG]! nearly an end",
        "an end mark ]LOG]!> in the text",
        "en dash \u{2013} and \u{10348}",
    ];
    for log in Log::ALL.iter().filter(|log| log.format() == Format::CmTrace) {
        let mut out = cmtrace::BOM.to_owned();
        for (number, text) in texts.iter().enumerate() {
            let severity = Severity::from_number(u8::try_from(number % 4).unwrap()).unwrap();
            let bias = [300, -60, 0, -330][number % 4];
            let record = cmtrace::Record {
                text: (*text).to_owned(),
                time: stamp(number as i64, bias),
                component: log.component().to_owned(),
                context: String::new(),
                severity,
                thread: 100 + u32::try_from(number).unwrap() * 977,
                file: "cscanagent.cpp:123".to_owned(),
            };
            record.format(&mut out);
        }
        let ours = cmtrace::parse(out.as_bytes()).unwrap();
        let theirs = viewed(*log, out.as_bytes());
        let line = |entry: &LogEntry| (entry.component.clone(), entry.thread, entry.message.clone());
        let expected: Vec<_> =
            ours.iter().map(|own| (Some(own.component.clone()), Some(own.thread), own.text.clone())).collect();
        assert_eq!(theirs.iter().map(line).collect::<Vec<_>>(), expected, "{log:?}");
        assert_eq!(theirs.len(), texts.len());
    }
}

#[test]
fn server_logs() {
    for log in Log::ALL.iter().filter(|log| log.format() == Format::Server) {
        let mut out = String::new();
        for number in 0..5_u32 {
            let record = server::Record {
                text: format!("Thread {number} is done~"),
                component: log.component().to_owned(),
                time: stamp(i64::from(number), 300),
                thread: 8 + number * 3000,
            };
            record.format(&mut out);
        }
        let ours = server::parse(out.as_bytes()).unwrap();
        let theirs = viewed(*log, out.as_bytes());
        let theirs: Vec<_> = theirs.into_iter().map(|entry| (entry.component, entry.thread)).collect();
        let expected: Vec<_> = ours.into_iter().map(|own| (Some(own.component), Some(own.thread))).collect();
        assert_eq!(theirs, expected, "{log:?}");
    }
}

#[test]
fn iis_and_servicing_logs() {
    let mut out = String::new();
    let layout = w3c::Layout::with_bytes();
    layout.format_header("8.5", &stamp(0, 0), &mut out);
    let request = w3c::Record {
        time: stamp(1, 0),
        server_ip: "192.168.2.10".into(),
        method: "POST".into(),
        uri_stem: "/ClientWebService/client.asmx".into(),
        uri_query: String::new(),
        port: Some(8530),
        username: String::new(),
        client_ip: "192.168.2.62".into(),
        user_agent: "Windows-Update-Agent".into(),
        referer: String::new(),
        status: Some(200),
        substatus: Some(0),
        win32_status: Some(0),
        bytes_sent: Some(1042),
        bytes_received: Some(733),
        time_taken_ms: Some(15),
    };
    request.format(&layout, &mut out);
    let theirs = viewed(Log::IisRequests, out.as_bytes());
    assert_eq!(theirs.len(), 1);
    assert_eq!(theirs[0].uri_stem.as_deref(), Some("/ClientWebService/client.asmx"));

    let mut out = String::new();
    let record = cbs::Record {
        time: stamp(0, 0),
        level: "Info".into(),
        component: "CBS".into(),
        text: "Session: 1_2 initialized by client WindowsUpdateAgent.".into(),
    };
    record.format(&mut out);
    let theirs = viewed(Log::Cbs, out.as_bytes());
    assert_eq!((theirs.len(), theirs[0].component.as_deref()), (1, Some("CBS")));
}
