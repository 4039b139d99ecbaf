//! The tracer: what it writes of an order made by hand, row by row, and that it changes nothing of any run.
//!
//! A failure of the random comparison prints its seed, and `BT_SEED=n cargo test --test trace` runs that one alone.

mod support;

use btcore::engine::{Context, LaneConfig};
use btcore::exchange::{
    Advance, Estimate, ExchangeConfig, Join, LOT, Netting, QueueModel, ThroughFills, Unseen,
};
use btcore::feed::FeedConfig;
use btcore::latency::Latency;
use btcore::wire::{
    AHEAD_UNKNOWN, Displayed, Instrument, Place, Session, Side, Tif, TraceRow, TraceWhat, kind,
};
use support::*;

fn ahead_text(parts: i64) -> String {
    let tenths = (parts as f64 / LOT as f64 * 10.0).round() / 10.0;
    if parts == AHEAD_UNKNOWN { "?".into() } else { tenths.to_string() }
}

fn place_text(place: Option<Place>) -> String {
    let Some(place) = place else { return "-".into() };
    let shown = match place.displayed {
        Displayed::Unknown => "unknown".into(),
        Displayed::Empty => "empty".into(),
        Displayed::Lots(lots) => lots.to_string(),
    };
    format!("{shown}:{}", place.ahead.map(ahead_text).join("/"))
}

/// A row as one line: time, what, place before and after, filled by it and so far, netted.
fn line(row: &TraceRow) -> String {
    let what = match row.what {
        TraceWhat::ToldReport(report) => format!("ToldReport({})", report.kind),
        TraceWhat::ToldFill(fill) => format!("ToldFill({} by {})", fill.qty, fill.evidence),
        what => format!("{what:?}"),
    };
    let places = format!("{} -> {}", place_text(row.before), place_text(row.after));
    let mark = if row.is_change() { "" } else { " (nothing)" };
    format!(
        "{} {what} {places} lots {:?} of {:?} netted {}{mark}",
        row.ts_ns - T0,
        row.lots,
        row.filled,
        row.netted
    )
}

#[test]
fn the_life_of_an_order_is_told_row_by_row() {
    let asks = [(104, 9), (105, 9)];
    let bids = |qty| [(100, qty), (99, 5)];
    let rows = [
        book(0, &bids(8), &asks),
        // Two leave, and print afterwards: counted once.
        book(10, &bids(6), &asks),
        trade(20, 100, 2, -1),
        // Four print, and leave afterwards: counted once.
        trade(30, 100, 4, -1),
        book(40, &bids(2), &asks),
        // Out of view and back.
        book(50, &[(103, 1), (102, 1)], &asks),
        book(60, &bids(5), &asks),
        // Two cancel, whom the model sees ahead and the longest queue behind; then nothing happens.
        book(65, &bids(3), &asks),
        book(67, &bids(3), &asks),
        // Fills the model's order whole, then the longest queue's: at its price, and through it.
        trade(70, 100, 2, -1),
        trade(80, 100, 1, -1),
        trade(85, 99, 3, -1),
        book(90, &bids(3), &asks),
    ];
    let exchange = ExchangeConfig {
        queue: QueueModel { join: Join::Displayed, advance: Advance::FrontOptimistic },
        netting: Netting::NextBook,
        ..lane("l", Latency::default()).exchange
    };
    let config =
        LaneConfig { exchange, ..lane("l", Latency { response_ns: 2, ..Latency::default() }) };
    let code = Scripted::new(|context: &mut Context<'_>, told| {
        if matches!(told, Told::Event { now_ns, .. } if *now_ns == T0) {
            context.order_submit(&limit(Side::Buy, 100, 2, Tif::Rod)).expect("it is sent");
        }
    });
    let two = Instrument { depth_max: 2, ..instrument("A") };
    let feed = FeedConfig::default();
    let outcome = run_traced(vec![two], feed, &[rows.to_vec()], 3, vec![(config, code)], Some(1));
    let written = &outcome.expect("it runs").lanes[0].1;
    let lines: Vec<String> = written.trace.iter().map(line).collect();
    let none = "lots [0, 0, 0] of [0, 0, 0] netted 0";
    let expected = [
        format!("0 SentSubmit - -> - {none}"),
        format!("0 Answered(Accepted, None) - -> - {none}"),
        format!("0 Joined - -> 8:?/8/6 {none}"),
        format!("2 ToldReport(1) - -> - {none}"),
        format!("10 Book 8:?/8/6 -> 6:6/6/6 {none}"),
        "20 PrintAt 6:6/6/6 -> 6:6/6/6 lots [0, 0, 0] of [0, 0, 0] netted 2".into(),
        format!("30 PrintAt 6:6/6/6 -> 6:2/2/2 {none}"),
        "40 Book 6:2/2/2 -> 2:2/2/2 lots [0, 0, 0] of [0, 0, 0] netted 4".into(),
        format!("50 Book 2:2/2/2 -> unknown:2/2/2 {none}"),
        format!("60 Book unknown:2/2/2 -> 5:2/2/2 {none}"),
        format!("65 Book 5:2/2/2 -> 3:2/0/0 {none}"),
        format!("67 Book 3:2/0/0 -> 3:2/0/0 {none} (nothing)"),
        "70 PrintAt 3:2/0/0 -> 3:0/0/0 lots [0, 2, 2] of [0, 2, 2] netted 0".into(),
        "70 Haunts 3:0/0/0 -> 3:0/0/0 lots [0, 0, 0] of [0, 2, 2] netted 0".into(),
        format!("72 ToldFill(2 by 2) - -> - {none}"),
        "80 PrintAt 3:0/0/0 -> 3:0/0/0 lots [1, 0, 0] of [1, 2, 2] netted 0".into(),
        "85 PrintThrough 3:0/0/0 -> 3:0/0/0 lots [1, 0, 0] of [2, 2, 2] netted 0".into(),
        "85 Gone 3:0/0/0 -> 3:0/0/0 lots [0, 0, 0] of [2, 2, 2] netted 0".into(),
    ];
    assert_eq!(lines, expected, "{lines:#?}");
}

/// Sessions with a pause in between, so that orders lapse, and others lose sight of their price.
fn sessions() -> Vec<Session> {
    let close_ns = T0 + 900;
    vec![
        Session::continuous(T0 - 1_000, close_ns, 20260408),
        Session::continuous(close_ns + 50, T0 + 1_000_000, 20260409),
    ]
}

fn tape(draw: &mut Draw) -> Vec<Raw> {
    let mut rows = Vec::new();
    let (mut at_ns, mut mid) = (0, 100);
    for seq in 1..=120 {
        mid += draw.below(5) as i64 / 2 - 1;
        let mut raw = if draw.below(3) == 0 {
            let price = mid - 1 + draw.below(4) as i64;
            trade(at_ns, price, 1 + draw.below(6) as u32, draw.below(3) as i8 - 1)
        } else {
            let mut side = |step: i64, start: i64| -> Vec<(i64, u32)> {
                (0..3).map(|n| (start + step * n, 1 + draw.below(5) as u32)).collect()
            };
            let (bids, asks) = (side(-1, mid), side(1, mid + 1));
            book(at_ns, &bids, &asks)
        };
        raw.seq = seq;
        rows.push(raw);
        at_ns += if raw.event.kind == kind::TRADE { 0 } else { 10 + 10 * draw.below(2) as i64 };
    }
    rows
}

/// A strategy of whims: the same ones for the same seed.
fn whims(seed: u64) -> Scripted {
    let (mut draw, mut sent) = (Draw::new(seed), 0);
    Scripted::new(move |context: &mut Context<'_>, told| {
        let Told::Event { event, .. } = told else { return };
        if event.kind != kind::BOOK || draw.below(4) > 0 {
            return;
        }
        let side = if draw.below(2) == 0 { Side::Buy } else { Side::Sell };
        let touch = if side == Side::Buy { event.bid_price } else { event.ask_price } / E6;
        let price = touch - 2 + draw.below(5) as i64;
        let qty = 1 + draw.below(4) as u32;
        // Refusals are part of the game.
        match draw.below(8) {
            0 => drop(context.order_cancel(1 + draw.below(sent + 1))),
            1 => drop(context.order_amend(1 + draw.below(sent + 1), price * E6, qty)),
            _ if sent < 12 => {
                let tif = [Tif::Rod, Tif::Gtc, Tif::Gtc, Tif::Ioc][draw.below(4) as usize];
                context.order_submit(&limit(side, price, qty, tif)).expect("it is sent");
                sent += 1;
            }
            _ => {}
        }
    })
}

fn beliefs(draw: &mut Draw) -> ExchangeConfig {
    let pick = |draw: &mut Draw, end| draw.below(end) as usize;
    ExchangeConfig {
        queue: QueueModel {
            join: [Join::Displayed, Join::NextBook, Join::Proportional][pick(draw, 3)],
            advance: [
                Advance::RiskAverse,
                Advance::ProRata,
                Advance::Power3(5),
                Advance::Part(LOT / 2),
            ][pick(draw, 4)],
        },
        estimate: Estimate::ALL[pick(draw, 3)],
        netting: [Netting::TradeFirst, Netting::NextBook, Netting::Window(35)][pick(draw, 3)],
        unseen: [Unseen::Wait, Unseen::Mean, Unseen::Nobody][pick(draw, 3)],
        through: [ThroughFills::Volume, ThroughFills::Full][pick(draw, 2)],
        ghosts_max: [1, 16][pick(draw, 2)],
        ..ExchangeConfig::RISK_AVERSE
    }
}

#[test]
fn tracing_an_order_changes_nothing_and_ends_where_it_ended() {
    let only = std::env::var("BT_SEED").ok().map(|seed| seed.parse().expect("BT_SEED is a number"));
    let seeds: Vec<u64> = only.map_or_else(|| (0..300).collect(), |seed| vec![seed]);
    let (mut moves, mut fills, mut ghosts, mut blind) = (0, 0, 0, 0);
    for seed in seeds {
        let mut draw = Draw::new(seed);
        let (rows, exchange) = (tape(&mut draw), beliefs(&mut draw));
        let latency =
            Latency { submit_ns: 15, cancel_ns: 25, response_ns: 5, ..Latency::default() };
        let run = |traced| {
            let code = whims(seed);
            let told = code.told.clone();
            let it = Instrument { depth_max: 3, sessions: sessions(), ..instrument("A") };
            let config = LaneConfig { exchange, ..lane("l", latency) };
            let feed = FeedConfig::default();
            let streams = [rows.clone()];
            let done = run_traced(vec![it], feed, &streams, 50, vec![(config, code)], traced);
            let (summary, written) = done.expect("it runs").lanes.remove(0);
            (summary, written, told.take())
        };
        let plain = run(None);
        assert!(plain.1.trace.is_empty(), "seed {seed}: nothing is traced unasked");
        for order_id in 1..=plain.0.orders {
            let mut traced = run(Some(order_id));
            let trace = std::mem::take(&mut traced.1.trace);
            assert!(traced == plain, "seed {seed}: tracing order {order_id} changed the run");
            let place = format!("seed {seed}, order {order_id}");
            let row = plain.1.queues.iter().find(|row| row.order_id == order_id);
            let last = trace.iter().rev().find_map(|row| row.after);
            let ahead = last.map(|place| {
                place.ahead.map(|parts| match parts {
                    AHEAD_UNKNOWN => u32::MAX,
                    parts => (parts as u64).div_ceil(LOT as u64) as u32,
                })
            });
            assert_eq!(ahead, row.map(|row| row.ahead_qty), "{place}: the queue ahead");
            let filled = trace
                .iter()
                .map(|row| row.lots)
                .fold([0; 3], |sum, lots| std::array::from_fn(|world| sum[world] + lots[world]));
            assert!(row.is_none_or(|row| row.filled_qty == filled), "{place}: {filled:?}");
            for pair in trace.windows(2) {
                assert!(pair[0].ts_ns <= pair[1].ts_ns, "{place}: time runs back");
            }
            // Between two rows nothing moves: what is not told did not happen.
            let moved: Vec<&TraceRow> = trace.iter().filter(|row| row.after.is_some()).collect();
            for pair in moved.windows(2) {
                assert_eq!(pair[0].after, pair[1].before, "{place}: moved unseen");
            }
            let told = trace.iter().filter(|row| matches!(row.what, TraceWhat::ToldFill(_)));
            let written = plain.1.fills.iter().filter(|row| row.fill.order_id == order_id);
            assert_eq!(told.count(), written.count(), "{place}: fills told");
            let is = |what| trace.iter().filter(|row| row.what == what).count();
            moves += trace.iter().filter(|row| row.is_change()).count();
            fills += filled.iter().filter(|lots| **lots > 0).count();
            ghosts += is(TraceWhat::Haunts);
            blind += is(TraceWhat::SightLost);
        }
    }
    if only.is_none() {
        let met = (moves, fills, ghosts, blind);
        assert!(moves > 10_000 && fills > 1_000 && ghosts > 20 && blind > 100, "{met:?}");
    }
}

#[test]
fn a_tracer_must_be_set_before_the_run() {
    let code = Scripted::new(|_: &mut Context<'_>, _| {});
    let lanes = vec![(lane("l", Latency::default()), code)];
    let slots = lanes
        .into_iter()
        .map(|(config, code)| {
            let slot = btcore::engine::StrategySlot { name: "s".into(), params: vec![], code };
            (config, vec![slot])
        })
        .collect();
    let feed = FeedConfig::default();
    let mut replay =
        btcore::engine::Replay::new(vec![instrument("A")], feed, 1, slots).expect("it is valid");
    assert!(replay.trace(1, 1).is_err(), "there is one lane");
    replay.trace(0, 1).expect("it has not started");
    replay.close(0);
    replay.run().expect("an empty run");
    assert!(replay.trace(0, 1).expect_err("it has started").message.contains("has started"));
}
