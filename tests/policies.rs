//! What the exchange does by policy: own orders that meet, protection of market orders, slippage, what lies beyond the
//! fifth level, used liquidity, and how much a print or a displayed size proves.

mod support;

use btcore::engine::Context;
use btcore::exchange::{
    Beyond, CrossedFills, ExchangeConfig, OwnCross, Replenish, Slippage, ThroughFills,
};
use btcore::feed::FeedConfig;
use btcore::latency::Latency;
use btcore::wire::{
    Evidence, Instrument, OrderReq, OrderType, Reason, ReportKind, Side, TickStep, Tif,
};
use support::{
    E6, MS, Raw, Scripted, Told, book, instrument, lane, limit, market, run_lanes, trade,
};

const SIMPLE: ExchangeConfig = ExchangeConfig { ghosts_max: 16, ..ExchangeConfig::RISK_AVERSE };

/// What a strategy was told: fills as (order, price, lots, inferred), reports as (order, kind, reason).
#[derive(Clone, Debug, Default, PartialEq)]
struct Answers {
    fills: Vec<(u64, i64, u32, bool)>,
    evidence: Vec<u8>,
    reports: Vec<(u64, u8, u16)>,
}

/// Acts once on each delivered row, by its number from 1, with zero latency.
fn run(
    venue: Instrument,
    exchange: ExchangeConfig,
    rows: &[Raw],
    mut act: impl FnMut(&mut Context<'_>, usize) + 'static,
) -> Answers {
    let mut step = 0;
    let scripted = Scripted::new(move |context, told| {
        if let Told::Event { .. } = told {
            step += 1;
            act(context, step);
        }
    });
    let told = scripted.told.clone();
    let mut config = lane("l", Latency::default());
    config.exchange = exchange;
    let lanes = vec![(config, scripted)];
    run_lanes(vec![venue], FeedConfig::default(), &[rows.to_vec()], 100, lanes).expect("it runs");
    let mut answers = Answers::default();
    for told in told.take() {
        match told {
            Told::Fill { fill, .. } => {
                let row = (fill.order_id, fill.price / E6, fill.qty, fill.inferred != 0);
                answers.fills.push(row);
                answers.evidence.push(fill.evidence);
            }
            Told::Report { report, .. } => {
                answers.reports.push((report.order_id, report.kind, report.reason));
            }
            _ => {}
        }
    }
    answers
}

fn five(touch: i64, step: i64, qty: u32) -> Vec<(i64, u32)> {
    (0..5).map(|n| (touch + n * step, qty)).collect()
}

/// Five levels a side of 10 lots, touch 100 and 101.
fn full(at_ns: i64) -> Raw {
    book(at_ns, &five(100, -1, 10), &five(101, 1, 10))
}

const ACCEPTED: u8 = ReportKind::Accepted as u8;
const REJECTED: u8 = ReportKind::Rejected as u8;
const CANCELLED: u8 = ReportKind::Cancelled as u8;
const EXPIRED: u8 = ReportKind::Expired as u8;

#[test]
fn own_orders_that_would_meet_go_by_policy() {
    let with = |own_cross| {
        let rows = [full(0), full(MS), full(2 * MS)];
        run(instrument("A"), ExchangeConfig { own_cross, ..SIMPLE }, &rows, |context, step| {
            match step {
                // Two buys, one of which the sell at 100 would meet.
                1 => {
                    context.order_submit(&limit(Side::Buy, 100, 2, Tif::Rod)).unwrap();
                    context.order_submit(&limit(Side::Buy, 99, 2, Tif::Rod)).unwrap();
                }
                2 => drop(context.order_submit(&limit(Side::Sell, 100, 3, Tif::Ioc)).unwrap()),
                _ => {}
            }
        })
    };
    let rested = vec![(1, ACCEPTED, 0), (2, ACCEPTED, 0)];
    let own = Reason::OwnCross as u16;
    // They do not see each other: the sell takes the bid of others, and the buy stays.
    let allow = with(OwnCross::Allow);
    assert_eq!(allow.fills, [(3, 100, 3, false)]);
    assert_eq!(allow.reports, [rested.clone(), vec![(3, ACCEPTED, 0)]].concat());
    let new = with(OwnCross::CancelNew);
    assert_eq!(new.fills, []);
    assert_eq!(new.reports, [rested.clone(), vec![(3, REJECTED, own)]].concat());
    let old = with(OwnCross::CancelOld);
    assert_eq!(old.fills, [(3, 100, 3, false)]);
    assert_eq!(old.reports, [rested, vec![(3, ACCEPTED, 0), (1, CANCELLED, own)]].concat());
}

#[test]
fn an_amend_into_an_own_order_goes_by_policy_too() {
    let rows = [full(0), full(MS), full(2 * MS)];
    let exchange = ExchangeConfig { own_cross: OwnCross::CancelNew, ..SIMPLE };
    let told = run(instrument("A"), exchange, &rows, |context, step| match step {
        1 => {
            context.order_submit(&limit(Side::Buy, 100, 2, Tif::Rod)).unwrap();
            context.order_submit(&limit(Side::Sell, 103, 2, Tif::Rod)).unwrap();
        }
        2 => context.order_amend(2, 100 * E6, 2).unwrap(),
        _ => {}
    });
    assert_eq!(
        told.reports.last(),
        Some(&(2, ReportKind::AmendRejected as u8, Reason::OwnCross as u16))
    );
    assert_eq!(told.fills, []);
}

fn protected(side: Side, qty: u32, tif: Tif) -> OrderReq {
    OrderReq { price: 0, order_type: OrderType::MarketProtected as u8, ..limit(side, 0, qty, tif) }
}

#[test]
fn market_with_protection_reaches_so_far_beyond_its_own_side() {
    let venue = || Instrument { protection: 2 * E6, ..instrument("A") };
    let rows = [full(0), full(MS)];
    let one = |req: OrderReq| {
        run(venue(), SIMPLE, &rows, move |context, step| {
            if step == 1 {
                context.order_submit(&req).unwrap();
            }
        })
    };
    // A buyer's limit is the best bid of 100 plus 2: the asks at 101 and 102, no more; the rest rests or lapses.
    let buy = one(protected(Side::Buy, 25, Tif::Rod));
    assert_eq!(buy.fills, [(1, 101, 10, false), (1, 102, 10, false)]);
    assert_eq!(buy.reports, [(1, ACCEPTED, 0)]);
    let sell = one(protected(Side::Sell, 25, Tif::Ioc));
    assert_eq!(sell.fills, [(1, 100, 10, false), (1, 99, 10, false)]);
    assert_eq!(sell.reports.last(), Some(&(1, EXPIRED, Reason::IocRest as u16)));
    // Nobody on its own side: nothing to be measured from.
    let bare = [book(0, &[], &[(101, 5)]), book(MS, &[], &[(101, 5)])];
    let none = run(venue(), SIMPLE, &bare, |context, step| {
        if step == 1 {
            context.order_submit(&protected(Side::Buy, 1, Tif::Ioc)).unwrap();
        }
    });
    assert_eq!(none.reports, [(1, REJECTED, Reason::NoProtectionBase as u16)]);
    // A venue without it.
    let other = run(instrument("A"), SIMPLE, &rows, |context, step| {
        if step == 1 {
            context.order_submit(&protected(Side::Buy, 1, Tif::Ioc)).unwrap();
        }
    });
    assert_eq!(other.reports, [(1, REJECTED, Reason::TypeNotAllowed as u16)]);
}

#[test]
fn protection_off_the_ladder_is_rounded_towards_its_base() {
    // Tick 5 from 1000 on: the bid 998 plus 4 is 1002, which becomes 1000; an ask of 1010 less 4 becomes 1010 itself.
    let ticks = vec![
        TickStep { price_from: 0, tick: E6 },
        TickStep { price_from: 1_000 * E6, tick: 5 * E6 },
    ];
    let venue = Instrument { protection: 4 * E6, ticks, ..instrument("A") };
    let rows = [book(0, &[(998, 5)], &[(1_010, 5)]), book(MS, &[(998, 5)], &[(1_010, 5)])];
    let scripted = Scripted::new(|context, told| {
        if let Told::Event { .. } = told
            && context.now_ns() == rows_first()
        {
            context.order_submit(&protected(Side::Buy, 1, Tif::Rod)).unwrap();
            context.order_submit(&protected(Side::Sell, 1, Tif::Rod)).unwrap();
        }
    });
    let told = scripted.told.clone();
    let lanes = vec![(lane("l", Latency::default()), scripted)];
    run_lanes(vec![venue], FeedConfig::default(), &[rows.to_vec()], 9, lanes).unwrap();
    let prices: Vec<i64> = told
        .take()
        .iter()
        .filter_map(|told| match told {
            Told::Report { report, .. } => Some(report.price / E6),
            _ => None,
        })
        .collect();
    assert_eq!(prices, [1_000, 1_010]);
}

fn rows_first() -> i64 {
    support::T0
}

#[test]
fn slippage_is_the_greater_of_walk_and_model_and_never_beyond_the_limit() {
    let with = |slippage, req: OrderReq| {
        let rows = [full(0), full(MS)];
        let exchange = ExchangeConfig { slippage, ..SIMPLE };
        let told = run(instrument("A"), exchange, &rows, move |context, step| {
            if step == 1 {
                context.order_submit(&req).unwrap();
            }
        });
        told.fills.iter().map(|fill| (fill.1, fill.2)).collect::<Vec<_>>()
    };
    let buy = market(Side::Buy, 25);
    assert_eq!(with(Slippage::None, buy), [(101, 10), (102, 10), (103, 5)]);
    // One tick from the touch of 101: 102 for the first ten, and the walk itself for the rest.
    assert_eq!(with(Slippage::FixedTicks(1), buy), [(102, 10), (102, 10), (103, 5)]);
    assert_eq!(with(Slippage::FixedTicks(9), market(Side::Sell, 15)), [(91, 10), (91, 5)]);
    // A fifth of a tick a lot: 25 lots are five ticks.
    let linear = Slippage::Linear { ticks_e6: 200_000 };
    assert_eq!(with(linear, buy), [(106, 10), (106, 10), (106, 5)]);
    // 12 ticks for a whole day of 400 lots: a quarter of its root for 25 lots is 3.
    let root = Slippage::SquareRoot { ticks_e6: 12_000_000, volume: 400 };
    assert_eq!(with(root, buy), [(104, 10), (104, 10), (104, 5)]);
    let capped = limit(Side::Buy, 102, 15, Tif::Ioc);
    assert_eq!(with(linear, capped), [(102, 10), (102, 5)]);
}

#[test]
fn beyond_the_fifth_level_goes_by_policy() {
    let with = |beyond, rows: [Raw; 2]| {
        let exchange = ExchangeConfig { beyond, ..SIMPLE };
        run(instrument("A"), exchange, &rows, |context, step| {
            if step == 1 {
                context.order_submit(&market(Side::Buy, 70)).unwrap();
            }
        })
    };
    let walk = [
        (1, 101, 10, false),
        (1, 102, 10, false),
        (1, 103, 10, false),
        (1, 104, 10, false),
        (1, 105, 10, false),
    ];
    let rows = || [full(0), full(MS)];
    let reject = with(Beyond::Reject, rows());
    assert_eq!(reject.fills, walk);
    assert_eq!(reject.reports.last(), Some(&(1, EXPIRED, Reason::IocRest as u16)));
    // Assumed lots are flagged as inferred.
    assert_eq!(
        with(Beyond::PenaltyTicks(3), rows()).fills,
        [&walk[..], &[(1, 108, 20, true)]].concat()
    );
    assert_eq!(
        with(Beyond::Extrapolate, rows()).fills,
        [&walk[..], &[(1, 106, 10, true), (1, 107, 10, true)]].concat()
    );
    // A side that shows less than it could has nothing beyond (law 4).
    let short = || [book(0, &[(100, 5)], &[(101, 30)]), book(MS, &[(100, 5)], &[(101, 30)])];
    for beyond in [Beyond::PenaltyTicks(3), Beyond::Extrapolate] {
        assert_eq!(with(beyond, short()).fills, [(1, 101, 30, false)]);
    }
}

/// A taker of 10 lots, of each of five equal books 10 ms apart, and what it got.
fn drinks(replenish: Replenish, shown: [u32; 5]) -> Vec<u32> {
    let asks = |n: usize| [(101, shown[n]), (110, 50)];
    let rows: Vec<Raw> = (0..5).map(|n| book(n as i64 * 10 * MS, &[(100, 5)], &asks(n))).collect();
    let told = run(instrument("A"), ExchangeConfig { replenish, ..SIMPLE }, &rows, |context, _| {
        context.order_submit(&limit(Side::Buy, 101, 10, Tif::Ioc)).unwrap();
    });
    let mut got = vec![0; 5];
    told.fills.iter().for_each(|fill| got[fill.0 as usize - 1] += fill.2);
    got
}

#[test]
fn what_was_taken_comes_back_by_policy() {
    // The lots are still displayed: ours are gone until the display falls by them.
    assert_eq!(drinks(Replenish::UntilReplenished, [10; 5]), [10, 0, 0, 0, 0]);
    // The display falls to 4: six of the ten came off; then it grows to 12: four of those are still ours.
    assert_eq!(drinks(Replenish::UntilReplenished, [10, 4, 12, 12, 12]), [10, 0, 8, 0, 0]);
    // Half is back after 20 ms, a quarter of what was taken after 10.
    assert_eq!(drinks(Replenish::HalfLife(20 * MS), [10; 5])[..3], [10, 2, 2]);
    assert_eq!(drinks(Replenish::NextBook, [10; 5]), [10; 5]);
    // The price leaves the book: what comes back later is new.
    let rows = [
        book(0, &[(100, 5)], &[(101, 10)]),
        book(MS, &[(100, 5)], &[(102, 10)]),
        book(2 * MS, &[(100, 5)], &[(101, 10)]),
    ];
    let told = run(instrument("A"), SIMPLE, &rows, |context, step| {
        if step != 2 {
            context.order_submit(&limit(Side::Buy, 101, 10, Tif::Ioc)).unwrap();
        }
    });
    assert_eq!(told.fills, [(1, 101, 10, false), (2, 101, 10, false)]);
}

/// An order to buy 8 at 100, behind 5 of others, and rows that follow it.
fn resting(exchange: ExchangeConfig, after: &[Raw]) -> Answers {
    let mut rows = vec![book(0, &[(100, 5)], &[(102, 9)]), book(MS, &[(100, 5)], &[(102, 9)])];
    rows.extend_from_slice(after);
    run(instrument("A"), exchange, &rows, |context, step| {
        if step == 1 {
            context.order_submit(&limit(Side::Buy, 100, 8, Tif::Rod)).unwrap();
        }
    })
}

#[test]
fn displayed_size_proves_as_much_as_the_config_says() {
    let crossed = [book(2 * MS, &[(98, 5)], &[(99, 2), (100, 1), (101, 9)])];
    let with = |crossed_fills| {
        let exchange = ExchangeConfig { crossed: crossed_fills, ..SIMPLE };
        resting(exchange, &crossed)
    };
    assert_eq!(with(CrossedFills::Never).fills, []);
    let volume = with(CrossedFills::Volume);
    assert_eq!(volume.fills, [(1, 100, 3, true)], "two at 99 and one at 100, at its own price");
    assert_eq!(volume.evidence, [Evidence::Crossed as u8]);
    assert_eq!(with(CrossedFills::Full).fills, [(1, 100, 8, true)]);
}

#[test]
fn a_print_through_proves_as_much_as_the_config_says() {
    let through = [trade(2 * MS, 99, 3, -1)];
    let with = |through_fills| {
        let exchange = ExchangeConfig { through: through_fills, ..SIMPLE };
        resting(exchange, &through)
    };
    let volume = with(ThroughFills::Volume);
    assert_eq!(volume.fills, [(1, 100, 3, false)]);
    assert_eq!(volume.evidence, [Evidence::Through as u8]);
    assert_eq!(with(ThroughFills::Full).fills, [(1, 100, 8, false)]);
    // A print at the price passes the queue first, whatever a print through may do.
    let at = ExchangeConfig { through: ThroughFills::Full, ..SIMPLE };
    assert_eq!(resting(at, &[trade(2 * MS, 100, 6, -1)]).fills, [(1, 100, 1, false)]);
}

#[test]
fn a_book_that_trades_left_behind_is_stale() {
    let exchange = ExchangeConfig { stale_ns: 5 * MS, ..SIMPLE };
    let rows =
        [full(0), trade(8 * MS, 101, 1, 1), trade(9 * MS, 101, 1, 1), full(10 * MS), full(11 * MS)];
    let told = run(instrument("A"), exchange, &rows, |context, step| {
        if step == 2 || step == 4 {
            context.order_submit(&market(Side::Buy, 1)).unwrap();
        }
    });
    let no_book = (1, EXPIRED, Reason::NoBook as u16);
    assert_eq!(told.reports, [(1, ACCEPTED, 0), no_book, (2, ACCEPTED, 0)]);
    assert_eq!(told.fills, [(2, 101, 1, false)]);
}
