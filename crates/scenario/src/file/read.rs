//! From bytes to a checked scenario.

use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use cmsim_logs::Log;
use cmsim_wire::profile::Profile;
use regex::Regex;
use thiserror::Error;
use toml::Spanned;

use super::diagnostic::{Diagnostic, Invalid, closest};
use super::model::{Expectation, MachineStep, ScenarioFile, Step};

/// Bytes of the largest scenario file that is read; more is refused before reading.
pub const LARGEST_FILE: u64 = 1024 * 1024;

/// Clients in one world; byte-true machines are meant for up to about this many.
const MOST_CLIENTS: u32 = 2_000;

/// A scenario that passed every check.
#[derive(Debug)]
pub struct Scenario {
    /// Name of its output folder.
    pub id: String,
    /// Where it was read from.
    pub path: PathBuf,
    /// What it says.
    pub file: ScenarioFile,
}

/// Why a scenario could not be had from a file.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file was read and has mistakes.
    #[error(transparent)]
    Invalid(#[from] Box<Invalid>),
}

/// Reads and checks the scenario in the file at `path`.
///
/// # Errors
/// [`LoadError`] with every mistake found.
pub fn load(path: &Path) -> Result<Scenario, LoadError> {
    let unreadable = |source| LoadError::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    let name = path.display().to_string();
    let refuse = |message: String| {
        LoadError::Invalid(Box::new(Invalid {
            name: name.clone(),
            text: String::new(),
            diagnostics: vec![Diagnostic::new(message, 0..0)],
        }))
    };
    if size > LARGEST_FILE {
        return Err(refuse(format!("the file has {size} bytes, and a scenario may have {LARGEST_FILE}")));
    }
    let mut bytes = Vec::new();
    // The file may grow between the two calls, so the limit holds for reading too.
    file.take(LARGEST_FILE).read_to_end(&mut bytes).map_err(unreadable)?;
    let text =
        String::from_utf8(bytes).map_err(|error| refuse(format!("the file is not UTF-8: {}", error.utf8_error())))?;
    let file = parse(&name, &text)?;
    let id = file.id.as_ref().map_or_else(|| stem(path), |id| id.get_ref().clone());
    Ok(Scenario { id, path: path.to_owned(), file })
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(|| "scenario".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// Parses and checks the text of a scenario file called `name`.
///
/// # Errors
/// [`Invalid`] with every mistake found: all syntax errors, or the first wrong key or type, or all wrong values.
pub fn parse(name: &str, text: &str) -> Result<ScenarioFile, Box<Invalid>> {
    let fail = |diagnostics| Box::new(Invalid { name: name.to_owned(), text: text.to_owned(), diagnostics });
    let (_, syntax) = toml::de::DeTable::parse_recoverable(text);
    if !syntax.is_empty() {
        let mut mistakes: Vec<_> = syntax.iter().map(syntax_error).collect();
        mistakes.sort_by_key(|mistake| mistake.span.start);
        return Err(fail(mistakes));
    }
    let file: ScenarioFile = toml::from_str(text).map_err(|error| fail(vec![type_error(&error)]))?;
    let mistakes = check(&file);
    if mistakes.is_empty() { Ok(file) } else { Err(fail(mistakes)) }
}

fn syntax_error(error: &toml::de::Error) -> Diagnostic {
    Diagnostic::new(error.message(), error.span().unwrap_or(0..0))
}

fn type_error(error: &toml::de::Error) -> Diagnostic {
    let message = error.message().trim();
    let diagnostic = Diagnostic::new(message, error.span().unwrap_or(0..0));
    match suggestion(message) {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

/// Reads "unknown field `x`, expected one of `a`, `b`" and proposes the nearest.
fn suggestion(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let (wrong, expected) = (quoted.next()?, quoted);
    message.starts_with("unknown").then_some(())?;
    closest(wrong, expected).map(|word| format!("did you mean `{word}`?"))
}

fn check(file: &ScenarioFile) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if let Some(id) = &file.id {
        found.extend(check_id(id));
    }
    check_world(file, &mut found);
    let hosts = host_names(file);
    for step in &file.steps {
        check_step(step, &hosts, &mut found);
    }
    for expectation in &file.expect {
        check_expectation(expectation, &hosts, &mut found);
    }
    found.sort_by_key(|diagnostic| diagnostic.span.start);
    found
}

fn check_id(id: &Spanned<String>) -> Option<Diagnostic> {
    let usable = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let text = id.get_ref();
    let fine = !text.is_empty() && text.len() <= 80 && text.chars().all(usable);
    (!fine).then(|| {
        Diagnostic::new(format!("`{text}` cannot name an output folder"), id.span())
            .help("use up to 80 lower-case letters, digits and hyphens")
    })
}

/// The machines of the default topology with this file's number of clients.
fn host_names(file: &ScenarioFile) -> Vec<String> {
    let clients = file.world.clients.as_ref().map_or(1, |clients| *clients.get_ref()).min(MOST_CLIENTS);
    let servers = cmsim_stage::topology::SERVERS.iter().map(|name| (*name).to_owned());
    servers.chain((1..=clients).map(cmsim_stage::topology::client_name)).collect()
}

fn check_world(file: &ScenarioFile, found: &mut Vec<Diagnostic>) {
    let world = &file.world;
    if let Some(profile) = &world.profile
        && Profile::named(profile.get_ref()).is_none()
    {
        let names: Vec<String> = Profile::all().into_iter().map(|profile| profile.name).collect();
        found.push(unknown("profile", profile, names.iter().map(String::as_str)));
    }
    if let Some(start) = &world.start
        && start.get_ref().parse::<jiff::civil::DateTime>().is_err()
    {
        found.push(
            Diagnostic::new(format!("`{}` is not a local date and time", start.get_ref()), start.span())
                .help("write it like \"2014-01-20T12:17:00\""),
        );
    }
    if let Some(zone) = &world.time_zone
        && let Err(error) = cmsim_sim::TimeZone::named(zone.get_ref())
    {
        found.push(Diagnostic::new(error.to_string(), zone.span()));
    }
    if let Some(clients) = &world.clients
        && !(1..=MOST_CLIENTS).contains(clients.get_ref())
    {
        found.push(Diagnostic::new(format!("a world has 1 to {MOST_CLIENTS} clients"), clients.span()));
    }
}

fn check_step(step: &Spanned<Step>, hosts: &[String], found: &mut Vec<Diagnostic>) {
    match step.get_ref() {
        Step::Trigger(trigger) => check_host(trigger.on.as_ref(), hosts, found),
        Step::Advance(_) | Step::Synchronize(_) => {}
        Step::Await(wait) => {
            check_host(wait.on.as_ref(), hosts, found);
            check_log(&wait.log, found);
        }
        Step::Machine(machine) => {
            check_host(Some(&machine.on), hosts, found);
            check_machine(machine, step.span(), found);
        }
    }
}

fn check_machine(machine: &MachineStep, span: Range<usize>, found: &mut Vec<Diagnostic>) {
    let said = usize::from(machine.file.is_some())
        + usize::from(machine.registry.is_some())
        + usize::from(machine.package.is_some());
    if said != 1 {
        found
            .push(Diagnostic::new("a machine step says exactly one of `file`, `registry` and `package`", span.clone()));
    }
    if let Some(setting) = &machine.registry
        && !(setting.data.is_str() || setting.data.is_integer())
    {
        found.push(Diagnostic::new("registry data is a string (REG_SZ) or a whole number (REG_DWORD)", span));
    }
}

fn check_expectation(expectation: &Spanned<Expectation>, hosts: &[String], found: &mut Vec<Diagnostic>) {
    let said = expectation.get_ref();
    let span = expectation.span();
    check_host(said.on.as_ref(), hosts, found);
    let subjects =
        [said.log.is_some(), said.registry.is_some(), said.wmi.is_some(), said.sql.is_some(), said.guide.is_some()];
    if subjects.iter().filter(|said| **said).count() != 1 {
        found.push(Diagnostic::new(
            "an expectation is about exactly one of `log`, `registry`, `wmi`, `sql` and `guide`",
            span,
        ));
        return;
    }
    if let Some(log) = &said.log {
        check_log(log, found);
        let ways = [said.contains.is_some(), said.matches.is_some(), said.in_order.is_some()];
        if ways.iter().filter(|said| **said).count() != 1 {
            found.push(Diagnostic::new(
                "a log expectation says exactly one of `contains`, `matches` and `in-order`",
                log.span(),
            ));
        }
        if said.absent && said.count.is_some() {
            found.push(Diagnostic::new("`absent` already says that the count is 0", log.span()));
        }
    }
    if let Some(pattern) = &said.matches
        && let Err(error) = Regex::new(pattern.get_ref())
    {
        found.push(Diagnostic::new(format!("not a regular expression: {error}"), pattern.span()));
    }
    if said.registry.is_some() && said.equals.is_none() {
        found.push(Diagnostic::new("a registry expectation needs `equals`", span));
    } else if said.wmi.is_some() && (said.rows.is_none() || said.namespace.is_none()) {
        found.push(Diagnostic::new("a WMI expectation needs `namespace` and `rows`", span));
    } else if said.sql.is_some() && said.rows.is_none() == said.equals.is_none() {
        found.push(Diagnostic::new("a SQL expectation needs one of `rows` and `equals`", span));
    }
    for step in said.guide.iter().flat_map(std::collections::BTreeMap::keys) {
        if !cmsim_guide::step_codes().any(|code| code == step) {
            found.push(
                Diagnostic::new(format!("the guide has no step `{step}`"), expectation.span())
                    .help("the steps are S1.1 to S1.11 and S2 to S7"),
            );
        }
    }
}

fn check_host(host: Option<&Spanned<String>>, hosts: &[String], found: &mut Vec<Diagnostic>) {
    if let Some(host) = host
        && !hosts.contains(host.get_ref())
    {
        found.push(unknown("machine", host, hosts.iter().map(String::as_str)));
    }
}

fn check_log(log: &Spanned<String>, found: &mut Vec<Diagnostic>) {
    if !Log::ALL.iter().any(|known| known.file_name() == log.get_ref()) {
        found.push(unknown("log", log, Log::ALL.iter().map(|log| log.file_name())));
    }
}

fn unknown<'a>(what: &str, word: &Spanned<String>, known: impl Iterator<Item = &'a str>) -> Diagnostic {
    let diagnostic = Diagnostic::new(format!("unknown {what} `{}`", word.get_ref()), word.span());
    match closest(word.get_ref(), known) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic,
    }
}

/// The JSON Schema of scenario files, for editors.
#[must_use]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(ScenarioFile).to_value()
}
