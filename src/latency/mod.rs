//! The three legs: feed, order entry (submit, amend, cancel apart), response; and the FIFO that a leg is.
//!
//! Invariants: messages of one leg never overtake each other: only the first of a line can leave, so one that
//! would arrive earlier on its own arrives with the one before it. Units: ns. Cost: O(1) a message, nothing allocated.

use crate::wire::limits::LATENCY_NS_MAX;
use alloc::boxed::Box;

/// Constant latency of each leg, ns, each 0 to `LATENCY_NS_MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Latency {
    /// Exchange to strategy, market rows.
    pub feed_ns: i64,
    /// Strategy to exchange, new orders.
    pub submit_ns: i64,
    /// Strategy to exchange, amends.
    pub amend_ns: i64,
    /// Strategy to exchange, cancels.
    pub cancel_ns: i64,
    /// Exchange to strategy, reports and fills.
    pub response_ns: i64,
}

impl Latency {
    /// The first leg that is out of range, by name.
    pub fn fault(&self) -> Option<&'static str> {
        [
            ("feed", self.feed_ns),
            ("submit", self.submit_ns),
            ("amend", self.amend_ns),
            ("cancel", self.cancel_ns),
            ("response", self.response_ns),
        ]
        .into_iter()
        .find(|(_, ns)| !(0..=LATENCY_NS_MAX).contains(ns))
        .map(|(name, _)| name)
    }
}

/// A bounded first-in first-out line of messages, each with the time at which it may leave.
#[derive(Debug)]
pub struct Fifo<T> {
    slots: Box<[(i64, T)]>,
    first: usize,
    len: usize,
}

impl<T: Copy> Fifo<T> {
    /// An empty line for `capacity` messages; `blank` fills the unused slots. Allocates once.
    pub fn new(capacity: usize, blank: T) -> Self {
        let slots = alloc::vec![(0, blank); capacity.max(1)].into_boxed_slice();
        Fifo { slots, first: 0, len: 0 }
    }

    /// Messages that still fit.
    pub fn room(&self) -> usize {
        self.slots.len() - self.len
    }

    /// Appends a message that would arrive at `arrival_ns` on its own; gives it back when the line is full.
    pub fn push(&mut self, arrival_ns: i64, message: T) -> Result<(), T> {
        if self.len == self.slots.len() {
            return Err(message);
        }
        let mut place = self.first + self.len;
        if place >= self.slots.len() {
            place -= self.slots.len();
        }
        self.slots[place] = (arrival_ns, message);
        self.len += 1;
        Ok(())
    }

    /// Drops every message.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// When the first message may leave; `i64::MAX` when there is none.
    #[inline]
    pub fn due_ns(&self) -> i64 {
        if self.len == 0 { i64::MAX } else { self.slots[self.first].0 }
    }

    /// Takes the first message if it may leave by `now_ns`.
    pub fn pop_due(&mut self, now_ns: i64) -> Option<T> {
        if self.due_ns() > now_ns || self.len == 0 {
            return None;
        }
        let (_, message) = self.slots[self.first];
        self.first = if self.first + 1 == self.slots.len() { 0 } else { self.first + 1 };
        self.len -= 1;
        Some(message)
    }
}
