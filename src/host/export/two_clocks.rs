//! One sequence that is in order by both clocks: the exchange's, and that of receipt.
//!
//! Rows come in the exchange's order. hftbacktest reads one array twice, the rows for the exchange and those for the local side, and
//! either must rise by its own time. A row that is in order by both is written once, for both. One that overtakes others, or is
//! overtaken, is written twice, once for each: the merge of its `correct_event_order`. Invariants: what leaves is in order by both
//! clocks, and each row leaves once for each. A row's place is sure once no later row can be received before it, which is when the exchange's clock
//! has reached its time of receipt. Memory: the rows on their way, between happening and being heard of.

use super::encode::{Change, ev};
use std::collections::{BTreeMap, BTreeSet};

/// Rows of one row of ours, and when they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When it happens, ns.
    pub exch_ns: i64,
    /// When it is heard of, ns; not before it happens.
    pub local_ns: i64,
    /// What happens.
    pub changes: Vec<Change>,
}

/// Rows on their way.
#[derive(Debug, Default)]
pub struct TwoClocks {
    /// By number, those that have not left for both clocks.
    held: BTreeMap<u64, Moment>,
    /// Those that have not left for the local clock, by time of receipt and number.
    unheard: BTreeSet<(i64, u64)>,
    /// Number of the next one that leaves for the exchange's clock.
    next_exch: u64,
    count: u64,
    ts_newest_ns: i64,
    is_closed: bool,
}

impl TwoClocks {
    /// Takes a row, no earlier than the one before.
    pub fn push(&mut self, moment: Moment) {
        debug_assert!(moment.exch_ns <= moment.local_ns, "Invariant: nothing is heard of before");
        debug_assert!(moment.exch_ns >= self.ts_newest_ns, "Invariant: rows come in order");
        self.ts_newest_ns = moment.exch_ns;
        self.unheard.insert((moment.local_ns, self.count));
        self.held.insert(self.count, moment);
        self.count += 1;
    }

    /// No more rows will come.
    pub fn close(&mut self) {
        self.is_closed = true;
    }

    /// The next row whose place is sure, and for which clocks.
    pub fn pop(&mut self) -> Option<(u64, Moment)> {
        let exch = (self.next_exch < self.count).then_some(self.next_exch);
        let Some(&(local_ns, local)) = self.unheard.first() else {
            return exch.and_then(|number| self.leave(ev::EXCH, number));
        };
        if !self.is_closed && local_ns > self.ts_newest_ns {
            return None;
        }
        let key = |number: u64| self.held.get(&number).map(|row| (row.exch_ns, row.local_ns));
        match exch {
            Some(number) if number == local => self.leave(ev::EXCH | ev::LOCAL, number),
            Some(number) if key(number) < key(local) => self.leave(ev::EXCH, number),
            _ => self.leave(ev::LOCAL, local),
        }
    }

    fn leave(&mut self, clocks: u64, number: u64) -> Option<(u64, Moment)> {
        let moment = self.held.get(&number)?;
        let key = (moment.local_ns, number);
        if clocks & ev::EXCH != 0 {
            self.next_exch = number + 1;
        }
        if clocks & ev::LOCAL != 0 {
            self.unheard.remove(&key);
        }
        let is_done = number < self.next_exch && !self.unheard.contains(&key);
        let moment = if is_done { self.held.remove(&number)? } else { moment.clone() };
        Some((clocks, moment))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Number of a row and the clocks it leaves for, in the order in which they leave.
    fn left(times: &[(i64, i64)]) -> Vec<(u64, usize)> {
        let mut clocks = TwoClocks::default();
        let mut left = Vec::new();
        let mut take = |clocks: &mut TwoClocks| {
            while let Some((bits, moment)) = clocks.pop() {
                left.push((bits, moment.changes[0].qty as usize));
            }
        };
        for (number, &(exch_ns, local_ns)) in times.iter().enumerate() {
            let change = Change { ev: ev::TRADE, price: 0, qty: number as u32 };
            clocks.push(Moment { exch_ns, local_ns, changes: vec![change] });
            take(&mut clocks);
        }
        clocks.close();
        take(&mut clocks);
        assert!(clocks.held.is_empty() && clocks.unheard.is_empty(), "every row has left");
        left
    }

    /// `correct_event_order`, over both orders of all rows.
    fn merged(times: &[(i64, i64)]) -> Vec<(u64, usize)> {
        let exch: Vec<usize> = (0..times.len()).collect();
        let mut local = exch.clone();
        local.sort_by_key(|row| times[*row].1);
        let (mut exch, mut local) = (exch.into_iter().peekable(), local.into_iter().peekable());
        let mut merged = Vec::new();
        loop {
            match (exch.peek().copied(), local.peek().copied()) {
                (None, None) => return merged,
                (Some(e), Some(l)) if times[e] == times[l] => {
                    merged.push((ev::EXCH | ev::LOCAL, e));
                    exch.next();
                    local.next();
                }
                (Some(e), l) if l.is_none_or(|l| times[e] < times[l]) => {
                    merged.push((ev::EXCH, e));
                    exch.next();
                }
                (_, Some(l)) => {
                    merged.push((ev::LOCAL, l));
                    local.next();
                }
                (Some(_), None) => unreachable!("the arm of the exchange takes it"),
            }
        }
    }

    #[test]
    fn rows_in_order_by_both_clocks_leave_once() {
        let both = ev::EXCH | ev::LOCAL;
        assert_eq!(left(&[(1, 5), (2, 5), (2, 6), (9, 9)]), [0, 1, 2, 3].map(|row| (both, row)));
    }

    #[test]
    fn a_row_that_is_overtaken_leaves_once_for_each_clock() {
        let both = ev::EXCH | ev::LOCAL;
        let expected = [(ev::EXCH, 0), (both, 1), (ev::LOCAL, 0), (both, 2)];
        assert_eq!(left(&[(1, 9), (2, 3), (10, 11)]), expected);
    }

    #[test]
    fn it_is_their_merge_whatever_the_times() {
        let mut state = 1_u64;
        let mut below = |end: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((state >> 33) % end) as i64
        };
        for case in 0..2_000 {
            let mut exch_ns = 1;
            let times: Vec<(i64, i64)> = (0..1 + case % 40)
                .map(|_| {
                    exch_ns += below(3);
                    (exch_ns, exch_ns + below(1 + case as u64 % 7))
                })
                .collect();
            assert_eq!(left(&times), merged(&times), "{times:?}");
        }
    }
}
