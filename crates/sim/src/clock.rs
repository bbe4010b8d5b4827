//! The only way in which time passes.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;

use crate::{SimTime, TimeZone, Waits};

/// The shortest time-out that a scaled real-time run uses, so that a busy machine does not invent failures.
const SHORTEST_REAL_DEADLINE: Duration = Duration::from_millis(500);

/// A network time-out that passed before its operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no answer within {0:?}")]
pub struct DeadlineExpired(pub Duration);

/// The world's clock. Cheap to clone; all clones tell the same time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    epoch: SimTime,
    started: Instant,
    zone: TimeZone,
    /// Simulated seconds per second of the runtime's clock; 1 in virtual time.
    rate: f64,
    virtual_time: bool,
    waits: Waits,
}

impl Clock {
    /// A clock on tokio's paused time: it stands still while any task can run.
    ///
    /// Must be called inside a paused runtime, such as the one [`crate::run`] makes.
    #[must_use]
    pub fn virtual_time(epoch: SimTime, zone: TimeZone) -> Self {
        Self::start(epoch, zone, 1.0, true)
    }

    /// A clock on real time that runs `rate` times as fast as the machine's; product waits shrink by the same factor.
    #[must_use]
    pub fn real_time(epoch: SimTime, zone: TimeZone, rate: f64) -> Self {
        Self::start(epoch, zone, rate.max(f64::MIN_POSITIVE), false)
    }

    fn start(epoch: SimTime, zone: TimeZone, rate: f64, virtual_time: bool) -> Self {
        let started = Instant::now();
        Self(Arc::new(Inner { epoch, started, zone, rate, virtual_time, waits: Waits::default() }))
    }

    /// The current simulated time.
    #[must_use]
    pub fn now(&self) -> SimTime {
        self.0.epoch + self.0.started.elapsed().mul_f64(self.0.rate)
    }

    /// When the clock was started, in simulated time.
    #[must_use]
    pub fn epoch(&self) -> SimTime {
        self.0.epoch
    }

    /// The time zone of the world's machines.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.0.zone
    }

    /// Whether time jumps from timer to timer instead of passing.
    #[must_use]
    pub fn is_virtual(&self) -> bool {
        self.0.virtual_time
    }

    /// The register of who waits for what in this world.
    #[must_use]
    pub fn waits(&self) -> &Waits {
        &self.0.waits
    }

    /// Lets `duration` of simulated time pass: a wait that the product itself makes.
    #[expect(clippy::disallowed_methods, reason = "this is the one place where waits are made")]
    pub async fn wait(&self, who: &str, what: &str, duration: Duration) {
        let _entry = self.0.waits.enter(who, what, Some(self.now() + duration));
        tokio::time::sleep(duration.div_f64(self.0.rate)).await;
    }

    /// Waits until `at`, or not at all if that has passed.
    pub async fn wait_until(&self, who: &str, what: &str, at: SimTime) {
        let remaining = at.since(self.now());
        if !remaining.is_zero() {
            self.wait(who, what, remaining).await;
        }
    }

    /// Gives `operation` at most `limit` of simulated time: a network time-out.
    ///
    /// In scaled real time the limit shrinks too, but never below half a second.
    ///
    /// # Errors
    /// [`DeadlineExpired`] if the operation did not end in time; it is dropped then.
    #[expect(clippy::disallowed_methods, reason = "this is the one place where time-outs are made")]
    pub async fn deadline<F: Future>(&self, limit: Duration, operation: F) -> Result<F::Output, DeadlineExpired> {
        let real =
            if self.0.virtual_time { limit } else { limit.div_f64(self.0.rate).max(SHORTEST_REAL_DEADLINE.min(limit)) };
        tokio::time::timeout(real, operation).await.map_err(|_| DeadlineExpired(limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        Clock::virtual_time(SimTime::from_millis(1_000), TimeZone::utc())
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_takes_exactly_its_time_and_is_listed_meanwhile() {
        let clock = clock();
        let waits = clock.waits().clone();
        let waiting = clock.wait("CLIENT1 WUAHandler", "Group Policy", Duration::from_secs(120));
        tokio::pin!(waiting);
        assert!(futures_pending(&mut waiting).await);
        assert_eq!(waits.current()[0].until, Some(SimTime::from_millis(121_000)));
        waiting.await;
        assert_eq!(clock.now(), SimTime::from_millis(121_000));
        assert!(waits.current().is_empty());
    }

    async fn futures_pending<F: Future + Unpin>(future: &mut F) -> bool {
        std::future::poll_fn(|cx| std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_pending())).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_expires_at_its_limit() {
        let clock = clock();
        let never = std::future::pending::<()>();
        let expired = clock.deadline(Duration::from_secs(60), never).await;
        assert_eq!(expired, Err(DeadlineExpired(Duration::from_secs(60))));
        assert_eq!(clock.now(), SimTime::from_millis(61_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_past_instant_is_not_waited_for() {
        let clock = clock();
        clock.wait_until("x", "y", SimTime::from_millis(5)).await;
        assert_eq!(clock.now(), SimTime::from_millis(1_000));
    }
}
