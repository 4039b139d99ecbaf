//! The timers of a lane, in one fixed heap.
//!
//! Invariants: timers fire in the order (time, order of setting); a timer set while timers fire waits for the
//! next round of the instant, so an instant ends. Nothing allocates after construction. Cost: O(log n).

use alloc::collections::BinaryHeap;
use core::cmp::Reverse;

/// A timer that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timer {
    /// When, ns.
    pub at_ns: i64,
    /// Rank among all timers ever set.
    pub rank: u64,
    /// Who set it.
    pub strategy: u32,
    /// The strategy's own mark.
    pub timer_id: u64,
}

/// The timers.
#[derive(Debug)]
pub struct Timers {
    heap: BinaryHeap<Reverse<Timer>>,
    timers_max: usize,
    set: u64,
    is_closed: bool,
}

impl Timers {
    /// No timers. Allocates once.
    pub fn new(timers_max: usize) -> Self {
        Timers { heap: BinaryHeap::with_capacity(timers_max), timers_max, set: 0, is_closed: false }
    }

    /// Timers set so far: the rank that the next one will have.
    pub fn rank_next(&self) -> u64 {
        self.set
    }

    /// Sets a timer; false when the heap is full.
    pub fn set(&mut self, at_ns: i64, strategy: u32, timer_id: u64) -> bool {
        if self.is_closed {
            return true;
        }
        if self.heap.len() == self.timers_max {
            return false;
        }
        self.heap.push(Reverse(Timer { at_ns, rank: self.set, strategy, timer_id }));
        self.set += 1;
        true
    }

    /// When the first timer is due; `i64::MAX` when there is none.
    #[inline]
    pub fn due_ns(&self) -> i64 {
        self.heap.peek().map_or(i64::MAX, |timer| timer.0.at_ns)
    }

    /// Takes the first timer due by `now_ns` whose rank is below `rank_end`.
    pub fn pop_due(&mut self, now_ns: i64, rank_end: u64) -> Option<Timer> {
        let Reverse(timer) = *self.heap.peek()?;
        if timer.at_ns > now_ns || timer.rank >= rank_end {
            return None;
        }
        self.heap.pop();
        Some(timer)
    }

    /// Drops all timers, those that will be set included: no row is left for them to fire beside.
    pub fn close(&mut self) {
        self.heap.clear();
        self.is_closed = true;
    }
}
