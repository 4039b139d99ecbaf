//! The stochastic order flow: when the next order comes, what it is, and where it goes.
//!
//! A latent fair price steps about on half ticks. Limit orders are laid around it, and those that it
//! runs over are cancelled in haste or traded through. The intensity of everything is a stationary
//! mix of rates times one activity, which market orders raise and time lets decay (Hawkes): bursts
//! squeeze time, they do not change what the book looks like. Invariants: a draw depends on the seed
//! and the tape so far only. Units: half ticks, ticks, lots, ns, events a second. Cost: one
//! logarithm and up to two exponentials an event.

use super::config::{FlowConfig, SizeLaw};
use super::queues::{Queues, Side};
use super::rng::Rng;
use super::rows::DEPTH_MAX;

/// What happens next, before its details are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Limit,
    Market,
    Fair,
    Cancel,
    React,
    /// An order that hurries to the new quote.
    Rush,
    /// One of those leaves.
    Fleet,
    /// The activity fell while we waited: nothing happens (thinning).
    Nothing,
}

/// The next thing to happen, if nothing else intervenes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) at_ns: i64,
    pub(super) kind: Kind,
    fast: f64,
    slow: f64,
}

#[derive(Clone, Debug)]
pub(super) struct Flow {
    cfg: FlowConfig,
    pub(super) rng: Rng,
    place_sum: u64,
    decay_fast_per_s: f64,
    decay_slow_per_s: f64,
    fair_half_ticks: i64,
    fast: f64,
    slow: f64,
    last_limit: Option<(Side, i64)>,
    last_market: Side,
    /// Rush in progress: orders a second, when it was that, ns, and the side that the price went to.
    rush: (f64, i64, Side),
    /// Orders that will leave soon: slot and id.
    fleeting: Vec<(u32, u64)>,
}

/// ns in a second.
const SECOND_NS: f64 = 1e9;

impl Flow {
    pub(super) fn new(cfg: FlowConfig, seed: u64, start_tick: i64) -> Self {
        let place_sum = cfg.place_weights.iter().map(|w| u64::from(*w)).sum();
        let (fast, slow) = (cfg.burst.fast_ratio, cfg.burst.slow_ratio);
        // Whole-tick steps keep the fair price between two ticks, so that the spread can be one.
        let fair_half_ticks = 2 * start_tick + (cfg.fair_step_half_ticks + 1) % 2;
        let decay_fast_per_s = SECOND_NS / cfg.burst.fast_ns as f64;
        let decay_slow_per_s = SECOND_NS / cfg.burst.slow_ns as f64;
        Self {
            cfg,
            rng: Rng::new(seed),
            place_sum,
            decay_fast_per_s,
            decay_slow_per_s,
            fair_half_ticks,
            fast,
            slow,
            last_limit: None,
            last_market: Side::Bid,
            rush: (0.0, 0, Side::Bid),
            fleeting: Vec::new(),
        }
    }

    /// The tick at the fair price, rounded down.
    pub(super) fn fair_tick(&self) -> i64 {
        self.fair_half_ticks.div_euclid(2)
    }

    /// The tick nearest to the fair price at which a side quotes.
    pub(super) fn quote_tick(&self, side: Side) -> i64 {
        match side {
            Side::Bid => (self.fair_half_ticks - 1).div_euclid(2),
            Side::Ask => (self.fair_half_ticks + 2).div_euclid(2),
        }
    }

    fn activity(&self, fast: f64, slow: f64) -> f64 {
        1.0 - self.cfg.burst.fast_ratio - self.cfg.burst.slow_ratio + fast + slow
    }

    /// Draws the next event after `now_ns`, given what rests.
    pub(super) fn candidate(&mut self, now_ns: i64, queues: &Queues) -> Candidate {
        let cfg = &self.cfg;
        let ladder = [
            (Kind::Limit, cfg.limit_per_s),
            (Kind::Market, cfg.market_per_s),
            (Kind::Fair, cfg.fair_per_s),
            (Kind::Cancel, cfg.cancel_per_s * queues.len() as f64),
            (Kind::React, cfg.react_per_s * self.exposed(queues) as f64),
        ];
        let fleet = cfg.rush.fleeting_per_s * self.fleeting.len() as f64;
        let rush = self.rush_at(now_ns);
        let rate: f64 = ladder.iter().map(|(_, r)| r).sum();
        let bound = self.activity(self.fast, self.slow);
        let total = rate * bound + rush + fleet;
        let wait_s = self.rng.exponential() / total;
        let fast = self.fast * decay(wait_s * self.decay_fast_per_s);
        let slow = self.slow * decay(wait_s * self.decay_slow_per_s);
        let at_ns = now_ns + 1 + (wait_s * SECOND_NS) as i64;
        let unit = self.rng.unit();
        let mut pick = unit * rate * bound / self.activity(fast, slow);
        let mut kind = Kind::Nothing;
        if rush + fleet > 0.0 {
            let hurry = unit * total;
            if hurry < fleet {
                return Candidate { at_ns, kind: Kind::Fleet, fast, slow };
            }
            if hurry < fleet + rush {
                let is_still = hurry - fleet < self.rush_at(at_ns);
                let kind = if is_still { Kind::Rush } else { Kind::Nothing };
                return Candidate { at_ns, kind, fast, slow };
            }
            pick = (hurry - fleet - rush) / self.activity(fast, slow);
        }
        for (rung, r) in ladder {
            if pick < r {
                kind = rung;
                break;
            }
            pick -= r;
        }
        Candidate { at_ns, kind, fast, slow }
    }

    /// Orders a second that a rush brings at `now_ns`.
    fn rush_at(&self, now_ns: i64) -> f64 {
        let (rate, since_ns, _) = self.rush;
        if rate == 0.0 {
            return 0.0;
        }
        rate * decay((now_ns - since_ns) as f64 / self.cfg.rush.decay_ns as f64)
    }

    /// The price moved: a rush to the new quote begins.
    fn start_rush(&mut self, now_ns: i64, toward: Side) {
        let law = self.cfg.rush;
        if law.orders_per_move == 0.0 {
            return;
        }
        let left = if self.rush.2 == toward { self.rush_at(now_ns) } else { 0.0 };
        let more = law.orders_per_move / (law.decay_ns as f64 / SECOND_NS);
        self.rush = (left + more, now_ns, toward);
    }

    /// Draws an order of the rush: side, tick, lots, and whether it will leave soon.
    pub(super) fn rush_order(&mut self) -> (Side, i64, i64, bool) {
        let side = self.rush.2;
        let lots = self.size(self.cfg.limit_size);
        let fleeting = self.rng.chance_ppm(self.cfg.rush.fleeting_ppm);
        let back = i64::from(self.rng.chance_ppm(RUSH_BEHIND_PPM));
        (side, self.quote_tick(side) - back * i64::from(side.sign()), lots, fleeting)
    }

    /// Notes an order that will leave soon.
    pub(super) fn note_fleeting(&mut self, slot: u32, order_id: u64) {
        self.fleeting.push((slot, order_id));
    }

    /// Picks one that leaves, if the one drawn still rests.
    pub(super) fn fleet_slot(&mut self, queues: &Queues) -> Option<u32> {
        let at = self.rng.below(self.fleeting.len() as u64) as usize;
        let (slot, order_id) = self.fleeting.swap_remove(at);
        let order = queues.order(slot);
        (order.truth.order_id == order_id && order.qty_lots > 0).then_some(slot)
    }

    /// Time has come to `candidate`: its activity is now ours.
    pub(super) fn advance_to(&mut self, candidate: &Candidate) {
        (self.fast, self.slow) = (candidate.fast, candidate.slow);
    }

    /// A market order raises the activity: seldom, and then by much.
    pub(super) fn excite(&mut self) {
        let burst = &self.cfg.burst;
        if self.rng.below(u64::from(burst.one_in)) != 0 {
            return;
        }
        let mark = f64::from(burst.one_in) / self.cfg.market_per_s * SECOND_NS;
        let fast = self.fast + burst.fast_ratio * mark / burst.fast_ns as f64;
        let slow = self.slow + burst.slow_ratio * mark / burst.slow_ns as f64;
        self.fast = fast.min(burst.activity_max);
        self.slow = slow.min(burst.activity_max);
    }

    fn side(&mut self) -> Side {
        if self.rng.next_u64() >> 63 == 0 { Side::Bid } else { Side::Ask }
    }

    fn size(&mut self, law: SizeLaw) -> i64 {
        if self.rng.chance_ppm(law.block_ppm) {
            return 1 + self.rng.below(u64::from(law.block_lots_max)) as i64;
        }
        let mut lots = 1;
        while self.rng.chance_ppm(law.more_ppm) {
            lots += 1;
        }
        lots
    }

    /// The first empty tick behind the best of a side, among the levels that are shown.
    fn hole(&self, side: Side, queues: &Queues) -> Option<i64> {
        let best = queues.best(side)?;
        let ticks = (1..DEPTH_MAX as i64).map(|n| best - n * i64::from(side.sign()));
        ticks.filter(|t| queues.in_window(*t)).find(|t| queues.queue(*t).1 == 0)
    }

    /// Draws a limit order: side, tick, lots.
    pub(super) fn limit(&mut self, queues: &Queues) -> (Side, i64, i64) {
        let lots = self.size(self.cfg.limit_size);
        if self.rng.chance_ppm(self.cfg.herd_ppm)
            && let Some((side, tick)) = self.last_limit
            && (0..=self.cfg.reach_ticks - 2).contains(&side.behind(self.quote_tick(side), tick))
        {
            return (side, tick, lots);
        }
        let side = self.side();
        if self.rng.chance_ppm(self.cfg.fill_ppm)
            && let Some(tick) = self.hole(side, queues)
        {
            return (side, tick, lots);
        }
        let mut pick = self.rng.below(self.place_sum);
        let mut distance = 0;
        for weight in &self.cfg.place_weights {
            if pick < u64::from(*weight) {
                break;
            }
            pick -= u64::from(*weight);
            distance += 1;
        }
        let tick = self.quote_tick(side) - distance * i64::from(side.sign());
        self.last_limit = Some((side, tick));
        (side, tick, lots)
    }

    /// Draws a market order: side, lots.
    pub(super) fn market(&mut self) -> (Side, i64) {
        if !self.rng.chance_ppm(self.cfg.market_repeat_ppm) {
            self.last_market = self.last_market.opposite();
        }
        (self.last_market, self.size(self.cfg.market_size))
    }

    /// Draws which way the fair price goes by itself.
    pub(super) fn fair_move(&mut self, now_ns: i64) {
        let side = self.side();
        self.shift(side);
        self.start_rush(now_ns, side);
    }

    /// A market order that traded may take the fair price along.
    pub(super) fn impact(&mut self, now_ns: i64, aggressor: Side) {
        if self.rng.chance_ppm(self.cfg.impact_ppm) {
            self.shift(aggressor);
            self.start_rush(now_ns, aggressor);
        }
    }

    /// Steps the fair price; it turns round before the window would reach below one tick.
    fn shift(&mut self, toward: Side) {
        let lowest = 2 * (self.cfg.reach_ticks + 1) + self.cfg.fair_step_half_ticks;
        let up = toward == Side::Bid || self.fair_half_ticks <= lowest;
        let step = self.cfg.fair_step_half_ticks;
        self.fair_half_ticks += if up { step } else { -step };
    }

    /// Orders at ticks of one side that the fair price has come too near to.
    fn exposed_ticks(&self, side: Side, queues: &Queues) -> impl Iterator<Item = i64> {
        let edge = self.quote_tick(side) - self.cfg.react_ticks * i64::from(side.sign());
        let best = queues.best(side).unwrap_or(edge);
        let count = side.behind(best, edge).max(0);
        (0..count).map(move |n| best - n * i64::from(side.sign()))
    }

    fn exposed(&self, queues: &Queues) -> u64 {
        let count = |side| -> u64 {
            self.exposed_ticks(side, queues).map(|t| u64::from(queues.queue(t).1)).sum()
        };
        count(Side::Bid) + count(Side::Ask)
    }

    /// Picks the order that a cancel in haste removes.
    pub(super) fn react_slot(&mut self, queues: &Queues) -> Option<u32> {
        let mut pick = self.rng.below(self.exposed(queues));
        for side in [Side::Bid, Side::Ask] {
            for tick in self.exposed_ticks(side, queues) {
                let orders = u64::from(queues.queue(tick).1);
                if pick < orders {
                    return queues.tail(tick);
                }
                pick -= orders;
            }
        }
        None
    }

    /// Picks the order that an ordinary cancel touches, and how many lots go.
    pub(super) fn cancel(&mut self, queues: &Queues) -> Option<(u32, i64)> {
        if queues.len() == 0 {
            return None;
        }
        let mut slot = queues.live_slot(self.rng.below(queues.len() as u64) as usize);
        if self.rng.chance_ppm(self.cfg.cancel_back_ppm) {
            slot = queues.tail(queues.order(slot).tick)?;
            while self.rng.chance_ppm(STEP_FORWARD_PPM)
                && let Some(before) = queues.prev(slot)
            {
                slot = before;
            }
        }
        let rests = queues.order(slot).qty_lots;
        let partial = rests > 1 && self.rng.chance_ppm(self.cfg.cancel_partial_ppm);
        let lots =
            if partial { 1 + self.rng.below(rests.unsigned_abs() - 1) as i64 } else { rests };
        Some((slot, lots))
    }
}

/// `exp(-x)`; for small `x`, the usual case, by its series, which is exact to 1e-11 there.
#[inline]
fn decay(x: f64) -> f64 {
    if x < 1.0 / 32.0 {
        return 1.0 - x * (1.0 - x * (0.5 - x * (1.0 / 6.0 - x * (1.0 / 24.0 - x / 120.0))));
    }
    libm::exp(-x)
}

/// So many orders of a rush go one tick behind the new quote.
const RUSH_BEHIND_PPM: u32 = 250_000;

/// From the back of the queue a cancel steps one order forward with this chance, again and again.
const STEP_FORWARD_PPM: u32 = 300_000;
