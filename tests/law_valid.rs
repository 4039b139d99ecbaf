//! Law 8, invalid is not tradable: no fill from rows outside the sessions, crossed, locked, empty or sentinel books; the
//! exchange keeps the last valid book; the rows are delivered, flagged and counted.

mod support;

use btcore::engine::LaneSummary;
use btcore::feed::FeedStats;
use btcore::latency::Latency;
use btcore::wire::{Instrument, Reason, ReportKind, Session, Side, Tif, flags};
use support::*;

/// Rests a buy at 100 and a sell at 102 on the first row, and takes by IOC on each later one.
fn run(instrument: Instrument, rows: &[Raw]) -> (LaneSummary, Vec<Told>, FeedStats, usize) {
    let mut step = 0;
    let scripted = Scripted::new(move |context, told| {
        if let Told::Event { .. } = told {
            step += 1;
            if step == 1 {
                context.order_submit(&limit(Side::Buy, 100, 5, Tif::Gtc)).expect("taken");
                context.order_submit(&limit(Side::Sell, 102, 5, Tif::Gtc)).expect("taken");
            }
        }
    });
    let told = scripted.told.clone();
    let lanes = vec![(lane("l", Latency::default()), scripted)];
    let outcome = run_lanes(vec![instrument], Default::default(), &[rows.to_vec()], 9, lanes)
        .expect("it runs");
    let fills = outcome.lanes[0].1.fills.len();
    (outcome.lanes[0].0.clone(), told.take(), outcome.stats[0], fills)
}

fn flags_of(told: &[Told], index: usize) -> u16 {
    let rows: Vec<_> = told
        .iter()
        .filter_map(|t| if let Told::Event { event, .. } = t { Some(event.flags) } else { None })
        .collect();
    rows[index]
}

#[test]
fn crossed_locked_empty_and_sentinel_books_fill_nothing() {
    let good = book(0, &[(100, 1)], &[(102, 1)]);
    let sentinel = |mut raw: Raw| {
        raw.event.flags |= flags::SENTINEL;
        raw
    };
    let cases = [
        ("crossed", book(10, &[(103, 9)], &[(99, 9)]), flags::CROSSED),
        ("locked", book(10, &[(102, 9)], &[(102, 9)]), flags::CROSSED),
        ("empty", book(10, &[], &[]), flags::EMPTY_BOOK),
        ("sentinel book", sentinel(book(10, &[(98, 9)], &[(99, 9)])), flags::SENTINEL),
        ("sentinel trade", sentinel(trade(10, 99, 9, -1)), flags::SENTINEL),
    ];
    for (name, row, flag) in cases {
        let (summary, told, stats, fills) =
            run(instrument("A"), &[good, row, book(20, &[(100, 1)], &[(102, 1)])]);
        assert_eq!(fills, 0, "{name}");
        assert_eq!(summary.rows_delivered, 3, "{name} is delivered");
        assert!(flags_of(&told, 1) & flag != 0, "{name} is flagged");
        let excluded = stats.excluded_crossed + stats.excluded_empty_book + stats.excluded_sentinel;
        assert_eq!((excluded, stats.rows_used, stats.rows_in), (1, 2, 3), "{name} is counted");
    }
    // The same rows, made valid, do fill: the test can see.
    let (_, _, _, fills) = run(instrument("A"), &[good, book(10, &[(98, 9)], &[(99, 9)])]);
    assert_eq!(fills, 1, "a valid book at 99 crosses the buy at 100");
}

#[test]
fn the_exchange_keeps_the_last_valid_book() {
    let mut step = 0;
    let rows = [
        book(0, &[(100, 1)], &[(102, 3)]),
        book(10, &[(105, 9)], &[(90, 9)]),
        book(20, &[], &[]),
        book(30, &[(100, 1)], &[(102, 3)]),
    ];
    let (_, written, _) =
        run_one(instrument("A"), Latency::default(), &rows, move |context, told| {
            if let Told::Event { .. } = told {
                step += 1;
                if step == 2 || step == 3 {
                    context.order_submit(&market(Side::Buy, 1)).expect("taken");
                }
            }
        });
    let prices: Vec<_> = written.fills.iter().map(|f| f.fill.price).collect();
    assert_eq!(prices, [102 * E6, 102 * E6], "not 90, and not nothing");
}

#[test]
fn outside_the_sessions_nothing_fills_nothing_is_taken_in_and_rod_ends() {
    let session = |open, close| Session::continuous(T0 + open, T0 + close, 20260408);
    let venue =
        Instrument { sessions: vec![session(100, 200), session(300, 400)], ..instrument("A") };
    let rows = [
        trade(50, 99, 9, -1),
        book(60, &[(100, 1)], &[(102, 1)]),
        book(100, &[(100, 1)], &[(102, 1)]),
        trade(199, 101, 1, -1),
        trade(200, 99, 9, -1),
        book(250, &[(98, 9)], &[(99, 9)]),
        book(310, &[(100, 1)], &[(102, 1)]),
        trade(320, 99, 1, -1),
    ];
    let (mut early, mut late) = (false, false);
    let scripted = Scripted::new(move |context, told| {
        if let Told::Event { event, .. } = told {
            if !std::mem::replace(&mut early, true) {
                context.order_submit(&limit(Side::Buy, 100, 1, Tif::Rod)).expect("taken");
            }
            if event.ts_exch_ns == T0 + 100
                && event.kind == 1
                && !std::mem::replace(&mut late, true)
            {
                context.order_submit(&limit(Side::Buy, 100, 1, Tif::Rod)).expect("taken");
                context.order_submit(&limit(Side::Buy, 100, 1, Tif::Gtc)).expect("taken");
            }
        }
    });
    let told = scripted.told.clone();
    let lanes = vec![(lane("l", Latency::default()), scripted)];
    let outcome =
        run_lanes(vec![venue], Default::default(), &[rows.to_vec()], 1, lanes).expect("it runs");
    let reports: Vec<_> = told
        .take()
        .into_iter()
        .filter_map(|t| match t {
            Told::Report { report: r, .. } => {
                Some((r.ts_exch_ns - T0, r.order_id, r.kind, r.reason))
            }
            _ => None,
        })
        .collect();
    let (closed, end) = (Reason::SessionClosed as u16, Reason::SessionEnd as u16);
    assert!(reports.contains(&(50, 1, ReportKind::Rejected as u8, closed)), "{reports:?}");
    assert!(reports.contains(&(200, 2, ReportKind::Expired as u8, end)), "{reports:?}");
    let fills: Vec<_> = outcome.lanes[0]
        .1
        .fills
        .iter()
        .map(|f| (f.fill.ts_exch_ns - T0, f.fill.order_id))
        .collect();
    assert_eq!(
        fills,
        [(320, 3)],
        "the good-till-cancelled one lives on; the prints at 50 and 200 fill nobody"
    );
    assert_eq!(outcome.stats[0].excluded_out_of_session, 4);
}
