//! Reading any of the formats without being told which: what tools over whole log trees need.

use serde::{Deserialize, Serialize};

use crate::error::{self, ParseError};
use crate::lines::{self, LineRecord};
use crate::log::Format;
use crate::scan::Scan;
use crate::severity::Severity;
use crate::stamp::LocalStamp;
use crate::{
    cbs, cmtrace, encoding, httperr, msi, profiler, reporting_events, server, software_distribution, sup_setup, w3c,
    windows_update,
};

/// What every format has in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Line of the file the record starts on, counted from 1.
    pub line: usize,
    /// When; `None` only for installer lines before any time.
    pub time: Option<LocalStamp>,
    /// The format's own grade where it has one, otherwise what the words say.
    pub severity: Severity,
    /// Component, class and method, application, or `IIS`; may be empty.
    pub component: String,
    /// Process id, where the format has it.
    pub process: Option<u32>,
    /// Thread id, where the format has it.
    pub thread: Option<u32>,
    /// Source file, program or peer; may be empty.
    pub source: String,
    /// The message.
    pub text: String,
}

/// What was read from one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The format that was recognized, `None` for an empty or foreign file.
    pub format: Option<Format>,
    /// Every record, in the file's order.
    pub entries: Vec<Entry>,
    /// What was passed over.
    pub problems: Vec<ParseError>,
}

/// Reads the bytes of a log of any format, as leniently as viewers do. `bias_minutes` is the zone of the machine, for
/// formats that do not state it.
#[must_use]
pub fn read(bytes: &[u8], bias_minutes: i32) -> Reading {
    if let Err(problem) = error::check_size(bytes.len()) {
        return Reading { format: None, entries: Vec::new(), problems: vec![problem] };
    }
    let text = encoding::lossy(bytes);
    let Some(format) = detect(&text) else {
        let foreign = !text.trim().is_empty();
        let problems = foreign.then(|| ParseError::at(bytes, 0, "no known log format")).into_iter().collect();
        return Reading { format: None, entries: Vec::new(), problems };
    };
    let (entries, problems) = entries(&text, format, bias_minutes);
    Reading { format: Some(format), entries, problems }
}

fn entries(text: &str, format: Format, bias: i32) -> (Vec<Entry>, Vec<ParseError>) {
    match format {
        Format::CmTrace => {
            let (records, problems) = cmtrace::parse_lenient(text.as_bytes(), bias);
            (records.into_iter().map(cmtrace_entry).collect(), problems)
        }
        Format::Server => lines::lenient::<server::Record>(text, bias),
        Format::SupSetup => lines::lenient::<sup_setup::Record>(text, bias),
        Format::WindowsUpdateTabbed => lines::lenient::<windows_update::tabbed::Record>(text, bias),
        Format::WindowsUpdateDecoded => lines::lenient::<windows_update::decoded::Record>(text, bias),
        Format::SoftwareDistribution => lines::lenient::<software_distribution::Record>(text, bias),
        Format::ReportingEvents => lines::lenient::<reporting_events::Record>(text, bias),
        Format::Cbs => lines::lenient::<cbs::Record>(text, bias),
        Format::W3c => w3c::lenient(text),
        Format::HttpErr => httperr::lenient(text),
        Format::Msi => msi::lenient(text, bias),
        Format::ProfilerTrace => profiler::lenient(text),
    }
}

fn cmtrace_entry((line, record): cmtrace::Placed) -> Entry {
    Entry {
        line,
        time: Some(record.time),
        severity: record.severity,
        component: record.component,
        process: None,
        thread: Some(record.thread),
        source: record.file,
        text: record.text,
    }
}

/// Lines that are looked at before a file counts as foreign: a log may begin in the middle of a record.
const LINES_LOOKED_AT: usize = 40;

/// The format of a text, by the first line that is a record of one.
#[must_use]
pub fn detect(text: &str) -> Option<Format> {
    let mut at = 0;
    for full in text.split_inclusive('\n').take(LINES_LOOKED_AT) {
        let line = full.trim_end_matches(['\r', '\n']);
        let end = at + line.len();
        if let Some(format) = detect_line(text, at, end) {
            return Some(format);
        }
        at += full.len();
    }
    None
}

fn detect_line(text: &str, at: usize, end: usize) -> Option<Format> {
    let line = &text[at..end];
    if line.starts_with("<![LOG[") {
        return Some(Format::CmTrace);
    }
    if line.starts_with("<TraceData") || line.contains("><TraceData") {
        return Some(Format::ProfilerTrace);
    }
    if line.starts_with("=== Verbose logging started: ") {
        return Some(Format::Msi);
    }
    if let Some(fields) = line.strip_prefix("#Fields: ") {
        return Some(if fields.contains("s-reason") { Format::HttpErr } else { Format::W3c });
    }
    let is = |read: fn(&mut Scan<'_>) -> bool| read(&mut Scan::part(text, at, end, 1));
    if is(reads::<windows_update::tabbed::Record>) {
        Some(Format::WindowsUpdateTabbed)
    } else if is(reads::<windows_update::decoded::Record>) {
        Some(Format::WindowsUpdateDecoded)
    } else if is(reads::<software_distribution::Record>) {
        Some(Format::SoftwareDistribution)
    } else if is(reads::<reporting_events::Record>) {
        Some(Format::ReportingEvents)
    } else if is(reads::<cbs::Record>) {
        Some(Format::Cbs)
    } else if is(reads::<sup_setup::Record>) {
        Some(Format::SupSetup)
    } else if is(reads::<server::Record>) {
        Some(Format::Server)
    } else {
        None
    }
}

fn reads<R: LineRecord>(scan: &mut Scan<'_>) -> bool {
    R::read(scan, 0).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One line of each format, ours.
    const SAMPLES: [(Format, &str); 11] = [
        (
            Format::CmTrace,
            "<![LOG[hello]LOG]!><time=\"12:18:09.531+300\" date=\"01-20-2014\" component=\"WUAHandler\" context=\"\" \
             type=\"2\" thread=\"2784\" file=\"a.cpp:1\">\r\n",
        ),
        (Format::Server, "hello~  $$<SMS_STATE_SYSTEM><01-20-2014 12:17:31.004+300><thread=3404 (0xD4C)>\r\n"),
        (Format::SupSetup, "<02/09/14 22:53:28> hello\r\n"),
        (Format::WindowsUpdateTabbed, "2014-01-20\t12:18:11:520\t 968\t9d0\tAgent\thello\r\n"),
        (Format::WindowsUpdateDecoded, "2020/01/23 15:17:51.1570490 9852  7344  ProtocolTalker  hello\r\n"),
        (Format::SoftwareDistribution, "2014-01-16 18:53:54.231 UTC\tInfo\tw3wp.58\tA.B\thello\r\n"),
        (
            Format::W3c,
            "#Software: Microsoft Internet Information Services 8.5\r\n#Fields: date time cs-method\r\n2014-01-20 17:18:09 GET\r\n",
        ),
        (
            Format::HttpErr,
            "#Software: Microsoft HTTP API 2.0\r\n#Fields: date time s-reason\r\n2014-01-20 17:18:09 BadRequest\r\n",
        ),
        (
            Format::ReportingEvents,
            "{A}\t2014-01-20 12:18:53:567-0500\t1\t147\t101\t{0}\t0\t0\tCcmExec\tSuccess\tS\thello\r\n",
        ),
        (Format::Cbs, "2016-09-28 04:30:31, Info                  CBS    hello\r\n"),
        (
            Format::Msi,
            "=== Verbose logging started: 3/15/2026  8:00:00  Build type: SHIP UNICODE 5.00.10011.00  Calling process: x ===\r\n",
        ),
    ];

    #[test]
    fn every_format_is_recognized_with_either_line_end() {
        for (format, sample) in SAMPLES {
            for text in [sample.to_owned(), sample.replace("\r\n", "\n")] {
                let reading = read(text.as_bytes(), 300);
                assert_eq!(reading.format, Some(format));
                assert_eq!(reading.problems, [], "{format:?}");
                assert_eq!(reading.entries.len(), 1, "{format:?}");
                assert!(reading.entries[0].time.is_some(), "{format:?}");
            }
        }
    }

    #[test]
    fn a_clock_without_zone_gets_the_machines() {
        let reading = read(SAMPLES[3].1.as_bytes(), 300);
        assert_eq!(reading.entries[0].time.unwrap().utc_millis(), 1_390_238_291_520);
    }

    #[test]
    fn foreign_and_empty_files_have_no_format() {
        assert_eq!(read(b"", 0), Reading { format: None, entries: vec![], problems: vec![] });
        assert_eq!(read(b"\xEF\xBB\xBF", 0).problems, []);
        assert_eq!(read(b"dear diary", 0).problems.len(), 1);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, pick in 0_usize..SAMPLES.len(), cut: usize, put: u8) {
            let _ = read(&bytes, 0);
            let mut sample = SAMPLES[pick].1.as_bytes().to_vec();
            let place = cut % sample.len();
            sample[place] = put;
            sample.extend(bytes);
            let _ = read(&sample, 0);
        }
    }
}
