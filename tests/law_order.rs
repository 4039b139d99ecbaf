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

/// Written twice, and the pairs interleaved: three real ticks, of which one is alone.
#[test]
fn the_second_of_two_equal_ticks_is_dropped_where_the_source_writes_them_twice() {
    let ticks = [(1, 3), (2, 1), (1, 3), (2, 1), (5, 4)];
    let rows: Vec<Raw> = ticks
        .iter()
        .enumerate()
        .map(|(n, (price, qty))| Raw { seq: n as u64 + 1, ..trade(10, 100 + price, *qty, 1) })
        .collect();
    let lots = |drop_second_ticks, rows: &[Raw]| {
        let feed = FeedConfig { drop_second_ticks, ..FeedConfig::default() };
        let lanes = vec![(lane("l", Latency::default()), Scripted::new(|_, _| {}))];
        let outcome = run_lanes(vec![instrument("A")], feed, &[rows.to_vec()], 2, lanes);
        let stats = outcome.expect("it runs").stats[0];
        (stats.rows_used, stats.dropped_duplicates)
    };
    assert_eq!(lots(true, &rows), (3, 2));
    assert_eq!(lots(false, &rows), (5, 0), "elsewhere equal ticks are trades of their own");
    let mut later = rows.clone();
    later[2].event.ts_exch_ns += 1;
    later[3].event.ts_exch_ns += 1;
    later[4].event.ts_exch_ns += 1;
    assert_eq!(lots(true, &later), (5, 0), "of one stamp only");
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

/// Delivers two streams of one row each and returns the rows as the strategy saw them.
fn two(a: Raw, b: Raw, config: FeedConfig) -> Vec<(btcore::wire::Event, btcore::wire::Depth)> {
    let scripted = Scripted::new(|_, _| {});
    let told = scripted.told.clone();
    let lanes = vec![(lane("l", Latency::default()), scripted)];
    run_lanes(vec![instrument("A")], config, &[vec![a], vec![b]], 9, lanes).expect("it runs");
    let rows = told.take().into_iter().filter_map(|t| match t {
        Told::Event { event, depth, .. } => {
            Some((btcore::wire::Event { depth_ix: 0, ..event }, depth))
        }
        _ => None,
    });
    rows.collect()
}

#[test]
fn every_key_of_the_order_decides_whichever_stream_comes_first() {
    let config = FeedConfig::default();
    let at = |recv: i64| {
        let mut raw = trade(0, 100, 1, 1);
        raw.event.ts_recv_ns += recv;
        raw
    };
    let pairs = [
        ("receive time", at(1), Raw { ..at(2) }),
        ("sequence before receive time", Raw { seq: 1, ..at(2) }, Raw { seq: 2, ..at(1) }),
        (
            "level two",
            book(0, &[(9, 1), (7, 1)], &[(12, 1)]),
            book(0, &[(9, 1), (8, 1)], &[(12, 1)]),
        ),
        ("a lower ask level", book(0, &[], &[(12, 1), (13, 1)]), book(0, &[], &[(12, 1), (13, 2)])),
        ("trade before book", trade(0, 1, 1, 1), Raw { seq: 0, ..book(0, &[(9, 1)], &[]) }),
    ];
    for (name, first, second) in pairs {
        let seen = two(first, second, config);
        assert_eq!(seen, two(second, first, config), "{name}: the streams decide");
        let key = |raw: &Raw| (raw.event.kind, raw.event.ts_recv_ns, raw.event.trade_price);
        assert_eq!(
            (seen[0].0.kind, seen[0].0.ts_recv_ns, seen[0].0.trade_price),
            key(&first),
            "{name}"
        );
        assert!(seen[0].1 == first.depth || first.event.kind == kind::TRADE, "{name}");
    }
    let books_first = FeedConfig { trade_first: false, ..config };
    let seen = two(trade(0, 100, 1, 1), book(0, &[(9, 1)], &[(10, 1)]), books_first);
    assert_eq!(
        (seen[0].0.kind, seen[1].0.bid_price),
        (kind::BOOK, 9 * E6),
        "books come first if asked"
    );
}

#[test]
fn every_oddity_is_counted_and_flagged() {
    use btcore::wire::{UNDEF_TIME, flags};
    let mut early = trade(30, 100, 1, 0);
    early.event.ts_recv_ns = T0 + 29;
    let mut unclocked = trade(40, 100, 2, 1);
    unclocked.event.ts_recv_ns = UNDEF_TIME;
    let mut off = book(50, &[(99, 1)], &[(101, 1)]);
    off.event.flags = flags::OFF_GRID | flags::QTY_SATURATED;
    let mut sentinel = book(60, &[(99, 1)], &[(101, 1)]);
    sentinel.event.flags = flags::SENTINEL;
    let same = Raw { seq: 7, ..trade(90, 100, 1, 1) };
    let other = Raw { seq: 7, ..trade(90, 100, 2, 1) };
    let rows = vec![
        trade(10, 100, 1, -1),
        book(25, &[(99, 1)], &[]),
        book(20, &[], &[(101, 1)]),
        early,
        unclocked,
        off,
        sentinel,
        trade(70, 100, 1, 1),
        book(80, &[], &[]),
        trade(85, 100, 1, 1),
        same,
        same,
        other,
    ];
    let scripted = Scripted::new(|_, _| {});
    let told = scripted.told.clone();
    let config = FeedConfig { reorder_ns: 10, ..FeedConfig::default() };
    let lanes = vec![(lane("l", Latency::default()), scripted)];
    let outcome = run_lanes(vec![instrument("A")], config, &[rows], 2, lanes).expect("it runs");
    let stats = btcore::feed::FeedStats {
        rows_in: 13,
        books_in: 5,
        trades_in: 7,
        rows_used: 10,
        excluded_empty_book: 1,
        excluded_sentinel: 1,
        dropped_duplicates: 1,
        unknown_aggressor: 1,
        reordered: 1,
        off_grid: 1,
        qty_saturated: 1,
        no_recv_clock: 2,
        one_sided: 2,
        ..Default::default()
    };
    assert_eq!(outcome.stats, [stats]);
    let seen: Vec<_> = told
        .take()
        .into_iter()
        .filter_map(|t| match t {
            Told::Event { event: e, .. } => Some((e.ts_exch_ns - T0, e.flags, e.bid_price / E6)),
            _ => None,
        })
        .collect();
    const NONE: i64 = btcore::wire::UNDEF_PRICE / E6;
    let (sides, clock) = (flags::NO_BID | flags::NO_ASK, flags::NO_RECV_CLOCK);
    assert_eq!(
        seen,
        [
            (10, flags::NO_BOOK, NONE),
            (20, flags::NO_BID, NONE),
            (25, flags::NO_ASK, 99),
            (30, flags::NO_ASK | clock, 99),
            (40, flags::NO_ASK | clock, 99),
            (50, flags::OFF_GRID | flags::QTY_SATURATED, 99),
            (60, flags::SENTINEL, 99),
            // The touch that a trade carries is the last displayed one; a flag says that it is no book.
            (70, flags::NO_BOOK, 99),
            (80, flags::EMPTY_BOOK | sides, NONE),
            (85, flags::EMPTY_BOOK | sides, NONE),
            (90, flags::EMPTY_BOOK | sides, NONE),
            (90, flags::EMPTY_BOOK | sides, NONE),
        ]
    );
}
