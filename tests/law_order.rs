//! Law 1, order: rows reach a lane in one total order, whatever the shuffle, the streams, the chunks and the order of
//! the config; nothing is dropped without being counted. Held against a naive sort.

mod support;

use btcore::engine::LaneSummary;
use btcore::feed::FeedConfig;
use btcore::latency::Latency;
use btcore::wire::{Status, kind};
use support::*;

const SYMBOLS: [&str; 3] = ["A", "B", "C"];
const REORDER_NS: i64 = 50;

/// Rows of three instruments with many equal stamps.
fn tape(draw: &mut Draw, count: usize) -> Vec<Raw> {
    let mut at_ns = 0;
    (0..count)
        .map(|index| {
            at_ns += draw.below(3) as i64 * 10;
            let price = 100 + draw.below(5) as i64;
            let mut raw = if draw.below(3) == 0 {
                trade(at_ns, price, 1 + draw.below(3) as u32, draw.below(3) as i8 - 1)
            } else {
                book(at_ns, &[(price, 1 + draw.below(9) as u32)], &[(price + 1, 2)])
            };
            raw.event.instrument = draw.below(SYMBOLS.len() as u64) as u32;
            raw.seq = 1 + index as u64 / 2;
            raw
        })
        .collect()
}

/// The slow, obvious order.
fn naive(rows: &[Raw]) -> Vec<Raw> {
    let mut rows = rows.to_vec();
    rows.sort_by_key(|r| {
        let e = r.event;
        let symbol = SYMBOLS[e.instrument as usize].as_bytes();
        let content = (
            (e.trade_price, e.trade_qty, e.aggressor, e.flags),
            (e.bid_price, e.bid_qty, e.ask_price, e.ask_qty),
        );
        (e.ts_exch_ns, e.kind == kind::BOOK, symbol, r.seq, e.ts_recv_ns, content)
    });
    rows
}

/// What a run delivered, as the rows were before the feed finished them, and its digests.
fn deliver(
    streams: &[Vec<Raw>],
    chunk_rows: usize,
    config: FeedConfig,
) -> (Vec<Told>, LaneSummary, [u8; 32]) {
    let scripted = Scripted::new(|context, told| {
        if let Told::Event { event, .. } = told
            && event.kind == kind::BOOK
        {
            let side = btcore::wire::Side::Buy;
            let req = btcore::wire::OrderReq {
                instrument: event.instrument,
                ..limit(side, event.bid_price / E6, 1, btcore::wire::Tif::Ioc)
            };
            // A full line of requests is part of the load.
            let _ = context.order_submit(&req);
        }
    });
    let told = scripted.told.clone();
    let instruments = SYMBOLS.iter().map(|symbol| instrument(symbol)).collect();
    let latency = Latency { feed_ns: 7, submit_ns: 3, ..Latency::default() };
    let outcome =
        run_lanes(instruments, config, streams, chunk_rows, vec![(lane("l", latency), scripted)])
            .expect("the run succeeds");
    let rows: u64 = outcome.stats.iter().map(|s| s.rows_in).sum();
    let placed: u64 = outcome
        .stats
        .iter()
        .map(|s| {
            s.rows_used
                + s.excluded_crossed
                + s.excluded_empty_book
                + s.excluded_out_of_session
                + s.excluded_sentinel
                + s.dropped_duplicates
        })
        .sum();
    assert_eq!(
        rows,
        streams.iter().map(|s| s.len() as u64).sum::<u64>(),
        "every row is counted in"
    );
    assert_eq!(rows, placed, "every row is in exactly one place");
    (told.take(), outcome.lanes[0].0.clone(), outcome.data_hash)
}

fn config() -> FeedConfig {
    FeedConfig {
        reorder_ns: REORDER_NS,
        window_rows: 64,
        drop_exact_duplicates: false,
        ..FeedConfig::default()
    }
}

#[test]
fn any_shuffle_split_and_chunking_is_the_naive_sort() {
    for seed in 0..40 {
        let mut draw = Draw::new(seed);
        let rows = tape(&mut draw, 300);
        let sorted = naive(&rows);
        let mut first = None;
        for chunk_rows in [1, 2, 7, 1_000] {
            // Rows move back by less than the window, and are dealt to one to four streams.
            let mut shuffled: Vec<(i64, Raw)> = rows
                .iter()
                .map(|r| (r.event.ts_exch_ns + draw.below(REORDER_NS as u64) as i64, *r))
                .collect();
            shuffled.sort_by_key(|(at_ns, _)| *at_ns);
            let count = 1 + draw.below(4) as usize;
            let mut streams = vec![Vec::new(); count];
            for (_, raw) in shuffled {
                streams[draw.below(count as u64) as usize].push(raw);
            }
            let (told, summary, hash) = deliver(&streams, chunk_rows, config());
            let events: Vec<_> = told
                .iter()
                .filter_map(|t| if let Told::Event { event, .. } = t { Some(event) } else { None })
                .collect();
            assert_eq!(events.len(), sorted.len(), "seed {seed}");
            for (event, raw) in events.iter().zip(&sorted) {
                let key = |e: &btcore::wire::Event| {
                    (e.ts_exch_ns, e.kind, e.instrument, e.trade_qty, e.aggressor)
                };
                assert_eq!(key(event), key(&raw.event), "seed {seed}, chunks of {chunk_rows}");
                if event.kind == kind::BOOK {
                    assert_eq!(
                        (event.bid_price, event.bid_qty),
                        (raw.event.bid_price, raw.event.bid_qty)
                    );
                }
            }
            let same = (told, summary.order_digest, hash);
            let first = first.get_or_insert_with(|| same.clone());
            assert!(*first == same, "seed {seed}, chunks of {chunk_rows}: not the same run");
        }
    }
}

#[test]
fn the_config_s_order_of_instruments_does_not_matter() {
    let run = |symbols: [&str; 2]| {
        let rows = [book(0, &[(100, 1)], &[(101, 1)]), book(0, &[(200, 1)], &[(201, 1)])];
        let instruments = symbols.iter().map(|symbol| instrument(symbol)).collect();
        let scripted = Scripted::new(|_, _| {});
        let told = scripted.told.clone();
        // The source numbers instruments as the run does: by the rank of their symbols.
        let mut rows = rows.to_vec();
        rows[1].event.instrument = 1;
        let outcome = run_lanes(
            instruments,
            FeedConfig::default(),
            &[rows],
            9,
            vec![(lane("l", Latency::default()), scripted)],
        );
        (told.take(), outcome.expect("it runs").data_hash)
    };
    assert_eq!(run(["A", "B"]), run(["B", "A"]));
}

#[test]
fn a_row_behind_the_window_is_refused_by_its_number() {
    let rows = vec![
        book(1_000, &[(100, 1)], &[(101, 1)]),
        book(950, &[(100, 2)], &[(101, 1)]),
        book(949, &[(100, 3)], &[(101, 1)]),
    ];
    let lanes = vec![(lane("l", Latency::default()), Scripted::new(|_, _| {}))];
    let fault =
        run_lanes(vec![instrument("A")], config(), &[rows], 9, lanes).expect_err("it is too late");
    assert_eq!(fault.status, Status::BadData);
    assert!(fault.message.contains("row 2") && fault.message.contains("51 ns"), "{fault}");
}

#[test]
fn exact_duplicates_are_dropped_and_counted_only_with_a_sequence_number() {
    let with = |seq: u64| Raw { seq, ..trade(0, 100, 1, 1) };
    let run = |rows: &[Raw], drop_exact_duplicates| {
        let config = FeedConfig { drop_exact_duplicates, ..FeedConfig::default() };
        let lanes = vec![(lane("l", Latency::default()), Scripted::new(|_, _| {}))];
        let outcome =
            run_lanes(vec![instrument("A")], config, &[rows.to_vec()], 9, lanes).expect("it runs");
        (outcome.lanes[0].0.rows_delivered, outcome.stats[0].dropped_duplicates)
    };
    assert_eq!(run(&[with(5), with(5)], true), (1, 1));
    assert_eq!(run(&[with(5), with(5)], false), (2, 0));
    assert_eq!(run(&[with(5), with(6)], true), (2, 0), "identical trades are legal");
    assert_eq!(run(&[with(0), with(0)], true), (2, 0), "0 is no number");
}
