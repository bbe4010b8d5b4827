//! What is going to happen, by time and then by the order in which it was decided.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use cmsim_agents::framework::{AgentId, Input, TimerName};
use cmsim_sim::SimTime;

use super::exchange::Step;

/// Something that is going to happen on one machine.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) machine: usize,
    pub(super) what: What,
}

/// What happens.
#[derive(Debug)]
pub(super) enum What {
    /// An idle agent looks into its mailbox.
    Look(AgentId),
    /// The agent goes on with the effects of its turn.
    GoOn(AgentId),
    /// A timer runs out; stale ones have an old generation.
    Timer(AgentId, TimerName, u64),
    /// It is known whether a domain controller answers; the turn that wanted to know begins.
    Controller(AgentId, bool, Input),
    /// An HTTP exchange gets on.
    Exchange(Box<Step>),
}

/// The heap itself.
#[derive(Debug, Default)]
pub(super) struct Queue {
    events: BinaryHeap<Reverse<Queued>>,
    next: u64,
}

impl Queue {
    pub(super) fn push(&mut self, at: SimTime, machine: usize, what: What) {
        let sequence = self.next;
        self.next += 1;
        self.events.push(Reverse(Queued { at, sequence, event: Event { machine, what } }));
    }

    /// The earliest event, unless it is later than `end`.
    pub(super) fn pop_until(&mut self, end: SimTime) -> Option<(SimTime, Event)> {
        if self.events.peek()?.0.at > end {
            return None;
        }
        self.events.pop().map(|Reverse(queued)| (queued.at, queued.event))
    }
}

#[derive(Debug)]
struct Queued {
    at: SimTime,
    sequence: u64,
    event: Event,
}

impl Queued {
    fn key(&self) -> (SimTime, u64) {
        (self.at, self.sequence)
    }
}

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Queued {}

impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Queued {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}
