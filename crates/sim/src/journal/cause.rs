//! What led to an entry: the HTTP exchange in whose handling it was written.
//!
//! Nobody hands causes around. Whoever begins to handle something says so with [`caused_by`] or [`while_caused_by`], and
//! every entry that is recorded inside takes the cause from there. Tasks that are spawned inside begin without one.

use std::collections::BTreeMap;

use super::{Entry, Event};

tokio::task_local! {
    static CAUSE: Option<Cause>;
}

/// An HTTP exchange, as the end that handles it knows it. Nothing of this is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The outcome of an exchange, at its client: the number of the exchange's own entry in the journal.
    Outcome(usize),
    /// A request that is being served. Both ends count alike.
    Request {
        /// Number of the connection within the world.
        connection: u64,
        /// Which request on that connection it is, from 1.
        number: u32,
    },
}

/// The cause of what happens now, if it has one.
#[must_use]
pub fn cause() -> Option<Cause> {
    CAUSE.try_with(|cause| *cause).ok().flatten()
}

/// Does `work`; what it records has this cause, or none.
pub async fn caused_by<F: Future>(cause: Option<Cause>, work: F) -> F::Output {
    CAUSE.scope(cause, work).await
}

/// Does `work` on the spot; what it records has this cause, or none.
pub fn while_caused_by<T>(cause: Option<Cause>, work: impl FnOnce() -> T) -> T {
    CAUSE.sync_scope(cause, work)
}

/// The exchanges of a journal, to be found by what either end knows of them.
#[derive(Debug, Default)]
pub struct Exchanges(BTreeMap<(u64, u32), usize>);

impl Exchanges {
    /// The exchanges among `entries`, which must be a journal from its beginning.
    #[must_use]
    pub fn of(entries: &[Entry]) -> Self {
        let numbered = entries.iter().enumerate();
        Self(numbered.filter_map(|(number, entry)| Some((on_the_wire(entry)?, number))).collect())
    }

    /// The number of the entry of the exchange that `cause` names; none if its client is no part of the world, sent the
    /// request again because the connection died under it, or still waited when the journal ended.
    #[must_use]
    pub fn number(&self, cause: Cause) -> Option<usize> {
        match cause {
            Cause::Outcome(number) => Some(number),
            Cause::Request { connection, number } => self.0.get(&(connection, number)).copied(),
        }
    }
}

/// Connection and request of an exchange that got so far.
fn on_the_wire(entry: &Entry) -> Option<(u64, u32)> {
    match &entry.event {
        Event::Exchange(exchange) => exchange.connection.zip(exchange.request),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::journal::Exchange;
    use crate::{Clock, Journal, SimTime, TimeZone};

    fn journal() -> Journal {
        Journal::new(Clock::virtual_time(SimTime::from_millis(0), TimeZone::utc()))
    }

    fn note(journal: &Journal) {
        journal.record(&"A".into(), &"B".into(), Event::Note { name: "test", text: String::new() });
    }

    fn causes(journal: &Journal) -> Vec<Option<Cause>> {
        journal.with_entries(|entries| entries.iter().map(|entry| entry.cause).collect())
    }

    const REQUEST: Option<Cause> = Some(Cause::Request { connection: 3, number: 2 });
    const OUTCOME: Option<Cause> = Some(Cause::Outcome(7));

    #[tokio::test(start_paused = true)]
    async fn work_that_takes_turns_keeps_its_own_cause() {
        let journal = journal();
        let work = async |cause, first| {
            caused_by(cause, async {
                journal.clock().wait("test", "its turn", Duration::from_secs(first)).await;
                note(&journal);
                journal.clock().wait("test", "its turn", Duration::from_secs(2)).await;
                note(&journal);
            })
            .await;
        };
        tokio::join!(work(REQUEST, 1), work(OUTCOME, 2));
        note(&journal);
        assert_eq!(causes(&journal), [REQUEST, OUTCOME, REQUEST, OUTCOME, None]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_inner_cause_counts_and_a_task_begins_without_one() {
        let journal = journal();
        caused_by(REQUEST, async {
            while_caused_by(OUTCOME, || note(&journal));
            while_caused_by(None, || note(&journal));
            note(&journal);
            let task = journal.clone();
            tokio::spawn(async move { note(&task) }).await.unwrap();
        })
        .await;
        assert_eq!(causes(&journal), [OUTCOME, None, REQUEST, None]);
    }

    #[test]
    fn no_runtime_is_needed() {
        assert_eq!(while_caused_by(REQUEST, cause), REQUEST);
        assert_eq!(cause(), None);
    }

    #[test]
    fn a_cause_is_two_words() {
        assert_eq!(size_of::<Option<Cause>>(), 16);
    }

    #[tokio::test(start_paused = true)]
    async fn both_ends_name_the_same_exchange() {
        let journal = journal();
        let exchange = |connection, request| Event::Exchange(Box::new(Exchange { connection, request, ..empty() }));
        note(&journal);
        let (host, component): (Arc<str>, Arc<str>) = ("A".into(), "B".into());
        let unsent = journal.record(&host, &component, exchange(None, None));
        let sent = journal.record(&host, &component, exchange(Some(3), Some(2)));
        assert_eq!((unsent, sent), (1, 2));
        let exchanges = journal.with_entries(Exchanges::of);
        assert_eq!(exchanges.number(Cause::Request { connection: 3, number: 2 }), Some(sent));
        assert_eq!(exchanges.number(Cause::Request { connection: 3, number: 1 }), None);
        assert_eq!(exchanges.number(Cause::Outcome(unsent)), Some(unsent));
    }

    fn empty() -> Exchange {
        Exchange {
            started: SimTime::from_millis(0),
            connecting: None,
            answered: None,
            ended: SimTime::from_millis(0),
            url: String::new(),
            method: String::new(),
            request_headers: Vec::new(),
            request_body: None,
            status: None,
            response_headers: Vec::new(),
            response_body: None,
            failure: None,
            server: None,
            connection: None,
            request: None,
        }
    }
}
