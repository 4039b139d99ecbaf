//! What the synthetic exchange promises, held against a naive twin and against pinned digests.

mod twin;

use std::collections::BTreeMap;

use super::profile::{self, Builder, TXF_APRIL_2026};
use super::{
    Body, End, L3Event, PRESETS, SessionSpan, Synth, SynthConfig, SynthError, SynthRow, parquet,
};
use twin::Twin;

const MINUTE_NS: i64 = 60_000_000_000;

fn config(preset: &str, minutes: i64) -> SynthConfig {
    let cfg = SynthConfig::preset(preset).expect("the preset exists");
    let start_ts_ns = cfg.sessions[0].start_ts_ns;
    cfg.with_session(start_ts_ns, minutes * MINUTE_NS)
}

/// BLAKE3 over fixed little-endian records of every row.
fn digest(rows: impl Iterator<Item = SynthRow>) -> String {
    let mut hasher = blake3::Hasher::new();
    for row in rows {
        hasher.update(&row.ts_exch_ns.to_le_bytes());
        hasher.update(&row.seq_no.to_le_bytes());
        match row.body {
            Body::Book { bids, asks } => {
                for side in [bids, asks] {
                    hasher.update(&(side.len() as u64).to_le_bytes());
                    for (price_e6, lots) in side {
                        hasher.update(&price_e6.to_le_bytes());
                        hasher.update(&lots.to_le_bytes());
                    }
                }
            }
            Body::Trade { price_e6, qty_lots, side } => {
                hasher.update(&price_e6.to_le_bytes());
                hasher.update(&qty_lots.to_le_bytes());
                hasher.update(&side.to_le_bytes());
            }
        }
    }
    hasher.finalize().to_hex().to_string()
}

/// Equal configs give equal rows, here and everywhere; a change of these is a change of results.
#[test]
fn digests_are_golden() {
    for (preset, golden) in GOLDEN {
        let cfg = config(preset, 30);
        let rows = || Synth::new(cfg.clone()).expect("the preset is valid");
        let first = digest(rows());
        assert_eq!(first, digest(rows()), "{preset} is not repeatable");
        let other = SynthConfig { seed: cfg.seed + 1, ..cfg.clone() };
        assert_ne!(first, digest(Synth::new(other).expect("the preset is valid")));
        assert_eq!(first, golden, "{preset}");
    }
}

const GOLDEN: [(&str, &str); 4] = [
    ("txf", "af34ed4116cc5c6fab885c24f19af532df05e02787c96536614a38143082f3e9"),
    ("queue_heavy", "8f27a7d2982165f78aebf2d44b423d722f6f987ef4af0bc2087d5f2be8d68a58"),
    ("rush", "bc7e23b9e4809f8c06df02d6106c714f923d752670843c5f831e80054786e502"),
    ("thin", "b900c1d47d3976bf82a83976609d9a07584a20e7a6eebb8f84f65dad70eb8df0"),
];

/// Runs a tape and its twin side by side, checking every row, trade, and order.
fn hold_against_twin(cfg: SynthConfig) -> Twin {
    hold_tampered(cfg, |_| ())
}

/// The same, after `tamper` had its way with the published rows.
fn hold_tampered(cfg: SynthConfig, tamper: fn(&mut Vec<SynthRow>)) -> Twin {
    let cfg = SynthConfig { record_truth: true, record_l3: true, ..cfg };
    let spans = cfg.sessions.clone();
    let mut synth = Synth::new(cfg).expect("the config is valid");
    let mut rows: Vec<SynthRow> = Vec::new();
    let mut events: Vec<L3Event> = Vec::new();
    let mut truth = BTreeMap::new();
    while let Some(row) = synth.next() {
        rows.push(row);
        events.extend(synth.drain_l3());
        truth.extend(synth.drain_truth().map(|t| (t.order_id, t)));
    }
    events.extend(synth.drain_l3());
    truth.extend(synth.drain_truth().map(|t| (t.order_id, t)));

    tamper(&mut rows);
    let mut twin = Twin::default();
    let mut session = 0;
    let mut open_lots = 0;
    let mut events = events.into_iter().peekable();
    for row in &rows {
        while row.ts_exch_ns >= spans[session].end_ts_ns {
            let end_ts_ns = spans[session].end_ts_ns;
            while let Some(event) = events.next_if(|e| e.ts_exch_ns < end_ts_ns) {
                twin.apply(&event, spans[session].start_ts_ns);
            }
            open_lots += twin.resting_lots();
            twin.clear();
            session += 1;
        }
        // A book shows what came after the row before it and by its own stamp; a trade's events
        // carry its own number.
        let is_trade = matches!(row.body, Body::Trade { .. });
        let due = |e: &L3Event| {
            e.after_seq_no < row.seq_no && e.ts_exch_ns <= row.ts_exch_ns
                || is_trade && e.after_seq_no == row.seq_no
        };
        while let Some(event) = events.peek().copied()
            && due(&event)
            && (!is_trade || event.after_seq_no < row.seq_no || is_exec(&event))
        {
            events.next();
            twin.apply(&event, spans[session].start_ts_ns);
        }
        twin.check(row);
    }
    for event in events {
        twin.apply(&event, spans[session].start_ts_ns);
    }
    open_lots += twin.resting_lots();
    let trades = rows.iter().filter(|r| matches!(r.body, Body::Trade { .. })).count();
    assert_eq!(twin.trades.len(), trades, "a trade was not published");
    compare_truth(&twin, &truth);
    let stats = synth.stats();
    assert_eq!(stats.open_lots, open_lots);
    assert_eq!(stats.added_lots, stats.filled_lots + stats.cancelled_lots + stats.open_lots);
    assert_eq!(stats.added_lots, truth.values().map(|t| t.qty_lots).sum::<i64>());
    twin
}

fn is_exec(event: &L3Event) -> bool {
    event.action == super::L3Action::Exec
}

fn compare_truth(twin: &Twin, truth: &BTreeMap<u64, super::TruthRow>) {
    assert_eq!(twin.truth.len(), truth.len());
    for (id, told) in truth {
        let mut derived = twin.truth[id];
        if told.tag == 1 {
            derived.opp_best_e6 = told.opp_best_e6;
        }
        assert_eq!(*told, derived);
        let left = told.qty_lots - told.filled_lots - told.cancelled_lots;
        assert_eq!(left == 0, told.end != End::Open, "{told:?}");
    }
}

#[test]
fn every_row_and_order_equals_the_twin() {
    for preset in PRESETS {
        for seed in 1..=3 {
            let minutes = if preset == "queue_heavy" { 3 } else { 15 };
            let twin = hold_against_twin(SynthConfig { seed, ..config(preset, minutes) });
            assert!(preset == "thin" || twin.truth.values().any(|t| t.end == End::Filled));
        }
    }
}

#[test]
fn twin_agrees_without_throttle_and_on_a_1_ns_grid() {
    for (preset, ts_grid_ns) in [("txf", 1), ("thin", 1), ("txf", 1_000_000)] {
        let cfg = config(preset, 5);
        hold_against_twin(SynthConfig { book_interval_ns: 0, ts_grid_ns, ..cfg });
    }
}

#[test]
fn twin_agrees_over_two_sessions() {
    let mut cfg = config("txf", 5);
    let end_ts_ns = cfg.sessions[0].end_ts_ns;
    let second = SessionSpan { start_ts_ns: end_ts_ns, end_ts_ns: end_ts_ns + 3 * MINUTE_NS };
    cfg.sessions.push(second);
    let twin = hold_against_twin(cfg);
    assert!(twin.truth.values().any(|t| t.tag == 1 && t.add_ts_ns == end_ts_ns));
}

/// The canary: a single lot too many in a single book must not pass.
#[test]
#[should_panic(expected = "bids of row")]
fn the_twin_notices_one_false_lot() {
    hold_tampered(config("txf", 2), |rows| {
        let book = rows.iter_mut().rev().find_map(|row| match &mut row.body {
            Body::Book { bids, .. } => bids.last_mut(),
            Body::Trade { .. } => None,
        });
        book.expect("there are books").1 += 1;
    });
}

#[test]
fn rows_are_in_order_sane_and_on_the_grid() {
    for preset in PRESETS {
        let cfg = config(preset, 60);
        let (interval, grid, tick) = (cfg.book_interval_ns, cfg.ts_grid_ns, cfg.tick_e6);
        let span = cfg.sessions[0];
        let mut last: Option<SynthRow> = None;
        for row in Synth::new(cfg).expect("the preset is valid") {
            assert_eq!(row.seq_no, last.as_ref().map_or(0, |l| l.seq_no) + 1);
            assert!(last.as_ref().is_none_or(|l| l.ts_exch_ns <= row.ts_exch_ns));
            assert!(span.start_ts_ns <= row.ts_exch_ns && row.ts_exch_ns < span.end_ts_ns);
            assert_eq!(row.ts_exch_ns % grid, 0);
            let same = last.as_ref().is_some_and(|l| l.ts_exch_ns == row.ts_exch_ns);
            match &row.body {
                Body::Book { bids, asks } => {
                    assert_eq!((row.ts_exch_ns - span.start_ts_ns) % interval, 0);
                    assert!(bids.windows(2).all(|w| w[0].0 > w[1].0));
                    assert!(asks.windows(2).all(|w| w[0].0 < w[1].0));
                    assert!(bids.iter().chain(asks).all(|l| l.1 > 0 && l.0 % tick == 0));
                    if let (Some(bid), Some(ask)) = (bids.first(), asks.first()) {
                        assert!(bid.0 < ask.0, "crossed or locked");
                    }
                }
                Body::Trade { price_e6, qty_lots, side } => {
                    assert!(*qty_lots > 0 && price_e6 % tick == 0 && side.abs() == 1);
                    let after = last.as_ref().is_some_and(|l| matches!(l.body, Body::Book { .. }));
                    assert!(!(same && after) || row.ts_exch_ns == span.start_ts_ns);
                }
            }
            last = Some(row);
        }
        assert!(last.is_some(), "{preset} is empty");
    }
}

#[test]
fn memory_does_not_grow_with_the_tape() {
    for preset in PRESETS {
        let slots = |minutes| {
            let mut synth = Synth::new(config(preset, minutes)).expect("the preset is valid");
            synth.by_ref().for_each(drop);
            (synth.order_slots(), synth.stats())
        };
        let ((short, _), (long, stats)) = (slots(30), slots(300));
        assert!(long < 2 * short + 50, "{preset}: {short} slots became {long}");
        assert_eq!(stats.dropped_orders, 0);
    }
}

#[test]
fn a_full_slab_drops_orders_and_says_so() {
    let cfg = SynthConfig { orders_max: 20, ..config("txf", 5) };
    let mut synth = Synth::new(cfg).expect("the config is valid");
    synth.by_ref().for_each(drop);
    assert!(synth.order_slots() <= 20);
    assert!(synth.stats().dropped_orders > 0);
}

/// Loose on purpose: the tape must look like TXF, not be it.
#[test]
fn the_default_looks_like_txf() {
    let cfg = SynthConfig::default();
    let mut builder = Builder::new(cfg.tick_e6);
    let span_ns = cfg.duration_ns();
    let synth = Synth::new(cfg).expect("the default is valid");
    let rows = synth.inspect(|row| builder.push(row)).count();
    assert!((90_000..220_000).contains(&rows), "{rows} rows");
    let made = builder.finish(span_ns);
    let text = profile::table(("synthetic", &made), ("TXF", &TXF_APRIL_2026));
    for ((name, got), (_, want)) in made.figures().into_iter().zip(TXF_APRIL_2026.figures()) {
        let bound = if name.starts_with("holes") || name.contains("var") { 2.5 } else { 1.5 };
        assert!(got < want * bound && got > want / bound, "{name}\n{text}");
    }
}

#[test]
fn queue_heavy_is_queue_heavy_and_thin_is_thin() {
    let measure = |preset| {
        let cfg = config(preset, 120);
        let (mut builder, span_ns) = (Builder::new(cfg.tick_e6), cfg.duration_ns());
        Synth::new(cfg).expect("the preset is valid").for_each(|row| builder.push(&row));
        builder.finish(span_ns)
    };
    let heavy = measure("queue_heavy");
    assert!(heavy.spread_mean_ticks < 1.5 && heavy.depth_mean_lots[0] > 100.0, "{heavy:#?}");
    let thin = measure("thin");
    assert!(thin.trades_per_s < 0.1 && thin.hole_share > 0.2, "{thin:#?}");
}

#[test]
fn bad_configs_are_refused() {
    let bad = [
        SynthConfig { tick_e6: 0, ..SynthConfig::default() },
        SynthConfig { ts_grid_ns: 3, ..SynthConfig::default() },
        SynthConfig { sessions: vec![], ..SynthConfig::default() },
        SynthConfig { start_price_e6: 10_000_000, ..SynthConfig::default() },
    ];
    for cfg in bad {
        assert!(matches!(Synth::new(cfg), Err(SynthError::Config(_))));
    }
}

#[test]
fn a_profile_counts_what_it_says() {
    let mut builder = Builder::new(10);
    builder.push_book(0, &[(100, 2), (80, 4)], &[(120, 6)]);
    builder.push_trade(5, 120, 1);
    builder.push_trade(125_000_000, 110, 3);
    builder.push_book(125_000_000, &[(100, 2), (90, 4)], &[(130, 6)]);
    builder.push_trade(125_000_000, 140, 3);
    let profile = builder.finish(1_000_000_000);
    assert_eq!((profile.books_per_s, profile.trades_per_s), (2.0, 3.0));
    assert_eq!((profile.book_gap_p50_ms, profile.spread_mean_ticks), (125.0, 2.5));
    assert_eq!((profile.hole_share, profile.mid_moved_share), (0.5, 0.5));
    assert_eq!(profile.depth_mean_lots[..2], [4.0, 4.0]);
    let third = 1.0 / 3.0;
    let places = [profile.trade_touch_share, profile.trade_inside_share];
    assert_eq!((places, profile.trade_outside_share), ([third; 2], third));
    assert_eq!((profile.trade_on_book_stamp_share, profile.trade_one_lot_share), (third, third));
}

#[test]
fn files_hold_every_row_and_are_repeatable() {
    let cfg = SynthConfig { record_truth: true, record_l3: true, ..config("txf", 60) };
    let expected = Synth::new(config("txf", 60)).expect("the config is valid").count() as u64;
    let write = || {
        let (mut market, mut truth, mut l3) = (Vec::new(), Vec::new(), Vec::new());
        let mut synth = Synth::new(cfg.clone()).expect("the config is valid");
        let files = (&mut market, Some(&mut truth), Some(&mut l3));
        let written = parquet::write_tape(&mut synth, files.0, files.1, files.2);
        (written.expect("memory takes every byte"), market, truth, l3)
    };
    let (written, market, truth, l3) = write();
    assert_eq!(written.market_rows, expected);
    assert!(written.truth_rows > 1_000 && written.l3_rows > written.truth_rows);
    assert_eq!((written, market.clone(), truth.clone(), l3.clone()), write());
    for (bytes, rows) in
        [(market, written.market_rows), (truth, written.truth_rows), (l3, written.l3_rows)]
    {
        use ::parquet::file::reader::{FileReader, SerializedFileReader};
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).expect("it is Parquet");
        assert_eq!(reader.metadata().file_metadata().num_rows(), rows as i64);
    }
}
