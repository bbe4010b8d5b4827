//! Many logs as one story, ordered by time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::read::Entry;

/// One entry and the log it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merged<'a> {
    /// Place of the log in the slice given to [`by_time`].
    pub log: usize,
    /// The entry.
    pub entry: &'a Entry,
}

/// Every entry of all logs by instant (local clocks with different biases line up). Entries of one log keep its order even
/// where its clock runs back; of equal instants the log named first comes first.
pub fn by_time(logs: &[Vec<Entry>]) -> impl Iterator<Item = Merged<'_>> {
    let mut heads = BinaryHeap::new();
    for (log, entries) in logs.iter().enumerate() {
        if let Some(entry) = entries.first() {
            heads.push(Reverse((instant(entry, i64::MIN), log, 0_usize)));
        }
    }
    std::iter::from_fn(move || {
        let Reverse((reached, log, place)) = heads.pop()?;
        if let Some(next) = logs[log].get(place + 1) {
            heads.push(Reverse((instant(next, reached), log, place + 1)));
        }
        Some(Merged { log, entry: &logs[log][place] })
    })
}

/// The instant of an entry, never before the one its log has reached.
fn instant(entry: &Entry, reached: i64) -> i64 {
    entry.time.map_or(reached, |time| time.utc_millis()).max(reached)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::severity::Severity;
    use crate::stamp::LocalStamp;

    fn entry(ms: Option<i64>, bias: i32, text: &str) -> Entry {
        Entry {
            line: 1,
            time: ms.map(|ms| LocalStamp::from_utc_millis(ms, bias)),
            severity: Severity::Info,
            component: String::new(),
            process: None,
            thread: None,
            source: String::new(),
            text: text.into(),
        }
    }

    #[test]
    fn zones_line_up_and_ties_keep_the_order_of_logs() {
        let logs = [
            vec![entry(Some(5000), 300, "a"), entry(Some(9000), 300, "d")],
            vec![entry(Some(5000), -60, "b"), entry(None, 0, "c"), entry(Some(1000), -60, "c2")],
        ];
        let texts: Vec<&str> = by_time(&logs).map(|merged| merged.entry.text.as_str()).collect();
        assert_eq!(texts, ["a", "b", "c", "c2", "d"]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_each_log_keeps_its_order(times in proptest::collection::vec(proptest::collection::vec(0_i64..50, 0..8), 0..5)) {
            let logs: Vec<Vec<Entry>> =
                times.iter().map(|log| log.iter().enumerate().map(|(n, ms)| entry(Some(*ms), 0, &n.to_string())).collect()).collect();
            let merged: Vec<Merged<'_>> = by_time(&logs).collect();
            for (number, log) in logs.iter().enumerate() {
                let own: Vec<&Entry> = merged.iter().filter(|m| m.log == number).map(|m| m.entry).collect();
                prop_assert_eq!(own, log.iter().collect::<Vec<_>>());
            }
            prop_assert_eq!(merged.len(), logs.iter().map(Vec::len).sum::<usize>());
        }
    }
}
