//! Law 13, refuse with a reason: every numbered reason has a case, so has every status that a request can return, and a
//! configuration tells all its faults at once.

mod support;

use btcore::engine::{Capacity, LaneConfig, Replay, StrategySlot};
use btcore::feed::FeedConfig;
use btcore::latency::Latency;
use btcore::wire::{
    Instrument, OrderReq, Reason, ReportKind, Session, Side, Status, TickStep, Tif,
};
use std::collections::BTreeSet;
use support::*;

fn venue() -> Instrument {
    Instrument {
        ticks: vec![
            TickStep { price_from: 10 * E6, tick: E6 },
            TickStep { price_from: 1_000 * E6, tick: 5 * E6 },
        ],
        limit_down: 50 * E6,
        limit_up: 2_000 * E6,
        order_qty_max: 10,
        sessions: vec![Session::continuous(T0 + 100, T0 + 500, 20260408)],
        ..instrument("A")
    }
}

/// Reasons told when `req` is sent on the row at 200; a resting buy of 5 at 90 (order 1) is there before.
fn reasons(req: OrderReq) -> Vec<(u8, u16)> {
    let rows: Vec<Raw> =
        [150, 200, 300].iter().map(|at_ns| book(*at_ns, &[(99, 5)], &[(101, 5)])).collect();
    let (_, _, told) = run_one(venue(), Latency::default(), &rows, move |context, told| {
        if let Told::Event { event, .. } = told {
            if event.ts_exch_ns == T0 + 150 {
                context.order_submit(&limit(Side::Buy, 90, 5, Tif::Gtc)).expect("taken");
            }
            if event.ts_exch_ns == T0 + 200 {
                context.order_submit(&req).expect("taken");
            }
        }
    });
    told.iter()
        .filter_map(|t| match t {
            Told::Report { report: r, .. } if r.order_id == 2 => Some((r.kind, r.reason)),
            _ => None,
        })
        .collect()
}

#[test]
fn every_refusal_of_the_exchange_has_its_reason() {
    let rejected = |reason: Reason| vec![(ReportKind::Rejected as u8, reason as u16)];
    let expired = |reason: Reason| {
        vec![(ReportKind::Accepted as u8, 0), (ReportKind::Expired as u8, reason as u16)]
    };
    let buy = limit(Side::Buy, 100, 1, Tif::Rod);
    let cases = [
        (OrderReq { price: 100_500_000, ..buy }, rejected(Reason::OffTick)),
        (OrderReq { price: 1_001 * E6, ..buy }, rejected(Reason::OffTick)),
        (OrderReq { price: 9 * E6, ..buy }, rejected(Reason::OffTick)),
        (OrderReq { price: 49 * E6, ..buy }, rejected(Reason::OutsideLimits)),
        (OrderReq { price: 2_005 * E6, ..buy }, rejected(Reason::OutsideLimits)),
        (OrderReq { qty: 11, ..buy }, rejected(Reason::SizeCap)),
        (OrderReq { tif: Tif::Rod as u8, ..market(Side::Buy, 1) }, rejected(Reason::TifNotAllowed)),
        (OrderReq { tif: Tif::Gtc as u8, ..market(Side::Buy, 1) }, rejected(Reason::TifNotAllowed)),
        (OrderReq { post_only: 1, price: 101 * E6, ..buy }, rejected(Reason::PostOnlyWouldTake)),
        (
            OrderReq { post_only: 1, tif: Tif::Ioc as u8, ..buy },
            rejected(Reason::PostOnlyNotAllowed),
        ),
        (
            OrderReq { qty: 6, tif: Tif::Fok as u8, price: 101 * E6, ..buy },
            expired(Reason::FokNotFilled),
        ),
        (OrderReq { tif: Tif::Ioc as u8, ..buy }, expired(Reason::IocRest)),
    ];
    let mut seen: BTreeSet<u16> = [Reason::None as u16].into();
    for (req, told) in cases {
        assert_eq!(reasons(req), told, "{req:?}");
        seen.extend(told.iter().map(|(_, reason)| *reason));
    }
    // The first check that fails is the reason: size cap before tick.
    assert_eq!(reasons(OrderReq { qty: 11, price: 1, ..buy }), rejected(Reason::SizeCap));
    // These have cases elsewhere in this file, in law_valid.rs, policies.rs, latency.rs and auctions.rs.
    let elsewhere = [
        Reason::SessionClosed,
        Reason::SessionEnd,
        Reason::OrderGone,
        Reason::QtyBelowFilled,
        Reason::NoBook,
        Reason::Throttled,
        Reason::TypeNotAllowed,
        Reason::NoProtectionBase,
        Reason::OwnCross,
        Reason::Frozen,
        Reason::PriceBand,
    ];
    seen.extend(elsewhere.map(|reason| reason as u16));
    let all: BTreeSet<u16> = Reason::ALL.iter().map(|reason| *reason as u16).collect();
    assert_eq!(seen, all, "every reason has a case");
}

#[test]
fn amends_and_cancels_are_refused_with_a_reason_and_leave_the_order_alone() {
    let rows = [
        book(150, &[(99, 5)], &[(101, 5)]),
        trade(200, 90, 2, -1),
        book(250, &[(99, 5)], &[(101, 5)]),
        trade(300, 90, 9, -1),
        book(350, &[(99, 5)], &[(101, 5)]),
    ];
    let (_, written, told) = run_one(venue(), Latency::default(), &rows, |context, told| {
        let Told::Event { event, .. } = told else { return };
        match event.ts_exch_ns - T0 {
            150 => drop(context.order_submit(&limit(Side::Buy, 90, 5, Tif::Gtc)).expect("taken")),
            250 => {
                context.order_amend(1, 90 * E6, 2).expect("taken");
                context.order_amend(1, 90_500_000, 5).expect("taken");
                context.order_amend(1, 90 * E6, 4).expect("taken");
            }
            350 => assert_eq!(context.order_cancel(1), Err(Status::NotFound), "its end is known"),
            _ => {}
        }
    });
    let reports: Vec<_> = told
        .iter()
        .filter_map(|t| match t {
            Told::Report { report: r, .. } => Some((r.kind, r.reason, r.leaves_qty)),
            _ => None,
        })
        .collect();
    assert_eq!(
        reports,
        [
            (ReportKind::Accepted as u8, 0, 5),
            (ReportKind::AmendRejected as u8, Reason::QtyBelowFilled as u16, 3),
            (ReportKind::AmendRejected as u8, Reason::OffTick as u16, 3),
            (ReportKind::Amended as u8, 0, 2),
        ]
    );
    let lots: Vec<_> = written.fills.iter().map(|f| f.fill.qty).collect();
    assert_eq!(lots, [2, 2], "the total was cut from five to four");
    assert_eq!((written.orders[0].qty, written.orders[0].filled_qty), (4, 4));
}

#[test]
fn without_a_book_there_is_nothing_to_take() {
    let rows = [trade(150, 100, 1, 1), book(200, &[(99, 5)], &[(101, 5)])];
    let mut sent = false;
    let (_, written, _) = run_one(venue(), Latency::default(), &rows, move |context, _| {
        if !std::mem::replace(&mut sent, true) {
            context.order_submit(&market(Side::Buy, 1)).expect("taken");
        }
    });
    assert_eq!((written.fills.len(), written.orders[0].reason), (0, Reason::NoBook));
}

#[test]
fn values_that_no_exchange_could_read_are_refused_at_once() {
    let rows = [book(150, &[(99, 5)], &[(101, 5)])];
    run_one(venue(), Latency::default(), &rows, |context, told| {
        let Told::Event { .. } = told else { return };
        let buy = limit(Side::Buy, 100, 1, Tif::Rod);
        for bad in [
            OrderReq { qty: 0, ..buy },
            OrderReq { side: 0, ..buy },
            OrderReq { side: 3, ..buy },
            OrderReq { order_type: 9, ..buy },
            OrderReq { tif: 0, ..buy },
            OrderReq { post_only: 2, ..buy },
            OrderReq { instrument: 1, ..buy },
            OrderReq { price: i64::MAX, ..buy },
            OrderReq { price: 1, ..market(Side::Buy, 1) },
        ] {
            assert_eq!(context.order_submit(&bad), Err(Status::InvalidArgument), "{bad:?}");
        }
        assert_eq!(context.order_cancel(1), Err(Status::NotFound));
        assert_eq!(context.order_amend(1, 100 * E6, 1), Err(Status::NotFound));
        assert_eq!(context.timer_set(context.now_ns() - 1, 1), Err(Status::InvalidArgument));
        assert_eq!(context.position(1), Err(Status::NotFound));
        assert_eq!(context.log(4, "no such level"), Err(Status::InvalidArgument));
        assert!(context.book(1).is_none() && context.instrument_find("B").is_none());
    });
}

#[test]
fn full_slabs_are_a_status_and_nothing_changes() {
    let small = Capacity { orders_live: 2, in_flight: 3, timers: 1, records: 128 };
    let rows = vec![book(150, &[(99, 5)], &[(101, 5)]), book(200, &[(99, 5)], &[(101, 5)])];
    let scripted = Scripted::new(|context, told| {
        let Told::Event { event, .. } = told else { return };
        if event.ts_exch_ns != T0 + 150 {
            return;
        }
        let buy = limit(Side::Buy, 90, 1, Tif::Rod);
        assert_eq!(context.order_submit(&buy), Ok(1));
        assert_eq!(context.order_submit(&buy), Ok(2));
        assert_eq!(context.order_submit(&buy), Err(Status::Full), "two orders live");
        assert_eq!(context.order_cancel(1), Ok(()));
        assert_eq!(context.order_cancel(2), Err(Status::Full), "three messages under way");
        assert_eq!(context.timer_set(T0 + 160, 1), Ok(()));
        assert_eq!(context.timer_set(T0 + 160, 2), Err(Status::Full));
    });
    let latency = Latency { submit_ns: 5, cancel_ns: 5, ..Latency::default() };
    let config = LaneConfig { capacity: small, ..lane("small", latency) };
    let outcome =
        run_lanes(vec![venue()], FeedConfig::default(), &[rows], 9, vec![(config, scripted)]);
    let (summary, written) = outcome.expect("a full slab does not end a run").lanes.remove(0);
    assert_eq!((summary.orders, summary.cancels, written.orders.len()), (2, 1, 2));
}

#[test]
fn a_configuration_tells_all_its_faults_at_once() {
    let broken = Instrument {
        ticks: vec![],
        multiplier_e6: 0,
        depth_max: 6,
        limit_down: 5,
        limit_up: 4,
        sessions: vec![Session::continuous(2, 1, 1)],
        ..instrument("A")
    };
    let slot = || StrategySlot { name: "s".into(), params: vec![], code: Scripted::new(|_, _| {}) };
    let latency = Latency { amend_ns: -1, ..Latency::default() };
    let config = LaneConfig { timeseries_ns: 0, ..lane("l", latency) };
    let feed = FeedConfig { reorder_ns: -1, window_rows: 1, ..FeedConfig::default() };
    let lanes = vec![(config, vec![slot()]), (lane("none", Latency::default()), vec![])];
    let fault =
        Replay::new(vec![broken.clone(), broken], feed, 0, lanes).err().expect("it is refused");
    assert_eq!(fault.status, Status::InvalidConfig);
    for part in [
        "no stream",
        "reorder window",
        "window_rows",
        "named twice",
        "tick ladder",
        "multiplier",
        "depth_max",
        "price limit",
        "sessions",
        "amend latency",
        "time series",
        "strategies",
    ] {
        assert!(fault.message.contains(part), "no word of {part}: {fault}");
    }
}
