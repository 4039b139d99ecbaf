//! Recorded TAIFEX days through both simulators, with orders that come at any moment, prints of their own stamps and
//! pictures that are not valid: what differs is named and counted.
//!
//! The recordings are not part of the project: they are looked for in `../shared/data` beside the checkout, or in the folder
//! that `BT_DATA_DIR` names, and the test says so when it skips.

use btcore::book::Book;
use btcore::exchange::{CrossedFills, ExchangeConfig, Netting, ThroughFills};
use btcore::wire::{Instrument, Side, TickStep, Tif, kind};
use hftbacktest_twin::recorded::{config, recordings, rows};
use hftbacktest_twin::reference::{self, Order, Repairs};
use hftbacktest_twin::{Action, Ask, Fills, Legs, Life, Lives, Model, Row, feed, ours, theirs};

const TICK: i64 = 1_000_000;
/// Rows are at whole ms; nothing else is.
const LEGS: Legs = Legs { entry_ns: 36_000_023, response_ns: 1_000_034 };

fn instrument() -> Instrument {
    Instrument {
        symbol: "TXFD6".into(),
        exchange: "TAIFEX".into(),
        ticks: vec![TickStep { price_from: 0, tick: TICK }],
        multiplier_e6: 200_000_000,
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

struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// `lines` orders at a time on each side, at displayed prices, for 0.1 to 20 s each.
fn script(clean: &[Row], qty_most: u64, lines: i64) -> (Vec<Action>, Vec<Order>) {
    let mut draw = Draw(7);
    let end_ns = clean[clean.len() - 1].0.ts_exch_ns - 1_000_000_000;
    let mut plans: Vec<(i64, Order)> = Vec::new();
    for line in 0..2 * lines {
        let side = if line % 2 == 0 { Side::Buy } else { Side::Sell };
        let offset = 2 + line;
        let mut ts_ns = clean[0].0.ts_exch_ns + offset;
        while ts_ns < end_ns {
            // Close to a row, so that many come between a print and its picture.
            let near = clean.partition_point(|row| row.0.ts_exch_ns <= ts_ns + LEGS.entry_ns);
            let Some(row) = clean.get(near) else { break };
            let shift_ns = (row.0.ts_exch_ns - ts_ns - LEGS.entry_ns) / 1_000_000 * 1_000_000;
            ts_ns += shift_ns.max(0);
            let arrival_ns = ts_ns + LEGS.entry_ns;
            let before = clean.partition_point(|row| row.0.ts_exch_ns <= arrival_ns);
            let picture = clean[..before].iter().rfind(|row| row.0.kind == kind::BOOK);
            let life_ns = 100_000_000 + 1_000_000 * draw.below(20_000) as i64;
            if let Some((event, depth)) = picture {
                let book = Book { event, depth };
                let level = draw.below(4) as usize;
                let touch = book.level(side.opposite(), 0).map(|level| level.0);
                if let Some((price, _)) = book.level(side, level)
                    && touch.is_some_and(|touch| side.is_better(touch, price))
                {
                    let qty = 1 + draw.below(qty_most) as u32;
                    let until_ns = arrival_ns + life_ns;
                    plans.push((ts_ns, Order { side, price, qty, arrival_ns, until_ns }));
                }
            }
            ts_ns += life_ns + 100_000_000;
        }
    }
    plans.sort_by_key(|plan| plan.0);
    let mut actions = Vec::new();
    for (n, (ts_ns, order)) in plans.iter().enumerate() {
        let Order { side, price, qty, until_ns, .. } = *order;
        let ask = Ask::Submit { side, price, qty, tif: Tif::Gtc, post_only: false };
        actions.push(Action { ts_ns: *ts_ns, ask });
        let cancel = Ask::Cancel { order: n as u64 + 1 };
        actions.push(Action { ts_ns: until_ns - LEGS.entry_ns, ask: cancel });
    }
    actions.sort_by_key(|action| action.ts_ns);
    (actions, plans.into_iter().map(|plan| plan.1).collect())
}

/// Orders by what makes them differ.
#[derive(Debug, Default)]
struct Counts {
    orders: u64,
    theirs_filled: u64,
    equal: u64,
    below_zero: u64,
    unseen: u64,
    printed: u64,
    several: u64,
    /// A print of unknown aggressor inside the spread, which they cannot have.
    unsided: u64,
    half: u64,
}

fn day(rows: &[Row], feed: &feed::Feed, model: Model, mode: Fills) -> Counts {
    let (actions, orders) = script(&feed.clean, if mode == Fills::Whole { 1 } else { 9 }, 1);
    let theirs = theirs::play(feed, TICK, &actions, LEGS, model, mode).expect("theirs");
    let ours = ours::play(&instrument(), rows, &actions, LEGS, ours::beliefs(model)).expect("ours");
    let mut counts = Counts::default();
    for (n, order) in orders.iter().enumerate() {
        let id = n as u64 + 1;
        let (want, got): (&Life, &Life) = (&theirs[&id], &ours[&id]);
        let by = |repairs| reference::fills(&feed.clean, order, model, mode, repairs);
        assert_eq!(by(Repairs::default()).0, want.fills, "theirs, {model:?} {mode:?} {order:?}");
        counts.orders += 1;
        counts.theirs_filled += u64::from(!want.fills.is_empty());
        if got == want {
            counts.equal += 1;
            continue;
        }
        let (all, nearest) = by(Repairs::ALL);
        let none = Repairs::default();
        let unsided = feed.unsided.iter().any(|(ts_ns, price)| {
            (order.arrival_ns..order.until_ns).contains(ts_ns)
                && !order.side.is_better(*price, order.price)
        });
        match () {
            () if got.fills != all && unsided => counts.unsided += 1,
            () if got.fills != all => {
                assert!(nearest < 1e-4, "{model:?} {mode:?} {order:?}: {got:?}, {want:?}, {all:?}");
                counts.half += 1;
            }
            () if by(Repairs { nobody_is_less_than_nobody: true, ..none }).0 == all => {
                counts.below_zero += 1;
            }
            () if by(Repairs { unseen_is_not_cancelled: true, ..none }).0 == all => {
                counts.unseen += 1;
            }
            () if by(Repairs { printed_is_gone: true, ..none }).0 == all => counts.printed += 1,
            () => counts.several += 1,
        }
    }
    counts
}

#[test]
fn recorded_days_differ_by_name_only() {
    let Some(dir) = recordings() else {
        return println!("skipped: no recordings beside the checkout; set BT_DATA_DIR");
    };
    for name in ["2026-04-08", "2026-04-09"] {
        let rows = rows(&config(&dir, name));
        let feed = feed::encode(&rows, TICK, 5);
        println!("{name}: {} rows, {:?}", rows.len(), feed.left_out);
        for model in [Model::RiskAverse, Model::Power(2), Model::Power3(3), Model::Log2] {
            for mode in [Fills::Whole, Fills::Partial] {
                let counts = day(&rows, &feed, model, mode);
                println!("{name} {model:?} {mode:?}: {counts:?}");
                assert!(counts.orders > 1_000 && counts.theirs_filled > 300, "{counts:?}");
                assert!(counts.equal * 100 > counts.orders * 90, "{counts:?}");
            }
        }
    }
}

/// What differs by design where several orders rest at once, and under our own beliefs: orders that came out differently, and
/// lots filled by each side.
#[test]
fn what_only_ours_believes_is_counted() {
    let Some(dir) = recordings() else {
        return println!("skipped: no recordings beside the checkout; set BT_DATA_DIR");
    };
    let rows = rows(&config(&dir, "2026-04-08"));
    let feed = feed::encode(&rows, TICK, 5);
    let (model, mode) = (Model::Log2, Fills::Partial);
    let like_theirs = ours::beliefs(model);
    let lots = |lives: &Lives| lives.values().map(|life| u64::from(life.filled())).sum::<u64>();
    let cases = [
        ("one print fills one order's worth, not every order's (law 6)", 4, like_theirs),
        (
            "one displayed lot is evidence for one lot (law 6)",
            1,
            ExchangeConfig { crossed: CrossedFills::Volume, ..like_theirs },
        ),
        (
            "a print through fills by its size (law 6)",
            1,
            ExchangeConfig { through: ThroughFills::Volume, ..like_theirs },
        ),
        (
            "a drop seen before its print counts once (law 5)",
            1,
            ExchangeConfig { netting: Netting::NextBook, ..like_theirs },
        ),
        ("the default", 1, ExchangeConfig { ghosts_max: 256, ..ExchangeConfig::default() }),
    ];
    for (name, lines, beliefs) in cases {
        let (actions, orders) = script(&feed.clean, 9, lines);
        let theirs = theirs::play(&feed, TICK, &actions, LEGS, model, mode).expect("theirs");
        let ours = ours::play(&instrument(), &rows, &actions, LEGS, beliefs).expect("ours");
        let differ = theirs.iter().filter(|(id, life)| ours[id] != **life).count();
        let (theirs, ours) = (lots(&theirs), lots(&ours));
        println!("{name}: {differ} of {} orders, {theirs} lots theirs, {ours} ours", orders.len());
        // Their evidence is spent again and again: they never fill less.
        assert!(differ > 0 && ours <= theirs, "{name}");
    }
}
