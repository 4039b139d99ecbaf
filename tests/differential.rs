//! The whole exchange against its naive twin: every answer, in order, over random scripts of submits, amends and cancels
//! of every side, type and time in force, with latency, sessions, invalid rows and prints of unknown aggressor.
//!
//! `law_evidence.rs` holds fills of the plain case; here reports, reasons, queues ahead and exchange times are held too.
//! A failure prints its seed, and `BT_SEED=n cargo test --test differential` runs that one alone.

#[path = "naive/exchange.rs"]
mod naive;
mod support;

use btcore::feed::FeedConfig;
use btcore::latency::Latency;
use btcore::wire::{
    Evidence, Instrument, OrderReq, OrderType, Reason, ReportKind, Session, Side, TickStep, Tif,
    flags, kind,
};
use naive::{Answer, Arrival, Ask, Naive, What};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use support::*;

/// The tape's grid. Latencies lie on it too, so that requests, rows and boundaries meet in one instant.
const STEP_NS: i64 = 10;

fn random_book(draw: &mut Draw, at_ns: i64, mid: i64, depth_max: u64) -> Raw {
    let mut side = |step: i64, start: i64| {
        let mut price = start;
        let count = if draw.below(8) == 0 { draw.below(depth_max) } else { depth_max };
        let mut levels = Vec::new();
        for _ in 0..count {
            levels.push((price, 1 + draw.below(6) as u32));
            price += step * if draw.below(4) == 0 { 2 } else { 1 };
        }
        levels
    };
    let (bids, asks) = (side(-1, mid), side(1, mid + 1));
    match draw.below(20) {
        0 => book(at_ns, &[(mid + 2, 3)], &[(mid - 1, 3)]),
        1 => book(at_ns, &[], &[]),
        _ => book(at_ns, &bids, &asks),
    }
}

fn tape(draw: &mut Draw, depth_max: u64) -> Vec<Raw> {
    let (mut at_ns, mut mid) = (0, 100);
    let mut rows = Vec::new();
    while rows.len() < 60 {
        mid += draw.below(3) as i64 - 1;
        let mut raw = if draw.below(3) == 0 {
            let price = mid - 2 + draw.below(6) as i64;
            trade(at_ns, price, 1 + draw.below(12) as u32, draw.below(3) as i8 - 1)
        } else {
            random_book(draw, at_ns, mid, depth_max)
        };
        if draw.below(25) == 0 {
            raw.event.flags |= flags::SENTINEL;
        }
        // Trades come before the one book of an instant, as the order of rows demands.
        at_ns += match raw.event.kind {
            kind::TRADE if draw.below(2) == 0 => 0,
            _ => STEP_NS * (1 + draw.below(2) as i64),
        };
        raw.seq = rows.len() as u64 + 1;
        rows.push(raw);
    }
    rows
}

fn random_request(draw: &mut Draw, mid: i64) -> OrderReq {
    let side = if draw.below(2) == 0 { Side::Buy } else { Side::Sell };
    let tif = [Tif::Rod, Tif::Rod, Tif::Gtc, Tif::Gtc, Tif::Ioc, Tif::Fok][draw.below(6) as usize];
    let mut req = limit(side, mid - 4 + draw.below(9) as i64, 1 + draw.below(7) as u32, tif);
    match draw.below(24) {
        0 => req.price += E6 / 2,
        1 => req.price = [70, 130][draw.below(2) as usize] * E6,
        2 => req.qty = 21,
        3..6 => (req.order_type, req.price) = (OrderType::Market as u8, 0),
        _ => {}
    }
    req.post_only = u8::from(draw.below(6) == 0);
    req
}

fn ask_of(req: &OrderReq) -> Ask {
    Ask::New {
        side: Side::from_u8(req.side).expect("a side"),
        order_type: OrderType::from_u8(req.order_type).expect("a type"),
        tif: Tif::from_u8(req.tif).expect("a time in force"),
        post_only: req.post_only == 1,
        price: req.price,
        qty: req.qty,
    }
}

fn report_kind(value: u8) -> ReportKind {
    use ReportKind::*;
    let all = [Accepted, Rejected, Amended, AmendRejected, Cancelled, CancelRejected, Expired];
    *all.iter().find(|kind| **kind as u8 == value).expect("a kind")
}

fn evidence(value: u8) -> Evidence {
    use Evidence::*;
    *[Through, At, Crossed, Taken].iter().find(|e| **e as u8 == value).expect("an evidence")
}

/// What the lane was told, as the twin says it. The queue ahead is in the rows that the lane wrote.
fn answers(told: &[Told], written: &Written) -> Vec<Answer> {
    let mut fills = written.fills.iter();
    let answer = |t: &Told| match t {
        Told::Report { report: r, .. } => {
            let what = What::Report(report_kind(r.kind), r.reason());
            Some((r.ts_exch_ns, r.order_id, r.price, r.qty, r.leaves_qty, what))
        }
        Told::Fill { fill: f, .. } => {
            let ahead = fills.next().expect("a fill is written when it is told").ahead_qty[1];
            let ahead = (ahead != u32::MAX).then_some(ahead);
            let what = What::Fill(evidence(f.evidence), ahead);
            Some((f.ts_exch_ns, f.order_id, f.price, f.qty, f.leaves_qty, what))
        }
        _ => None,
    };
    told.iter().filter_map(answer).collect()
}

/// What one script met: reasons, evidences and requests that the client refused.
#[derive(Default)]
struct Seen {
    reasons: BTreeMap<u16, u64>,
    evidences: BTreeMap<u8, u64>,
    unknown_ahead: u64,
    amended: u64,
    not_found: u64,
}

fn one(seed: u64, seen: &mut Seen) {
    let mut draw = Draw::new(seed);
    let depth_max = [2, 3, 5][draw.below(3) as usize];
    let session = |open: i64, close: i64| {
        Session::continuous(T0 + open * STEP_NS, T0 + close * STEP_NS, 20260408)
    };
    let sessions = match draw.below(3) {
        0 => vec![],
        1 => vec![session(-5, 40), session(40, 90)],
        _ => vec![session(3, 30), session(45, 90)],
    };
    let venue = Instrument {
        ticks: vec![TickStep { price_from: 0, tick: E6 }],
        limit_down: 80 * E6,
        limit_up: 120 * E6,
        depth_max: depth_max as u8,
        order_qty_max: 20,
        sessions,
        ..instrument("A")
    };
    let mut leg = |end: u64| draw.below(end) as i64 * STEP_NS;
    let latency = Latency {
        feed_ns: leg(3),
        submit_ns: leg(4),
        amend_ns: leg(4),
        cancel_ns: leg(4),
        response_ns: leg(12),
    };
    let rows = tape(&mut draw, depth_max);

    // The strategy: up to two requests on each row, all drawn beforehand from the seed. It notes what was sent.
    let sent: Rc<RefCell<Vec<(i64, u64, Ask)>>> = Rc::default();
    let refused: Rc<RefCell<Vec<(i64, u64)>>> = Rc::default();
    let (noted, noted_refused) = (sent.clone(), refused.clone());
    let mut next_id = 1;
    let scripted = Scripted::new(move |context, told| {
        let Told::Event { event, .. } = told else { return };
        if event.kind > kind::TRADE {
            return;
        }
        let now_ns = context.now_ns();
        for _ in 0..draw.below(3) {
            let id = 1 + draw.below(next_id);
            let price = (96 + draw.below(10) as i64) * E6;
            let qty = 1 + draw.below(8) as u32;
            match draw.below(5) {
                0 => match context.order_cancel(id) {
                    Ok(()) => noted.borrow_mut().push((now_ns, id, Ask::Cancel)),
                    // Order `next_id` is not there yet; one before it may be gone.
                    Err(_) if id < next_id => noted_refused.borrow_mut().push((now_ns, id)),
                    Err(_) => {}
                },
                1 => match context.order_amend(id, price, qty) {
                    Ok(()) => noted.borrow_mut().push((now_ns, id, Ask::Amend { price, qty })),
                    // Order `next_id` is not there yet; one before it may be gone.
                    Err(_) if id < next_id => noted_refused.borrow_mut().push((now_ns, id)),
                    Err(_) => {}
                },
                _ => {
                    let req = random_request(&mut draw, price / E6);
                    let id = context.order_submit(&req).expect("there is room");
                    assert_eq!(id, next_id, "ids count from 1");
                    next_id += 1;
                    noted.borrow_mut().push((now_ns, id, ask_of(&req)));
                }
            }
        }
    });
    let told = scripted.told.clone();
    let mut config = lane("l", latency);
    config.capacity.orders_live = 256;
    config.capacity.in_flight = 1_024;
    let outcome = run_lanes(
        vec![venue.clone()],
        FeedConfig { window_rows: 64, ..FeedConfig::default() },
        std::slice::from_ref(&rows),
        1 + (seed as usize % 7),
        vec![(config, scripted)],
    )
    .unwrap_or_else(|fault| panic!("seed {seed}: {fault}"));
    let (summary, written) = &outcome.lanes[0];
    assert_eq!(summary.taken_forgotten, 0, "seed {seed}: prices stay within the table");

    // One line of requests: none overtakes another. What would arrive behind the last row's delivery never does.
    let end_ns = rows[rows.len() - 1].event.ts_exch_ns + latency.feed_ns;
    let mut line_ns = i64::MIN;
    let arrivals: Vec<Arrival> = sent
        .borrow()
        .iter()
        .map(|(sent_ns, order_id, ask)| {
            let leg_ns = match ask {
                Ask::New { .. } => latency.submit_ns,
                Ask::Amend { .. } => latency.amend_ns,
                Ask::Cancel => latency.cancel_ns,
            };
            line_ns = line_ns.max(sent_ns + leg_ns);
            Arrival { ts_ns: line_ns, order_id: *order_id, ask: *ask }
        })
        .filter(|arrival| arrival.ts_ns <= end_ns)
        .collect();
    let expected = Naive::run(&venue, &rows, &arrivals);
    let got = answers(&told.borrow(), written);
    let differs = got.iter().zip(&expected).position(|(a, b)| a != b);
    if let Some(at) =
        differs.or((got.len() != expected.len()).then(|| got.len().min(expected.len())))
    {
        panic!("seed {seed}, answer {at}:\n core {:?}\n twin {:?}", got.get(at), expected.get(at));
    }

    // The client refuses exactly the orders whose end it was told (at a tie, what was told first is known).
    let mut ends: BTreeMap<u64, i64> = BTreeMap::new();
    for (ts_ns, id, _, _, leaves, what) in &expected {
        let is_end = match what {
            What::Report(kind, _) => {
                matches!(kind, ReportKind::Rejected | ReportKind::Cancelled | ReportKind::Expired)
            }
            What::Fill(..) => *leaves == 0,
        };
        if is_end {
            assert!(
                ends.insert(*id, ts_ns + latency.response_ns).is_none(),
                "one end, seed {seed}"
            );
        }
    }
    for (now_ns, id) in refused.borrow().iter() {
        let was_told = ends.get(id).is_some_and(|told_ns| told_ns <= now_ns);
        assert!(was_told, "seed {seed}: order {id} refused at {now_ns}");
        seen.not_found += 1;
    }
    for (sent_ns, id, ask) in sent.borrow().iter() {
        let is_known_gone = ends.get(id).is_some_and(|told_ns| told_ns < sent_ns);
        assert!(!is_known_gone || matches!(ask, Ask::New { .. }), "seed {seed}: order {id}");
    }
    for (.., what) in &expected {
        match what {
            What::Report(kind, reason) => {
                *seen.reasons.entry(*reason as u16).or_default() += 1;
                seen.amended += u64::from(*kind == ReportKind::Amended);
            }
            What::Fill(evidence, ahead) => {
                *seen.evidences.entry(*evidence as u8).or_default() += 1;
                seen.unknown_ahead += u64::from(ahead.is_none());
            }
        }
    }
}

#[test]
fn every_answer_is_the_naive_twin_s() {
    let mut seen = Seen::default();
    if let Some(seed) = std::env::var("BT_SEED").ok().and_then(|seed| seed.parse().ok()) {
        return one(seed, &mut seen);
    }
    for seed in 0..4_000 {
        one(seed, &mut seen);
    }
    // The plain exchange without a broker before it: what beliefs, throttles and auctions add has tests of its own.
    let added = [
        Reason::Throttled,
        Reason::TypeNotAllowed,
        Reason::NoProtectionBase,
        Reason::OwnCross,
        Reason::Frozen,
        Reason::PriceBand,
    ];
    for reason in Reason::ALL.into_iter().filter(|reason| !added.contains(reason)) {
        let count = seen.reasons.get(&(reason as u16)).copied().unwrap_or(0);
        assert!(count > 100, "{} was met {count} times", reason.name());
    }
    assert!(seen.evidences.len() == 4 && seen.evidences.values().all(|n| *n > 1_000));
    assert!(
        seen.unknown_ahead > 100 && seen.amended > 1_000 && seen.not_found > 1_000,
        "{} {} {}",
        seen.unknown_ahead,
        seen.amended,
        seen.not_found
    );
}
