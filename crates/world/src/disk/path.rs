//! Paths on a Windows disk.

use super::DiskError;

/// The longest path a disk takes, in bytes (NTFS: 32,767 UTF-16 units; ours is the same figure in bytes).
pub const LONGEST_PATH: usize = 32_767;

/// A path as parts: the drive letter first, then folders, then the name.
///
/// `C:\Windows\x.log`, `c:/Windows/x.log` and the export form `C/Windows/x.log` are the same path. `.` and `..` are
/// refused, so a path can never leave its drive.
pub(super) fn parts(path: &str) -> Result<Vec<&str>, DiskError> {
    let bad = |why| DiskError::BadPath { path: path.chars().take(200).collect(), why };
    if path.len() > LONGEST_PATH {
        return Err(bad("it is too long"));
    }
    let (drive, rest) = path.split_once(['\\', '/']).unwrap_or((path, ""));
    let letter = drive.strip_suffix(':').unwrap_or(drive);
    if letter.len() != 1 || !letter.chars().all(|c| c.is_ascii_alphabetic()) {
        return Err(bad("it does not begin with a drive"));
    }
    let mut parts = vec![letter];
    if rest.is_empty() {
        return Ok(parts);
    }
    for part in rest.trim_end_matches(['\\', '/']).split(['\\', '/']) {
        if part.is_empty() {
            return Err(bad("it has an empty name"));
        }
        if part.chars().all(|c| c == '.') {
            return Err(bad("it has a relative name"));
        }
        if part.chars().any(|c| c.is_control() || r#":*?"<>|"#.contains(c)) {
            return Err(bad("it has a character that Windows forbids in names"));
        }
        parts.push(part);
    }
    Ok(parts)
}

/// The parts of the path of a file: a drive alone is none.
pub(super) fn file_parts(path: &str) -> Result<Vec<&str>, DiskError> {
    let parts = parts(path)?;
    if parts.len() < 2 {
        return Err(DiskError::BadPath { path: path.to_owned(), why: "it names no file" });
    }
    Ok(parts)
}

/// The form in which paths compare: lower case, `/` between parts.
pub(super) fn fold(parts: &[&str]) -> String {
    parts.join("/").to_lowercase()
}
