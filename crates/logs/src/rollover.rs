//! When a log is full and what happens to the old file: pure decisions, the caller renames and deletes.

use serde::{Deserialize, Serialize};

use crate::log::Format;
use crate::stamp::LocalStamp;

/// Size in bytes from which a log is full unless told otherwise (`docs`).
pub const DEFAULT_MAX_SIZE: u64 = 250_000;

/// The smallest size a client accepts (`docs`); less counts as this (`inferred`).
pub const SMALLEST_CLIENT_SIZE: u64 = 10_000;

/// How a component rolls its logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rollover {
    /// Client and management point: `Name-YYYYMMDD-HHMMSS.log` (`docs`; that the management point does the same is
    /// `inferred`).
    Client {
        /// `LogMaxSize`, bytes.
        max_size: u64,
        /// `LogMaxHistory`: rolled files that are kept.
        max_history: usize,
    },
    /// Site components: `Name.lo_`, overwritten each time (`docs`).
    Server {
        /// `MaxFileSize`, bytes.
        max_size: u64,
    },
}

/// What to do with a full log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roll {
    /// The name the full file gets in its folder, replacing what has that name; `None`: it is deleted.
    pub rename_to: Option<String>,
    /// Names in the folder to delete after that.
    pub delete: Vec<String>,
}

impl Rollover {
    /// The product's own setting for logs of a format, `None` for formats that somebody else rolls or nobody.
    #[must_use]
    pub const fn default_for(format: Format) -> Option<Self> {
        match format {
            Format::CmTrace => Some(Self::Client { max_size: DEFAULT_MAX_SIZE, max_history: 1 }),
            Format::Server => Some(Self::Server { max_size: DEFAULT_MAX_SIZE }),
            _ => None,
        }
    }

    /// Decides after a write. The record that fills the file stays in it (`inferred` from sizes of rolled files: each is
    /// past the limit by less than one record). `last` is the time of that record, which names a client's file;
    /// `siblings` are the names in the log's folder.
    #[must_use]
    pub fn after_write(self, file_name: &str, size: u64, last: &LocalStamp, siblings: &[String]) -> Option<Roll> {
        let stem = file_name.strip_suffix(".log").unwrap_or(file_name);
        match self {
            Self::Client { max_size, max_history } => {
                if size < max_size.max(SMALLEST_CLIENT_SIZE) {
                    return None;
                }
                let t = last;
                let name = format!(
                    "{stem}-{:04}{:02}{:02}-{:02}{:02}{:02}.log",
                    t.year, t.month, t.day, t.hour, t.minute, t.second
                );
                let mut rolled: Vec<String> = siblings.iter().filter(|own| is_rolled(own, stem)).cloned().collect();
                rolled.retain(|own| *own != name);
                rolled.push(name.clone());
                // The stamp sorts as text, oldest first.
                rolled.sort();
                let surplus = rolled.len().saturating_sub(max_history);
                let mut delete: Vec<String> = rolled.drain(..surplus).collect();
                let kept = rolled.contains(&name);
                delete.retain(|own| *own != name);
                Some(Roll { rename_to: kept.then_some(name), delete })
            }
            Self::Server { max_size } => {
                (size >= max_size).then(|| Roll { rename_to: Some(format!("{stem}.lo_")), delete: Vec::new() })
            }
        }
    }
}

/// Whether `name` is a rolled file of the client log `stem`.
fn is_rolled(name: &str, stem: &str) -> bool {
    let middle = name.strip_prefix(stem).and_then(|rest| rest.strip_suffix(".log"));
    middle.is_some_and(|stamp| {
        let shape = |(at, byte): (usize, u8)| if at == 0 || at == 9 { byte == b'-' } else { byte.is_ascii_digit() };
        stamp.len() == 16 && stamp.bytes().enumerate().all(shape)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> LocalStamp {
        LocalStamp::from_utc_millis(ms, 300)
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_client_log_rolls_at_the_limit_and_not_one_byte_before() {
        let policy = Rollover::default_for(Format::CmTrace).unwrap();
        assert_eq!(policy.after_write("ScanAgent.log", 249_999, &at(1_390_238_289_000), &[]), None);
        let roll = policy.after_write("ScanAgent.log", 250_000, &at(1_390_238_289_000), &[]).unwrap();
        assert_eq!(roll.rename_to.as_deref(), Some("ScanAgent-20140120-121809.log"));
        assert_eq!(roll.delete, names(&[]));
    }

    #[test]
    fn history_keeps_the_newest_and_leaves_other_logs_alone() {
        let siblings = names(&[
            "ScanAgent.log",
            "ScanAgent-20140118-000000.log",
            "ScanAgent-20140119-000000.log",
            "ScanAgent-notes.log",
            "ScanAgentX-20140119-000000.log",
        ]);
        let roll = |max_history| {
            let policy = Rollover::Client { max_size: 20_000, max_history };
            policy.after_write("ScanAgent.log", 20_000, &at(1_390_238_289_000), &siblings).unwrap()
        };
        assert_eq!(roll(2).delete, names(&["ScanAgent-20140118-000000.log"]));
        assert_eq!(roll(1).delete, names(&["ScanAgent-20140118-000000.log", "ScanAgent-20140119-000000.log"]));
        assert_eq!(roll(0).rename_to, None);
        assert_eq!(roll(0).delete.len(), 2);
    }

    #[test]
    fn a_client_limit_below_the_smallest_counts_as_that() {
        let policy = Rollover::Client { max_size: 1, max_history: 1 };
        assert_eq!(policy.after_write("A.log", 9_999, &at(0), &[]), None);
        assert!(policy.after_write("A.log", 10_000, &at(0), &[]).is_some());
    }

    #[test]
    fn a_server_log_keeps_one_old_file() {
        let policy = Rollover::default_for(Format::Server).unwrap();
        assert_eq!(policy.after_write("statesys.log", 249_999, &at(0), &[]), None);
        let roll = policy.after_write("statesys.log", 250_000, &at(0), &[]).unwrap();
        assert_eq!(roll.rename_to.as_deref(), Some("statesys.lo_"));
        assert_eq!(Rollover::default_for(Format::W3c), None);
    }
}
