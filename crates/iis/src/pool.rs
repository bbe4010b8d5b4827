//! Application pools.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use cmsim_world::Tracked;

/// Requests that may be in a pool at a time, unless set otherwise (documented default).
pub const QUEUE_LENGTH: u32 = 1000;

/// An application pool as it is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolSpec {
    /// Its name, such as `WsusPool`.
    pub name: String,
    /// The account its worker process runs as.
    pub identity: String,
    /// Requests that may be in it at a time.
    pub queue_length: u32,
}

impl PoolSpec {
    /// A pool with the default queue that runs as `ApplicationPoolIdentity`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), identity: "ApplicationPoolIdentity".to_owned(), queue_length: QUEUE_LENGTH }
    }
}

pub(crate) struct Pool {
    pub(crate) spec: PoolSpec,
    pub(crate) started: Tracked<bool>,
    pub(crate) queue_length: Tracked<u32>,
    inside: Arc<AtomicU32>,
}

/// Why HTTP.sys hands no request to a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unavailable {
    /// It is stopped.
    Stopped,
    /// Its queue is full.
    Full,
}

/// A request's place in a pool, free again when dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<AtomicU32>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    pub(crate) fn new(spec: PoolSpec) -> Self {
        let queue_length = Tracked::new(spec.queue_length);
        Self { spec, started: Tracked::new(true), queue_length, inside: Arc::default() }
    }

    pub(crate) fn enter(&self) -> Result<Place, Unavailable> {
        if !*self.started.get() {
            return Err(Unavailable::Stopped);
        }
        // The limit is read as a component only when it decides, so that a change of it counts as met then.
        if self.inside.load(Ordering::Relaxed) >= *self.queue_length.peek() {
            self.queue_length.get();
            return Err(Unavailable::Full);
        }
        self.inside.fetch_add(1, Ordering::Relaxed);
        Ok(Place(Arc::clone(&self.inside)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_takes_its_length_and_no_more() {
        let pool = Pool::new(PoolSpec { queue_length: 2, ..PoolSpec::new("WsusPool") });
        let first = pool.enter().unwrap();
        let _second = pool.enter().unwrap();
        assert_eq!(pool.enter().unwrap_err(), Unavailable::Full);
        drop(first);
        assert!(pool.enter().is_ok());
    }
}
