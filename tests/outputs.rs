//! What a lane writes down, by hand: the equity series on its grid, drawdown, trading days, round trips, counts, and how
//! the summary follows from them.

mod support;

use btcore::engine::LaneConfig;
use btcore::feed::FeedConfig;
use btcore::latency::Latency;
use btcore::recorder::OrderEnd;
use btcore::wire::{
    Fee, FeeBase, FeeSide, Instrument, Reason, Rounding, Session, Side, Tif, UNDEF_TIME,
};
use support::*;

fn venue() -> Instrument {
    let session =
        |open, close, trading_day| Session::continuous(T0 + open, T0 + close, trading_day);
    Instrument {
        sessions: vec![session(0, 1_000, 20260408), session(2_000, 3_000, 20260409)],
        fees: vec![Fee {
            name: "commission".into(),
            side: FeeSide::Both,
            base: FeeBase::PerLot { amount: E6 },
            unit: 1,
            rounding: Rounding::Down,
        }],
        ..instrument("A")
    }
}

#[test]
fn a_lane_writes_what_can_be_worked_out_by_hand() {
    let rows = vec![
        book(0, &[(99, 9)], &[(101, 9)]),
        book(150, &[(109, 9)], &[(111, 9)]),
        // A one-sided and a crossed book mark nothing.
        book(260, &[(50, 9)], &[]),
        book(280, &[(60, 9)], &[(40, 9)]),
        book(310, &[(89, 9)], &[(91, 9)]),
        book(420, &[(95, 9)], &[(97, 9)]),
        book(2_100, &[(99, 9)], &[(101, 9)]),
        book(2_300, &[(119, 9)], &[(121, 9)]),
    ];
    let act = |context: &mut btcore::engine::Context<'_>, told: &Told| {
        let Told::Event { event, .. } = told else { return };
        let mut send = |side, qty| {
            context.order_submit(&market(side, qty)).map(drop).expect("taken");
        };
        match event.ts_exch_ns - T0 {
            0 if event.kind == 1 => send(Side::Buy, 2),
            310 => send(Side::Sell, 1),
            420 => send(Side::Sell, 3),
            2_100 if event.kind == 1 => send(Side::Buy, 2),
            2_300 => drop(context.order_submit(&limit(Side::Buy, 90, 4, Tif::Rod)).expect("taken")),
            _ => {}
        }
    };
    let config =
        LaneConfig { timeseries_ns: 100, capital: 1_000 * E6, ..lane("l", Latency::default()) };
    let lanes = vec![(config, Scripted::new(act))];
    let outcome = run_lanes(vec![venue()], FeedConfig::default(), &[rows], 3, lanes).expect("runs");
    let (summary, written) = &outcome.lanes[0];

    // Buys 2 at 101, sells 1 at 89 (-12), sells 3 at 95: closes 1 (-6), opens a short of 2; buys 2 at 101 (-12).
    let fills: Vec<_> =
        written.fills.iter().map(|f| (f.fill.qty, f.position_qty, f.pnl_realised / E6)).collect();
    assert_eq!(fills, [(2, 2, 0), (1, 1, -12), (3, -2, -6), (2, 0, -12)]);
    assert_eq!((summary.trips_won, summary.trips_lost, summary.trips_even), (0, 2, 0));
    assert_eq!((summary.pnl_realised, summary.fees, summary.pnl), (-30 * E6, 8 * E6, -38 * E6));
    assert_eq!(summary.turnover, (2 * 101 + 89 + 3 * 95 + 2 * 101) * E6);
    assert_eq!((summary.orders, summary.orders_accepted, summary.orders_filled), (5, 5, 4));
    assert_eq!((summary.qty_accepted, summary.qty_filled, summary.fills), (12, 8, 4));
    assert_eq!((summary.fills_inferred, summary.open_qty), (0, 0));
    assert_eq!((summary.ts_first_ns - T0, summary.ts_last_ns - T0), (0, 2_300));
    assert_eq!(summary.rows_delivered, 8 + 3, "with an open, a close and an open");

    // On the grid, each sample shows what was known before its instant; the last one is the end.
    let series: Vec<_> = written
        .series
        .iter()
        .map(|s| {
            (
                s.ts_ns - T0,
                s.equity / E6,
                s.pnl_unrealised / E6,
                s.exposure_net / E6,
                s.drawdown / E6,
            )
        })
        .collect();
    assert_eq!(
        series,
        [
            (100, 996, -2, 200, 4),
            (200, 1_016, 18, 220, 0),
            (300, 1_016, 18, 220, 0),
            (400, 974, -11, 90, 42),
            (1_000, 974, -2, -192, 42),
            (2_000, 974, -2, -192, 42),
            (2_100, 974, -2, -192, 42),
            (2_300, 962, 0, 0, 54),
            (2_300, 962, 0, 0, 54),
        ]
    );
    assert_eq!(summary.drawdown_max, 54 * E6);
    let days: Vec<_> =
        written.days.iter().map(|d| (d.trading_day, d.pnl / E6, d.fees / E6, d.fills)).collect();
    assert_eq!(days, [(20260408, -26, 6, 3), (20260409, -12, 2, 1)]);
    let last = written.orders.last().expect("an order");
    assert_eq!((last.order_id, last.end, last.reason), (5, OrderEnd::Open, Reason::None));
    assert_eq!((last.ts_end_ns, last.filled_qty), (UNDEF_TIME, 0));
    assert_eq!(written.orders.len(), 5);
}

#[test]
fn drawdown_counts_the_start_and_every_fill() {
    // Between two grid points equity falls with the fee of a fill, and rises again before the next sample.
    let rows = vec![
        book(10, &[(100, 9)], &[(101, 9)]),
        book(20, &[(110, 9)], &[(111, 9)]),
        book(230, &[(110, 9)], &[(111, 9)]),
    ];
    let mut sent = false;
    let scripted = Scripted::new(move |context, told| {
        if let Told::Event { event, .. } = told
            && event.kind == 1
            && !std::mem::replace(&mut sent, true)
        {
            context.order_submit(&market(Side::Buy, 2)).expect("taken");
        }
    });
    let config = LaneConfig { timeseries_ns: 100, ..lane("l", Latency::default()) };
    let outcome =
        run_lanes(vec![venue()], FeedConfig::default(), &[rows], 9, vec![(config, scripted)])
            .expect("it runs");
    // Two lots half a point above the mid, and a fee of one each: three below the capital.
    assert_eq!(outcome.lanes[0].0.drawdown_max, 3 * E6);
    assert!(outcome.lanes[0].1.series.iter().all(|s| s.drawdown == 0));
}

#[test]
fn a_resting_order_filled_twice_is_one_filled_order_and_a_crossed_fill_is_inferred() {
    let rows = [
        book(0, &[(98, 5)], &[(102, 5)]),
        trade(10, 99, 1, -1),
        trade(20, 99, 1, -1),
        book(30, &[(98, 5)], &[(99, 1)]),
        book(40, &[(98, 5)], &[(102, 5)]),
    ];
    let mut sent = false;
    let (summary, written, _) =
        run_one(instrument("A"), Latency::default(), &rows, move |context, _| {
            if !std::mem::replace(&mut sent, true) {
                context.order_submit(&limit(Side::Buy, 99, 3, Tif::Rod)).expect("taken");
            }
        });
    assert_eq!((summary.fills, summary.orders_filled, summary.fills_inferred), (3, 1, 1));
    assert_eq!(written.orders[0].end, OrderEnd::Filled);
    assert_eq!(written.orders[0].ts_end_ns, T0 + 30);
}
