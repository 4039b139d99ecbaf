//! Rows that change nothing for the lane: most of them, told apart before anything is touched.
//!
//! Invariants: a row that is passed would leave every order, its queue and the lots that were taken as they are; the other way
//! round a row may be applied in vain. What a row changes is known, see [`crate::feed::Change`]; what the lane watches is kept
//! with its best prices. Cost: some 15 instructions a row.

use super::Exchange;
use super::resting::Sides;
use crate::feed::Ahead;
use crate::wire::Event;

/// Rows that are looked at before somebody asks what they were looked at for: a request that comes in between makes them be
/// looked at again.
const ROWS_AHEAD: usize = 16;

impl Exchange {
    /// Passes some of the rows `ahead` that mean nothing here, up to one that does, or that is stamped `until_ns` or later. Says
    /// whether the next one does.
    #[inline]
    pub fn pass_still(&self, ahead: &mut Ahead<'_>, until_ns: i64) -> bool {
        match self.orders.only_sides() {
            // Where it is the same for every row, it stays in registers.
            Some(sides) => self.pass_still_of(ahead, until_ns, |_| sides),
            None => {
                self.pass_still_of(ahead, until_ns, |event| self.orders.sides(event.instrument))
            }
        }
    }

    #[inline(always)]
    fn pass_still_of<'b>(
        &self,
        ahead: &mut Ahead<'_>,
        until_ns: i64,
        sides_of: impl Fn(&Event) -> &'b Sides,
    ) -> bool {
        let (mut count, mut is_felt) = (0, false);
        for (event, change) in ahead.next(ROWS_AHEAD) {
            if event.ts_exch_ns >= until_ns {
                break;
            }
            let sides = sides_of(event);
            is_felt = change.is_felt(sides.watched, sides.best);
            if is_felt {
                break;
            }
            count += 1;
        }
        ahead.pass(count);
        is_felt
    }
}
