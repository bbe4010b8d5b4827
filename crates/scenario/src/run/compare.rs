//! `--twice`: two runs of a scenario must leave the same bytes.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Finished, Verdict};

/// A file in which two runs differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Path below the output folder.
    pub file: PathBuf,
    /// First byte that differs; `None` if only one of the runs wrote the file.
    pub offset: Option<usize>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.offset {
            Some(offset) => write!(f, "{} from byte {offset}", self.file.display()),
            None => write!(f, "{} (only in one run)", self.file.display()),
        }
    }
}

/// The first run's end, turned into [`Verdict::NotDeterministic`] if the second left other bytes. Removes the second's output.
pub(super) fn two_runs(mut first: Finished, second: Finished) -> Finished {
    let (Some(one), Some(other)) = (&first.out, &second.out) else {
        first.verdict = Verdict::CouldNotRun;
        first.error = first.error.or(second.error);
        return first;
    };
    match differences(one, other).and_then(|found| fs::remove_dir_all(other).map(|()| found)) {
        Ok(found) if found.is_empty() => {}
        Ok(found) => {
            first.verdict = Verdict::NotDeterministic;
            first.differences = found;
        }
        Err(error) => {
            first.verdict = Verdict::CouldNotRun;
            first.error = Some(format!("cannot compare two runs: {error}"));
        }
    }
    first
}

fn differences(one: &Path, other: &Path) -> io::Result<Vec<Difference>> {
    let (mut left, mut right) = (BTreeMap::new(), BTreeMap::new());
    collect(one, one, &mut left)?;
    collect(other, other, &mut right)?;
    let mut found = Vec::new();
    for (file, path) in &left {
        match right.remove(file) {
            None => found.push(Difference { file: file.clone(), offset: None }),
            Some(twin) => {
                let (a, b) = (fs::read(path)?, fs::read(twin)?);
                if a != b {
                    let offset = a.iter().zip(&b).position(|(a, b)| a != b).unwrap_or(a.len().min(b.len()));
                    found.push(Difference { file: file.clone(), offset: Some(offset) });
                }
            }
        }
    }
    found.extend(right.into_keys().map(|file| Difference { file, offset: None }));
    Ok(found)
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<PathBuf, PathBuf>) -> io::Result<()> {
    for entry in folder.read_dir()? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if let Ok(relative) = path.strip_prefix(root) {
            files.insert(relative.to_owned(), path.clone());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_a_missing_and_an_added_file_are_found() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (folder, name, text) in [
            (&one, "same", "x"),
            (&other, "same", "x"),
            (&one, "changed", "abc"),
            (&other, "changed", "abd"),
            (&one, "gone", ""),
            (&other, "new", ""),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let found = differences(one.path(), other.path()).unwrap();
        let said: Vec<String> = found.iter().map(Difference::to_string).collect();
        assert_eq!(said, ["changed from byte 2", "gone (only in one run)", "new (only in one run)"]);
    }
}
