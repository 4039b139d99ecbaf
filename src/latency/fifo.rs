//! A bounded line of messages: what a leg is.
//!
//! Invariant: messages of one leg never overtake each other: only the first of a line can leave, so one that would
//! arrive earlier on its own arrives with the one before it. Cost: O(1) a message, nothing allocated.

use alloc::boxed::Box;

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
