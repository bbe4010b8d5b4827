//! Values that remember which change wrote them.
//!
//! A *change* breaks or mends the world. Components read the value and never learn about changes; the
//! change's [`Mark`] counts that somebody read what it wrote, so that a change without any effect is
//! known afterwards.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cmsim_sim::Journal;
use cmsim_sim::journal::Event;

/// The token of one application of a change. Clones are the same mark.
#[derive(Clone)]
pub struct Mark(Arc<Inner>);

struct Inner {
    id: Arc<str>,
    hits: AtomicU64,
    /// Where the first hit is written down.
    journal: Option<Journal>,
}

impl Mark {
    /// A new mark for the change `id`; two marks with the same id are different applications.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self(Arc::new(Inner { id: id.into(), hits: AtomicU64::new(0), journal: None }))
    }

    /// A new mark whose first hit stands in the journal, so that the timeline shows when a change was met.
    #[must_use]
    pub fn in_journal(id: &str, journal: &Journal) -> Self {
        Self(Arc::new(Inner { id: id.into(), hits: AtomicU64::new(0), journal: Some(journal.clone()) }))
    }

    /// The identifier of the change within its scenario.
    #[must_use]
    pub fn id(&self) -> &Arc<str> {
        &self.0.id
    }

    /// How often a component has read something that this change wrote.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.0.hits.load(Ordering::Relaxed)
    }

    /// Notes that a component met the change; for state that is not held in [`Tracked`] cells.
    pub fn hit(&self) {
        let before = self.0.hits.fetch_add(1, Ordering::Relaxed);
        if let Some(journal) = self.0.journal.as_ref().filter(|_| before == 0) {
            // Neither host nor component: whoever reads does not know of changes and cannot say who it is.
            let nobody = Arc::from("");
            journal.record(&nobody, &nobody, Event::Change { id: Arc::clone(self.id()), what: "met" });
        }
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mark({}, {} hits)", self.id(), self.hits())
    }
}

/// A value of the world's configuration, with the changes that lie over it.
///
/// Several changes can write the same value. Reverting one takes its layer away and leaves the others;
/// a plain write is the word of a component or user and ends all layers.
#[derive(Clone, Debug)]
pub struct Tracked<T> {
    /// What was there before the first change wrote.
    base: T,
    /// What changes wrote, oldest first.
    layers: Vec<(Mark, T)>,
}

impl<T> Tracked<T> {
    /// A value that no change wrote.
    pub fn new(value: T) -> Self {
        Self { base: value, layers: Vec::new() }
    }

    /// Reads as a component: counts a hit for the change that wrote the value.
    pub fn get(&self) -> &T {
        match self.layers.last() {
            Some((mark, value)) => {
                mark.hit();
                value
            }
            None => &self.base,
        }
    }

    /// Reads as an observer, such as an export: counts nothing.
    pub fn peek(&self) -> &T {
        self.layers.last().map_or(&self.base, |(_, value)| value)
    }

    /// Writes as a component or user: whatever changes wrote is overwritten for good.
    pub fn set(&mut self, value: T) {
        self.layers.clear();
        self.base = value;
    }

    /// Alters the value in place as a component: like reading it and writing the result.
    pub fn alter<R>(&mut self, alter: impl FnOnce(&mut T) -> R) -> R {
        if let Some((mark, value)) = self.layers.pop() {
            mark.hit();
            self.layers.clear();
            self.base = value;
        }
        alter(&mut self.base)
    }

    /// Writes on behalf of a change.
    pub fn set_marked(&mut self, mark: &Mark, value: T) {
        self.layers.retain(|(other, _)| !other.is(mark));
        self.layers.push((mark.clone(), value));
    }

    /// Takes back what the change wrote and says whether the visible value may have become another one.
    ///
    /// Nothing happens if somebody overwrote the value since.
    pub fn revert(&mut self, mark: &Mark) -> bool {
        let visible = self.layers.last().is_some_and(|(top, _)| top.is(mark));
        self.layers.retain(|(other, _)| !other.is(mark));
        visible
    }
}

impl<T: Default> Default for Tracked<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_counts_for_the_change_on_top_and_peeking_does_not() {
        let (first, second) = (Mark::new("a"), Mark::new("b"));
        let mut cell = Tracked::new(1);
        cell.set_marked(&first, 2);
        cell.set_marked(&second, 3);
        assert_eq!((*cell.peek(), *cell.get()), (3, 3));
        assert_eq!((first.hits(), second.hits()), (0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_hit_stands_in_the_journal() {
        let journal = crate::testing::journal();
        let mut cell = Tracked::new(1);
        cell.set_marked(&Mark::in_journal("a", &journal), 2);
        assert!(journal.is_empty());
        assert_eq!((*cell.get(), *cell.get()), (2, 2));
        assert_eq!(journal.len(), 1);
    }

    #[test]
    fn reverting_restores_what_was_there() {
        let (first, second) = (Mark::new("a"), Mark::new("b"));
        let mut cell = Tracked::new(1);
        cell.set_marked(&first, 2);
        cell.set_marked(&second, 3);
        assert!(!cell.revert(&first), "the second change hides the first");
        assert_eq!(*cell.peek(), 3);
        assert!(cell.revert(&second));
        assert_eq!(*cell.peek(), 1);
    }

    #[test]
    fn a_plain_write_outlives_the_revert() {
        let mark = Mark::new("a");
        let mut cell = Tracked::new(1);
        cell.set_marked(&mark, 2);
        cell.set(7);
        assert!(!cell.revert(&mark));
        assert_eq!(*cell.peek(), 7);
    }

    #[test]
    fn altering_starts_from_what_the_change_wrote() {
        let mark = Mark::new("a");
        let mut cell = Tracked::new(vec![1]);
        cell.set_marked(&mark, vec![9]);
        cell.alter(|list| list.push(10));
        assert!(!cell.revert(&mark));
        assert_eq!((cell.peek(), mark.hits()), (&vec![9, 10], 1));
    }

    #[test]
    fn the_same_id_applied_twice_is_two_marks() {
        let (first, again) = (Mark::new("a"), Mark::new("a"));
        let mut cell = Tracked::new(1);
        cell.set_marked(&first, 2);
        cell.set_marked(&again, 3);
        cell.revert(&again);
        assert_eq!(*cell.peek(), 2);
    }
}
