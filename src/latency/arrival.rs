//! When market rows reach a lane.
//!
//! Invariant: the feed is one line, as a session is: only its first row can leave, so a row that would arrive earlier on its
//! own arrives with the one before it. Cost: an addition on a constant leg, else one draw a row.

use super::draw::{FEED, draw};
use super::{Leg, is_bounded};
use crate::wire::{Event, UNDEF_TIME, kind};
use alloc::boxed::Box;

/// The feed leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedLeg {
    /// A leg like the others.
    Drawn(Leg),
    /// The recorded receive clock plus `skew_ns`. A row without one, or with one that lies before its exchange time or
    /// more than an hour behind, takes `otherwise`, and stops the run where that is not given.
    Recorded {
        /// Added to the recorded time: the recorder's clock against the exchange's, or the way from recorder to strategy.
        skew_ns: i64,
        /// For rows whose clock cannot be used.
        otherwise: Option<Leg>,
    },
}

/// The feed leg of one lane, and how far it is.
#[derive(Clone, Debug)]
pub enum Arrival {
    /// Every row takes the same time.
    Constant(i64),
    /// Each row takes its own.
    Each(Box<EachArrival>),
}

/// Rows that take their own time each.
#[derive(Clone, Debug)]
pub struct EachArrival {
    leg: FeedLeg,
    seed: u64,
    /// A key for each instrument, from its symbol.
    symbols: Box<[u64]>,
    /// The row that is due next, and when: it is asked for more than once.
    next: (u64, i64),
}

impl Arrival {
    /// The leg of a lane; `symbols` holds a key for each instrument.
    pub fn new(leg: &FeedLeg, seed: u64, symbols: Box<[u64]>) -> Self {
        match leg {
            FeedLeg::Drawn(Leg::Constant(ns)) => Arrival::Constant(*ns),
            leg => Arrival::Each(Box::new(EachArrival {
                leg: leg.clone(),
                seed,
                symbols,
                next: (u64::MAX, i64::MIN),
            })),
        }
    }

    /// When the last of the rows that are still to be delivered is due; `i64::MIN` if there is none.
    pub fn last_due_ns<'a>(&self, rows: impl Iterator<Item = &'a Event>) -> i64 {
        let own_ns = |event: &Event| match self {
            Arrival::Constant(ns) => event.ts_exch_ns.saturating_add(*ns),
            Arrival::Each(each) => each.own_ns(event).unwrap_or(event.ts_exch_ns),
        };
        rows.map(own_ns).max().unwrap_or(i64::MIN)
    }

    /// Whether the row's own clock is needed and cannot be used.
    #[inline]
    pub fn is_clock_missing(&self, event: &Event) -> bool {
        match self {
            Arrival::Constant(_) => false,
            Arrival::Each(each) => each.own_ns(event).is_none(),
        }
    }
}

impl EachArrival {
    /// When row number `row` is due on its own. Rows are asked for in order, each as often as wanted.
    pub fn due_ns(&mut self, row: u64, event: &Event) -> i64 {
        if self.next.0 != row {
            let own_ns = self.own_ns(event).unwrap_or(event.ts_exch_ns);
            self.next = (row, own_ns);
        }
        self.next.1
    }

    /// When the row would arrive if none were before it; `None` if only a clock that it does not have could tell.
    fn own_ns(&self, event: &Event) -> Option<i64> {
        let drawn = |leg: &Leg| {
            let ns = leg.ns(event.ts_exch_ns, || self.bits(event));
            event.ts_exch_ns.saturating_add(ns)
        };
        match &self.leg {
            FeedLeg::Drawn(leg) => Some(drawn(leg)),
            FeedLeg::Recorded { .. }
                if event.kind == kind::SESSION_OPEN || event.kind == kind::SESSION_CLOSE =>
            {
                Some(event.ts_exch_ns) // A mark of the calendar; nobody sends it.
            }
            FeedLeg::Recorded { skew_ns, otherwise } => {
                let has_clock = event.ts_recv_ns != UNDEF_TIME;
                let due_ns = event.ts_recv_ns.saturating_add(*skew_ns);
                if has_clock && is_bounded(due_ns.saturating_sub(event.ts_exch_ns)) {
                    return Some(due_ns);
                }
                otherwise.as_ref().map(drawn)
            }
        }
    }

    /// What a row is, whatever is beside it: equal rows of one instant share their draw.
    fn bits(&self, event: &Event) -> u64 {
        let symbol = self.symbols[event.instrument as usize];
        let what = match event.kind {
            kind::TRADE => [event.trade_price as u64, u64::from(event.trade_qty)],
            _ => [
                (event.bid_price as u64).rotate_left(32) ^ event.ask_price as u64,
                u64::from(event.bid_qty) << 32 | u64::from(event.ask_qty),
            ],
        };
        let what = draw([what[0], what[1], symbol, u64::from(event.kind)]);
        draw([self.seed, FEED, event.ts_exch_ns as u64, what])
    }
}
