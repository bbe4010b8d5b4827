//! What happened, in order: small typed events and a content-addressed store for what is large.

mod cause;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indexmap::IndexMap;
use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;

use crate::{Clock, SimTime};

pub use cause::{Cause, Exchanges, cause, caused_by, while_caused_by};

/// The SHA-256 of a payload, under which the store keeps it once.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PayloadId([u8; 32]);

impl fmt::Display for PayloadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PayloadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for PayloadId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One line of the journal.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Simulated time of the event.
    pub at: SimTime,
    /// The machine on which it happened.
    pub host: Arc<str>,
    /// The component that did it, by its product name.
    pub component: Arc<str>,
    /// The HTTP exchange in whose handling it happened, if it did. Only with the whole journal at hand does it say which.
    #[serde(skip)]
    pub cause: Option<Cause>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What can happen in a world.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// A component wrote a line of one of the product's logs.
    Log {
        /// Path of the log on the host's disk.
        file: Arc<str>,
        /// Position of the record in that log, from 0, over rollovers.
        record: u64,
        /// 0 verbose, 1 information, 2 warning, 3 error.
        severity: u8,
        /// Where the wording is known from: article, docs, capture, field or inferred.
        evidence: &'static str,
        /// The message text.
        text: Arc<str>,
    },
    /// An HTTP exchange ended, as its client saw it (above TLS).
    Exchange(Box<Exchange>),
    /// A statement reached a database, as a trace shows it.
    Sql {
        /// The text of the call.
        text: Arc<str>,
    },
    /// A change of the world was applied, reverted or met by a component.
    Change {
        /// The identifier of the change within the scenario.
        id: Arc<str>,
        /// What became of it.
        what: &'static str,
    },
    /// Anything else worth a line in the timeline.
    Note {
        /// A dotted name of the kind of note.
        name: &'static str,
        /// The note.
        text: String,
    },
}

/// One HTTP request and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Exchange {
    /// When the client began to send (after connecting).
    pub started: SimTime,
    /// When the client began to connect, if this exchange opened the connection.
    pub connecting: Option<SimTime>,
    /// When the response head arrived, if it did.
    pub answered: Option<SimTime>,
    /// When the last byte of the body arrived or the exchange failed.
    pub ended: SimTime,
    /// The URL as the client wrote it.
    pub url: String,
    /// The HTTP method.
    pub method: String,
    /// Request headers in the order sent.
    pub request_headers: Vec<(String, String)>,
    /// Request body.
    pub request_body: Option<PayloadId>,
    /// Status code and reason of the answer, if there was one.
    pub status: Option<(u16, String)>,
    /// Response headers in the order received.
    pub response_headers: Vec<(String, String)>,
    /// Response body.
    pub response_body: Option<PayloadId>,
    /// The transport failure in words, if the exchange failed.
    pub failure: Option<String>,
    /// Address and port that the client was connected to, if it was.
    pub server: Option<String>,
    /// Number of the connection within the world.
    pub connection: Option<u64>,
    /// Which request on that connection it was, from 1, if one was sent.
    pub request: Option<u32>,
}

/// The journal of one world. Cheap to clone; all clones write to the same one.
#[derive(Clone)]
pub struct Journal {
    clock: Clock,
    inner: Arc<Mutex<Inner>>,
    grown: Arc<Notify>,
}

#[derive(Default)]
struct Inner {
    entries: Vec<Entry>,
    payloads: IndexMap<PayloadId, Arc<[u8]>>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Journal({} entries)", self.lock().entries.len())
    }
}

impl Journal {
    /// An empty journal that stamps its entries with `clock`.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, inner: Arc::default(), grown: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The clock that stamps the entries.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Adds an event that happens now, with the cause in force; returns its number, from 0.
    pub fn record(&self, host: &Arc<str>, component: &Arc<str>, event: Event) -> usize {
        let (at, cause) = (self.clock.now(), cause());
        let entry = Entry { at, host: Arc::clone(host), component: Arc::clone(component), cause, event };
        let mut inner = self.lock();
        let number = inner.entries.len();
        inner.entries.push(entry);
        drop(inner);
        self.grown.notify_waiters();
        number
    }

    /// Waits until the journal has more than `length` entries.
    pub async fn longer_than(&self, length: usize) {
        loop {
            let grown = self.grown.notified();
            if self.len() > length {
                return;
            }
            grown.await;
        }
    }

    /// Keeps `bytes` once, however often they occur.
    pub fn store(&self, bytes: &[u8]) -> PayloadId {
        let id = PayloadId(Sha256::digest(bytes).into());
        self.lock().payloads.entry(id).or_insert_with(|| bytes.into());
        id
    }

    /// The bytes stored under `id`.
    #[must_use]
    pub fn payload(&self, id: PayloadId) -> Option<Arc<[u8]>> {
        self.lock().payloads.get(&id).cloned()
    }

    /// Everything so far, in order.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().entries.clone()
    }

    /// Calls `look` with everything so far, without copying it.
    pub fn with_entries<T>(&self, look: impl FnOnce(&[Entry]) -> T) -> T {
        look(&self.lock().entries)
    }

    /// Number of entries so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Whether nothing has happened yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TimeZone;

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_for_an_entry_is_woken_by_it() {
        let clock = Clock::virtual_time(SimTime::from_millis(0), TimeZone::utc());
        let journal = Journal::new(clock.clone());
        let writer = journal.clone();
        let writing = async move {
            clock.wait("test", "its turn", std::time::Duration::from_secs(9)).await;
            writer.record(&"A".into(), &"B".into(), Event::Note { name: "test", text: String::new() });
        };
        tokio::join!(journal.longer_than(0), writing);
        assert_eq!(journal.entries()[0].at, SimTime::from_millis(9_000));
    }

    #[tokio::test(start_paused = true)]
    async fn payloads_are_kept_once_and_entries_in_order() {
        let clock = Clock::virtual_time(SimTime::from_millis(0), TimeZone::utc());
        let journal = Journal::new(clock);
        let (host, component) = (Arc::from("CLIENT1"), Arc::from("ScanAgent"));
        assert_eq!(journal.store(b"body"), journal.store(b"body"));
        assert_ne!(journal.store(b"body"), journal.store(b"other"));
        for text in ["first", "second"] {
            journal.record(&host, &component, Event::Note { name: "test", text: text.to_owned() });
        }
        journal.longer_than(1).await;
        let json = serde_json::to_string(&journal.entries()[1]).unwrap();
        assert_eq!(
            json,
            r#"{"at":0,"host":"CLIENT1","component":"ScanAgent","kind":"note","name":"test","text":"second"}"#
        );
    }
}
