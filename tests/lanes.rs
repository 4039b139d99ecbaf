//! Several strategies in one lane: they share the lane's evidence and its line of requests, and nothing else. Each is told
//! of its own orders only, holds its own positions, and is named when it stops the run.

mod support;

use btcore::engine::{LaneSummary, Need, Replay, Rows, StrategySlot};
use btcore::feed::FeedConfig;
use btcore::latency::Latency;
use btcore::strategy::{Param, Strategy};
use btcore::wire::{Depth, Event, Fault, OrderReq, Side, Status, Tif, kind};
use support::*;

/// Runs strategies of one lane over rows of one instrument.
fn run_together<S: Strategy>(codes: Vec<S>, rows: &[Raw]) -> Result<(LaneSummary, Written), Fault> {
    let named = |(n, code)| StrategySlot {
        name: format!("s{n}"),
        params: vec![("size".into(), Param::Int(n as i64))],
        code,
    };
    let slots = codes.into_iter().enumerate().map(named).collect();
    let lanes = vec![(lane("both", Latency::default()), slots)];
    let mut replay = Replay::new(vec![instrument("A")], FeedConfig::default(), 1, lanes)?;
    let events: Vec<_> = rows.iter().map(|raw| raw.event).collect();
    let books = rows.iter().filter(|raw| raw.event.kind == kind::BOOK);
    let depths: Vec<_> = books.map(|raw| raw.depth).collect();
    let seqs = vec![0; rows.len()];
    replay.push(0, Rows { events: &events, depths: &depths, seqs: &seqs })?;
    replay.close(0);
    let mut written = Written::default();
    while let Need::Drain(lane) = replay.run()? {
        replay.drain(lane, &mut written);
    }
    replay.drain(0, &mut written);
    Ok((replay.summary(0)?, written))
}

#[test]
fn strategies_of_a_lane_share_its_evidence_and_nothing_else() {
    let rows = [
        book(0, &[(98, 5)], &[(102, 5)]),
        trade(10, 99, 3, -1),
        book(20, &[(98, 5)], &[(102, 5)]),
        book(30, &[(98, 5)], &[(104, 5)]),
    ];
    let code = |n: u32| {
        let mut row = 0;
        Scripted::new(move |context, told| {
            assert_eq!(context.strategy(), n);
            assert_eq!(context.param("size"), Some(&Param::Int(i64::from(n))));
            let Told::Event { .. } = told else { return };
            row += 1;
            if row == 1 {
                let req = OrderReq { tag: 70 + u64::from(n), ..limit(Side::Buy, 99, 2, Tif::Rod) };
                assert_eq!(context.order_submit(&req), Ok(1 + u64::from(n)), "ids are the lane's");
            }
            if row == 3 {
                let other = 2 - u64::from(n);
                assert_eq!(context.order_cancel(other), Err(Status::NotFound));
                assert_eq!(context.order_amend(other, 99 * E6, 1), Err(Status::NotFound));
                assert_eq!(context.position(0).map(|p| p.qty), Ok(2 - i64::from(n)));
                context.timer_set(context.now_ns(), u64::from(n)).expect("it is set");
            }
        })
    };
    let codes = vec![code(0), code(1)];
    let told: Vec<_> = codes.iter().map(|code| code.told.clone()).collect();
    let (summary, written) = run_together(codes, &rows).expect("it runs");
    // Three lots were printed: two for the first comer, one for the second, though they are two traders.
    let fills: Vec<_> = written
        .fills
        .iter()
        .map(|f| (f.fill.strategy, f.fill.order_id, f.fill.qty, f.position_qty))
        .collect();
    assert_eq!(fills, [(0, 1, 2, 2), (1, 2, 1, 1)]);
    for (n, told) in told.iter().enumerate() {
        let (mut reports, mut fills, mut timers, mut rows) = (0, 0, 0, 0);
        for t in told.borrow().iter() {
            match t {
                Told::Report { report: r, .. } => {
                    assert_eq!((r.strategy as usize, r.tag as usize), (n, 70 + n));
                    reports += 1;
                }
                Told::Fill { fill: f, .. } => {
                    assert_eq!((f.strategy as usize, f.tag as usize), (n, 70 + n));
                    fills += 1;
                }
                Told::Timer { id, .. } => {
                    assert_eq!(*id as usize, n);
                    timers += 1;
                }
                Told::Event { .. } => rows += 1,
                Told::End { .. } => {}
            }
        }
        assert_eq!((reports, fills, timers, rows), (1, 1, 1, 4));
    }
    // Three lots bought at 99, marked at 101.
    assert_eq!((summary.pnl, summary.open_qty, summary.rows_delivered), (6 * E6, 3, 4));
}

struct Stops(i32);

impl Strategy for Stops {
    fn on_event(&mut self, _: &mut btcore::engine::Context<'_>, event: &Event, _: &Depth) -> i32 {
        if event.ts_exch_ns == T0 + 10 { self.0 } else { 0 }
    }
}

#[test]
fn a_strategy_that_stops_the_run_is_named() {
    let rows = [book(0, &[(98, 5)], &[(102, 5)]), trade(10, 99, 3, -1)];
    let fault = run_together(vec![Stops(0), Stops(-7)], &rows).expect_err("it stops");
    assert_eq!(fault.status, Status::StrategyStopped);
    for part in ["s1", "both", "-7", "on_event", &(T0 + 10).to_string()] {
        assert!(fault.message.contains(part), "no word of {part}: {fault}");
    }
    run_together(vec![Stops(0)], &rows).expect("0 goes on");
}
