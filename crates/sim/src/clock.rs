//! The only way in which time passes.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
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
    source: Source,
    zone: TimeZone,
    waits: Waits,
}

/// What makes the time pass.
#[derive(Debug)]
enum Source {
    /// The runtime's paused clock.
    Paused { started: Instant },
    /// The machine's clock, with this many simulated seconds per real one.
    Real { started: Instant, rate: f64 },
    /// Whoever calls [`Clock::step_to`]: milliseconds since the epoch.
    Stepped(AtomicU64),
}

impl Clock {
    /// A clock on tokio's paused time: it stands still while any task can run.
    ///
    /// Must be called inside a paused runtime, such as the one [`crate::run()`] makes.
    #[must_use]
    pub fn virtual_time(epoch: SimTime, zone: TimeZone) -> Self {
        Self::start(epoch, zone, Source::Paused { started: Instant::now() })
    }

    /// A clock on real time that runs `rate` times as fast as the machine's; product waits shrink by the same factor.
    #[must_use]
    pub fn real_time(epoch: SimTime, zone: TimeZone, rate: f64) -> Self {
        Self::start(epoch, zone, Source::Real { started: Instant::now(), rate: rate.max(f64::MIN_POSITIVE) })
    }

    /// A clock without a runtime, for drivers with a queue of events of their own: it stands still until
    /// [`Clock::step_to`] moves it. A wait on it is over when it is polled at or after its end; nobody wakes it.
    #[must_use]
    pub fn stepped(epoch: SimTime, zone: TimeZone) -> Self {
        Self::start(epoch, zone, Source::Stepped(AtomicU64::new(0)))
    }

    fn start(epoch: SimTime, zone: TimeZone, source: Source) -> Self {
        Self(Arc::new(Inner { epoch, source, zone, waits: Waits::default() }))
    }

    /// Moves a stepped clock forward to `at`. Other clocks and earlier times change nothing.
    pub fn step_to(&self, at: SimTime) {
        if let Source::Stepped(passed) = &self.0.source {
            let target = u64::try_from(at.since(self.0.epoch).as_millis()).unwrap_or(u64::MAX);
            passed.fetch_max(target, Ordering::Relaxed);
        }
    }

    /// The current simulated time.
    #[must_use]
    pub fn now(&self) -> SimTime {
        self.0.epoch
            + match &self.0.source {
                Source::Paused { started } => started.elapsed(),
                Source::Real { started, rate } => started.elapsed().mul_f64(*rate),
                Source::Stepped(passed) => Duration::from_millis(passed.load(Ordering::Relaxed)),
            }
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
        !matches!(self.0.source, Source::Real { .. })
    }

    /// The register of who waits for what in this world.
    #[must_use]
    pub fn waits(&self) -> &Waits {
        &self.0.waits
    }

    /// Lets `duration` of simulated time pass: a wait that the product itself makes.
    #[expect(clippy::disallowed_methods, reason = "this is the one place where waits are made")]
    pub async fn wait(&self, who: &str, what: &str, duration: Duration) {
        let end = self.now() + duration;
        let _entry = self.0.waits.enter(who, what, Some(end));
        match &self.0.source {
            Source::Paused { .. } => tokio::time::sleep(duration).await,
            Source::Real { rate, .. } => tokio::time::sleep(duration.div_f64(*rate)).await,
            Source::Stepped(_) => poll_fn(|_| if self.now() < end { Poll::Pending } else { Poll::Ready(()) }).await,
        }
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
        let expired = DeadlineExpired(limit);
        match &self.0.source {
            Source::Paused { .. } | Source::Real { .. } => {
                tokio::time::timeout(self.runtime_limit(limit), operation).await.map_err(|_| expired)
            }
            Source::Stepped(_) => {
                let end = self.now() + limit;
                let mut operation = pin!(operation);
                poll_fn(|cx| match operation.as_mut().poll(cx) {
                    Poll::Pending if self.now() >= end => Poll::Ready(Err(expired)),
                    other => other.map(Ok),
                })
                .await
            }
        }
    }
}

impl Clock {
    /// How long a time-out of `limit` lasts on the runtime's own clock, for libraries that keep their own timers.
    #[must_use]
    pub fn runtime_limit(&self, limit: Duration) -> Duration {
        match &self.0.source {
            Source::Real { rate, .. } => limit.div_f64(*rate).max(SHORTEST_REAL_DEADLINE.min(limit)),
            Source::Paused { .. } | Source::Stepped(_) => limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn scaled_time_outs_shrink_to_half_a_second_and_no_further() {
        let fast = Clock::real_time(SimTime::from_millis(0), TimeZone::utc(), 100.0);
        assert_eq!(fast.runtime_limit(Duration::from_secs(120)), Duration::from_millis(1_200));
        assert_eq!(fast.runtime_limit(Duration::from_secs(30)), Duration::from_millis(500));
        assert_eq!(fast.runtime_limit(Duration::from_millis(20)), Duration::from_millis(20));
        assert_eq!(clock().runtime_limit(Duration::from_secs(30)), Duration::from_secs(30));
    }

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
        poll_fn(|cx| Poll::Ready(pin!(&mut *future).poll(cx).is_pending())).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_expires_at_its_limit() {
        let clock = clock();
        let never = std::future::pending::<()>();
        let expired = clock.deadline(Duration::from_secs(60), never).await;
        assert_eq!(expired, Err(DeadlineExpired(Duration::from_secs(60))));
        assert_eq!(clock.now(), SimTime::from_millis(61_000));
    }

    #[test]
    fn a_stepped_clock_moves_by_hand_alone_and_never_back() {
        let clock = Clock::stepped(SimTime::from_millis(1_000), TimeZone::utc());
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let mut waiting = pin!(clock.wait("x", "y", Duration::from_millis(20)));
        let mut late = pin!(clock.deadline(Duration::from_millis(30), std::future::pending::<()>()));
        assert!(waiting.as_mut().poll(&mut cx).is_pending() && late.as_mut().poll(&mut cx).is_pending());
        clock.step_to(SimTime::from_millis(1_020));
        assert!(waiting.as_mut().poll(&mut cx).is_ready() && late.as_mut().poll(&mut cx).is_pending());
        clock.step_to(SimTime::from_millis(1_030));
        clock.step_to(SimTime::from_millis(1_005));
        let expired = DeadlineExpired(Duration::from_millis(30));
        assert_eq!(late.as_mut().poll(&mut cx), Poll::Ready(Err(expired)));
        assert_eq!(clock.now(), SimTime::from_millis(1_030));
    }

    #[tokio::test(start_paused = true)]
    async fn a_past_instant_is_not_waited_for() {
        let clock = clock();
        clock.wait_until("x", "y", SimTime::from_millis(5)).await;
        assert_eq!(clock.now(), SimTime::from_millis(1_000));
    }
}
