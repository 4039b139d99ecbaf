//! What other simulators get wrong, as regression tests by name. The numbers B1 to B11 are defects of hftbacktest 0.9.4 that
//! a probe has confirmed; the last ones are those of snapshot-fed simulators at large.

mod support;

use btcore::engine::{Context, LaneSummary};
use btcore::exchange::ExchangeConfig;
use btcore::feed::FeedConfig;
use btcore::latency::Latency;
use btcore::recorder::OrderEnd;
use btcore::wire::{Reason, Report, ReportKind, Side, Tif};
use support::{
    E6, MS, Raw, Scripted, Told, Written, book, instrument, lane, limit, market, run_lanes, trade,
};

/// Acts once on each delivered row, by its number from 1, under the default beliefs and with zero latency.
fn run(
    rows: &[Raw],
    act: impl FnMut(&mut Context<'_>, usize) + 'static,
) -> (LaneSummary, Written, Vec<Told>) {
    run_by(ExchangeConfig { ghosts_max: 16, ..ExchangeConfig::default() }, rows, act)
}

fn run_by(
    exchange: ExchangeConfig,
    rows: &[Raw],
    mut act: impl FnMut(&mut Context<'_>, usize) + 'static,
) -> (LaneSummary, Written, Vec<Told>) {
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
    let outcome =
        run_lanes(vec![instrument("A")], FeedConfig::default(), &[rows.to_vec()], 3, lanes);
    let (summary, written) = outcome.expect("it runs").lanes.remove(0);
    (summary, written, told.take())
}

/// (order, price, lots) of every fill.
fn fills(written: &Written) -> Vec<(u64, i64, u32)> {
    written.fills.iter().map(|row| (row.fill.order_id, row.fill.price / E6, row.fill.qty)).collect()
}

fn reports(told: &[Told]) -> Vec<Report> {
    let of =
        |told: &Told| if let Told::Report { report, .. } = told { Some(*report) } else { None };
    told.iter().filter_map(of).collect()
}

fn quiet(at_ns: i64) -> Raw {
    book(at_ns, &[(100, 10)], &[(101, 10), (102, 10), (103, 10)])
}

#[test]
fn b1_a_position_counts_every_partial_fill() {
    // The order stands alone at 99 and is hit by 2, then by 3.
    let rows =
        [quiet(0), quiet(MS), trade(2 * MS, 99, 2, -1), trade(3 * MS, 99, 3, -1), quiet(4 * MS)];
    let mut positions = Vec::new();
    let seen = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let note = seen.clone();
    let (summary, written, _) = run(&rows, move |context, step| {
        if step == 1 {
            context.order_submit(&limit(Side::Buy, 99, 5, Tif::Rod)).unwrap();
        }
        note.borrow_mut().push(context.position(0).unwrap().qty);
    });
    positions.extend(seen.take());
    assert_eq!(fills(&written), [(1, 99, 2), (1, 99, 3)]);
    assert_eq!(positions, [0, 0, 2, 5, 5]);
    assert_eq!((summary.open_qty, summary.qty_filled), (5, 5));
}

#[test]
fn b2_a_taker_is_told_every_level_it_took() {
    let rows = [quiet(0), quiet(MS)];
    for (tif, qty, filled, end) in [
        (Tif::Fok, 25, 25, OrderEnd::Filled),
        (Tif::Ioc, 45, 30, OrderEnd::Expired),
        (Tif::Gtc, 25, 25, OrderEnd::Filled),
    ] {
        let (summary, written, _) = run(&rows, move |context, step| {
            if step == 1 {
                context.order_submit(&limit(Side::Buy, 103, qty, tif)).unwrap();
            }
        });
        let prices: Vec<i64> = fills(&written).iter().map(|fill| fill.1).collect();
        assert_eq!(prices, [101, 102, 103], "{tif:?}");
        assert_eq!(summary.open_qty, filled, "{tif:?}");
        assert_eq!((written.orders[0].filled_qty, written.orders[0].end), (filled as u32, end));
    }
    // A resting order that crosses takes what is there, and rests with the remainder: it is not filled at its limit.
    let (summary, written, _) = run(&rows, |context, step| {
        if step == 1 {
            context.order_submit(&limit(Side::Buy, 103, 45, Tif::Gtc)).unwrap();
        }
    });
    assert_eq!((summary.open_qty, written.orders[0].end), (30, OrderEnd::Open));
}

#[test]
fn b3_an_order_that_is_filled_to_the_last_lot_is_gone() {
    // Filled by exactly what is left, again and again; the prints after it find nobody and stop nothing.
    let mut rows = vec![quiet(0), quiet(MS)];
    rows.extend((0..6).map(|n| trade((2 + n) * MS, 99, 1, -1)));
    let (summary, written, _) = run(&rows, |context, step| {
        if step == 1 {
            context.order_submit(&limit(Side::Buy, 99, 3, Tif::Rod)).unwrap();
        }
        if step == 7 {
            assert!(context.order_cancel(1).is_err(), "the client knows that it is gone");
        }
    });
    assert_eq!(fills(&written), [(1, 99, 1); 3]);
    assert_eq!((written.orders[0].end, summary.open_qty), (OrderEnd::Filled, 3));
}

#[test]
fn b4_an_amend_executes_the_new_quantity() {
    let rows = [quiet(0), quiet(MS), quiet(2 * MS), trade(3 * MS, 98, 50, -1)];
    let (_, written, _) = run(&rows, |context, step| match step {
        1 => drop(context.order_submit(&limit(Side::Buy, 99, 5, Tif::Rod)).unwrap()),
        2 => context.order_amend(1, 99 * E6, 8).unwrap(),
        _ => {}
    });
    assert_eq!(fills(&written), [(1, 99, 8)]);
}

#[test]
fn b5_a_cancel_that_comes_too_late_changes_no_position() {
    let rows = [quiet(0), quiet(MS), trade(2 * MS, 98, 9, -1), quiet(3 * MS), quiet(300 * MS)];
    // The fill of the print at 2 ms is under way when the cancel and the amend are sent.
    let latency = Latency { submit_ns: 100, response_ns: 50 * MS, ..Latency::default() };
    let mut step = 0;
    let scripted = Scripted::new(move |context, told| {
        if let Told::Event { .. } = told {
            step += 1;
            match step {
                1 => drop(context.order_submit(&limit(Side::Buy, 99, 5, Tif::Rod)).unwrap()),
                4 => {
                    context.order_amend(1, 98 * E6, 4).unwrap();
                    context.order_cancel(1).unwrap();
                }
                _ => {}
            }
        }
    });
    let told = scripted.told.clone();
    let lanes = vec![(lane("l", latency), scripted)];
    let rows = vec![rows.to_vec()];
    let outcome = run_lanes(vec![instrument("A")], FeedConfig::default(), &rows, 9, lanes).unwrap();
    let (summary, written) = &outcome.lanes[0];
    assert_eq!((fills(written), summary.open_qty), (vec![(1, 99, 5)], 5));
    let late: Vec<(u8, u16)> =
        reports(&told.take()).iter().skip(1).map(|r| (r.kind, r.reason)).collect();
    let gone = Reason::OrderGone as u16;
    assert_eq!(
        late,
        [(ReportKind::AmendRejected as u8, gone), (ReportKind::CancelRejected as u8, gone)]
    );
}

#[test]
fn b6_a_market_order_on_an_empty_side_fills_nothing() {
    let rows = [book(0, &[(100, 5)], &[]), book(MS, &[(100, 5)], &[])];
    let (summary, written, told) = run(&rows, |context, step| {
        if step == 1 {
            context.order_submit(&market(Side::Buy, 1)).unwrap();
        }
    });
    assert_eq!((fills(&written), summary.turnover, summary.pnl), (vec![], 0, 0));
    assert_eq!(reports(&told)[1].reason, Reason::IocRest as u16);
}

#[test]
fn b7_a_picture_that_leaves_levels_out_clears_those_and_no_other() {
    // The best level goes; the one next to it stays, and is what a taker finds.
    let rows = [quiet(0), book(MS, &[(100, 10)], &[(102, 10)]), quiet(2 * MS)];
    let (_, written, _) = run(&rows, |context, step| {
        if step == 2 {
            context.order_submit(&market(Side::Buy, 15)).unwrap();
        }
    });
    assert_eq!(fills(&written), [(1, 102, 10)]);
}

#[test]
fn b8_the_last_row_is_delivered() {
    let rows: Vec<Raw> = (0..17).map(|n| quiet(n * MS)).collect();
    for feed_ns in [0, 400 * MS] {
        let scripted = Scripted::new(|_, _| {});
        let told = scripted.told.clone();
        let latency = Latency { feed_ns, ..Latency::default() };
        let lanes = vec![(lane("l", latency), scripted)];
        let streams = [rows.clone()];
        run_lanes(vec![instrument("A")], FeedConfig::default(), &streams, 5, lanes).unwrap();
        let count = told.take().iter().filter(|told| matches!(told, Told::Event { .. })).count();
        assert_eq!(count, 17);
    }
}

#[test]
fn b9_a_cleared_book_neither_moves_a_queue_nor_loses_it() {
    // Ten ahead; a book of nothing and a crossed one come and go; nine prints later the order still waits for one lot.
    let rows = [
        quiet(0),
        quiet(MS),
        book(2 * MS, &[], &[]),
        book(3 * MS, &[(103, 1)], &[(102, 1)]),
        quiet(4 * MS),
        trade(5 * MS, 100, 9, -1),
        trade(6 * MS, 100, 2, -1),
    ];
    let (_, written, _) = run(&rows, |context, step| {
        if step == 1 {
            context.order_submit(&limit(Side::Buy, 100, 3, Tif::Rod)).unwrap();
        }
    });
    assert_eq!(fills(&written), [(1, 100, 1)]);
    assert_eq!(written.fills[0].fill.ts_exch_ns - rows[0].event.ts_exch_ns, 6 * MS);
}

#[test]
fn b10_levels_behind_a_passing_cross_are_there_again() {
    let rows = [
        quiet(0),
        book(MS, &[(102, 5)], &[(101, 10), (102, 10), (103, 10)]),
        quiet(2 * MS),
        quiet(3 * MS),
    ];
    let (_, written, _) = run(&rows, |context, step| {
        if step == 3 {
            context.order_submit(&limit(Side::Buy, 103, 100, Tif::Ioc)).unwrap();
        }
    });
    assert_eq!(fills(&written), [(1, 101, 10), (1, 102, 10), (1, 103, 10)]);
}

#[test]
fn b11_an_amend_to_a_price_that_trades_trades() {
    let rows = [quiet(0), quiet(MS), quiet(2 * MS)];
    let (_, written, _) = run(&rows, |context, step| match step {
        1 => drop(context.order_submit(&limit(Side::Buy, 99, 12, Tif::Rod)).unwrap()),
        2 => context.order_amend(1, 101 * E6, 12).unwrap(),
        _ => {}
    });
    assert_eq!(fills(&written), [(1, 101, 10)]);
}

#[test]
fn a_drop_of_depth_before_its_trade_is_not_counted_twice() {
    // Twelve ahead. Five trade: the book shows it first, the print comes after it. Seven are left.
    let rows = [
        book(0, &[(100, 12)], &[(101, 9)]),
        book(MS, &[(100, 12)], &[(101, 9)]),
        book(2 * MS, &[(100, 7)], &[(101, 9)]),
        trade(3 * MS, 100, 5, -1),
        trade(4 * MS, 100, 7, -1),
        trade(5 * MS, 100, 1, -1),
    ];
    let (_, written, _) = run(&rows, |context, step| {
        if step == 1 {
            context.order_submit(&limit(Side::Buy, 100, 3, Tif::Rod)).unwrap();
        }
    });
    assert_eq!(fills(&written), [(1, 100, 1)]);
    assert_eq!(written.fills[0].fill.ts_exch_ns - rows[0].event.ts_exch_ns, 5 * MS);
}

#[test]
fn one_lot_of_opposite_size_does_not_fill_a_whole_order() {
    let rows = [quiet(0), quiet(MS), book(2 * MS, &[(97, 5)], &[(99, 1), (102, 9)])];
    let (_, written, _) = run(&rows, |context, step| {
        if step == 1 {
            context.order_submit(&limit(Side::Buy, 99, 40, Tif::Rod)).unwrap();
        }
    });
    assert_eq!(fills(&written), [(1, 99, 1)]);
    assert_eq!(written.fills[0].fill.inferred, 1);
}

/// An order to buy at 96, the last of five levels with 20 lots, which drops out of view and comes back.
#[test]
fn any_delete_put_us_first() {
    let shown = |at_ns| book(at_ns, &[(100, 5), (99, 5), (98, 5), (97, 5), (96, 20)], &[(102, 9)]);
    let away = |at_ns| book(at_ns, &[(101, 5), (100, 5), (99, 5), (98, 5), (97, 5)], &[(102, 9)]);
    let rows = [
        shown(0),
        shown(MS),
        away(2 * MS),
        away(3 * MS),
        shown(4 * MS),
        // Nineteen of the twenty ahead trade, then two lots.
        trade(5 * MS, 96, 19, -1),
        trade(6 * MS, 96, 2, -1),
    ];
    let (_, written, _) = run(&rows, |context, step| {
        if step == 1 {
            context.order_submit(&limit(Side::Buy, 96, 3, Tif::Rod)).unwrap();
        }
    });
    assert_eq!(fills(&written), [(1, 96, 1)]);
}

#[test]
fn snapshot_reset_the_queue() {
    // Two hundred equal pictures: the fifty ahead stay fifty, neither more (joined anew) nor fewer (advanced by nothing).
    let mut rows: Vec<Raw> = (0..200).map(|n| book(n * MS, &[(100, 50)], &[(101, 9)])).collect();
    rows.push(trade(300 * MS, 100, 50, -1));
    rows.push(trade(301 * MS, 100, 4, -1));
    let (_, written, _) = run(&rows, |context, step| {
        if step == 1 {
            context.order_submit(&limit(Side::Buy, 100, 3, Tif::Rod)).unwrap();
        }
    });
    assert_eq!(fills(&written), [(1, 100, 3)]);
    assert_eq!(written.fills[0].fill.ts_exch_ns - rows[0].event.ts_exch_ns, 301 * MS);
}

#[test]
fn two_orders_filled_by_one_print() {
    // A print of three, through both orders: three lots in all, the better price first.
    let through = [quiet(0), quiet(MS), trade(2 * MS, 97, 3, -1)];
    let (_, written, _) = run(&through, |context, step| {
        if step == 1 {
            context.order_submit(&limit(Side::Buy, 98, 2, Tif::Rod)).unwrap();
            context.order_submit(&limit(Side::Buy, 99, 2, Tif::Rod)).unwrap();
        }
    });
    assert_eq!(fills(&written), [(2, 99, 2), (1, 98, 1)]);
    // At the price, behind ten: twelve lots leave two for both.
    let at = [quiet(0), quiet(MS), trade(2 * MS, 100, 12, -1)];
    let (_, written, _) = run(&at, |context, step| {
        if step == 1 {
            context.order_submit(&limit(Side::Buy, 100, 2, Tif::Rod)).unwrap();
            context.order_submit(&limit(Side::Buy, 100, 2, Tif::Rod)).unwrap();
        }
    });
    assert_eq!(fills(&written), [(1, 100, 2)]);
}

#[test]
fn a_taker_drinks_the_same_lots_eight_times_a_second() {
    // Ten lots stand at the ask through eight pictures, 125 ms apart; every picture we ask for ten.
    let rows: Vec<Raw> = (0..8).map(|n| book(n * 125 * MS, &[(100, 5)], &[(101, 10)])).collect();
    let (summary, written, _) = run(&rows, |context, _| {
        context.order_submit(&limit(Side::Buy, 101, 10, Tif::Ioc)).unwrap();
    });
    assert_eq!((fills(&written), summary.qty_filled), (vec![(1, 101, 10)], 10));
}
