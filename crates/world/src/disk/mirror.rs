//! The directory of the real machine in which a disk is kept.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::DiskError;

/// The deepest folder that is loaded; what lies deeper is an error, so a loop of links cannot run on.
const DEEPEST: usize = 64;

pub(super) struct Mirror {
    root: PathBuf,
}

impl Mirror {
    pub(super) fn new(root: &Path) -> Result<Self, DiskError> {
        fs::create_dir_all(root).map_err(failed("create", root))?;
        Ok(Self { root: root.to_owned() })
    }

    /// Every file, as export path and content, in order of the names.
    pub(super) fn load(&self) -> Result<Vec<(String, Vec<u8>)>, DiskError> {
        let mut found = Vec::new();
        self.load_folder(&self.root, "", 0, &mut found)?;
        Ok(found)
    }

    fn load_folder(
        &self,
        folder: &Path,
        prefix: &str,
        depth: usize,
        found: &mut Vec<(String, Vec<u8>)>,
    ) -> Result<(), DiskError> {
        if depth > DEEPEST {
            return Err(failed("read", folder)(io::Error::other("folders nest too deeply")));
        }
        let entries = fs::read_dir(folder).map_err(failed("read", folder))?;
        let mut entries = entries.collect::<Result<Vec<_>, _>>().map_err(failed("read", folder))?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let shown = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
            let kind = entry.file_type().map_err(failed("read", &path))?;
            if kind.is_dir() {
                self.load_folder(&path, &shown, depth + 1, found)?;
            } else if kind.is_file() && !prefix.is_empty() {
                // Files beside the drives, such as registry.json, belong to the export and not to the disk.
                found.push((shown, fs::read(&path).map_err(failed("read", &path))?));
            }
        }
        Ok(())
    }

    pub(super) fn write(&self, path: &str, bytes: &[u8]) -> Result<(), DiskError> {
        let real = self.real(path)?;
        fs::write(&real, bytes).map_err(failed("write", &real))
    }

    pub(super) fn append(&self, path: &str, bytes: &[u8]) -> Result<(), DiskError> {
        let real = self.real(path)?;
        let opened = fs::OpenOptions::new().append(true).create(true).open(&real);
        opened.and_then(|mut file| file.write_all(bytes)).map_err(failed("write", &real))
    }

    pub(super) fn delete(&self, path: &str) -> Result<(), DiskError> {
        let real = self.root.join(path);
        match fs::remove_file(&real) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("delete", &real)(error)),
            _ => Ok(()),
        }
    }

    fn real(&self, path: &str) -> Result<PathBuf, DiskError> {
        let real = self.root.join(path);
        if let Some(folder) = real.parent() {
            fs::create_dir_all(folder).map_err(failed("create", folder))?;
        }
        Ok(real)
    }
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DiskError {
    let path = path.to_owned();
    move |source| DiskError::Io { what, path, source }
}
