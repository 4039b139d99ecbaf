//! The naive twin of the exchange: one instrument, plain vectors and maps, every print walked lot by lot.
//!
//! Written from the laws (levels, evidence, validity, reasons), not from the code: slow and obvious. It takes the rows of
//! a tape and the requests that were sent, and says every answer in order. The core's exchange must say the same.

use crate::support::Raw;
use btcore::wire::{Evidence, Instrument, OrderType, Reason, ReportKind, Side, Tif, flags, kind};
use std::collections::BTreeMap;

/// One answer: exchange time, order id, price, quantity, quantity left, and what it is.
pub type Answer = (i64, u64, i64, u32, u32, What);

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What {
    Report(ReportKind, Reason),
    /// Evidence, and the lots ahead when it came (`None`: not known).
    Fill(Evidence, Option<u32>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ask {
    New { side: Side, order_type: OrderType, tif: Tif, post_only: bool, price: i64, qty: u32 },
    Amend { price: i64, qty: u32 },
    Cancel,
}

/// A request that reaches the exchange at `ts_ns`.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    pub ts_ns: i64,
    pub order_id: u64,
    pub ask: Ask,
}

#[derive(Clone, Copy, Debug)]
struct Order {
    id: u64,
    side: Side,
    order_type: OrderType,
    tif: Tif,
    post_only: bool,
    price: i64,
    qty: u32,
    filled: u32,
    /// Lots of others ahead; `None` while nobody knows.
    ahead: Option<u32>,
    /// When it joined the queue: a running number.
    joined: u64,
}

impl Order {
    fn leaves(&self) -> u32 {
        self.qty - self.filled
    }
}

type Levels = Vec<(i64, u32)>;

enum State {
    Known(u32),
    Empty,
    Unknown,
}

pub struct Naive {
    instrument: Instrument,
    resting: Vec<Order>,
    /// Bids and asks of the last valid book, best first.
    book: Option<[Levels; 2]>,
    /// Lots used up and size last shown, by (side of the book, price).
    used: BTreeMap<(usize, i64), (u32, u32)>,
    /// Prints since that book: side of the resting orders, price, lots.
    printed: Vec<(Side, i64, u32)>,
    joined: u64,
    answers: Vec<Answer>,
}

fn index(side: Side) -> usize {
    if side == Side::Buy { 0 } else { 1 }
}

fn other(side: Side) -> Side {
    if side == Side::Buy { Side::Sell } else { Side::Buy }
}

/// Whether an order of `side` at `limit` may trade at `price`.
fn reaches(side: Side, limit: i64, price: i64) -> bool {
    if side == Side::Buy { price <= limit } else { price >= limit }
}

fn levels(raw: &Raw) -> [Levels; 2] {
    let (e, d) = (&raw.event, &raw.depth);
    let side = |count: u8, touch: (i64, u32), prices: &[i64; 4], qtys: &[u32; 4]| {
        let mut levels = vec![touch];
        levels.extend(prices.iter().copied().zip(qtys.iter().copied()));
        levels.truncate(usize::from(count));
        levels
    };
    [
        side(d.bid_levels, (e.bid_price, e.bid_qty), &d.bid_price, &d.bid_qty),
        side(d.ask_levels, (e.ask_price, e.ask_qty), &d.ask_price, &d.ask_qty),
    ]
}

impl Naive {
    /// Every answer to `arrivals` over `rows`, both in order. A row comes before a request of its instant.
    pub fn run(instrument: &Instrument, rows: &[Raw], arrivals: &[Arrival]) -> Vec<Answer> {
        let mut naive = Naive {
            instrument: instrument.clone(),
            resting: Vec::new(),
            book: None,
            used: BTreeMap::new(),
            printed: Vec::new(),
            joined: 0,
            answers: Vec::new(),
        };
        // What happens, in order: (time, closes 0 opens 1 rows 2 requests 3, which).
        let mut things: Vec<(i64, u8, usize)> = Vec::new();
        let (first_ns, last_ns) = (rows[0].event.ts_exch_ns, rows[rows.len() - 1].event.ts_exch_ns);
        for session in &instrument.sessions {
            for (at_ns, rank) in [(session.close_ns, 0), (session.open_ns, 1)] {
                if (first_ns..=last_ns).contains(&at_ns) {
                    things.push((at_ns, rank, 0));
                }
            }
        }
        things.extend(rows.iter().enumerate().map(|(n, r)| (r.event.ts_exch_ns, 2, n)));
        things.extend(arrivals.iter().enumerate().map(|(n, a)| (a.ts_ns, 3, n)));
        things.sort();
        let mut closed_ns = None;
        for (at_ns, rank, n) in things {
            match rank {
                0 => {
                    closed_ns = Some(at_ns);
                    naive.close(at_ns);
                }
                1 if closed_ns != Some(at_ns) => {
                    naive.book = None;
                    naive.printed.clear();
                    naive.used.clear();
                }
                1 => {}
                2 => naive.row(&rows[n]),
                _ => naive.arrive(&arrivals[n]),
            }
        }
        naive.answers
    }

    fn is_open(&self, ts_ns: i64) -> bool {
        let sessions = &self.instrument.sessions;
        sessions.is_empty() || sessions.iter().any(|s| s.open_ns <= ts_ns && ts_ns < s.close_ns)
    }

    fn close(&mut self, ts_ns: i64) {
        // Buys first, each side in price and time priority.
        for side in [Side::Buy, Side::Sell] {
            for id in self.queue(side) {
                let order = *self.find(id);
                if order.tif == Tif::Rod {
                    self.resting.retain(|o| o.id != id);
                    self.ended(&order, ReportKind::Expired, Reason::SessionEnd, ts_ns);
                }
            }
        }
    }

    /// Ids of the resting orders of a side: best price first, then first come.
    fn queue(&self, side: Side) -> Vec<u64> {
        let mut orders: Vec<_> = self.resting.iter().filter(|o| o.side == side).collect();
        orders.sort_by_key(|o| (if side == Side::Buy { -o.price } else { o.price }, o.joined));
        orders.iter().map(|o| o.id).collect()
    }

    fn find(&mut self, id: u64) -> &mut Order {
        self.resting.iter_mut().find(|o| o.id == id).expect("it rests")
    }

    fn say(&mut self, order: &Order, kind: ReportKind, reason: Reason, ts_ns: i64) {
        let what = What::Report(kind, reason);
        self.answers.push((ts_ns, order.id, order.price, order.qty, order.leaves(), what));
    }

    /// An order that is gone has nothing left: its total is what it filled.
    fn ended(&mut self, order: &Order, kind: ReportKind, reason: Reason, ts_ns: i64) {
        self.say(&Order { qty: order.filled, ..*order }, kind, reason, ts_ns);
    }

    fn state(&self, side: Side, price: i64) -> State {
        let levels = &self.book.as_ref().expect("a book")[index(side)];
        if let Some((_, qty)) = levels.iter().find(|(shown, _)| *shown == price) {
            return State::Known(*qty);
        }
        let is_beyond = levels
            .iter()
            .all(|(shown, _)| if side == Side::Buy { price < *shown } else { price > *shown });
        let is_full = levels.len() >= usize::from(self.instrument.depth_max);
        if is_beyond && is_full { State::Unknown } else { State::Empty }
    }

    fn left(&self, side: Side, price: i64, shown: u32) -> u32 {
        shown.saturating_sub(self.used.get(&(index(side), price)).map_or(0, |(used, _)| *used))
    }

    fn use_up(&mut self, side: Side, price: i64, shown: u32, qty: u32) {
        let entry = self.used.entry((index(side), price)).or_insert((0, shown));
        *entry = (entry.0 + qty, shown);
    }

    fn row(&mut self, raw: &Raw) {
        let e = &raw.event;
        if !self.is_open(e.ts_exch_ns) || e.flags & flags::SENTINEL != 0 {
            return;
        }
        if e.kind == kind::TRADE {
            return self.print(raw);
        }
        let [bids, asks] = levels(raw);
        let is_crossed = matches!((bids.first(), asks.first()), (Some(b), Some(a)) if b.0 >= a.0);
        if is_crossed || (bids.is_empty() && asks.is_empty()) {
            return;
        }
        self.book = Some([bids, asks]);
        self.printed.clear();
        let mut used = std::mem::take(&mut self.used);
        used.retain(|(side, price), (used, shown)| {
            let side = if *side == 0 { Side::Buy } else { Side::Sell };
            match self.state(side, *price) {
                State::Known(now) => {
                    *used = used.saturating_sub(shown.saturating_sub(now));
                    *shown = now;
                    *used > 0
                }
                State::Empty => false,
                State::Unknown => true,
            }
        });
        self.used = used;
        for side in [Side::Buy, Side::Sell] {
            for id in self.queue(side) {
                let order = *self.find(id);
                self.find(id).ahead = match self.state(side, order.price) {
                    State::Known(qty) => Some(order.ahead.map_or(qty, |ahead| ahead.min(qty))),
                    State::Empty => Some(0),
                    State::Unknown => order.ahead,
                };
            }
            for id in self.queue(side) {
                let opposite = self.book.as_ref().expect("a book")[index(other(side))].clone();
                let order = *self.find(id);
                let mut lots = 0;
                for (price, shown) in opposite {
                    let qty = self.left(other(side), price, shown).min(order.leaves() - lots);
                    if reaches(side, order.price, price) && qty > 0 {
                        self.use_up(other(side), price, shown, qty);
                        lots += qty;
                    }
                }
                if lots > 0 {
                    self.fill(id, lots, Evidence::Crossed, e.ts_exch_ns);
                }
            }
        }
    }

    fn fill(&mut self, id: u64, qty: u32, evidence: Evidence, ts_ns: i64) {
        let order = self.find(id);
        order.filled += qty;
        let order = *order;
        let what = What::Fill(evidence, order.ahead);
        self.answers.push((ts_ns, id, order.price, qty, order.leaves(), what));
        self.resting.retain(|o| o.leaves() > 0);
    }

    fn print(&mut self, raw: &Raw) {
        let e = &raw.event;
        let touch = |side: Side| {
            self.book.as_ref().and_then(|b| b[index(side)].first()).map(|(price, _)| *price)
        };
        let (is_buy, is_sell) = match e.aggressor {
            1 => (true, false),
            -1 => (false, true),
            _ if touch(Side::Sell).is_some_and(|ask| e.trade_price >= ask) => (true, false),
            _ if touch(Side::Buy).is_some_and(|bid| e.trade_price <= bid) => (false, true),
            _ => (true, true),
        };
        let mut lots = e.trade_qty;
        for (side, hit) in [(Side::Sell, is_buy), (Side::Buy, is_sell)] {
            let queue = if hit { self.queue(side) } else { vec![] };
            if hit {
                self.printed.push((side, e.trade_price, e.trade_qty));
            }
            for id in &queue {
                let order = *self.find(*id);
                let is_through =
                    reaches(side, order.price, e.trade_price) && order.price != e.trade_price;
                let qty = order.leaves().min(lots);
                if is_through && qty > 0 {
                    lots -= qty;
                    self.fill(*id, qty, Evidence::Through, e.ts_exch_ns);
                }
            }
            // One lot at a time goes to whoever stands at the front of the queue at the price of the print.
            let at: Vec<u64> = queue
                .into_iter()
                .filter(|id| self.resting.iter().any(|o| o.id == *id && o.price == e.trade_price))
                .collect();
            let mut got: BTreeMap<u64, u32> = BTreeMap::new();
            while lots > 0 {
                let open = |id: &&u64| {
                    let order = self.resting.iter().find(|o| o.id == **id).expect("it rests");
                    order.leaves() > got.get(id).copied().unwrap_or(0)
                };
                let Some(first) = at.iter().find(open).copied() else { break };
                lots -= 1;
                if self.find(first).ahead == Some(0) {
                    *got.entry(first).or_default() += 1;
                } else {
                    // Everybody behind the lot's owner moves up.
                    let behind = at.iter().skip_while(|id| **id != first);
                    for id in behind.copied().collect::<Vec<_>>() {
                        let order = self.find(id);
                        order.ahead = order.ahead.map(|ahead| ahead.saturating_sub(1));
                    }
                }
            }
            for id in at {
                if let Some(qty) = got.get(&id) {
                    self.fill(id, *qty, Evidence::At, e.ts_exch_ns);
                }
            }
        }
    }

    fn refusal(&self, order: &Order, ts_ns: i64) -> Option<Reason> {
        let immediate = order.tif == Tif::Ioc || order.tif == Tif::Fok;
        let is_market = order.order_type == OrderType::Market;
        let tick = self.instrument.ticks.iter().rev().find(|t| t.price_from <= order.price);
        let checks = [
            (!self.is_open(ts_ns), Reason::SessionClosed),
            (is_market && !immediate, Reason::TifNotAllowed),
            (order.post_only && (immediate || is_market), Reason::PostOnlyNotAllowed),
            (order.qty > self.instrument.order_qty_max, Reason::SizeCap),
            (!is_market && tick.is_none_or(|t| order.price % t.tick != 0), Reason::OffTick),
            (
                !is_market
                    && (order.price < self.instrument.limit_down
                        || order.price > self.instrument.limit_up),
                Reason::OutsideLimits,
            ),
            (order.post_only && !self.reachable(order).is_empty(), Reason::PostOnlyWouldTake),
        ];
        checks.iter().find(|(fails, _)| *fails).map(|(_, reason)| *reason)
    }

    /// Levels of the other side that the order's price reaches.
    fn reachable(&self, order: &Order) -> Levels {
        let Some(book) = &self.book else { return vec![] };
        let is_market = order.order_type == OrderType::Market;
        let reach =
            |(price, _): &&(i64, u32)| is_market || reaches(order.side, order.price, *price);
        book[index(other(order.side))].iter().filter(reach).copied().collect()
    }

    fn arrive(&mut self, arrival: &Arrival) {
        let (id, ts_ns) = (arrival.order_id, arrival.ts_ns);
        let resting = self.resting.iter().find(|o| o.id == id).copied();
        let gone = |kind| (ts_ns, id, 0, 0, 0, What::Report(kind, Reason::OrderGone));
        match (arrival.ask, resting) {
            (Ask::New { side, order_type, tif, post_only, price, qty }, _) => {
                let order = Order {
                    id,
                    side,
                    order_type,
                    tif,
                    post_only,
                    price,
                    qty,
                    filled: 0,
                    ahead: None,
                    joined: 0,
                };
                if let Some(reason) = self.refusal(&order, ts_ns) {
                    return self.ended(&order, ReportKind::Rejected, reason, ts_ns);
                }
                self.say(&order, ReportKind::Accepted, Reason::None, ts_ns);
                self.enter(order, ts_ns);
            }
            (Ask::Amend { .. }, None) => self.answers.push(gone(ReportKind::AmendRejected)),
            (Ask::Cancel, None) => self.answers.push(gone(ReportKind::CancelRejected)),
            (Ask::Cancel, Some(order)) => {
                self.resting.retain(|o| o.id != id);
                self.ended(&order, ReportKind::Cancelled, Reason::None, ts_ns);
            }
            (Ask::Amend { price, qty }, Some(order)) => {
                let shrinks = price == order.price && qty <= order.qty;
                let amended = Order { price, qty, ..order };
                let refused = if qty <= order.filled {
                    Some(Reason::QtyBelowFilled)
                } else {
                    // Shrinking in place takes nothing, post-only or not.
                    let post_only = order.post_only && !shrinks;
                    self.refusal(&Order { post_only, ..amended }, ts_ns)
                };
                if let Some(reason) = refused {
                    return self.say(&order, ReportKind::AmendRejected, reason, ts_ns);
                }
                self.say(&amended, ReportKind::Amended, Reason::None, ts_ns);
                if shrinks {
                    self.find(id).qty = qty;
                } else {
                    self.resting.retain(|o| o.id != id);
                    self.enter(amended, ts_ns);
                }
            }
        }
    }

    fn enter(&mut self, mut order: Order, ts_ns: i64) {
        let immediate = order.tif == Tif::Ioc || order.tif == Tif::Fok;
        let side = other(order.side);
        let levels = self.reachable(&order);
        let there: u32 = levels.iter().map(|(price, shown)| self.left(side, *price, *shown)).sum();
        let lapse = if self.book.is_none() {
            Reason::NoBook
        } else if order.tif == Tif::Fok && there < order.leaves() {
            Reason::FokNotFilled
        } else {
            for (price, shown) in levels {
                let qty = self.left(side, price, shown).min(order.leaves());
                if qty > 0 {
                    self.use_up(side, price, shown, qty);
                    order.filled += qty;
                    let what = What::Fill(Evidence::Taken, Some(0));
                    self.answers.push((ts_ns, order.id, price, qty, order.leaves(), what));
                }
            }
            Reason::IocRest
        };
        if order.leaves() == 0 {
            return;
        }
        if immediate {
            return self.ended(&order, ReportKind::Expired, lapse, ts_ns);
        }
        order.ahead = match self.book.is_some().then(|| self.state(order.side, order.price)) {
            None | Some(State::Unknown) => None,
            Some(State::Known(qty)) => Some(qty),
            Some(State::Empty) => Some(0),
        };
        // A print takes the lots displayed at its price, and everything better than it.
        for (side, price, qty) in &self.printed {
            let is_through = reaches(*side, order.price, *price) && order.price != *price;
            if *side == order.side && self.book.is_some() {
                match order.ahead {
                    _ if is_through => order.ahead = Some(0),
                    Some(ahead) if order.price == *price => {
                        order.ahead = Some(ahead.saturating_sub(*qty));
                    }
                    _ => {}
                }
            }
        }
        self.joined += 1;
        order.joined = self.joined;
        self.resting.push(order);
    }
}
