//! How fast an agent's effects follow one another, and on which threads.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The time between two effects of one input: real logs show bursts with gaps of 0 to 3 ms and many equal milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace;

impl Pace {
    /// The next gap: nothing in most cases, otherwise 1 to 3 ms. `random` gives any 64 bits.
    pub fn next(self, random: &mut dyn FnMut() -> u64) -> Duration {
        let draw = random() % 12;
        Duration::from_millis(if draw < 9 { 0 } else { draw - 8 })
    }
}

/// Thread ids of a process: every request runs on some pool thread, ids are multiples of four.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadIds {
    pool: Vec<u32>,
}

impl ThreadIds {
    const POOL: usize = 24;

    /// The thread the next request runs on. `random` gives any 64 bits.
    pub fn next(&mut self, random: &mut dyn FnMut() -> u64) -> u32 {
        let slot = usize::try_from(random() % 24).unwrap_or(0);
        while self.pool.len() < Self::POOL {
            let fresh = 400 + u32::try_from(random() % 2000).unwrap_or(0) * 4;
            if !self.pool.contains(&fresh) {
                self.pool.push(fresh);
            }
        }
        self.pool[slot]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter() -> impl FnMut() -> u64 {
        let mut state = 7_u64;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        }
    }

    #[test]
    fn gaps_stay_within_three_milliseconds_and_most_are_nothing() {
        let mut random = counter();
        let gaps: Vec<u128> = (0..1000).map(|_| Pace.next(&mut random).as_millis()).collect();
        assert!(gaps.iter().all(|gap| *gap <= 3));
        assert!(gaps.iter().filter(|gap| **gap == 0).count() > 500);
        assert!(gaps.contains(&3));
    }

    #[test]
    fn threads_are_windows_like_and_reused() {
        let mut random = counter();
        let mut threads = ThreadIds::default();
        let ids: Vec<u32> = (0..200).map(|_| threads.next(&mut random)).collect();
        assert!(ids.iter().all(|id| id % 4 == 0 && *id >= 400));
        let mut distinct = ids.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert!(distinct.len() > 10 && distinct.len() <= 24);
    }
}
