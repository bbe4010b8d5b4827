//! The disk of one host: Windows paths, in memory or kept in a directory of the real machine.

mod facts;
mod mirror;
mod path;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cmsim_sim::{Clock, SimTime};
use thiserror::Error;

pub use facts::{FileFacts, FileVersion};
pub use path::LONGEST_PATH;

use crate::{Mark, Tracked};
use mirror::Mirror;
use path::{file_parts, fold, parts};

/// Why the disk refused. The codes are those of `winerror.h`.
#[derive(Debug, Error)]
pub enum DiskError {
    /// 0x8007007B.
    #[error("'{path}' is no path: {why}")]
    BadPath {
        /// The path, shortened.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// 0x80070002.
    #[error("there is no file '{0}'")]
    NotFound(String),
    /// 0x80070070.
    #[error("'{0}' does not fit on the disk")]
    Full(String),
    /// 0x80070005: the directory behind the disk cannot be used.
    #[error("cannot {what} '{path}'")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The real path.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

impl DiskError {
    /// The HRESULT that Windows programs see.
    #[must_use]
    pub fn hresult(&self) -> u32 {
        match self {
            Self::BadPath { .. } => 0x8007_007B,
            Self::NotFound(_) => 0x8007_0002,
            Self::Full(_) => 0x8007_0070,
            Self::Io { .. } => 0x8007_0005,
        }
    }
}

/// The disk of a host. Cheap to clone; all clones are the same disk.
#[derive(Clone)]
pub struct Disk {
    clock: Clock,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    /// Files by folded path.
    files: BTreeMap<String, File>,
    /// Folders by folded path, with the name as first written.
    folders: BTreeMap<String, String>,
    used: u64,
    capacity: Tracked<Option<u64>>,
    mirror: Option<Mirror>,
}

struct File {
    /// Path in export form, `C/Windows/…`.
    path: String,
    /// `None` if the file is gone.
    content: Tracked<Option<Content>>,
    created: SimTime,
}

#[derive(Clone)]
struct Content {
    /// `None` for a file of the operating system that only its facts are known of.
    bytes: Option<Vec<u8>>,
    size: u64,
    modified: SimTime,
    version: Option<FileVersion>,
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.lock();
        write!(f, "Disk({} files, {} bytes)", inner.files.len(), inner.used)
    }
}

impl Disk {
    /// An empty disk in memory.
    #[must_use]
    pub fn memory(clock: Clock) -> Self {
        Self { clock, inner: Arc::default() }
    }

    /// A disk kept in a directory, `<root>/C/…`: what is there is loaded, every write reaches it at once.
    ///
    /// # Errors
    /// [`DiskError::Io`] if the directory cannot be made or read, [`DiskError::BadPath`] if it holds a name that
    /// Windows would refuse.
    pub fn directory(clock: Clock, root: &Path) -> Result<Self, DiskError> {
        let disk = Self::memory(clock);
        let mirror = Mirror::new(root)?;
        for (path, bytes) in mirror.load()? {
            disk.write(&path, &bytes)?;
        }
        disk.lock().mirror = Some(mirror);
        Ok(disk)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates or replaces a file with its folders. A version resource stays.
    ///
    /// # Errors
    /// [`DiskError`] if the path is none, the disk is full or its directory cannot be written.
    pub fn write(&self, path: &str, bytes: &[u8]) -> Result<(), DiskError> {
        self.put(None, path, bytes)
    }

    /// Creates or replaces a file on behalf of a change.
    ///
    /// # Errors
    /// As for [`Disk::write`].
    pub fn write_marked(&self, mark: &Mark, path: &str, bytes: &[u8]) -> Result<(), DiskError> {
        self.put(Some(mark), path, bytes)
    }

    fn put(&self, mark: Option<&Mark>, path: &str, bytes: &[u8]) -> Result<(), DiskError> {
        let now = self.clock.now();
        self.lock().change(mark, path, now, |old| {
            Some(Content {
                bytes: Some(bytes.to_vec()),
                size: bytes.len() as u64,
                modified: now,
                version: old.and_then(|old| old.version),
            })
        })
    }

    /// Adds bytes to the end of a file, creating it where missing.
    ///
    /// # Errors
    /// As for [`Disk::write`].
    pub fn append(&self, path: &str, bytes: &[u8]) -> Result<(), DiskError> {
        self.append_after(path, &[], bytes).map(drop)
    }

    /// Adds bytes to the end of a file; where it is missing, one that begins with `start` is made for them. Returns the
    /// new size.
    ///
    /// # Errors
    /// As for [`Disk::write`].
    pub fn append_after(&self, path: &str, start: &[u8], bytes: &[u8]) -> Result<u64, DiskError> {
        let now = self.clock.now();
        let added = bytes.len() as u64;
        let mut inner = self.lock();
        let folded = fold(&file_parts(path)?);
        let Inner { files, used, mirror, capacity, .. } = &mut *inner;
        let appended = files.get_mut(&folded).filter(|file| file.content.peek().is_some());
        let Some(file) = appended else {
            drop(inner);
            self.write(path, &[start, bytes].concat())?;
            return Ok(start.len() as u64 + added);
        };
        check_space(capacity, *used, path, added)?;
        let size = file.content.alter(|content| {
            let content = content.as_mut()?;
            content.bytes.get_or_insert_default().extend_from_slice(bytes);
            content.size += added;
            content.modified = now;
            Some(content.size)
        });
        *used += added;
        if let Some(mirror) = mirror {
            mirror.append(&file.path, bytes)?;
        }
        Ok(size.unwrap_or_default())
    }

    /// The content of a file.
    ///
    /// # Errors
    /// [`DiskError::NotFound`], also for files that only facts are known of.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, DiskError> {
        self.with(path, <[u8]>::to_vec)
    }

    /// Lets `look` see the content of a file without copying it.
    ///
    /// # Errors
    /// As for [`Disk::read`].
    pub fn with<T>(&self, path: &str, look: impl FnOnce(&[u8]) -> T) -> Result<T, DiskError> {
        let folded = fold(&parts(path)?);
        let inner = self.lock();
        let bytes = inner
            .files
            .get(&folded)
            .and_then(|file| file.content.get().as_ref())
            .and_then(|content| content.bytes.as_deref())
            .ok_or_else(|| DiskError::NotFound(path.to_owned()))?;
        Ok(look(bytes))
    }

    /// Facts about a file, `None` if it does not exist or `path` is no path.
    #[must_use]
    pub fn facts(&self, path: &str) -> Option<FileFacts> {
        let folded = fold(&parts(path).ok()?);
        self.lock().files.get(&folded)?.facts()
    }

    /// Whether a file is there.
    #[must_use]
    pub fn exists(&self, path: &str) -> bool {
        self.facts(path).is_some()
    }

    /// Puts a file of the operating system or a program there, of which only version and size matter. Exports leave it
    /// out.
    ///
    /// # Errors
    /// [`DiskError`] if the path is none or the disk is full.
    pub fn install(&self, path: &str, version: FileVersion, size: u64) -> Result<(), DiskError> {
        self.put_program(None, path, version, size)
    }

    /// As [`Disk::install`], on behalf of a change.
    ///
    /// # Errors
    /// As for [`Disk::install`].
    pub fn install_marked(&self, mark: &Mark, path: &str, version: FileVersion, size: u64) -> Result<(), DiskError> {
        self.put_program(Some(mark), path, version, size)
    }

    fn put_program(&self, mark: Option<&Mark>, path: &str, version: FileVersion, size: u64) -> Result<(), DiskError> {
        let now = self.clock.now();
        self.lock()
            .change(mark, path, now, |_| Some(Content { bytes: None, size, modified: now, version: Some(version) }))
    }

    /// Deletes a file and says whether it was there.
    ///
    /// # Errors
    /// [`DiskError`] if the path is none or the directory behind the disk cannot be written.
    pub fn delete(&self, path: &str) -> Result<bool, DiskError> {
        self.remove(None, path)
    }

    /// Deletes a file on behalf of a change and says whether it was there.
    ///
    /// # Errors
    /// As for [`Disk::delete`].
    pub fn delete_marked(&self, mark: &Mark, path: &str) -> Result<bool, DiskError> {
        self.remove(Some(mark), path)
    }

    fn remove(&self, mark: Option<&Mark>, path: &str) -> Result<bool, DiskError> {
        let folded = fold(&parts(path)?);
        let mut inner = self.lock();
        let exists = inner.files.get(&folded).is_some_and(|file| file.content.get().is_some());
        if exists {
            inner.change(mark, path, self.clock.now(), |_| None)?;
        }
        Ok(exists)
    }

    /// Moves a file, replacing what is at its new path.
    ///
    /// # Errors
    /// [`DiskError::NotFound`] if there is nothing to move; otherwise as for [`Disk::write`].
    pub fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        let now = self.clock.now();
        let source = fold(&parts(from)?);
        let target = fold(&parts(to)?);
        let mut inner = self.lock();
        let moved = inner
            .files
            .get(&source)
            .and_then(|file| file.content.get().clone())
            .ok_or_else(|| DiskError::NotFound(from.to_owned()))?;
        if source != target {
            inner.change(None, from, now, |_| None)?;
            inner.change(None, to, now, |_| Some(moved))?;
        }
        Ok(())
    }

    /// Facts about the files directly in a folder, in order of their names.
    ///
    /// # Errors
    /// [`DiskError::BadPath`]. A folder that does not exist is empty.
    pub fn list(&self, folder: &str) -> Result<Vec<FileFacts>, DiskError> {
        let prefix = format!("{}/", fold(&parts(folder)?));
        let inner = self.lock();
        Ok(inner
            .files
            .range(prefix.clone()..)
            .take_while(|(path, _)| path.starts_with(&prefix))
            .filter(|(path, _)| !path[prefix.len()..].contains('/'))
            .filter_map(|(_, file)| file.facts())
            .collect())
    }

    /// Bytes in use.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.lock().used
    }

    /// Limits the disk to so many bytes, or lifts the limit.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.lock().capacity.set(bytes);
    }

    /// Limits the disk on behalf of a change.
    pub fn set_capacity_marked(&self, mark: &Mark, bytes: Option<u64>) {
        self.lock().capacity.set_marked(mark, bytes);
    }

    /// Takes back everything that the change wrote and nobody overwrote.
    ///
    /// # Errors
    /// [`DiskError::Io`] if the directory behind the disk cannot be written.
    pub fn revert(&self, mark: &Mark) -> Result<(), DiskError> {
        let mut inner = self.lock();
        inner.capacity.revert(mark);
        let mut reverted = Vec::new();
        for (folded, file) in &mut inner.files {
            let before = size_of(file.content.peek().as_ref());
            if file.content.revert(mark) {
                reverted.push((folded.clone(), before));
            }
        }
        for (folded, before) in reverted {
            inner.settle(&folded, before)?;
        }
        Ok(())
    }

    /// Writes every file with content below `root`, as `C/Windows/…`.
    ///
    /// # Errors
    /// [`DiskError::Io`].
    pub fn write_to(&self, root: &Path) -> Result<(), DiskError> {
        let target = Mirror::new(root)?;
        for file in self.lock().files.values() {
            if let Some(bytes) = file.bytes() {
                target.write(&file.path, bytes)?;
            }
        }
        Ok(())
    }
}

impl Inner {
    /// Replaces the content of the file at `path` by what `make` makes of the old one; `None` deletes.
    fn change(
        &mut self,
        mark: Option<&Mark>,
        path: &str,
        now: SimTime,
        make: impl FnOnce(Option<&Content>) -> Option<Content>,
    ) -> Result<(), DiskError> {
        let parts = file_parts(path)?;
        let folded = fold(&parts);
        let old = self.files.get(&folded).and_then(|file| file.content.peek().as_ref());
        let (before, was_there) = (size_of(old), old.is_some());
        let new = make(old);
        let grown = size_of(new.as_ref()).saturating_sub(before);
        check_space(&self.capacity, self.used, path, grown)?;
        let shown = self.shown(&parts);
        let file = self.files.entry(folded.clone()).or_insert_with(|| File {
            path: shown,
            content: Tracked::default(),
            created: now,
        });
        if !was_there {
            file.created = now;
        }
        match mark {
            Some(mark) => file.content.set_marked(mark, new),
            None => file.content.set(new),
        }
        self.settle(&folded, before)
    }

    /// Brings the size account and the mirror in line with a file whose content changed.
    fn settle(&mut self, folded: &str, before: u64) -> Result<(), DiskError> {
        let Some(file) = self.files.get(folded) else {
            return Ok(());
        };
        self.used = self.used - before + size_of(file.content.peek().as_ref());
        let Some(mirror) = &self.mirror else {
            return Ok(());
        };
        match file.bytes() {
            Some(bytes) => mirror.write(&file.path, bytes),
            None => mirror.delete(&file.path),
        }
    }

    /// The path in export form with every folder in the case in which it was first written.
    fn shown(&mut self, parts: &[&str]) -> String {
        let Some((name, folders)) = parts.split_last() else {
            return String::new();
        };
        let mut shown = String::new();
        let mut folded = String::new();
        for (index, folder) in folders.iter().enumerate() {
            if index > 0 {
                folded.push('/');
                shown.push('/');
            }
            folded.push_str(&folder.to_lowercase());
            let first = self.folders.entry(folded.clone()).or_insert_with(|| {
                // The drive letter is a folder of the export and always a capital.
                if index == 0 { folder.to_uppercase() } else { (*folder).to_owned() }
            });
            shown.push_str(first);
        }
        shown.push('/');
        shown.push_str(name);
        shown
    }
}

impl File {
    fn bytes(&self) -> Option<&[u8]> {
        self.content.peek().as_ref()?.bytes.as_deref()
    }

    fn facts(&self) -> Option<FileFacts> {
        let content = self.content.get().as_ref()?;
        let (drive, rest) = self.path.split_once('/').unwrap_or((&self.path, ""));
        Some(FileFacts {
            path: format!("{drive}:\\{}", rest.replace('/', "\\")),
            size: content.size,
            modified: content.modified,
            created: self.created,
            version: content.version,
        })
    }
}

/// Deleting and overwriting in place need no space, so a full disk is only met by what grows.
fn check_space(capacity: &Tracked<Option<u64>>, used: u64, path: &str, more: u64) -> Result<(), DiskError> {
    match capacity.get() {
        Some(capacity) if more > 0 && used.saturating_add(more) > *capacity => Err(DiskError::Full(path.to_owned())),
        _ => Ok(()),
    }
}

fn size_of(content: Option<&Content>) -> u64 {
    content.map_or(0, |content| content.size)
}

#[cfg(test)]
mod tests;
