//! Who waits for what: the register behind "nothing can happen any more".

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::SimTime;

/// One entry of the register: somebody who cannot go on by himself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The host and component that waits, such as `CLIENT1 ScanAgent`.
    pub who: String,
    /// What it waits for, such as `WSUS locations from LocationServices`.
    pub what: String,
    /// When it goes on by itself, or `None` if only an event can release it.
    pub until: Option<SimTime>,
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} waits for {}", self.who, self.what)?;
        match self.until {
            Some(until) => write!(f, " until {until:?}"),
            None => Ok(()),
        }
    }
}

/// The register of current waits, shared by everything that runs in one world.
#[derive(Clone, Debug, Default)]
pub struct Waits(Arc<Mutex<Register>>);

#[derive(Debug, Default)]
struct Register {
    next: u64,
    current: BTreeMap<u64, Wait>,
}

impl Waits {
    /// Notes that `who` waits for `what`; the entry lasts as long as the guard.
    #[must_use]
    pub fn enter(&self, who: &str, what: &str, until: Option<SimTime>) -> WaitGuard {
        let mut register = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = register.next;
        register.next += 1;
        register.current.insert(key, Wait { who: who.to_owned(), what: what.to_owned(), until });
        WaitGuard { waits: self.clone(), key }
    }

    /// Everybody who waits now, in the order in which they began.
    #[must_use]
    pub fn current(&self) -> Vec<Wait> {
        let register = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        register.current.values().cloned().collect()
    }
}

/// Removes its entry from the register when dropped.
#[derive(Debug)]
pub struct WaitGuard {
    waits: Waits,
    key: u64,
}

impl Drop for WaitGuard {
    fn drop(&mut self) {
        let mut register = self.waits.0.lock().unwrap_or_else(PoisonError::into_inner);
        register.current.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_lasts_as_long_as_its_guard() {
        let waits = Waits::default();
        let first = waits.enter("CLIENT1 ScanAgent", "WSUS locations", None);
        let second = waits.enter("CLIENT1 WUAHandler", "Group Policy", Some(SimTime::from_millis(0)));
        assert_eq!(waits.current().len(), 2);
        drop(first);
        assert_eq!(waits.current()[0].who, "CLIENT1 WUAHandler");
        drop(second);
        assert!(waits.current().is_empty());
    }
}
