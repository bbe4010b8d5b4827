//! Errors of the assigned management point and the move to another one.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Errors that make the client move on, and the time in which they count (field).
pub(super) const THRESHOLD: usize = 5;
const WINDOW: Duration = Duration::from_secs(10 * 60);
/// Errors right after a move are leftovers of the old one (field).
pub(super) const FLUSH: Duration = Duration::from_secs(20);

/// The recent errors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Errors {
    seen: Vec<Timestamp>,
    moved: Option<Timestamp>,
}

/// What one more error means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Just after a move: not counted.
    Ignored,
    /// This many in the window.
    Counted(usize),
    /// The threshold is reached.
    Move(usize),
}

impl Errors {
    pub(super) fn one_more(&mut self, now: Timestamp) -> Verdict {
        let age = |at: Timestamp| Duration::try_from(now.duration_since(at)).unwrap_or_default();
        if self.moved.is_some_and(|moved| age(moved) < FLUSH) {
            return Verdict::Ignored;
        }
        self.seen.retain(|at| age(*at) < WINDOW);
        self.seen.push(now);
        let count = self.seen.len();
        if count < THRESHOLD {
            return Verdict::Counted(count);
        }
        self.seen.clear();
        self.moved = Some(now);
        Verdict::Move(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_errors_in_ten_minutes_move_the_client() {
        let mut errors = Errors::default();
        let start: Timestamp = "2014-01-20T17:00:00Z".parse().unwrap();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert_eq!(errors.one_more(at(0)), Verdict::Counted(1));
        assert_eq!(errors.one_more(at(700)), Verdict::Counted(1), "the first is too old");
        for (second, count) in [(710, 2), (720, 3), (730, 4)] {
            assert_eq!(errors.one_more(at(second)), Verdict::Counted(count));
        }
        assert_eq!(errors.one_more(at(740)), Verdict::Move(5));
        assert_eq!(errors.one_more(at(759)), Verdict::Ignored);
        assert_eq!(errors.one_more(at(760)), Verdict::Counted(1));
    }
}
