//! Runs of the shipped scenarios, each made once for all tests of this process.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use cmsim_guide::Evidence;
use cmsim_logs::{Entry, Log};
use cmsim_scenario::file::{self, Scenario};
use cmsim_scenario::{Finished, Settings, Transport, Verdict, run_all};
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Row as _};

pub(crate) const HEALTHY: &str = "guide/healthy-scan.toml";
pub(crate) const RESCAN: &str = "guide/rescan-new-version.toml";
pub(crate) const WINDOWS_11: &str = "field/healthy-scan-windows-11.toml";

/// Held by a test that keeps every processor busy, and by those whose real time must not be taken from them.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    // A test that failed has not left anything behind.
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A finished scenario and everything it wrote.
pub(crate) struct Run {
    pub(crate) finished: Finished,
    /// Contents by path below the output folder, with `/` between the parts.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

pub(crate) fn healthy() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(|| Run::passed(HEALTHY))
}

pub(crate) fn rescan() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(|| Run::passed(RESCAN))
}

pub(crate) fn windows_11() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(|| Run::passed(WINDOWS_11))
}

/// The top of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

pub(crate) fn scenario(name: &str) -> Scenario {
    file::load(&repository().join("scenarios").join(name)).unwrap()
}

pub(crate) fn settings(out: &Path) -> Settings {
    Settings { out: out.to_owned(), seed: None, jobs: 1, transport: Transport::Memory, twice: false }
}

impl Run {
    fn passed(name: &str) -> Self {
        let run = Self::of(&scenario(name), None);
        let missed: Vec<_> = run.finished.observations.iter().filter(|observation| !observation.passed).collect();
        assert_eq!(run.finished.verdict, Verdict::Passed, "{name}: {:?} {missed:#?}", run.finished.error);
        run
    }

    /// Runs a scenario in a folder that is gone afterwards.
    pub(crate) fn of(scenario: &Scenario, seed: Option<u64>) -> Self {
        let out = tempfile::tempdir().unwrap();
        let settings = Settings { seed, ..settings(out.path()) };
        let finished = run_all(std::slice::from_ref(scenario), &settings, &mut |_| ()).remove(0);
        let files = tree(&out.path().join(&scenario.id));
        Self { finished, files }
    }

    /// A file, by the end of its path. There must be exactly one.
    pub(crate) fn file(&self, end: &str) -> &[u8] {
        let mut found = self.files.iter().filter(|(path, _)| path.ends_with(end));
        let (path, bytes) = found.next().unwrap_or_else(|| panic!("no file {end}"));
        assert!(found.next().is_none(), "{path} is not the only {end}");
        bytes
    }

    pub(crate) fn json(&self, end: &str) -> Value {
        serde_json::from_slice(self.file(end)).unwrap()
    }

    /// The logs with their paths.
    pub(crate) fn logs(&self) -> impl Iterator<Item = (&str, Log, &[u8])> {
        self.files.iter().filter_map(|(path, bytes)| {
            let name = path.strip_prefix("hosts/")?.rsplit('/').next()?;
            let log = match Log::from_file_name(name)? {
                Log::WindowsUpdate if !is_tabbed(bytes) => Log::WindowsUpdateDecoded,
                log => log,
            };
            Some((path.as_str(), log, bytes.as_slice()))
        })
    }

    /// The records of the only file of a log.
    pub(crate) fn records(&self, log: Log) -> Vec<Entry> {
        let mut found = self.logs().filter(|(_, of, _)| *of == log);
        let (path, _, bytes) = found.next().unwrap_or_else(|| panic!("no {log:?}"));
        assert!(found.next().is_none(), "{path} is not the only {log:?}");
        let reading = cmsim_logs::read(bytes, 300);
        assert_eq!(reading.problems, [], "{path}");
        reading.entries
    }

    pub(crate) fn texts(&self, log: Log) -> Vec<String> {
        self.records(log).into_iter().map(|entry| entry.text).collect()
    }

    pub(crate) fn evidence(&self) -> Evidence {
        Evidence::from_files(self.files.iter().filter(|(path, _)| path.starts_with("hosts/")))
    }

    /// Writes everything below a folder.
    pub(crate) fn write_to(&self, folder: &Path) {
        for (path, bytes) in &self.files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }

    /// The rows of a query on a database file, every value as text; NULL is `None`.
    pub(crate) fn sql(&self, database: &str, query: &str) -> Vec<Vec<Option<String>>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(database);
        fs::write(&path, &self.files[database]).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let rows = runtime.block_on(async {
            let options = SqliteConnectOptions::new().filename(&path).read_only(true).immutable(true);
            let mut connection = options.connect().await.unwrap();
            sqlx::query(sqlx::AssertSqlSafe(query.to_owned())).fetch_all(&mut connection).await.unwrap()
        });
        let text = |row: &sqlx::sqlite::SqliteRow, at| row.try_get_unchecked::<Option<String>, _>(at).unwrap();
        rows.iter().map(|row| (0..row.len()).map(|at| text(row, at)).collect()).collect()
    }

    /// The only value of a query.
    pub(crate) fn sql_value(&self, database: &str, query: &str) -> String {
        let rows = self.sql(database, query);
        let [row] = rows.as_slice() else { panic!("{} rows: {query}", rows.len()) };
        let [Some(value)] = row.as_slice() else { panic!("{row:?}: {query}") };
        value.clone()
    }
}

fn is_tabbed(bytes: &[u8]) -> bool {
    cmsim_logs::read(bytes, 300).format == Some(cmsim_logs::Format::WindowsUpdateTabbed)
}

/// Every file below a folder.
pub(crate) fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let below = path.strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/");
                files.insert(below, fs::read(&path).unwrap());
            }
        }
    }
    files
}
