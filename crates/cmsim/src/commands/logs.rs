//! `cmsim logs`: the logs of a finished run, merged by time.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};
use cmsim_logs::{Entry, Severity, merge};
use serde_json::json;

use crate::cli::{AtLeast, LogOptions};
use crate::exit::{Exit, Failure, Outcome};

/// One log of one machine.
struct Source {
    host: String,
    name: String,
}

pub(crate) fn run(options: &LogOptions) -> Outcome {
    let root = if options.out.join("hosts").is_dir() { options.out.join("hosts") } else { options.out.clone() };
    let mut files = Vec::new();
    collect(&root, &mut files).map_err(|error| {
        Failure::new(Exit::CouldNotRun, format!("cannot look for logs in {}", root.display())).because(error)
    })?;
    let (mut sources, mut logs) = (Vec::new(), Vec::new());
    for file in files {
        let source = Source { host: host_of(&root, &file), name: name_of(&file) };
        if wanted(&source, options) {
            let bytes = fs::read(&file).map_err(|error| {
                Failure::new(Exit::CouldNotRun, format!("cannot read {}", file.display())).because(error)
            })?;
            logs.push(cmsim_logs::read(&bytes, bias(&root, &source.host)).entries);
            sources.push(source);
        }
    }
    if sources.is_empty() {
        return Err(
            Failure::new(Exit::NothingSelected, "no log fits").help("without --host and --log every log is shown")
        );
    }
    match print(&sources, &logs, options) {
        // A closed pipe is the reader's decision, not a failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::CouldNotRun, "cannot print").because(error))
        }
        _ => Ok(Exit::Passed),
    }
}

fn wanted(source: &Source, options: &LogOptions) -> bool {
    let host = options.host.as_ref().is_none_or(|host| host.eq_ignore_ascii_case(&source.host));
    host && (options.logs.is_empty() || options.logs.iter().any(|log| log.eq_ignore_ascii_case(&source.name)))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut inside =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    inside.sort();
    for path in inside {
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "log" || extension == "lo_") {
            files.push(path);
        }
    }
    Ok(())
}

/// The folder below `root` that the file is in: the machine, in a tree that a run left.
fn host_of(root: &Path, file: &Path) -> String {
    let below = file.strip_prefix(root).ok().and_then(|below| below.components().next());
    below.map_or_else(String::new, |first| first.as_os_str().to_string_lossy().into_owned())
}

fn name_of(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The machine's own bias, for formats that write local time without saying so.
fn bias(root: &Path, host: &str) -> i32 {
    const KEY: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\TimeZoneInformation";
    let registry = fs::read(root.join(host).join("registry.json")).unwrap_or_default();
    let registry: serde_json::Value = serde_json::from_slice(&registry).unwrap_or_default();
    let bias = registry.as_object().and_then(|keys| {
        let (_, values) = keys.iter().find(|(key, _)| key.eq_ignore_ascii_case(KEY))?;
        values["ActiveTimeBias"]["data"].as_u64()
    });
    bias.and_then(|bias| u32::try_from(bias).ok()).map_or(0, u32::cast_signed)
}

fn print(sources: &[Source], logs: &[Vec<Entry>], options: &LogOptions) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    let least = options.severity.map_or(Severity::Verbose, |least| match least {
        AtLeast::Info => Severity::Info,
        AtLeast::Warning => Severity::Warning,
        AtLeast::Error => Severity::Error,
    });
    for merged in merge::by_time(logs) {
        let (entry, source) = (merged.entry, &sources[merged.log]);
        let fits = entry.severity >= least && options.contains.as_ref().is_none_or(|text| entry.text.contains(text));
        if !fits {
            continue;
        }
        if options.json {
            let utc = entry.time.map(|time| cmsim_sim::SimTime::from_millis(time.utc_millis()));
            let line = json!({ "utc": utc.map(|utc| utc.timestamp().to_string()), "host": source.host, "log": source.name, "entry": entry });
            writeln!(out, "{line}")?;
        } else {
            let style = style(entry.severity);
            writeln!(out, "{} {:8} {:24} {style}{}{style:#}", when(entry), source.host, source.name, entry.text)?;
        }
    }
    Ok(())
}

/// The local time that the machine's clock showed.
fn when(entry: &Entry) -> String {
    entry.time.map_or_else(
        || " ".repeat(23),
        |time| {
            let (date, clock) = ((time.year, time.month, time.day), (time.hour, time.minute, time.second));
            format!(
                "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03}",
                date.0, date.1, date.2, clock.0, clock.1, clock.2, time.millisecond
            )
        },
    )
}

fn style(severity: Severity) -> Style {
    match severity {
        Severity::Error => AnsiColor::Red.on_default().bold(),
        Severity::Warning => AnsiColor::Yellow.on_default(),
        Severity::Verbose => Style::new().dimmed(),
        Severity::Info => Style::new(),
    }
}
