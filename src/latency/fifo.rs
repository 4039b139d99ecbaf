//! A bounded line of messages: what a leg is.
//!
//! Invariant: messages of one leg never overtake each other: only the first of a line can leave, so one that would
//! arrive earlier on its own arrives with the one before it. Cost: O(1) a message, nothing allocated.

use alloc::vec::Vec;

/// A bounded first-in first-out line of messages, each with the time at which it may leave.
#[derive(Debug)]
pub struct Fifo<T> {
    /// As many as were ever needed at once; never beyond the capacity that was asked for.
    slots: Vec<(i64, T)>,
    capacity: usize,
    first: usize,
    len: usize,
    /// When the first may leave; asked for far more often than it changes.
    due_ns: i64,
}

/// No message fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl<T: Copy> Fifo<T> {
    /// An empty line for `capacity` messages, at least one. Allocates once; memory is touched as messages come.
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Fifo { slots: Vec::with_capacity(capacity), capacity, first: 0, len: 0, due_ns: i64::MAX }
    }

    /// Messages that still fit.
    pub fn room(&self) -> usize {
        self.capacity - self.len
    }

    /// Appends a message that would arrive at `arrival_ns` on its own. Inlined, so that it is built where it waits.
    ///
    /// # Errors
    /// Where the line is full.
    #[inline(always)]
    pub fn push(&mut self, arrival_ns: i64, message: T) -> Result<(), Full> {
        if self.len == self.capacity {
            return Err(Full);
        }
        let mut place = self.first + self.len;
        if place >= self.capacity {
            place -= self.capacity;
        }
        match self.slots.get_mut(place) {
            Some(slot) => *slot = (arrival_ns, message),
            None => self.append(arrival_ns, message),
        }
        if self.len == 0 {
            self.due_ns = arrival_ns;
        }
        self.len += 1;
        Ok(())
    }

    /// The slot behind the last that was ever needed.
    #[cold]
    #[inline(never)]
    fn append(&mut self, arrival_ns: i64, message: T) {
        self.slots.push((arrival_ns, message));
    }

    /// Drops every message.
    pub fn clear(&mut self) {
        (self.first, self.len, self.due_ns) = (0, 0, i64::MAX);
    }

    /// The first message.
    pub fn first(&self) -> Option<&T> {
        (self.len > 0).then(|| &self.slots[self.first].1)
    }

    /// When the first message may leave; `i64::MAX` when there is none.
    #[inline]
    pub fn due_ns(&self) -> i64 {
        self.due_ns
    }

    /// The first message, if it may leave by `now_ns`.
    #[inline]
    pub fn first_due(&self, now_ns: i64) -> Option<&T> {
        if self.due_ns > now_ns { None } else { self.first() }
    }

    /// Lets the first message leave.
    pub fn pop(&mut self) {
        self.len -= 1;
        // An empty line begins anew, so that a line that is mostly empty stays in few cache lines.
        let is_over = self.len == 0 || self.first + 1 == self.capacity;
        self.first = if is_over { 0 } else { self.first + 1 };
        self.due_ns = if self.len == 0 { i64::MAX } else { self.slots[self.first].0 };
    }

    /// Takes the first message if it may leave by `now_ns`.
    #[inline(always)]
    pub fn pop_due(&mut self, now_ns: i64) -> Option<T> {
        let message = *self.first_due(now_ns)?;
        self.pop();
        Some(message)
    }
}
