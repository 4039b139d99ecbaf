//! What a review of the core found, one test each: every one of them failed before its fix.

mod support;

use btcore::engine::{Need, Replay, Rows, StrategySlot};
use btcore::feed::FeedConfig;
use btcore::latency::Latency;
use btcore::wire::{
    Depth, Event, Fee, FeeBase, FeeSide, Instrument, OrderReq, Reason, ReportKind, Rounding,
    Session, Side, Status, TickStep, Tif, flags,
};
use support::*;

/// A replay of one lane and one stream over instrument `A`.
fn replay(feed: FeedConfig) -> Replay<Scripted> {
    let slot = StrategySlot { name: "s".into(), params: vec![], code: Scripted::new(|_, _| {}) };
    let lanes = vec![(lane("l", Latency::default()), vec![slot])];
    Replay::new(vec![instrument("A")], feed, 1, lanes).expect("it is valid")
}

/// A feed that asked for rows and took none, for ever, hung every caller.
#[test]
fn more_rows_within_the_reorder_window_than_fit_are_a_fault_not_a_hang() {
    let feed = FeedConfig { reorder_rows_max: 4, ..FeedConfig::default() };
    let mut replay = replay(feed);
    let events = [trade(0, 100, 1, 1).event; 9];
    let mut from = 0;
    let fault = loop {
        assert_eq!(replay.run().expect("it runs"), Need::Rows(0));
        let rows = Rows { events: &events[from..], depths: &[], seqs: &[0; 9][from..] };
        match replay.push(0, rows) {
            Ok(taken) => {
                assert!(taken > 0, "asked for rows, and took none");
                from += taken;
            }
            Err(fault) => break fault,
        }
    };
    assert_eq!((from, fault.status), (4, Status::Full), "{fault}");
    assert!(fault.message.contains("reorder_rows_max"), "{fault}");
}

/// The product of a lot's value and a rate left 128 bits in a panic, not in a status.
#[test]
fn a_fee_beyond_128_bits_is_an_overflow_that_names_the_order() {
    let fee = Fee {
        name: "tax".into(),
        side: FeeSide::Both,
        base: FeeBase::ValuePerLot { rate_e9: 1_000_000_000 },
        unit: 1,
        rounding: Rounding::Down,
    };
    let huge =
        Instrument { multiplier_e6: 9_000_000_000_000 * E6, fees: vec![fee], ..instrument("HUGE") };
    let rows = [
        book(0, &[(9_000_000_000_000, 1)], &[(9_100_000_000_000, 1)]),
        book(10, &[(9_000_000_000_000, 1)], &[(9_100_000_000_000, 1)]),
    ];
    let scripted = Scripted::new(|context, told| {
        if let Told::Event { .. } = told {
            context.order_submit(&market(Side::Buy, 1)).expect("taken");
        }
    });
    let lanes = vec![(lane("rich", Latency::default()), scripted)];
    let fault = run_lanes(vec![huge], FeedConfig::default(), &[rows.to_vec()], 9, lanes)
        .expect_err("too much");
    assert_eq!(fault.status, Status::Overflow, "{fault}");
    assert!(fault.message.contains("order 1 in HUGE"), "{fault}");
}

/// The average price scales the cost by a million, which left 128 bits in a panic.
#[test]
fn an_average_price_beyond_128_bits_is_an_overflow() {
    let huge = Instrument { multiplier_e6: 9_000_000_000_000 * E6, ..instrument("A") };
    // One-sided books: there is no mark, so nothing else overflows first.
    let rows: Vec<Raw> = (0..4).map(|n| book(n * 10, &[], &[(9_000_000_000_000, 9)])).collect();
    let seen = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let noted = seen.clone();
    let scripted = Scripted::new(move |context, told| match told {
        Told::Event { .. } => drop(context.order_submit(&market(Side::Buy, 1))),
        Told::Fill { .. } => noted.borrow_mut().push(context.position(0).map(|p| p.qty)),
        _ => {}
    });
    let lanes = vec![(lane("rich", Latency::default()), scripted)];
    let _ = run_lanes(vec![huge], FeedConfig::default(), &[rows], 9, lanes);
    assert!(!seen.borrow().is_empty());
    assert!(seen.borrow().iter().all(|told| *told == Err(Status::Overflow)), "{seen:?}");
}

/// The day of a session that opened before the first row was taken from the first row's instrument alone.
#[test]
fn the_profit_of_the_days_is_the_profit_of_the_run_wherever_it_begins() {
    let session =
        |open, close, trading_day| Session::continuous(T0 + open, T0 + close, trading_day);
    // A is between sessions when the first row, its own, comes; B is in the middle of one.
    let a = Instrument {
        sessions: vec![session(500, 600, 20260408), session(1_000, 2_000, 20260409)],
        ..instrument("A")
    };
    let b = Instrument { sessions: vec![session(-100, 900, 20260408)], ..instrument("B") };
    let of_b = |mut raw: Raw| {
        raw.event.instrument = 1;
        raw
    };
    let rows = vec![
        book(0, &[(100, 9)], &[(101, 9)]),
        of_b(book(10, &[(100, 9)], &[(101, 9)])),
        of_b(book(20, &[(110, 9)], &[(111, 9)])),
        book(1_500, &[(100, 9)], &[(101, 9)]),
    ];
    let mut sent = false;
    let scripted = Scripted::new(move |context, told| {
        if let Told::Event { event, .. } = told
            && event.instrument == 1
            && !std::mem::replace(&mut sent, true)
        {
            let req = OrderReq { instrument: 1, ..market(Side::Buy, 3) };
            context.order_submit(&req).expect("taken");
        }
    });
    let lanes = vec![(lane("l", Latency::default()), scripted)];
    let outcome = run_lanes(vec![a, b], FeedConfig::default(), &[rows], 9, lanes).expect("it runs");
    let (summary, written) = &outcome.lanes[0];
    let days: Vec<_> = written.days.iter().map(|d| (d.trading_day, d.pnl, d.fills)).collect();
    assert_eq!(summary.pnl, 28_500_000);
    assert_eq!(days, [(20260408, 28_500_000, 1), (20260409, 0, 0)]);
}

/// Who hit whom was judged by a crossed book, which the exchange does not believe otherwise.
#[test]
fn an_unknown_aggressor_is_inferred_from_the_last_valid_book() {
    let rows = [
        book(0, &[(100, 5)], &[(104, 5)]),
        // Crossed: by this book a print at 101 is at or above the ask, a buyer's; by the last valid one, either's.
        book(10, &[(105, 5)], &[(99, 5)]),
        trade(20, 101, 2, 0),
        book(30, &[(100, 5)], &[(104, 5)]),
    ];
    let mut sent = false;
    let (_, written, _) = run_one(instrument("A"), Latency::default(), &rows, move |context, _| {
        if !std::mem::replace(&mut sent, true) {
            context.order_submit(&limit(Side::Buy, 102, 2, Tif::Rod)).expect("taken");
        }
    });
    let fills: Vec<_> =
        written.fills.iter().map(|f| (f.fill.ts_exch_ns - T0, f.fill.qty)).collect();
    assert_eq!(fills, [(20, 2)]);
}

/// A smaller total at the same price was refused as if it could take.
#[test]
fn a_post_only_order_may_shrink_in_place_whatever_the_book_shows() {
    let rows = [
        book(0, &[(98, 5)], &[(102, 5)]),
        book(10, &[(98, 5)], &[(100, 2)]),
        book(20, &[(98, 5)], &[(100, 2)]),
    ];
    let mut row = 0;
    let (_, _, told) = run_one(instrument("A"), Latency::default(), &rows, move |context, told| {
        if let Told::Event { .. } = told {
            row += 1;
            match row {
                1 => {
                    let req = OrderReq { post_only: 1, ..limit(Side::Buy, 100, 5, Tif::Rod) };
                    context.order_submit(&req).map(drop).expect("taken");
                }
                // Two of five were filled when the book crossed; the two lots shown are used up.
                2 => context.order_amend(1, 100 * E6, 4).expect("taken"),
                // A larger total would enter anew, and the touch is there.
                _ => context.order_amend(1, 100 * E6, 6).expect("taken"),
            }
        }
    });
    let amends: Vec<_> = told
        .iter()
        .filter_map(|t| match t {
            Told::Report { report: r, .. } => Some((r.kind, r.reason, r.qty)),
            _ => None,
        })
        .skip(1)
        .collect();
    let (amended, refused) = (ReportKind::Amended as u8, ReportKind::AmendRejected as u8);
    assert_eq!(amends, [(amended, 0, 4), (refused, Reason::PostOnlyWouldTake as u16, 4)]);
}

/// "When the exchange took it in or refused it" was never written for a refused order.
#[test]
fn a_refused_order_says_when_it_was_refused() {
    let latency = Latency { submit_ns: 7, ..Latency::default() };
    let rows = [book(0, &[(98, 5)], &[(102, 5)]), book(50, &[(98, 5)], &[(102, 5)])];
    let mut sent = false;
    let (_, written, _) = run_one(instrument("A"), latency, &rows, move |context, _| {
        if !std::mem::replace(&mut sent, true) {
            let req = OrderReq { price: 1, ..limit(Side::Buy, 0, 1, Tif::Rod) };
            context.order_submit(&req).expect("taken");
        }
    });
    assert_eq!(written.orders[0].reason, Reason::OffTick);
    assert_eq!((written.orders[0].ts_accept_ns, written.orders[0].ts_end_ns), (T0 + 7, T0 + 7));
}

/// A strategy learned from `log` how often the caller had drained.
#[test]
fn what_log_answers_does_not_depend_on_when_the_caller_drains() {
    let run = |chunk_rows: usize, drain_always: bool| {
        let rows: Vec<Raw> = (0..200).map(|n| book(n * 10, &[(98, 5)], &[(102, 5)])).collect();
        let answers = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let noted = answers.clone();
        let code = Scripted::new(move |context, told| {
            if let Told::Event { event, .. } = told {
                let lines = [1, 79, 100][(event.ts_exch_ns / 10 % 3) as usize];
                for _ in 0..lines {
                    noted.borrow_mut().push(context.log(2, "twenty-four letters here"));
                }
            }
            if let Told::End { .. } = told {
                let long = "x".repeat(3_000);
                (0..4).for_each(|_| noted.borrow_mut().push(context.log(2, &long)));
            }
        });
        let mut config = lane("l", Latency::default());
        (config.capacity.records, config.capacity.orders_live) = (160, 8);
        let slot = StrategySlot { name: "s".into(), params: vec![], code };
        let lanes = vec![(config, vec![slot])];
        let mut replay =
            Replay::new(vec![instrument("A")], FeedConfig::default(), 1, lanes).expect("valid");
        let (mut written, mut from) = (Written::default(), 0);
        loop {
            match replay.run().expect("it runs") {
                Need::Nothing => break,
                Need::Drain(lane) => replay.drain(lane, &mut written),
                Need::Rows(_) if from == rows.len() => replay.close(0),
                Need::Rows(_) => {
                    let chunk = &rows[from..(from + chunk_rows).min(rows.len())];
                    let events: Vec<_> = chunk.iter().map(|raw| raw.event).collect();
                    let depths: Vec<_> = chunk.iter().map(|raw| raw.depth).collect();
                    let seqs = vec![0; chunk.len()];
                    from += replay
                        .push(0, Rows { events: &events, depths: &depths, seqs: &seqs })
                        .expect("taken");
                    if drain_always {
                        replay.drain(0, &mut written);
                    }
                }
            }
        }
        replay.drain(0, &mut written);
        (answers.take(), written.logs)
    };
    let first = run(1_000, false);
    assert!(first.0.contains(&Err(Status::Full)) && first.0.contains(&Ok(())));
    for (chunk_rows, drain_always) in [(1, true), (1, false), (7, true), (1_000, true)] {
        assert!(run(chunk_rows, drain_always) == first, "chunks of {chunk_rows}, {drain_always}");
    }
}

/// Bytes in columns that a row's kind does not have reached the strategy, and decided what a duplicate is, though the
/// data hash leaves them out.
#[test]
fn bytes_that_are_no_data_change_nothing() {
    let clean = [
        Raw { seq: 1, ..book(0, &[(98, 5)], &[(102, 5)]) },
        Raw { seq: 2, ..trade(10, 99, 1, 1) },
        Raw { seq: 2, ..trade(10, 99, 1, 1) },
        Raw { seq: 3, ..book(20, &[], &[(102, 5), (103, 1)]) },
    ];
    let mut dirty = clean;
    for (index, raw) in dirty.iter_mut().enumerate() {
        raw.event.depth_ix = index as u32 + 7;
        raw.depth.reserved = [9; 30];
        raw.depth.bid_price[3] = 5 * E6;
        raw.depth.ask_qty[3] = 5;
    }
    (dirty[1].event.bid_price, dirty[2].event.ask_qty) = (7 * E6, 9);
    (dirty[3].event.bid_price, dirty[3].event.trade_qty) = (90 * E6, 4);
    let run = |rows: &[Raw]| {
        let scripted = Scripted::new(|_, _| {});
        let told = scripted.told.clone();
        let lanes = vec![(lane("l", Latency::default()), scripted)];
        let outcome =
            run_lanes(vec![instrument("A")], FeedConfig::default(), &[rows.to_vec()], 9, lanes)
                .expect("it runs");
        (told.take(), outcome.data_hash, outcome.stats)
    };
    assert_eq!(run(&clean), run(&dirty));
}

/// Depth rows that belong to no book would be read as the depth of the next books, silently.
#[test]
fn rows_that_cannot_be_are_refused_by_their_number_in_the_stream() {
    let two = [book(0, &[(98, 5)], &[(102, 5)]), trade(10, 99, 1, 1)];
    let push = |change: &dyn Fn(&mut Event)| {
        let mut replay = replay(FeedConfig::default());
        let good = Rows { events: &[two[0].event], depths: &[two[0].depth], seqs: &[0] };
        assert_eq!(replay.push(0, good).expect("taken"), 1);
        let mut event = two[1].event;
        change(&mut event);
        replay.push(0, Rows { events: &[event], depths: &[], seqs: &[0] })
    };
    push(&|_| {}).expect("a good row");
    type Case<'a> = (&'a dyn Fn(&mut Event), &'a str);
    let cases: [Case<'_>; 5] = [
        (&|e| e.ts_exch_ns = i64::MAX, "stamp"),
        (&|e| e.ts_exch_ns = i64::MIN, "stamp"),
        (&|e| e.flags = flags::OUT_OF_SESSION, "flag"),
        (&|e| e.aggressor = 2, "aggressor"),
        (&|e| e.trade_qty = 0, "quantity"),
    ];
    for (change, word) in cases {
        let fault = push(change).expect_err("it cannot be");
        assert_eq!(fault.status, Status::BadData, "{fault}");
        assert!(fault.message.contains("row 1 of stream 0"), "{fault}");
        assert!(fault.message.contains(word), "{fault}");
    }
    let mut replay = replay(FeedConfig::default());
    let later = Event { ts_exch_ns: T0 + 10, ..two[0].event };
    let rows = Rows {
        events: &[two[1].event, later],
        depths: &[Depth::EMPTY, two[0].depth],
        seqs: &[0, 0],
    };
    let fault = replay.push(0, rows).expect_err("one depth row for each row, trades included");
    assert_eq!(fault.status, Status::BadData, "{fault}");
    assert!(fault.message.contains("belong to no book"), "{fault}");
}

/// An amend to a price that a submission refuses as no price was sent.
#[test]
fn an_amend_refuses_what_a_submission_refuses() {
    let low =
        Instrument { ticks: vec![TickStep { price_from: i64::MIN, tick: E6 }], ..instrument("A") };
    let rows = [book(0, &[(98, 5)], &[(102, 5)]), book(10, &[(98, 5)], &[(102, 5)])];
    let mut sent = false;
    let (summary, _, _) = run_one(low, Latency::default(), &rows, move |context, _| {
        if !std::mem::replace(&mut sent, true) {
            let id = context.order_submit(&limit(Side::Buy, 90, 1, Tif::Rod)).expect("taken");
            for price in [i64::MIN, i64::MAX] {
                assert_eq!(context.order_amend(id, price, 1), Err(Status::InvalidArgument));
            }
            assert_eq!(context.order_amend(id, 90 * E6, 0), Err(Status::InvalidArgument));
        }
    });
    assert_eq!(summary.amends, 0);
}

/// What was taken at a displayed price where no order can rest stayed taken for good, or not, by what else a book showed: only
/// prices of the ladder are named among those that come into view.
#[test]
fn lots_taken_off_the_ladder_are_forgotten_when_the_price_is_seen_empty() {
    let even = Instrument {
        ticks: vec![TickStep { price_from: 0, tick: 2 * E6 }],
        depth_max: 2,
        ..instrument("A")
    };
    let rows = [
        book(0, &[(90, 5)], &[(100, 1), (103, 4)]),
        book(10, &[(90, 5)], &[(98, 5), (100, 1)]), // 103 is out of view,
        book(20, &[(90, 5)], &[(100, 1), (105, 1)]), // and back in it, with nothing there.
        book(30, &[(90, 5)], &[(100, 1), (103, 4)]),
    ];
    let mut row = 0;
    let (_, written, _) = run_one(even, Latency::default(), &rows, move |context, told| {
        if let Told::Event { .. } = told {
            row += 1;
            let qty = match row {
                1 => 2,
                4 => 9,
                _ => return,
            };
            context.order_submit(&limit(Side::Buy, 104, qty, Tif::Ioc)).expect("taken");
        }
    });
    let got: Vec<_> = written.fills.iter().map(|f| (f.fill.price / E6, f.fill.qty)).collect();
    assert_eq!(got, [(100, 1), (103, 1), (103, 4)]);
}

/// A crossed book that makes a ghost of a buy gives up the oldest one, a sell's, as it was before that book: the sides are shown
/// it one after the other.
#[test]
fn a_ghost_that_a_crossed_buy_drives_out_has_not_seen_the_book() {
    let rows = [
        book(0, &[(100, 2)], &[(102, 2)]),
        book(10, &[(100, 8)], &[(102, 8)]),
        trade(20, 102, 3, 1),
        trade(21, 100, 5, -1),
        book(30, &[(100, 3)], &[(102, 5)]),
        book(40, &[(99, 9)], &[(100, 2), (101, 1), (102, 2)]),
    ];
    let mut config = lane("l", Latency::default());
    config.exchange.ghosts_max = 1;
    let mut sent = false;
    let scripted = Scripted::new(move |context, told| {
        if matches!(told, Told::Event { .. }) && !std::mem::replace(&mut sent, true) {
            context.order_submit(&limit(Side::Sell, 102, 1, Tif::Rod)).expect("taken");
            context.order_submit(&limit(Side::Buy, 100, 5, Tif::Rod)).expect("taken");
        }
    });
    let feed = FeedConfig::default();
    let outcome =
        run_lanes(vec![instrument("A")], feed, &[rows.to_vec()], 9, vec![(config, scripted)]);
    let (summary, written) = outcome.expect("it runs").lanes.remove(0);
    assert_eq!(summary.ghosts_cut, 1);
    let queue = written.queues.iter().find(|row| row.order_id == 1).expect("it has left");
    assert_eq!((queue.filled_qty, queue.ts_end_ns), ([0, 1, 1], T0 + 40));
    assert_eq!(queue.ahead_qty[0], 5, "eight joined, of which three were printed: {queue:?}");
}

/// The depth row of a book that nobody replaced leaves the window before the trades that are shown on it come.
#[test]
fn a_trade_shows_the_book_that_the_window_has_dropped() {
    let levels = [(100, 1), (99, 2), (97, 3), (96, 4)];
    let displayed = book(0, &levels, &[(101, 7), (103, 8)]);
    let late = trade(90_000, 101, 1, 1);
    let other = |n: i64| {
        let mut raw = book(n * 100, &[(50, 1 + n as u32 % 3)], &[(51, 1)]);
        raw.event.instrument = 1;
        raw
    };
    let others = (1..800).map(other).collect();
    let instruments = vec![instrument("A"), instrument("B")];
    let scripted = Scripted::new(|_, _| {});
    let told = scripted.told.clone();
    let feed = FeedConfig { window_rows: 64, ..FeedConfig::default() };
    let streams = [vec![displayed, late], others];
    let lanes = vec![(lane("l", Latency::default()), scripted)];
    run_lanes(instruments, feed, &streams, 7, lanes).expect("it runs");
    let told = told.borrow();
    let shown = told.iter().rev().find_map(|told| match told {
        Told::Event { event, depth, .. } if event.trade_qty > 0 => Some((*event, *depth)),
        _ => None,
    });
    let (event, depth) = shown.expect("the trade was told");
    let touch = |event: &Event| (event.bid_price, event.bid_qty, event.ask_price, event.ask_qty);
    assert_eq!((touch(&event), depth), (touch(&displayed.event), displayed.depth));
}
