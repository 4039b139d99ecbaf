//! Latency models: what each draws, that draws are keyed by the message alone (law 11), the recorded clock, the throttle.

mod support;

use btcore::feed::FeedConfig;
use btcore::latency::{
    Excess, FeedLeg, Latency, Leg, Legs, Quantile, Throttle, ThrottleConfig, draw,
};
use btcore::wire::{Event, Reason, ReportKind, Side, Tif, UNDEF_TIME};
use std::collections::BTreeMap;
use support::{
    Draw, E6, MS, Raw, Scripted, T0, Told, book, instrument, lane, limit, run_lanes, run_one, trade,
};

fn zero() -> Legs {
    Latency::default().into()
}

fn quantiles(points: &[(u32, i64)]) -> Leg {
    Leg::Quantiles(points.iter().map(|(ppm, ns)| Quantile { ppm: *ppm, ns: *ns }).collect())
}

/// 20 ms at most of everything, all different.
fn models() -> Vec<(&'static str, Leg)> {
    let uniform = Leg::Uniform { min_ns: 2 * MS, max_ns: 6 * MS };
    vec![
        ("uniform", uniform.clone()),
        ("normal", Leg::Normal { mean_ns: 5 * MS, sd_ns: 2 * MS, min_ns: 4 * MS, max_ns: 9 * MS }),
        (
            "lognormal",
            Leg::LogNormal { floor_ns: MS, median_ns: 3 * MS, sigma_e6: 500_000, max_ns: 20 * MS },
        ),
        ("quantiles", quantiles(&[(500_000, 3 * MS), (950_000, 9 * MS), (990_000, 18 * MS)])),
        (
            "time_of_day",
            Leg::TimeOfDay { utc_offset_ns: 0, legs: vec![(0, uniform), (MS, Leg::Constant(7))] },
        ),
    ]
}

/// The figures are Python's: `statistics.NormalDist`, and the straight lines by hand.
#[test]
fn each_model_has_the_quantiles_of_its_formula() {
    let expected: [(&str, [(u32, i64); 4]); 4] = [
        (
            "uniform",
            [(0, 2_000_000), (250_000, 3_000_000), (500_000, 4_000_000), (900_000, 5_600_000)],
        ),
        ("normal", NORMAL),
        ("lognormal", LOGNORMAL),
        // Below the lowest known quantile the lowest itself, between two a straight line, above the highest the highest.
        (
            "quantiles",
            [(0, 3_000_000), (500_000, 3_000_000), (725_000, 6_000_000), (995_000, 18_000_000)],
        ),
    ];
    for ((name, leg), (known, points)) in models().iter().zip(expected) {
        assert_eq!(*name, known);
        for (ppm, ns) in points {
            let bits = (u128::from(ppm) * (1 << 64) / 1_000_000) as u64;
            let got = leg.ns(T0, || bits);
            assert!((got - ns).abs() <= 2, "{name} at {ppm} ppm: {got} for {ns}");
        }
    }
}

const NORMAL: [(u32, i64); 4] =
    [(50_000, 4_185_832), (250_000, 4_878_181), (500_000, 5_732_409), (950_000, 8_175_247)];
const LOGNORMAL: [(u32, i64); 4] =
    [(50_000, 1_878_727), (250_000, 2_427_466), (500_000, 2_999_996), (950_000, 5_551_963)];

/// 40,000 keyed draws are spread as the model says, and never leave it.
#[test]
fn keyed_draws_have_the_spread_of_the_model() {
    for (name, leg) in models() {
        let mut got: Vec<i64> =
            (0..40_000).map(|order| leg.ns(T0, || draw([7, 2, order, 0]))).collect();
        got.sort_unstable();
        for at in leg.profile(T0).iter().filter(|at| (50_000..=950_000).contains(&at.ppm)) {
            // The share of draws below the point is the point's, within four standard errors.
            let below = got.partition_point(|ns| *ns < at.ns) as f64;
            let through = got.partition_point(|ns| *ns <= at.ns) as f64;
            let want = 40_000.0 * f64::from(at.ppm) / 1e6;
            assert!(below - 400.0 <= want && want <= through + 400.0, "{name} {at:?}: {below}");
        }
        let profile = leg.profile(T0);
        assert!(got[0] >= profile[0].ns && got[39_999] <= profile[20].ns + 1, "{name}");
    }
}

#[test]
fn time_of_day_and_replay_go_by_the_clock() {
    let hour = 3_600_000_000_000;
    let legs = vec![(9 * hour, Leg::Constant(1)), (13 * hour, Leg::Constant(2))];
    let leg = Leg::TimeOfDay { utc_offset_ns: 8 * hour, legs };
    // T0 is midnight UTC, 08:00 there: the last leg still holds.
    let at = |leg: &Leg, ns: i64| leg.ns(T0 + ns, || 0);
    assert_eq!(
        [0, hour - 1, hour, 5 * hour - 1, 5 * hour, 24 * hour].map(|ns| at(&leg, ns)),
        [2, 2, 1, 1, 2, 2]
    );
    let replay = Leg::Replay(vec![(T0 + 10, 5), (T0 + 20, 9)]);
    assert_eq!([0, 10, 19, 20, 900].map(|ns| at(&replay, ns)), [5, 5, 5, 9, 9]);
}

/// Submits an order on each book and, with `noisy`, cancels every second one at once; gives each order's entry and response
/// latency: accept less send, told less accept.
fn legs_of_orders(noisy: bool, legs: &Legs) -> BTreeMap<u64, (i64, i64)> {
    // One order a second: no message waits behind another.
    let rows: Vec<Raw> = (0..200).map(|n| book(n * 1_000 * MS, &[(100, 5)], &[(101, 5)])).collect();
    let (_, written, told) = run_one(instrument("A"), legs.clone(), &rows, move |context, told| {
        match told {
            Told::Event { .. } => {
                let id = context.order_submit(&limit(Side::Buy, 50, 1, Tif::Gtc));
                // A second order, at another time, so that the count of draws differs.
                let id = id.unwrap();
                let _ = context.order_cancel(id.saturating_sub(3));
                if noisy {
                    context.timer_set(context.now_ns() + 400 * MS, id).unwrap();
                }
            }
            Told::Timer { id, .. } => {
                let _ = context.order_amend(*id, 49 * E6, 1);
            }
            _ => {}
        }
    });
    let sent: BTreeMap<u64, i64> =
        written.orders.iter().map(|row| (row.order_id, row.ts_submit_ns)).collect();
    told.iter()
        .filter_map(|told| match told {
            Told::Report { report, .. } if report.kind == ReportKind::Accepted as u8 => {
                let sent_ns = sent.get(&report.order_id)?;
                let legs = (report.ts_exch_ns - sent_ns, report.ts_local_ns - report.ts_exch_ns);
                Some((report.order_id, legs))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn a_draw_depends_on_its_message_and_on_no_other() {
    let wide = Leg::Uniform { min_ns: 0, max_ns: 100 * MS };
    let legs = Legs { submit: wide.clone(), amend: wide.clone(), cancel: wide.clone(), ..zero() };
    let (plain, noisy) = (legs_of_orders(false, &legs), legs_of_orders(true, &legs));
    assert!(plain.len() > 190, "{}", plain.len());
    // Amends in between change nothing of the way of any submit.
    assert_eq!(plain, noisy);
    let mut entries: Vec<i64> = plain.values().map(|(entry, _)| *entry).collect();
    entries.sort_unstable();
    entries.dedup();
    assert!(entries.len() > 190, "orders draw for themselves: {}", entries.len());

    let answers = Legs { response: wide, ..zero() };
    let told = legs_of_orders(false, &answers);
    let mut backs: Vec<i64> = told.values().map(|(_, back)| *back).collect();
    backs.sort_unstable();
    assert!(backs[0] < 5 * MS && *backs.last().unwrap() > 95 * MS);
}

/// When each trade row of A reached the lane, by its price.
fn arrivals(streams: &[Vec<Raw>], symbols: &[&str], legs: &Legs, seed: u64) -> Vec<(i64, i64)> {
    let scripted = Scripted::new(|_, _| {});
    let told = scripted.told.clone();
    let mut config = lane("l", legs.clone());
    config.seed = seed;
    let instruments = symbols.iter().map(|symbol| instrument(symbol)).collect();
    run_lanes(instruments, FeedConfig::default(), streams, 7, vec![(config, scripted)]).unwrap();
    let told = told.take();
    let rows = told.iter().filter_map(|told| match told {
        Told::Event { now_ns, event, .. } => Some((*now_ns, event.ts_exch_ns, event.trade_price)),
        _ => None,
    });
    let rows: Vec<(i64, i64, i64)> = rows.collect();
    assert!(rows.windows(2).all(|w| w[0].0 <= w[1].0), "no row overtakes another");
    assert!(rows.iter().all(|(now, exch, _)| (0..=100 * MS).contains(&(now - exch))), "bounded");
    rows.into_iter()
        .filter(|row| row.2 < 1_000_000 * E6)
        .map(|row| (row.2, row.0 - row.1))
        .collect()
}

#[test]
fn rows_draw_by_what_they_are() {
    let feed = FeedLeg::Drawn(Leg::Uniform { min_ns: 0, max_ns: 100 * MS });
    let legs = Legs { feed, ..zero() };
    let near: Vec<Raw> = (0..300).map(|n| trade(n * 200 * MS, 100 + n, 1, 1)).collect();
    let alone = arrivals(std::slice::from_ref(&near), &["B"], &legs, 1);
    // Another instrument, before it in the order of symbols, at times that hold nobody up.
    let mut far: Vec<Raw> =
        (0..300).map(|n| trade(n * 200 * MS + 100 * MS, 1_000_000 + n, 1, 1)).collect();
    far.iter_mut().for_each(|raw| raw.event.instrument = 0);
    let second: Vec<Raw> = near
        .iter()
        .map(|raw| Raw { event: Event { instrument: 1, ..raw.event }, ..*raw })
        .collect();
    let beside = arrivals(&[far, second], &["A", "B"], &legs, 1);
    assert_eq!(alone, beside);
    assert_ne!(alone, arrivals(std::slice::from_ref(&near), &["B"], &legs, 2), "another seed");
}

#[test]
fn rows_that_would_overtake_arrive_with_the_one_before() {
    let feed = FeedLeg::Drawn(Leg::Uniform { min_ns: 0, max_ns: 100 * MS });
    let rows: Vec<Raw> = (0..400).map(|n| trade(n * MS, 100 + n, 1, 1)).collect();
    let told = arrivals(&[rows], &["A"], &Legs { feed, ..zero() }, 1);
    assert_eq!(told.len(), 400);
    // Most of them wait: the slowest of the last hundred holds them up.
    let mean = told.iter().map(|(_, ns)| ns).sum::<i64>() / 400;
    assert!(mean > 80 * MS, "{mean}");
}

#[test]
fn the_recorded_clock_is_the_feed_leg() {
    let recorded =
        |skew_ns, otherwise| Legs { feed: FeedLeg::Recorded { skew_ns, otherwise }, ..zero() };
    let stamped = |at_ns: i64, recv_ns: i64| {
        let mut raw = trade(at_ns, 100 + at_ns, 1, 1);
        raw.event.ts_recv_ns = recv_ns;
        raw
    };
    let due = |rows: &[Raw], legs: Legs| -> Vec<i64> {
        let (_, _, told) = run_one(instrument("A"), legs, rows, |_, _| {});
        told.iter()
            .filter_map(|told| {
                if let Told::Event { now_ns, .. } = told { Some(now_ns - T0) } else { None }
            })
            .collect()
    };
    let rows =
        [stamped(10, T0 + 15), stamped(20, T0 + 21), stamped(21, T0 + 60), stamped(30, T0 + 40)];
    assert_eq!(due(&rows, recorded(0, None)), [15, 21, 60, 60]);
    assert_eq!(due(&rows, recorded(3, None)), [18, 24, 63, 63]);
    // A clock that runs behind needs a skew; a row without a clock needs another latency.
    let behind = [stamped(10, T0 + 8), stamped(20, T0 + 22)];
    assert_eq!(due(&behind, recorded(4, None)), [12, 26]);
    let none = [stamped(10, T0 + 12), stamped(20, UNDEF_TIME)];
    assert_eq!(due(&none, recorded(0, Some(Leg::Constant(9)))), [12, 29]);
    for (rows, words) in [(&behind, "-2 ns after that"), (&none, "no receive time was recorded")] {
        let scripted = Scripted::new(|_, _| {});
        let lanes = vec![(lane("l", recorded(0, None)), scripted)];
        let instruments = vec![instrument("A")];
        let fault = run_lanes(instruments, FeedConfig::default(), &[rows.to_vec()], 9, lanes)
            .expect_err("the clock cannot be used");
        let at = rows.iter().find(|raw| {
            raw.event.ts_recv_ns < raw.event.ts_exch_ns || raw.event.ts_recv_ns == UNDEF_TIME
        });
        let ts = at.unwrap().event.ts_exch_ns.to_string();
        assert!(fault.message.contains(words) && fault.message.contains(&ts), "{}", fault.message);
    }
}

/// Sends `count` submits at once and cancels the first of them a second later.
fn burst(throttle: ThrottleConfig, count: u64) -> (u64, Vec<(u64, u8, u16, i64)>) {
    let legs = Legs {
        throttle: Some(throttle),
        submit: Leg::Constant(5),
        cancel: Leg::Constant(2),
        response: Leg::Constant(3),
        ..zero()
    };
    let rows: Vec<Raw> = (0..6).map(|n| book(n * 1_000, &[(100, 5)], &[(101, 5)])).collect();
    let mut step = 0;
    let (summary, _, told) = run_one(instrument("A"), legs, &rows, move |context, told| {
        if let Told::Event { .. } = told {
            step += 1;
            match step {
                1 => (0..count).for_each(|_| {
                    assert!(context.order_submit(&limit(Side::Buy, 50, 1, Tif::Gtc)).is_ok())
                }),
                2 => context.order_cancel(1).unwrap(),
                _ => {}
            }
        }
    });
    let reports = told.iter().filter_map(|told| match told {
        Told::Report { now_ns, report } => {
            assert_eq!(report.ts_local_ns, *now_ns);
            Some((report.order_id, report.kind, report.reason, now_ns - T0))
        }
        _ => None,
    });
    (summary.requests_throttled, reports.collect())
}

#[test]
fn what_the_broker_does_not_let_through_is_refused_or_waits() {
    let (accepted, rejected, cancelled) =
        (ReportKind::Accepted as u8, ReportKind::Rejected as u8, ReportKind::Cancelled as u8);
    let throttled = Reason::Throttled as u16;
    let reject = ThrottleConfig { requests: 2, per_ns: 500, excess: Excess::Reject };
    // Refused requests do not count against the window: the cancel at 1,000 passes.
    assert_eq!(
        burst(reject, 4),
        (
            2,
            vec![
                (1, accepted, 0, 8),
                (2, accepted, 0, 8),
                (3, rejected, throttled, 8),
                (4, rejected, throttled, 8),
                (1, cancelled, 0, 1_005),
            ]
        )
    );
    let wait = ThrottleConfig { excess: Excess::Wait, per_ns: 600, ..reject };
    // Two a window: 3 and 4 leave at 600, 5 at 1,200, the cancel of 1,000 with it.
    assert_eq!(
        burst(wait, 5),
        (
            4,
            vec![
                (1, accepted, 0, 8),
                (2, accepted, 0, 8),
                (3, accepted, 0, 608),
                (4, accepted, 0, 608),
                (5, accepted, 0, 1_208),
                (1, cancelled, 0, 1_208),
            ]
        )
    );
    let closed = ThrottleConfig { requests: 1, per_ns: 5_000, excess: Excess::Reject };
    let (count, told) = burst(closed, 1);
    assert_eq!((count, told[1]), (1, (1, ReportKind::CancelRejected as u8, throttled, 1_005)));
}

#[test]
fn no_window_holds_more_requests_than_allowed() {
    for seed in 0..500 {
        let mut random = Draw::new(seed);
        let requests = 1 + random.below(6) as u32;
        let excess = if random.below(2) == 0 { Excess::Reject } else { Excess::Wait };
        let config = ThrottleConfig { requests, per_ns: 1 + random.below(50) as i64, excess };
        let mut throttle = Throttle::new(config);
        let mut now_ns = T0;
        // The slow twin: every departure, counted over its own window.
        let mut departed: Vec<i64> = Vec::new();
        for _ in 0..200 {
            now_ns += random.below(20) as i64;
            let within = |at_ns: i64, all: &[i64]| {
                all.iter().filter(|t| **t > at_ns - config.per_ns && **t <= at_ns).count()
            };
            let first_free = (now_ns.max(departed.last().copied().unwrap_or(i64::MIN))..)
                .find(|at_ns| within(*at_ns, &departed) < requests as usize)
                .unwrap();
            let want = match excess {
                Excess::Reject => (first_free == now_ns).then_some(now_ns),
                Excess::Wait => Some(first_free),
            };
            assert_eq!(throttle.depart_ns(now_ns), want, "seed {seed}");
            departed.extend(want);
        }
    }
}
