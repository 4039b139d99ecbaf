//! What printed on one displayed side since its last valid book: lots that a newcomer does not find ahead any more.
//!
//! Invariants: a print at a price takes what is displayed there and everything better, so the worst price that printed
//! and the lots at it say all, in whatever order the prints are noted. Cost: two comparisons a print.

use crate::book::LevelState;
use crate::wire::{Side, UNDEF_PRICE};

/// Prints on one side since the last valid book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Printed {
    worst: i64,
    qty: u32,
}

impl Printed {
    /// None.
    pub const NONE: Printed = Printed { worst: UNDEF_PRICE, qty: 0 };

    /// Notes a print of `qty` lots that resting orders of `side` sold or bought.
    #[inline]
    pub fn note(&mut self, side: Side, price: i64, qty: u32) {
        if self.worst == UNDEF_PRICE || side.is_better(self.worst, price) {
            *self = Printed { worst: price, qty };
        } else if self.worst == price {
            self.qty = self.qty.saturating_add(qty);
        }
    }

    /// Notes what printed on `side` in another stretch of the same time.
    pub fn join(&mut self, side: Side, other: Printed) {
        if other.worst != UNDEF_PRICE {
            self.note(side, other.worst, other.qty);
        }
    }

    /// Whether a print has been at `price`.
    pub fn reached(self, price: i64) -> bool {
        self.worst == price
    }

    /// What is left of a level of `side` that the last book shows in `state`.
    pub fn left(self, side: Side, price: i64, state: LevelState) -> LevelState {
        if self.worst == UNDEF_PRICE || side.is_better(self.worst, price) {
            return state;
        }
        match state {
            _ if price != self.worst => LevelState::Empty,
            LevelState::Known(qty) => LevelState::Known(qty.saturating_sub(self.qty)),
            LevelState::Empty | LevelState::Unknown => state,
        }
    }
}
