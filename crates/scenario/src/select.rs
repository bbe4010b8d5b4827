//! Which scenario files are meant.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::file::Scenario;

/// A path that cannot be searched for scenarios.
#[derive(Debug, Error)]
#[error("{path}: {source}")]
pub struct NotFound {
    /// The path.
    pub path: PathBuf,
    /// What the system says.
    pub source: io::Error,
}

/// Two scenarios with one id.
#[derive(Debug, Error)]
#[error("{first} and {second} both have the id `{id}`")]
pub struct SameId {
    /// The id.
    pub id: String,
    /// One file.
    pub first: PathBuf,
    /// The other file.
    pub second: PathBuf,
}

/// The scenario files below `paths` in order of their names: a file stands for itself, a folder for every `.toml` below it.
///
/// # Errors
/// [`NotFound`] for a path that does not exist or cannot be read.
pub fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, NotFound> {
    let mut found = Vec::new();
    for path in paths {
        collect(path, true, &mut found).map_err(|source| NotFound { path: path.clone(), source })?;
    }
    Ok(found)
}

fn collect(path: &Path, named: bool, found: &mut Vec<PathBuf>) -> io::Result<()> {
    if path.metadata()?.is_file() {
        if named || path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path.to_owned());
        }
        return Ok(());
    }
    let mut inside = path.read_dir()?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    inside.sort();
    inside.iter().try_for_each(|path| collect(path, false, found))
}

/// Checks that every scenario has an id of its own.
///
/// # Errors
/// [`SameId`] with the first pair that shares one.
pub fn distinct(scenarios: &[Scenario]) -> Result<(), SameId> {
    let mut seen: BTreeMap<&str, &Path> = BTreeMap::new();
    for scenario in scenarios {
        if let Some(first) = seen.insert(&scenario.id, &scenario.path) {
            return Err(SameId { id: scenario.id.clone(), first: first.to_owned(), second: scenario.path.clone() });
        }
    }
    Ok(())
}
