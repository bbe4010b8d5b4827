//! What reads the product's logs reads ours: another project's viewer, and our own strict parsers.

use cmsim_logs::{Format, Log, cmtrace, w3c};
use cmtraceopen_parser::models::log_entry::{LogFormat, ParserKind};
use cmtraceopen_parser::parser;
use regex::Regex;
use serde_json::Value;

use crate::runs::{Run, healthy, rescan, windows_11};

/// A pattern in which `MDY`, `YMD`, `BIAS` and `OFFSET` stand for the run's day and zone. Windows 11 runs in summer.
fn pattern(text: &str, run: &str) -> Regex {
    let [month_first, year_first, bias, offset] = match run {
        "Windows 11" => ["05-12-2026", "2026-05-12", r"\+240", "-0400"],
        _ => ["01-20-2014", "2014-01-20", r"\+300", "-0500"],
    };
    let text =
        text.replace("MDY", month_first).replace("YMD", year_first).replace("BIAS", bias).replace("OFFSET", offset);
    Regex::new(&text).unwrap()
}

fn runs() -> [(&'static str, &'static Run); 3] {
    [("healthy scan", healthy()), ("rescan", rescan()), ("Windows 11", windows_11())]
}

/// Times are not compared: that reader takes the bias for an offset from UTC.
#[test]
fn another_projects_reader_agrees_on_every_record() {
    for (run, output) in runs() {
        let mut read = 0;
        for (path, log, bytes) in output.logs().filter(|(_, log, _)| log.format() == Format::CmTrace) {
            let ours = cmtrace::parse(bytes).unwrap_or_else(|error| panic!("{run} {path}: {error}"));
            let text = parser::decode_bytes(bytes, parser::detect_encoding(bytes)).unwrap();
            let (theirs, _) = parser::parse_content(&text, log.file_name(), bytes.len().try_into().unwrap());
            assert_eq!(theirs.parser_selection.parser, ParserKind::Ccm, "{run} {path}");
            assert_eq!(theirs.parse_errors, 0, "{run} {path}");
            let told = ours
                .iter()
                .map(|record| (record.text.as_str(), record.component.as_str(), record.thread, record.file.as_str()));
            let heard = theirs.entries.iter().map(|entry| {
                assert_eq!(entry.format, LogFormat::Ccm, "{run} {path}: {}", entry.message);
                let (component, file) = (entry.component.as_deref(), entry.source_file.as_deref());
                (
                    entry.message.as_str(),
                    component.unwrap_or_default(),
                    entry.thread.unwrap_or_default(),
                    file.unwrap_or_default(),
                )
            });
            assert!(told.eq(heard), "{run} {path}: {} records and {}", ours.len(), theirs.entries.len());
            read += ours.len();
        }
        assert!(read > 200, "{run}: {read} records");
    }
}

#[test]
fn the_strict_parser_of_its_format_takes_every_log() {
    for (run, output) in runs() {
        let truth = output.json("truth.json");
        let mut formats = Vec::new();
        for (path, log, bytes) in output.logs() {
            let records =
                cmsim_logs::check(log.format(), bytes).unwrap_or_else(|error| panic!("{run} {path}: {error}"));
            assert!(records > 0, "{run} {path} is empty");
            // The trace of a database server is made of the calls when the run ends, not written as a log.
            if log != Log::Profiler {
                assert_eq!(truth["lines"][path].as_array().map(Vec::len), Some(records), "{run} {path}");
            }
            formats.push(log.format());
        }
        formats.sort();
        formats.dedup();
        let agent = if run == "Windows 11" { Format::WindowsUpdateDecoded } else { Format::WindowsUpdateTabbed };
        for format in
            [Format::CmTrace, Format::Server, agent, Format::W3c, Format::SoftwareDistribution, Format::ReportingEvents]
        {
            assert!(formats.contains(&format), "{run} has no {format:?}");
        }
    }
}

/// Said once more without our parsers: byte order mark, line ends, attributes, sign of the bias.
#[test]
fn cmtrace_files_are_made_of_whole_records() {
    let end = r#"\]LOG\]!><time="\d\d:\d\d:\d\d\.\d{3}BIAS" date="MDY" component="\w+" context="" type="[0-3]" thread="[1-9]\d*" file="[\w.]+(:\d+)?">$"#;
    let mut breaks = 0;
    for (run, output) in runs() {
        let end = pattern(end, run);
        for (path, _, bytes) in output.logs().filter(|(_, log, _)| log.format() == Format::CmTrace) {
            let text =
                std::str::from_utf8(bytes).unwrap().strip_prefix('\u{FEFF}').unwrap_or_else(|| panic!("{run} {path}"));
            let text = text.strip_suffix("\r\n").unwrap_or_else(|| panic!("{run} {path} ends in the middle"));
            for record in text.split("\r\n") {
                assert!(record.starts_with("<![LOG[") && end.is_match(record), "{run} {path}: {record}");
                assert!(!record.contains(['\r', '\u{FEFF}']), "{run} {path}: {record}");
                breaks += record.matches('\n').count();
            }
        }
    }
    assert!(breaks > 0, "some texts have lines");
}

/// Formats that are not CMTrace's: the line as Windows writes it, in words of a regular expression.
#[test]
fn other_files_have_their_own_shape() {
    let shapes = [
        (Format::Server, r"^.+  \$\$<SMS_\w+><MDY \d\d:\d\d:\d\d\.\d{3}BIAS><thread=(\d+) \(0x([0-9A-F]+)\)>$"),
        (Format::WindowsUpdateTabbed, r"^YMD\t\d\d:\d\d:\d\d:\d{3}\t[ \d]{4}\t[ \da-f]{3,}\t\w+\t.+$"),
        (Format::WindowsUpdateDecoded, r"^2026/05/12 \d\d:\d\d:\d\d\.\d{7} \d+ +\d+ +\w+ +.+$"),
        (Format::SoftwareDistribution, r"^YMD \d\d:\d\d:\d\d\.\d{3} UTC\t\w+\t[\w.]+\t[\w.]+\t.*$"),
        (
            Format::ReportingEvents,
            r"^\{[0-9A-F-]{36}\}\tYMD \d\d:\d\d:\d\d:\d{3}OFFSET\t\d+\t\d+\t\d+\t\{[0-9A-F-]{36}\}\t.+$",
        ),
    ];
    for (run, output) in runs() {
        for (path, log, bytes) in output.logs() {
            let Some((_, shape)) = shapes.iter().find(|(format, _)| *format == log.format()) else { continue };
            let shape = pattern(shape, run);
            let text = decoded(log.format(), bytes);
            for line in
                text.strip_suffix("\r\n").unwrap_or_else(|| panic!("{run} {path} ends in the middle")).split("\r\n")
            {
                let found = shape.captures(line).unwrap_or_else(|| panic!("{run} {path}: {line:?}"));
                if log.format() == Format::Server {
                    assert_eq!(u32::from_str_radix(&found[2], 16).ok(), found[1].parse().ok(), "{run} {path}: {line}");
                }
            }
        }
    }
}

/// The agent reports its events in UTF-16, all else is UTF-8; only CMTrace files have a mark.
fn decoded(format: Format, bytes: &[u8]) -> String {
    if format != Format::ReportingEvents {
        assert!(!bytes.starts_with("\u{FEFF}".as_bytes()), "{format:?}");
        return String::from_utf8(bytes.to_vec()).unwrap();
    }
    let (mark, rest) = bytes.split_at(2);
    assert_eq!(mark, [0xFF, 0xFE]);
    let units: Vec<u16> = rest.chunks(2).map(|pair| u16::from_le_bytes(pair.try_into().unwrap())).collect();
    String::from_utf16(&units).unwrap()
}

/// Row by row the web server's log is what its clients saw: method, path, status, and both sizes to the byte.
#[test]
fn the_web_logs_count_what_the_wire_carried() {
    for (run, output) in runs() {
        let har = output.json("exchanges.har");
        let exchanges = har["log"]["entries"].as_array().unwrap();
        let mut compared = 0;
        for (path, _, bytes) in output.logs().filter(|(_, log, _)| *log == Log::IisRequests) {
            let server = path.split('/').nth(1).unwrap();
            let rows = w3c::parse(bytes).unwrap();
            let told = rows.iter().map(|row| {
                let query = if row.uri_query.is_empty() { String::new() } else { format!("?{}", row.uri_query) };
                (
                    row.method.clone(),
                    format!("{}{query}", row.uri_stem),
                    row.status.unwrap(),
                    row.bytes_received.unwrap(),
                    row.bytes_sent.unwrap(),
                )
            });
            let seen: Vec<_> = exchanges.iter().filter_map(|exchange| wire(exchange, server)).collect();
            assert_eq!(told.collect::<Vec<_>>(), seen, "{run} {path}");
            compared += seen.len();
        }
        assert_eq!(compared, exchanges.len(), "{run}");
    }
}

/// Method, target, status and the sizes of request and answer with their heads, if the exchange was with that server.
fn wire(exchange: &Value, server: &str) -> Option<(String, String, u16, u64, u64)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let size = |value: &Value| value.as_u64().unwrap();
    let (request, response) = (&exchange["request"], &exchange["response"]);
    let url = text(&request["url"]);
    let (authority, target) = url.split_once("://")?.1.split_once('/')?;
    if !authority.to_ascii_uppercase().starts_with(&format!("{server}.")) {
        return None;
    }
    let head = |first: String, of: &Value| {
        let headers = of["headers"].as_array().unwrap().iter();
        let lines: usize =
            headers.map(|header| format!("{}: {}\r\n", text(&header["name"]), text(&header["value"])).len()).sum();
        u64::try_from(first.len() + lines + "\r\n".len()).unwrap() + size(&of["bodySize"])
    };
    let (method, status) = (text(&request["method"]), size(&response["status"]));
    let received = head(format!("{method} /{target} HTTP/1.1\r\n"), request);
    let sent = head(format!("HTTP/1.1 {status} {}\r\n", text(&response["statusText"])), response);
    Some((method, format!("/{target}"), status.try_into().unwrap(), received, sent))
}
