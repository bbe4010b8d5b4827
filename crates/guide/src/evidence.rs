//! What there is to judge: logs, and facts beside them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use cmsim_logs::{Entry, Folder, Format, Log, ParseError, read};
use thiserror::Error;

use crate::facts::RegistryFacts;

/// The host that the logs of a tree without hosts belong to.
pub const BARE_HOST: &str = ".";

/// The most files and folders a tree may have.
pub const MAX_FILES: usize = 200_000;

/// Logs that even a machine in good order may not have where we look, or not at all.
const OPTIONAL: [Log; 5] = [Log::Profiler, Log::IisRequests, Log::MpFdm, Log::WindowsUpdate, Log::WindowsUpdateDecoded];

/// How deep folders may lie in each other.
pub const MAX_DEPTH: usize = 32;

/// Why a tree could not be loaded.
#[derive(Debug, Error)]
pub enum LoadError {
    /// A file or folder cannot be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// More than [`MAX_FILES`] files and folders.
    #[error("{0} holds more than {MAX_FILES} files and folders")]
    TooMany(PathBuf),
    /// Deeper than [`MAX_DEPTH`].
    #[error("{0} is more than {MAX_DEPTH} folders deep")]
    TooDeep(PathBuf),
}

/// Logs by host, and the optional facts.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    hosts: BTreeMap<String, Host>,
    /// Whether the disk of a host that is no client is among them.
    servers: bool,
}

#[derive(Clone, Debug, Default)]
struct Host {
    logs: BTreeMap<Log, Vec<Record>>,
    problems: Vec<(String, ParseError)>,
    registry: Option<RegistryFacts>,
}

/// One record and where it stands.
#[derive(Clone, Debug)]
pub struct Record {
    /// Path of the file, as it was given.
    pub file: String,
    /// Number of the record in the file, from 1.
    pub number: usize,
    /// The record.
    pub entry: Entry,
    instant: i64,
}

impl Record {
    fn new(file: &str, number: usize, entry: Entry) -> Self {
        let instant = entry.time.map_or(i64::MIN, |time| time.utc_millis());
        Self { file: file.to_owned(), number, entry, instant }
    }

    /// Milliseconds since the Unix epoch; the earliest possible if the record has no time.
    #[must_use]
    pub const fn instant(&self) -> i64 {
        self.instant
    }
}

impl Evidence {
    /// Takes files by their paths relative to the tree, with `/` between the parts. Logs are known by their file names,
    /// wherever they lie; `…/<HOST>/C/…` names the host, everything else belongs to [`BARE_HOST`]. `registry.json` beside
    /// a host's `C` gives its registry.
    #[must_use]
    pub fn from_files<P: AsRef<str>, B: AsRef<[u8]>>(files: impl IntoIterator<Item = (P, B)>) -> Self {
        let mut sorted: BTreeMap<(String, Log, bool, String), B> = BTreeMap::new();
        let mut evidence = Self::default();
        for (path, bytes) in files {
            let path = path.as_ref().replace('\\', "/");
            let (host, name) = place(&path);
            if name.eq_ignore_ascii_case("registry.json") {
                evidence.hosts.entry(host).or_default().registry = RegistryFacts::from_json(bytes.as_ref());
            } else if let Some(log) = Log::from_file_name(name) {
                // A log's rolled files come before the one in use.
                let in_use = name.eq_ignore_ascii_case(log.file_name());
                sorted.insert((host, log, in_use, path), bytes);
            }
        }
        let biases = biases(&sorted);
        for ((host, log, _, path), bytes) in sorted {
            let bias = biases.get(&host).or_else(|| biases.values().next()).copied().unwrap_or(0);
            evidence.hosts.entry(host).or_default().add(log, &path, bytes.as_ref(), bias);
        }
        evidence.servers = evidence.hosts.iter().any(|(name, host)| name != BARE_HOST && !host.scans());
        evidence
    }

    /// Loads a folder: an output of a run, its `hosts`, or any tree with logs somewhere below. Links are not followed.
    ///
    /// # Errors
    /// [`LoadError`] when something cannot be read or the tree is larger or deeper than the limits.
    pub fn load(folder: &Path) -> Result<Self, LoadError> {
        let mut files = Vec::new();
        let mut waiting = vec![(folder.to_owned(), String::new(), 0_usize)];
        let mut seen = 0;
        while let Some((path, relative, depth)) = waiting.pop() {
            if depth > MAX_DEPTH {
                return Err(LoadError::TooDeep(path));
            }
            for entry in fs::read_dir(&path).map_err(|source| LoadError::Io { path: path.clone(), source })? {
                let entry = entry.map_err(|source| LoadError::Io { path: path.clone(), source })?;
                seen += 1;
                if seen > MAX_FILES {
                    return Err(LoadError::TooMany(folder.to_owned()));
                }
                let name = entry.file_name().to_string_lossy().into_owned();
                let kind = entry.file_type().map_err(|source| LoadError::Io { path: entry.path(), source })?;
                let below = if relative.is_empty() { name.clone() } else { format!("{relative}/{name}") };
                if kind.is_dir() {
                    waiting.push((entry.path(), below, depth + 1));
                } else if kind.is_file() && (Log::from_file_name(&name).is_some() || name == "registry.json") {
                    files.push((below, contents(&entry.path())?));
                }
            }
        }
        // `hosts` itself may be the folder, and so may a single host.
        Ok(Self::from_files(files))
    }

    /// Every host that has anything.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.hosts.keys().map(String::as_str)
    }

    /// Hosts whose logs are those of a client that scans.
    pub fn clients(&self) -> impl Iterator<Item = &str> {
        self.hosts.iter().filter(|(_, host)| host.scans()).map(|(name, _)| name.as_str())
    }

    /// The records of a log on a host, rolled files first; `None` if there is no such log.
    #[must_use]
    pub fn records(&self, host: &str, log: Log) -> Option<&[Record]> {
        self.hosts.get(host)?.logs.get(&log).map(Vec::as_slice)
    }

    /// Places in a host's logs that are no records, with their files.
    #[must_use]
    pub fn problems(&self, host: &str) -> &[(String, ParseError)] {
        self.hosts.get(host).map_or(&[], |host| &host.problems)
    }

    /// The registry of a host, if the tree has it.
    #[must_use]
    pub fn registry(&self, host: &str) -> Option<&RegistryFacts> {
        self.hosts.get(host)?.registry.as_ref()
    }

    /// The hosts whose copy of a log can tell of `client`: itself for logs that lie on clients, every one for others.
    pub(crate) fn tellers<'e>(&'e self, client: &'e str, log: Log) -> impl Iterator<Item = (&'e str, &'e [Record])> {
        let own = on_clients(log);
        let of = move |name: &str| !own || name == client;
        let records =
            move |(name, host): (&'e String, &'e Host)| Some((name.as_str(), host.logs.get(&log)?.as_slice()));
        self.hosts.iter().filter(move |(name, _)| of(name)).filter_map(records)
    }

    /// Whether a log that is not there says that nothing was written: on a client whose disk we have, or on a server while
    /// we have the disk of any. A bundle of single files says nothing of what it leaves out.
    pub(crate) fn would_show(&self, client: &str, log: Log) -> bool {
        if OPTIONAL.contains(&log) {
            return false;
        }
        if on_clients(log) { client != BARE_HOST } else { self.servers }
    }

    /// The last instant that any log of the client tells of.
    pub(crate) fn newest(&self, client: &str) -> i64 {
        let logs = self.hosts.get(client).into_iter().flat_map(|host| host.logs.values());
        logs.flatten().map(Record::instant).max().unwrap_or(i64::MIN)
    }
}

impl Host {
    fn scans(&self) -> bool {
        [Log::ScanAgent, Log::LocationServices, Log::WuaHandler].iter().any(|log| self.logs.contains_key(log))
    }

    fn add(&mut self, log: Log, path: &str, bytes: &[u8], bias: i32) {
        let reading = read(bytes, bias);
        // From Windows 10 on a note lies in its place that says where the traces are.
        if log == Log::WindowsUpdate && reading.format.is_none() {
            return;
        }
        let log = if reading.format == Some(Format::WindowsUpdateDecoded) { Log::WindowsUpdateDecoded } else { log };
        let records = self.logs.entry(log).or_default();
        for (number, entry) in reading.entries.into_iter().enumerate() {
            records.push(Record::new(path, number + 1, entry));
        }
        self.problems.extend(reading.problems.into_iter().map(|problem| (path.to_owned(), problem)));
    }
}

fn on_clients(log: Log) -> bool {
    matches!(log.folder(), Folder::Client | Folder::Windows | Folder::UpdateAgent | Folder::Cbs)
}

/// Host and file name of a path.
fn place(path: &str) -> (String, &str) {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let name = parts.last().copied().unwrap_or("");
    let drive = parts.iter().position(|part| *part == "C");
    let host = match drive {
        Some(at) if at > 0 => parts[at - 1],
        None if name.eq_ignore_ascii_case("registry.json") && parts.len() > 1 => parts[parts.len() - 2],
        _ => BARE_HOST,
    };
    (host.to_owned(), name)
}

/// The zone of each host, from its first log that states one.
fn biases<B: AsRef<[u8]>>(files: &BTreeMap<(String, Log, bool, String), B>) -> BTreeMap<String, i32> {
    let mut biases = BTreeMap::new();
    for ((host, log, ..), bytes) in files {
        if matches!(log.format(), Format::CmTrace | Format::Server) && !biases.contains_key(host) {
            let time = read(bytes.as_ref(), 0).entries.into_iter().find_map(|entry| entry.time);
            if let Some(time) = time {
                biases.insert(host.clone(), time.bias_minutes);
            }
        }
    }
    biases
}

fn contents(path: &Path) -> Result<Vec<u8>, LoadError> {
    let fail = |source| LoadError::Io { path: path.to_owned(), source };
    let file = fs::File::open(path).map_err(fail)?;
    let mut bytes = Vec::new();
    // One byte past the limit is enough for the reader to refuse the file.
    let limit = u64::try_from(cmsim_logs::MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes).map_err(fail)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_their_host() {
        let cases = [
            ("hosts/CLIENT1/C/Windows/CCM/Logs/ScanAgent.log", "CLIENT1", "ScanAgent.log"),
            ("CLIENT1/C/ScanAgent.log", "CLIENT1", "ScanAgent.log"),
            ("hosts/CLIENT1/registry.json", "CLIENT1", "registry.json"),
            ("Logs/ScanAgent.log", BARE_HOST, "ScanAgent.log"),
            ("C/Windows/ScanAgent.log", BARE_HOST, "ScanAgent.log"),
            ("registry.json", BARE_HOST, "registry.json"),
        ];
        for (path, host, name) in cases {
            assert_eq!(place(path), (host.to_owned(), name), "{path}");
        }
    }

    #[test]
    fn a_log_without_zone_takes_that_of_its_host() {
        let client = "<![LOG[x]LOG]!><time=\"12:18:09.531+300\" date=\"01-20-2014\" component=\"ScanAgent\" context=\"\" \
                      type=\"1\" thread=\"1\" file=\"\">\r\n";
        let agent = "2014-01-20\t12:18:11:520\t 968\t9d0\tAgent\thello\r\n";
        let files = [("H/C/ScanAgent.log", client), ("H/C/WindowsUpdate.log", agent)];
        let evidence = Evidence::from_files(files);
        let told = evidence.records("H", Log::WindowsUpdate).unwrap();
        assert_eq!(told[0].instant(), 1_390_238_291_520);
        assert_eq!(evidence.clients().collect::<Vec<_>>(), ["H"]);
    }

    #[test]
    fn rolled_files_come_first() {
        let line = |text: &str| {
            format!(
                "<![LOG[{text}]LOG]!><time=\"12:18:09.531+300\" date=\"01-20-2014\" component=\"ScanAgent\" context=\"\" \
                 type=\"1\" thread=\"1\" file=\"\">\r\n"
            )
        };
        let files = [
            ("a/ScanAgent.log", line("new")),
            ("a/ScanAgent-20140120-121809.log", line("old")),
            ("a/other.txt", line("no")),
        ];
        let evidence = Evidence::from_files(files);
        let texts: Vec<&str> = evidence
            .records(BARE_HOST, Log::ScanAgent)
            .unwrap()
            .iter()
            .map(|record| record.entry.text.as_str())
            .collect();
        assert_eq!(texts, ["old", "new"]);
    }
}
