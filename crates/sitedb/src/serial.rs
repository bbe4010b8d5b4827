//! Serial numbers of state messages: which have arrived, which are missing.

/// Most gaps that are kept for one client; the oldest give way. Real clients lose a file now and then; whoever sends
/// numbers with holes on purpose must not fill the table.
const MOST_GAPS: usize = 1000;

/// The numbers of one client. They begin at 1 and rise by one a message; a jump leaves a gap that later messages
/// can fill (docs: state messaging; that the first number is 1 is inferred).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Serials {
    /// Highest number seen.
    pub(crate) last: i64,
    /// Ranges that did not arrive, ascending, each with the time of its discovery.
    pub(crate) missing: Vec<Gap>,
}

/// Numbers from `start` to `end`, both included.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Gap {
    #[sqlx(rename = "RangeStart")]
    pub(crate) start: i64,
    #[sqlx(rename = "RangeEnd")]
    pub(crate) end: i64,
    #[sqlx(rename = "DetectedTime")]
    pub(crate) detected: String,
}

impl Serials {
    /// Notes that the message with this number arrived at `now`.
    pub(crate) fn arrived(&mut self, serial: i64, now: &str) {
        if serial > self.last {
            if serial > self.last + 1 {
                self.missing.push(Gap { start: self.last + 1, end: serial - 1, detected: now.to_owned() });
            }
            self.last = serial;
            self.keep_newest();
            return;
        }
        let Some(at) = self.missing.iter().position(|gap| (gap.start..=gap.end).contains(&serial)) else {
            return;
        };
        let gap = self.missing.remove(at);
        if serial < gap.end {
            let above = Gap { start: serial + 1, ..gap.clone() };
            self.missing.insert(at, above);
        }
        if serial > gap.start {
            let below = Gap { end: serial - 1, ..gap };
            self.missing.insert(at, below);
        }
        self.keep_newest();
    }

    fn keep_newest(&mut self) {
        let surplus = self.missing.len().saturating_sub(MOST_GAPS);
        self.missing.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn after(serials: &[i64]) -> (i64, Vec<(i64, i64)>) {
        let mut state = Serials::default();
        for serial in serials {
            state.arrived(*serial, "now");
        }
        let gaps = state.missing.iter().map(|gap| (gap.start, gap.end)).collect();
        (state.last, gaps)
    }

    #[test]
    fn numbers_in_order_leave_no_gap_and_repeats_change_nothing() {
        assert_eq!(after(&[1, 2, 3]), (3, vec![]));
        assert_eq!(after(&[1, 2, 2, 1, 3]), (3, vec![]));
    }

    #[test]
    fn jumps_leave_gaps_that_late_messages_shrink_split_and_fill() {
        assert_eq!(after(&[3]), (3, vec![(1, 2)]));
        assert_eq!(after(&[1, 7]), (7, vec![(2, 6)]));
        assert_eq!(after(&[1, 7, 4]), (7, vec![(2, 3), (5, 6)]));
        assert_eq!(after(&[1, 7, 2, 6]), (7, vec![(3, 5)]));
        assert_eq!(after(&[1, 7, 4, 9]), (9, vec![(2, 3), (5, 6), (8, 8)]));
        assert_eq!(after(&[1, 4, 2, 3]), (4, vec![]));
    }

    #[test]
    fn the_limit_of_gaps_holds_at_the_limit_and_drops_the_oldest_one_past_it() {
        let holes = |count: i64| (1..=count).map(|n| n * 2).collect::<Vec<_>>();
        let limit = i64::try_from(MOST_GAPS).unwrap();
        assert_eq!(after(&holes(limit)).1.len(), MOST_GAPS);
        let (last, gaps) = after(&holes(limit + 1));
        assert_eq!((last, gaps.len(), gaps[0]), (2 * limit + 2, MOST_GAPS, (3, 3)));
    }

    proptest! {
        #[test]
        fn gaps_are_exactly_the_numbers_not_seen(serials in proptest::collection::vec(1i64..60, 0..80)) {
            let (last, gaps) = after(&serials);
            let seen: BTreeSet<_> = serials.iter().copied().collect();
            let expected: Vec<_> = (1..=last).filter(|serial| !seen.contains(serial)).collect();
            let missing: Vec<_> = gaps.iter().flat_map(|(start, end)| *start..=*end).collect();
            prop_assert_eq!(last, seen.last().copied().unwrap_or(0));
            prop_assert_eq!(missing, expected);
        }
    }
}
