//! Files that wait for another try.

use std::collections::BTreeMap;
use std::time::Duration;

use cmsim_sim::SimTime;

/// Folder in which they wait (inferred).
pub(super) const RETRY_INBOX: &str = r"auth\statesys.box\retry";

/// When which file is tried again. A file whose history is not known, because the component was restarted, begins
/// with the first delay after it was written.
#[derive(Default)]
pub(super) struct Retries {
    files: BTreeMap<String, Pending>,
}

struct Pending {
    tries: usize,
    due: SimTime,
}

impl Retries {
    /// Notes that a file failed now; gives the delay until its next try, `None` if it had the last one.
    pub(super) fn next(&mut self, name: &str, delays: &[Duration], now: SimTime) -> Option<Duration> {
        let tries = self.files.get(name).map_or(0, |pending| pending.tries);
        let Some(delay) = delays.get(tries) else {
            self.files.remove(name);
            return None;
        };
        self.files.insert(name.to_owned(), Pending { tries: tries + 1, due: now + *delay });
        Some(*delay)
    }

    /// Whether a waiting file's time has come.
    pub(super) fn is_due(&mut self, name: &str, written: SimTime, delays: &[Duration], now: SimTime) -> bool {
        let first = delays.first().copied().unwrap_or_default();
        let pending = self.files.entry(name.to_owned()).or_insert(Pending { tries: 1, due: written + first });
        now >= pending.due
    }

    /// The file needs no further try.
    pub(super) fn forget(&mut self, name: &str) {
        self.files.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_try_per_delay() {
        let delays = [Duration::from_secs(7200), Duration::from_secs(28_800)];
        let mut retries = Retries::default();
        let start = SimTime::from_millis(0);
        assert_eq!(retries.next("A.SMX", &delays, start), Some(delays[0]));
        assert!(!retries.is_due("A.SMX", start, &delays, start + Duration::from_secs(7199)));
        let second = start + delays[0];
        assert!(retries.is_due("A.SMX", start, &delays, second));
        assert_eq!(retries.next("A.SMX", &delays, second), Some(delays[1]));
        assert!(!retries.is_due("A.SMX", start, &delays, second + delays[0]));
        assert_eq!(retries.next("A.SMX", &delays, second + delays[1]), None);
        assert_eq!(retries.next("A.SMX", &delays, second), Some(delays[0]), "forgotten after the last");
    }

    #[test]
    fn after_a_restart_the_first_delay_counts_from_the_file() {
        let delays = [Duration::from_secs(10)];
        let mut retries = Retries::default();
        let written = SimTime::from_millis(0);
        assert!(!retries.is_due("A.SMX", written, &delays, written + Duration::from_secs(9)));
        assert!(retries.is_due("A.SMX", written, &delays, written + Duration::from_secs(10)));
    }
}
