//! Clock, seeded randomness, named waits and the journal of a simulated world.
//!
//! Everything that would differ between two runs of the same scenario comes from here: time from
//! [`Clock`], numbers and ids from [`Seed`] by label, the order of what happened from [`Journal`].
//! In virtual time tokio's paused clock is the discrete-event scheduler: it moves only when no task
//! can run, and then straight to the next timer. [`run()`] adds the sentinel that turns "no task will
//! ever run again" into [`Stalled`].

mod clock;
pub mod journal;
mod random;
mod run;
mod time;
mod waits;

pub use clock::{Clock, DeadlineExpired};
pub use journal::Journal;
pub use random::{Seed, SimRng};
pub use run::{Stalled, run};
pub use time::{LocalTime, SimTime, TimeZone, UnknownTimeZone};
pub use waits::{Wait, WaitGuard, Waits};
