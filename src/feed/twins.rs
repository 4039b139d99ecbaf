//! Ticks that a source wrote twice: of equal ticks at one stamp every second one is dropped, if the source is known for it.
//!
//! Some recorders write every tick of a session twice, interleaved with others of its stamp; at other sources equal ticks are
//! trades of their own (thousands a day). Only the config can tell. Invariants: which of two equal rows is dropped makes no
//! difference, since they are equal in all but the sequence number. Cost: the distinct ticks of one stamp, of which at most
//! [`TICKS_MAX`] are remembered; later ones are kept.

use crate::wire::Event;
use alloc::vec::Vec;

/// Distinct ticks of one stamp that are remembered.
const TICKS_MAX: usize = 4_096;

/// The ticks of the present stamp that were met an odd number of times.
#[derive(Debug)]
pub struct Twins {
    odd: Vec<Event>,
}

impl Twins {
    /// None yet. Allocates once.
    pub fn new() -> Self {
        Twins { odd: Vec::with_capacity(TICKS_MAX) }
    }

    /// Whether this tick is the second of a pair.
    pub fn is_second(&mut self, tick: &Event) -> bool {
        if self.odd.first().is_some_and(|first| first.ts_exch_ns != tick.ts_exch_ns) {
            self.odd.clear();
        }
        if let Some(at) = self.odd.iter().position(|first| first == tick) {
            self.odd.swap_remove(at);
            return true;
        }
        if self.odd.len() < TICKS_MAX {
            self.odd.push(*tick);
        }
        false
    }
}
