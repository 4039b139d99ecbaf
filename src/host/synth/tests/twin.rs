//! The naive twin: rebuilds the whole market from the order events, the slow and obvious way.
//!
//! A book is a `BTreeMap` from price to a queue of (order, lots); nothing is shared with the fast
//! exchange but the row types. Cost: irrelevant.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::synth::{Body, End, L3Action, L3Event, SynthRow, TruthRow};

/// One side: price to queue.
type Book = BTreeMap<i64, VecDeque<(u64, i64)>>;

/// The market as the order events tell it, and the truth it derives from them.
#[derive(Default)]
pub struct Twin {
    bids: Book,
    asks: Book,
    /// Truth by order id; `end` stays `Open` until the order's last lot goes.
    pub truth: HashMap<u64, TruthRow>,
    /// Sum of executed lots, price and taker's side by the row of the trade.
    pub trades: BTreeMap<u64, (i64, i64, i8)>,
}

impl Twin {
    fn side(&mut self, side: i8) -> &mut Book {
        if side > 0 { &mut self.bids } else { &mut self.asks }
    }

    /// Session's end: everything lapses.
    pub fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    pub fn apply(&mut self, event: &L3Event, session_start_ns: i64) {
        match event.action {
            L3Action::Add => self.add(event, session_start_ns),
            L3Action::Cancel | L3Action::Exec => self.lessen(event),
        }
    }

    fn add(&mut self, event: &L3Event, session_start_ns: i64) {
        assert_eq!(event.qty_lots, event.remaining_lots);
        let best_bid = self.bids.last_key_value().map(|(p, _)| *p);
        let best_ask = self.asks.first_key_value().map(|(p, _)| *p);
        let (opp, crosses) = if event.side > 0 {
            (best_ask, best_ask.is_some_and(|a| event.price_e6 >= a))
        } else {
            (best_bid, best_bid.is_some_and(|b| event.price_e6 <= b))
        };
        assert!(!crosses, "a resting order crosses: {event:?}");
        let level = if event.side > 0 {
            self.bids.range(event.price_e6 + 1..).count()
        } else {
            self.asks.range(..event.price_e6).count()
        };
        let queue = self.side(event.side).entry(event.price_e6).or_default();
        let ahead: i64 = queue.iter().map(|(_, lots)| lots).sum();
        let orders = queue.len() as i64;
        queue.push_back((event.order_id, event.qty_lots));
        // The orders of the open are told side by side, so the other side may not be known yet.
        let opening = event.ts_exch_ns == session_start_ns;
        let row = TruthRow {
            order_id: event.order_id,
            side: event.side,
            price_e6: event.price_e6,
            qty_lots: event.qty_lots,
            add_ts_ns: event.ts_exch_ns,
            add_after_seq_no: event.after_seq_no,
            queue_ahead_lots: ahead,
            queue_ahead_orders: orders,
            level: level as i64,
            opp_best_e6: opp.unwrap_or(0),
            tag: i64::from(opening),
            filled_lots: 0,
            first_fill_ts_ns: 0,
            last_ts_ns: 0,
            cancelled_lots: 0,
            last_after_seq_no: 0,
            end: End::Open,
        };
        assert!(self.truth.insert(event.order_id, row).is_none(), "an order id comes twice");
    }

    fn lessen(&mut self, event: &L3Event) {
        let exec = event.action == L3Action::Exec;
        if exec {
            let best = if event.side > 0 {
                self.bids.last_key_value().map(|(p, _)| *p)
            } else {
                self.asks.first_key_value().map(|(p, _)| *p)
            };
            assert_eq!(best, Some(event.price_e6), "a trade passes by a better price");
            let sum =
                self.trades.entry(event.after_seq_no).or_insert((event.price_e6, 0, -event.side));
            assert_eq!((sum.0, sum.2), (event.price_e6, -event.side));
            sum.1 += event.qty_lots;
        }
        let book = self.side(event.side);
        let queue = book.get_mut(&event.price_e6).expect("Invariant: the order's level exists");
        let at = queue.iter().position(|(id, _)| *id == event.order_id).expect("it is queued");
        assert!(!exec || at == 0, "a trade passes by an earlier order");
        queue[at].1 -= event.qty_lots;
        assert_eq!(queue[at].1, event.remaining_lots);
        let gone = queue[at].1 == 0;
        if gone {
            queue.remove(at);
        }
        if queue.is_empty() {
            book.remove(&event.price_e6);
        }
        let row = self.truth.get_mut(&event.order_id).expect("Invariant: the order was added");
        if exec && row.filled_lots == 0 {
            row.first_fill_ts_ns = event.ts_exch_ns;
        }
        *(if exec { &mut row.filled_lots } else { &mut row.cancelled_lots }) += event.qty_lots;
        (row.last_ts_ns, row.last_after_seq_no) = (event.ts_exch_ns, event.after_seq_no);
        if gone {
            row.end = if exec { End::Filled } else { End::Cancelled };
        }
    }

    /// The five best levels of both sides.
    pub fn top(&self) -> [Vec<(i64, i64)>; 2] {
        let sum = |(price, queue): (&i64, &VecDeque<(u64, i64)>)| {
            (*price, queue.iter().map(|(_, lots)| lots).sum())
        };
        let bids = self.bids.iter().rev().take(5).map(sum).collect();
        [bids, self.asks.iter().take(5).map(sum).collect()]
    }

    /// What rests, in lots.
    pub fn resting_lots(&self) -> i64 {
        self.bids.values().chain(self.asks.values()).flatten().map(|(_, lots)| lots).sum()
    }

    /// Holds a published row against the market as it stands.
    pub fn check(&self, row: &SynthRow) {
        match &row.body {
            Body::Book { bids, asks } => {
                let [twin_bids, twin_asks] = self.top();
                assert_eq!(bids.as_slice(), twin_bids, "bids of row {}", row.seq_no);
                assert_eq!(asks.as_slice(), twin_asks, "asks of row {}", row.seq_no);
            }
            Body::Trade { price_e6, qty_lots, side } => {
                let told = self.trades.get(&row.seq_no).expect("a trade has executions");
                assert_eq!((*price_e6, *qty_lots, *side), *told, "trade row {}", row.seq_no);
            }
        }
    }
}
