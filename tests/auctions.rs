//! Call auctions, and the rules that hold for a session: who trades at the print and at which price, what is refused in which
//! phase, what passes from one phase into the next.

mod support;

use btcore::engine::{Context, LaneConfig, LaneSummary};
use btcore::exchange::{ExchangeConfig, LOT};
use btcore::feed::{FeedConfig, FeedStats};
use btcore::latency::Latency;
use btcore::wire::{
    Evidence, Instrument, OrderReq, OrderType, Reason, ReportKind, Session, Side, Tif, TypeRule,
    flags, kind,
};
use support::*;

/// An opening auction until 1 s whose cancels freeze at 0.8 s, trading until 10 s, a closing auction that matches at 11 s
/// and has printed by 12 s.
fn venue() -> Instrument {
    let ms = |at: i64| T0 + at * MS;
    let opening = Session {
        frozen_from_ns: ms(800),
        ..Session::auction(ms(0), ms(1_000), ms(3_000), true, 20260408)
    };
    let closing = Session::auction(ms(10_000), ms(11_000), ms(12_000), false, 20260408);
    let trading = Session::continuous(ms(1_000), ms(10_000), 20260408);
    Instrument { sessions: vec![opening, trading, closing], ..instrument("A") }
}

/// An order or a cancel, at a time in ms.
#[derive(Clone, Copy)]
enum Ask {
    Order(OrderReq),
    Cancel(u64),
    Amend(u64, i64, u32),
}

use Ask::{Amend, Cancel, Order};

/// Fills as (ms, order, price, lots, evidence), reports as (ms, order, kind, reason).
#[derive(Default)]
struct Answers {
    fills: Vec<(i64, u64, i64, u32, u8)>,
    reports: Vec<(i64, u64, u8, u16)>,
    queues: Vec<(u64, [u32; 3])>,
    stats: FeedStats,
    summary: LaneSummary,
    rows: Vec<(i64, u8, u16)>,
}

impl Answers {
    fn ends(&self, order_id: u64) -> Vec<(i64, u8, u16)> {
        let of = self.reports.iter().filter(|report| report.1 == order_id);
        of.map(|(ms, _, kind, reason)| (*ms, *kind, *reason)).collect()
    }
}

/// Rows by their time in ms, and what the strategy asks by time: each with zero latency.
fn play(venue: Instrument, share: i64, rows: &[Raw], asks: &[(i64, Ask)]) -> Answers {
    let mut asks = asks.to_vec();
    asks.sort_by_key(|ask| ask.0);
    let mut next = 0;
    let scripted = Scripted::new(move |context: &mut Context<'_>, _| {
        while let Some((ms, ask)) = asks.get(next) {
            let at_ns = T0 + ms * MS;
            if at_ns > context.now_ns() {
                // One timer at a time.
                let _ = context.timer_set(at_ns, next as u64);
                return;
            }
            next += 1;
            // What the gateway itself refuses is no case here.
            match *ask {
                Order(req) => context.order_submit(&req).map(drop),
                Cancel(id) => context.order_cancel(id),
                Amend(id, price, qty) => context.order_amend(id, price * E6, qty),
            }
            .unwrap_or_else(|status| panic!("at {ms} ms: {status:?}"));
        }
    });
    let told = scripted.told.clone();
    let exchange =
        ExchangeConfig { auction_share: share, ghosts_max: 16, ..ExchangeConfig::RISK_AVERSE };
    let config = LaneConfig { exchange, ..lane("l", Latency::default()) };
    let feed = FeedConfig { drop_exact_duplicates: false, ..FeedConfig::default() };
    let outcome = run_lanes(vec![venue], feed, &[rows.to_vec()], 100, vec![(config, scripted)])
        .expect("it runs");
    let (summary, written) = outcome.lanes.into_iter().next().expect("a lane");
    let mut answers = Answers { stats: outcome.stats[0], summary, ..Answers::default() };
    answers.queues = written.queues.iter().map(|q| (q.order_id, q.filled_qty)).collect();
    let ms = |ns: i64| (ns - T0) / MS;
    for told in told.take() {
        match told {
            Told::Fill { fill: f, .. } => {
                answers.fills.push((ms(f.ts_exch_ns), f.order_id, f.price / E6, f.qty, f.evidence));
            }
            Told::Report { report: r, .. } => {
                answers.reports.push((ms(r.ts_exch_ns), r.order_id, r.kind, r.reason));
            }
            Told::Event { event: e, .. } => {
                answers.rows.push((ms(e.ts_exch_ns), e.kind, e.flags & !flags::NO_RECV_CLOCK));
            }
            _ => {}
        }
    }
    answers
}

fn at(ms: i64, raw: impl Fn(i64) -> Raw) -> Raw {
    raw(ms * MS)
}

fn book_at(ms: i64, bid: i64, ask: i64) -> Raw {
    at(ms, |ns| book(ns, &[(bid, 5)], &[(ask, 5)]))
}

fn trade_at(ms: i64, price: i64, qty: u32) -> Raw {
    at(ms, |ns| trade(ns, price, qty, 1))
}

const AUCTION: u8 = Evidence::Auction as u8;

fn buy(price: i64, qty: u32) -> Ask {
    Order(limit(Side::Buy, price, qty, Tif::Rod))
}

fn sell(price: i64, qty: u32) -> Ask {
    Order(limit(Side::Sell, price, qty, Tif::Rod))
}

#[test]
fn who_is_better_than_the_print_trades_at_its_price_within_its_volume() {
    let rows = [
        book_at(10, 104, 101),
        trade_at(500, 103, 90), // a trial
        trade_at(1_040, 102, 4),
        book_at(1_050, 101, 102),
        book_at(9_000, 101, 102),
    ];
    let asks = [(100, buy(105, 3)), (110, buy(103, 2)), (120, sell(100, 9)), (130, buy(101, 1))];
    let answers = play(venue(), 0, &rows, &asks);
    assert_eq!(
        answers.fills[..3],
        [(1_040, 1, 102, 3, AUCTION), (1_040, 2, 102, 1, AUCTION), (1_040, 3, 102, 4, AUCTION)],
        "four lots printed: four bought, four sold, all at 102"
    );
    assert_eq!((answers.stats.excluded_auction, answers.stats.auction_prints), (2, 1));
    // What is left of the second order trades on in the book, which crosses it.
    assert_eq!(answers.fills[3], (1_050, 2, 103, 1, Evidence::Crossed as u8));
}

#[test]
fn rows_of_a_call_say_so_and_there_is_no_close_between_the_phases() {
    let rows = [
        book_at(10, 104, 101),
        trade_at(1_040, 102, 4),
        trade_at(1_040, 102, 2), // the same print, in two rows
        trade_at(1_040, 103, 1),
        book_at(2_000, 101, 103),
        book_at(10_500, 101, 103),
        trade_at(11_005, 102, 4),
        book_at(11_400, 101, 103),
        book_at(12_500, 101, 103),
    ];
    let answers = play(venue(), 0, &rows, &[(5_000, buy(90, 1))]);
    let call = flags::AUCTION;
    let crossed = flags::CROSSED;
    let open = answers.rows.iter().filter(|row| row.1 >= kind::SESSION_OPEN);
    assert_eq!(
        open.map(|row| (row.0, row.1, row.2 & call)).collect::<Vec<_>>(),
        [
            (1_000, kind::SESSION_OPEN, 0),
            (10_000, kind::SESSION_OPEN, call),
            (12_000, kind::SESSION_CLOSE, 0)
        ],
        "the run begins within the first auction"
    );
    let rest: Vec<_> =
        answers.rows.iter().filter(|row| row.1 < kind::SESSION_OPEN).map(|r| (r.0, r.2)).collect();
    assert_eq!(
        rest,
        [
            (10, call | crossed),
            (1_040, flags::AUCTION_PRINT | crossed),
            (1_040, flags::AUCTION_PRINT | crossed),
            (1_040, crossed),
            (2_000, 0),
            (10_500, call),
            (11_005, flags::AUCTION_PRINT),
            (11_400, call),
            (12_500, flags::OUT_OF_SESSION),
        ]
    );
    assert_eq!(
        answers.ends(1).last(),
        Some(&(12_000, ReportKind::Expired as u8, Reason::SessionEnd as u16))
    );
}

#[test]
fn who_is_at_the_print_trades_by_the_configs_share() {
    let rows = [trade_at(1_040, 102, 3), book_at(1_050, 101, 103), book_at(9_000, 101, 103)];
    let asks = [(100, buy(102, 4)), (2_000, Cancel(1))];
    let mut filled = Vec::new();
    for share in [0, LOT / 2, LOT] {
        let rows: Vec<Raw> = [vec![book_at(10, 99, 104)], rows.to_vec()].concat();
        let answers = play(venue(), share, &rows, &asks);
        filled.push(answers.fills.iter().map(|fill| fill.3).sum::<u32>());
        let [pessimistic, _, optimistic] = answers.queues[0].1;
        assert_eq!((pessimistic, optimistic), (0, 3), "whole, but for what was not printed");
    }
    assert_eq!(filled, [0, 2, 3]);
}

#[test]
fn near_the_match_nobody_cancels_and_after_it_nobody_until_the_book() {
    let rows = [
        book_at(10, 99, 104),
        trade_at(1_040, 102, 3),
        book_at(1_050, 101, 103),
        book_at(9_000, 101, 103),
    ];
    let asks = [
        (100, buy(95, 4)),
        (700, buy(94, 1)),
        (790, Cancel(2)),
        (800, Cancel(1)),
        (810, Amend(1, 96, 4)),
        (820, buy(93, 1)),
        (1_010, Cancel(1)),
        (1_020, buy(92, 1)),
        (1_030, Cancel(4)),
        (1_060, Cancel(1)),
    ];
    let answers = play(venue(), 0, &rows, &asks);
    let (accepted, cancelled) = (ReportKind::Accepted as u8, ReportKind::Cancelled as u8);
    let frozen = |kind: ReportKind| (kind as u8, Reason::Frozen as u16);
    let (no_cancel, no_amend) =
        (frozen(ReportKind::CancelRejected), frozen(ReportKind::AmendRejected));
    assert_eq!(
        answers.ends(1),
        [
            (100, accepted, 0),
            (800, no_cancel.0, no_cancel.1),
            (810, no_amend.0, no_amend.1),
            (1_010, no_cancel.0, no_cancel.1),
            (1_060, cancelled, 0)
        ]
    );
    assert_eq!(answers.ends(2).last(), Some(&(790, cancelled, 0)), "before the freeze it is free");
    assert_eq!(answers.ends(3)[0], (820, accepted, 0), "new orders come in to the end");
    assert_eq!(answers.ends(4).last(), Some(&(1_030, cancelled, 0)), "it took no part");
}

#[test]
fn what_a_phase_does_not_take_is_refused() {
    let rows = [
        book_at(10, 99, 104),
        book_at(1_050, 101, 103),
        book_at(10_400, 101, 103),
        trade_at(11_100, 102, 3),
        book_at(11_500, 101, 103),
    ];
    let market = Order(market(Side::Buy, 1));
    let asks = [(100, market), (2_000, market), (10_500, buy(110, 2)), (11_050, buy(110, 2))];
    let answers = play(venue(), 0, &rows, &asks);
    let rejected = ReportKind::Rejected as u8;
    assert_eq!(answers.ends(1), [(100, rejected, Reason::TypeNotAllowed as u16)]);
    assert_eq!(answers.fills[0].4, Evidence::Taken as u8);
    assert_eq!(
        answers.ends(4),
        [(11_050, rejected, Reason::SessionClosed as u16)],
        "it has matched"
    );
    assert_eq!(answers.fills[1..], [(11_100, 3, 102, 2, AUCTION)]);
}

#[test]
fn an_order_of_the_call_stands_behind_what_the_first_book_shows() {
    let rows = [
        book_at(10, 99, 104),
        trade_at(1_040, 103, 3),
        book_at(1_050, 101, 103),
        at(1_060, |ns| trade(ns, 101, 5, -1)),
        at(1_070, |ns| trade(ns, 101, 1, -1)),
        book_at(9_000, 100, 103),
    ];
    let answers = play(venue(), 0, &rows, &[(100, buy(101, 1))]);
    assert_eq!(answers.fills, [(1_070, 1, 101, 1, Evidence::At as u8)]);
}

#[test]
fn the_days_limits_caps_and_bands_are_those_of_the_session() {
    let mut venue = venue();
    let day = &mut venue.sessions[1];
    (day.limit_down, day.limit_up) = (95 * E6, 110 * E6);
    day.types[0] = TypeRule { tifs: 1 << Tif::Rod as u8 | 1 << Tif::Ioc as u8, qty_max: 7 };
    day.types[OrderType::Market as usize - 1].qty_max = 2;
    day.band_ppm = 20_000;
    let wide = at(1_050, |ns| book(ns, &[(101, 5)], &[(103, 2), (105, 9)]));
    let rows = [book_at(10, 99, 104), wide, book_at(9_000, 101, 103)];
    let asks = [
        (2_000, buy(94, 1)),
        (2_001, sell(111, 1)),
        (2_002, buy(95, 8)),
        (2_003, Order(limit(Side::Buy, 95, 1, Tif::Gtc))),
        (2_004, Order(market(Side::Buy, 3))),
        (2_005, buy(105, 3)), // the third lot would trade at 105: 2 % above 102 is 104.04
        (2_006, buy(105, 2)), // both lots trade at 103
        (2_007, buy(95, 7)),
    ];
    let answers = play(venue, 0, &rows, &asks);
    let why: Vec<u16> = (1..=8).map(|id| answers.ends(id)[0].2).collect();
    let want = [
        Reason::OutsideLimits,
        Reason::OutsideLimits,
        Reason::SizeCap,
        Reason::TifNotAllowed,
        Reason::SizeCap,
        Reason::PriceBand,
        Reason::None,
        Reason::None,
    ];
    assert_eq!(why, want.map(|reason| reason as u16));
    assert_eq!(answers.summary.limits_unknown, 0);
}

#[test]
fn orders_whose_limits_nobody_knows_are_counted() {
    let mut venue = venue();
    venue.sessions[1].is_limit_unknown = true;
    let rows = [book_at(1_050, 101, 103), book_at(9_000, 101, 103)];
    let asks = [(2_000, buy(1, 1)), (2_001, Order(market(Side::Buy, 1)))];
    assert_eq!(play(venue, 0, &rows, &asks).summary.limits_unknown, 1);
}

#[test]
fn an_auction_that_prints_nothing_takes_no_trade_of_the_session_for_its_print() {
    let rows = [
        book_at(10, 99, 104),
        book_at(1_050, 101, 103), // it has not crossed
        at(1_200, |ns| trade(ns, 101, 6, -1)),
        book_at(9_000, 100, 103),
    ];
    let asks = [(100, buy(101, 1)), (1_100, buy(102, 1))];
    let answers = play(venue(), 0, &rows, &asks);
    assert_eq!(answers.stats.auction_prints, 0);
    // Through the later order at its own price; what is left of the print does not get past the five lots of the book.
    assert_eq!(answers.fills, [(1_200, 2, 102, 1, Evidence::Through as u8)]);
}

#[test]
fn a_print_at_the_stamp_of_the_first_book_is_the_auctions_in_either_order() {
    let rows = [
        book_at(10, 99, 104),
        book_at(1_050, 101, 103),
        trade_at(1_050, 102, 3),
        book_at(9_000, 101, 103),
    ];
    let answers = play(venue(), 0, &rows, &[(100, buy(103, 1)), (1_010, buy(103, 1))]);
    assert_eq!(answers.fills[0], (1_050, 1, 102, 1, AUCTION));
    assert_eq!(
        answers.fills.iter().filter(|fill| fill.4 == AUCTION).count(),
        1,
        "of the call alone"
    );
}

#[test]
fn a_run_that_begins_behind_the_match_had_nobody_in_it() {
    let rows = [
        at(1_010, |ns| book(ns, &[(101, 5)], &[])),
        trade_at(1_040, 102, 3),
        book_at(1_050, 101, 103),
        book_at(9_000, 101, 103),
    ];
    let rows = [&[book_at(1_005, 104, 101)], &rows[1..]].concat();
    let answers = play(venue(), 0, &rows, &[(1_010, buy(103, 1))]);
    assert!(answers.fills.iter().all(|fill| fill.4 != AUCTION), "{:?}", answers.fills);
}

#[test]
fn without_a_book_the_freeze_ends_when_the_print_is_overdue() {
    let rows = [book_at(10, 99, 104), trade_at(9_000, 102, 3)];
    let answers =
        play(venue(), 0, &rows, &[(100, buy(95, 1)), (2_900, Cancel(1)), (3_100, Cancel(1))]);
    let ends: Vec<u16> = answers.ends(1).iter().map(|end| end.2).collect();
    assert_eq!(ends, [0, Reason::Frozen as u16, 0]);
}

#[test]
fn a_print_in_two_rows_is_shared_once() {
    let rows = [
        book_at(10, 99, 104),
        trade_at(1_040, 102, 10),
        trade_at(1_040, 102, 10),
        book_at(1_050, 101, 103),
        book_at(9_000, 101, 103),
    ];
    let asks = [(100, buy(102, 4)), (110, buy(102, 1)), (2_000, Cancel(1))];
    let answers = play(venue(), LOT / 2, &rows, &asks);
    let lots =
        |id| answers.fills.iter().filter(|fill| fill.1 == id).map(|fill| fill.3).sum::<u32>();
    // Half of four, and half of one to the nearest lot.
    assert_eq!((lots(1), lots(2)), (2, 1));
}

#[test]
fn orders_of_a_call_outlive_the_pause_before_trading() {
    let ms = |at: i64| T0 + at * MS;
    let call = Session::auction(ms(0), ms(1_000), ms(1_500), false, 20260408);
    let trading = Session::continuous(ms(3_000), ms(10_000), 20260408);
    let venue = Instrument { sessions: vec![call, trading], ..instrument("A") };
    let rows = [
        book_at(10, 99, 104),
        book_at(3_100, 101, 103),
        at(3_200, |ns| trade(ns, 94, 2, -1)),
        book_at(9_000, 101, 103),
    ];
    let asks = [(100, buy(95, 1)), (2_000, buy(96, 1))];
    let answers = play(venue, 0, &rows, &asks);
    assert_eq!(answers.fills, [(3_200, 1, 95, 1, Evidence::Through as u8)]);
    assert_eq!(answers.ends(2)[0].2, Reason::SessionClosed as u16, "nothing is taken in the pause");
}
