//! Random markets and random scripts: every order lives the same life in both simulators, but for differences that are
//! named and counted.

use btcore::book::Book;
use btcore::wire::{Depth, Event, Instrument, Side, TickStep, Tif, kind};
use hftbacktest_twin::reference::{self, Order, Repairs};
use hftbacktest_twin::{Action, Ask, Fills, Legs, Model, Row, feed, ours, theirs};
use std::collections::BTreeMap;

const TICK: i64 = 1_000_000;
const T0: i64 = 1_775_606_400_000_000_000;
/// Rows are at 0, actions at 2, arrivals at 5, responses at 4 and 9, modulo 10: nothing ties.
const LEGS: Legs = Legs { entry_ns: 23, response_ns: 34 };

struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % end
    }

    fn is(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

fn instrument() -> Instrument {
    Instrument {
        symbol: "A".into(),
        exchange: "TEST".into(),
        ticks: vec![TickStep { price_from: 0, tick: TICK }],
        multiplier_e6: 1_000_000,
        limit_down: i64::MIN,
        limit_up: i64::MAX,
        protection: 0,
        depth_max: 5,
        order_qty_max: u32::MAX,
        negative_prices: false,
        sessions: vec![],
        fees: vec![],
    }
}

/// A market of price levels, of which five a side are seen.
struct Market {
    levels: [BTreeMap<i64, u32>; 2],
    rows: Vec<Row>,
    ts_ns: i64,
}

impl Market {
    fn best(&self, side: Side) -> Option<i64> {
        let levels = &self.levels[side.index()];
        let best =
            if side == Side::Buy { levels.last_key_value() } else { levels.first_key_value() };
        best.map(|(price, _)| *price)
    }

    /// A market order of `side`: its prints.
    fn take(&mut self, side: Side, mut qty: u32) {
        let other = side.opposite();
        while qty > 0
            && let Some(price) = self.best(other)
        {
            let level = self.levels[other.index()].get_mut(&price).unwrap();
            let traded = qty.min(*level);
            qty -= traded;
            *level -= traded;
            if *level == 0 {
                self.levels[other.index()].remove(&price);
            }
            let event = Event {
                ts_exch_ns: self.ts_ns,
                ts_recv_ns: self.ts_ns,
                kind: kind::TRADE,
                trade_price: price * TICK,
                trade_qty: traded,
                aggressor: if side == Side::Buy { 1 } else { -1 },
                ..Event::EMPTY
            };
            self.rows.push((event, Depth::EMPTY));
        }
    }

    fn add(&mut self, side: Side, price: i64, qty: u32) {
        let crosses = self.best(side.opposite()).is_some_and(|other| !side.is_better(other, price));
        if !crosses {
            *self.levels[side.index()].entry(price).or_default() += qty;
        }
    }

    fn picture(&mut self) {
        let mut event = Event {
            ts_exch_ns: self.ts_ns,
            ts_recv_ns: self.ts_ns,
            kind: kind::BOOK,
            ..Event::EMPTY
        };
        let mut depth = Depth::EMPTY;
        let top = |levels: &mut dyn Iterator<Item = (&i64, &u32)>| -> Vec<(i64, u32)> {
            levels.take(5).map(|(price, qty)| (price * TICK, *qty)).collect()
        };
        let bids = top(&mut self.levels[Side::Buy.index()].iter().rev());
        let asks = top(&mut self.levels[Side::Sell.index()].iter());
        (depth.bid_levels, depth.ask_levels) = (bids.len() as u8, asks.len() as u8);
        for (n, (price, qty)) in bids.into_iter().enumerate() {
            match n {
                0 => (event.bid_price, event.bid_qty) = (price, qty),
                n => (depth.bid_price[n - 1], depth.bid_qty[n - 1]) = (price, qty),
            }
        }
        for (n, (price, qty)) in asks.into_iter().enumerate() {
            match n {
                0 => (event.ask_price, event.ask_qty) = (price, qty),
                n => (depth.ask_price[n - 1], depth.ask_qty[n - 1]) = (price, qty),
            }
        }
        self.rows.push((event, depth));
    }
}

/// Packets of prints and the picture after them.
fn market(draw: &mut Draw, packets: u64) -> Vec<Row> {
    let mut market = Market { levels: Default::default(), rows: Vec::new(), ts_ns: T0 };
    let depth = 4 + draw.below(6) as i64;
    for n in 0..depth {
        market.add(Side::Buy, 1_000 - n, 1 + draw.below(12) as u32);
        market.add(Side::Sell, 1_001 + n, 1 + draw.below(12) as u32);
    }
    let busy = 10 + draw.below(50);
    for _ in 0..packets {
        market.ts_ns += 10 * (1 + draw.below(20) as i64);
        for _ in 0..draw.below(3) {
            if draw.is(busy) {
                let side = if draw.is(50) { Side::Buy } else { Side::Sell };
                market.take(side, 1 + draw.below(14) as u32);
            }
        }
        for _ in 0..1 + draw.below(6) {
            let side = if draw.is(50) { Side::Buy } else { Side::Sell };
            let toward = if side == Side::Buy { 1 } else { -1 };
            let best = market.best(side).or(market.best(side.opposite()).map(|p| p - toward));
            let best = best.unwrap_or(1_000);
            let price = best + toward * (2 - draw.below(8) as i64);
            if draw.is(55) {
                market.add(side, price, 1 + draw.below(9) as u32);
            } else if let Some(level) = market.levels[side.index()].get_mut(&price) {
                *level = level.saturating_sub(1 + draw.below(9) as u32);
                if *level == 0 {
                    market.levels[side.index()].remove(&price);
                }
            }
        }
        market.picture();
    }
    market.rows
}

/// One order at a time on each side, each within view when it arrives; never two takers between the same pictures.
fn script(draw: &mut Draw, rows: &[Row], fills: Fills) -> Vec<Action> {
    let end_ns = rows[rows.len() - 1].0.ts_exch_ns;
    let mut plans: Vec<(i64, Side, i64, i64, u32, Tif, bool)> = Vec::new();
    for side in [Side::Buy, Side::Sell] {
        let mut ts_ns = rows[0].0.ts_exch_ns + 10 * draw.below(100) as i64 + 2;
        loop {
            let until_ns = ts_ns + 10 * (8 + draw.below(400) as i64);
            if until_ns + 1_000 > end_ns {
                break;
            }
            let arrival_ns = ts_ns + LEGS.entry_ns;
            let last =
                rows.iter().rfind(|row| row.0.kind == kind::BOOK && row.0.ts_exch_ns <= arrival_ns);
            let Some((event, depth)) = last else {
                ts_ns += 1_000;
                continue;
            };
            let book = Book { event, depth };
            let own: Vec<i64> = (0..5).map_while(|n| book.level(side, n)).map(|l| l.0).collect();
            let other: Vec<i64> =
                (0..5).map_while(|n| book.level(side.opposite(), n)).map(|l| l.0).collect();
            let most = if fills == Fills::Whole { 1 } else { 9 };
            let qty = 1 + draw.below(most) as u32;
            let pick = |draw: &mut Draw, of: &[i64]| of[draw.below(of.len() as u64) as usize];
            let (price, tif, post_only) = match draw.below(10) {
                0 if !other.is_empty() => (pick(draw, &other), Tif::Ioc, false),
                1 if !other.is_empty() => (pick(draw, &other), Tif::Fok, false),
                2 if !other.is_empty() => (other[0], Tif::Gtc, true),
                3 if !own.is_empty() && !other.is_empty() => {
                    let toward = if side == Side::Buy { TICK } else { -TICK };
                    let inside = own[0] + toward;
                    let price = if inside == other[0] { own[0] } else { inside };
                    (price, Tif::Gtc, draw.is(30))
                }
                _ if !own.is_empty() => (pick(draw, &own), Tif::Gtc, draw.is(20)),
                _ => {
                    ts_ns += 1_000;
                    continue;
                }
            };
            plans.push((ts_ns, side, until_ns, price, qty, tif, post_only));
            ts_ns = until_ns + 10 * (30 + draw.below(60) as i64);
        }
    }
    plans.sort_by_key(|plan| (plan.0, plan.1 as u8));
    let mut actions = Vec::new();
    for (n, (ts_ns, side, until_ns, price, qty, tif, post_only)) in plans.into_iter().enumerate() {
        // Two of one instant would tie.
        let ts_ns = if side == Side::Sell { ts_ns + 1 } else { ts_ns };
        let until_ns = if side == Side::Sell { until_ns + 1 } else { until_ns };
        actions.push(Action { ts_ns, ask: Ask::Submit { side, price, qty, tif, post_only } });
        actions.push(Action { ts_ns: until_ns, ask: Ask::Cancel { order: n as u64 + 1 } });
    }
    actions.sort_by_key(|action| action.ts_ns);
    actions
}

/// The order that a script rests with this id, if it rests.
fn resting(rows: &[Row], actions: &[Action], id: u64) -> Option<Order> {
    let submit = submit(actions, id)?;
    let Ask::Submit { side, price, qty, tif: Tif::Gtc, .. } = submit.ask else { return None };
    let cancel = actions.iter().find(|a| matches!(a.ask, Ask::Cancel { order } if order == id))?;
    let arrival_ns = submit.ts_ns + LEGS.entry_ns;
    let before = rows.partition_point(|row| row.0.ts_exch_ns <= arrival_ns);
    let (event, depth) = rows[..before].iter().rfind(|row| row.0.kind == kind::BOOK)?;
    let touch = Book { event, depth }.level(side.opposite(), 0).map(|level| level.0);
    let takes = touch.is_some_and(|touch| !side.is_better(touch, price));
    let until_ns = cancel.ts_ns + LEGS.entry_ns;
    (!takes).then_some(Order { side, price, qty, arrival_ns, until_ns })
}

const MODELS: [Model; 8] = [
    Model::RiskAverse,
    Model::Power(1),
    Model::Power(2),
    Model::Power(3),
    Model::Power2(2),
    Model::Power3(2),
    Model::Log,
    Model::Log2,
];

/// Orders of one suite and model.
#[derive(Debug, Default)]
struct Counts {
    orders: u64,
    filled: u64,
    fills: u64,
    /// Alike to the last fill.
    equal: u64,
    /// Different, by the one rule that explains it.
    below_zero: u64,
    unseen: u64,
    both: u64,
    /// Different by a decision at half a lot, which floats and fixed point round apart.
    half: u64,
}

fn one(seed: u64, model: Model, fills: Fills, counts: &mut Counts) {
    let mut draw = Draw(seed.wrapping_mul(0x5851_F42D_4C95_7F2D) ^ 0x14);
    let rows = market(&mut draw, 250);
    let actions = script(&mut draw, &rows, fills);
    let feed = feed::encode(&rows, TICK, 5);
    let place = || format!("seed {seed}, {model:?}, {fills:?}");
    let theirs = theirs::play(&feed, TICK, &actions, LEGS, model, fills);
    let theirs = theirs.unwrap_or_else(|e| panic!("{}: theirs: {e}", place()));
    let ours = ours::play(&instrument(), &rows, &actions, LEGS, ours::beliefs(model));
    let ours = ours.unwrap_or_else(|e| panic!("{}: ours: {e}", place()));
    assert_eq!(theirs.len(), ours.len(), "{}", place());
    for (id, want) in &theirs {
        let got = &ours[id];
        counts.orders += 1;
        counts.filled += u64::from(!want.fills.is_empty());
        counts.fills += want.fills.len() as u64;
        let order = resting(&rows, &actions, *id);
        let by = |nobody, unseen| {
            let repairs = Repairs {
                nobody_is_less_than_nobody: nobody,
                unseen_is_not_cancelled: unseen,
                printed_is_gone: false, // Here nothing arrives between a print and its picture.
            };
            reference::fills(&rows, order.as_ref().unwrap(), model, fills, repairs)
        };
        if order.is_some() {
            assert_eq!(by(false, false).0, want.fills, "{}: theirs, order {id}", place());
        }
        if got == want {
            counts.equal += 1;
            continue;
        }
        let why = || format!("{}: order {id}: {:?}", place(), submit(&actions, *id));
        assert!(order.is_some() && model != Model::RiskAverse, "{}: {got:?}, {want:?}", why());
        let (all, nearest) = by(true, true);
        match () {
            () if got.fills != all => {
                assert!(nearest < 1e-4, "{}: {got:?}, {want:?}, by name {all:?}", why());
                counts.half += 1;
            }
            () if by(true, false).0 == all => counts.below_zero += 1,
            () if by(false, true).0 == all => counts.unseen += 1,
            () => counts.both += 1,
        }
    }
}

fn submit(actions: &[Action], id: u64) -> Option<&Action> {
    actions.iter().filter(|action| matches!(action.ask, Ask::Submit { .. })).nth(id as usize - 1)
}

fn suite(fills: Fills) {
    let only = std::env::var("BT_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = only.map_or(0..1_000, |seed: u64| seed..seed + 1);
    for model in MODELS {
        let mut counts = Counts::default();
        seeds.clone().for_each(|seed| one(seed, model, fills, &mut counts));
        println!("{fills:?} {model:?}: {counts:?}");
        if only.is_none() {
            assert!(counts.orders > 15_000 && counts.filled > 5_000, "{model:?}: {counts:?}");
            let named = counts.below_zero + counts.unseen + counts.both + counts.half;
            assert!(counts.equal + named == counts.orders && named * 100 < counts.orders);
        }
    }
}

#[test]
fn orders_of_one_lot_live_the_same_life() {
    suite(Fills::Whole);
}

#[test]
fn orders_that_fill_in_parts_live_the_same_life() {
    suite(Fills::Partial);
}
