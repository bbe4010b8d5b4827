//! The runtime of one scenario, and the sentinel that ends a world in which nothing can happen.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use crate::{Clock, SimTime, TimeZone, Wait};

/// The world stopped before the work was done: every task waits, or the virtual limit was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stalled {
    /// Virtual time that passed in vain.
    pub limit: Duration,
    /// Who waits for what, in the order in which they began to wait.
    pub waiting: Vec<Wait>,
}

impl std::error::Error for Stalled {}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the work was not done within {:?} of virtual time", self.limit)?;
        match self.waiting.as_slice() {
            [] => f.write_str(" and nobody waits for anything"),
            waiting => waiting.iter().try_for_each(|wait| write!(f, "\n  {wait}")),
        }
    }
}

/// Runs `work` in virtual time on this thread and returns its result.
///
/// The runtime has no I/O driver, so a stray socket panics instead of waking a task from outside.
///
/// # Errors
/// [`Stalled`] if `work` is not done when the clock reaches `limit`. With nothing left to happen the
/// clock gets there at once.
///
/// # Panics
/// If the runtime cannot be built, which needs no resource but memory.
#[expect(clippy::disallowed_methods, reason = "the sentinel is a timer that belongs to no component")]
pub fn run<F, W>(epoch: SimTime, zone: TimeZone, limit: Duration, work: W) -> Result<F::Output, Stalled>
where
    W: FnOnce(Clock) -> F,
    F: Future,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O driver needs no operating-system resource");
    runtime.block_on(async move {
        let clock = Clock::virtual_time(epoch, zone);
        let waits = clock.waits().clone();
        tokio::select! {
            biased;
            output = work(clock) => Ok(output),
            // The register is read before `select!` drops the work, whose guards would empty it.
            waiting = async {
                tokio::time::sleep(limit).await;
                waits.current()
            } => Err(Stalled { limit, waiting }),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn work_that_ends_gives_its_result() {
        let end = run(SimTime::from_millis(0), TimeZone::utc(), HOUR, |clock| async move {
            clock.wait("a", "b", Duration::from_secs(90)).await;
            clock.now()
        });
        assert_eq!(end, Ok(SimTime::from_millis(90_000)));
    }

    #[test]
    fn a_world_without_events_names_who_waits() {
        let stalled = run(SimTime::from_millis(0), TimeZone::utc(), HOUR, |clock| async move {
            let _waiting = clock.waits().enter("CLIENT1 ScanAgent", "WSUS locations", None);
            std::future::pending::<()>().await;
        })
        .unwrap_err();
        assert!(stalled.to_string().contains("CLIENT1 ScanAgent waits for WSUS locations"), "{stalled}");
    }
}
