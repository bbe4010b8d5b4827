//! From a line to the record of its format.

use cmsim_logs::{Format, LocalStamp, cmtrace, server, sup_setup, windows_update};

use super::LogLine;

/// What the handle adds to a line.
pub(super) struct Columns<'a> {
    pub(super) component: &'a str,
    pub(super) process: u32,
    pub(super) time: LocalStamp,
    pub(super) ticks: u16,
}

pub(super) fn record(format: Format, columns: &Columns<'_>, line: &LogLine) -> String {
    let mut out = String::new();
    let text = line.text.clone();
    let component = columns.component.to_owned();
    let (time, thread, process) = (columns.time, line.thread, columns.process);
    match format {
        Format::CmTrace => {
            let (context, file, severity) = (String::new(), line.source.to_owned(), line.severity);
            cmtrace::Record { text, time, component, context, severity, thread, file }.format(&mut out);
        }
        Format::Server => server::Record { text, component, time, thread }.format(&mut out),
        Format::SupSetup => sup_setup::Record { time, text }.format(&mut out),
        Format::WindowsUpdateTabbed => {
            windows_update::tabbed::Record { time, process, thread, component, text }.format(&mut out);
        }
        Format::WindowsUpdateDecoded => {
            let ticks = columns.ticks;
            windows_update::decoded::Record { time, ticks, process, thread, component, text }.format(&mut out);
        }
        Format::SoftwareDistribution
        | Format::W3c
        | Format::HttpErr
        | Format::ReportingEvents
        | Format::Cbs
        | Format::Msi
        | Format::ProfilerTrace => {
            out.push_str(&text);
            out.push_str("\r\n");
        }
    }
    out
}
