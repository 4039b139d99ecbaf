//! The exchange itself: matches the flow in price-time order and publishes what a subscriber sees.
//!
//! Invariants: rows come in time order, and at one stamp a trade stands before the book that shows
//! its effect; a book is published only when its five levels changed; it never crosses or locks;
//! every lot that comes to rest is filled, cancelled or open at its session's end. Units: ns UTC,
//! ticks inside and 1e-6 outside, lots. Cost: some 0.1 us an order event, memory bounded by the
//! orders that rest plus whatever the caller has not drained.

use std::collections::VecDeque;

use arrayvec::ArrayVec;

use super::SynthError;
use super::config::SynthConfig;
use super::flow::{Candidate, Flow, Kind};
use super::queues::{Queues, Side};
use super::rows::{Body, End, L3Action, L3Event, Levels, SynthRow, TruthRow};

/// Most market orders that wait for the next book; further ones trade at once.
const WAITING_MAX: usize = 16;

/// Sums over a tape, for checks of conservation. Quantities in lots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SynthStats {
    /// Order events carried out, warm-up included.
    pub events: u64,
    /// Lots that came to rest.
    pub added_lots: i64,
    /// Resting lots that traded.
    pub filled_lots: i64,
    /// Resting lots withdrawn.
    pub cancelled_lots: i64,
    /// Lots open at the ends of sessions.
    pub open_lots: i64,
    /// Limit orders dropped because `orders_max` rested.
    pub dropped_orders: u64,
}

/// A synthetic exchange: an iterator over what it publishes.
#[derive(Clone, Debug)]
pub struct Synth {
    cfg: SynthConfig,
    queues: Queues,
    flow: Flow,
    /// Index of the session in progress, or of the next one.
    session: usize,
    in_session: bool,
    /// False while the warm-up runs: nothing is published or recorded.
    on_air: bool,
    now_ns: i64,
    next: Option<Candidate>,
    /// When the next book is due.
    due_ts_ns: i64,
    waiting: ArrayVec<(Side, i64), WAITING_MAX>,
    seq_no: u64,
    order_id: u64,
    shown: Option<(Levels, Levels)>,
    out: VecDeque<SynthRow>,
    truth: Vec<TruthRow>,
    l3: Vec<L3Event>,
    stats: SynthStats,
}

impl Synth {
    /// An exchange before its first row.
    ///
    /// # Errors
    /// `SynthError::Config` when the parameters break a rule.
    pub fn new(cfg: SynthConfig) -> Result<Self, SynthError> {
        cfg.validate()?;
        let start_tick = cfg.start_price_e6 / cfg.tick_e6;
        let queues = Queues::new(start_tick, cfg.flow.reach_ticks);
        let flow = Flow::new(cfg.flow.clone(), cfg.seed, start_tick);
        Ok(Self {
            cfg,
            queues,
            flow,
            session: 0,
            in_session: false,
            on_air: false,
            now_ns: 0,
            next: None,
            due_ts_ns: 0,
            waiting: ArrayVec::new(),
            seq_no: 0,
            order_id: 0,
            shown: None,
            out: VecDeque::new(),
            truth: Vec::new(),
            l3: Vec::new(),
            stats: SynthStats::default(),
        })
    }

    /// The parameters of this tape.
    #[must_use]
    pub fn config(&self) -> &SynthConfig {
        &self.cfg
    }

    /// Sums so far; they balance when the tape has ended.
    #[must_use]
    pub fn stats(&self) -> SynthStats {
        self.stats
    }

    /// How many order slots were ever in use at once: the measure of memory.
    #[must_use]
    pub fn order_slots(&self) -> usize {
        self.queues.slots()
    }

    /// Takes the truth of orders that ended since the last call, in order of their end. Needs
    /// `record_truth`. Orders open at a session's end come with the end of that session.
    pub fn drain_truth(&mut self) -> impl Iterator<Item = TruthRow> + '_ {
        self.truth.drain(..)
    }

    /// Takes the order events since the last call, in time order. Needs `record_l3`. A session's
    /// end withdraws all open orders without an event; the next one begins with new adds.
    pub fn drain_l3(&mut self) -> impl Iterator<Item = L3Event> + '_ {
        self.l3.drain(..)
    }

    /// Does the next thing. `false` when the tape has ended.
    fn advance(&mut self) -> bool {
        let Some(&span) = self.cfg.sessions.get(self.session) else { return false };
        if !self.in_session {
            self.open(span.start_ts_ns);
            return true;
        }
        let candidate = match self.next {
            Some(candidate) => candidate,
            None => self.flow.candidate(self.now_ns, &self.queues),
        };
        let stamp_ns = stamp(candidate.at_ns, self.cfg.ts_grid_ns);
        if self.cfg.book_interval_ns > 0 && self.due_ts_ns < stamp_ns.min(span.end_ts_ns) {
            self.next = Some(candidate);
            self.publish_due();
        } else if stamp_ns >= span.end_ts_ns {
            self.close();
        } else {
            self.next = None;
            self.carry_out(&candidate, stamp_ns);
            if self.cfg.book_interval_ns == 0 {
                self.publish(stamp_ns);
            }
        }
        true
    }

    /// Runs the warm-up, declares what rests, and shows the opening book.
    fn open(&mut self, start_ts_ns: i64) {
        self.queues.reset(self.flow.fair_tick(), self.cfg.flow.reach_ticks);
        self.in_session = true;
        self.on_air = false;
        self.now_ns = start_ts_ns - self.cfg.warmup_ns;
        loop {
            let candidate = self.flow.candidate(self.now_ns, &self.queues);
            if candidate.at_ns >= start_ts_ns {
                break;
            }
            self.carry_out(&candidate, candidate.at_ns);
        }
        self.on_air = true;
        self.now_ns = start_ts_ns;
        self.next = None;
        self.shown = None;
        self.declare(Side::Bid, start_ts_ns);
        self.declare(Side::Ask, start_ts_ns);
        self.publish(start_ts_ns);
        self.due_ts_ns = start_ts_ns + self.cfg.book_interval_ns;
    }

    /// Records the orders of one side that rest at the open, best level first, in queue order.
    fn declare(&mut self, side: Side, start_ts_ns: i64) {
        let Some(mut tick) = self.queues.best(side) else { return };
        let mut level = 0;
        while self.queues.in_window(tick) {
            let mut at = self.queues.head(tick);
            let mut ahead = (0, 0);
            while let Some(slot) = at {
                at = self.queues.next(slot);
                let opp_best_e6 = self.price_e6(self.queues.best(side.opposite()));
                let order = self.queues.order_mut(slot);
                let fresh = truth(order.truth.order_id, side, order.truth.price_e6, order.qty_lots);
                order.truth = TruthRow {
                    add_ts_ns: start_ts_ns,
                    add_after_seq_no: self.seq_no,
                    queue_ahead_lots: ahead.0,
                    queue_ahead_orders: ahead.1,
                    level,
                    opp_best_e6,
                    tag: 1,
                    ..fresh
                };
                ahead = (ahead.0 + order.qty_lots, ahead.1 + 1);
                self.stats.added_lots += self.queues.order(slot).qty_lots;
                self.record_l3(start_ts_ns, L3Action::Add, slot, self.queues.order(slot).qty_lots);
            }
            level += i64::from(ahead.1 > 0);
            tick -= i64::from(side.sign());
        }
    }

    /// Ends the session: what rests is told as open.
    fn close(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        debug_assert!(waiting.len() <= WAITING_MAX, "Invariant: few market orders wait");
        for index in 0..self.queues.len() {
            let order = self.queues.order(self.queues.live_slot(index));
            self.stats.open_lots += order.qty_lots;
            if self.cfg.record_truth {
                self.truth.push(order.truth);
            }
        }
        self.in_session = false;
        self.session += 1;
        self.next = None;
    }

    /// Lets waiting market orders trade and publishes the book that is due.
    fn publish_due(&mut self) {
        let stamp_ns = self.due_ts_ns;
        if !self.waiting.is_empty() {
            // They change what rests, so the candidate drawn before them no longer holds.
            self.next = None;
            self.now_ns = stamp_ns;
            for (side, lots) in std::mem::take(&mut self.waiting) {
                self.market(side, lots, stamp_ns);
            }
        }
        self.publish(stamp_ns);
        self.due_ts_ns += self.cfg.book_interval_ns;
    }

    /// Publishes the book if its five levels changed.
    fn publish(&mut self, stamp_ns: i64) {
        let bids = self.queues.top(Side::Bid, self.cfg.tick_e6);
        let asks = self.queues.top(Side::Ask, self.cfg.tick_e6);
        if self.shown.as_ref().is_some_and(|(b, a)| *b == bids && *a == asks) {
            return;
        }
        self.shown = Some((bids.clone(), asks.clone()));
        self.seq_no += 1;
        let body = Body::Book { bids, asks };
        self.out.push_back(SynthRow { ts_exch_ns: stamp_ns, seq_no: self.seq_no, body });
    }

    /// Carries out one event of the flow at `stamp_ns`.
    fn carry_out(&mut self, candidate: &Candidate, stamp_ns: i64) {
        self.now_ns = candidate.at_ns;
        self.flow.advance_to(candidate);
        self.stats.events += 1;
        match candidate.kind {
            Kind::Limit => self.limit(stamp_ns),
            Kind::Market => {
                let (side, lots) = self.flow.market();
                let on_grid = self.flow.rng.chance_ppm(self.cfg.flow.market_on_grid_ppm);
                let may_wait = on_grid && self.on_air && self.cfg.book_interval_ns > 0;
                if !may_wait || self.waiting.try_push((side, lots)).is_err() {
                    self.market(side, lots, stamp_ns);
                }
            }
            Kind::Fair => {
                self.flow.fair_move(self.now_ns);
                self.follow_fair(stamp_ns);
            }
            Kind::Cancel => {
                if let Some((slot, lots)) = self.flow.cancel(&self.queues) {
                    self.cancel(slot, lots, stamp_ns);
                }
            }
            Kind::React => {
                if let Some(slot) = self.flow.react_slot(&self.queues) {
                    self.cancel(slot, self.queues.order(slot).qty_lots, stamp_ns);
                }
            }
            Kind::Rush => {
                let (side, tick, lots, fleeting) = self.flow.rush_order();
                if let Some(slot) = self.place(side, tick, lots, stamp_ns)
                    && fleeting
                {
                    self.flow.note_fleeting(slot, self.order_id);
                }
            }
            Kind::Fleet => {
                if let Some(slot) = self.flow.fleet_slot(&self.queues) {
                    self.cancel(slot, self.queues.order(slot).qty_lots, stamp_ns);
                }
            }
            Kind::Nothing => {}
        }
    }

    /// A limit order takes what it crosses and rests with what is left.
    fn limit(&mut self, stamp_ns: i64) {
        let (side, tick, lots) = self.flow.limit(&self.queues);
        self.place(side, tick, lots, stamp_ns);
    }

    /// A limit order of these terms; the slot in which it rests.
    fn place(&mut self, side: Side, tick: i64, lots: i64, stamp_ns: i64) -> Option<u32> {
        let left = lots - self.take(side, lots, tick, stamp_ns);
        if left == 0 {
            return None;
        }
        if self.queues.len() >= self.cfg.orders_max as usize {
            self.stats.dropped_orders += 1;
            return None;
        }
        self.order_id += 1;
        let (ahead_lots, ahead_orders) = self.queues.queue(tick);
        let truth = TruthRow {
            add_ts_ns: stamp_ns,
            add_after_seq_no: self.seq_no,
            queue_ahead_lots: ahead_lots,
            queue_ahead_orders: i64::from(ahead_orders),
            level: self.queues.levels_better(side, tick),
            opp_best_e6: self.price_e6(self.queues.best(side.opposite())),
            ..truth(self.order_id, side, tick * self.cfg.tick_e6, left)
        };
        let slot = self.queues.push(side, tick, truth);
        if self.on_air {
            self.stats.added_lots += left;
            self.record_l3(stamp_ns, L3Action::Add, slot, left);
        }
        Some(slot)
    }

    /// A market order takes what is near the best price; it stirs the flow if it traded or not.
    fn market(&mut self, side: Side, lots: i64, stamp_ns: i64) {
        self.flow.excite();
        let Some(best) = self.queues.best(side.opposite()) else { return };
        let limit = best + self.cfg.flow.sweep_ticks_max * i64::from(side.sign());
        self.take(side, lots, limit, stamp_ns);
        self.flow.impact(self.now_ns, side);
        self.follow_fair(stamp_ns);
    }

    /// Moves the window with the fair price; what falls out of it is cancelled.
    fn follow_fair(&mut self, stamp_ns: i64) {
        let center = self.flow.fair_tick();
        let reach = self.cfg.flow.reach_ticks;
        let (lowest, highest) = self.queues.window();
        for tick in (lowest..center - reach).chain(center + reach + 1..=highest) {
            while let Some(slot) = self.queues.tail(tick) {
                self.cancel(slot, self.queues.order(slot).qty_lots, stamp_ns);
            }
        }
        self.queues.set_window(center - reach, center + reach);
    }

    /// Trades up to `lots` against the other side at `limit` or better; says how many lots traded.
    fn take(&mut self, aggressor: Side, lots: i64, limit: i64, stamp_ns: i64) -> i64 {
        let mut left = lots;
        while left > 0
            && let Some(tick) = self.queues.best(aggressor.opposite())
            && aggressor.behind(limit, tick) >= 0
        {
            self.seq_no += u64::from(self.on_air);
            let before = left;
            while left > 0
                && let Some(slot) = self.queues.head(tick)
            {
                let fill = left.min(self.queues.order(slot).qty_lots);
                self.fill(slot, fill, stamp_ns);
                left -= fill;
            }
            if self.on_air {
                let body = Body::Trade {
                    price_e6: tick * self.cfg.tick_e6,
                    qty_lots: before - left,
                    side: aggressor.sign(),
                };
                self.out.push_back(SynthRow { ts_exch_ns: stamp_ns, seq_no: self.seq_no, body });
            }
        }
        lots - left
    }

    /// Trades lots of a resting order; `seq_no` is already that of the trade's row.
    fn fill(&mut self, slot: u32, lots: i64, stamp_ns: i64) {
        let seq_no = self.seq_no;
        let truth = &mut self.queues.order_mut(slot).truth;
        if truth.filled_lots == 0 {
            truth.first_fill_ts_ns = stamp_ns;
        }
        truth.filled_lots += lots;
        (truth.last_ts_ns, truth.last_after_seq_no) = (stamp_ns, seq_no);
        self.lessen(slot, lots, stamp_ns, L3Action::Exec, End::Filled);
    }

    /// Withdraws lots of a resting order.
    fn cancel(&mut self, slot: u32, lots: i64, stamp_ns: i64) {
        let seq_no = self.seq_no;
        let truth = &mut self.queues.order_mut(slot).truth;
        truth.cancelled_lots += lots;
        (truth.last_ts_ns, truth.last_after_seq_no) = (stamp_ns, seq_no);
        self.lessen(slot, lots, stamp_ns, L3Action::Cancel, End::Cancelled);
    }

    /// Takes lots off an order, and tells what became of it if that was its end.
    fn lessen(&mut self, slot: u32, lots: i64, stamp_ns: i64, action: L3Action, end: End) {
        let gone = self.queues.reduce(slot, lots);
        if !self.on_air {
            return;
        }
        match action {
            L3Action::Exec => self.stats.filled_lots += lots,
            L3Action::Cancel | L3Action::Add => self.stats.cancelled_lots += lots,
        }
        self.record_l3(stamp_ns, action, slot, lots);
        if gone && self.cfg.record_truth {
            self.truth.push(TruthRow { end, ..self.queues.order(slot).truth });
        }
    }

    fn record_l3(&mut self, ts_exch_ns: i64, action: L3Action, slot: u32, qty_lots: i64) {
        if !self.cfg.record_l3 {
            return;
        }
        let order = self.queues.order(slot);
        self.l3.push(L3Event {
            ts_exch_ns,
            action,
            order_id: order.truth.order_id,
            side: order.truth.side,
            price_e6: order.truth.price_e6,
            qty_lots,
            remaining_lots: order.qty_lots,
            after_seq_no: self.seq_no,
        });
    }

    fn price_e6(&self, tick: Option<i64>) -> i64 {
        tick.map_or(0, |t| t * self.cfg.tick_e6)
    }
}

impl Iterator for Synth {
    type Item = SynthRow;

    fn next(&mut self) -> Option<SynthRow> {
        loop {
            if let Some(row) = self.out.pop_front() {
                return Some(row);
            }
            if !self.advance() {
                return None;
            }
        }
    }
}

/// A truth row of an order to which nothing has happened yet.
fn truth(order_id: u64, side: Side, price_e6: i64, qty_lots: i64) -> TruthRow {
    TruthRow {
        order_id,
        side: side.sign(),
        price_e6,
        qty_lots,
        add_ts_ns: 0,
        add_after_seq_no: 0,
        queue_ahead_lots: 0,
        queue_ahead_orders: 0,
        level: 0,
        opp_best_e6: 0,
        tag: 0,
        filled_lots: 0,
        first_fill_ts_ns: 0,
        last_ts_ns: 0,
        cancelled_lots: 0,
        last_after_seq_no: 0,
        end: End::Open,
    }
}

/// The first grid stamp at or after `at_ns`.
fn stamp(at_ns: i64, grid_ns: i64) -> i64 {
    at_ns + (-at_ns).rem_euclid(grid_ns)
}
