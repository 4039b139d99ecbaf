//! Law 2, three legs: each action has its own latency, messages of one leg never overtake each other, and one instant
//! runs in the stated order: rows at the exchange, requests, reports, rows at the strategy, timers, then again.

mod support;

use btcore::latency::Latency;
use btcore::wire::{OrderReq, Reason, ReportKind, Side, Status, Tif, kind};
use support::*;

fn reports(told: &[Told]) -> Vec<(i64, i64, u8, u16)> {
    let line = |t: &Told| match t {
        Told::Report { report: r, .. } => {
            Some((r.ts_exch_ns - T0, r.ts_local_ns - T0, r.kind, r.reason))
        }
        _ => None,
    };
    told.iter().filter_map(line).collect()
}

fn fills(told: &[Told]) -> Vec<(i64, i64, u32)> {
    let line = |t: &Told| match t {
        Told::Fill { fill: f, .. } => Some((f.ts_exch_ns - T0, f.ts_local_ns - T0, f.qty)),
        _ => None,
    };
    told.iter().filter_map(line).collect()
}

/// A quiet book every `step_ns`.
fn quiet(count: i64, step_ns: i64) -> Vec<Raw> {
    (0..count).map(|n| book(n * step_ns, &[(100, 5)], &[(101, 5)])).collect()
}

#[test]
fn each_action_takes_its_own_time_and_none_overtakes() {
    let latency =
        Latency { feed_ns: 5, submit_ns: 100, amend_ns: 30, cancel_ns: 10, response_ns: 7 };
    let mut step = 0;
    let (_, _, told) = run_one(instrument("A"), latency, &quiet(50, 20), move |context, told| {
        if let Told::Event { .. } = told {
            step += 1;
            let ok = match step {
                // Sent at 5, arrives at 105; the amend sent at 25 would arrive at 55, the cancel sent at 45 at 55.
                1 => context.order_submit(&limit(Side::Buy, 99, 3, Tif::Rod)).map(drop),
                2 => context.order_amend(1, 98 * E6, 2),
                3 => context.order_cancel(1),
                // Alone on the line: sent at 205, arrives at 215.
                11 => context.order_submit(&limit(Side::Buy, 99, 3, Tif::Rod)).map(drop),
                17 => context.order_cancel(2),
                _ => Ok(()),
            };
            ok.expect("it is taken");
        }
    });
    let (accepted, amended, cancelled) =
        (ReportKind::Accepted as u8, ReportKind::Amended as u8, ReportKind::Cancelled as u8);
    assert_eq!(
        reports(&told),
        [
            (105, 112, accepted, 0),
            (105, 112, amended, 0),
            (105, 112, cancelled, 0),
            (305, 312, accepted, 0),
            (335, 342, cancelled, 0),
        ]
    );
}

#[test]
fn the_exchange_applies_rows_before_requests_of_the_same_instant() {
    // The order arrives at 10 exactly when a trade prints at its price: the print was first, and fills nothing.
    let latency = Latency { submit_ns: 10, ..Latency::default() };
    let mut rows = quiet(1, 1);
    rows.extend([trade(10, 99, 5, -1), trade(11, 99, 1, -1), book(20, &[(99, 5)], &[(101, 5)])]);
    let mut sent = false;
    let (_, _, told) = run_one(instrument("A"), latency, &rows, move |context, _| {
        if !std::mem::replace(&mut sent, true) {
            context.order_submit(&limit(Side::Buy, 99, 1, Tif::Rod)).expect("it is taken");
        }
    });
    assert_eq!(fills(&told), [(11, 11, 1)]);
}

#[test]
fn a_cancel_that_arrives_with_a_fill_is_too_late() {
    let latency = Latency { cancel_ns: 10, ..Latency::default() };
    let mut rows = quiet(1, 1);
    rows.extend([
        book(5, &[(100, 5)], &[(101, 5)]),
        trade(15, 99, 6, -1),
        book(30, &[(98, 1)], &[(101, 5)]),
    ]);
    let mut step = 0;
    let (_, _, told) = run_one(instrument("A"), latency, &rows, move |context, told| {
        if let Told::Event { .. } = told {
            step += 1;
            match step {
                1 => drop(context.order_submit(&limit(Side::Buy, 99, 1, Tif::Rod)).expect("taken")),
                2 => context.order_cancel(1).expect("taken"),
                _ => {}
            }
        }
    });
    assert_eq!(fills(&told), [(15, 15, 1)]);
    let late = (15, 15, ReportKind::CancelRejected as u8, Reason::OrderGone as u16);
    assert!(reports(&told).contains(&late), "{:?}", reports(&told));
}

#[test]
fn reports_come_before_rows_and_rows_before_timers() {
    // At 20: the acceptance (sent 0, arrives 10, told 20), a row, and a timer.
    let latency = Latency { submit_ns: 10, response_ns: 10, ..Latency::default() };
    let mut sent = false;
    let (_, _, told) = run_one(instrument("A"), latency, &quiet(3, 20), move |context, _| {
        if !std::mem::replace(&mut sent, true) {
            context.order_submit(&limit(Side::Buy, 99, 1, Tif::Rod)).expect("it is taken");
            context.timer_set(T0 + 20, 9).expect("it is set");
        }
    });
    let at_20: Vec<&str> = told
        .iter()
        .filter_map(|t| match t {
            Told::Report { now_ns, .. } if *now_ns == T0 + 20 => Some("report"),
            Told::Event { now_ns, .. } if *now_ns == T0 + 20 => Some("row"),
            Told::Timer { now_ns, .. } if *now_ns == T0 + 20 => Some("timer"),
            _ => None,
        })
        .collect();
    assert_eq!(at_20, ["report", "row", "timer"]);
}

#[test]
fn zero_latency_makes_the_next_round_of_the_same_instant() {
    // Both rows of the instant are applied and delivered before the order sent on the first one arrives.
    let rows = [
        trade(10, 101, 1, 1),
        book(10, &[(100, 5)], &[(101, 5)]),
        book(20, &[(100, 5)], &[(101, 5)]),
    ];
    let mut sent = false;
    let (_, _, told) = run_one(instrument("A"), Latency::default(), &rows, move |context, _| {
        if !std::mem::replace(&mut sent, true) {
            context.order_submit(&market(Side::Buy, 2)).expect("it is taken");
        }
    });
    assert_eq!(fills(&told), [(10, 10, 2)]);
    let order: Vec<_> = told.iter().take(4).map(std::mem::discriminant).collect();
    let row = std::mem::discriminant(&told[0]);
    assert_eq!(order[1], row, "the second row of the instant is delivered before the report");
    assert!(matches!(told[2], Told::Report { .. }) && matches!(told[3], Told::Fill { .. }));
}

#[test]
fn rounds_without_end_are_an_error() {
    let scripted = Scripted::new(|context, told| {
        // The order is killed at once, and its end is answered with the next one.
        let ended = matches!(told, Told::Report { report, .. } if report.leaves_qty == 0);
        if ended || matches!(told, Told::Event { .. }) {
            context.order_submit(&limit(Side::Buy, 101, 100, Tif::Fok)).expect("it is taken");
        }
    });
    let lanes = vec![(lane("ping-pong", Latency::default()), scripted)];
    let rows = quiet(2, 10);
    let fault = run_lanes(vec![instrument("A")], Default::default(), &[rows], 9, lanes)
        .expect_err("no end");
    assert_eq!(fault.status, Status::RoundsExceeded, "{fault}");
    assert!(
        fault.message.contains("ping-pong") && fault.message.contains(&T0.to_string()),
        "{fault}"
    );
}

#[test]
fn rows_are_delivered_one_feed_leg_late_and_never_early() {
    for feed_ns in [0, 3, 400 * MS] {
        let latency = Latency { feed_ns, ..Latency::default() };
        let (summary, _, told) = run_one(instrument("A"), latency, &quiet(20, 7), |_, _| {});
        assert_eq!(summary.rows_delivered, 20);
        for t in &told {
            if let Told::Event { now_ns, event, .. } = t {
                assert_eq!(*now_ns, event.ts_exch_ns + feed_ns);
                assert_eq!(event.kind, kind::BOOK);
            }
        }
    }
}

#[test]
fn what_is_sent_after_the_last_row_never_arrives() {
    let latency = Latency { submit_ns: 10, response_ns: 10, ..Latency::default() };
    let (summary, written, told) =
        run_one(instrument("A"), latency, &quiet(2, 100), |context, told| {
            if let Told::Event { .. } | Told::Report { .. } = told {
                let req = OrderReq { tag: 7, ..limit(Side::Buy, 99, 1, Tif::Rod) };
                context.order_submit(&req).expect("it is taken");
                context.timer_set(context.now_ns() + 1_000, 1).expect("it is set");
            }
            if let Told::End { .. } = told {
                let refused = context.order_submit(&limit(Side::Buy, 99, 1, Tif::Rod));
                assert_eq!(refused, Err(Status::InvalidState));
            }
        });
    // Row at 0: order 1, accepted at 10, told at 20, which sends order 2, and so on until the row at 100.
    assert!(told.iter().all(|t| !matches!(t, Told::Timer { .. })), "no timer beyond the last row");
    let unanswered =
        written.orders.iter().filter(|o| o.ts_accept_ns == btcore::wire::UNDEF_TIME).count();
    assert!(
        unanswered >= 1 && summary.orders as usize == written.orders.len(),
        "{:#?}",
        written.orders
    );
}

/// What was told at 20, in order.
fn told_at_20(told: &[Told]) -> Vec<String> {
    let line = |t: &Told| match t {
        Told::Report { now_ns, report: r } if *now_ns == T0 + 20 => {
            Some(format!("report {}", r.order_id))
        }
        Told::Fill { now_ns, fill: f } if *now_ns == T0 + 20 => {
            Some(format!("fill {}", f.order_id))
        }
        Told::Event { now_ns, .. } if *now_ns == T0 + 20 => Some("row".into()),
        Told::Timer { now_ns, id } if *now_ns == T0 + 20 => Some(format!("timer {id}")),
        _ => None,
    };
    told.iter().filter_map(line).collect()
}

#[test]
fn a_request_that_arrives_is_answered_before_the_row_of_its_instant_is_told() {
    // Sent at 0, arrives at 20, and the answer takes no time: it comes before the row at 20.
    let latency = Latency { submit_ns: 20, ..Latency::default() };
    let mut sent = false;
    let (_, _, told) = run_one(instrument("A"), latency, &quiet(3, 20), move |context, _| {
        if !std::mem::replace(&mut sent, true) {
            context.order_submit(&market(Side::Buy, 1)).expect("it is taken");
            context.timer_set(T0 + 20, 1).expect("it is set");
        }
    });
    assert_eq!(told_at_20(&told), ["report 1", "fill 1", "row", "timer 1"]);
}

#[test]
fn what_a_timer_sets_off_at_its_own_instant_makes_the_next_round() {
    let mut sent = false;
    let (_, _, told) =
        run_one(instrument("A"), Latency::default(), &quiet(3, 20), move |context, told| {
            if !std::mem::replace(&mut sent, true) {
                for (at_ns, id) in [(21, 9), (20, 1), (20, 2)] {
                    context.timer_set(T0 + at_ns, id).expect("it is set");
                }
            }
            if let Told::Timer { id: 1, .. } = told {
                context.order_submit(&limit(Side::Buy, 99, 1, Tif::Rod)).expect("it is taken");
                context.timer_set(T0 + 20, 3).expect("now is the earliest");
            }
        });
    // Time, then the order of setting; the order is answered before the timer that was set with it.
    assert_eq!(told_at_20(&told), ["row", "timer 1", "timer 2", "report 1", "timer 3"]);
    let ids: Vec<_> = told
        .iter()
        .filter_map(|t| if let Told::Timer { id, .. } = t { Some(*id) } else { None })
        .collect();
    assert_eq!(ids, [1, 2, 3, 9]);
}
